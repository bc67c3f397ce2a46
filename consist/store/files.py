"""Digests of input files, through the index's stat cache: an unchanged file costs a `stat`.

The rules, each against one way of reading old bytes under a new name:

- a cached digest holds only while size, mtime, ctime (ns) and inode are what they were;
- the file is read as it was at one moment (``hashing/steady.py``);
- nothing is cached for a file changed less than two seconds before it was looked at: file systems stamp times
  coarsely, so a later write within the same tick would look like no write (git calls such an entry "racily clean").
"""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING

from consist.errors import DamagedError, InputError
from consist.hashing.hasher import Hashed
from consist.hashing.steady import digest_steadily, stamp
from consist.index.filestat import FileEntry

if TYPE_CHECKING:
    from collections.abc import Callable

    from consist.index.index import Index

SETTLE_SECONDS = 2.0


class FileDigests:
    """Digests files, and remembers.

    Parameters
    ----------
    index : Index
        Keeps the stat cache.
    own : tuple of str
        The folder and files that consist itself writes to: the store, if it is a folder, and the index.
    """

    def __init__(self, index: Index, own: tuple[str, ...] = ()) -> None:
        self._index = index
        self._own = own
        self.told: Callable[[int], object] = int
        """Told the bytes of each piece that is read, where whoever asks for a digest names nobody."""

    def refuse_own(self, folder: str) -> None:
        """Refuse a folder that holds the store or the index: it changes with every run, so no run with it is found.

        Raises
        ------
        InputError
            The message names what it holds.
        """
        real = os.path.realpath(folder)
        for place in self._own:
            own = os.path.realpath(place)
            if os.path.commonpath((real, own)) == real:
                raise InputError(
                    f"the folder {folder} holds {place}, which is consist's own and changes with every run",
                    hint="name a folder in it with the data only, or keep the store elsewhere (`db_path`, `store`)",
                )

    def digest(self, path: str, seen: Callable[[int], object] | None = None) -> Hashed:
        """Return the digest and size of a file.

        Parameters
        ----------
        path : str
            A file; a relative path is relative to the working folder.
        seen : callable, optional
            Told the bytes of each piece that was read, to show how far it has come. Default: `told`.

        Raises
        ------
        InputError
            If it is missing, unreadable, no file, or keeps changing.
        """
        path = os.path.abspath(path)  # noqa: PTH100 - a third of pathlib's time, on a hot path
        looked_at = time.time()  # before the look: a write after it has a later time, if only by the clock's tick
        before = _look(path)
        known = self._known(path)
        if known is not None and known[:-1] == stamp(before)[:-1]:
            return Hashed(known.digest, known.size)
        try:
            hashed, found = digest_steadily(path, seen or self.told)
        except OSError as error:
            raise _unreadable(path, error) from error
        self._remember(path, found, hashed, looked_at)
        return hashed

    def _known(self, path: str) -> FileEntry | None:
        try:
            return self._index.files.entry(path)
        except DamagedError:  # only a cache: the file itself is read, and what was damaged is written over
            return None

    def _remember(self, path: str, found: os.stat_result, hashed: Hashed, looked_at: float) -> None:
        if looked_at - max(found.st_mtime, found.st_ctime) < SETTLE_SECONDS:
            return
        self._index.files.put(path, FileEntry(*stamp(found)[:-1], hashed.digest))


def _look(path: str) -> os.stat_result:
    try:
        found = os.stat(path)  # noqa: PTH116 - the same
    except OSError as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{path} is not a file", hint="name a regular file, or a folder of such")
    return found


def _unreadable(path: str, error: OSError) -> InputError:
    if isinstance(error, FileNotFoundError):
        return InputError(
            f"there is no file {path}", hint="check the path; a relative one starts at the working folder"
        )
    return InputError(f"cannot read {path}: {error.strerror}", hint="see to it that it can be read")
