"""A folder as a `Backend`: what is published is whole, on disk, read-only, and there once.

Content-named objects are written to ``tmp/``, synced, and renamed to their key: the name says what the bytes are, so
replacing is harmless and heals. Control objects are linked to their key instead, which fails if the key is taken, so
exactly one of many writers wins. Compare-and-swap and deletion hold one lock file for the store.

It is not a lock manager for readers: they never wait, since nothing is ever changed in place. How a file gets its key
is in ``publishing.py``.
"""

# Paths are plain strings in this layer: pathlib costs more than some of the calls.
# ruff: noqa: PTH100

from __future__ import annotations

import errno
import os
import stat as modes
from typing import TYPE_CHECKING

from consist.blobs import layout, posix
from consist.blobs.backend import Capabilities, ObjectStat, Versioned, require_range, require_version
from consist.blobs.publishing import Publisher
from consist.blobs.sharing import PRIVATE
from consist.errors import BlobNotFoundError, ChangedError, StorageError
from consist.fileops import perform, storage_error
from consist.hashing.hasher import hash_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from consist.blobs.backend import Range


_EVERYTHING = Capabilities(create=True, replace=True, files=True)  # frozen, and asked for twice by every hit


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
        self._root = os.path.abspath(root)
        self._publisher = Publisher(self._root, durable=durable, sharing=sharing)

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
        return LocalUpload(self._publisher)

    def create(self, key: str, data: bytes) -> None:
        """Publish a control object if the key is free, otherwise `AlreadyExistsError`."""
        with self._publisher.new_temp() as temp:
            temp.write(data)
            self._publisher.seal(temp)
            self._publisher.link(temp, key)

    def replace(self, key: str, data: bytes, *, if_match: str) -> None:
        """Publish a control object if the key still holds the version `if_match`, otherwise `ChangedError`."""
        with self._publisher.new_temp() as temp:
            temp.write(data)
            self._publisher.seal(temp)
            with self._publisher.locked():  # for the look and the rename only: the slow part is done
                require_version(self, key, if_match)
                self._publisher.rename(temp, key)

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Remove an object; with `if_match` only that version of it, otherwise `ChangedError`.

        Takes the lock in any case: a deletion between the look and the rename of a `replace` would be undone by it.
        """
        path = self.path_of(key)
        try:
            with self._publisher.locked():
                if if_match is not None:
                    require_version(self, key, if_match)
                perform("unlink", path, os.unlink, path)
        except FileNotFoundError:
            if if_match is not None:
                raise ChangedError(f"{key} in {self.url} is gone") from None
            return
        self._publisher.sync_folder_of(key)

    def sweep(self, older_than: float) -> int:
        """Remove temp files and half-made folders of killed writers that are `older_than` seconds old or older."""
        left_over = self._left_over()
        now = self._clock() if left_over else 0.0
        return sum(_swept(path, now - older_than) for path in left_over)

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
        require_range(start, length)
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
                if layout.is_own(key) or not _is_text(name):
                    continue
                try:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(key)
                        continue
                    found = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    raise storage_error("list", entry.path, error) from error
                if modes.S_ISREG(found.st_mode):
                    yield ObjectStat(key, found.st_size, found.st_mtime)

    def path_of(self, key: str) -> str:
        """Return the local path of a key."""
        return f"{self._root}/{key}"

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
        with self._publisher.new_temp() as probe:
            return os.lstat(probe.path).st_mtime


class LocalUpload:
    """An object on its way into a `LocalBackend`: a temp file that `publish` renames."""

    __slots__ = ("_publisher", "_temp")

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._temp = publisher.new_temp()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add the next piece."""
        self._temp.write(data)

    def publish(self, key: str) -> None:
        """Make it visible under `key`, whole."""
        self._publisher.seal(self._temp)
        self._publisher.rename(self._temp, key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._temp.__exit__(kind, error, trace)


def _swept(path: str, before: float) -> bool:
    """Remove a left-over that was last changed until then; tell whether it went."""
    try:
        found = os.lstat(path)
        if found.st_mtime > before:
            return False
        perform("unlink", path, os.rmdir if modes.S_ISDIR(found.st_mode) else os.unlink, path)
    except FileNotFoundError:
        return False
    except StorageError as error:
        if posix.errno_of(error) != errno.ENOTEMPTY:  # a folder of somebody's: those of writers are empty
            raise
        return False
    return True


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
