"""How a file gets its key in a store's folder: written in ``tmp/``, sealed, and then renamed to it, or linked.

A rename replaces what is there, a link fails if the key is taken, so that exactly one of many writers wins. Whoever
looks and then writes holds one lock file for the store. Which of these an object needs is decided by ``local.py``.
"""

# Paths are plain strings in this layer: pathlib costs more than some of the calls.
# ruff: noqa: PTH120

from __future__ import annotations

import errno
import os
import stat as modes
from typing import TYPE_CHECKING

from consist.blobs import layout, posix
from consist.blobs.folders import Folders, exclusive_lock, random_name
from consist.blobs.sharing import FOLDER_MODES, LOCK_MODES, SHARINGS
from consist.errors import AlreadyExistsError, SettingsError, StorageError
from consist.fileops import perform

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

_FILE_MODE = 0o444


class Publisher:
    """Gives files their keys in the folder of a store.

    Parameters
    ----------
    root : str
        The folder, absolute; made when something is first written, with the folders above it.
    durable : bool
        Sync files and folders.
    sharing : str
        One of `SHARINGS`: the modes of folders and of the lock.

    Raises
    ------
    SettingsError
        If `sharing` is something else.
    """

    def __init__(self, root: str, *, durable: bool, sharing: str) -> None:
        if sharing not in SHARINGS:
            raise SettingsError(f"sharing is one of {', '.join(SHARINGS)}, not {sharing!r}")
        self._root = root
        self._temp = f"{root}/{layout.TEMP}"
        self._durable = durable
        self._sharing = sharing
        self._folders = Folders(root, FOLDER_MODES[sharing], durable=durable)

    def new_temp(self) -> posix.TempFile:
        """Begin a file that has no key yet."""
        path = f"{self._temp}/{random_name()}"
        return self._folders.within(self._temp, lambda: posix.TempFile(path))

    def seal(self, temp: posix.TempFile) -> None:
        """Finish a temp file: read-only, on disk, closed."""
        temp.seal(mode=_FILE_MODE, durable=self._durable)

    def rename(self, temp: posix.TempFile, key: str) -> None:
        """Give a sealed temp file its key, replacing what may be there, but for a folder: it may hold anything."""
        target = self._path_of(key)
        try:
            self._into_folder("rename", os.replace, temp.path, target)
        except StorageError as error:
            if posix.errno_of(error) != errno.EISDIR:
                raise
            raise _folder_in_place(key, target) from error
        temp.published = True
        self.sync_folder_of(key)

    def link(self, temp: posix.TempFile, key: str) -> None:
        """Give a sealed temp file its key if that is free; the kernel decides among many.

        Raises
        ------
        AlreadyExistsError
            If it is not.
        """
        target = self._path_of(key)
        try:
            self._into_folder("link", os.link, temp.path, target)
        except FileExistsError:
            # A repeated NFS request is told that the link exists which its first try made: two names are the proof.
            if os.lstat(temp.path).st_nlink != 2:  # noqa: PLR2004 - the temp name and the final one
                if not self._is_cleared(key):
                    raise AlreadyExistsError(f"{key} is there already in {self._root}") from None
                self.link(temp, key)
                return
        except StorageError as error:
            if posix.errno_of(error) not in posix.NO_LINKS:
                raise
            self._rename_if_free(temp, key)
            return
        self.sync_folder_of(key)

    def locked(self) -> AbstractContextManager[None]:
        """Hold the store's lock, against all who look and then write."""
        return exclusive_lock(f"{self._root}/{layout.LOCK}", LOCK_MODES[self._sharing])

    def sync_folder_of(self, key: str) -> None:
        """Bring to disk which names the folder of a key holds."""
        if self._durable:
            posix.sync_folder(os.path.dirname(self._path_of(key)))

    # Parts ---------------------------------------------------------------------------------------------------------

    def _path_of(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _rename_if_free(self, temp: posix.TempFile, key: str) -> None:
        """Do what `link` does where the filesystem has no links: look and rename under the lock."""
        with self.locked():
            if modes.S_ISREG(_mode_of(self._path_of(key))):
                raise AlreadyExistsError(f"{key} is there already in {self._root}")
            self.rename(temp, key)

    def _is_cleared(self, key: str) -> bool:
        """Remove what is at a key and no object, such as a FIFO or a link; tell whether there was something.

        Else it would be taken for ever by what nobody can read. Under the lock, so that nobody else has removed it
        and published there meanwhile.
        """
        path = self._path_of(key)
        mode = _mode_of(path)
        if not mode or modes.S_ISREG(mode):  # nearly always: somebody was first
            return False
        with self.locked():
            mode = _mode_of(path)
            if modes.S_ISDIR(mode):  # which may hold anything
                raise _folder_in_place(key, path)
            if mode and not modes.S_ISREG(mode):
                perform("unlink", path, os.unlink, path)
        return True

    def _into_folder(self, operation: str, call: Callable[[str, str], None], source: str, target: str) -> None:
        """Rename or link into a folder that is nearly always there: try first, make it if not."""
        self._folders.within(target.rpartition("/")[0], lambda: perform(operation, target, call, source, target))


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
