"""Runs that were asked for in the body of another: what that one was made from, beside its inputs.

A function's record names the runs that it asked for. A block's does not: what was executed or found in a block belongs
to it already, as does a block to the function that it lies in (`parent`, and the event ``member``). A scenario is made
from nothing that it holds; within a function's call, what it holds was asked for there.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from consist.errors import DamagedError
from consist.index.records import RUN, SCENARIO, TRACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consist.index.records import RunRecord
    from consist.store.store import Store


def asked_for(store: Store, record: RunRecord) -> list[str]:
    """Return the ids of the runs that were asked for in a run, in the order in which they were."""
    if record.kind not in {RUN, TRACE}:
        return []
    within: dict[str, RunRecord] = {}
    holders = deque([record])
    while holders:
        holder = holders.popleft()
        for child in store.index.runs(parent=holder.id):
            if child.id not in within and (holder.kind == SCENARIO or _belongs(child, record)):
                within[child.id] = child
                holders.extend([child] if child.kind == SCENARIO else [])
    return list(dict.fromkeys((*record.asked, *sorted(within, key=lambda run_id: within[run_id].started))))


def askers(store: Store, record: RunRecord) -> Iterator[RunRecord]:
    """Yield the runs that asked for a run, the newest first; of blocks those that the index has heard of."""
    yield from known_runs(store, store.index.askers(record.id))
    seen = {record.id}
    held = deque([record])
    while held:
        inner = held.popleft()
        for around in known_runs(store, store.index.parents(inner.id)):
            if around.id in seen:
                continue
            seen.add(around.id)
            if around.kind == SCENARIO:
                held.append(around)  # what it holds was asked for where it is: in a thread nothing else says so
            elif _belongs(inner, around):
                yield around


def all_askers(store: Store, record: RunRecord) -> list[RunRecord]:
    """Return the functions' runs that asked for a run, and those that asked for them, the nearest first."""
    found: dict[str, RunRecord] = {}
    queue = deque([record])
    while queue:
        for asker in askers(store, queue.popleft()):
            if asker.kind == RUN and asker.id not in found and asker.id != record.id:
                found[asker.id] = asker
                queue.append(asker)
    return list(found.values())


def _belongs(child: RunRecord, around: RunRecord) -> bool:
    """Tell whether being within a run is the one thing that says that it was asked for there."""
    return around.kind == TRACE or (around.kind == RUN and child.kind != RUN)


def known_runs(store: Store, run_ids: Iterable[str]) -> Iterator[RunRecord]:
    """Yield the runs with some ids, as far as this machine's index has them whole."""
    for run_id in run_ids:
        try:
            found = store.index.get_run(run_id)
        except DamagedError:
            continue
        if found is not None:
            yield found
