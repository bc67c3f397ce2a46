"""The earlier run that a run is most like: what a miss is explained against. Reads the index only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consist.identity.explain import differing_parts, distance
from consist.index.records import COMPLETED, FAILED, FORGOTTEN
from consist.store.counterpart import Counterparts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.index.records import RunRecord
    from consist.store.store import Store

LOOKED_AT = 200
"""Completed runs of a step that are compared, the newest, and as many with the same config; one costs the reading of
its record from the index, 24 µs."""
OTHERS_LOOKED_AT = 20


def nearest_run(store: Store, run: RunRecord, *, earlier: bool = True) -> RunRecord | None:
    """Return the run of the same step that a run is most like, or None if there is none.

    Parameters
    ----------
    store : Store
        Whose index is asked.
    run : RunRecord
        A run, or the description of one that is asked for.
    earlier : bool
        Only what came before it counts; False for what is asked for now.

    Returns
    -------
    RunRecord or None
        A run that is equal in all parts, whatever became of it: why it was not found is the reason then. Else of those
        that a signature leads to (of the others, if there is none) a counterpart of it, if there is one: the same run
        of an earlier execution of the sweep, whatever was edited since. Else, or of several, the one with the fewest
        differing parts; one with the same config; one with the same inputs; the one in which the fewest single things
        differ; the newest.
    """
    candidates = {found.id: found for found in _candidates(store, run, below=run if earlier else None)}
    comparable = (found for found in candidates.values() if found.id != run.id and found.parts)
    counterparts = Counterparts(store)
    return min(comparable, key=lambda found: _rank(run, found, counterparts), default=None)


def _candidates(store: Store, run: RunRecord, below: RunRecord | None) -> Iterator[RunRecord]:
    """Yield the newest runs of the step, and the newest with the same config: in a long sweep that was long ago."""
    filters: dict[str, Any] = {"step": run.step, "kind": run.kind, "before": below}
    if (config := run.parts.get("config")) is not None:
        yield from store.index.runs(status=COMPLETED, holding=[[config.raw]], limit=LOOKED_AT, **filters)
    yield from store.index.runs(status=COMPLETED, limit=LOOKED_AT, **filters)
    for status in (FAILED, FORGOTTEN):
        yield from store.index.runs(status=status, limit=OTHERS_LOOKED_AT, **filters)


def _rank(run: RunRecord, found: RunRecord, counterparts: Counterparts) -> tuple[bool | int, ...]:
    """Say how far a run is off; less is nearer.

    After an edit each run of a sweep is to be told that the function changed, not how it differs from a sibling that
    was run anew before it.
    """
    differing = differing_parts(found, run)
    return (
        len(differing) > 0,
        found.signature is None,
        counterparts.point(found) != counterparts.point(run),
        len(differing),
        "config" in differing,
        "inputs" in differing,
        distance(found, run),
        -found.started,
    )
