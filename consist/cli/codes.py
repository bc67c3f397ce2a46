"""Exit codes: one table for every verb, and for the page of the reference that is made from it."""

from __future__ import annotations

from consist.errors import (
    ConflictError,
    ConsistError,
    DamagedError,
    NotFoundError,
    RefusedError,
    StorageError,
    UsageError,
)

OK, PROBLEM, USAGE, NOT_FOUND, STORAGE, REFUSED, BUG, INTERRUPTED = 0, 1, 2, 3, 4, 5, 70, 130

MEANINGS = {
    OK: "Done. A reader that closes the pipe early (`| head`) is no failure either.",
    PROBLEM: "A problem was found: by `verify` or `doctor`, or in content or a record that was asked for.",
    USAGE: "The call is wrong: an unknown verb or option, a malformed path or setting. Nothing was done.",
    NOT_FOUND: "There is no such run, output, blob, file, index or store, or a prefix fits several.",
    STORAGE: "The storage failed: unreachable, full, not permitted; also when standard output cannot be written.",
    REFUSED: "Refused, to harm nothing: another program's file, a newer format, a file that is there already.",
    BUG: "A bug in consist. `CONSIST_DEBUG=1` shows where.",
    INTERRUPTED: "Interrupted with Ctrl-C.",
}

_BY_CLASS: tuple[tuple[type[ConsistError], int], ...] = (
    (UsageError, USAGE),
    (NotFoundError, NOT_FOUND),
    (StorageError, STORAGE),
    (RefusedError, REFUSED),
    (ConflictError, REFUSED),
    (DamagedError, PROBLEM),
)


def exit_code(error: ConsistError) -> int:
    """Return the exit code that an error of the tree ends in.

    Examples
    --------
    >>> exit_code(NotFoundError("no such run"))
    3
    """
    return next((code for known, code in _BY_CLASS if isinstance(error, known)), PROBLEM)
