"""What all runs of a store come to, step by step: how many, how long, how often found again. Reads the index only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from consist.index.records import COMPLETED, FAILED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from consist.index.outline import Outline
    from consist.store.store import Store


@dataclass(frozen=True, slots=True)
class StepSummary:
    """What the runs of one step come to.

    Attributes
    ----------
    step : str
        Its name.
    completed, failed : int
        How many runs ended so.
    hits : int
        How often they were found again instead of being executed.
    outputs : int
        How many outputs they have.
    bytes : int
        What those are together, as plain files.
    spent, saved : int
        Microseconds that executing took, and that it would have taken again for each hit.
    newest : int
        When the newest began: microseconds since 1970; 0 if there is none.
    """

    step: str
    completed: int = 0
    failed: int = 0
    hits: int = 0
    outputs: int = 0
    bytes: int = 0
    spent: int = 0
    saved: int = 0
    newest: int = 0


def summaries(store: Store) -> Iterator[StepSummary]:
    """Yield what the runs of each step come to, in order of its name, each as soon as it is known."""
    hits = store.index.hit_counts()
    for step, _ in store.index.steps():
        yield summarised(step, store.index.outlines(step), hits)


def summarised(step: str, runs: Iterable[Outline], hits: Mapping[str, int]) -> StepSummary:
    """Add up runs of one step.

    Parameters
    ----------
    step : str
        Its name.
    runs : iterable of Outline
        Its runs.
    hits : mapping of str to int
        How often each run was found again, by id.
    """
    ended = dict.fromkeys((COMPLETED, FAILED), 0)
    found = outputs = size = spent = saved = newest = 0
    for run in runs:
        ended[run.status] = ended.get(run.status, 0) + 1
        took = run.ended - run.started
        count = hits.get(run.id, 0)
        found += count
        spent += took
        saved += took * count
        outputs += len(run.outputs)
        size += sum(output.content for output in run.outputs)
        newest = max(newest, run.started)
    return StepSummary(step, ended[COMPLETED], ended[FAILED], found, outputs, size, spent, saved, newest)


def total(steps: Iterable[StepSummary]) -> StepSummary:
    """Add up steps; the sum is of the step ``""``."""
    sums = StepSummary("")
    for each in steps:
        sums = StepSummary(
            "",
            sums.completed + each.completed,
            sums.failed + each.failed,
            sums.hits + each.hits,
            sums.outputs + each.outputs,
            sums.bytes + each.bytes,
            sums.spent + each.spent,
            sums.saved + each.saved,
            max(sums.newest, each.newest),
        )
    return sums
