"""From what a function returned and wrote to the outputs of its run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.blobs.blobstore import Stored
from consist.errors import OutputError, StorageError, UsageError
from consist.hashing.hasher import hash_bytes, hash_file
from consist.identity.names import as_text, check_name, is_name
from consist.index.records import TREE, ArtifactRecord
from consist.runs.formats.registry import FILE, Format, formats_for
from consist.runs.leftovers import refuse_left_over
from consist.runs.options import DEFAULT_OUTPUT_POLICY

if TYPE_CHECKING:
    from consist.blobs.blobstore import BlobStore
    from consist.hashing.digest import Digest
    from consist.runs.formats.extensions import Extension
    from consist.runs.formats.registry import AnyFormat, StreamFormat
    from consist.runs.options import OutputPolicyOptions

INLINE_LIMIT = 4096
"""Bytes up to which content is kept in the record: a hit on it costs no further read."""

MAX_KEYS = 1000
"""Keys up to which a dict becomes one artifact each; a larger one is a value."""

SINGLE = "value"
"""The key of a single output that nobody named."""


class Declared(NamedTuple):
    """What outputs a caller declared.

    Attributes
    ----------
    keys : tuple of str
        Names of what is returned, in order; empty leaves them to the value.
    paths : tuple of (str, str)
        Names and paths of files and folders that the function writes by itself.
    symlinks : str
        What to do about links in folders, as `OutputPolicyOptions` says it.
    """

    keys: tuple[str, ...] = ()
    paths: tuple[tuple[str, str], ...] = ()
    symlinks: str = DEFAULT_OUTPUT_POLICY.symlinks


class Returned(NamedTuple):
    """A return value taken apart.

    Attributes
    ----------
    returns : str
        How it is put together again: ``none``, ``single``, ``dict`` or ``tuple``.
    values : tuple of (str, object)
        Its parts by key.
    """

    returns: str
    values: tuple[tuple[str, Any], ...]


def take_apart(value: Any, keys: tuple[str, ...]) -> Returned:
    """Take a return value apart into named outputs.

    Parameters
    ----------
    value : object
        What the function returned.
    keys : tuple of str
        Declared keys.

    Raises
    ------
    OutputError
        If declared outputs are missing.

    Examples
    --------
    >>> take_apart({"a": 1, "b": 2}, ())
    Returned(returns='dict', values=(('a', 1), ('b', 2)))
    >>> take_apart(7, ("n",))
    Returned(returns='single', values=(('n', 7),))
    """
    if type(value) is dict and _one_artifact_a_key(value, keys):
        missing = [key for key in keys if key not in value]
        if missing:
            raise OutputError(f"declared output {missing[0]!r} was not returned", hint=f"returned are {list(value)}")
        return Returned("dict", tuple(value.items()))
    if len(keys) > 1:
        if type(value) is tuple and len(value) == len(keys):
            return Returned("tuple", tuple(zip(keys, value, strict=True)))
        raise OutputError(
            f"{len(keys)} outputs are declared, but the function returned {type(value).__name__}",
            hint="return a dict with these keys, or a tuple of that length",
        )
    if value is None and not keys:
        return Returned("none", ())
    return Returned("single", ((keys[0] if keys else SINGLE, value),))


def _one_artifact_a_key(value: dict[Any, Any], keys: tuple[str, ...]) -> bool:
    if len(keys) == 1 and keys[0] not in value:
        return False  # the one declared output is the dict itself
    return len(value) <= MAX_KEYS and all(type(key) is str and is_name(key) for key in value)


class Collector:
    """Stores outputs.

    Parameters
    ----------
    blobs : BlobStore or None
        Where content goes; None keeps values in memory and files where they are, for a run that must not write.
    earlier : callable
        Gets an output's key, and returns the digest of an earlier version of it, or None.
    allow_pickle : bool
        Whether a value without a format is pickled.
    """

    def __init__(
        self,
        blobs: BlobStore | None,
        earlier: Callable[[str], Digest | None] = lambda _key: None,
        *,
        allow_pickle: bool = False,
    ) -> None:
        self._blobs = blobs
        self._earlier = earlier
        self._allow_pickle = allow_pickle

    def collect(
        self, returned: Returned, declared: Declared, *, started: float
    ) -> Iterator[ArtifactRecord | OutputError]:
        """Store each output and yield its record, or the reason why a value has no format.

        Parameters
        ----------
        returned : Returned
            What the function returned.
        declared : Declared
            What the caller declared; a declared file must have been written since `started`.
        started : float
            Seconds since 1970: when the function was called.

        Raises
        ------
        OutputError
            If a file was not written.
        """
        for key, value in returned.values:
            if isinstance(value, Path):
                yield self.one(key, value, symlinks=declared.symlinks)
                continue
            try:
                yield self.one(key, value)
            except OutputError as error:
                yield OutputError(f"output {key!r}: {_why_one_value(value)}{error.message}", hint=error.hint)
        for key, path in declared.paths:
            refuse_left_over(key, path, started, symlinks=declared.symlinks)
            yield self._file(key, path, {"declared_path": True}, declared.symlinks)

    def one(self, key: str, value: Any, *, symlinks: str = DEFAULT_OUTPUT_POLICY.symlinks) -> ArtifactRecord:
        """Store one output: a `Path` as the file or folder that it leads to, anything else as a value.

        Raises
        ------
        OutputError
            If there is no such file, or the value has no format.
        """
        return self._file(key, str(value), {}, symlinks) if isinstance(value, Path) else self._value(key, value)

    def _value(self, key: str, value: Any) -> ArtifactRecord:
        """Store a value in the first format that can hold it; if none can, what the first one said is the reason."""
        refusal: OutputError | None = None
        for chosen in formats_for(value, allow_pickle=self._allow_pickle):
            try:
                return self._in_format(key, value, chosen)
            except OutputError as error:
                refusal = refusal or error
        raise refusal or OutputError(f"a value of type {type(value).__qualname__} has no format")

    def _in_format(self, key: str, value: Any, chosen: AnyFormat) -> ArtifactRecord:
        if not isinstance(chosen, Format):
            return self._large_value(key, value, chosen)
        content = chosen.encode(value)
        if len(content) <= INLINE_LIMIT or self._blobs is None:
            return ArtifactRecord(key, hash_bytes(content), len(content), chosen.name, content)
        stored = self._blobs.put_bytes(content, like=partial(self._earlier, key))
        return ArtifactRecord(key, stored.digest, stored.size, chosen.name, None, _chunk_list(stored))

    def _large_value(self, key: str, value: Any, chosen: StreamFormat | Extension) -> ArtifactRecord:
        with chosen.prepare(value) as prepared:
            media = prepared.media
            if prepared.size <= INLINE_LIMIT or self._blobs is None:
                content = prepared.stream.read()
                return ArtifactRecord(key, hash_bytes(content), len(content), chosen.name, content, media)
            stored = self._blobs.put_stream(prepared.stream, like=partial(self._earlier, key))
        return ArtifactRecord(key, stored.digest, stored.size, chosen.name, None, {**media, **_chunk_list(stored)})

    def _file(self, key: str, path: str, media: Mapping[str, Any], symlinks: str) -> ArtifactRecord:
        absolute = os.path.abspath(path)  # noqa: PTH100 - strings throughout
        media = {**media, "path": as_text(absolute)}
        try:
            if os.path.getsize(absolute) <= INLINE_LIMIT and os.path.isfile(absolute):  # noqa: PTH113, PTH202 - the same
                content = Path(absolute).read_bytes()
                return ArtifactRecord(key, hash_bytes(content), len(content), FILE, content, media)
            if os.path.isdir(absolute):  # noqa: PTH112 - the same
                return self._folder(key, absolute, media, symlinks)
            if self._blobs is None:
                stored = Stored(*hash_file(absolute))
            else:
                stored = self._blobs.put_file(absolute, like=partial(self._earlier, key))
        except StorageError:
            raise
        except FileNotFoundError:
            raise OutputError(
                f"output {key!r}: there is no file {path}", hint="the function must write it before it returns"
            ) from None
        except OSError as error:
            raise OutputError(f"output {key!r}: cannot read {path}: {error.strerror}") from error
        return ArtifactRecord(key, stored.digest, stored.size, FILE, None, {**media, **_chunk_list(stored)})

    def _folder(self, key: str, path: str, media: Mapping[str, Any], symlinks: str) -> ArtifactRecord:
        """Store a folder; its tree is never inline, so that what is below a digest can be asked of the store."""
        from consist.blobs.tree import encode_tree
        from consist.blobs.treeput import PutTree, put_tree, tree_of_folder

        try:
            if self._blobs is None:
                tree = tree_of_folder(path, hash_file, symlinks=symlinks)
                data = encode_tree(tree)
                stored = PutTree(hash_bytes(data), len(data), len(tree.files), tree.total)
            else:
                stored = put_tree(self._blobs, path, symlinks=symlinks)
        except UsageError as error:
            raise OutputError(f"output {key!r}: {error.message}", hint=error.hint) from error
        media = {**media, "files": stored.files, "total": stored.total}
        return ArtifactRecord(key, stored.digest, stored.size, TREE, None, media)


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


def declare(outputs: object, output_paths: object, policy: OutputPolicyOptions = DEFAULT_OUTPUT_POLICY) -> Declared:
    """Check what a caller declared."""
    keys = () if outputs is None else tuple(check_name("output", key) for key in _sequence(outputs))
    if len(set(keys)) < len(keys):
        raise OutputError(f"an output is declared twice: {list(keys)}")
    if output_paths is None:
        return Declared(keys, symlinks=policy.symlinks)
    if not isinstance(output_paths, Mapping):
        raise OutputError(f"output_paths is {type(output_paths).__name__}", hint="give a mapping of names to paths")
    paths = tuple((check_name("output", key), os.fspath(path)) for key, path in output_paths.items())
    return Declared(keys, paths, policy.symlinks)


def _sequence(outputs: object) -> list[Any]:
    if isinstance(outputs, str) or not isinstance(outputs, (list, tuple)):
        raise OutputError(f"outputs is {type(outputs).__name__}", hint='give a list of names, such as ["table"]')
    return list(outputs)
