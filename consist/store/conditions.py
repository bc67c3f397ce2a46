"""What a value of a facet must be, where it need not be one value: `at_least`, `at_most`, `between`.

A facet holds plain data, as it was recorded: a tuple is a list there, a date its text. What is looked for is put the
same way before it is compared, and compared by type: a number with numbers, text with text, `True` with `True` only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from consist.arguments import shown
from consist.errors import UsageError
from consist.hashing.codec import pack
from consist.identity.config import readable
from consist.identity.names import check_name

_OPERATORS = (">=", "<=", "==", "!=", ">", "<", "=")

_EXACT = 1 << 53
"""Up to here an integer and a float that are equal are one number in both spellings."""


@dataclass(frozen=True, slots=True)
class Range:
    """Values in order, from one to another, both included; None is no bound. Made by the functions below."""

    low: Any
    high: Any

    def __contains__(self, value: Any) -> bool:
        return all(_alike(bound, value) for bound in (self.low, self.high) if bound is not None) and (
            (self.low is None or self.low <= value) and (self.high is None or value <= self.high)
        )


def at_least(low: Any) -> Range:
    """Look for values that are `low` or more.

    Parameters
    ----------
    low : number, text or date
        Numbers fit numbers, and text (dates are recorded as text) fits text, in order of its letters.

    Examples
    --------
    >>> 0.7 in at_least(0.5), 0.2 in at_least(0.5), "high" in at_least(0.5)
    (True, False, False)
    """
    return between(low, None)


def at_most(high: Any) -> Range:
    """Look for values that are `high` or less.

    Examples
    --------
    >>> 2030 in at_most(2030)
    True
    """
    return between(None, high)


def between(low: Any, high: Any) -> Range:
    """Look for values from `low` to `high`, both included.

    Raises
    ------
    UsageError
        If a bound is no number and no text, or nothing can be between them.

    Examples
    --------
    >>> [year in between(2020, 2030) for year in (2019, 2020, 2030, 2031)]
    [False, True, True, False]
    """
    bounds = [None if bound is None else readable(bound) for bound in (low, high)]
    for bound in bounds:
        if bound is not None and not isinstance(bound, (int, float, str)):
            raise UsageError(f"{bound!r:.60} has no order", hint="bounds are numbers, text or dates")
    low, high = bounds
    if low is not None and high is not None and not (_alike(low, high) and low <= high):
        raise UsageError(f"nothing is between {low!r:.60} and {high!r:.60}", hint="give two of a kind, the lower first")
    return Range(low, high)


@dataclass(frozen=True, slots=True)
class FacetCondition:
    """What one value of a facet must be.

    Attributes
    ----------
    name : str
        Of the value.
    wanted : object
        The value, as a record holds it, or a `Range`.
    """

    name: str
    wanted: Any

    @classmethod
    def of(cls, name: object, wanted: object) -> FacetCondition:
        """Make a condition of what a caller gave.

        Raises
        ------
        UsageError
            If the name cannot be one, or a function is wanted.
        """
        hint = "give a value, or at_least, at_most or between"
        if callable(wanted):
            raise UsageError(f"what is wanted of facet {name!r:.60} is {shown(wanted)}", hint=hint)
        operator = _operator(name, wanted)
        if operator is not None:
            hint = f"{hint}: {{{str(name).rstrip(' <>=!')!r:.60}: at_least(2025)}}"
            raise UsageError(f"facet {name!r:.60} is looked for with the operator {operator!r}", hint=hint)
        return cls(check_name("facet", name), wanted if isinstance(wanted, Range) else readable(wanted))

    def fits(self, facet: dict[str, Any]) -> bool:
        """Tell whether a facet has such a value."""
        if self.name not in facet:
            return False
        value = facet[self.name]
        return value in self.wanted if isinstance(self.wanted, Range) else _same(value, self.wanted)

    def traces(self) -> tuple[bytes, ...]:
        """Return byte strings of which a record that fits has one, for a sieve that does not decode it."""
        name = pack(self.name)
        if isinstance(self.wanted, (Range, dict, list)):
            return (name,)
        return tuple(name + pack(spelling) for spelling in _spellings(self.wanted))


def _operator(name: object, wanted: object) -> str | None:
    """Return the operator that a caller meant where there are none: nothing would be found, and nothing said."""
    first = next(iter(wanted), None) if isinstance(wanted, (dict, list, tuple)) else None
    if isinstance(first, str) and first in _OPERATORS:
        return first
    return next((one for one in _OPERATORS if isinstance(name, str) and name.endswith(one)), None)


def _spellings(value: Any) -> list[Any]:
    """Return a value in each way that a record may have it: 2030 may have been given as 2030.0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= _EXACT:
        return [value]
    return [value, float(value) if isinstance(value, int) else int(value) if value == int(value) else value]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return _alike(one, other) and bool(one == other)


def _alike(one: Any, other: Any) -> bool:
    """Tell whether two values are of one kind, so that equality and order mean something."""
    if isinstance(one, bool) or isinstance(other, bool):
        return isinstance(one, bool) and isinstance(other, bool)
    numbers = isinstance(one, (int, float)), isinstance(other, (int, float))
    return all(numbers) if any(numbers) else type(one) is type(other)
