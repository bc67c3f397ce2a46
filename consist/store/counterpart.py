"""Which run of a sweep a run is: its step and config, the names of its inputs, and the same of what made them.

Neither code nor content counts. So the runs of two executions of one sweep are pairs, whatever was edited between them,
also those of a step whose own config does not tell one from another: what they were given does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consist.index.records import ARTIFACT
from consist.store.asked import known_runs

if TYPE_CHECKING:
    from collections.abc import Hashable

    from consist.index.records import InputRecord, RunRecord
    from consist.store.store import Store

_STEPS = 8
"""Steps that are followed upwards: a chain may be as long as its author likes."""


class Counterparts:
    """Says which runs are counterparts of each other; reads the index, each run above once.

    Parameters
    ----------
    store : Store
        Whose index is asked.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._above: dict[str, RunRecord | None] = {}
        self._points: dict[tuple[str, int], int] = {}
        self._numbers: dict[Hashable, int] = {}

    def point(self, run: RunRecord, steps: int = _STEPS) -> int:
        """Return a number that a run shares with its counterparts, and with nothing else.

        Parameters
        ----------
        run : RunRecord
            A run, or the description of one that is asked for.
        steps : int
            How many steps upwards are looked at.
        """
        known = self._points.get((run.id, steps))
        if known is None:
            inputs = tuple(sorted((item.key, *self._origin(item, steps)) for item in run.inputs))
            known = self._numbers.setdefault((run.step, run.parts.get("config"), inputs), len(self._numbers))
            self._points[run.id, steps] = known
        return known

    def _origin(self, item: InputRecord, steps: int) -> tuple[str, int]:
        """Say where an input comes from: an output's name and its run's number, or a place."""
        if item.kind != ARTIFACT:
            return item.location, -1
        run_id, _, key = item.location.removeprefix("runs/").partition("/")
        if steps == 0:
            return key, -1
        made = self._made(run_id)
        return (item.location, -1) if made is None else (key, self.point(made, steps - 1))

    def _made(self, run_id: str) -> RunRecord | None:
        if run_id not in self._above:
            self._above[run_id] = next(known_runs(self._store, [run_id]), None)
        return self._above[run_id]
