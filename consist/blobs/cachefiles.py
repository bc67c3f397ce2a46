"""The files of a read cache: opened, locked and mended. What they hold, and whether that is right, others decide.

A file is its own lock. It is written by whoever holds it with `flock`, which the kernel takes back when the holder
dies, and unlinked only by a holder; whoever then gets the lock of the unlinked file notices that the name leads
elsewhere, and tries again. Readers take no lock, since all that they read is compared with a digest.
"""

# Paths are plain strings in this layer: pathlib costs more than some of the calls.
# ruff: noqa: PTH112, PTH114, PTH120

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat as modes
import time
from typing import TYPE_CHECKING

from consist.blobs import posix
from consist.errors import StorageError
from consist.fileops import perform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.blobs.posix import OpenFile

_SAFELY = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""Whatever lies in a file's place, opening it leads nowhere else and waits for nobody."""
_READ = os.O_RDONLY | _SAFELY
_OPEN = os.O_RDWR | os.O_CREAT | _SAFELY
ADD = os.O_WRONLY | os.O_CREAT | os.O_APPEND | _SAFELY
_OWN = 0o700

_TRIES = 100
"""More than a file can be unlinked by others in a row, and fewer than for ever."""

_FRESH = 3600.0
"""Seconds for which a file counts as used just now: so long a reader need not write its date again."""

_FOREIGN = frozenset({errno.ELOOP, errno.EISDIR, errno.EACCES, errno.ENXIO})
"""What opening says of a link, a folder, a file that was shut, a socket: none is the cache's."""

_held: set[int] = set()
"""Locked files of this process, so that a forked child can close its copies: a lock must not outlive its holder."""


class CacheFile:
    """A file that this process has locked, open for reading and writing.

    Parameters
    ----------
    path : str
        Where it is.
    descriptor : int
        Open and locked.
    """

    __slots__ = ("_descriptor", "_path", "is_used", "written")

    def __init__(self, path: str, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self.written = 0
        """Bytes written so far."""
        self.is_used = False
        """Whether it was written, be it with nothing."""

    def opened(self) -> OpenFile:
        """Return it as a file to read."""
        return posix.OpenFile(self._descriptor, os.fstat(self._descriptor).st_size, self._path)

    def write(self, start: int, data: bytes | memoryview) -> None:
        """Write all of `data` from a position on."""
        self.is_used = True
        done = 0
        with memoryview(data) as view:
            while done < len(view):
                piece = view[done : done + posix.AT_ONCE]
                count = perform("write", self._path, os.pwrite, self._descriptor, piece, start + done)
                done += count
                self.written += count

    def replace(self, data: bytes) -> None:
        """Make `data` all that it holds."""
        self.write(0, data)
        perform("truncate", self._path, os.ftruncate, self._descriptor, len(data))

    def release(self) -> None:
        """Let go of it; a file that nothing was written to is removed."""
        if self._descriptor not in _held:  # this is a child forked meanwhile: the lock is its parent's
            return
        try:
            if not self.is_used and not os.fstat(self._descriptor).st_size:
                posix.remove_quietly(self._path)
        finally:
            _close(self._descriptor)


def lock_file(path: str) -> CacheFile | None:
    """Lock a file of the cache, made with the folders above it if need be; wait while another holds it.

    Returns
    -------
    CacheFile or None
        None if in its place is a folder with something in it, or whoever gets it finds it gone, again and again.

    Raises
    ------
    StorageError
        If it cannot be made or locked.
    """
    for _ in range(_TRIES):
        descriptor = _open(path)
        if descriptor < 0:
            break
        try:
            perform("lock", path, fcntl.flock, descriptor, fcntl.LOCK_EX)
            if _is_at(descriptor, path):
                return CacheFile(path, descriptor)
        except BaseException:
            _close(descriptor)
            raise
        _close(descriptor)
    return None


@contextlib.contextmanager
def locked_if_free(path: str, *, make: bool = False) -> Iterator[int | None]:
    """Hold a file that is there, or with `make` one to read and write; None if somebody else holds it.

    Raises
    ------
    FileNotFoundError
        If there is none.
    StorageError
        If it cannot be opened, or not be locked.
    """
    descriptor = _open(path) if make else perform("open", path, os.open, path, _READ)
    if descriptor < 0:
        raise StorageError(f"{path} is a folder", hint="remove it: a file of the cache belongs there")
    _held.add(descriptor)
    try:
        yield descriptor if _is_locked(descriptor, path) and _is_at(descriptor, path) else None
    finally:
        _close(descriptor)


def remove_free_file(path: str) -> bool:
    """Remove a file of the cache, unless somebody holds it; tell whether it is gone."""
    try:
        with locked_if_free(path) as descriptor:
            return descriptor is not None and is_removed(path)
    except FileNotFoundError:
        return True
    except StorageError:  # nobody can hold what cannot be opened
        return is_removed(path)


@contextlib.contextmanager
def reading(path: str) -> Iterator[OpenFile | None]:
    """Open a file of the cache for reading, and note that it is in use; None if there is none that can be read."""
    try:
        file = posix.open_for_reading(path)
    except OSError:
        file = None
    try:
        if file is not None:
            _note_use(file.descriptor, path)
        yield file
    finally:
        if file is not None:
            os.close(file.descriptor)


def read_kept(file: OpenFile, start: int, length: int) -> bytes | None:
    """Read a part of a file of the cache, or return None if it was not written, or cannot be read."""
    if not length:
        return b""
    if start + length > file.size or _is_hole(file.descriptor, start, length):
        return None
    try:
        return posix.read_range(file, start, length)
    except OSError:
        return None


def make_folder(path: str) -> None:
    """Make a folder of the cache for its owner alone, with all above it."""
    above = os.path.dirname(path)
    if above != path and not os.path.isdir(above):
        make_folder(above)
    with contextlib.suppress(FileExistsError):
        perform("mkdir", path, os.mkdir, path, _OWN)


def _open(path: str) -> int:
    """Open a file for its holder; what lies there and is none of the cache's is removed, if that can be: else -1."""
    try:
        descriptor = _try_open(path)
    except FileNotFoundError:
        make_folder(os.path.dirname(path))
        descriptor = _try_open(path)
    if descriptor < 0:
        if not is_removed(path) and os.path.isdir(path):
            return -1
        descriptor = perform("open", path, os.open, path, _OPEN, 0o600)
    _held.add(descriptor)
    return descriptor


def _try_open(path: str) -> int:
    """Open a regular file, made if nothing is there; -1 if something else is."""
    try:
        descriptor = perform("open", path, os.open, path, _OPEN, 0o600)
    except StorageError as error:
        if posix.errno_of(error) in _FOREIGN:
            return -1
        raise
    if modes.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return -1


def _is_locked(descriptor: int, path: str) -> bool:
    try:
        perform("lock", path, fcntl.flock, descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except StorageError as error:
        if isinstance(error.__cause__, BlockingIOError):
            return False
        raise
    return True


def _is_at(descriptor: int, path: str) -> bool:
    """Tell whether an open file is still the one under its name."""
    try:
        named = os.lstat(path)
    except OSError:
        return False
    held = os.fstat(descriptor)
    return (held.st_dev, held.st_ino) == (named.st_dev, named.st_ino)


def is_removed(path: str) -> bool:
    """Remove what is at a path, a folder only if it is empty; tell whether it is gone."""
    remove = os.rmdir if os.path.isdir(path) and not os.path.islink(path) else os.unlink
    try:
        perform("unlink", path, remove, path)
    except FileNotFoundError:
        return True
    except StorageError:
        return False
    return True


def _note_use(descriptor: int, path: str) -> None:
    """Give a file today's date, by which the least recently used is found; where that cannot be, do without."""
    with contextlib.suppress(OSError):
        if time.time() - os.fstat(descriptor).st_mtime > _FRESH:
            perform("utime", path, os.utime, descriptor)


def _is_hole(descriptor: int, start: int, length: int) -> bool:
    """Tell whether nothing was written there: asking takes 1 µs, reading and digesting zeros far more."""
    try:
        return os.lseek(descriptor, start, os.SEEK_DATA) >= start + length
    except OSError as error:
        return error.errno == errno.ENXIO  # nothing but a hole up to the end; others cannot tell, and it is read


def _close(descriptor: int) -> None:
    _held.discard(descriptor)
    # Said aloud: a process forked meanwhile may hold a copy, and closing ours alone would not free the lock.
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def _close_copies() -> None:
    for descriptor in _held:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_close_copies)
