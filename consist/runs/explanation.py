"""`Explanation`: why a run was not found, as a value. Of two records here; of what is asked for, in ``explain.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from consist.identity.explain import Difference, differences, summary
from consist.identity.names import escape
from consist.index.records import FAILED, FORGOTTEN, RUN
from consist.runs.run import Run
from consist.store.lookup import AGAIN
from consist.store.nearest import nearest_run

if TYPE_CHECKING:
    from consist.index.records import RunRecord
    from consist.store.store import Store

_DIGITS = 12
"""Of a run id that are shown: 48 bits tell a store's runs apart."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether a call would be a hit, and if not, why. Printed, it is text for people.

    Attributes
    ----------
    step : str
        The step's name.
    hit : bool
        Whether the run is found, so that the function would not be called.
    run : Run or None
        The run that is found; for a miss the nearest run of the step, which the differences are from.
    differences : tuple of Difference
        What differs from that run, by part.
    remarks : tuple of str
        What else there is to say: why an equal run is not found, or why nothing can be; what would be restored.

    Examples
    --------
    >>> import consist, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with consist.Tracker(run_dir=folder, db_path=f"{folder}/index.lmdb") as tracker:
    ...     _ = tracker.run(pow, name="power", config={"base": 2, "exp": 3})
    ...     found = tracker.explain(pow, name="power", config={"base": 2, "exp": 4})
    >>> found.hit, [str(difference) for difference in found.differences]
    (False, ['config exp: 3 -> 4'])
    """

    step: str
    hit: bool
    run: Run | None = None
    differences: tuple[Difference, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """All of it on one line, but for differences beyond the third."""
        near = f"run {self.run.id[:_DIGITS]}" if self.run is not None else ""
        if self.hit:
            return escape(f"step {self.step!r} is found: {'; '.join((near, *self.remarks))}")
        reasons = [summary(self.differences)] if self.differences else []
        where = f" (nearest {near})" if self.differences else ""
        return escape(f"step {self.step!r} runs: {'; '.join((*reasons, *self.remarks))}{where}")

    def __str__(self) -> str:
        if self.hit or not self.differences or self.run is None:
            return self.line
        head = f"step {self.step!r} runs; from the nearest run {self.run.id[:_DIGITS]} differ"
        return "\n  ".join((f"{escape(head)}:", *map(str, self.differences), *map(escape, self.remarks)))


def explain_run(store: Store, run: RunRecord, other: RunRecord | None = None) -> Explanation:
    """Say why a recorded run was not found as another one.

    Parameters
    ----------
    store : Store
        Where the runs are.
    run : RunRecord
        The run.
    other : RunRecord, optional
        An earlier one. Default: the nearest earlier run of its step.
    """
    for known in (run, other):
        if known is not None and not known.parts:  # a file that was put
            return Explanation(run.step, hit=False, remarks=(f"what run {known.id} was made of is not recorded",))
    found = other or nearest_run(store, run)
    if run.kind != RUN:
        return _of_a_block(run, found)
    noted = next((note for note in run.notes if note.endswith(AGAIN)), None)
    return compared(run, found, remark_on_absence(run.step) if found is None and noted is None else noted)


def _of_a_block(run: RunRecord, other: RunRecord | None) -> Explanation:
    """Compare a trace or a scenario, which no call is ever to find, with an earlier one."""
    always = f"a {run.kind} is executed each time"
    if other is None:
        return Explanation(run.step, hit=False, remarks=(f"no earlier {run.kind} {run.step!r}; {always}",))
    found = differences(other, run)
    remark = always if found else f"{other.kind} {other.id} is the same, and {always}"
    return Explanation(run.step, hit=False, run=Run(other), differences=found, remarks=(remark,))


def compared(run: RunRecord, other: RunRecord | None, remark: str | None = None) -> Explanation:
    """Compare a run with an earlier one; without a `remark` on two that are equal, say what became of the earlier."""
    found = differences(other, run) if other is not None else ()
    if remark is None and other is not None and not found:
        remark = _why_equal_is_not_found(run, other)
    remarks = () if remark is None else (remark,)
    return Explanation(run.step, hit=False, run=Run(other) if other else None, differences=found, remarks=remarks)


def remark_on_absence(step: str, *, index_is_partial: bool = False) -> str:
    """Say that there is nothing to compare with, or nothing that an index knows which lacks runs of the store."""
    nothing = f"no earlier run of step {step!r}"
    if not index_is_partial:
        return nothing
    return f"{nothing} that this machine's index knows: `consist index rebuild` reads in those of the store"


def _why_equal_is_not_found(run: RunRecord, other: RunRecord) -> str:
    if other.id == run.id:
        return f"both are run {run.id}"
    return f"run {other.id} has the same code, config, inputs and contract, {_fate(other)}"


def _fate(other: RunRecord) -> str:
    """Say what became of a run that one might have expected to be found."""
    if other.status == FAILED:
        return f"but failed, and a failure is not cached: {': '.join(other.error) or 'no error is recorded'}"
    if other.status == FORGOTTEN:
        return "but was forgotten: somebody said that its result is wrong"
    if other.signature is None:
        return "but no signature leads to it: it was not cached, or another run took its place"
    return "and a signature leads to it: the later run was told not to look, found it damaged, or came at the same time"
