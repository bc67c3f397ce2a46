"""The files of a read cache: opened, locked and mended. What they hold, and whether that is right, others decide.

A file is its own lock (``lockedfiles.py``), and written by its holder alone. Readers take no lock, since all that they
read is compared with a digest.
"""

# Paths are plain strings in this layer: pathlib costs more than some of the calls.
# ruff: noqa: PTH112, PTH120

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat as modes
import time
from typing import TYPE_CHECKING

from consist.blobs import posix
from consist.blobs.lockedfiles import SAFELY, close_lock, is_at, is_held, note_held, open_lock
from consist.errors import StorageError, StoragePermissionError
from consist.fileops import perform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.blobs.posix import OpenFile

_READ = os.O_RDONLY | SAFELY
ADD = os.O_WRONLY | os.O_CREAT | os.O_APPEND | SAFELY
_OWN = 0o700
_MODE = 0o600

_TRIES = 100
"""More than a file can be unlinked by others in a row, and fewer than for ever."""

_FRESH = 3600.0
"""Seconds for which a file counts as used just now: so long a reader need not write its date again."""


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
        if not is_held(self._descriptor):  # this is a child forked meanwhile: the lock is its parent's
            return
        try:
            if not self.is_used and not os.fstat(self._descriptor).st_size:
                posix.remove_quietly(self._path)
        finally:
            close_lock(self._descriptor)


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
        try:
            descriptor = _open(path)
        except StorageError as error:
            if posix.errno_of(error) == errno.EISDIR:
                break
            raise
        try:
            perform("lock", path, fcntl.flock, descriptor, fcntl.LOCK_EX)
            if is_at(descriptor, path):
                return CacheFile(path, descriptor)
        except BaseException:
            close_lock(descriptor)
            raise
        close_lock(descriptor)
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
    note_held(descriptor)
    try:
        yield descriptor if _is_locked(descriptor, path) and is_at(descriptor, path) else None
    finally:
        close_lock(descriptor)


def remove_free_file(path: str) -> bool:
    """Remove a file of the cache, unless somebody holds it; tell whether it is gone."""
    try:
        with locked_if_free(path) as descriptor:
            return descriptor is not None and posix.try_to_remove(path)
    except FileNotFoundError:
        return True
    except StorageError:  # nobody can hold what cannot be opened
        return posix.try_to_remove(path)


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
    """Open a file for its holder; one that was shut, and a FIFO, are none of the cache's, and go."""
    with contextlib.suppress(StoragePermissionError):
        descriptor = open_lock(path, _MODE, make_folder)
        if modes.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        close_lock(descriptor)
    posix.try_to_remove(path)
    return open_lock(path, _MODE, make_folder)


def _is_locked(descriptor: int, path: str) -> bool:
    try:
        perform("lock", path, fcntl.flock, descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except StorageError as error:
        if isinstance(error.__cause__, BlockingIOError):
            return False
        raise
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
