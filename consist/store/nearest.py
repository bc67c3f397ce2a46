"""The earlier run that a run is most like: what a miss is explained against. Reads the index only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consist.identity.explain import differing_parts
from consist.index.records import COMPLETED, FAILED, FORGOTTEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.index.records import RunRecord
    from consist.store.store import Store

LOOKED_AT = 200
"""Completed runs of a step that are compared, the newest; one costs the reading of its record from the index."""
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
        that a signature leads to (of the others, if there is none) the one with the fewest differing parts; of several,
        one with the same config, then one with the same inputs; of several still, the newest.
    """
    candidates = _candidates(store, run if earlier else None, run.step)
    comparable = (found for found in candidates if found.id != run.id and found.parts and found.kind == run.kind)
    return min(comparable, key=lambda found: _rank(run, found), default=None)


def _candidates(store: Store, below: RunRecord | None, step: str) -> Iterator[RunRecord]:
    yield from store.index.runs(step=step, status=COMPLETED, before=below, limit=LOOKED_AT)
    for status in (FAILED, FORGOTTEN):
        yield from store.index.runs(step=step, status=status, before=below, limit=OTHERS_LOOKED_AT)


def _rank(run: RunRecord, found: RunRecord) -> tuple[bool, bool, int, bool, bool, int]:
    """Say how far a run is off; less is nearer.

    Config and inputs say which run of a sweep it is: after an edit each is to be told that the function changed, not
    how its config differs from that of a sibling, which was run anew before it.
    """
    differing = differing_parts(found, run)
    others = "config" in differing, "inputs" in differing
    return len(differing) > 0, found.signature is None, len(differing), *others, -found.started
