"""How an index goes: deleted, or moved out of the way if it is what is left of one and can be used no more.

The caller (``environment``) holds the lock of the process, and has closed the file.
"""

from __future__ import annotations

import os
from itertools import count

from consist.errors import DamagedError, FormatError
from consist.fileops import perform
from consist.index import filekind, lmdbfile
from consist.index.filekind import Kind
from consist.index.lockfile import lock_path
from consist.index.schema import MAGIC


def check_remains(path: str) -> None:
    """Raise unless a file is consist's, or what is left of an LMDB file.

    Parameters
    ----------
    path : str
        A file that is there. An LMDB file counts if consist's magic is in it or a page is damaged; zeros and bytes
        without a meaning, if the magic is among them or LMDB's lock file beside them.

    Raises
    ------
    FormatError
        If it is something else: a file of another program, or a whole LMDB file of somebody else.
    """
    if filekind.is_ours(path, MAGIC):
        remains = filekind.is_unknown(path) or _is_lmdb(path)
    elif filekind.is_unknown(path):
        remains = filekind.is_lock(lock_path(path))
    else:
        remains = _is_lmdb(path) and bool(lmdbfile.settled_problems(path))
    if not remains:
        raise FormatError(f"{path} is not an index of consist", hint="choose another db_path, or move it away yourself")


def move_aside(path: str) -> str:
    """Rename what `check_remains` lets pass, and delete its locks; return its new path, numbered so that it is free."""
    with lmdbfile.folder_locked(path):
        check_remains(path)
        aside = next(name for n in count(1) if not os.path.lexists(name := f"{path}.damaged-{n}"))
        perform("rename", path, os.rename, path, aside)
        lmdbfile.unlink(lock_path(path))
    return aside


def delete(path: str) -> None:
    """Delete a file and its locks.

    Raises
    ------
    FormatError
        If it is not consist's.
    """
    with lmdbfile.folder_locked(path):
        if not filekind.is_ours(path, MAGIC):
            raise FormatError(f"{path} is not an index of consist", hint="delete it yourself if you mean to")
        lmdbfile.unlink(path)
        lmdbfile.unlink(lock_path(path))


def _is_lmdb(path: str) -> bool:
    try:
        return filekind.file_kind(path) is Kind.LMDB
    except DamagedError:
        return True
    except FormatError:
        return False
