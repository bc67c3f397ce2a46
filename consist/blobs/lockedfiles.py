"""Files that are locks: held with `flock`, which the kernel takes back when the holder dies, however it dies.

A lock's file is unlinked only by its holder, before it lets go; whoever then gets the lock of the unlinked file notices
that the name leads elsewhere (`is_at`), and tries again. So no two hold one name, and nothing is left behind but the
file of a holder that was killed. A forked child holds none of its parent's locks: its copies are closed.

How long to wait, and for whom, is decided by those who lock: ``cachefiles.py`` and ``store/flight.py``.
"""

# Paths are plain strings in this layer: pathlib costs more than some of the calls.
# ruff: noqa: PTH120

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from typing import TYPE_CHECKING

from consist.blobs import posix
from consist.errors import StorageError
from consist.fileops import perform

if TYPE_CHECKING:
    from collections.abc import Callable

SAFELY = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""Whatever lies in a file's place, opening it leads nowhere else and waits for nobody."""
_OPEN = os.O_RDWR | os.O_CREAT | SAFELY

_FOREIGN = frozenset({errno.ELOOP, errno.EISDIR, errno.ENXIO})
"""What opening says of a link, a folder, a socket: none is a lock's."""

_held: set[int] = set()
"""Open lock files of this process, so that a forked child can close its copies."""


def open_lock(path: str, mode: int, make_folder: Callable[[str], object]) -> int:
    """Open the file of a lock, made if need be; a link, a socket or an empty folder in its place is removed.

    Parameters
    ----------
    path : str
        Where it is.
    mode : int
        Permission bits of one that is made; the umask takes its share.
    make_folder : callable
        Makes the folder that it lies in.

    Returns
    -------
    int
        The descriptor, not locked yet; `close_lock` closes it.

    Raises
    ------
    StorageError
        If it cannot be made, also where a folder with something in it is in its place.
    """
    descriptor = None
    with contextlib.suppress(FileNotFoundError):
        descriptor = _opened(path, mode)
    if descriptor is None:
        make_folder(os.path.dirname(path))
        descriptor = _opened(path, mode)
    _held.add(descriptor)
    return descriptor


def _opened(path: str, mode: int) -> int:
    try:
        return perform("open", path, os.open, path, _OPEN, mode)
    except StorageError as error:
        if posix.errno_of(error) not in _FOREIGN:
            raise
    posix.try_to_remove(path)
    return perform("open", path, os.open, path, _OPEN, mode)


def note_held(descriptor: int) -> None:
    """Let a forked child close its copy of a file that was opened otherwise, until `close_lock`."""
    _held.add(descriptor)


def is_held(descriptor: int) -> bool:
    """Tell whether a lock is this process's: in a child forked meanwhile it is its parent's."""
    return descriptor in _held


def is_at(descriptor: int, path: str) -> bool:
    """Tell whether an open file is still the one under its name."""
    try:
        named = os.lstat(path)
    except OSError:
        return False
    held = os.fstat(descriptor)
    return (held.st_dev, held.st_ino) == (named.st_dev, named.st_ino)


def close_lock(descriptor: int) -> None:
    """Free a lock, and close its file."""
    _held.discard(descriptor)
    try:
        # Said aloud: a process forked meanwhile may hold a copy, and closing ours alone would not free the lock.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _close_copies() -> None:
    """Close a forked child's copies: a lock must not outlive its holder in a child that knows nothing of it."""
    for descriptor in _held:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_close_copies)
