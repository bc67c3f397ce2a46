"""The room that a read cache takes: how much is kept, as an estimate, and what goes when it is too much.

All stores of a user share one limit, and one small file, ``size``: an estimate of the bytes that all of them keep, as
text, locked by whoever changes it. Nobody waits for that lock: what cannot be added now is left in another file,
``late``, for whoever has the lock next. The estimate only says when to look; what is removed is decided by what lies
there then.
"""

# Paths are plain strings in this layer: pathlib costs more than some of the calls.
# ruff: noqa: PTH208

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from consist.blobs import layout, posix
from consist.blobs.cachefiles import ADD, locked_if_free, read_kept, reading, remove_free_file
from consist.fileops import perform

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = "size"
LATE = "late"
AREAS = (layout.BLOBS, layout.PACKS, layout.MANIFESTS)

_STORE = re.compile(r"[0-9a-f]{32}", re.ASCII)
_SECTOR = 512
"""Bytes of a unit of `st_blocks`, whatever the filesystem's own blocks are."""

_BLOCK = 4096
"""Bytes that the smallest file takes, about."""

_KEPT_TENTHS = 9
"""What stays, in tenths of the limit: so a look at all files comes after a tenth of the limit was written anew."""

_DIGITS = 20


class _Kept(NamedTuple):
    """A file of the cache; sorts by when it was last used."""

    used: float
    path: str
    size: int


class Room:
    """Keeps the files of a cache, of all stores in it, within a limit.

    Parameters
    ----------
    root : str
        The folder of the cache, with a folder for each store.
    limit : int
        Bytes on the disk.
    """

    def __init__(self, root: str, limit: int) -> None:
        self._root = root
        self._limit = limit

    def take(self, files: int, count: int) -> None:
        """Say that some files were written, with so many bytes together; make room if there is too much by now.

        Raises
        ------
        StorageError
            If the estimate cannot be kept.
        """
        written = count + files * _BLOCK
        path = f"{self._root}/{SIZE}"
        with locked_if_free(path, make=True) as descriptor:
            if descriptor is None:
                self._leave(written)
                return
            known = _parsed(perform("read", path, os.pread, descriptor, _DIGITS, 0))
            total = None if known is None else known + written + self._left()
            if total is None or total > self._limit:
                total = self._make_room()
            perform("write", path, os.pwrite, descriptor, b"%0*d" % (_DIGITS, total), 0)

    def _leave(self, written: int) -> None:
        """Leave a number for whoever has the lock next: this process may have ended by then."""
        path = f"{self._root}/{LATE}"
        descriptor = perform("open", path, os.open, path, ADD, 0o600)
        try:
            perform("write", path, os.write, descriptor, b"%d\n" % written)
        finally:
            os.close(descriptor)

    def _left(self) -> int:
        """Take what was left; a number that is written in this very moment is lost, as estimates may."""
        path, taken = f"{self._root}/{LATE}", f"{self._root}/{LATE}.taken"
        if not os.path.lexists(path):
            return 0
        perform("rename", path, os.rename, path, taken)
        with reading(taken) as file:
            lines = (read_kept(file, 0, min(file.size, 1 << 20)) or b"").split() if file is not None else []
        posix.try_to_remove(taken)
        return sum(int(line) for line in lines if line.isdigit())

    def _make_room(self) -> int:
        """Remove what was not used for longest, if all together is too much; return how many bytes are left."""
        kept = sorted(_kept(self._root))
        total = sum(file.size for file in kept)
        if total <= self._limit:
            return total
        for file in kept:
            if total * 10 <= self._limit * _KEPT_TENTHS:
                break
            if remove_free_file(file.path):
                total -= file.size
        return total


def _kept(root: str) -> Iterator[_Kept]:
    """Yield the files of all stores in a cache."""
    stores = [name for name in _names(root) if _STORE.fullmatch(name)]
    for area in (f"{root}/{store}/{area}" for store in stores for area in AREAS):
        for folder in _names(area):
            yield from _files(f"{area}/{folder}")


def _files(folder: str) -> Iterator[_Kept]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    found = entry.stat(follow_symlinks=False)
                    yield _Kept(found.st_mtime, entry.path, found.st_blocks * _SECTOR)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def _parsed(text: bytes) -> int | None:
    """Read the estimate; None if there is none that makes sense: then all files are looked at."""
    return int(text) if len(text) == _DIGITS and text.isdigit() else None
