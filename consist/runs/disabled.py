"""`DisabledTracker`: the same code runs, nothing is looked up, recorded or written. `create_tracker` makes it.

It calls functions as a tracker does (arguments, inputs as files or values, outputs by name, policies, asynchronous
functions) and refuses what a tracker refuses of a call. It opens neither store nor index, so queries find nothing but
what they are handed: a result and its run hold the outputs. Hooks, which tell of what is recorded, are not called. What
a function itself writes is its own affair.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

from consist.arguments import FLAG, check, check_no_more
from consist.errors import InputError, OutputError, RunNotFoundError, UsageError
from consist.hashing.steady import hash_steadily
from consist.identity.names import check_name
from consist.index.records import COMPLETED, SCENARIO, TRACE, RunRecord, new_run_id
from consist.runs.artifact import Artifact
from consist.runs.bind import bind, check_agreement
from consist.runs.block import block, check_block
from consist.runs.calling import call, refuse_generators
from consist.runs.collect import take_apart
from consist.runs.context import RunContext, runs_under_way
from consist.runs.declared import MISSING, Lacking, compared, settle
from consist.runs.disabledrun import LooseLogbook, begin, trace, under_way, unread_inputs
from consist.runs.draft import now
from consist.runs.explanation import Explanation
from consist.runs.filters import check_run_id, check_runs, wanted
from consist.runs.foreseen import refuse_unstorable
from consist.runs.loose import LooseArtifact, LooseRun, LooseShelf, outputs_held
from consist.runs.outputs import Outputs
from consist.runs.perform import still_to_return
from consist.runs.places import check_places
from consist.runs.request import check_names, identity_of_config
from consist.runs.run import Run, RunResult
from consist.runs.runset import RunSet
from consist.runs.scenario import Scenario
from consist.runs.step import requested
from consist.runs.tracker import Tracker
from consist.runs.unbegun import Unbegun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from typing import Literal, Never, Unpack

    from consist.hashing.digest import Digest
    from consist.hashing.hasher import Hashed
    from consist.identity.config import ConfigIdentity
    from consist.index.records import ArtifactRecord
    from consist.runs.block import Block
    from consist.runs.comparison import RunDiff
    from consist.runs.declared import Declared, Returned
    from consist.runs.filters import RunFilters
    from consist.runs.lineage import Lineage
    from consist.runs.request import Request, RunArguments

_DISABLED = "the tracker is disabled"


def create_tracker(*nameless: Never, enabled: bool = True, **settings: Any) -> Tracker:
    """Make a tracker, or one that does nothing but call functions.

    Parameters
    ----------
    enabled : bool
        False: functions run whenever they are called, nothing is looked up, and nothing is written anywhere.
    **settings
        As `Tracker` takes them.

    Examples
    --------
    >>> tracker = create_tracker(enabled=False)
    >>> [tracker.run(pow, config={"base": 2, "exp": 5}).cache_hit for _ in range(2)]
    [False, False]
    >>> tracker.find_runs()
    []
    """
    check_no_more("create_tracker", nameless, "enabled=False, db_path=…")
    check("enabled", enabled, FLAG)
    return Tracker(**settings) if enabled else DisabledTracker(**settings)


class DisabledTracker(Tracker):
    """A tracker that tracks nothing; made by ``create_tracker(enabled=False)``."""

    def run(  # type: ignore[override]  # it refuses the same, but by `check_names`
        self, fn: Callable[..., Any], *nameless: Never, **given: Unpack[RunArguments]
    ) -> RunResult:
        """Call a function; see `Tracker.run` for the arguments. The result's artifacts are the values themselves."""
        check_names(given, nameless)
        return _perform(requested(fn, given), self.run_dir, allow_pickle=self._allow_pickle)

    def explain(self, fn: Callable[..., Any], *nameless: Never, **given: Unpack[RunArguments]) -> Explanation:
        """Say that nothing is ever found."""
        check_names(given, nameless)
        return Explanation(requested(fn, given).step, hit=False, remarks=(_DISABLED,))

    def trace(self, name: str, **described: Any) -> AbstractContextManager[RunContext]:
        """Give a run of which nothing is kept, for the ``with`` block."""
        check_block(TRACE, described)
        begun = trace(self.run_dir, block(TRACE, name, **described))
        return Unbegun(begun, f"trace({name!r})", RunContext)

    start_run = trace

    def scenario(self, name: str, **described: Any) -> AbstractContextManager[Scenario]:
        """Give a scenario whose steps are called on this tracker."""
        check_block(SCENARIO, described)
        begun = self._scenario(block(SCENARIO, name, **described))
        return Unbegun(begun, f"scenario({name!r})", Scenario)

    @contextlib.contextmanager
    def _scenario(self, asked: Block) -> Iterator[Scenario]:
        logbook = begin(asked)
        scenario = Scenario(logbook, self.run_dir, self.run, partial(trace, self.run_dir))
        with under_way(scenario, logbook):
            yield scenario
            scenario.coupler.check(asked.required)

    def find_runs(self, *nameless: Never, **filters: Unpack[RunFilters]) -> list[Run]:
        """Find nothing, but refuse what a tracker refuses."""
        check_no_more("find_runs", nameless, 'step="clean", tags=["draft"]')
        wanted(filters)
        return []

    def get_run(self, run_id: str) -> NoReturn:
        """Find nothing.

        Raises
        ------
        RunNotFoundError
            Always.
        """
        check_run_id(run_id)
        raise RunNotFoundError(f"there is no run {run_id!r:.60}", hint=_DISABLED)

    def find_latest_run(self, **filters: Unpack[RunFilters]) -> NoReturn:
        """Find nothing.

        Raises
        ------
        RunNotFoundError
            Always.
        """
        wanted(filters)
        raise RunNotFoundError("there is no run", hint=_DISABLED)

    def get_artifact(self, run: Run | RunResult | str, key: str | None = None) -> Artifact:
        """Return an output of a result of `run`, or of its run; of anything else there is none.

        Raises
        ------
        RunNotFoundError
            If there is none.
        """
        if isinstance(run, (RunResult, LooseRun)):
            return _output_of(run.outputs, key)
        named = run if isinstance(run, str) else self._run(run)
        what = f"output {key!r:.60} of {named!r:.100}" if key is not None else f"output {named!r:.100}"
        raise RunNotFoundError(
            f"there is no {what}: {_DISABLED}", hint="outputs are in the results of run: result.outputs"
        )

    def run_set(self, runs: Iterable[Run | RunResult | str] | None = None, **filters: Unpack[RunFilters]) -> RunSet:
        """Make a set of results of `run`; of what was run before there is nothing."""
        check_runs(runs, filters)
        wanted(filters)
        made = (run.run if isinstance(run, RunResult) else run for run in runs or ())
        return RunSet(tuple(run if isinstance(run, Run) else self.get_run(run) for run in made), LooseShelf())

    def outputs_of(self, run: Run | RunResult | str) -> dict[str, Artifact]:
        """Return the outputs of a result of `run`, or of its run; of what was run before there are none."""
        if isinstance(run, RunResult):
            return Outputs(run.outputs)
        return Outputs() if isinstance(run, str) else outputs_held(self._run(run))

    def lineage(
        self,
        target: Artifact | Run | RunResult | str | Path,
        direction: Literal["up", "down", "both"] = "up",
        *,
        depth: int | None = None,
        most: int = 1000,
    ) -> Lineage:
        """Return what is asked about, alone: what it was made from is known to nobody."""
        from consist.runs.lineage import Lineage, output_node, run_node
        from consist.runs.reference import check_walk, node_of_file

        check_walk(direction, depth, most)
        if isinstance(target, Artifact):
            root = output_node(target.record, target.run_id, None)
        elif isinstance(target, Path):
            root = node_of_file(os.fspath(target), _hashed)
        else:
            root = run_node(self._run(target).record)
        return Lineage(root, direction, (root,), ())

    def diff_runs(self, a: Run | RunResult | str, b: Run | RunResult | str) -> RunDiff:
        """Tell in what configs and outputs of two results differ; at code and inputs nobody looked."""
        from consist.runs.comparison import compare_runs

        return compare_runs(*(Run(_with_outputs(self._run(run))) for run in (a, b)))

    def tag(self, run: Run | RunResult | str, *tags: str) -> Run:
        """Return a result's run with more tags, which nothing is found by."""
        found = self._run(run)
        return replace(found, tags_now=tuple(sorted({*found.tags, *_tags(tags)})))

    def untag(self, run: Run | RunResult | str, *tags: str) -> Run:
        """Return a result's run without some tags."""
        found = self._run(run)
        return replace(found, tags_now=tuple(sorted({*found.tags}.difference(_tags(tags)))))

    def forget(self, run: Run | RunResult | str, reason: str = "") -> Run:
        """Return a result's run as forgotten: no call finds it, as none would have."""
        from consist.store.marking import checked_reason

        found = self._run(run)
        return replace(found, record=found.record.forgotten(), forgotten_for=(checked_reason(reason),))

    def close(self) -> None:
        """Do nothing."""

    def _digest(self, path: str) -> Digest:
        return _hashed(path).digest

    def _open(self) -> NoReturn:
        raise UsageError(f"{_DISABLED}: there is no store", hint="create_tracker(enabled=True) opens one")

    def __enter__(self) -> Self:
        return self

    def __repr__(self) -> str:
        return "<Tracker disabled>"


def _hashed(path: str) -> Hashed:
    """Digest a file; there is no index to remember it."""
    try:
        return hash_steadily(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def _with_outputs(run: Run) -> RunRecord:
    """Return the record of a run with the outputs that it holds, as far as they could have been recorded."""
    known: list[ArtifactRecord] = []
    for made in outputs_held(run).values():
        with contextlib.suppress(OutputError):
            known.append(made.record)
    return replace(run.record, outputs=(*run.record.outputs, *known))


def _tags(given: Iterable[str]) -> list[str]:
    return [check_name("tag", text) for text in given]


def _output_of(outputs: dict[str, Artifact], key: str | None) -> Artifact:
    """Return an output of a run by its key, or the only one."""
    if key is None and len(outputs) == 1:
        return next(iter(outputs.values()))
    if key is None and outputs:
        raise UsageError(f"the run has {len(outputs)} outputs", hint=f"name one of them: {', '.join(outputs)}")
    if key not in outputs:
        raise RunNotFoundError(f"the run has no output {key!r:.60}", hint=f"it has {', '.join(outputs) or 'none'}")
    return outputs[key]


def _perform(request: Request, run_dir: Path, *, allow_pickle: bool) -> RunResult:
    """Call the function of a request, as ``perform.py`` does, and keep nothing."""
    refuse_generators(request.fn, request.step)
    check_places(request)
    refuse_unstorable(request, allow_pickle=allow_pickle)
    config = identity_of_config(request.config)
    inputs = unread_inputs(request.inputs)
    check_agreement(config.values, inputs, request.execution.runtime_kwargs)
    logbook = LooseLogbook(_draft(request, config), inputs)
    logbook.symlinks = request.declared.symlinks
    context = RunContext(logbook, run_dir)
    arguments = bind(request.fn, config.values, inputs, request.execution, lambda: context)
    if request.execution.capture_dir is not None:
        context.capture_outputs(request.execution.capture_dir, request.execution.pattern)
    started = now()
    with under_way(context, logbook):
        value = call(request.fn, arguments, request.step)
    keys = still_to_return(value, request.declared.keys, logbook)
    returned = take_apart(value, keys).absolute()
    for lacking in (*compared(returned, value, keys), *_not_written(request.declared, returned)):
        settle(lacking, request.declared.policy)
    record = replace(logbook.draft, started=started, ended=now())
    if any(isinstance(made, Path) for _, made in returned.values):
        value = returned.together(dict(returned.values))
    outputs = _outputs(returned, request.declared, logbook)
    return RunResult(LooseRun(record, outputs=outputs), outputs, cache_hit=False, _value=lambda: value)


def _draft(request: Request, config: ConfigIdentity) -> RunRecord:
    around = runs_under_way()
    return RunRecord(
        new_run_id(),
        None,
        request.step,
        COMPLETED,
        started=now(),
        ended=now(),
        parts={"config": config.digest},
        config=config.readable(),
        config_parts=config.parts(),
        parent=around[-1].run_id if around else "",
        tags=request.tags,
        description=request.description,
        facet=request.facet,
    )


def _outputs(returned: Returned, declared: Declared, logbook: LooseLogbook) -> dict[str, Artifact]:
    """Make artifacts of what was returned, written and logged."""
    written = ((key, Path(path).absolute()) for key, path in declared.paths)
    outputs: dict[str, Artifact] = {
        key: LooseArtifact(key, made, logbook.draft.id)
        for key, made in (*returned.values, *written)
        if not isinstance(made, Path) or made.exists()
    }
    return Outputs(outputs | {key: logged for key, logged in logbook.outputs.items() if key not in outputs})


def _not_written(declared: Declared, returned: Returned) -> Iterator[Lacking]:
    """Say which file or folder is not there."""
    for key, path in declared.paths:
        if not os.path.lexists(path):
            yield Lacking(MISSING, OutputError(f"output {key!r}: there is no file {path}"))
    for key, made in returned.values:
        if isinstance(made, Path) and not made.exists():
            raise OutputError(f"output {key!r}: there is no file {made}", hint="write it before the function returns")
