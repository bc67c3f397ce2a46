"""Runs of one step that are under way in this process at the same time and write to one path: never to be found again.

Of a file that two bodies write at once nobody can tell whose bytes were read from it. So such runs are recorded, and no
signature leads to them. What a function will return is known at its end only: the first of two that return one path has
been published by then, and is forgotten.

Only runs of the same step are compared. What another step writes to the path of a step that runs it in threads of its
own looks the same, and is meant. Of other processes nothing is known here.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from consist.errors import ConsistError, ConsistWarning, warn
from consist.runs.context import runs_under_way
from consist.runs.places import is_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from consist.index.records import ArtifactRecord, RunRecord
    from consist.store.store import Store

_lock = threading.Lock()
_under_way: dict[str, Claim] = {}


@dataclass(slots=True, eq=False)
class Claim:
    """A run that is under way, and the paths that it is known to write to.

    Parameters
    ----------
    run_id, step : str
        The run.
    paths : set of str
        Absolute; those that were declared, from its end on all.
    around : tuple of str
        The runs that it is run in, whose files it may write.
    met : list of Claim
        Runs of the step that ended meanwhile.
    shared : bool
        Whether another one says that it wrote to a path of this one.
    record : RunRecord or None
        As it was published; None before.
    """

    run_id: str
    step: str
    paths: set[str]
    around: tuple[str, ...]
    met: list[Claim] = field(default_factory=list)
    shared: bool = False
    record: RunRecord | None = None


def claimed(draft: RunRecord, paths: Sequence[tuple[str, str]]) -> Claim:
    """Mark a run as under way until `ended`, with the paths that were declared by key."""
    around = tuple([run.run_id for run in runs_under_way()])
    claim = Claim(draft.id, draft.step, {os.path.realpath(path) for _, path in paths} if paths else set(), around)
    with _lock:
        _under_way[claim.run_id] = claim
    return claim


def ended(claim: Claim) -> None:
    """Mark a run as under way no more."""
    with _lock:
        _under_way.pop(claim.run_id, None)
        claim.met.clear()
        for one in _beside(claim) if claim.paths else ():
            one.met.append(claim)


def shared_paths(claim: Claim, outputs: Iterable[ArtifactRecord], given: Iterable[str], store: Store) -> list[str]:
    """Say why no signature may lead to a run that has made its outputs; what was published meanwhile is forgotten.

    Parameters
    ----------
    claim : Claim
        The run's.
    outputs : iterable of ArtifactRecord
        What it made.
    given : iterable of str
        Files and folders that it may hand on as they are.
    store : Store
        Where runs are forgotten.
    """
    places = {os.path.realpath(output.media["path"]) for output in outputs if "path" in output.media}
    if not places and not claim.paths:
        return []  # as of most runs
    known = [os.path.realpath(path) for path in given]
    places = {place for place in places if not any(is_in(place, one) for one in known)}
    with _lock:
        claim.paths |= places
        rivals = [one for one in (*claim.met, *_beside(claim)) if one.paths & claim.paths]
        for one in rivals:
            one.shared = True
        published = [one.record for one in rivals if one.record is not None]
    for record in published:
        _forget(record, store)
    hint = "write to a path of its own, such as one in the run_dir of consist.current_run()"
    return [f"run {one.run_id} wrote {min(one.paths & claim.paths)} at the same time ({hint})" for one in rivals]


def was_published(claim: Claim, record: RunRecord, store: Store) -> None:
    """Say how a run was published; if another one says by then that it wrote to the same path, it is forgotten."""
    if not claim.paths:
        return  # as of most runs
    with _lock:
        claim.record = record
        shared = claim.shared
    if shared:
        _forget(record, store)


def _beside(claim: Claim) -> list[Claim]:
    """Return the claims of other runs of the step that are under way, neither in this one nor round it."""
    return [
        one
        for one in _under_way.values()
        if one.step == claim.step
        and one is not claim
        and one.run_id not in claim.around
        and claim.run_id not in one.around
    ]


def _begin_anew() -> None:
    """Let a forked process begin without the runs of threads that it does not have, and the lock that one may hold."""
    global _lock  # noqa: PLW0603 - a lock that another thread held at the fork is never released
    _lock = threading.Lock()
    _under_way.clear()


os.register_at_fork(after_in_child=_begin_anew)


def _forget(record: RunRecord, store: Store) -> None:
    if record.signature is None:
        return
    from consist.store.marking import forget

    try:
        forget(store, record, "another run wrote to a path of it at the same time")
    except ConsistError as error:
        warn(f"run {record.id} may have another run's output, and could not be forgotten: {error}", ConsistWarning)
