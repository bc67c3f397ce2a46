"""Single flight: of all threads and processes of a machine that want one signature, one executes.

A lock is a file named by the signature, as ``blobs/lockedfiles.py`` has them. Its holder unlinks it before letting go;
the empty file of one that was killed is removed by `sweep_locks`.

The lock saves work. It is not what makes results right: the record is created once, whoever else executes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from functools import partial
from typing import TYPE_CHECKING, Self

from consist.blobs import posix
from consist.blobs.folders import Folders
from consist.blobs.lockedfiles import SAFELY, close_lock, is_at, is_held, open_lock
from consist.blobs.sharing import FOLDER_MODES, GROUP, LOCK_MODES, PRIVATE
from consist.errors import StorageError, StoragePermissionError, notice
from consist.fileops import perform

if TYPE_CHECKING:
    from consist.hashing.digest import Digest


READ_ONLY = 'CacheOptions(cache_mode="readonly")'
"""What a hint tells who may only read the store; a command line has an option for it."""

SAID_AFTER = 5.0
"""Seconds of waiting after which it is said, once, for whom."""


def single_flight(folder: str, signature: Digest, *, shared: bool = False, step: str = "") -> Flight:
    """Take the lock of a signature; wait while another thread or process holds it.

    Parameters
    ----------
    folder : str
        Where the machine's locks of this store are; made if missing.
    signature : Digest
        What is about to be executed.
    shared : bool
        Let the group of the folder above use the locks too.
    step : str
        What is about to be executed, for who waits to be told.

    Returns
    -------
    Flight
        Its ``with`` block holds the lock to its end.

    Raises
    ------
    StorageError
        If the lock's file cannot be made.
    """
    path = f"{folder}/{signature.hex}"
    try:
        return Flight(_acquire(path, shared=shared, step=step), path)
    except StoragePermissionError as error:
        hint = f"who may only read it: {READ_ONLY}; else choose another folder, or get rights"
        raise StoragePermissionError(error.message, hint=hint) from error.__cause__


class Flight:
    """The lock of a signature, held until its ``with`` block ends. Made by `single_flight`."""

    __slots__ = ("_descriptor", "_path")

    def __init__(self, descriptor: int, path: str) -> None:
        self._descriptor = descriptor
        self._path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if is_held(descriptor):  # else this is a child forked meanwhile: the lock is its parent's
            _release(descriptor, self._path)

    def __del__(self) -> None:  # who is interrupted before the block begins must not wait for himself the next time
        self.__exit__()


def sweep_locks(folder: str) -> int:
    """Remove the files of holders that were killed; whoever holds a lock keeps it.

    Parameters
    ----------
    folder : str
        As for `single_flight`; it need not be there.

    Returns
    -------
    int
        How many went.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208 - strings throughout
    except OSError:
        return 0
    return sum(_remove_if_free(f"{folder}/{name}") for name in names)


def _remove_if_free(path: str) -> bool:
    """Take a lock that nobody holds, as `_acquire` would, and give it back at once, file and all."""
    try:
        descriptor = os.open(path, os.O_RDWR | SAFELY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_at(descriptor, path):
            perform("unlink", path, os.unlink, path)
            return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def _acquire(path: str, *, shared: bool, step: str) -> int:
    while True:
        descriptor = _open(path, shared=shared)
        try:
            perform("lock", path, _lock, descriptor, step)
            if is_at(descriptor, path):
                return descriptor
        except BaseException:
            close_lock(descriptor)
            raise
        close_lock(descriptor)


def _lock(descriptor: int, step: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        import threading  # for who has to wait

        timer = threading.Timer(SAID_AFTER, _say_who, (descriptor, step))
        timer.daemon = True
        timer.start()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        finally:
            timer.cancel()


def _say_who(descriptor: int, step: str) -> None:
    """Say who is waited for."""
    with contextlib.suppress(OSError):  # the lock was given, and its file is closed
        holder = _holder(descriptor)
        who = "another process" if holder is None else f"process {holder}"
        who = "another thread" if holder == os.getpid() else who
        notice(f"step {step!r} waits for {who}, which executes the same run")


def _holder(descriptor: int) -> int | None:
    """Return the process that holds a lock, which Linux lists: holders need not write it down, at every miss."""
    try:
        file = f"{_device(descriptor)}:{os.fstat(descriptor).st_ino}"
        with open("/proc/locks", encoding="ascii") as locks:  # noqa: PTH123 - strings throughout
            for line in locks:
                _, kind, *more = line.split()
                if kind == "FLOCK" and more[-3] == file:
                    return int(more[-4])
    except (OSError, ValueError, IndexError):
        pass
    return None


def _device(descriptor: int) -> str:
    """Return the device of an open file as Linux lists it with locks: that of its mount.

    On btrfs and in layers of containers `stat` says another one.
    """
    with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as lines:  # noqa: PTH123 - strings throughout
        mount = dict(line.split(":", 1) for line in lines)["mnt_id"].strip()
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as lines:  # noqa: PTH123 - strings throughout
        major, minor = next((line.split()[2] for line in lines if line.split()[0] == mount), "").split(":")
    return f"{int(major):02x}:{int(minor):02x}"


def _release(descriptor: int, path: str) -> None:
    try:
        # Unlinked while still locked: a waiter that wakes up finds another file, or none, under the name. One that
        # cannot be unlinked is no harm, and no reason to lose the result.
        perform("unlink", path, os.unlink, path)
    except (FileNotFoundError, StorageError):
        pass
    finally:
        close_lock(descriptor)


def _open(path: str, *, shared: bool) -> int:
    mode = LOCK_MODES[GROUP if shared else PRIVATE]
    descriptor = open_lock(path, mode, partial(_make_folder, shared=shared))
    if shared:
        found = os.fstat(descriptor)
        if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) != mode:  # the umask took its share
            posix.change_mode(path, mode, descriptor=descriptor)
    return descriptor


def _make_folder(folder: str, *, shared: bool) -> None:
    if shared:
        Folders(os.path.dirname(folder), FOLDER_MODES[GROUP], durable=False).make(folder)  # noqa: PTH120 - the same
    else:
        perform("mkdir", folder, os.makedirs, folder, 0o700, exist_ok=True)
