"""A miss: call the function, store what it made, and record how it went.

The order is the promise. Inputs and code are looked at before the body and again after it; outputs are in the store
before the record is; the record is in the store before the index hears of it (``store/publish.py``).
"""

from __future__ import annotations

import inspect
import warnings
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.errors import ConsistError, ConsistWarning, IdentityWarning, OutputError, UncacheableWarning, UsageError
from consist.index.records import COMPLETED
from consist.runs.bind import bind
from consist.runs.collect import Collector, take_apart
from consist.runs.context import RunContext, note_found, running
from consist.runs.draft import draft_of, now
from consist.runs.logbook import Logbook
from consist.runs.request import identity_of_code
from consist.runs.run import Run, RunResult, artifacts_of, recorded_result
from consist.store.latest import earlier_version
from consist.store.publish import keep, publish

if TYPE_CHECKING:
    from pathlib import Path

    from consist.index.records import ArtifactRecord, RunRecord
    from consist.runs.library import Library
    from consist.runs.request import Identified, Request
    from consist.store.store import Store

_STACK = 6
"""Frames between a warning of this module and the user's call of `run`."""


class Workshop(NamedTuple):
    """What executing needs of a tracker.

    Attributes
    ----------
    store : Store
        Where results are.
    library : Library
        Hands out artifacts.
    run_dir : Path
        Where runs may write files.
    strict : bool
        Whether what cannot be cached is an error.
    verbose : bool
        Whether a step that runs says why.
    """

    store: Store
    library: Library
    run_dir: Path
    strict: bool
    verbose: bool = False

    def collector(self, step: str) -> Collector:
        """Return what stores the outputs of a run of a step."""
        earlier = partial(earlier_version, self.store, step)
        return Collector(self.store.blobs, earlier, allow_pickle=self.library.allow_pickle)


def run_body(identified: Identified, workshop: Workshop) -> RunResult:
    """Call the function of a request and record the run.

    Returns
    -------
    RunResult
        The new run; or the one of another machine that published the same signature meanwhile.
    """
    request = identified.request
    if workshop.verbose:
        from consist.runs.notice import announce

        announce(identified, workshop.store)
    if request.cache.cache_mode == "readonly":
        nothing_kept = Collector(None, allow_pickle=workshop.library.allow_pickle)
        record, value = _call(identified, workshop, _logbook(identified, workshop, nothing_kept))
        return _result(record, value, workshop.library)
    logbook = _logbook(identified, workshop, workshop.collector(request.step))
    try:
        record, value = _call(identified, workshop, logbook)
    except BaseException as error:
        logbook.close()
        record_failure(logbook.written_into(logbook.draft), error, workshop.store)
        raise
    if record.signature is None:
        keep(workshop.store, record)
        return _result(record, value, workshop.library)
    published = publish(workshop.store, record, overwrite=request.cache.cache_mode == "overwrite")
    if published.id != record.id:
        note_found(published, workshop.store)
        return recorded_result(published, workshop.library, cache_hit=False)
    return _result(record, value, workshop.library)


def _logbook(identified: Identified, workshop: Workshop, collector: Collector) -> Logbook:
    return Logbook(draft_of(identified), collector, workshop.store, workshop.library, identified.inputs)


def _call(identified: Identified, workshop: Workshop, logbook: Logbook) -> tuple[RunRecord, Any]:
    """Call the function and store its outputs; return the finished record and the value as it was returned."""
    request, draft, signature = identified.request, logbook.draft, identified.signature
    context = RunContext(logbook, workshop.run_dir, signature.raw if signature else b"")
    arguments = bind(request.fn, identified.config.values, identified.inputs, request.execution, lambda: context)
    if request.execution.capture_dir is not None:
        context.capture_outputs(request.execution.capture_dir, request.execution.capture_pattern)
    started = now()
    with running(context):
        value = request.fn(*arguments.args, **arguments.kwargs)
    ended = now()
    _refuse_lazy(request, value)
    logbook.end_captures()
    logbook.close()
    returned = take_apart(value, _still_to_return(value, request.declared.keys, logbook))
    collected = logbook.collector.collect(returned, request.declared, started=started / 1e6)
    outputs, without_format = _split(collected)
    reasons = [*without_format, *logbook.contradicted(outputs), *_input_changes(logbook)]
    if reasons:
        _warn(f"run {draft.id} of {draft.step!r} is not cached: {'; '.join(reasons)}", UncacheableWarning)
    record = replace(
        draft,
        signature=signature if not reasons and request.cache.cache_mode != "off" else None,
        status=COMPLETED,
        started=started,
        ended=ended,
        outputs=outputs,
        returns=returned.returns,
        notes=(*draft.notes, *reasons, *_code_changes(identified)),
    )
    return logbook.written_into(record), value


def _still_to_return(value: Any, keys: tuple[str, ...], logbook: Logbook) -> tuple[str, ...]:
    """Leave out the declared outputs that were logged, unless the function seems to return them all the same."""
    given = value if type(value) is dict else ()
    left = tuple(key for key in keys if key not in logbook.outputs or key in given)
    whole = len(keys) == 1 or (type(value) is tuple and len(value) == len(keys))
    return keys if not left and whole and value is not None and type(value) is not dict else left


def _result(record: RunRecord, value: Any, library: Library) -> RunResult:
    return RunResult(Run(record), artifacts_of(record, library), cache_hit=False, _value=lambda: value)


def _refuse_lazy(request: Request, value: Any) -> None:
    """Refuse what is only a promise of a value: its work would be done after the run was recorded."""
    if inspect.isgenerator(value) or inspect.iscoroutine(value) or inspect.isasyncgen(value):
        kind = type(value).__name__.replace("_", " ")
        if inspect.iscoroutine(value):
            value.close()
        raise UsageError(
            f"step {request.step!r} returned a {kind}, which has not done its work yet",
            hint="return a list, or run the coroutine inside the function",
        )


def _split(collected: Any) -> tuple[tuple[ArtifactRecord, ...], list[str]]:
    """Part the outputs that were stored from the reasons why others have no format."""
    outputs, reasons = [], []
    for item in collected:
        if isinstance(item, OutputError):
            reasons.append(str(item))
        else:
            outputs.append(item)
    return tuple(outputs), reasons


def _input_changes(logbook: Logbook) -> list[str]:
    return [f"input {name!r} changed while the function ran" for name in logbook.changed_inputs()]


def _code_changes(identified: Identified) -> list[str]:
    """Notice a function that changes what its own identity is made of, such as a global that it reads and writes."""
    before, after = identified.code, identity_of_code(identified.request, identified.config)
    if before.digest == after.digest:
        return []
    labels = before.manifest.keys() | after.manifest.keys()
    changed = sorted(label for label in labels if before.manifest.get(label) != after.manifest.get(label))
    message = f"the function changed what its own identity is made of: {', '.join(changed) or 'its order'}"
    _warn(
        f"step {identified.request.step!r}: {message}; the next call is a miss (pass the value in config or inputs, or,"
        f" if it does not decide the result, leave it out: {_ignoring(changed)})",
        IdentityWarning,
    )
    return [message]


def _ignoring(labels: list[str]) -> str:
    """Write the option that leaves the values behind some labels out: ``job:CACHE (used by job.f)`` is job.CACHE."""
    names = [label.partition(" (used by")[0].replace(":", ".") for label in labels]
    return f"CodeOptions(ignore={names})"


def record_failure(draft: RunRecord, error: BaseException, store: Store) -> None:
    """Record a failed run; if that fails too, the user's own error is still the one that is raised."""
    record = replace(draft, ended=now(), error=(type(error).__name__, _message_of(error)))
    try:
        keep(store, record)
    except ConsistError as second:
        _warn(f"the failed run {draft.id} could not be recorded: {second}", ConsistWarning)


def _message_of(error: BaseException) -> str:
    """Return an exception's text as it can be recorded; it is the user's, so its `__str__` may do anything."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the exception that counts is the one whose text was asked for
        return "(its message cannot be read)"
    return text[:2000].encode("utf-8", "replace").decode()


def _warn(message: str, category: type[Warning]) -> None:
    warnings.warn(message, category, stacklevel=_STACK)
