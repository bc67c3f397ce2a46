"""What a call says of its run beside what it is, where that run was found: tags are added, the rest is told of.

A record is never changed. A tag is an event in the log, so one that the run never had is given to it; one that somebody
took from it stays off. Facet and description are in the record alone: that they differ is warned of, once a step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consist.errors import ConsistWarning, warn
from consist.index.marks import TAG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.index.records import RunRecord
    from consist.runs.request import Request
    from consist.store.store import Store

_NAMED = 5
"""Names of a facet that the warning has."""
_warned: set[str] = set()


def given_again(request: Request, record: RunRecord, store: Store) -> tuple[str, ...] | None:
    """Give a run that was found the tags of the call that found it, and warn of what it keeps otherwise.

    Parameters
    ----------
    request : Request
        The call.
    record : RunRecord
        The run that it found.
    store : Store
        Hears of new tags, in memory: they are written as hits are, or when somebody asks for tags.

    Returns
    -------
    tuple of str or None
        The tags that the run has now; None if the call has none but those that it was recorded with.
    """
    if request.facet or request.description:
        _warn_of_others(request, record)
    lacking = [tag for tag in request.tags if tag not in record.tags]
    if not lacking:
        return None
    new = [tag for tag in lacking if store.index.last_change(record.id, TAG, tag) is None]
    for tag in new:
        store.events.tag(record.id, tag)
    return tuple(sorted({*store.index.tags_of(record), *new}))


def _warn_of_others(request: Request, record: RunRecord) -> None:
    """Say that a run keeps the facet and the description that it was recorded with."""
    others = list(_others(request, record))
    if not others or request.step in _warned:
        return
    _warned.add(request.step)
    warn(
        f"step {request.step!r}: run {record.id} was found again, and keeps the facet and description that it was"
        f' recorded with, not the {", ".join(others)} of this call (CacheOptions(cache_mode="overwrite") runs it again'
        " and records these)",
        ConsistWarning,
    )


def _others(request: Request, record: RunRecord) -> Iterator[str]:
    """Yield what a call says of its run that the record has not, or has otherwise."""
    names = [name for name, value in request.facet.items() if _differ(record.facet.get(name, record), value)]
    if names:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield f"facet {', '.join(f'{name!r:.60}' for name in names[:_NAMED])}{more}"
    if request.description and request.description != record.description:
        yield "description"


def _differ(one: Any, other: Any) -> bool:
    return bool(one != other) and repr(one) != repr(other)  # NaN is no other than NaN
