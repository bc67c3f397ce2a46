"""The main job: look up; on a miss run once and publish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consist.blobs.sharing import GROUP
from consist.errors import BlobNotFoundError, DamagedError, DamagedWarning, InputError, StorageError, warn_once
from consist.runs.context import note_found, runs_under_way
from consist.runs.declared import compared_with_found, refused, settle
from consist.runs.onhit import given_again
from consist.runs.options import INPUTS_MISSING, OUTPUTS_ALL, OUTPUTS_REQUESTED
from consist.runs.perform import run_body
from consist.runs.places import check_places
from consist.runs.request import complain, identify
from consist.runs.run import recorded_result
from consist.store.flight import single_flight
from consist.store.lookup import AGAIN, find

if TYPE_CHECKING:
    from consist.hashing.digest import Digest
    from consist.index.records import RunRecord
    from consist.runs.perform import Workshop
    from consist.runs.request import Identified, Request
    from consist.runs.run import RunResult

_RESTORING = (OUTPUTS_REQUESTED, OUTPUTS_ALL)


def execute(request: Request, workshop: Workshop) -> RunResult:
    """Return the result of a request: an earlier run's, or a new one's.

    Raises
    ------
    UsageError
        If the request does not fit together; nothing was run.
    StorageError
        If store or index cannot be used.
    Exception
        Whatever the function raises, unchanged.
    """
    if request.declared.paths or request.execution.capture_dir is not None:
        check_places(request)
    identified = _identified(request, workshop)
    complain(identified, strict=workshop.strict)
    if identified.config.has_paths:
        from consist.runs.configpaths import warn_of_paths

        warn_of_paths(identified)
    signature = identified.signature
    mode = request.cache.cache_mode
    if signature is None or mode in {"off", "overwrite"}:
        return run_body(identified, workshop)
    said: dict[str, str] = {}
    hit, _ = _look_up(identified, workshop, said, index_only=True)
    if hit is not None:
        return hit
    if mode == "readonly" or _is_under_way_around_us(signature):
        hit, _ = _look_up(identified, workshop, said)
        return hit or run_body(identified, workshop, notes=tuple(said.values()))
    shared = workshop.store.config.sharing == GROUP
    try:
        flight = single_flight(workshop.store.locks, signature, shared=shared, step=request.step)
    except StorageError:  # who may only read the store can find what is in it all the same
        hit, _ = _look_up(identified, workshop, said)
        if hit is None:
            raise
        return hit
    with flight:
        # The store is asked once, here: whoever held the lock before us may have published what we want.
        hit, falls_short = _look_up(identified, workshop, said)
        return hit or run_body(identified, workshop, replacing=falls_short, notes=tuple(said.values()))


def _identified(request: Request, workshop: Workshop) -> Identified:
    """Find out what a request is; files among its inputs that are gone may be restored for that."""
    try:
        return identify(request, workshop.store.files)
    except InputError:  # here, so that a call whose inputs are there pays nothing for it
        if request.cache.cache_hydration != INPUTS_MISSING:
            raise
        from consist.runs.hydrate import restore_given_paths

        if not restore_given_paths(request.inputs, workshop.store, workshop.library):
            raise
    return identify(request, workshop.store.files)


def _look_up(
    identified: Identified, workshop: Workshop, said: dict[str, str], *, index_only: bool = False
) -> tuple[RunResult | None, bool]:
    """Return the result of an earlier run, if there is one that is all that the caller wants of a hit.

    What is found damaged is warned of once a call: `said` has what the first look said to the second.

    Returns
    -------
    RunResult or None
        The hit.
    bool
        Whether there is a whole run, but one that did not make what is declared now, or more.
    """
    request, signature = identified.request, identified.signature
    assert signature is not None  # noqa: S101 - for the type checker; the caller asked
    cache, declared = request.cache, request.declared
    record = find(workshop.store, signature, validate=cache.validate_cached_outputs, said=said, index_only=index_only)
    if record is None:
        return None, False
    if (declared.keys or declared.paths) and not _delivers(record, request):
        return None, True
    if cache.cache_hydration in _RESTORING and not _hydrate(record, request, workshop, said):
        return None, False
    writes = cache.cache_mode != "readonly"
    if writes:
        workshop.store.events.hit(record.id)
    note_found(record, workshop.store if writes else None)
    tags = None
    if writes and (request.tags or request.facet or request.description):
        tags = given_again(request, record, workshop.store)
    return recorded_result(record, workshop.library, cache_hit=True, tags=tags), False


def _delivers(record: RunRecord, request: Request) -> bool:
    """Tell whether a run made what is declared now, and no more: another caller's policy may have let it pass."""
    policy = request.declared.policy
    lacking = list(compared_with_found(record.outputs, request.declared))
    if refused(lacking, policy) is not None:
        return False  # the function is called, and fails as it would have
    for lack in lacking:
        settle(lack, policy)
    return True


def _hydrate(record: RunRecord, request: Request, workshop: Workshop, said: dict[str, str]) -> bool:
    """Put outputs where they are wanted; content that turns out damaged makes the call a miss, which heals."""
    from consist.runs.claims import claimed, ended
    from consist.runs.hydrate import restore_outputs

    paths = request.declared.paths if request.cache.cache_hydration == OUTPUTS_REQUESTED else ()
    # What is put in place is written there as by a body.
    writes = request.cache.cache_mode != "readonly"
    claim = claimed(record, paths, workshop.store, record.signature, writes=writes)
    try:
        restore_outputs(request, record, workshop.library, workshop.store.blobs)
    except (DamagedError, BlobNotFoundError) as error:
        warn_once(
            f"run {record.id} of {record.step!r}: {error.message}{AGAIN}",
            DamagedWarning,
            record.id,
            said,
        )
        return False
    finally:
        ended(claim)
    return True


def _is_under_way_around_us(signature: Digest) -> bool:
    """Tell whether a function has come to call itself: to wait for that run would be to wait for ever."""
    return any(around.signature == signature.raw for around in runs_under_way())
