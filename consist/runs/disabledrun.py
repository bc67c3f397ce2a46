"""Runs and scenarios of which nothing is kept, with the methods of the real ones. For a disabled tracker."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consist.errors import InputError, NotFoundError, OutputError
from consist.fileops import perform
from consist.hashing.hasher import Hashed, hash_bytes
from consist.identity.names import check_name
from consist.index.records import new_run_id
from consist.runs.artifact import Artifact
from consist.runs.context import running
from consist.runs.inputs import resolve_inputs
from consist.runs.loose import LooseArtifact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Unpack

    from consist.runs.inputs import ResolvedInput
    from consist.runs.request import RunArguments
    from consist.runs.run import RunResult
    from consist.runs.step import Runner


class DisabledRun:
    """What code may ask and say of a run of which nothing is kept: it has `RunContext`'s methods."""

    def __init__(self, step: str, run_dir: Path, inputs: tuple[ResolvedInput, ...] = ()) -> None:
        self.run_id = new_run_id()
        self.step = step
        self.signature = b""
        self.outputs: dict[str, LooseArtifact] = {}
        self._inputs = {item.record.key: item.source for item in inputs}
        self._folder = run_dir / step / self.run_id

    @property
    def run_dir(self) -> Path:
        """A folder of the run's own for its files, made when it is first asked for."""
        perform("mkdir", str(self._folder), os.makedirs, self._folder, exist_ok=True)
        return self._folder

    def log_input(self, source: Any, key: str | None = None) -> Any:
        """Remember an input by its name; return it."""
        item = source if isinstance(source, Artifact) else Path(source)
        self._inputs[key or _own_name(item)] = item
        return item

    def log_output(self, path: str | os.PathLike[str], key: str | None = None) -> LooseArtifact:
        """Return a file or folder as an artifact."""
        return self._add(Path(path).absolute(), key)

    def log_artifact(self, item: Any, key: str | None = None, *, direction: str = "output") -> Any:
        """Return a value, a path or an artifact as an artifact."""
        if direction == "input":
            return self.log_input(item, key)
        if isinstance(item, Artifact):
            return self._add(item.load(), key or item.key)
        return self._add(Path(item).absolute() if isinstance(item, (str, os.PathLike)) else item, key)

    def log_dataframe(self, table: Any, key: str) -> LooseArtifact:
        """Return a table as an artifact."""
        return self._add(table, key)

    def log_meta(self, **values: Any) -> None:
        """Do nothing."""

    def load(self, what: Artifact | str) -> Any:
        """Return the value of an artifact, or of the run's input or output that is called so."""
        found = what if isinstance(what, Artifact) else self._inputs.get(what, self.outputs.get(what))
        if found is None:
            raise NotFoundError(f"the run has no input and no output {what!r:.60}")
        return found.load() if isinstance(found, Artifact) else found

    def _asked_for(self, run_id: str) -> bool:
        """Take nothing down."""
        del run_id
        return True

    def _add(self, value: Any, key: str | None) -> LooseArtifact:
        name = check_name("output", key or _own_name(value))
        if isinstance(value, Path) and not value.exists():
            raise OutputError(f"output {name!r}: there is no file {value}", hint="write it before it is logged")
        self.outputs[name] = LooseArtifact(name, value, self.run_id)
        return self.outputs[name]


class DisabledScenario:
    """Steps that hand artifacts from one to the next, of which nothing is kept."""

    def __init__(self, name: str, runner: Runner, run_dir: Path) -> None:
        self.name = name
        self.coupler = _Coupler()
        self.context = DisabledRun(name, run_dir)
        self._runner = runner
        self._run_dir = run_dir

    @property
    def run_id(self) -> str:
        """An id that leads nowhere."""
        return self.context.run_id

    def run(self, fn: Callable[..., Any], **given: Unpack[RunArguments]) -> RunResult:
        """Call a function; inputs that are named only come from the coupler, and outputs go there."""
        result = self._runner.run(fn, **self._with_inputs(given))
        for key, artifact in result.outputs.items():
            self.coupler.set(key, artifact)
        return result

    @contextlib.contextmanager
    def trace(self, name: str, **given: Any) -> Iterator[DisabledRun]:
        """Give a run of which nothing is kept; what it logs goes to the coupler."""
        inputs = unread_inputs(self._with_inputs(given).get("inputs"))
        run = DisabledRun(name, self._run_dir, inputs)
        with running(run):  # type: ignore[arg-type]  # it has what a run's context has
            yield run
        for key, artifact in run.outputs.items():
            self.coupler.set(key, artifact)

    def _with_inputs(self, given: Any) -> Any:
        inputs = given.get("inputs")
        if not isinstance(inputs, (list, tuple)):
            return given
        found: dict[str, Any] = {}
        for item in inputs:
            artifact = self.coupler.get(item) if isinstance(item, str) else None
            name = item if artifact is not None else item.key if isinstance(item, Artifact) else Path(item).name
            found[name] = item if artifact is None else artifact
        return {**given, "inputs": found}


class _Coupler:
    """Artifacts by the names under which steps hand them on."""

    def __init__(self) -> None:
        self._artifacts: dict[str, Artifact] = {}

    def set(self, key: str, artifact: Artifact) -> Artifact:
        """Put an artifact in."""
        self._artifacts[key] = artifact
        return artifact

    def get(self, key: str, default: Any = None) -> Any:
        """Return an artifact, or `default`."""
        return self._artifacts.get(key, default)

    def require(self, key: str) -> Artifact:
        """Return an artifact.

        Raises
        ------
        NotFoundError
            If no step has made it.
        """
        if key not in self._artifacts:
            raise NotFoundError(
                f"no step has made {key!r:.60}", hint=f"there are {', '.join(self._artifacts) or 'none'}"
            )
        return self._artifacts[key]

    def keys(self) -> list[str]:
        """List the names."""
        return list(self._artifacts)

    def items(self) -> list[tuple[str, Artifact]]:
        """List names and artifacts."""
        return list(self._artifacts.items())


def _own_name(value: object) -> str:
    """Return the name that something has by itself: an artifact's key, a file's name without its suffix."""
    return value.key if isinstance(value, Artifact) else value.stem if isinstance(value, Path) else ""


def unread_inputs(given: object) -> tuple[ResolvedInput, ...]:
    """Look at the inputs of a run as `resolve_inputs` does, but for their content, which nobody will compare."""
    return resolve_inputs(given, _Unread())  # type: ignore[arg-type]  # it has the one method that is used


class _Unread:
    """Stands for the digests of files, which nobody needs here; that a file is there is looked at all the same."""

    def refuse_own(self, folder: str) -> None:
        """Refuse nothing: consist writes nowhere."""

    def digest(self, path: str) -> Hashed:
        """Return a digest that says nothing."""
        try:
            size = os.stat(path).st_size  # noqa: PTH116 - a string, as `FileDigests` takes it
        except OSError as error:
            raise InputError(f"there is no file {path}" if not os.path.lexists(path) else str(error)) from error
        return Hashed(hash_bytes(b""), size)
