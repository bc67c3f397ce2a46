"""POSIX file primitives with the care that a store needs: whole writes, syncs, temp files, reads without surprises.

Every call that changes a file passes through `consist.fileops.perform`. Nothing here knows of keys or digests; what
makes a safe *publish* out of these is ``local.py``.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat as modes
from typing import TYPE_CHECKING, NamedTuple, Self

from consist.errors import StorageError
from consist.fileops import perform, storage_error

if TYPE_CHECKING:
    from types import TracebackType

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""Non-blocking, so that a pipe somebody left in the store cannot hang a reader; files do not care."""

_UNABLE = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
_UNABLE_TO_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})

_FULL_SYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)


class TempFile:
    """A new file on its way: written, sealed, then published by its owner or discarded.

    Leaving the context closes it, and removes it unless `published` was set.

    Parameters
    ----------
    path : str
        Where; nothing may be there yet. Its folder must exist, otherwise `FileNotFoundError`.
    mode : int
        Permission bits to begin with; the umask takes its share.
    """

    __slots__ = ("_descriptor", "path", "published")

    def __init__(self, path: str, mode: int = 0o600) -> None:
        self.path = path
        self.published = False
        self._descriptor = perform("open", path, os.open, path, _NEW, mode)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write all of `data`: one call may take only a part, on a disk that fills up or beyond 2 GiB."""
        done = perform("write", self.path, os.write, self._descriptor, data)
        if done != len(data):
            with memoryview(data) as view:
                while done < len(view):
                    done += perform("write", self.path, os.write, self._descriptor, view[done:])

    def seal(self, *, mode: int | None, durable: bool) -> None:
        """Set the final permissions (None: leave them), bring all to disk if `durable`, and close.

        The permissions come before the sync, so that the sync covers them.
        """
        if mode is not None:
            change_mode(self.path, mode, descriptor=self._descriptor)
        if durable:
            sync(self._descriptor, self.path)
        descriptor, self._descriptor = self._descriptor, -1
        try:
            os.close(descriptor)
        except OSError as error:  # NFS reports a failed write here
            raise storage_error("close", self.path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            with contextlib.suppress(OSError):
                os.close(descriptor)
        if not self.published:
            remove_quietly(self.path)


def errno_of(error: StorageError) -> int | None:
    """Return the number of the `OSError` that a `StorageError` was made of."""
    cause = error.__cause__
    return cause.errno if isinstance(cause, OSError) else None


def change_mode(path: str, mode: int, *, descriptor: int | None = None) -> None:
    """Set permission bits in spite of the umask; where the filesystem keeps none, go on without."""
    try:
        if descriptor is None:
            perform("chmod", path, os.chmod, path, mode)
        else:
            perform("chmod", path, os.fchmod, descriptor, mode)
    except StorageError as error:
        if errno_of(error) not in _UNABLE:
            raise


def sync(descriptor: int, path: str) -> None:
    """Bring a file's bytes to the disk itself; on macOS `fsync` alone stops at the disk's cache."""
    if _FULL_SYNC is not None:
        with contextlib.suppress(StorageError):
            perform("fsync", path, fcntl.fcntl, descriptor, _FULL_SYNC)
            return
    perform("fsync", path, os.fsync, descriptor)


def sync_folder(path: str) -> None:
    """Bring a folder's entries to disk, so that a published name survives a crash; some filesystems cannot."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise storage_error("open", path, error) from error
    try:
        perform("fsync", path, os.fsync, descriptor)
    except StorageError as error:
        if errno_of(error) not in _UNABLE_TO_SYNC:
            raise
    finally:
        os.close(descriptor)


def remove_quietly(path: str) -> None:
    """Remove a temp file; if that fails too, it is left for a sweep, and the first error is the one to report."""
    with contextlib.suppress(StorageError, FileNotFoundError):
        perform("unlink", path, os.unlink, path)


class OpenFile(NamedTuple):
    """A regular file, open for reading."""

    descriptor: int
    size: int


def open_for_reading(path: str) -> OpenFile | None:
    """Open a regular file, not a link; None if no such file is there.

    Raises
    ------
    StorageError
        If it is there and cannot be opened.
    """
    try:
        descriptor = os.open(path, _READ)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None
        raise storage_error("read", path, error) from error
    found = os.fstat(descriptor)
    if not modes.S_ISREG(found.st_mode):
        os.close(descriptor)
        return None
    return OpenFile(descriptor, found.st_size)


def read_whole(file: OpenFile) -> bytes:
    """Read a file from start to end."""
    data = os.read(file.descriptor, file.size + 1)
    if len(data) == file.size:
        return data
    pieces = [data]
    while piece := os.read(file.descriptor, 1 << 20):
        pieces.append(piece)
    return b"".join(pieces)


def read_range(file: OpenFile, start: int, length: int) -> bytes:
    """Read `length` bytes from `start`, or what there is of them."""
    missing = min(length, file.size - start)  # room is taken for what is asked, not for what comes
    pieces = []
    while missing > 0 and (piece := os.pread(file.descriptor, missing, start)):
        pieces.append(piece)
        start += len(piece)
        missing -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
