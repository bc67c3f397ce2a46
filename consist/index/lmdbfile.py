"""One LMDB file: checked, opened, marked, closed. Knows nothing of processes, threads and who else has it open.

The caller (``environment``) holds the lock of the process. Two processes must not make one file at once, nor one
delete it while another opens it: LMDB's lock file would be of one, the data of the other. So both are done under an
advisory lock on the folder, which ends with the process that holds it.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import lmdb

from consist.errors import ConsistWarning, DamagedError, StorageError, StoragePermissionError, warn
from consist.fileops import make_folders, perform, storage_error
from consist.index import filekind, unsynced
from consist.index.filekind import REBUILD_HINT, Kind
from consist.index.lmdberrors import translated
from consist.index.lockfile import FILE_MODE, lock_path, reserve_locks
from consist.index.lockless import check_lockless
from consist.index.opened import Opened, identity
from consist.index.schema import MAGIC, META_MAGIC, META_VERSION, VERSION, Tables
from consist.index.wholeness import check_length, check_ours, problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

MAX_READERS = 512
"""126, LMDB's default, is too few for a pool of workers on a large machine."""
MAX_TABLES = 32
FOLDER_MODE = 0o700
_LOOKS = 10
"""At a file that others write to, until what one finds is confirmed."""


class UntrustedIndexError(DamagedError):
    """The machine went down while a process wrote with ``durable=False``: delete the index, and rebuild it."""

    kind = "untrusted-index"


def open_file(path: str, map_size: int, *, unsync: bool) -> Opened:
    """Open an index, made anew if there is none.

    Parameters
    ----------
    path : str
        Where it is; its folder is made if it is missing.
    map_size : int
        Bytes of address space to begin with; more if the file is larger.
    unsync : bool
        Do not sync commits; what is in the file is marked first.

    Raises
    ------
    FormatError, DamagedError, StorageError
        As `Environment` says.
    """
    folder = os.path.dirname(path)  # noqa: PTH120 - paths are plain strings in this layer
    if not os.path.isdir(folder):  # noqa: PTH112 - as above
        make_folders(folder, FOLDER_MODE)
    with folder_locked(path), translated(path):
        _check_before(path)
        try:
            with translated(path):  # what LMDB may not open wants the same rights
                opened = _growing(partial(_open_whole, path, unsync=unsync), map_size)
        except StoragePermissionError as error:
            check_lockless(path, error)
            opened = _open_to_read(path)
    _warn_of_network(path)
    return opened


def _open_whole(path: str, map_size: int, *, unsync: bool) -> Opened:
    env = _open_env(path, map_size, sync=True)
    try:
        env.reader_check()
        check_length(env, path)
        tables = _open_tables(env, path)
        _check_trusted(env, tables, path)
        marker = _mark(env, tables, path) if unsync else None
        if marker is not None:
            env.close()
            env = _open_env(path, map_size, sync=False)
            tables = _open_tables(env, path)
    except BaseException:
        env.close()
        raise
    return Opened(path, env, tables, marker)


def _open_to_read(path: str) -> Opened:
    env = lmdb.open(path, subdir=False, readonly=True, lock=False, max_dbs=MAX_TABLES, lib_version=0)
    try:
        check_length(env, path)
        check_ours(env, path)
        # What lacks a table is empty, or of an earlier consist: it would have to be written first.
        tables = Tables(*(env.open_db(table.encode(), create=False) for table in Tables._fields))
        _check_trusted(env, tables, path)
    except BaseException:
        env.close()
        raise
    return Opened(path, env, tables, None)


def _growing(call: Callable[[int], T], map_size: int) -> T:
    """Call with a map that is large enough, for this process's writes and for what others write meanwhile."""
    while True:
        try:
            return call(map_size)
        except (lmdb.MapFullError, lmdb.MapResizedError):
            map_size *= 2


def recover(opened: Opened, error: lmdb.Error) -> None:
    """Do what lets a transaction be done again, or raise its error as one of ours."""
    if not opened.live:
        return  # closed by a finaliser of this thread, within the transaction
    with translated(opened.path):
        if isinstance(error, lmdb.MapFullError):
            opened.env.set_mapsize(opened.env.info()["map_size"] * 2)
        elif isinstance(error, lmdb.MapResizedError):
            opened.env.set_mapsize(0)
        elif isinstance(error, lmdb.ReadersFullError) and opened.env.reader_check():
            return
        else:
            raise error


def close_file(opened: Opened) -> None:
    """Sync and close; what an unsynced writer marked is taken back, with a sync before and after.

    A file that was deleted, before or meanwhile, has nothing left to sync.
    """
    try:
        if _is_there(opened):
            _finish(opened)
    except StorageError:
        if _is_there(opened):
            raise
    finally:
        opened.env.close()


def _finish(opened: Opened) -> None:
    path = opened.path
    if opened.read_only:
        return
    with translated(path):
        perform("fsync", path, opened.env.sync, True)
        if opened.marker is None:
            return
        with folder_locked(path):
            opened.env.close()
            if _is_there(opened):  # or it would be made
                _growing(partial(_unmark, path, opened.marker), 1)


def _is_there(opened: Opened) -> bool:
    return opened.identity is not None and identity(opened.path) == opened.identity


def settled_problems(path: str) -> list[str]:
    """Check every page of a file that others may write to, mostly without LMDB; return what is wrong, in words.

    A page that is being written can look damaged: of an index with a busy writer 3 looks of 4 said so. So what is
    found counts if nobody committed meanwhile, since a writer leaves alone what the last commit made; else if it is
    found again with writers kept waiting, which needs of LMDB no more than the header. Where they cannot be, it is
    looked at anew, a few times; what was never confirmed is not returned. This process must not have the file open.
    """
    for _ in range(_LOOKS):
        before = filekind.commits(path)
        found = problems(path)
        if not found or filekind.commits(path) == before:
            return found
        with suppress(lmdb.Error, StorageError):
            return _growing(partial(_problems_with_writers_waiting, path), 1)
    return []


def _problems_with_writers_waiting(path: str, map_size: int) -> list[str]:
    env = _open_env(path, map_size, sync=True)
    try:
        txn = env.begin(write=True)
        try:
            return problems(path)
        finally:
            txn.abort()
    finally:
        env.close()


@contextmanager
def folder_locked(path: str) -> Iterator[None]:
    """Keep other processes from opening, making or deleting an index in the same folder."""
    folder = os.path.dirname(path)  # noqa: PTH120 - paths are plain strings in this layer
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise storage_error("open", folder, error) from error
    try:
        perform("flock", folder, fcntl.flock, descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def unlink(path: str) -> None:
    """Delete a file, if it is there."""
    if os.path.exists(path):  # noqa: PTH110 - as above
        with suppress(FileNotFoundError):
            perform("unlink", path, os.unlink, path)


def _check_before(path: str) -> None:
    """Look at a file before LMDB maps it."""
    if filekind.file_kind(path) is Kind.NEW:
        # A lock file without data is of an index that was deleted, and some process may still use both: a new index
        # must not share its lock and its readers.
        unlink(lock_path(path))
        if os.path.exists(path):  # noqa: PTH110 - as above
            perform("truncate", path, os.truncate, path, 0)
        return
    if filekind.missing_bytes(path) is None:
        raise DamagedError(f"the index {path} is damaged: it ends within its header", hint=REBUILD_HINT)
    if not os.path.exists(lock_path(path)):  # noqa: PTH110 - paths are plain strings in this layer
        # Nobody has it open. So it can be looked into without making a lock file beside a file that is not ours.
        env = lmdb.open(path, subdir=False, readonly=True, lock=False, max_dbs=MAX_TABLES, lib_version=0)
        try:
            check_length(env, path)
            check_ours(env, path)
        finally:
            env.close()


def _open_env(path: str, map_size: int, *, sync: bool) -> lmdb.Environment:
    size = os.path.getsize(path) if os.path.exists(path) else 0  # noqa: PTH110, PTH202 - as above
    while map_size < size + size // 4:
        map_size *= 2
    reserve_locks(lock_path(path), MAX_READERS)
    return perform(
        "open",
        path,
        lmdb.open,
        path,
        map_size=map_size,
        subdir=False,
        mode=FILE_MODE,
        max_dbs=MAX_TABLES,
        max_readers=MAX_READERS,
        max_spare_txns=0,  # a spare transaction would be used across a fork
        metasync=False,
        sync=sync,
        lib_version=0,  # LMDB 0.9: its files and those of 1.0 cannot read each other
    )


def _open_tables(env: lmdb.Environment, path: str) -> Tables:
    """Open the tables, made first if the file is new, and all in one transaction."""
    if check_ours(env, path):
        # Not within a transaction of ours: a handle that was opened in one that only reads is gone with it.
        with suppress(lmdb.NotFoundError):  # an earlier consist had fewer tables
            return Tables(*(env.open_db(table.encode(), create=False) for table in Tables._fields))
    txn = env.begin(write=True)
    try:
        tables = Tables(*(env.open_db(table.encode(), txn=txn) for table in Tables._fields))
        txn.put(META_MAGIC, MAGIC, db=tables.meta)
        txn.put(META_VERSION, VERSION.to_bytes(4, "big"), db=tables.meta)
        perform("commit", path, txn.commit)
    except BaseException:
        txn.abort()
        raise
    return tables


def _check_trusted(env: lmdb.Environment, tables: Tables, path: str) -> None:
    with env.begin() as txn:
        if unsynced.of_earlier_boot(txn, tables):
            raise UntrustedIndexError(
                f"the machine went down while the index {path} was written without syncing", hint=REBUILD_HINT
            )


def _mark(env: lmdb.Environment, tables: Tables, path: str) -> bytes:
    """Say in the file that this process writes unsynced, before it does. The commit itself is synced."""
    txn = env.begin(write=True)
    try:
        key = unsynced.mark(txn, tables)
        perform("commit", path, txn.commit)
    except BaseException:
        txn.abort()
        raise
    env.sync(True)  # and the header, which a commit does not sync
    return key


def _unmark(path: str, marker: bytes, map_size: int) -> None:
    """Take a mark back, and those of dead processes of this boot, in a synced commit: all they wrote is synced."""
    env = _open_env(path, map_size, sync=True)
    try:
        tables = _open_tables(env, path)
        txn = env.begin(write=True)
        try:
            unsynced.unmark(txn, tables, marker)
            perform("commit", path, txn.commit)
        except BaseException:
            txn.abort()
            raise
        env.sync(True)  # and the header, which a commit does not sync
    finally:
        env.close()


def _warn_of_network(path: str) -> None:
    kind = filekind.network_filesystem(path)
    if kind is not None:
        warn(
            f"the index {path} is on a network filesystem ({kind}), where LMDB is not safe;"
            " choose a db_path on a local disk",
            ConsistWarning,
        )
