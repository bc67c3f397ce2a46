"""Marks: what was given to a run, or taken from it, after its record was published: tags, pins, membership, forgetting.

Each mark keeps its time, and the later one wins, so the order in which log objects are applied does not count: a
rebuilt index has the same marks. At the same time, given wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consist.index.schema import RUN_ID_SIZE, name, run_key, suffix_run

if TYPE_CHECKING:
    from consist.index.view import View

TAG = "tag"
PIN = "pin"
MEMBER = "member"
FORGET = "forget"


class Mark(NamedTuple):
    """What was given to a run.

    Attributes
    ----------
    text : str
        The tag, the reason of a pin, the id of the scenario's run.
    at : int
        When: microseconds since 1970.
    """

    text: str
    at: int


class Change(NamedTuple):
    """What was last done to a mark of a run.

    Attributes
    ----------
    kind : str
        Of the mark.
    text : str
        Of the mark.
    at : int
        When: microseconds since 1970.
    given : bool
        Whether it was given, or taken.
    """

    kind: str
    text: str
    at: int
    given: bool


def change(view: View, run_id: str, new: Change) -> bool:
    """Give or take a mark; tell whether that changed anything, which it does not if a later change is there."""
    key = run_key(run_id) + name(new.kind) + name(new.text)
    found = view.get_sealed("marks", key)
    if found is not None:
        old = Change(*found)
        if (old.at, old.given) >= (new.at, new.given):
            return False
    view.put_sealed("marks", key, list(new))
    by_mark = name(new.kind) + name(new.text) + run_key(run_id)
    if new.given:
        view.put_sealed("by_mark", by_mark, [new.text, new.at])
    else:
        view.delete("by_mark", by_mark)
    return True


def last_change(view: View, run_id: str, kind: str, text: str) -> Change | None:
    """Return what was last done to a mark of a run, or None."""
    found = view.get_sealed("marks", run_key(run_id) + name(kind) + name(text))
    return None if found is None else Change(*found)


def of_run(view: View, run_id: str) -> list[Change]:
    """Return what was last done to each mark of a run, in order of kind and text."""
    return [Change(*view.unseal("marks", key, data)) for key, data in view.scan("marks", run_key(run_id))]


def held(changes: list[Change], kind: str) -> list[Mark]:
    """Return the marks of a kind that a run has now."""
    return [Mark(change.text, change.at) for change in changes if change.kind == kind and change.given]


def tags(changes: list[Change], recorded: tuple[str, ...]) -> tuple[str, ...]:
    """Return the tags that a run has now, sorted: those of its record, with what was given and taken since."""
    if not changes:
        return recorded
    last = {change.text: change.given for change in changes if change.kind == TAG}
    kept = {tag for tag in recorded if last.get(tag, True)}
    return tuple(sorted(kept | {tag for tag, given in last.items() if given}))


def parents(changes: list[Change], recorded: str) -> tuple[str, ...]:
    """Return the runs that a run belongs to: the one that it was executed in, then those that it was found again in."""
    since = (mark.text for mark in held(changes, MEMBER) if mark.text != recorded)
    return (recorded, *since) if recorded else tuple(since)


def runs_with(view: View, kind: str, text: str | None) -> list[tuple[str, Mark]]:
    """Return (run id, mark) of all runs that have a mark of a kind now, and this text if one is named."""
    start = name(kind) + (name(text) if text is not None else b"")
    return [(suffix_run(key), Mark(*view.unseal("by_mark", key, data))) for key, data in view.scan("by_mark", start)]


def remove_all(view: View, run_id: str) -> None:
    """Take out all that is known of a run's marks."""
    for key, _ in list(view.scan("marks", run_key(run_id))):
        view.delete("marks", key)
        view.delete("by_mark", key[RUN_ID_SIZE:] + run_key(run_id))
