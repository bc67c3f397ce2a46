"""LMDB's lock file, beside an index: its room on the disk, and who holds it, asked without opening LMDB.

Each process that has the index open holds a lock of the file's first byte. It is the kernel's, so it is seen through
another mount of the same disk, too, and gone with the process.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys

from consist.fileops import perform

FILE_MODE = 0o600
_DARWIN = sys.platform == "darwin"
_FLOCK = "qqihh" if _DARWIN else "hhqqi"
"""``struct flock``: on macOS start, length, process, kind, whence; on Linux kind, whence, start, length, process."""

_FIRST_BYTE = struct.pack(_FLOCK, *((0, 1, 0, fcntl.F_WRLCK, 0) if _DARWIN else (fcntl.F_WRLCK, 0, 0, 1, 0)))


def lock_path(path: str) -> str:
    """Return where LMDB keeps the locks and readers of a file."""
    return path + "-lock"


def reserve_locks(path: str, readers: int) -> None:
    """Give the lock file its room on the disk before LMDB maps it.

    LMDB makes it with holes and writes to it as memory: on a full disk that would end the process (SIGBUS), where a
    plain write says that there is no room. The caller holds the lock of the folder.
    """
    size = 64 * (readers + 2)  # 64 bytes a reader, of which the first is within LMDB's own 192
    descriptor = perform("open", path, os.open, path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        done = os.fstat(descriptor).st_size
        while done < size:
            done += perform("write", path, os.pwrite, descriptor, bytes(size - done), done)
    finally:
        os.close(descriptor)


def is_held(lock_path: str) -> bool:
    """Tell whether a process of this machine has an index open; of a lock file that cannot be read, that one may.

    Not to be called by a process that has it open itself: closing the lock file again lets go of its own lock.
    """
    try:
        descriptor = os.open(lock_path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        return is_held_by_others(descriptor)
    except OSError:
        return True
    finally:
        os.close(descriptor)


def is_held_by_others(descriptor: int) -> bool:
    """Tell whether another process holds a lock of the first byte of a file that is open here.

    Raises
    ------
    OSError
        If that cannot be asked.
    """
    found = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, _FIRST_BYTE))
    return bool(found[3 if _DARWIN else 0] != fcntl.F_UNLCK)
