"""Runs of one step that are under way in this process at the same time and write to one path: never to be found again.

Of a file that two bodies write at once nobody can tell whose bytes were read from it. So such runs are recorded, and no
signature leads to them. What a function will return is known at its end only: the first of two that return one path has
been published by then, and is forgotten.

Only runs of the same step are compared. What another step writes to the path of a step that runs it in threads of its
own looks the same, and is meant. Runs of other processes are met in ``elsewhere.py``.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from consist.errors import ConsistError, ConsistWarning, warn
from consist.runs.context import runs_under_way
from consist.runs.elsewhere import Elsewhere, join
from consist.runs.places import common_places, is_in
from consist.store.pathnotes import WROTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from consist.hashing.digest import Digest
    from consist.index.records import ArtifactRecord, RunRecord
    from consist.store.pathnotes import Note
    from consist.store.store import Store

_HINT = "write to a path of its own, such as one in the run_dir of consist.current_run()"

_lock = threading.Lock()
_under_way: set[Claim] = set()


@dataclass(slots=True, eq=False)
class Claim:
    """A run that is under way, or is put in place again, and the paths that it is known to write to.

    Parameters
    ----------
    run_id, step : str
        The run.
    paths : set of str
        Absolute; those that were declared, from its end on all.
    around : tuple of str
        The runs that it is run in, whose files it may write.
    store : Store
        Where it is recorded.
    elsewhere : Elsewhere or None
        How other processes meet it; None if they cannot.
    met : list of Claim
        Runs of the step that ended meanwhile.
    within : list of str
        Why what it asked for in its body is not to be relied on.
    shared : bool
        Whether another one says that it wrote to a path of this one.
    record : RunRecord or None
        As it was published; None before.
    """

    run_id: str
    step: str
    paths: set[str]
    around: tuple[str, ...]
    store: Store
    elsewhere: Elsewhere | None = None
    met: list[Claim] = field(default_factory=list)
    within: list[str] = field(default_factory=list)
    shared: bool = False
    record: RunRecord | None = None


def claimed(
    run: RunRecord,
    paths: Sequence[tuple[str, str]],
    store: Store,
    signature: Digest | None = None,
    *,
    writes: bool = True,
) -> Claim:
    """Mark a run as under way until `ended`, with the paths that were declared by key."""
    around = tuple([run.run_id for run in runs_under_way()])
    places = {os.path.realpath(path) for _, path in paths} if paths else set()
    claim = Claim(run.id, run.step, places, around, store, join(run, around, store, signature, writes=writes))
    if places and claim.elsewhere is not None:
        claim.elsewhere.declare(places)
    with _lock:
        _under_way.add(claim)
    return claim


def ended(claim: Claim) -> None:
    """Mark a run as under way no more."""
    with _lock:
        _under_way.discard(claim)
        claim.met.clear()
        for one in _beside(claim) if claim.paths else ():
            one.met.append(claim)
    if claim.elsewhere is not None:
        claim.elsewhere.leave()


def shared_paths(claim: Claim, outputs: Iterable[ArtifactRecord], given: Iterable[str]) -> list[str]:
    """Say why no signature may lead to a run that has made its outputs; what was published meanwhile is forgotten.

    Parameters
    ----------
    claim : Claim
        The run's.
    outputs : iterable of ArtifactRecord
        What it made.
    given : iterable of str
        Files and folders that it may hand on as they are.
    """
    places = {os.path.realpath(made.media["path"]): made.digest.hex for made in outputs if "path" in made.media}
    if not places and not claim.paths:
        return claim.within  # as of most runs, with nothing in it
    known = [os.path.realpath(path) for path in given]
    places = {place: made for place, made in places.items() if not any(is_in(place, one) for one in known)}
    with _lock:
        claim.paths |= places.keys()
        common = {one: common_places(claim.paths, one.paths) for one in (*claim.met, *_beside(claim))}
        rivals = [one for one, paths in common.items() if paths]
        for one in rivals:
            one.shared = True
        published = [(one.record, one.store) for one in rivals if one.record is not None]
        if rivals:
            _tell_those_around(claim)
    for record, store in published:
        _forget(record, store)
    told = [f"run {one.run_id} wrote {min(common[one])} at the same time ({_HINT})" for one in rivals]
    return [*claim.within, *told, *_shared_elsewhere(claim, places)]


def _shared_elsewhere(claim: Claim, places: Mapping[str, str]) -> list[str]:
    """Do the same about runs of other processes."""
    if claim.elsewhere is None or not claim.paths:
        return []
    try:
        rivals = claim.elsewhere.wrote({**dict.fromkeys(claim.paths, ""), **places})
    except OSError as error:
        return [f"other processes cannot be told which paths it wrote: {error}"]
    if rivals:
        with _lock:
            _tell_those_around(claim)
    return [f"{rival.told()}{_taken_back(claim, rival.note)} ({_HINT})" for rival in rivals]


def _taken_back(claim: Claim, note: Note) -> str:
    """Forget the run of another process, if it was published; say so where that cannot be."""
    if note.kind != WROTE:
        return ""
    if note.store != claim.store.config.id:
        return ", and is found in another store"
    try:
        record = claim.store.index.get_run(note.run)
    except ConsistError as error:
        return f", and could not be forgotten: {error}"
    if record is not None:
        _forget(record, claim.store)
    return ""


def was_published(claim: Claim, record: RunRecord) -> None:
    """Say how a run was published; if another one says by then that it wrote to the same path, it is forgotten."""
    if not claim.paths:
        return  # as of most runs
    with _lock:
        claim.record = record
        shared = claim.shared
    if shared or (record.id == claim.run_id and claim.elsewhere is not None and claim.elsewhere.is_shared()):
        _forget(record, claim.store)


def _tell_those_around(claim: Claim) -> None:
    """Tell the runs that asked for this one: what they got may be another config's, and so is what they make of it."""
    for one in _under_way:
        if one.run_id in claim.around:
            one.within.append(f"run {claim.run_id}, which it asked for, wrote to a path at the same time as another")


def _beside(claim: Claim) -> list[Claim]:
    """Return the claims of other runs of the step that are under way, neither in this one nor round it."""
    return [
        one
        for one in _under_way
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
