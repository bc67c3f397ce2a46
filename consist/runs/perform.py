"""A miss: call the function, store what it made, and record how it went.

The order is the promise. Inputs and code are looked at before the body and again after it; outputs are in the store
before the record is; the record is in the store before the index hears of it (``store/publish.py``). Once the body has
returned, its value is the caller's, whatever becomes of the storage (decision 19).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.errors import ConflictError, ConsistWarning, RefusedError, StorageError, UncacheableWarning, warn
from consist.index.records import COMPLETED
from consist.runs.artifact import Artifact
from consist.runs.bind import bind, handed_paths
from consist.runs.calling import call, refuse_generators
from consist.runs.changes import code_changes, input_changes
from consist.runs.claims import Claim, claimed, ended, shared_paths, was_published
from consist.runs.collect import Collector, take_apart, told_of_many
from consist.runs.context import RunContext, begin, end, note_asked, note_found
from consist.runs.declared import UNSTORED, Lacking, compared, settle
from consist.runs.draft import draft_of, fill_in, now
from consist.runs.failure import failed_record, record_failure
from consist.runs.foreseen import refuse_unstorable
from consist.runs.hashedonly import told_of_hashed_only
from consist.runs.hooks import NO_HOOKS, Hooks
from consist.runs.leftovers import NOTHING, is_given, is_new_file, older_than_call, what_is_there
from consist.runs.logbook import Logbook
from consist.runs.onhit import given_again
from consist.runs.options import INPUTS_MISSING
from consist.runs.run import Run, RunResult, artifacts_of, recorded_result
from consist.runs.within import asked_runs, told_of_unseen
from consist.store.latest import earlier_tree, earlier_version
from consist.store.publish import keep, publish

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from consist.index.records import ArtifactRecord, RunRecord
    from consist.runs.bind import Bound
    from consist.runs.declared import Declared, Returned
    from consist.runs.leftovers import Stamp
    from consist.runs.library import Library
    from consist.runs.request import Identified
    from consist.store.store import Store


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
    hooks : Hooks
        Who is told of executions.
    """

    store: Store
    library: Library
    run_dir: Path
    strict: bool
    verbose: bool = False
    hooks: Hooks = NO_HOOKS

    def collector(self, step: str, *, writes: bool = True) -> Collector:
        """Return what stores the outputs of a run of a step; without `writes` it keeps them where they are."""
        return Collector(
            self.store.blobs if writes else None,
            partial(earlier_version, self.store, step),
            partial(earlier_tree, self.store, step),
            allow_pickle=self.library.allow_pickle,
            told=self.library.told,
            refuse_own=self.store.files.refuse_own,
        )


@dataclass(slots=True)
class Attempt:
    """A body that is about to be called, and what has come of it so far: what a failure leaves is recorded too.

    Parameters
    ----------
    logbook : Logbook
        The record as it stands if the function fails, what stores outputs, and what is logged.
    claim : Claim
        What it writes to.
    outputs : list of ArtifactRecord
        What is stored.
    reasons : list of str
        Why no signature may lead to the run.
    """

    logbook: Logbook
    claim: Claim
    outputs: list[ArtifactRecord] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def so_far(self) -> RunRecord:
        """Return the record of what was made until now."""
        return self.logbook.written_into(replace(self.logbook.draft, outputs=tuple(self.outputs)))


def run_body(
    identified: Identified, workshop: Workshop, *, replacing: bool = False, notes: tuple[str, ...] = ()
) -> RunResult:
    """Call the function of a request and record the run.

    Parameters
    ----------
    identified : Identified
        What to run.
    workshop : Workshop
        Where.
    replacing : bool
        Replace what the signature leads to.
    notes : tuple of str
        What was said when it was looked up: why an earlier run was not found.

    Returns
    -------
    RunResult
        The new run; or the one of another machine that published the same signature meanwhile.
    """
    request = identified.request
    refuse_generators(request.fn, request.step)
    if identified.signature is not None:
        refuse_unstorable(request, allow_pickle=workshop.library.allow_pickle)
    if workshop.verbose:
        from consist.runs.notice import announce

        announce(identified, workshop.store, workshop.library)
    if request.cache.cache_hydration == INPUTS_MISSING:
        from consist.runs.hydrate import restore_inputs

        restore_inputs(identified.inputs, workshop.library, str(workshop.run_dir))
    writes = request.cache.cache_mode != "readonly"
    logbook = _logbook(identified, workshop, notes, writes=writes)
    claim = claimed(logbook.draft, request.declared.paths, workshop.store, identified.signature, writes=writes)
    try:
        return _attempt(identified, workshop, Attempt(logbook, claim), replacing=replacing, writes=writes)
    finally:
        ended(claim)


def _attempt(
    identified: Identified, workshop: Workshop, attempt: Attempt, *, replacing: bool, writes: bool
) -> RunResult:
    """Call the function of a request, and record and hand out what came of it."""
    if workshop.hooks is not NO_HOOKS:
        workshop.hooks.tell("start", Run(replace(attempt.logbook.draft, status="running")))
    try:
        record, returned, value = _call(identified, workshop, attempt)
    except BaseException as error:
        attempt.logbook.close()
        shared_paths(attempt.claim, attempt.logbook.outputs.values(), ())  # of what it logged, others are to know
        failed = failed_record(attempt.so_far(), error)
        if writes:
            record_failure(failed, workshop.store)
        workshop.hooks.tell("failed", Run(failed), error)
        raise
    replacing = replacing or identified.request.cache.cache_mode == "overwrite"
    published = _record(record, workshop.store, overwrite=replacing) if writes else record
    if writes:
        was_published(attempt.claim, published)
    if published.id == record.id:
        if writes:
            note_asked(published)
        result = _result(published, returned, value, workshop.library)
    else:
        note_found(published, workshop.store)
        tags = given_again(identified.request, published, workshop.store)
        result = recorded_result(published, workshop.library, cache_hit=False, tags=tags)
    if workshop.hooks is not NO_HOOKS:
        workshop.hooks.tell("complete", result)
    return result


def _logbook(identified: Identified, workshop: Workshop, notes: tuple[str, ...], *, writes: bool) -> Logbook:
    draft = draft_of(identified)
    if notes:
        fill_in(draft, notes=(*draft.notes, *notes))
    collector = workshop.collector(draft.step, writes=writes)
    logbook = Logbook(draft, collector, workshop.store, workshop.library, identified.inputs)
    logbook.symlinks = identified.request.declared.symlinks
    return logbook


def _call(identified: Identified, workshop: Workshop, attempt: Attempt) -> tuple[RunRecord, Returned, Any]:
    """Call the function and store its outputs; return the finished record, and the value in parts and as a whole."""
    request, logbook, signature = identified.request, attempt.logbook, identified.signature
    draft, declared = logbook.draft, request.declared
    context = RunContext(logbook, workshop.run_dir, signature.raw if signature else b"")
    arguments = _arguments(identified, logbook, context)
    before = (
        what_is_there((path for _, path in declared.paths), symlinks=declared.symlinks) if declared.paths else NOTHING
    )
    started = now()
    token = begin(context)
    try:
        value = call(request.fn, arguments, request.step)
    finally:
        end(token)
    ended = now()
    logbook.end_captures()
    logbook.close()
    keys = still_to_return(value, declared.keys, logbook)
    returned = take_apart(value, keys).absolute()
    lacking = _collect(attempt, returned, value, declared._replace(keys=keys), before)
    for lack in lacking:
        settle(lack, declared.policy)
    asked, wrong = asked_runs(logbook.asked, workshop.store) if logbook.asked else ([], [])
    changed_files, changed_code = code_changes(identified)
    files_count = asked or _has_files(returned, declared, logbook)
    given = list(_given_files(identified, asked, workshop)) if files_count else [str(workshop.library.copies)]
    made = (*attempt.outputs, *logbook.outputs.values())
    reasons = [
        *attempt.reasons,
        *shared_paths(attempt.claim, made, given),
        *logbook.contradicted(tuple(attempt.outputs)),
        *input_changes(logbook, workshop.run_dir),
        *changed_files,
        *wrong,
    ]
    if reasons:
        warn(f"run {draft.id} of {draft.step!r} is not cached: {'; '.join(reasons)}", UncacheableWarning)
    leading = signature if not reasons and request.cache.cache_mode != "off" else None
    fill_in(
        draft,
        signature=leading,
        status=COMPLETED,
        started=started,
        ended=ended,
        outputs=tuple(attempt.outputs),
        returns=returned.returns,
        notes=(
            *draft.notes,
            *reasons,
            *(str(lack.error) for lack in lacking),
            *told_of_many(returned),
            *_left_over(returned, started, identified, given, made),
            *(told_of_unseen(request.step, asked, started, given) if asked and leading is not None else ()),
            *changed_code,
        ),
    )
    return logbook.written_into(draft), returned, value


def _arguments(identified: Identified, logbook: Logbook, context: RunContext) -> Bound:
    """Bind the arguments of a call, and note in its run what they tell: keys that reach nothing, paths handed over."""
    request = identified.request
    arguments = bind(request.fn, identified.config.values, identified.inputs, request.execution, lambda: context)
    if (stray := told_of_hashed_only(request.step, identified.config.values, arguments)) is not None:
        fill_in(logbook.draft, notes=(*logbook.draft.notes, stray))
    logbook.handed.update(handed_paths(arguments, identified.inputs))
    if request.execution.capture_dir is not None:
        context.capture_outputs(request.execution.capture_dir, request.execution.pattern)
    return arguments


def still_to_return(value: Any, keys: tuple[str, ...], logbook: Logbook) -> tuple[str, ...]:
    """Leave out the declared outputs that were logged, unless the function seems to return them all the same."""
    given = value if type(value) is dict else ()
    left = tuple(key for key in keys if key not in logbook.outputs or key in given)
    whole = len(keys) == 1 or (type(value) is tuple and len(value) == len(keys))
    return keys if not left and whole and value is not None and type(value) is not dict else left


def _collect(
    attempt: Attempt, returned: Returned, value: object, declared: Declared, before: frozenset[Stamp]
) -> list[Lacking]:
    """Store all that was made before anything is said of what was not; return what is missing or too much."""
    lacking = list(compared(returned, value, declared.keys))
    for item in attempt.logbook.collector.collect(returned, declared, before=before):
        if not isinstance(item, Lacking):
            attempt.outputs.append(item)
        elif item.kind == UNSTORED:
            attempt.reasons.append(str(item.error))
        else:
            lacking.append(item)
    return lacking


def _has_files(returned: Returned, declared: Declared, logbook: Logbook) -> bool:
    """Tell whether a function made files, for which what it was given must be known."""
    return bool(declared.paths or logbook.outputs) or any(isinstance(made, Path) for _, made in returned.values)


def _given_files(identified: Identified, asked: list[RunRecord], workshop: Workshop) -> Iterator[str]:
    """Yield what a function may return as it is: its inputs, the files of its code, what it asked for, and copies."""
    yield str(workshop.library.copies)
    yield from map(os.fspath, identified.request.code.depends_on)
    yield from (str(item.source) for item in identified.inputs if isinstance(item.source, Path))
    artifacts = [item.source.record for item in identified.inputs if isinstance(item.source, Artifact)]
    for output in (*artifacts, *(output for run in asked for output in run.outputs)):
        if isinstance(output.media.get("path"), str):
            yield output.media["path"]


def _left_over(
    returned: Returned, called: int, identified: Identified, given: list[str], kept: Sequence[ArtifactRecord]
) -> Iterator[str]:
    """Warn of files that were returned and not written, perhaps another run's; and of those written and only named."""
    request = identified.request
    named = [(key, made) for key, made in returned.values if type(made) is str or isinstance(made, Path)]
    if not named:
        return
    places = {output.media.get("path") for output in kept}
    places.update(os.path.abspath(item.source) for item in identified.inputs if isinstance(item.source, Path))  # noqa: PTH100 - text
    for key, made in named:
        is_new = type(made) is str and is_new_file(made, called) and not is_given(made, given)
        if is_new and os.path.abspath(made) not in places:  # noqa: PTH100 - text
            told = f"output {key!r} is the text {made!r:.200}, and the function wrote that file: only the text is kept"
            warn(f"step {request.step!r}: {told} (return its Path, and the file is)", ConsistWarning)
            yield told
        if not isinstance(made, Path):
            continue
        old = older_than_call(str(made), called, given, symlinks=request.declared.symlinks)
        if old is not None:
            told = f"output {key!r}: {old} was there before the call, and the function did not write it"
            hint = "write it in every case; what is only passed on belongs into inputs"
            warn(f"step {request.step!r}: {told} ({hint})", ConsistWarning)
            yield told


def _record(record: RunRecord, store: Store, *, overwrite: bool) -> RunRecord:
    """Publish a run, or keep it if no signature may lead to it; return what the signature leads to.

    The work is done: that it cannot be recorded is a warning, and the caller gets the result all the same.
    """
    try:
        if record.signature is not None:
            return publish(store, record, overwrite=overwrite)
        keep(store, record)
    except (StorageError, ConflictError, RefusedError) as error:
        told = f"run {record.id} of {record.step!r} is not recorded in full, so it may be computed again: {error}"
        warn(told, UncacheableWarning)
    return record.without_signature()


def _result(record: RunRecord, returned: Returned, value: Any, library: Library) -> RunResult:
    """Make the result of a run that was executed: its value is the function's own, but for paths.

    A path would be right only until something else is written there; the artifact's is right for ever.
    """
    outputs = artifacts_of(record, library)
    paths = {key: made for key, made in returned.values if isinstance(made, Path)}
    if not paths:
        return RunResult(Run(record), outputs, cache_hit=False, _value=lambda: value)

    def assemble() -> Any:
        where = {key: outputs[key].path if key in outputs else path for key, path in paths.items()}
        return returned.together({key: where.get(key, made) for key, made in returned.values})

    return RunResult(Run(record), outputs, cache_hit=False, _value=assemble)
