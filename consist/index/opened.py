"""An index file that is open, and the table of those that this process has open.

The caller (``environment``) holds the lock of the process.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from consist.index.lockfile import lock_path

if TYPE_CHECKING:
    import lmdb

    from consist.index.schema import Tables


class Opened:
    """An open file of this process.

    Attributes
    ----------
    marker : bytes or None
        The key of what says that this process writes unsynced; None if each commit is synced.
    prefixes : dict
        Store id -> its number as bytes; a number never changes within a file.
    live : bool
        False from the moment that it is closed.
    read_only : bool
        Whether it lies on a filesystem that cannot be written.
    """

    __slots__ = ("env", "identity", "live", "lock_identity", "marker", "path", "prefixes", "read_only", "tables")

    def __init__(self, path: str, env: lmdb.Environment, tables: Tables, marker: bytes | None) -> None:
        self.path = path
        self.env = env
        self.tables = tables
        self.marker = marker
        self.identity = identity(path)
        self.lock_identity = identity(lock_path(path))
        self.prefixes: dict[str, bytes] = {}
        self.live = True
        self.read_only = bool(env.flags()["readonly"])


def identity(path: str) -> tuple[int, int] | None:
    """Return device and inode of a file, or None if it is not there."""
    try:
        found = os.stat(path)  # noqa: PTH116 - on every read
    except OSError:
        return None
    return found.st_dev, found.st_ino


OPEN: dict[str, Opened] = {}
"""By real path: LMDB asks that a process opens a file once."""


def drop(opened: Opened) -> None:
    """Close a file of which nothing is left to sync, and forget it."""
    forget(opened)
    opened.env.close()


def forget(opened: Opened) -> None:
    """Say that a file is closed, to who has it at hand and to who looks for it."""
    opened.live = False
    if OPEN.get(opened.path) is opened:
        del OPEN[opened.path]
