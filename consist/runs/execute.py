"""The main job: look up; on a miss run once and publish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consist.runs.context import note_found, runs_under_way
from consist.runs.perform import run_body
from consist.runs.request import complain, identify
from consist.runs.run import recorded_result
from consist.store.config import GROUP
from consist.store.flight import single_flight
from consist.store.lookup import find

if TYPE_CHECKING:
    from consist.hashing.digest import Digest
    from consist.runs.perform import Workshop
    from consist.runs.request import Request
    from consist.runs.run import RunResult


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
    identified = identify(request, workshop.store)
    complain(identified, strict=workshop.strict)
    signature = identified.signature
    mode = request.cache.cache_mode
    if signature is None or mode in {"off", "overwrite"}:
        return run_body(identified, workshop)
    hit = _look_up(signature, workshop, count=mode != "readonly")
    if hit is not None:
        return hit
    if mode == "readonly" or _is_under_way_around_us(signature):
        return run_body(identified, workshop)
    shared = workshop.store.config.sharing == GROUP
    with single_flight(workshop.store.locks, signature, shared=shared):
        # Whoever held the lock before us may have published what we want.
        return _look_up(signature, workshop) or run_body(identified, workshop)


def _look_up(signature: Digest, workshop: Workshop, *, count: bool = True) -> RunResult | None:
    record = find(workshop.store, signature)
    if record is None:
        return None
    if count:
        workshop.store.events.hit(record.id)
        note_found(record, workshop.store)
    return recorded_result(record, workshop.library, cache_hit=True)


def _is_under_way_around_us(signature: Digest) -> bool:
    """Tell whether a function has come to call itself: to wait for that run would be to wait for ever."""
    return any(around.signature == signature.raw for around in runs_under_way())
