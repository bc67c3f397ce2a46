"""A folder as a `Backend`: what is published is whole, on disk, read-only, and there once.

Content-named objects are written to ``tmp/``, synced, and renamed to their key: the name says what the bytes are, so
replacing is harmless and heals. Control objects are linked to their key instead, which fails if the key is taken, so
exactly one of many writers wins. Compare-and-swap and deletion hold one lock file for the store.

It is not a lock manager for readers: they never wait, since nothing is ever changed in place.
"""

# Paths are plain strings in this layer: pathlib costs more than some of the calls.
# ruff: noqa: PTH100, PTH120

from __future__ import annotations

import contextlib
import errno
import os
import stat as modes
from typing import TYPE_CHECKING

from consist.blobs import layout, posix
from consist.blobs.backend import Capabilities, ObjectStat, Versioned, require_version
from consist.blobs.folders import Folders, exclusive_lock, random_name
from consist.errors import (
    AlreadyExistsError,
    BlobNotFoundError,
    ChangedError,
    SettingsError,
    StorageError,
    UsageError,
)
from consist.fileops import perform, storage_error
from consist.hashing.hasher import hash_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Self

    from consist.blobs.backend import Range

PRIVATE = "private"
GROUP_READ = "group-read"
GROUP = "group"
_FOLDER_MODES = {PRIVATE: 0o700, GROUP_READ: 0o2750, GROUP: 0o2770}
_LOCK_MODES = {PRIVATE: 0o600, GROUP_READ: 0o600, GROUP: 0o660}
_EVERYTHING = Capabilities(create=True, replace=True, files=True)  # frozen, and asked for twice by every hit
_FILE_MODE = 0o444

_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EXDEV})
"""What `link` answers on filesystems without hard links (FAT, SMB, some FUSE), or without them across folders (AFS)."""


class LocalBackend:
    """Objects as files of a folder.

    Parameters
    ----------
    root : str
        The folder; made on the first write, with the folders above it. One that is there already keeps its mode.
    durable : bool
        Sync files and folders, so that what was published survives a crash of the machine. Without it a put is
        some 20 times faster, and a crash of the *machine* (not of the process) may lose or truncate the newest
        objects.
    sharing : {"private", "group-read", "group"}
        Folders for their owner alone (0700), for a group to read (02750), or for a group (02770). New files get the
        folder's group.

    Raises
    ------
    SettingsError
        If `sharing` is something else.

    Examples
    --------
    >>> import tempfile
    >>> backend = LocalBackend(tempfile.mkdtemp())
    >>> backend.put("blobs/ab/cd", b"content")
    >>> backend.get_range("blobs/ab/cd", 3, 100)
    b'tent'
    >>> [found.key for found in backend.list("blobs")]
    ['blobs/ab/cd']
    """

    def __init__(self, root: str, *, durable: bool = True, sharing: str = PRIVATE) -> None:
        if sharing not in _FOLDER_MODES:
            raise SettingsError(f"sharing is one of {', '.join(_FOLDER_MODES)}, not {sharing!r}")
        self._root = os.path.abspath(root)
        self._temp = f"{self._root}/{layout.TEMP}"
        self._lock = f"{self._root}/{layout.LOCK}"
        self._durable = durable
        self._sharing = sharing
        self._folders = Folders(self._root, _FOLDER_MODES[sharing], durable=durable)

    @property
    def url(self) -> str:
        """The folder."""
        return self._root

    @property
    def capabilities(self) -> Capabilities:
        """Everything: the kernel is the referee."""
        return _EVERYTHING

    def __repr__(self) -> str:
        return f"LocalBackend({self._root!r})"

    # Writing -------------------------------------------------------------------------------------------------------

    def put(self, key: str, data: bytes) -> None:
        """Publish a small content-named object, replacing what may be there."""
        with self.upload() as upload:
            upload.write(data)
            upload.publish(key)

    def put_many(self, items: Sequence[tuple[str, bytes]]) -> None:
        """Publish many small content-named objects, one after the other."""
        for key, data in items:
            self.put(key, data)

    def upload(self) -> LocalUpload:
        """Begin a content-named object of any size."""
        return LocalUpload(self, self._new_temp())

    def create(self, key: str, data: bytes) -> None:
        """Publish a control object if the key is free, otherwise `AlreadyExistsError`."""
        with self._new_temp() as temp:
            temp.write(data)
            self.seal(temp)
            self._link(temp, key)

    def replace(self, key: str, data: bytes, *, if_match: str) -> None:
        """Publish a control object if the key still holds the version `if_match`, otherwise `ChangedError`."""
        with self._new_temp() as temp:
            temp.write(data)
            self.seal(temp)
            with self._locked():  # for the look and the rename only: the slow part is done
                require_version(self, key, if_match)
                self.rename(temp, key)

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Remove an object; with `if_match` only that version of it, otherwise `ChangedError`.

        Takes the lock in any case: a deletion between the look and the rename of a `replace` would be undone by it.
        """
        path = self.path_of(key)
        try:
            with self._locked():
                if if_match is not None:
                    require_version(self, key, if_match)
                perform("unlink", path, os.unlink, path)
        except FileNotFoundError:
            if if_match is not None:
                raise ChangedError(f"{key} in {self.url} is gone") from None
            return
        if self._durable:
            posix.sync_folder(os.path.dirname(path))

    def sweep(self, older_than: float) -> int:
        """Remove temp files and half-made folders of killed writers that are `older_than` seconds old or older."""
        left_over = self._left_over()
        if not left_over:
            return 0
        now = self._clock()
        count = 0
        for path in left_over:
            with contextlib.suppress(FileNotFoundError):
                found = os.lstat(path)
                if now - found.st_mtime < older_than:
                    continue
                remove = os.rmdir if modes.S_ISDIR(found.st_mode) else os.unlink
                perform("unlink", path, remove, path)
                count += 1
        return count

    # Reading -------------------------------------------------------------------------------------------------------

    def get(self, key: str) -> bytes:
        """Return an object whole."""
        return self._read(key, posix.read_whole)

    def get_versioned(self, key: str) -> Versioned:
        """Return a control object and its version: the digest of its bytes, which hold a nonce."""
        data = self.get(key)
        return Versioned(data, hash_bytes(data).hex)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return `length` bytes from `start`; fewer, or none, where the object ends before."""
        if start < 0 or length < 0:
            raise UsageError(f"a range begins and ends at or after 0, not {start}+{length}")
        return self._read(key, lambda file: posix.read_range(file, start, length))

    def get_ranges(self, ranges: Sequence[Range]) -> Sequence[bytes | memoryview]:
        """Return what `get_range` does of each."""
        return [self.get_range(*wanted) for wanted in ranges]

    def stat(self, key: str) -> ObjectStat | None:
        """Return what is known of an object, or None if the key is free."""
        path = self.path_of(key)
        try:
            found = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise storage_error("stat", path, error) from error
        return ObjectStat(key, found.st_size, found.st_mtime) if modes.S_ISREG(found.st_mode) else None

    def stat_many(self, keys: Sequence[str]) -> Sequence[ObjectStat | None]:
        """Return what `stat` does of each."""
        return [self.stat(key) for key in keys]

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        """Yield the objects in the folder `prefix` and below, in any order.

        Temp files, links, hidden files (what network filesystems and desktops leave) and names that are no text are
        passed over.
        """
        folders = [prefix]
        while folders:
            folder = folders.pop()
            for entry in self._entries(folder):
                name = entry.name
                key = f"{folder}/{name}" if folder else name
                if name.startswith(".") or not _is_text(name) or _is_own(key):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(key)
                elif entry.is_file(follow_symlinks=False):
                    with contextlib.suppress(FileNotFoundError):
                        found = entry.stat(follow_symlinks=False)
                        yield ObjectStat(key, found.st_size, found.st_mtime)

    def path_of(self, key: str) -> str:
        """Return the local path of a key."""
        return f"{self._root}/{key}"

    # Steps of a publish; `LocalUpload` uses the first two ----------------------------------------------------------

    def seal(self, temp: posix.TempFile) -> None:
        """Finish a temp file: read-only, on disk, closed."""
        temp.seal(mode=_FILE_MODE, durable=self._durable)

    def rename(self, temp: posix.TempFile, key: str) -> None:
        """Give a sealed temp file its key, replacing what may be there, but for a folder: it may hold anything."""
        target = self.path_of(key)
        try:
            self._into_folder("rename", os.replace, temp.path, target)
        except StorageError as error:
            if posix.errno_of(error) != errno.EISDIR:
                raise
            raise _folder_in_place(key, target) from error
        temp.published = True
        self._sync_folder_of(target)

    def _link(self, temp: posix.TempFile, key: str) -> None:
        """Give a sealed temp file its key if that is free; the kernel decides among many."""
        target = self.path_of(key)
        try:
            self._into_folder("link", os.link, temp.path, target)
        except FileExistsError:
            # A repeated NFS request is told that the link exists which its first try made: two names are the proof.
            if os.lstat(temp.path).st_nlink != 2:  # noqa: PLR2004 - the temp name and the final one
                if not self._is_cleared(key):
                    raise AlreadyExistsError(f"{key} is there already in {self.url}") from None
                self._link(temp, key)
                return
        except StorageError as error:
            if posix.errno_of(error) not in _NO_LINKS:
                raise
            self._rename_if_free(temp, key)
            return
        self._sync_folder_of(target)

    def _rename_if_free(self, temp: posix.TempFile, key: str) -> None:
        """Do what `_link` does where the filesystem has no links: look and rename under the lock."""
        with self._locked():
            if modes.S_ISREG(_mode_of(self.path_of(key))):
                raise AlreadyExistsError(f"{key} is there already in {self.url}")
            self.rename(temp, key)

    def _is_cleared(self, key: str) -> bool:
        """Remove what is at a key and no object, such as a FIFO or a link; tell whether there was something.

        Else it would be taken for ever by what nobody can read. Under the lock, so that nobody else has removed it
        and published there meanwhile.
        """
        path = self.path_of(key)
        mode = _mode_of(path)
        if not mode or modes.S_ISREG(mode):  # nearly always: somebody was first
            return False
        with self._locked():
            mode = _mode_of(path)
            if modes.S_ISDIR(mode):  # which may hold anything
                raise _folder_in_place(key, path)
            if mode and not modes.S_ISREG(mode):
                perform("unlink", path, os.unlink, path)
        return True

    def _sync_folder_of(self, target: str) -> None:
        if self._durable:
            posix.sync_folder(os.path.dirname(target))

    def _into_folder(self, operation: str, call: Callable[[str, str], None], source: str, target: str) -> None:
        """Rename or link into a folder that is nearly always there: try first, make it if not."""
        self._folders.within(target.rpartition("/")[0], lambda: perform(operation, target, call, source, target))

    def _new_temp(self) -> posix.TempFile:
        path = f"{self._temp}/{random_name()}"
        return self._folders.within(self._temp, lambda: posix.TempFile(path))

    # Looking -------------------------------------------------------------------------------------------------------

    def _read(self, key: str, read: Callable[[posix.OpenFile], bytes]) -> bytes:
        file = posix.open_for_reading(self.path_of(key))
        if file is None:
            raise BlobNotFoundError(f"no object {key} in {self.url}")
        try:
            return read(file)
        except OSError as error:
            raise storage_error("read", self.path_of(key), error) from error
        finally:
            os.close(file.descriptor)

    def _locked(self) -> AbstractContextManager[None]:
        return exclusive_lock(self._lock, _LOCK_MODES[self._sharing])

    def _entries(self, folder: str) -> Sequence[os.DirEntry[str]]:
        """Read one folder at once, so that no descriptor stays open while the caller works; none if it is gone."""
        path = self.path_of(folder)
        try:
            with os.scandir(path) as entries:
                return [*entries]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise storage_error("list", path, error) from error

    def _left_over(self) -> Sequence[str]:
        """Find every temp file and staged folder, of live writers too."""
        found = [entry.path for entry in self._entries(layout.TEMP)]
        return found + [entry.path for entry in self._entries("") if entry.name.startswith(f"{layout.TEMP}-")]

    def _clock(self) -> float:
        """Ask the filesystem what time it is: a file server's clock is not ours."""
        with self._new_temp() as probe:
            return os.lstat(probe.path).st_mtime


class LocalUpload:
    """An object on its way into a `LocalBackend`: a temp file that `publish` renames."""

    __slots__ = ("_backend", "_temp")

    def __init__(self, backend: LocalBackend, temp: posix.TempFile) -> None:
        self._backend = backend
        self._temp = temp

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add the next piece."""
        self._temp.write(data)

    def publish(self, key: str) -> None:
        """Make it visible under `key`, whole."""
        self._backend.seal(self._temp)
        self._backend.rename(self._temp, key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._temp.__exit__(kind, error, trace)


def _mode_of(path: str) -> int:
    """Return the mode of what is at a path, not of what a link leads to; 0 if nothing is."""
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        return 0


def _folder_in_place(key: str, path: str) -> StorageError:
    return StorageError(
        f"cannot write {key}: the folder {path} is in its place", hint="remove it: no folder belongs there"
    )


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_own(key: str) -> bool:
    """Tell the folder's own furniture from objects."""
    return key in {layout.TEMP, layout.LOCK} or key.startswith((f"{layout.TEMP}-", f"{layout.TEMP}/"))
