"""From what a function returned and wrote to the outputs of its run."""

from __future__ import annotations

import copy
import os
import stat
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from consist.blobs.blobsource import LARGE
from consist.blobs.stored import Stored
from consist.errors import InputError, OutputError, StorageError, UnreachableError, UsageError
from consist.hashing.hasher import hash_bytes
from consist.hashing.steady import bytes_steadily, hash_steadily
from consist.identity.names import as_text, check_name, is_name
from consist.index.records import TREE, ArtifactRecord
from consist.runs.declared import MISSING, UNSTORED, Lacking, Returned
from consist.runs.formats.registry import FILE, PICKLE, Format, formats_for
from consist.runs.leftovers import NOT_THERE, NOTHING, not_written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from consist.blobs.blobstore import BlobStore
    from consist.hashing.digest import Digest
    from consist.runs.declared import Declared
    from consist.runs.formats.extensions import Extension
    from consist.runs.formats.registry import AnyFormat, StreamFormat
    from consist.runs.leftovers import Stamp

T = TypeVar("T")

INLINE_LIMIT = 4096
"""Bytes up to which content is kept in the record: a hit on it costs no further read."""

BATCH_BYTES = 16 << 20
"""Small content that is held in memory until it is put in one batch."""

MAX_KEYS = 1000
"""Keys up to which a dict becomes one artifact each; a larger one is a value."""

SINGLE = "value"
"""The key of a single output that nobody named."""


def take_apart(value: Any, keys: tuple[str, ...]) -> Returned:
    """Take a return value apart into named outputs, whether or not they are the declared ones (`compared`).

    Parameters
    ----------
    value : object
        What the function returned.
    keys : tuple of str
        Declared keys.

    Examples
    --------
    >>> take_apart({"a": 1, "b": 2}, ())
    Returned(returns='dict', values=(('a', 1), ('b', 2)))
    >>> take_apart(7, ("n",))
    Returned(returns='single', values=(('n', 7),))
    >>> take_apart((1, 2), ("a", "b"))
    Returned(returns='tuple', values=(('a', 1), ('b', 2)))
    """
    if type(value) is dict and _one_artifact_a_key(value, keys):
        return Returned("dict", tuple(value.items()))
    if len(keys) > 1 and type(value) is tuple and len(value) == len(keys):
        return Returned("tuple", tuple(zip(keys, value, strict=True)))
    if value is None and len(keys) != 1:
        return Returned("none", ())
    return Returned("single", ((keys[0] if len(keys) == 1 else SINGLE, value),))


def told_of_many(returned: Returned) -> Iterator[str]:
    """Note of a dict that would have been one artifact a key, were its keys fewer."""
    for key, value in returned.values:
        if key == SINGLE and type(value) is dict and len(value) > MAX_KEYS and all(map(_is_key, value)):
            yield f"the dict has {len(value):,} keys, and beyond {MAX_KEYS:,} it is one output, {key!r}, not one a key"


def _one_artifact_a_key(value: dict[Any, Any], keys: tuple[str, ...]) -> bool:
    if len(keys) == 1 and keys[0] not in value:
        return False  # the one declared output is the dict itself
    return len(value) <= MAX_KEYS and all(map(_is_key, value))


def _is_key(key: Any) -> bool:
    return type(key) is str and is_name(key)


class Collector:
    """Stores outputs.

    Parameters
    ----------
    blobs : BlobStore or None
        Where content goes; None keeps values in memory and files where they are, for a run that must not write.
    earlier : callable
        Gets an output's key, and returns the digest of an earlier version of it, or None.
    earlier_tree : callable
        The same for an output that is a folder.
    allow_pickle : bool
        Whether a value without a format is pickled.
    told : callable
        Told the bytes of what is read of files and folders, to show how far it has come.
    refuse_own : callable
        Raises a `UsageError` if a folder holds what is consist's own.
    """

    def __init__(  # noqa: PLR0913 - all but one have defaults
        self,
        blobs: BlobStore | None,
        earlier: Callable[[str], Digest | None] = lambda _key: None,
        earlier_tree: Callable[[str], Digest | None] = lambda _key: None,
        *,
        allow_pickle: bool = False,
        told: Callable[[int], object] = int,
        refuse_own: Callable[[str], object] = len,
    ) -> None:
        self._blobs = blobs
        self._earlier = earlier
        self._earlier_tree = earlier_tree
        self._allow_pickle = allow_pickle
        self._told = told
        self._refuse_own = refuse_own
        self._failure: StorageError | None = None
        self._batch: dict[Digest, bytes] | None = None

    @property
    def is_storing(self) -> bool:
        """Whether content goes anywhere."""
        return self._blobs is not None

    def collect(
        self, returned: Returned, declared: Declared, *, before: frozenset[Stamp] = NOTHING
    ) -> Iterator[ArtifactRecord | Lacking]:
        """Store each output and yield its record, or why there is none.

        Parameters
        ----------
        returned : Returned
            What the function returned.
        declared : Declared
            What the caller declared.
        before : frozenset of Stamp
            What lay at the declared places when the function was called: what is unchanged is none of its outputs.

        Raises
        ------
        OutputError
            If a file that was returned is not there, or a folder cannot be stored.

        Notes
        -----
        In a folder, content is put when its turn comes. Elsewhere, where each put is a round trip, small content is
        gathered, and put in one batch before its record is handed on.
        """
        if self._blobs is None or self._blobs.backend.capabilities.files:
            return self.each(returned, declared, before)
        return self._gathered(returned, declared, before)

    def _gathered(
        self, returned: Returned, declared: Declared, before: frozenset[Stamp]
    ) -> Iterator[ArtifactRecord | Lacking]:
        gathering = copy.copy(self)  # what other threads still log must not wait for this batch
        gathering._batch = {}  # noqa: SLF001 - of this class
        waiting: list[ArtifactRecord | Lacking] = []
        try:
            for item in gathering.each(returned, declared, before):
                waiting.append(item)
                if gathering.has_enough():
                    waiting, full = [], waiting
                    yield from gathering.after_batch(full)
        except Exception:
            yield from gathering.after_batch(waiting)  # what was made until then is kept
            raise
        yield from gathering.after_batch(waiting)

    def after_batch(self, waiting: list[ArtifactRecord | Lacking]) -> Iterator[ArtifactRecord | Lacking]:
        """Put what was gathered, and yield the records that waited for it, or why there is none."""
        failed = self._put_batch()
        for item in waiting:
            if isinstance(item, Lacking) or item.inline is not None or item.digest not in failed:
                yield item
            else:
                yield _unstored(item.key, failed[item.digest])

    def _put_batch(self) -> dict[Digest, StorageError]:
        """Put what was gathered in one batch; return what could not be put, and why."""
        batch = self._batch
        if not batch:
            return {}
        held = dict(batch)
        batch.clear()
        try:
            self._put(lambda blobs: blobs.put_many(list(held.values())))
        except UnreachableError as error:
            return dict.fromkeys(held, error)
        except StorageError:
            self._failure = None
            return dict(self._one_by_one(held))  # the error may be of one of them
        return {}

    def _one_by_one(self, held: dict[Digest, bytes]) -> Iterator[tuple[Digest, StorageError]]:
        for digest, content in held.items():
            try:
                self._put(lambda blobs, content=content: blobs.put_bytes(content))  # type: ignore[misc]
            except StorageError as error:
                yield digest, error

    def has_enough(self) -> bool:
        """Tell whether what was gathered is to be put before there is more."""
        return sum(map(len, (self._batch or {}).values())) >= BATCH_BYTES

    def each(
        self, returned: Returned, declared: Declared, before: frozenset[Stamp]
    ) -> Iterator[ArtifactRecord | Lacking]:
        """Store each output, or gather its content, and yield its record; parameters as for `collect`."""
        for key, value in returned.values:
            made: ArtifactRecord | Lacking
            try:
                made = self.one(key, value, symlinks=declared.symlinks)
            except StorageError as error:  # the work that made it must not be lost for that
                made = _unstored(key, error)
            except OutputError as error:
                if isinstance(value, Path):
                    raise
                why = f"output {key!r}: {_why_one_value(value)}{error.message}"
                made = Lacking(UNSTORED, OutputError(why, hint=error.hint))
            yield made
        if declared.paths:
            yield from self._written(returned, declared, before)

    def _written(
        self, returned: Returned, declared: Declared, before: frozenset[Stamp]
    ) -> Iterator[ArtifactRecord | Lacking]:
        """Store what was written to the declared paths."""
        taken = {key for key, _ in returned.values}
        for key, path in declared.paths:
            if key in taken:
                clash = f"output {key!r} is returned and is a file as well"
                yield Lacking(UNSTORED, OutputError(clash, hint="name them differently"))
                continue
            missing = not_written(key, path, before, symlinks=declared.symlinks)
            if missing is not None:
                yield Lacking(MISSING, missing)
                continue
            try:
                made: ArtifactRecord | Lacking = self._file(key, path, {"declared_path": True}, declared.symlinks)
            except StorageError as error:
                made = _unstored(key, error)
            yield made

    def _put(self, put: Callable[[BlobStore], T]) -> T:
        """Put something into the store; after a failure nothing more, which over a network may take long to fail."""
        if self._failure is not None:
            raise self._failure
        try:
            return put(self._blobs)  # type: ignore[arg-type]  # the callers have asked whether there is a store
        except StorageError as error:
            self._failure = error
            raise

    def _put_bytes(self, key: str, content: bytes) -> Stored:
        """Put content, or gather it, if it is small and a batch is being gathered."""
        if self._batch is None or len(content) >= LARGE:
            return self._put(lambda blobs: blobs.put_bytes(content, like=partial(self._earlier, key)))
        digest = hash_bytes(content)
        self._batch[digest] = content
        return Stored(digest, len(content))

    def one(self, key: str, value: Any, *, symlinks: str = "refuse") -> ArtifactRecord:
        """Store one output: a `Path` as the file or folder that it leads to, anything else as a value.

        Raises
        ------
        OutputError
            If there is no such file, or the value has no format.
        """
        return self._file(key, str(value), {}, symlinks) if isinstance(value, Path) else self._value(key, value)

    def _value(self, key: str, value: Any) -> ArtifactRecord:
        """Store a value in the first format that can hold it.

        If none can, the reason is what the first added format said, which was made for such values, else the first one.
        """
        refusals: dict[str, OutputError] = {}
        for chosen in formats_for(value, allow_pickle=self._allow_pickle):
            try:
                return self._in_format(key, value, chosen)
            except OutputError as error:
                refusals[chosen.name] = error
        if refusals:
            from consist.runs.formats.extensions import BUILT_IN
            from consist.runs.formats.pickled import refused_too

            first = refusals[min(refusals, key=BUILT_IN.__contains__)]
            raise first if PICKLE not in refusals else refused_too(first, refusals[PICKLE])
        raise OutputError(f"a value of type {type(value).__qualname__} has no format")

    def _in_format(self, key: str, value: Any, chosen: AnyFormat) -> ArtifactRecord:
        if not isinstance(chosen, Format):
            return self._large_value(key, value, chosen)
        return self._content(key, chosen.encode(value), chosen.name, {})

    def _content(self, key: str, content: bytes, name: str, media: dict[str, Any]) -> ArtifactRecord:
        """Store what a value is in a format, which it may take from memory again if there is no store."""
        if len(content) <= INLINE_LIMIT or self._blobs is None:
            return ArtifactRecord(key, hash_bytes(content), len(content), name, content, media)
        stored = self._put_bytes(key, content)
        return ArtifactRecord(key, stored.digest, stored.size, name, None, {**media, **_chunk_list(stored)})

    def _large_value(self, key: str, value: Any, chosen: StreamFormat | Extension) -> ArtifactRecord:
        with chosen.prepare(value) as prepared:
            media = prepared.media
            if prepared.size < LARGE or self._blobs is None:
                return self._content(key, prepared.stream.read(), chosen.name, media)
            stored = self._put(lambda blobs: blobs.put_stream(prepared.stream, like=partial(self._earlier, key)))
        return ArtifactRecord(key, stored.digest, stored.size, chosen.name, None, {**media, **_chunk_list(stored)})

    def _file(self, key: str, path: str, media: Mapping[str, Any], symlinks: str) -> ArtifactRecord:
        absolute = os.path.abspath(path)  # noqa: PTH100 - strings throughout
        media = {**media, "path": as_text(absolute)}
        try:
            found = os.stat(absolute)  # noqa: PTH116 - the same
            if stat.S_ISDIR(found.st_mode):
                return self._folder(key, absolute, media, symlinks)
            if found.st_mode & stat.S_IXUSR:
                media["executable"] = True
            if found.st_size < LARGE:
                content = bytes_steadily(absolute).what
                if len(content) <= INLINE_LIMIT or self._blobs is None:
                    inline = content if len(content) <= INLINE_LIMIT else None
                    return ArtifactRecord(key, hash_bytes(content), len(content), FILE, inline, media)
                stored = self._put_bytes(key, content)
            elif self._blobs is None:
                stored = Stored(*hash_steadily(absolute))
            else:
                like = partial(self._earlier, key)
                stored = self._put(lambda blobs: blobs.put_file(absolute, like=like, seen=self._told))
        except StorageError:
            raise
        except FileNotFoundError:
            raise OutputError(f"output {key!r}: there is no file {path}", hint=NOT_THERE) from None
        except InputError as error:  # it keeps changing
            raise OutputError(f"output {key!r}: {error.message}", hint=error.hint) from None
        except OSError as error:
            raise OutputError(
                f"output {key!r}: cannot read {path}: {error.strerror}", hint="see to it that it can be read"
            ) from error
        return ArtifactRecord(key, stored.digest, stored.size, FILE, None, {**media, **_chunk_list(stored)})

    def _folder(self, key: str, path: str, media: Mapping[str, Any], symlinks: str) -> ArtifactRecord:
        """Store a folder; its tree is never inline, so that what is below a digest can be asked of the store."""
        from consist.blobs.tree import encode_tree
        from consist.blobs.treeput import PutTree, put_tree, tree_of_folder

        try:
            self._refuse_own(path)
            if self._blobs is None:
                tree = tree_of_folder(path, hash_steadily, symlinks=symlinks)
                data = encode_tree(tree)
                stored = PutTree(hash_bytes(data), len(data), len(tree.files), tree.total)
            else:
                like = partial(self._earlier_tree, key)
                stored = self._put(lambda blobs: put_tree(blobs, path, symlinks=symlinks, like=like, seen=self._told))
        except UsageError as error:
            raise OutputError(f"output {key!r}: {error.message}", hint=error.hint) from error
        media = {**media, "files": stored.files, "total": stored.total}
        return ArtifactRecord(key, stored.digest, stored.size, TREE, None, media)


def _unstored(key: str, error: StorageError) -> Lacking:
    """Say that an output was made, and found no room."""
    return Lacking(UNSTORED, type(error)(f"output {key!r}: {error.message}", hint=error.hint))


def _why_one_value(value: Any) -> str:
    """Say of a dict that has no format why its values were not stored one by one, if a key is the reason."""
    for key in value if type(value) is dict else ():
        try:
            check_name("output", key)
        except UsageError as error:
            return f"{error.message}, so the dict is one value, and "
    return ""


def _chunk_list(stored: Stored) -> dict[str, bytes]:
    """Return what a record keeps of how large content is cut: who believes the record need not believe a manifest."""
    return {} if stored.chunks is None else {"chunks": stored.chunks.raw}
