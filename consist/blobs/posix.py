"""POSIX file primitives with the care that a store needs: whole writes, syncs, temp files, reads without surprises.

Every call that changes a file passes through `consist.fileops.perform`. Nothing here knows of keys or digests; what
makes a safe *publish* out of these is ``publishing.py``.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat as modes
import sys
from typing import TYPE_CHECKING, NamedTuple, Self

from consist.errors import StorageError
from consist.fileops import perform, storage_error

if TYPE_CHECKING:
    from types import TracebackType

NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
"""For a file of our own that nobody has yet; it is read, too, by who looks at what was written."""
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""Non-blocking, so that a pipe somebody left in the store cannot hang a reader; files do not care."""

_UNABLE = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
_UNABLE_TO_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})

NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EXDEV})
"""What `link` answers on filesystems without hard links (FAT, SMB, some FUSE), or without them across folders (AFS)."""

_FULL_SYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)


AT_ONCE = 512 << 10
"""Bytes that are read or written by one call at the most, where many are to be. On ext4 of Linux 6.18 a GiB was written
in 0.21 s so, and in 0.88 s by pieces of 4 MiB, for which the kernel looks for as much memory in one piece."""

_send = getattr(os, "sendfile", None) if sys.platform == "linux" else None
"""Copies between two files within the system. Elsewhere it is for sockets only, if it is there."""
_UNABLE_TO_SEND = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})

CAN_SEND = _send is not None
"""Whether `Growing.add_from` copies within the system."""


class Growing:
    """A new file that is written from its start to its end.

    Parameters
    ----------
    descriptor : int
        Of the file, which is empty; open for reading, too.
    path : str
        Its path, for messages.

    Attributes
    ----------
    size : int
        Bytes written so far.
    """

    __slots__ = ("_descriptor", "path", "size")

    def __init__(self, descriptor: int, path: str) -> None:
        self._descriptor = descriptor
        self.path = path
        self.size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write all of `data`: one call may take only a part, on a disk that fills up."""
        done = perform("write", self.path, os.write, self._descriptor, data) if len(data) <= AT_ONCE else 0
        if done != len(data):
            with memoryview(data) as view:
                while done < len(view):
                    done += perform("write", self.path, os.write, self._descriptor, view[done : done + AT_ONCE])
        self.size += done

    def add_from(self, source: OpenFile, start: int, length: int) -> None:
        """Write what another file has from `start` on, or what there is of it.

        Within the system where that can be: a GiB took 0.27 s, as by `cp`, and 0.34 to 0.47 s by reading and writing.
        """
        while _send is not None and length > 0:
            try:
                done = perform("write", self.path, _send, self._descriptor, source.descriptor, start, length)
            except StorageError as error:
                if errno_of(error) == errno.EIO:  # of one of the two
                    _read(source, start, length)
                if errno_of(error) not in _UNABLE_TO_SEND:
                    raise
                break
            if not done:
                return
            self.size += done
            start, length = start + done, length - done
        while piece := _read(source, start, length):
            self.write(piece)
            start, length = start + len(piece), length - len(piece)

    def read_into(self, room: memoryview, start: int) -> int:
        """Fill a buffer with what was written from `start` on; return how many bytes of it are filled."""
        try:
            return os.preadv(self._descriptor, [room], start)
        except OSError as error:
            raise storage_error("read", self.path, error) from error

    def begin_again(self) -> None:
        """Take back all that was written."""
        perform("truncate", self.path, os.ftruncate, self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self.size = 0


class TempFile(Growing):
    """A new file on its way: written, sealed, then published by its owner or discarded.

    Leaving the context closes it, and removes it unless `published` was set.

    Parameters
    ----------
    path : str
        Where; nothing may be there yet. Its folder must exist, otherwise `FileNotFoundError`.
    mode : int
        Permission bits to begin with; the umask takes its share.
    """

    __slots__ = ("published",)

    def __init__(self, path: str, mode: int = 0o600) -> None:
        self.published = False
        super().__init__(perform("open", path, os.open, path, NEW, mode), path)

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
    try:  # noqa: SIM105 - on the way of every miss
        perform("unlink", path, os.unlink, path)
    except (StorageError, FileNotFoundError):
        pass


def try_to_remove(path: str) -> bool:
    """Remove what is at a path, a folder only if it is empty; tell whether it is gone."""
    remove = os.rmdir if os.path.isdir(path) and not os.path.islink(path) else os.unlink  # noqa: PTH112, PTH114
    try:
        perform("unlink", path, remove, path)
    except FileNotFoundError:
        return True
    except StorageError:
        return False
    return True


_NO_FILE = frozenset({errno.ELOOP, errno.ENXIO, errno.EOPNOTSUPP})
"""What opening says of a link, and of a socket on Linux and on macOS."""


class OpenFile(NamedTuple):
    """A regular file, open for reading."""

    descriptor: int
    size: int
    path: str


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
        if error.errno in _NO_FILE:
            return None
        raise storage_error("read", path, error) from error
    found = os.fstat(descriptor)
    if not modes.S_ISREG(found.st_mode):
        os.close(descriptor)
        return None
    return OpenFile(descriptor, found.st_size, path)


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


def _read(source: OpenFile, start: int, length: int) -> bytes:
    """Read the next bytes of so many; none where the file ends."""
    try:
        return read_range(source, start, min(length, AT_ONCE))
    except OSError as error:
        raise storage_error("read", source.path, error) from error
