"""The one seam through which consist changes files: every open, write, fsync, link, rename, chmod and commit.

Each operation is `perform`-ed under a name, so that a test can stop a writer before and after every single one
(``tests/crash``) and so that an `OSError` becomes one of our own errors in one place. This module decides nothing
about *which* operations make a safe write; that is ``blobs/publishing.py`` and ``index/environment.py``.

Reading does not pass here: a reader that is killed leaves nothing behind.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from consist.errors import StorageError, StorageFullError, StoragePermissionError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_UNREACHABLE = frozenset(
    {
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENOTCONN,  # of FUSE, whose process has ended
        errno.ESHUTDOWN,
        errno.ESTALE,
        errno.ETIMEDOUT,
    }
)

_tap: Callable[[str, str, str], None] | None = None


def set_tap(tap: Callable[[str, str, str], None] | None) -> None:
    """Call `tap(moment, operation, path)` before and after every operation; None takes it away.

    Parameters
    ----------
    tap : callable or None
        `moment` is ``"before"`` or ``"after"``; what it raises, or a kill, stops the writer there.

    Examples
    --------
    >>> seen = []
    >>> set_tap(lambda moment, operation, path: seen.append((moment, operation)))
    >>> perform("mkdir", "/", len, "no file is touched here")
    23
    >>> set_tap(None)
    >>> seen
    [('before', 'mkdir'), ('after', 'mkdir')]
    """
    global _tap  # noqa: PLW0603 - one seam for the process, by design
    _tap = tap


def perform(operation: str, path: str, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Do one operation that changes a file.

    Parameters
    ----------
    operation : str
        Its name: ``open``, ``write``, ``fsync``, ``link``, ``rename``, ``chmod``, ``unlink``, ``mkdir``, ``commit``, …
    path : str
        The file that it is about, for taps and messages.
    call : callable
        What does it, with its arguments after it.

    Returns
    -------
    object
        What `call` returned.

    Raises
    ------
    FileExistsError, FileNotFoundError
        As they are: they answer a question that the caller asked.
    StorageError
        For every other `OSError`, in the class that says what to do about it.
    """
    try:
        if _tap is None:  # as always but in tests, and ten times a miss
            return call(*args, **kwargs)
        _tap("before", operation, path)
        result = call(*args, **kwargs)
        if _tap is not None:
            _tap("after", operation, path)
    except (FileExistsError, FileNotFoundError, StorageError):
        raise
    except OSError as error:
        raise storage_error(operation, path, error) from error
    return result


def make_folders(path: str, mode: int = 0o777) -> None:
    """Make a folder and those above it, unless they are there.

    Raises
    ------
    StorageError
        If that cannot be, also where a file is in the way.
    """
    try:
        perform("mkdir", path, os.makedirs, path, mode, exist_ok=True)
    except (FileExistsError, FileNotFoundError) as error:
        raise StorageError(
            f"cannot make the folder {path}: {error.strerror}",
            hint="a file, or a link that leads nowhere, is in its place or above it",
        ) from error


def storage_error(operation: str, path: str, error: OSError) -> StorageError:
    """Say an `OSError` in our own words; `filename` is the path, for who has to know which of several it was.

    Examples
    --------
    >>> storage_error("write", "/data/x", OSError(28, "No space left on device")).kind
    'storage-full'
    """
    ours = _in_our_words(operation, path, error)
    ours.filename = path
    return ours


def _in_our_words(operation: str, path: str, error: OSError) -> StorageError:
    reason = error.strerror or str(error) or type(error).__name__
    message = f"cannot {operation} {path}: {reason}"
    if error.errno in _FULL:
        return StorageFullError(message, hint="free some space, then call again; earlier runs are intact")
    if error.errno in _FORBIDDEN:
        return StoragePermissionError(message, hint="give yourself the rights, or choose another folder")
    if error.errno in _UNREACHABLE:
        return UnreachableError(message, hint="check the disk or the network, then call again")
    if error.errno == errno.EIO and operation == "read":
        return StorageError(
            message,
            hint="look at the disk; what a store lost, `consist verify --read-data` notes, and it heals",
        )
    return StorageError(message)
