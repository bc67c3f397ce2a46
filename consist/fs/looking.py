"""`LookingFileSystem`: which store it is, and what there is in it. Reading content is ``filesystem.py``'s."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from fsspec import AbstractFileSystem

from consist.blobs import layout
from consist.errors import FolderError, UnsupportedError
from consist.fs.entries import find_entry, find_file, info_of
from consist.fs.settled import Settled
from consist.store.names import BLOBS, RUNS, SCHEME, parse_path
from consist.store.places import find_place
from consist.store.reading import open_existing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.store.listing import Entry
    from consist.store.names import Found
    from consist.store.store import Store

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LookingFileSystem(AbstractFileSystem, metaclass=Settled):  # type: ignore[misc]  # fsspec has no types
    """The part of `ConsistFileSystem` that reads no content; parameters and what is raised are its.

    It keeps no listings, since ``steps/…`` changes with every run.
    """

    protocol = "consist"
    cachable = True

    def __init__(
        self,
        store: str | None = None,
        db_path: str | None = None,
        storage_options: dict[str, Any] | None = None,
        cache_limit: int | None = None,
    ) -> None:
        super().__init__(use_listings_cache=False)
        self._place = find_place(store=store, db_path=db_path, storage_options=storage_options, cache_limit=cache_limit)
        self._opened: Store | None = None

    @property
    def _store(self) -> Store:
        """The store, opened by the first use."""
        if self._opened is None:  # two threads may both open it: they get the same index, and one store is dropped
            self._opened = open_existing(self._place.located())
        return self._opened

    @property
    def fsid(self) -> str:
        """Name of the store, the same on all machines."""
        return f"consist-{self._store.config.id}"

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        stripped = super()._strip_protocol(path)
        return stripped if isinstance(stripped, list) else stripped.removeprefix("/")

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Describe what a path names, as `ls` would; see ``entries.py`` for what is in it."""
        name = self._strip_protocol(path)
        return info_of(self._entry(name), name)

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """List what lies below a path; of a file, itself."""
        name = self._strip_protocol(path)
        entry, below = find_entry(self._store, name)
        above = f"{name}/" if name else ""
        found = [(each, above + each.name) for each in below] if entry.is_listed else [(entry, name)]
        return [info_of(*each) for each in found] if detail else [name for _, name in found]

    def exists(self, path: str, **_: Any) -> bool:
        """Tell whether there is something; a store that does not answer raises, since nobody knows then."""
        return self._type(path) is not None

    def isdir(self, path: str) -> bool:
        """Tell whether it is a folder."""
        return self._type(path) == "directory"

    def isfile(self, path: str) -> bool:
        """Tell whether it is a file."""
        return self._type(path) == "file"

    def walk(
        self,
        path: str,
        maxdepth: int | None = None,
        topdown: bool = True,
        on_error: Any = "omit",
        **kwargs: Any,
    ) -> Iterator[tuple[str, Any, Any]]:
        """Walk folders as `os.walk` does. By default a folder that is gone is left out, and nothing else that fails."""
        on_error = _raise_unless_missing if on_error == "omit" else on_error
        walked: Iterator[tuple[str, Any, Any]] = super().walk(path, maxdepth, topdown, on_error, **kwargs)
        return walked

    def du(self, path: str, total: bool = True, maxdepth: int | None = None, withdirs: bool = False, **_: Any) -> Any:
        """Add up the bytes of files; folders have none of their own."""
        found = self.find(path, maxdepth=maxdepth, withdirs=withdirs, detail=True)
        sizes = {name: info["size"] if info["type"] == "file" else 0 for name, info in found.items()}
        return sum(sizes.values()) if total else sizes

    def created(self, path: str) -> datetime:
        """Return when the run began that made it, or when a blob was last written."""
        time = self._entry(path).time
        try:
            if time is not None:
                return _EPOCH + timedelta(microseconds=time)
        except OverflowError:  # whoever writes a record may write any time into it
            pass
        raise UnsupportedError(f"nobody knows when {path!r:.200} was made", hint="outputs and runs have a time")

    modified = created

    def checksum(self, path: str) -> int:
        """Return its digest as a number: equal content, and no other, has the same."""
        return int(self.ukey(path), 16)

    def ukey(self, path: str) -> str:
        """Return its digest."""
        entry = self._entry(path)
        if entry.digest is None:
            raise FolderError(f"{path!r:.200} has no content of its own, so no digest", hint="name an output")
        return entry.digest.hex

    def run_url(self, path: str) -> str:
        """Return the URL of the same output by its run, which always means the same content.

        What ``steps/…`` names changes with the next run. Whoever opens many files of a folder, later or in other
        processes, wants them all of one run.

        Parameters
        ----------
        path : str
            An output, or what is in one; below ``blobs`` or ``runs``, its prefix is completed.

        Raises
        ------
        NotFoundError
            If it names nothing.
        UsageError
            If it is no output, nor a blob.
        """
        name = self._strip_protocol(path)
        entry = self._entry(name)
        area, _, key, inner = parse_path(name)
        if area == BLOBS and entry.digest is not None:
            return f"{SCHEME}{entry.path}"
        if not key:
            raise FolderError(f"{path!r:.200} names no output", hint="name one; ls() lists them")
        return SCHEME + "/".join(filter(None, (RUNS, entry.run, key, inner)))

    def object_url(self, path: str) -> str:
        """Return where the very bytes lie, for a tool that wants a path or a URL of its own kind.

        Whoever reads there reads unchecked.

        Parameters
        ----------
        path : str
            A file.

        Returns
        -------
        str
            A local path, or a URL without credentials.

        Raises
        ------
        UnsupportedError
            If its content is no object of its own: it lies in a record (up to a few KiB) or is kept in chunks (1 MiB
            and more). `open` and `get_file` read all.
        """
        found = self._file(path)
        key = layout.digest_key(layout.BLOBS, found.digest)
        backend = self._store.backend
        if found.inline is not None or backend.stat(key) is None:
            raise UnsupportedError(f"{path!r:.200} is no object of its own", hint="use open(), or get_file()")
        return backend.path_of(key) or f"{backend.url}/{key}"

    def _entry(self, path: str) -> Entry:
        return find_entry(self._store, self._strip_protocol(path))[0]

    def _file(self, path: str) -> Found:
        return find_file(self._store, self._strip_protocol(path))

    def _type(self, path: str) -> str | None:
        try:
            return str(self.info(path)["type"])
        except FileNotFoundError:
            return None


def _raise_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
