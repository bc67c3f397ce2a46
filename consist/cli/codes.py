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
    PROBLEM: "A problem was found: by `verify` or `doctor`, in content or a record that was asked for, or by `exec`:"
    " its command ended well and did not write an output.",
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


_HINTS: dict[int, str] = {
    PROBLEM: "`consist verify` checks the store",
    USAGE: "`consist VERB --help` has examples",
    NOT_FOUND: "`consist ls` lists what there is",
    STORAGE: "`consist doctor` tries the store",
    REFUSED: "`consist doctor` says what there is",
}
"""What may help where an error does not know better."""
_OF_CONFLICTS = "somebody else was writing there: call again"


def with_hint(error: ConsistError) -> str:
    """Return an error as text with a hint: its own, else that of its kind.

    Examples
    --------
    >>> with_hint(NotFoundError("no such run")), with_hint(NotFoundError("no such run", hint="look there"))
    ('no such run (`consist ls` lists what there is)', 'no such run (look there)')
    """
    if error.hint:
        return str(error)
    hint = _OF_CONFLICTS if isinstance(error, ConflictError) else _HINTS[exit_code(error)]
    return f"{error.message} ({hint})"


def exit_code(error: ConsistError) -> int:
    """Return the exit code that an error of the tree ends in.

    Examples
    --------
    >>> exit_code(NotFoundError("no such run"))
    3
    """
    return next((code for known, code in _BY_CLASS if isinstance(error, known)), PROBLEM)
