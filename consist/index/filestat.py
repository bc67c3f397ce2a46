"""The cache of file digests: path -> (size, times, inode, digest). Shared by all stores of an index.

Only kept and given back here; when an entry holds, and that nothing is kept for a file that changed a moment ago, is
for the caller to see.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from consist.errors import DamagedError
from consist.hashing.digest import Digest
from consist.index.memo import Memo
from consist.index.schema import raw_name, seal, unseal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consist.index.environment import Environment
    from consist.index.schema import Tables, Transaction

_MAX_PATH = 440


class FileEntry(NamedTuple):
    """What a file was when it was hashed.

    Attributes
    ----------
    size : int
        Bytes.
    mtime_ns, ctime_ns : int
        Times of the last change of content and of inode: nanoseconds since 1970.
    inode : int
        Of the file.
    digest : Digest
        Of its content.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    digest: Digest


def file_key(path: str) -> bytes:
    """Encode a path: its bytes as the system has them, a long one with its end digested."""
    return raw_name(os.fsencode(path), _MAX_PATH)


def decode_entry(key: bytes, data: bytes) -> FileEntry:
    """Check and decode an entry.

    Raises
    ------
    DamagedError
        If it does not match its check.
    """
    try:
        size, mtime_ns, ctime_ns, inode, raw = unseal("files", key, data)
        return FileEntry(size, mtime_ns, ctime_ns, inode, Digest(raw))
    except (TypeError, ValueError) as error:
        raise DamagedError(f"an entry of the index's table files has other fields: {error}") from error


class Files:
    """The cache in one index file, whichever store the index is bound to.

    Parameters
    ----------
    environment : Environment
        The LMDB file.
    """

    __slots__ = ("_environment", "_known")

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._known: Memo[FileEntry] = Memo()

    def entry(self, path: str) -> FileEntry | None:
        """Return what was put for a file, or None (also if it is damaged); whether it still holds is for the caller.

        Parameters
        ----------
        path : str
            Absolute; taken as it is.
        """
        key = file_key(path)
        data = self._environment.fetch("files", None, key)
        if data is None:
            return None
        known = self._known.get(key, data)
        if known is not None:
            return known
        try:
            return self._known.put(key, data, decode_entry(key, data))
        except DamagedError:
            return None  # a cache: the file is hashed again, and the entry written anew

    def put(self, path: str, entry: FileEntry) -> None:
        """Remember the digest of a file, with what `stat` said of it."""
        self.put_many([(path, entry)])

    def put_many(self, entries: Iterable[tuple[str, FileEntry]]) -> None:
        """Remember the digests of many files, in one transaction."""
        items = list(entries)
        self._environment.write(lambda txn, tables: _put_entries(txn, tables, items))


def _put_entries(txn: Transaction, tables: Tables, items: Iterable[tuple[str, FileEntry]]) -> None:
    """Put entries over those of the same paths."""
    for path, entry in items:
        key = file_key(path)
        value = [entry.size, entry.mtime_ns, entry.ctime_ns, entry.inode, entry.digest.raw]
        txn.put(key, seal("files", key, value), db=tables.files)
