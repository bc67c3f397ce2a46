"""`Run` and `RunResult`: what a call of `run` gives back."""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from consist.errors import BlobNotFoundError, DamagedError
from consist.runs.artifact import Artifact
from consist.runs.outputs import Outputs, unstored_of
from consist.runs.sizes import human_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from consist.hashing.digest import Digest
    from consist.index.records import InputRecord, RunRecord
    from consist.runs.library import Library


@dataclass(frozen=True, slots=True)
class Run:
    """One execution, as it was recorded. A hit returns the run that it found.

    Parameters
    ----------
    record : RunRecord
        The record itself, with all that there is.
    tags_now : tuple of str, optional
        Its tags when it was looked up. Default: those that it was recorded with.
    forgotten_for : tuple of str
        Of a run that was forgotten when it was looked up, the reasons that were given, the newest last; some may be
        empty. `Tracker.forget` takes them.
    """

    record: RunRecord = field(repr=False)
    tags_now: tuple[str, ...] | None = field(default=None, repr=False, compare=False)
    forgotten_for: tuple[str, ...] = field(default=(), repr=False, compare=False)

    @property
    def id(self) -> str:
        """20 hexadecimal digits; any unique beginning will do where one is typed."""
        return self.record.id

    @property
    def counted(self) -> tuple[str, str]:
        """What counts of it as code, where a step finds it in a global."""
        return ("run", self.id)

    @property
    def step(self) -> str:
        """The step's name."""
        return self.record.step

    @property
    def model(self) -> str:
        """The step's name, under the title that listings show it by."""
        return self.record.step

    @property
    def kind(self) -> str:
        """``run``, ``trace`` (a block that always runs) or ``scenario`` (it holds others)."""
        return self.record.kind

    @property
    def meta(self) -> dict[str, Any]:
        """What the run logged of itself, by name."""
        return self.record.meta

    @property
    def status(self) -> str:
        """``completed``, ``failed``, or ``forgotten``: afterwards somebody said that its result is wrong."""
        return self.record.status

    @property
    def signature(self) -> Digest | None:
        """What the run is; None if no signature leads to it."""
        return self.record.signature

    @property
    def config(self) -> Any:
        """The config as plain data."""
        return self.record.config

    @property
    def started_at(self) -> dt.datetime:
        """When the function was called, in UTC."""
        return _time(self.record.started)

    @property
    def ended_at(self) -> dt.datetime:
        """When it had returned, in UTC."""
        return _time(self.record.ended)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.record.ended - self.record.started) / 1e6

    @property
    def inputs(self) -> dict[str, InputRecord]:
        """What went in, by name: its kind, digest, size, and where it lay or which run's output it was."""
        return {item.key: item for item in self.record.inputs}

    @property
    def output_keys(self) -> tuple[str, ...]:
        """The names of what came out; `Tracker.outputs_of` gives the artifacts."""
        return tuple(output.key for output in self.record.outputs)

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags, sorted: as they were when a tracker looked it up; of a result's run, as they were given to it."""
        return self.record.tags if self.tags_now is None else self.tags_now

    @property
    def facet(self) -> dict[str, Any]:
        """The plain values to search by."""
        return dict(self.record.facet)

    @property
    def description(self) -> str:
        """Free text."""
        return self.record.description

    @property
    def parent_id(self) -> str | None:
        """The id of the run that it was executed in, if there is one."""
        return self.record.parent or None

    @property
    def error(self) -> str | None:
        """Type and message of the exception, of a run that failed."""
        return ": ".join(self.record.error) if self.record.error else None

    def _repr_html_(self) -> str:
        from consist.runs.html import run_html

        return run_html(self.record, self.tags)

    def __repr__(self) -> str:
        return f"<Run {self.id} {self.step} {self.status} {human_seconds(self.seconds)}>"


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a call gives back.

    Attributes
    ----------
    run : Run
        The execution that made the outputs: this one, or on a hit an earlier one.
    outputs : dict of str to Artifact
        By key, in the order in which they were returned. A key that there is not is an `OutputNotFoundError`, also a
        KeyError.
    cache_hit : bool
        Whether the function's body was spared.
    """

    run: Run
    outputs: dict[str, Artifact]
    cache_hit: bool
    _value: Callable[[], Any] = field(repr=False)

    @property
    def value(self) -> Any:
        """What the function returned; on a hit read back from the outputs, anew at each access."""
        return self._value()

    @property
    def counted(self) -> tuple[Any, ...]:
        """What counts of it as code, where a step finds it in a global: its outputs; of what is not kept, the run."""
        return ("result", self.outputs, None if self.run.signature is not None else self.run.id)

    def __reduce__(self) -> tuple[Callable[..., RunResult], tuple[Any, ...]]:
        """Travel to another process without the value, if the outputs have it: it is read when it is asked for."""
        known = (self.run, self.outputs, self.cache_hit)
        return (_result_of, known) if self.run.signature is not None else (_result_with, (*known, self.value))

    def _repr_html_(self) -> str:
        from consist.runs.html import run_html

        found = "found again" if self.cache_hit else "executed"
        return run_html(self.run.record, self.run.tags, found=found)


def recorded_result(
    record: RunRecord, library: Library, *, cache_hit: bool, tags: tuple[str, ...] | None = None
) -> RunResult:
    """Make a result whose value is read back from a record: of a hit, or of a run that another one came before."""
    return _result_of(Run(record, tags), artifacts_of(record, library), cache_hit)


def _result_of(run: Run, outputs: dict[str, Artifact], cache_hit: bool) -> RunResult:
    return RunResult(run, outputs, cache_hit=cache_hit, _value=lambda: _assemble(run.record, outputs))


def _result_with(run: Run, outputs: dict[str, Artifact], cache_hit: bool, value: Any) -> RunResult:
    return RunResult(run, outputs, cache_hit=cache_hit, _value=lambda: value)


def artifacts_of(record: RunRecord, library: Library) -> dict[str, Artifact]:
    """Make the artifacts of a run."""
    outputs = Outputs({output.key: Artifact(output, record.id, library) for output in record.outputs})
    return outputs if record.signature is not None else outputs.without(unstored_of(record))


def _assemble(record: RunRecord, outputs: dict[str, Artifact]) -> Any:
    """Put a return value together again from the outputs that were part of it.

    If one is damaged, all are looked at, so that the next call of the step makes all that are damaged anew.
    """
    beside = ("declared_path", "logged")
    returned = [outputs[item.key] for item in record.outputs if not any(item.media.get(how) for how in beside)]
    try:
        return _loaded(record, returned)
    except DamagedError:
        for artifact in returned:
            with contextlib.suppress(DamagedError, BlobNotFoundError):
                artifact.verify()
        raise


def _loaded(record: RunRecord, returned: list[Artifact]) -> Any:
    if record.returns == "dict":
        return {artifact.key: artifact.load() for artifact in returned}
    if record.returns == "tuple":
        return tuple(artifact.load() for artifact in returned)
    return returned[0].load() if record.returns == "single" else None


def _time(microseconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(microseconds / 1e6, dt.UTC)
