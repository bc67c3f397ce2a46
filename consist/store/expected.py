"""What an index says should be in the store: the records of its runs. Which of them nobody met there.

A run is in an index because its record was in the store. There other machines may have replaced or forgotten it, of
which this index has not heard: then its signature leads to another record, or a copy is kept under its id. Only a run
of which the store has neither is missing.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from itertools import islice
from typing import TYPE_CHECKING

from consist.blobs import layout
from consist.errors import DamagedError
from consist.index.schema import RUN_ID_SIZE, is_run_id
from consist.store.mending import known_record
from consist.store.put import STEP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.blobs.backend import Backend
    from consist.index.index import Index
    from consist.index.records import RunRecord
    from consist.store.store import Store

_BATCH = 256
_RAW = RUN_ID_SIZE // 2
_ANEW = "`consist index rebuild` writes it anew"


class Expected:
    """The runs that an index knew when this was made, each of which is met or not: eleven bytes a run.

    Made before the store is looked at: what is in an index by then was in its store before, so that what others publish
    meanwhile is not looked for. Ids are packed, and met in any order: folders and buckets list records by
    signature, or in none. (A set of a million ids takes 80 MB.)

    Parameters
    ----------
    index : Index
        Whose runs.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._ids = [_packed(index, first) for first in range(256)]
        self._met = [bytearray(len(ids) // _RAW) for ids in self._ids]

    @property
    def size(self) -> int:
        """Bytes that it takes, but for what is the same for every index."""
        return sum(map(len, (*self._ids, *self._met)))

    def meet(self, run_id: str) -> None:
        """Say that the store has a record of a run, wherever it lies there."""
        if not is_run_id(run_id):
            return
        raw = bytes.fromhex(run_id)
        ids, met = self._ids[raw[0]], self._met[raw[0]]
        place = bisect_left(range(len(met)), raw, key=lambda number: _id(ids, number))
        if place < len(met) and _id(ids, place) == raw:
            met[place] = 1

    def not_met(self) -> Iterator[str]:
        """Yield the ids of the runs that were not met, sorted."""
        for ids, met in zip(self._ids, self._met, strict=True):
            place = met.find(0)
            while place >= 0:
                yield _id(ids, place).hex()
                place = met.find(0, place + 1)

    def missing(self, store: Store) -> Iterator[list[tuple[str, RunRecord]]]:
        """Yield, in batches, the runs of which the store has no record, with the key at which it should be.

        Parameters
        ----------
        store : Store
            All its records were met, but for those that are damaged or came since: what was not met is looked for.
        """
        ids = self.not_met()
        while batch := list(islice(ids, _BATCH)):
            known = [run for run in map(self._known, batch) if run is not None]
            if gone := _gone(store.backend, known):
                yield gone

    def _known(self, run_id: str) -> RunRecord | None:
        """Return a run that the index has still; one that is damaged there says nothing of the store."""
        try:
            return self._index.get_run(run_id)
        except DamagedError:
            return None


def is_put(run: RunRecord) -> bool:
    """Tell whether a run is content that was put."""
    return run.step == STEP and not run.parts


def what_to_do(run: RunRecord) -> str:
    """Say whose record is missing, and what becomes of that."""
    whose = f"the index knows it as the record of run {run.id} (step {run.step})"
    if run.signature is not None:
        return f"{whose}: its next call executes it again"
    if is_put(run):
        return f"{whose}: put it again, or `consist index rebuild` lets go of it"
    return f"{whose}, which no call finds: `consist index rebuild` lets go of it"


def what_to_do_about_damage(store: Store, key: str) -> tuple[str, RunRecord | None]:
    """Say whose record is damaged and what becomes of that; return the run as well, if the index knows it."""
    run = known_record(store, key)
    if run is None:
        return _of_unknown(key), None
    whose = f"the index knows it as the record of run {run.id} (step {run.step})"
    if key.startswith(layout.RESULTS):
        return f"{whose}: its next call executes it again, or {_ANEW}", run
    return f"{whose}: {'put it again, or ' if is_put(run) else ''}{_ANEW}", run


def _of_unknown(key: str) -> str:
    area, _, name = key.partition("/")
    if area == layout.RESULTS:
        return "this machine's index does not know its run, whose next call writes it anew"
    if not is_run_id(name):
        return "no record has such a name"
    return f"this machine's index does not know its run; where one does, {_ANEW}, and if none does, remove it"


def _packed(index: Index, first: int) -> bytes:
    """Return the ids that begin with a byte, sorted, back to back: one transaction."""
    found = index.match_runs(f"{first:02x}", limit=sys.maxsize)
    return b"".join(bytes.fromhex(run_id) for run_id in found if is_run_id(run_id))


def _id(ids: bytes, number: int) -> bytes:
    return ids[number * _RAW : (number + 1) * _RAW]


def _gone(backend: Backend, runs: list[RunRecord]) -> list[tuple[str, RunRecord]]:
    """Return those of which there is no record: first where signatures lead, then under ids, as records move."""
    gone = _without([(_key(run), run) for run in runs], backend)
    moved = [(layout.run_key(run.id), run) for _, run in gone if run.signature is not None]
    left = {run.id for _, run in _without(moved, backend)}
    return [(key, run) for key, run in gone if run.signature is None or run.id in left]


def _without(keyed: list[tuple[str, RunRecord]], backend: Backend) -> list[tuple[str, RunRecord]]:
    """Return those whose key is free, by one batch of requests."""
    found = backend.stat_many([key for key, _ in keyed]) if keyed else ()
    return [each for each, there in zip(keyed, found, strict=True) if there is None]


def _key(run: RunRecord) -> str:
    if run.signature is None:
        return layout.run_key(run.id)
    return layout.digest_key(layout.RESULTS, run.signature)
