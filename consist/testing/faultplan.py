"""What goes wrong in a `FaultyBackend`, and when: a plan is a few `Fault`s."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from consist.errors import ConsistError, StorageFullError, StoragePermissionError, UnreachableError, UsageError
from consist.testing.passing import OPERATIONS, READS, WRITES

if TYPE_CHECKING:
    from collections.abc import Iterator

ERROR = "error"
LOST = "lost"
TORN = "torn"
FLIPPED = "flipped"
CUT = "cut"
STALE = "stale"
DELAY = "delay"

SUFFERS: dict[str, tuple[str, ...]] = {
    ERROR: OPERATIONS,
    LOST: (*WRITES, "delete"),
    TORN: WRITES,
    FLIPPED: READS,
    CUT: READS,
    STALE: ("list",),
    DELAY: OPERATIONS,
}
"""Which operations each effect can befall."""

EVER = 1 << 62
"""For `Fault.times`: it never ends."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong.

    Attributes
    ----------
    effect : str
        ``error``: the operation is left undone, and raises. ``lost``: it is done, and raises all the same. ``torn``: a
        part of the object is visible under its key, and it raises: what a place does that does not keep its contract.
        ``flipped``: a bit of what is read is another. ``cut``: what is read ends early. ``stale``: a listing is of
        when the backend was made. ``delay``: it takes `seconds` longer.
    at : int
        The first operation that it befalls, counted from 0 among those that fit.
    operation : str, optional
        Only operations of this name (``passing.OPERATIONS``); by default all that can suffer so.
    times : int
        How many of them in a row.
    error : type
        What is raised.
    where : float
        From 0 to 1: where the bit lies, or how much is left of what is cut or torn.
    seconds : float
        Of a delay.

    Raises
    ------
    UsageError
        If the operation cannot suffer so.

    Examples
    --------
    >>> Fault(TORN, operation="stat")
    Traceback (most recent call last):
    consist.errors.UsageError: 'stat' cannot be 'torn'
    """

    effect: str
    at: int = 0
    operation: str | None = None
    times: int = 1
    error: type[ConsistError] = UnreachableError
    where: float = 0.5
    seconds: float = 1.0
    _seen: Iterator[int] = field(default_factory=count, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.operation not in {None, *SUFFERS.get(self.effect, ())}:
            raise UsageError(f"{self.operation!r} cannot be {self.effect!r}")
        if self.effect not in SUFFERS:
            raise UsageError(f"there is no fault {self.effect!r}", hint=f"it is one of {', '.join(SUFFERS)}")

    def strikes(self, operation: str) -> bool:
        """Count an operation, and tell whether this is the one. Safe for threads: counting is one step of C."""
        fits = operation == self.operation if self.operation is not None else operation in SUFFERS[self.effect]
        return fits and self.at <= next(self._seen) < self.at + self.times


def storm(times: int, *, at: int = 0, operation: str | None = None) -> Fault:
    """Plan what a bucket that is asked too much does: so many answers of 503 in a row.

    Examples
    --------
    >>> storm(3).times
    3
    """
    return Fault(ERROR, at, operation, times, UnreachableError)


def full(*, at: int = 0, operation: str | None = None) -> Fault:
    """Plan a disk that is full from some operation on, whatever is written.

    Examples
    --------
    >>> full().error.kind
    'storage-full'
    """
    return Fault(ERROR, at, operation, EVER, StorageFullError)


def forbidden(*, at: int = 0, operation: str | None = None) -> Fault:
    """Plan rights that were taken away: 403 from some operation on.

    Examples
    --------
    >>> forbidden().error.kind
    'storage-permission'
    """
    return Fault(ERROR, at, operation, EVER, StoragePermissionError)
