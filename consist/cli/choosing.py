"""Which lines of a listing are shown, and in which order: ``--filter "size>1GB"``, ``--sort size``.

A filter is a field, an operator and a value. Sizes have units: those of ten (kB, MB, GB, TB) and of two (KiB, MiB, GiB,
TiB, or only the letter). A time without a zone is this machine's. A line that has no such field fits no filter on it.
"""

from __future__ import annotations

import heapq
import itertools
import operator
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.arguments import nearest
from consist.errors import UsageError
from consist.store.finding import moment
from consist.store.sizes import parse_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from consist.store.listing import Entry

FIELDS = ("size", "time", "name", "format", "kind", "stored")
SORTS = ("name", "size", "time")

_FILTER = re.compile(r"\s*(\w+)\s*(<=|>=|!=|==|=|<|>|~)\s*(.*?)\s*\Z", re.DOTALL)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "~": lambda text, part: part in text,
}


class Filter(NamedTuple):
    """What a line must be."""

    field: str
    compare: Callable[[Any, Any], bool]
    value: Any

    def fits(self, entry: Entry) -> bool:
        """Tell whether a line is so."""
        found = getattr(entry, self.field)
        return found is not None and self.compare(found, self.value)


def parse_filter(text: str) -> Filter:
    """Read a filter.

    Raises
    ------
    UsageError
        If it is none; the message says what is wrong with it.

    Examples
    --------
    >>> parse_filter("size > 1.5 GB").value, parse_filter("size<2MiB").value, parse_filter("name~csv").value
    (1500000000, 2097152, 'csv')
    """
    found = _FILTER.match(text)
    if found is None:
        raise UsageError(
            f"{text!r:.80} is no filter", hint='write a field, < <= > >= = != or ~, and a value: "size>1GB"'
        )
    field, sign, value = found.groups()
    if field not in FIELDS:
        raise UsageError(f"there is no field {field!r:.40} to filter by", hint=nearest(field, FIELDS))
    if sign == "~" and field in _VALUES:
        raise UsageError(f"{field} is a number, in which ~ finds nothing", hint="compare it with < or >")
    return Filter(field, _COMPARE[sign], _VALUES.get(field, str)(value))


_VALUES: dict[str, Callable[[str], Any]] = {"size": parse_size, "time": moment}


def chosen(
    entries: Iterable[Entry], filters: Iterable[str], *, sort: str | None = None, limit: int | None = None
) -> Iterator[Entry]:
    """Yield the lines that fit all filters; sorted, if that is asked for, else as they come.

    Parameters
    ----------
    entries : iterable of Entry
        A listing.
    filters : iterable of str
        As `parse_filter` reads them.
    sort : {"name", "size", "time"}, optional
        Names by their letters; the largest and the newest first. What has no size or time comes last.
    limit : int, optional
        At most so many lines; of those that are sorted no more are kept in memory.

    Raises
    ------
    UsageError
        If a filter or the order is none, before anything is listed.
    """
    tests = [parse_filter(text) for text in filters]
    if sort not in {None, *SORTS}:
        raise UsageError(f"--sort {sort!r:.40} is no order", hint=f"write one of {', '.join(SORTS)}")
    fitting = (entry for entry in entries if all(test.fits(entry) for test in tests))
    return _cut(fitting, sort, limit)


def _cut(entries: Iterator[Entry], sort: str | None, limit: int | None) -> Iterator[Entry]:
    if sort is None:
        yield from itertools.islice(entries, limit)
        return
    key = _BY[sort]
    yield from sorted(entries, key=key) if limit is None else heapq.nsmallest(limit, entries, key=key)


_BY: dict[str, Callable[[Entry], Any]] = {
    "name": lambda entry: entry.name,
    "size": lambda entry: (entry.size is None, -(entry.size or 0), entry.name),
    "time": lambda entry: (entry.time is None, -(entry.time or 0), entry.name),
}
