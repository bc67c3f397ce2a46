"""Events: what happens to runs and is no run itself. Each log object is applied once, whatever is killed when.

`add` applies the events, remembers the log object's name as applied, and keeps the object as pending until the store
has it, all in one transaction. Hits add up and marks go by their time, so the order of log objects does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from consist.index import lookup, marks, writing
from consist.index.marks import FORGET, MEMBER, PIN, TAG, Change, Mark
from consist.index.records import decode_events
from consist.index.schema import APPLIED, PENDING, is_run_id, name, run_key, suffix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consist.index.records import Event
    from consist.index.view import View

HIT = "hit"
_MARKS = {
    "tag": (TAG, True),
    "untag": (TAG, False),
    "pin": (PIN, True),
    "unpin": (PIN, False),
    "member": (MEMBER, True),
    "forget": (FORGET, True),
}


@dataclass(frozen=True, slots=True)
class Hits:
    """How often a run was found again.

    Attributes
    ----------
    count : int
        How often.
    last : int
        When last: microseconds since 1970, 0 if never.
    """

    count: int
    last: int


def add(view: View, log_key: str, framed: bytes | None, items: Iterable[Event]) -> bool:
    """Apply the events of a log object, unless they were; keep the object itself as pending, if it is given."""
    applied = APPLIED + name(log_key)
    if view.has("events", applied):
        return False
    view.put("events", applied)
    if framed is not None:
        view.put_sealed("events", PENDING + name(log_key), [log_key, framed])
    for event in items:
        _apply(view, event)
    return True


def pending(view: View) -> list[tuple[str, bytes]]:
    """Return (log key, log object) of all that the store does not have yet, as far as is known."""
    return [tuple(view.unseal("events", key, data)) for key, data in view.scan("events", PENDING)]


def confirm(view: View, log_key: str) -> None:
    """Drop a log object that the store has; that it was applied is remembered."""
    view.delete("events", PENDING + name(log_key))


def reapply_pending(view: View) -> None:
    """Apply what is pending to tables that were emptied."""
    for log_key, framed in pending(view):
        add(view, log_key, None, decode_events(framed, log_key))


def hits(view: View, run_id: str) -> Hits:
    """Return how often a run was found again."""
    found = view.get_sealed("hits", run_key(run_id)) if is_run_id(run_id) else None
    return Hits(*found) if found is not None else Hits(0, 0)


def tags(view: View, run_id: str) -> tuple[str, ...]:
    """Return the tags that a run has now."""
    if not is_run_id(run_id):
        return ()
    record = lookup.get_run(view, run_id)
    return marks.tags(marks.of_run(view, run_id), record.tags if record is not None else ())


def parents(view: View, run_id: str) -> tuple[str, ...]:
    """Return the runs that a run belongs to now."""
    if not is_run_id(run_id):
        return ()
    record = lookup.get_run(view, run_id)
    return marks.parents(marks.of_run(view, run_id), record.parent if record is not None else "")


def marks_of(view: View, run_id: str, kind: str) -> list[Mark]:
    """Return the marks of a kind that a run has now."""
    return marks.held(marks.of_run(view, run_id), kind) if is_run_id(run_id) else []


def _apply(view: View, event: Event) -> None:
    if event.kind == HIT:
        old = hits(view, event.run_id)
        view.put_sealed("hits", run_key(event.run_id), [old.count + event.count, max(old.last, event.at)])
        return
    kind, given = _MARKS[event.kind]
    if not marks.change(view, event.run_id, Change(kind, event.text, event.at, given)):
        return
    if kind == TAG:
        _relist(view, "by_tag", event, given=given)
    elif kind == MEMBER:
        _relist(view, "by_parent", event, given=given)
    elif kind == FORGET:
        writing.forget(view, event.run_id)


def _relist(view: View, table: str, event: Event, *, given: bool) -> None:
    """List a run under the text of an event, or no more."""
    record = lookup.get_run(view, event.run_id)
    if record is None:
        return  # when the run is put, its entries are made from its marks
    key = name(event.text) + suffix(record.started, record.id)
    if given:
        view.put(table, key)
    else:
        view.delete(table, key)
