"""The folders of a `LocalBackend`, made with their final mode, and its lock file."""

# Paths are plain strings in this layer: pathlib costs more than some of the calls.
# ruff: noqa: PTH112, PTH116, PTH120, PTH208

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat as modes
from typing import TYPE_CHECKING, TypeVar

from consist.blobs import layout, posix
from consist.errors import StorageError, UnsupportedError
from consist.fileops import perform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

_TRIES = 100
"""More than there can be writers that make one folder at one moment."""
_GROUP_BITS = 0o070
_TAKEN = frozenset({errno.ENOTEMPTY, errno.EEXIST})
_NO_LOCKS = frozenset({errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS})


def random_name() -> str:
    """Return a name that nobody else has: 64 random bits, from the kernel, so that a fork does not repeat them."""
    return os.urandom(8).hex()


class Folders:
    """Makes the folders of a store.

    Parameters
    ----------
    root : str
        The store's folder, absolute.
    mode : int
        Permission bits of every folder made, whatever the umask.
    durable : bool
        Bring each new name to disk.

    Examples
    --------
    >>> import tempfile
    >>> root = tempfile.mkdtemp() + "/store"
    >>> Folders(root, 0o700, durable=False).make(root + "/blobs/ab")
    >>> sorted(os.listdir(root))
    ['blobs', 'tmp']
    """

    def __init__(self, root: str, mode: int, *, durable: bool) -> None:
        self._root = root
        self._temp = f"{root}/{layout.TEMP}"
        self._mode = mode
        self._durable = durable

    def within(self, folder: str, call: Callable[[], T]) -> T:
        """Do something in a folder that is nearly always there: try first, make it if not.

        Parameters
        ----------
        folder : str
            A folder of the store.
        call : callable
            Raises `FileNotFoundError` if the folder is not there.

        Raises
        ------
        StorageError
            If that does not help: what `call` works on is missing itself.
        """
        for tries_left in reversed(range(_TRIES)):
            try:
                return call()
            except FileNotFoundError as error:  # not kept: a frame and its error hold each other, and all that is put
                if not tries_left:
                    raise StorageError(
                        f"cannot write in {folder}: a temp file is gone",
                        hint="was it swept while it was written? call again",
                    ) from error
            # While several writers make one folder, one may put its own in place of another's, which is empty still:
            # what the other was about to do there fails once more.
            with contextlib.suppress(FileNotFoundError):
                self.make(folder)
        raise AssertionError("the last try returns or raises")

    def make(self, path: str) -> None:
        """Make the folder `path` of the store, with all above it; those that are there are left alone.

        Raises
        ------
        StorageError
            If one cannot be made.
        """
        if not os.path.isdir(self._root):
            self._make_root()
        elif self._mode & _GROUP_BITS and not os.listdir(self._root):
            self._share_root()
        self._make_one(self._temp)  # first: the others are made in it
        folder = self._root
        for name in path[len(self._root) + 1 :].split("/"):
            folder = f"{folder}/{name}"
            self._make_one(folder)

    def _make_one(self, folder: str) -> None:
        """Make one folder elsewhere and rename it, so that it appears with its final mode.

        A writer killed between mkdir and chmod must not leave a folder that shuts the group out for ever. The rename
        may replace an empty folder that another writer just made; it fails if something is in it already.
        """
        if os.path.isdir(folder):
            return
        staged = f"{self._temp}-{random_name()}" if folder == self._temp else f"{self._temp}/{random_name()}"
        try:
            perform("mkdir", staged, os.mkdir, staged, 0o700)
            posix.change_mode(staged, self._mode)
            perform("rename", folder, os.rename, staged, folder)
        except (StorageError, FileExistsError) as error:
            with contextlib.suppress(StorageError, FileNotFoundError):
                perform("rmdir", staged, os.rmdir, staged)
            if isinstance(error, StorageError) and posix.errno_of(error) not in _TAKEN:
                raise
        self._sync_above(folder)

    def _make_root(self) -> None:
        """Make the root and what is missing above it; the latter is the user's, and as the umask wants it."""
        missing = [self._root]
        while not os.path.isdir(parent := os.path.dirname(missing[-1])) and parent != missing[-1]:
            missing.append(parent)
        for path in reversed(missing):
            with contextlib.suppress(FileExistsError):
                perform("mkdir", path, os.mkdir, path, 0o700 if path == self._root else 0o777)
                if path == self._root:
                    posix.change_mode(path, self._mode)
            self._sync_above(path)

    def _share_root(self) -> None:
        """Open an empty root to the group: a user made it for this, or a writer that was killed in `_make_root`."""
        found = os.stat(self._root)
        if found.st_uid == os.geteuid() and modes.S_IMODE(found.st_mode) != self._mode:
            posix.change_mode(self._root, self._mode)

    def _sync_above(self, folder: str) -> None:
        if self._durable:
            posix.sync_folder(os.path.dirname(folder))


@contextlib.contextmanager
def exclusive_lock(path: str, mode: int) -> Iterator[None]:
    """Hold a lock file; each holder opens it anew, so threads exclude each other as processes do.

    Parameters
    ----------
    path : str
        The lock file, made if need be; its folder must exist, otherwise `FileNotFoundError`.
    mode : int
        Its permission bits; they get back what the umask took.

    Raises
    ------
    UnsupportedError
        If the filesystem has no locks.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = perform("open", path, os.open, path, flags, mode)
    try:
        found = os.fstat(descriptor)
        if found.st_uid == os.geteuid() and modes.S_IMODE(found.st_mode) != mode:
            posix.change_mode(path, mode, descriptor=descriptor)
        try:
            perform("flock", path, fcntl.flock, descriptor, fcntl.LOCK_EX)
        except StorageError as error:
            if posix.errno_of(error) not in _NO_LOCKS:
                raise
            raise UnsupportedError(
                f"cannot lock {path}: its filesystem has no file locks", hint="choose another folder for the store"
            ) from error
        yield
    finally:
        # Said aloud: a process forked meanwhile holds a copy, and closing ours alone would not free the lock.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)
