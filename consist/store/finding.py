"""Which runs are like that? From what a caller asks for to records, the newest first, a page at a time. Reads only.

Step, status, tags and parent are found by the index's tables, so five of a million runs cost as much as five of ten.
A facet is in the record alone, so each record that fits otherwise is looked at, most of them as bytes only.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from consist.arguments import COUNT, check, shown
from consist.errors import UsageError
from consist.index.records import COMPLETED, FAILED, FORGOTTEN
from consist.store.lookup import known_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.hashing.digest import Digest
    from consist.index.records import RunRecord
    from consist.store.conditions import FacetCondition
    from consist.store.store import Store

STATUSES = (COMPLETED, FAILED, FORGOTTEN)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What runs must be; what is not given does not matter.

    Attributes
    ----------
    step, status : str or None
        The step's name; one of `STATUSES`.
    tags : tuple of str
        All of them must be among a run's tags now.
    facet : tuple of FacetCondition
        All of them must hold.
    parent : str or None
        The id of the run that they were executed in, or found again in.
    since, until : int or None
        Started not before, and not after: microseconds since 1970.
    signature : Digest or None
        What the run is.
    limit : int or None
        At most so many.
    """

    step: str | None = None
    status: str | None = None
    tags: tuple[str, ...] = ()
    facet: tuple[FacetCondition, ...] = ()
    parent: str | None = None
    since: int | None = None
    until: int | None = None
    signature: Digest | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.status is not None and self.status not in STATUSES:
            raise UsageError(f"no run has the status {self.status!r:.60}", hint=f"it is one of {', '.join(STATUSES)}")
        check("limit", self.limit, COUNT)


def find_records(store: Store, wanted: Wanted) -> Iterator[RunRecord]:
    """Yield the runs that are as wanted, the newest first.

    Parameters
    ----------
    store : Store
        Whose index is asked.
    wanted : Wanted
        What they must be.
    """
    since, until = wanted.since, wanted.until
    if wanted.signature is not None:
        published = known_run(store, wanted.signature)
        if published is None:
            return iter(())
        since = max(published.started, published.started if since is None else since)
        until = min(published.started, published.started if until is None else until)
    if wanted.parent is not None:
        store.events.flush()  # what was found again a moment ago may still be in memory
    store.events.write_tags()
    is_all = wanted.signature is None and not wanted.facet  # what the index is asked for says all: read no more of it
    found = store.index.runs(
        step=wanted.step,
        status=wanted.status,
        tag=wanted.tags,
        parent=wanted.parent,
        since=since,
        before=None if until is None else until + 1,
        holding=[condition.traces() for condition in wanted.facet],
        limit=wanted.limit if is_all else None,
    )
    return islice((record for record in found if _fits(record, wanted)), wanted.limit)


def _fits(record: RunRecord, wanted: Wanted) -> bool:
    return (wanted.signature is None or record.signature == wanted.signature) and all(
        condition.fits(record.facet) for condition in wanted.facet
    )


def moment(value: object) -> int:
    """Return a time as records have it: microseconds since 1970.

    Parameters
    ----------
    value : datetime, date, timedelta or str
        A time without a zone is this machine's; a span means so long ago; text is in the form of ISO 8601, or a span:
        a number and one of the letters s, m, h, d, w (seconds to weeks).

    Raises
    ------
    UsageError
        If it is no time.

    Examples
    --------
    >>> moment("2026-01-01T00:00:00+00:00")
    1767225600000000
    """
    if isinstance(value, str):
        value = _time_of_text(value)
    if isinstance(value, dt.timedelta):
        try:
            value = dt.datetime.now(dt.UTC) - value
        except OverflowError:
            raise UsageError(f"{value} ago is before all time", hint="leave it out for all runs") from None
    elif isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)  # noqa: DTZ001 - of this machine, as people mean it
    if hasattr(value, "to_pydatetime"):  # of pandas, which takes no time without a zone for this machine's
        value = value.to_pydatetime()
    if not isinstance(value, dt.datetime):
        raise UsageError(f"{shown(value)} is no time", hint="give a datetime, a date, a timedelta or text")
    try:
        value = value.astimezone(dt.UTC)
    except (OverflowError, ValueError):
        raise UsageError(f"{value} is before or after all time", hint="leave it out for all runs") from None
    return (value - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


_SPAN = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)
_SPANS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _time_of_text(text: str) -> dt.datetime | dt.timedelta:
    span = _SPAN.fullmatch(text)
    try:
        if span is not None:
            return dt.timedelta(**{_SPANS[span[2]]: int(span[1])})
        return dt.datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        hint = "write 2026-01-31, 2026-01-31T12:00, or so long ago: 30m, 2h, 3d, 1w"
        raise UsageError(f"{text!r:.60} is no time", hint=hint) from None
