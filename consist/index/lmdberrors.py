"""What LMDB says is wrong, in our own words: damage, a full disk, or a storage that failed."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import lmdb

from consist.errors import DamagedError
from consist.fileops import storage_error
from consist.index.filekind import REBUILD_HINT

if TYPE_CHECKING:
    from collections.abc import Iterator

_FULL = 64 << 10
"""Bytes left on a disk that counts as full."""
_DAMAGE = (
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.InvalidError,
    lmdb.VersionMismatchError,
    lmdb.PanicError,
    lmdb.IncompatibleError,
    lmdb.BadTxnError,
    lmdb.NotFoundError,
    lmdb.CursorFullError,
)


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Say LMDB's errors in our own words."""
    try:
        yield
    except lmdb.Error as error:
        if isinstance(error, _DAMAGE):
            raise DamagedError(f"the index {path} is damaged: {error}", hint=REBUILD_HINT) from error
        code = getattr(error, "code", 0)
        if code == errno.EIO and _is_full(path):  # LMDB's word for a write that the disk took only a part of
            code = errno.ENOSPC
        system = OSError(code, os.strerror(code)) if code > 0 else OSError(str(error))
        raise storage_error("use", path, system) from error


def _is_full(path: str) -> bool:
    try:
        room = os.statvfs(os.path.dirname(path))  # noqa: PTH120 - paths are plain strings in this layer
    except OSError:
        return False
    return room.f_bavail * room.f_frsize < _FULL
