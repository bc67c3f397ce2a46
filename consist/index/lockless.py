"""An index that is read without LMDB's locks: when it may be, and until when.

LMDB writes its locks into a file, also for who only reads. Where that cannot be written an index can be read without
them, and then LMDB does not know of the reader: a writer uses pages again that the reader still looks at, which ends
the reader's process (SIGABRT), or shows it what is not so. Hence it is done only where the whole filesystem is
read-only and nobody has the file open, be it through another mount; and that is asked again before each transaction.
A writer that comes within one does no harm to it before its second commit.
"""

from __future__ import annotations

import errno

from consist.errors import StoragePermissionError
from consist.index import filekind
from consist.index.filekind import Kind
from consist.index.lockfile import is_held, lock_path
from consist.index.opened import OPEN, identity

ELSEWHERE = "give yourself the rights, or use an index elsewhere: `consist index rebuild --db-path FILE --store PLACE`"
"""What to do where an index cannot be opened for want of rights: it is one machine's, and made from the store again."""


def check_lockless(path: str, error: StoragePermissionError) -> None:
    """Raise unless an index that could not be opened with locks may be read without them.

    Parameters
    ----------
    path : str
        Where it is.
    error : StoragePermissionError
        Why it could not. Where the rights alone are missing, others may write.
    """
    if getattr(error.__cause__, "errno", None) != errno.EROFS or filekind.file_kind(path) is Kind.NEW:
        raise StoragePermissionError(error.message, hint=ELSEWHERE) from error
    if may_be_written(path):
        raise StoragePermissionError(
            f"cannot read the index {path}: it is read-only here, and a process that may write it has it open",
            hint=ELSEWHERE,
        ) from error


def may_be_written(path: str) -> bool:
    """Tell whether anybody has an index open with locks, through whatever mount: another process, or this one."""
    locks = lock_path(path)
    found = identity(locks)
    # Asked first: a process that looks into the lock file of an index that it has open loses its own lock.
    if found is not None and any(it.lock_identity == found and not it.read_only for it in OPEN.values()):
        return True
    return is_held(locks)
