"""The LMDB file of an index: opened once per process and path, shared by all who use it.

It knows tables by name and stores by number, and nothing of runs. How a file is opened and closed is in ``lmdbfile``.
What LMDB asks for, and how it is kept:

- A file must be opened *once* in a process, and not be used across a fork. So one table, `OPEN`, of real path ->
  open file belongs to the process; handles (`Environment`) hold a path and settings, and open at the first use. One
  lock, `_LOCK`, is held round every opening and every transaction, and by a fork: at a fork no transaction is
  under way, and the child starts with an empty table and a lock of its own.
- A transaction that finds the map full, or grown by another process, is gone, whole; the map is made larger and the
  transaction done again. So reading and writing take a callable, which may be called again.
- A long read keeps every page that is replaced meanwhile, so nobody gets a transaction to keep.
- The file may be deleted while it is open, and then lives on for those who have it open. So each write (when it has
  the writers' lock), each `read`, and each `fetch` that finds nothing compares the file's inode: 2 µs. A `fetch`
  that finds something does not: what it finds is a record with a check, right wherever it lies.
- Where LMDB's locks cannot be written the file is read without them, as long as nobody writes it (``lockless``).
"""

from __future__ import annotations

import atexit
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import lmdb

from consist.errors import ConsistError, DamagedError, StoragePermissionError, UsageError
from consist.fileops import perform
from consist.index import filekind, lmdbfile, remains
from consist.index.filekind import REBUILD_HINT, Kind
from consist.index.lmdberrors import translated
from consist.index.lmdbfile import UntrustedIndexError
from consist.index.lockfile import lock_path
from consist.index.lockless import ELSEWHERE, may_be_written
from consist.index.opened import OPEN, Opened, drop, forget, identity
from consist.index.schema import Tables, Transaction, known_prefix
from consist.index.wholeness import problems

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAP_SIZE", "Environment", "Tables", "Transaction", "UntrustedIndexError"]

T = TypeVar("T")

MAP_SIZE = 64 << 20
"""Bytes of address space at first; doubled as needed. Not bytes on disk."""
_ATTEMPTS = 100

_LOCK = threading.RLock()
_writing = False


class Environment:
    """A handle of an index file. Cheap; pickles as path and settings; safe under threads and fork.

    Parameters
    ----------
    path : str or os.PathLike
        The file. Its folder is made at the first use.
    durable : bool
        Sync each commit. A machine that goes down then loses at most the last commit, which the store still has,
        and damages nothing. With False a commit takes 10 µs instead of 150, and such a file is not trusted any more
        if the machine went down meanwhile: opening it raises `UntrustedIndexError`.
    map_size : int
        Bytes of address space to begin with.

    Raises
    ------
    FormatError
        By the first use, if the file is something else, or of a newer consist. It is not touched.
    DamagedError
        If LMDB finds the file damaged; `UntrustedIndexError` as above.
    StorageError
        If the file or its folder cannot be used.
    """

    __slots__ = ("_opened", "durable", "map_size", "path")

    def __init__(self, path: str | os.PathLike[str], *, durable: bool = True, map_size: int = MAP_SIZE) -> None:
        self.path = os.path.realpath(os.fspath(path))
        self.durable = durable
        self.map_size = map_size
        self._opened: Opened | None = None

    def __reduce__(self) -> tuple[Callable[[str, bool, int], Environment], tuple[str, bool, int]]:
        return _environment, (self.path, self.durable, self.map_size)

    def __repr__(self) -> str:
        return f"Environment({self.path!r}, durable={self.durable})"

    @property
    def is_read_only(self) -> bool:
        """Whether it can be read and not written: its filesystem is read-only. Opens it."""
        self.read(lambda _txn, _tables: None)
        return self._opened is not None and self._opened.read_only

    def exists(self) -> bool:
        """Tell whether there is a file, of whatever kind; does not open it."""
        return os.path.exists(self.path)  # noqa: PTH110 - paths are plain strings in this layer

    def fetch(self, table: str, store: str | None, key: bytes, *, hint: bool = False) -> bytes | None:
        """Return the value under one key, or None: `read` for the hot path (1.2 µs; LMDB's part is 0.4).

        Parameters
        ----------
        table : str
            Its name.
        store : str or None
            The id of the store that the key is of; None for a table of no store.
        key : bytes
            Without the store's number.
        hint : bool
            Nothing found is no more than a hint: do not look whether the file was deleted meanwhile.
        """
        for _ in range(_ATTEMPTS):
            with _LOCK:
                opened = self._opened
                if opened is None or not opened.live:
                    opened = self._open()
                if opened.read_only and self._written(opened):
                    continue
                prefix = b"" if store is None else opened.prefixes.get(store)
                if prefix is None:
                    prefix = self.read(lambda txn, tables: known_prefix(txn, tables, store or ""))
                    if prefix is None:
                        return None
                    opened.prefixes[store or ""] = prefix
                try:
                    txn = opened.env.begin()
                    data = txn.get(prefix + key, None, getattr(opened.tables, table))
                    txn.abort()
                except lmdb.Error as error:
                    lmdbfile.recover(opened, error)
                    continue
                if data is not None or hint or not self._moved(opened):
                    return data
        raise self._given_up()

    def known_prefix(self, store: str) -> bytes | None:
        """Return the number of a store if it was found in the open file; within a transaction of this environment."""
        return None if self._opened is None else self._opened.prefixes.get(store)

    def read(self, call: Callable[[Transaction, Tables], T]) -> T:
        """Call with a snapshot of all tables.

        Parameters
        ----------
        call : callable
            Gets a transaction and the tables; may be called again. It must be short, and keep neither.

        Returns
        -------
        object
            What it returned.
        """
        for _ in range(_ATTEMPTS):
            with _LOCK:
                opened = self._opened
                if opened is None or not opened.live:
                    opened = self._open()
                if self._moved(opened) or (opened.read_only and self._written(opened)):
                    continue
                txn = None
                try:
                    txn = opened.env.begin()
                    return call(txn, opened.tables)
                except lmdb.Error as error:
                    _abort(txn)
                    lmdbfile.recover(opened, error)
                finally:
                    _abort(txn)
        raise self._given_up()

    def write(self, call: Callable[[Transaction, Tables], T]) -> T:
        """Call with a transaction that can write, then commit it; what `call` raises undoes it all.

        Parameters
        ----------
        call : callable
            As for `read`. One process writes at a time; the others wait.

        Returns
        -------
        object
            What it returned.
        """
        global _writing  # noqa: PLW0603 - guarded by _LOCK: says that this very thread is within a write
        with _LOCK:
            if _writing:
                raise UsageError("a write to an index within a write to an index", hint="do one after the other")
            _writing = True
            try:
                for _ in range(_ATTEMPTS):
                    opened = self._open_to_write()
                    done, result = self._try_write(opened, call)
                    if done:
                        return result  # type: ignore[return-value]  # done, so it is what `call` returned
            finally:
                _writing = False
        raise self._given_up()

    def _try_write(self, opened: Opened, call: Callable[[Transaction, Tables], T]) -> tuple[bool, T | None]:
        txn = None
        try:
            txn = opened.env.begin(write=True)
            # Looked at with the writers' lock held, since waiting for it may have taken long.
            if self._moved(opened) or self._unlocked(opened):
                return False, None
            result = call(txn, opened.tables)
            perform("commit", self.path, txn.commit)
            if self.durable and opened.marker is not None:
                perform("fsync", self.path, opened.env.sync, True)
        except lmdb.Error as error:
            _abort(txn)
            lmdbfile.recover(opened, error)
            return False, None
        finally:
            _abort(txn)
        return True, result

    def sync(self) -> None:
        """Make all that was written durable; nothing if the file is not open."""
        with _LOCK:
            opened = OPEN.get(self.path)
            if opened is not None and not opened.read_only:
                with translated(self.path):
                    perform("fsync", self.path, opened.env.sync, True)

    def close(self) -> None:
        """Sync and close the file in this process; any handle opens it again at its next use."""
        with _LOCK:
            opened = OPEN.get(self.path)
            if opened is not None:
                _close(opened)

    def verify(self) -> list[str]:
        """Check every page of the file, with writers kept waiting; return what is wrong, in words.

        Takes about 3 s per GB. LMDB believes its pages, so bytes that changed on the disk can end the process
        (SIGABRT); this does not go through LMDB.
        """
        if filekind.file_kind(self.path) is Kind.NEW:
            return []
        try:
            return self.write(lambda _txn, _tables: problems(self.path))
        except DamagedError as error:
            return [error.message]

    def delete(self) -> None:
        """Delete the file, so that a new one is made at the next use. Other processes notice.

        Raises
        ------
        FormatError
            If it is not consist's.
        """
        with _LOCK:
            self.close()
            if self.exists():
                remains.delete(self.path)

    def damage(self) -> str | None:
        """Say what is wrong with the file's pages, or None; a file that is whole may be anybody's.

        Unlike `verify` it survives any damage: pages are looked at by LMDB only once they are known to be sound.
        """
        with _LOCK:
            opened = OPEN.get(self.path)
            if opened is not None:
                drop(opened)  # each commit is synced, or marked
            if filekind.file_kind(self.path) is Kind.NEW:
                return None
            found = lmdbfile.settled_problems(self.path)
            return found[0] if found else None

    def move_aside(self) -> str | None:
        """Rename a damaged file and delete its locks, so that a new one is made at the next use.

        Returns
        -------
        str or None
            Its new path: ``<path>.damaged-<n>``, with the first number that is free; None if there was no file.

        Raises
        ------
        FormatError
            If it clearly is something else: a file of another program, or a whole LMDB file that is not consist's.
        """
        with _LOCK:
            self.close()
            return remains.move_aside(self.path) if self.exists() else None

    def check_remains(self) -> None:
        """Raise `FormatError` if `move_aside` would; what it would move may be whole, or there be no file."""
        if self.exists():
            remains.check_remains(self.path)

    def _open(self) -> Opened:
        opened = OPEN.get(self.path)
        if opened is None:
            opened = OPEN[self.path] = lmdbfile.open_file(self.path, self.map_size, unsync=False)
        self._opened = opened
        return opened

    def _open_to_write(self) -> Opened:
        opened = self._opened
        if opened is None or not opened.live:
            opened = self._open()
        if opened.read_only:
            if filekind.is_on_read_only(self.path):
                raise StoragePermissionError(
                    f"cannot write the index {self.path}: its filesystem is read-only", hint=ELSEWHERE
                )
            drop(opened)  # it can be written to by now, and opened with locks
            opened = self._open()
        if self.durable or opened.marker is not None:
            return opened
        _close(opened)
        opened = self._opened = OPEN[self.path] = lmdbfile.open_file(self.path, self.map_size, unsync=True)
        return opened

    def _moved(self, opened: Opened) -> bool:
        """Tell whether the file is not at its path any more; then it is closed, to be opened anew."""
        found = identity(self.path)
        if found is not None and found == opened.identity:
            return False
        drop(opened)
        return True

    def _written(self, opened: Opened) -> bool:
        """Tell whether a file that is read without locks may be written; then it is closed, and opening it raises."""
        if not may_be_written(self.path):
            return False
        drop(opened)
        return True

    def _unlocked(self, opened: Opened) -> bool:
        """Tell whether the lock file was deleted, so that others do not see our lock; then the file is closed."""
        found = identity(lock_path(self.path))
        if found is not None and found == opened.lock_identity:
            return False
        drop(opened)
        return True

    def _given_up(self) -> DamagedError:
        return DamagedError(f"the index {self.path} could not be used in {_ATTEMPTS} attempts", hint=REBUILD_HINT)


def _environment(path: str, durable: bool, map_size: int) -> Environment:
    return Environment(path, durable=durable, map_size=map_size)


def _abort(txn: Transaction | None) -> None:
    if txn is not None:
        txn.abort()  # nothing, if it is committed, aborted, or closed with its file


def _close(opened: Opened) -> None:
    forget(opened)
    lmdbfile.close_file(opened)


def _close_all() -> None:
    """Sync and close at the end of the process, so that an unsynced writer that ended well leaves a trusted file."""
    with _LOCK:
        for opened in list(OPEN.values()):
            # There is nobody left to tell. What is not synced keeps its mark, so it is not trusted if it should not be.
            with suppress(ConsistError):
                _close(opened)


def _before_fork() -> None:
    _LOCK.acquire()


def _after_fork_in_parent() -> None:
    _LOCK.release()


def _after_fork_in_child() -> None:
    """Forget the parent's files: using them is wrong, and keeping them would keep us from opening our own."""
    global _LOCK, _writing  # noqa: PLW0603 - the child has one thread, and this is it
    for opened in OPEN.values():
        opened.live = False
        opened.env.close()
    OPEN.clear()
    _LOCK = threading.RLock()
    _writing = False


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
atexit.register(_close_all)
