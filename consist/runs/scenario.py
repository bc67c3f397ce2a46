"""`Scenario`: a run that holds others, which hand artifacts on by name. Executes nothing by itself."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

from consist.errors import UsageError
from consist.index.records import TRACE
from consist.runs import active
from consist.runs.block import block, check_block
from consist.runs.context import RunContext, running, runs_under_way
from consist.runs.coupler import Coupler
from consist.runs.options import CacheOptions, is_left_out
from consist.runs.request import check_names
from consist.runs.step import Step
from consist.runs.unbegun import Unbegun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import Never

    from consist.runs.artifact import Artifact
    from consist.runs.block import Block
    from consist.runs.logbook import Logbook
    from consist.runs.perform import Workshop
    from consist.runs.request import RunArguments
    from consist.runs.run import RunResult

    Tracing: TypeAlias = Callable[[Block, Callable[[Artifact], object]], AbstractContextManager[RunContext]]
    """Begins a trace that tells of each output."""


class Scenario(RunContext):
    """A scenario that is under way: what `tracker.scenario` gives for its ``with`` block.

    It is a run itself, so what may be logged in a run may be logged in it (but the meta value ``coupler``, which says
    where what its steps made lies). Its methods may be called from any thread; what they run belongs to it, wherever
    they are called.

    Attributes
    ----------
    coupler : Coupler
        What its steps made, by key.
    """

    __slots__ = ("_begin", "_run", "coupler")

    def __init__(self, logbook: Logbook, run_dir: Path, run: Callable[..., RunResult], begin: Tracing) -> None:
        super().__init__(logbook, run_dir)
        self.coupler = Coupler(self.step)
        self._run = run
        self._begin = begin
        logbook.told = self._take

    def run(self, fn: Callable[..., Any], *nameless: Never, **given: Unpack[RunArguments]) -> RunResult:
        """Run a step, or find it again: `Tracker.run`, within the scenario.

        Parameters
        ----------
        fn : callable
            What to run.
        **given
            As `Tracker.run` takes them. In a list of `inputs` a text is a key of the coupler, and the parameter of this
            name gets the artifact that is there; of a list that the step declared, a text that is no key and the path
            of a file stays one. The outputs come into the coupler under their keys.

        Raises
        ------
        NotFoundError
            If the coupler has not what `inputs` names.
        UsageError
            If the scenario has ended, or something given cannot be used.
        """
        check_names(given, nameless)
        if not is_left_out(given.get("inputs")):
            given["inputs"] = self.coupler.resolve(given["inputs"])
        elif isinstance(fn, Step):
            given["inputs"] = self.coupler.resolve_declared(fn.declared.get("inputs"))
        with self._within():
            result = self._run(fn, **given)
        self.coupler.take(result.run.step, result.outputs)
        return result

    def trace(self, name: str, **given: Any) -> AbstractContextManager[RunContext]:
        """Execute a block as a step: `Tracker.trace`, within the scenario.

        Parameters
        ----------
        name : str
            What the step is called.
        **given
            As `Tracker.trace` takes them; `inputs` as for `run`. An output is in the coupler as soon as it is logged.
        """
        check_block(TRACE, given)
        if "inputs" in given:
            given["inputs"] = self.coupler.resolve(given["inputs"])
        return Unbegun(self._trace(block(TRACE, name, **given)), f"trace({name!r})", RunContext)

    @contextlib.contextmanager
    def _trace(self, asked: Block) -> Iterator[RunContext]:
        def take(artifact: Artifact) -> None:
            self.coupler.take(asked.name, {artifact.key: artifact})

        with self._within(), self._begin(asked, take) as run:
            yield run
        self.coupler.take(asked.name, {})

    def load(self, what: Artifact | str) -> Any:
        """Return the value of an artifact, or of what the coupler has under a key.

        Raises
        ------
        NotFoundError
            If the coupler has no such key.
        DamagedError, BlobNotFoundError
            If the content is damaged or missing.
        """
        return super().load(self.coupler.require(what) if isinstance(what, str) else what)

    @contextlib.contextmanager
    def _within(self) -> Iterator[None]:
        """See to it that what begins is a child of this scenario, also in a thread, where no run is under way."""
        if self._logbook.closed:
            raise UsageError(f"scenario {self.step!r} has ended", hint="run its steps within its `with` block")
        if runs_under_way()[-1:] == (self,):
            yield
            return
        with running(self):
            yield

    def _take(self, artifact: Artifact) -> None:
        self.coupler.set(artifact.key, artifact)


@contextlib.contextmanager
def scenario(asked: Block, workshop: Workshop, run: Callable[..., RunResult]) -> Iterator[Scenario]:
    """Record a ``with`` block as a scenario, and look at its end whether it made what was asked for.

    Parameters
    ----------
    asked : Block
        What it is.
    workshop : Workshop
        Where it is recorded.
    run : callable
        `Tracker.run`, by which steps are run.
    """
    logbook = active.begin(asked, workshop)
    begin: Tracing = partial(active.trace, workshop)
    if not asked.writes:
        run, begin = partial(_run_reading, run), partial(_trace_reading, workshop)
    made = Scenario(logbook, workshop.run_dir, run, begin)
    with active.recorded(made, logbook, workshop, writes=asked.writes):
        try:
            yield made
            made.coupler.check(asked.required)
        finally:
            logbook.add_meta({"coupler": made.coupler.places()})


def _run_reading(run: Callable[..., RunResult], fn: Callable[..., Any], **given: Any) -> RunResult:
    """Run a step of a scenario that writes nothing: nor does the step, unless its call says otherwise."""
    options = given.get("cache_options")
    if options is None or (isinstance(options, CacheOptions) and options.cache_mode is None):
        given["cache_options"] = replace(options or CacheOptions(), cache_mode="readonly")
    return run(fn, **given)


def _trace_reading(
    workshop: Workshop, asked: Block, told: Callable[[Artifact], object]
) -> AbstractContextManager[RunContext]:
    return active.trace(workshop, asked._replace(writes=False), told)
