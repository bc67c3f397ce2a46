"""`ConsistFileSystem`: reading a store through fsspec. How outputs get in is not its business: it writes nothing.

It is a synchronous filesystem: many reads at once are made in batches and threads below, and asynchronous users (zarr)
wrap it. What a path in ``steps`` names is looked up once, when it is opened, so that a file never changes under its
reader; and once for all that one call reads, so that files which are read together are of one run.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from glob import has_magic
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from fsspec.callbacks import DEFAULT_CALLBACK, Callback

from consist.errors import ConsistError, FolderError
from consist.fileops import perform
from consist.fs.entries import reading
from consist.fs.looking import LookingFileSystem
from consist.fs.readonly import ReadOnly, refuse
from consist.store.names import RUNS, STEPS, open_found, read_parts
from consist.store.restore import restore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")
U = TypeVar("U")

_THREADS = 16
"""Reads at once, over a network; each may make several requests itself."""

_PIECE = 1 << 20

_OUTPUT = 2
"""Names after the area that make an output: a step or a run, and a key."""


class ConsistFileSystem(ReadOnly, LookingFileSystem):
    """A store as a read-only filesystem.

    ::

        consist://runs/<run id or unique prefix>/<output>[/<path in a folder>]
        consist://steps/<step>/<output>[/…]           newest completed run of the step that has it
        consist://blobs/<digest or unique prefix>

    Parameters
    ----------
    store : path or URL, optional
        The store. Default: the environment's ``CONSIST_STORE``, a settings file, or the store that the index was used
        with.
    db_path : path, optional
        The index's file. Default: the environment's ``CONSIST_DB``, a settings file, or ``.consist/index.lmdb``.
    storage_options : mapping, optional
        Handed to the driver of the store's own place, such as ``key`` and ``secret`` of a bucket.
    cache_limit : int, optional
        Bytes that copies of what is read from a remote store may take. Default: the environment's
        ``CONSIST_CACHE_LIMIT``, a settings file, or 10 GiB.

    Notes
    -----
    A process has one instance for each store. An instance may be used by threads, after a fork, and pickled, which
    takes along where store and index are, and the `storage_options`, secrets included: as fsspec does.

    What does not exist is a `FileNotFoundError`, a folder that is opened an `IsADirectoryError`, and every attempt to
    write a `PermissionError`; all are of `consist.errors`. A store that does not answer is never taken for an empty
    one.

    Examples
    --------
    >>> import fsspec, tempfile
    >>> from consist import Tracker
    >>> folder = tempfile.mkdtemp()
    >>> with Tracker(run_dir=f"{folder}/runs", db_path=f"{folder}/index.lmdb") as tracker:
    ...     _ = tracker.run(lambda: b"a,b", name="make", outputs=["table"])
    >>> fs = ConsistFileSystem(db_path=f"{folder}/index.lmdb")
    >>> fs.ls("consist://steps/make", detail=False)
    ['steps/make/table']
    >>> fs.cat("steps/make/table")
    b'a,b'
    >>> fs.run_url("steps/make/table")
    'consist://runs/.../table'
    """

    def _open(self, path: str, mode: str = "rb", **_: Any) -> BinaryIO:
        if mode != "rb":
            refuse(f"opening {path!r:.200} with mode {mode!r:.20}")
        found = self._file(path)
        with reading(found):
            stream = open_found(self._store, found)
        stream.size = stream.seek(0, io.SEEK_END)  # type: ignore[attr-defined]  # what fsspec's files have
        stream.seek(0)
        return stream

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, callback: Any = DEFAULT_CALLBACK, **_: Any
    ) -> bytes:
        """Return a file's content, or a part of it; negative numbers count from the end.

        A `callback` is told the bytes: of a whole file its size and each piece, of a part once it is there.
        """
        if callback is not DEFAULT_CALLBACK and start is None and end is None:
            whole = io.BytesIO()
            self.get_file(path, whole, callback=callback)
            return whole.getvalue()
        (part,) = self._parts(path, [slice(start, end)])
        callback.set_size(len(part))
        callback.relative_update(len(part))
        return part

    def cat_ranges(  # noqa: PLR0913, PLR0917 - fsspec's, and a callback
        self,
        paths: list[str],
        starts: Any,
        ends: Any,
        max_gap: int | None = None,  # noqa: ARG002 - neighbouring parts are fetched together anyway
        on_error: str = "return",
        callback: Any = DEFAULT_CALLBACK,
        **_: Any,
    ) -> list[Any]:
        """Return parts of files: all of one file in one batch of requests, and over a network many files at once.

        Parameters
        ----------
        paths : list of str
            One for each part.
        starts, ends : int, list or None
            Of each part, or of all.
        max_gap : int, optional
            Of no effect.
        on_error : {"return", "raise"}
            Whether an exception takes the place of what could not be read.
        callback : Callback, optional
            Told how many files there are, and each that is read.
        """
        if not isinstance(paths, list):
            raise TypeError(f"paths is {type(paths).__name__}, not list")
        parts = list(map(slice, _for_each(paths, starts), _for_each(paths, ends)))
        wanted: dict[str, list[int]] = {}
        for number, path in enumerate(self._by_run(paths)):
            wanted.setdefault(path, []).append(number)

        def read(path: str) -> Sequence[Any]:
            numbers = wanted[path]
            try:
                return self._parts(path, [parts[number] for number in numbers])
            except (ConsistError, OSError) as error:
                if on_error != "return":
                    raise
                return [error] * len(numbers)

        callback.set_size(len(wanted))
        out: list[Any] = [None] * len(paths)
        for numbers, answers in zip(wanted.values(), self._spread(read, list(wanted)), strict=True):
            for number, answer in zip(numbers, answers, strict=True):
                out[number] = answer
            callback.relative_update(1)
        return out

    def cat(
        self,
        path: Any,
        recursive: bool = False,
        on_error: str = "raise",
        callback: Any = DEFAULT_CALLBACK,
        **kwargs: Any,
    ) -> Any:
        """Return the content of a file; of several, or of all in a folder, a dict by path.

        A `callback` is told the bytes of the one file, or of several how many there are and each that is read.
        """
        is_text = isinstance(path, str | os.PathLike)
        if is_text and not recursive and not has_magic(os.fspath(path)):
            return self.cat_file(path, callback=callback)
        (source,) = self._by_run([path]) if is_text else (path,)
        paths = self.expand_path(source, recursive=recursive, **kwargs)
        if recursive and paths == [self._strip_protocol(source)] and self.isfile(source):
            return self.cat_file(source, callback=callback)
        found = {}
        for name, answer in zip(paths, self.cat_ranges(paths, None, None, callback=callback), strict=True):
            if recursive and isinstance(answer, FolderError):
                continue
            if isinstance(answer, Exception) and on_error == "raise":
                raise answer
            if on_error == "return" or not isinstance(answer, Exception):
                found[name if source is path else self._as_asked(name, path)] = answer
        return found

    def get_file(
        self, rpath: str, lpath: Any = None, callback: Any = DEFAULT_CALLBACK, outfile: Any = None, **_: Any
    ) -> None:
        """Copy a file out of the store: checked, and whole or not at all. For a folder, an empty one is made.

        Parameters
        ----------
        rpath : str
            In the store.
        lpath : path or binary file
            Where to; a regular file that is there is replaced, and nothing else.
        callback : Callback, optional
            Told the size, and the bytes of each piece.
        outfile : binary file, optional
            Where to, instead.
        """
        target = lpath if outfile is None else outfile
        try:
            found = self._file(rpath)
        except FolderError:
            if hasattr(target, "write"):
                raise
            _make_folder(os.fspath(target))
            return
        callback.set_size(found.size)
        if hasattr(target, "write"):
            with reading(found), open_found(self._store, found) as source:
                while piece := source.read(_PIECE):
                    target.write(piece)
                    callback.relative_update(len(piece))
            return
        _make_folder(os.path.dirname(os.path.abspath(target)))  # noqa: PTH100, PTH120 - strings throughout
        with reading(found):
            restore(self._store, found, os.fspath(target), force=True, seen=callback.relative_update)

    def get(
        self,
        rpath: Any,
        lpath: Any,
        recursive: bool = False,
        callback: Any = DEFAULT_CALLBACK,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Copy files and folders out of the store; over a network many at once. What goes where is fsspec's rule.

        A `callback` is told how many there are and each that is copied, and of each it branches off one of its own,
        which is told the bytes.
        """
        plan = _Plan()
        source = self._by_run(rpath) if isinstance(rpath, list) else self._by_run([rpath])[0]
        super().get(source, lpath, recursive=recursive, callback=plan, maxdepth=maxdepth, **kwargs)
        callback.set_size(len(plan.pairs))

        def copy(pair: tuple[str, str]) -> None:
            with callback.branched(*pair) as child:
                self.get_file(*pair, callback=child)

        for _ in self._spread(copy, plan.pairs):
            callback.relative_update(1)

    def _by_run(self, paths: list[Any]) -> list[Any]:
        """Name what steps made by the runs that made it, each output looked up once; other paths stay as they are."""
        known: dict[str, str | None] = {}
        return [self._named_by_run(path, known) for path in paths]

    def _named_by_run(self, path: Any, known: dict[str, str | None]) -> Any:
        area, *names = self._strip_protocol(path).split("/")
        output = "/".join([area, *names[:_OUTPUT]])
        if area != STEPS or len(names) < _OUTPUT or has_magic(output):
            return path
        if output not in known:
            known[output] = self._entry(output).run if self.exists(output) else None
        slash = "/" if os.fspath(path).endswith("/") else ""  # which says something to fsspec
        run = known[output]
        return path if run is None else "/".join([RUNS, run, *names[1:]]) + slash

    def _as_asked(self, name: str, path: Any) -> str:
        """Name by its step again what `_by_run` made a path of a run."""
        area, step, *_ = self._strip_protocol(path).split("/")
        return "/".join([area, step, *name.split("/")[_OUTPUT:]])

    def _parts(self, path: str, parts: Sequence[slice]) -> list[bytes]:
        found = self._file(path)
        with reading(found):
            return read_parts(self._store, found, parts)

    def _spread(self, call: Callable[[T], U], items: list[T]) -> Iterator[U]:
        """Yield what a call gives for each, in order; many at once where each waits for a network."""
        if len(items) <= 1 or self._store.backend.capabilities.files:
            yield from map(call, items)
            return
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="consist-fs") as pool:
            yield from pool.map(call, items)


class _Plan(Callback):  # type: ignore[misc]  # fsspec has no types
    """Takes down what fsspec's `get` is about to copy, instead of letting it copy one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs: list[tuple[str, str]] = []

    def wrap(self, iterable: Any) -> Iterator[Any]:
        """Take the pairs of target and source, and give nothing to do."""
        self.pairs = [(source, target) for target, source in iterable]
        return iter(())


def _make_folder(path: str) -> None:
    perform("mkdir", path, lambda: os.makedirs(path, exist_ok=True))  # noqa: PTH103 - strings throughout


def _for_each(paths: list[str], given: Any) -> Sequence[int | None]:
    """Return one number for each path."""
    numbers = list(given) if isinstance(given, Iterable) else [given] * len(paths)
    if len(numbers) != len(paths):
        raise ValueError(f"{len(numbers)} starts or ends for {len(paths)} paths")
    return numbers
