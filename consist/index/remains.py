"""Whether a file that cannot be used as an index is what is left of one, and so may be moved out of the way."""

from __future__ import annotations

from consist.errors import DamagedError, FormatError
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


def _is_lmdb(path: str) -> bool:
    try:
        return filekind.file_kind(path) is Kind.LMDB
    except DamagedError:
        return True
    except FormatError:
        return False
