"""Objects that are there and cannot be read: which failures are of the object alone, so that others may be read.

A place that does not answer is none of them: whoever looks at many objects ends there, and says so.
"""

from __future__ import annotations

import errno

from consist.blobs import posix
from consist.errors import StorageError, StoragePermissionError

_LOST = frozenset({errno.EIO, errno.EBADMSG, getattr(errno, "EUCLEAN", errno.EIO)})
"""What a disk answers that has a bad sector, and a filesystem whose own checks fail."""


def is_lost(error: StorageError) -> bool:
    """Tell whether the medium lost what was to be read: written anew, it may lie where it can be read."""
    return posix.errno_of(error) in _LOST


def is_of_object(error: StorageError) -> bool:
    """Tell whether an object could not be read for itself: it is lost, or there is no right to it."""
    return isinstance(error, StoragePermissionError) or is_lost(error)


def problem_of(error: StorageError) -> str:
    """Say why an object cannot be read, and what to do if rights are missing: of what is lost each caller says it."""
    return error.message if is_lost(error) else str(error)
