"""What all runs of a store come to, step by step: how many, how long, how often found again. Reads the index only.

The time of a scenario is not spent once more: what was executed in it has told its own. A run whose function asked for
others has theirs within its own, as has a trace; that is not taken apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from consist.index.records import COMPLETED, FAILED, FORGOTTEN, SCENARIO
from consist.index.stepsums import StepSums

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consist.store.store import Store


@dataclass(frozen=True, slots=True)
class StepSummary:
    """What the runs of one step come to.

    Attributes
    ----------
    step : str
        Its name.
    completed, failed, forgotten : int
        How many runs ended so, or were said to be wrong after they had completed.
    hits : int
        How often they were found again instead of being executed.
    outputs : int
        How many outputs they have.
    bytes : int
        What those are together, as plain files.
    spent, saved : int
        Microseconds that executing took, without scenarios, which hold others' time, and that it would have taken again
        for each hit.
    newest : int
        When the newest began: microseconds since 1970; 0 if there is none.
    """

    step: str
    completed: int = 0
    failed: int = 0
    forgotten: int = 0
    hits: int = 0
    outputs: int = 0
    bytes: int = 0
    spent: int = 0
    saved: int = 0
    newest: int = 0


def summaries(store: Store) -> Iterator[StepSummary]:
    """Yield what the runs of each step come to, in order of its name, each as soon as it is known."""
    hits: dict[str, int] = {}
    saved: dict[str, int] = {}
    for step, count, took in store.index.found_again():
        hits[step] = hits.get(step, 0) + count
        saved[step] = saved.get(step, 0) + took * count
    held: dict[str, int] = {}
    for run in store.index.rows(kind=SCENARIO):
        held[run.step] = held.get(run.step, 0) + run.ended - run.started
    for step, kept in store.index.step_sums():
        sums = _added_up(store, step) if kept is None else kept
        yield StepSummary(
            step=step,
            completed=sums.ended.get(COMPLETED, 0),
            failed=sums.ended.get(FAILED, 0),
            forgotten=sums.ended.get(FORGOTTEN, 0),
            hits=hits.get(step, 0),
            outputs=sums.outputs,
            bytes=sums.bytes,
            spent=sums.spent - held.get(step, 0),
            saved=saved.get(step, 0),
            newest=sums.newest,
        )


def _added_up(store: Store, step: str) -> StepSums:
    """Add up the runs of a step of which the index keeps no sums."""
    ended: dict[str, int] = {}
    runs = outputs = size = spent = newest = 0
    for run in store.index.outlines(step):
        runs += 1
        ended[run.status] = ended.get(run.status, 0) + 1
        outputs += len(run.outputs)
        size += sum(output.content for output in run.outputs)
        spent += run.ended - run.started
        newest = max(newest, run.started)
    return StepSums(step, runs, ended, outputs, size, spent, newest)


def total(steps: Iterable[StepSummary]) -> StepSummary:
    """Add up steps; the sum is of the step ``""``."""
    sums = StepSummary("")
    for each in steps:
        sums = StepSummary(
            "",
            sums.completed + each.completed,
            sums.failed + each.failed,
            sums.forgotten + each.forgotten,
            sums.hits + each.hits,
            sums.outputs + each.outputs,
            sums.bytes + each.bytes,
            sums.spent + each.spent,
            sums.saved + each.saved,
            max(sums.newest, each.newest),
        )
    return sums
