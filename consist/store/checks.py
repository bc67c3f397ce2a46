"""What a check-up found: one thing that was looked at, how it is, and what to do about it. Values only."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consist.errors import ConsistError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

OK, WARNING, PROBLEM = LEVELS = ("ok", "warning", "problem")
"""From good to bad: a warning is of what works, but perhaps not as it is wanted."""

SECONDS, BYTES, BYTES_PER_SECOND = "s", "bytes", "bytes/s"


class Check(NamedTuple):
    """One thing that was looked at.

    Attributes
    ----------
    area : str
        What it is part of: ``settings``, ``versions``, ``index``, ``store``.
    name : str
        What it is.
    level : str
        One of `LEVELS`.
    value : str, int, float or None
        What was found.
    unit : str or None
        Of a number that was measured.
    origin : str or None
        Where a setting comes from.
    advice : str or None
        What to do.
    """

    area: str
    name: str
    level: str = OK
    value: str | float | None = None
    unit: str | None = None
    origin: str | None = None
    advice: str | None = None


def failed(area: str, name: str, error: ConsistError) -> Check:
    """Return the check of what raised."""
    return Check(area, name, PROBLEM, error.message, advice=error.hint)


def tried(area: str, name: str, look: Callable[[], Check]) -> Check:
    """Look at something; what cannot be looked at is a problem.

    Examples
    --------
    >>> from consist.errors import UnreachableError
    >>> def ask():
    ...     raise UnreachableError("no answer", hint="check the network")
    >>> tried("store", "read", ask)[2:4]
    ('problem', 'no answer')
    """
    try:
        return look()
    except ConsistError as error:
        return failed(area, name, error)


def worst(levels: Iterable[str]) -> str:
    """Return the worst of some levels; of none, ``ok``."""
    return max(levels, key=LEVELS.index, default=OK)
