"""Runs and scenarios of which nothing is kept, with the methods of the real ones. For a disabled tracker."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consist.arguments import check_no_more
from consist.blobs.folderscan import REFUSE
from consist.errors import InputError, NotFoundError, OutputError
from consist.fileops import make_folders
from consist.hashing.hasher import Hashed, hash_bytes
from consist.identity.names import check_name
from consist.index.records import TRACE, new_run_id
from consist.runs.artifact import Artifact
from consist.runs.block import block, check_block
from consist.runs.capture import Capture
from consist.runs.context import RunContext, check_captured, path_of, running
from consist.runs.inputs import resolve_inputs
from consist.runs.loose import LooseArtifact
from consist.runs.request import check_names
from consist.runs.unbegun import Unbegun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from typing import Never, Unpack

    from consist.runs.block import Block
    from consist.runs.inputs import ResolvedInput
    from consist.runs.request import RunArguments
    from consist.runs.run import RunResult
    from consist.runs.step import Runner


class DisabledRun:
    """What code may ask and say of a run of which nothing is kept: it has `RunContext`'s methods."""

    def __init__(
        self, step: str, run_dir: Path, inputs: tuple[ResolvedInput, ...] = (), symlinks: str = REFUSE
    ) -> None:
        self.symlinks = symlinks
        self._captures: list[Capture] = []
        self.run_id = new_run_id()
        self.step = step
        self.signature = b""
        self.outputs: dict[str, LooseArtifact] = {}
        self._inputs = {item.record.key: item.source for item in inputs}
        self._folder = run_dir / step / self.run_id

    @property
    def run_dir(self) -> Path:
        """A folder of the run's own for its files, made when it is first asked for."""
        make_folders(str(self._folder))
        return self._folder

    def log_input(self, source: Any, key: str | None = None) -> Any:
        """Remember an input by its name; return it."""
        item = source if isinstance(source, Artifact) else Path(source)
        self._inputs[key or _own_name(item)] = item
        return item

    def log_output(self, path: str | os.PathLike[str], key: str | None = None) -> LooseArtifact:
        """Return a file or folder as an artifact."""
        return self._add(path_of(path).absolute(), key)

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

    def log_meta(self, *nameless: Never, **values: Any) -> None:  # noqa: ARG002 - as `RunContext` takes them
        """Keep nothing."""
        check_no_more("log_meta", nameless, "rows=3, or **values")

    def capture_outputs(
        self, folder: str | os.PathLike[str], pattern: str = "*", *, symlinks: str | None = None
    ) -> Capture:
        """Return what is written below a folder as artifacts, at the end of the block or of the run."""
        check_captured(folder, pattern)
        links = symlinks or self.symlinks
        capture = Capture(os.fspath(folder), pattern, self._add, self._captures.remove, symlinks=links)
        self._captures.append(capture)
        return capture

    def end_captures(self) -> None:
        """Take in what was written for the captures that hold to the end of the run."""
        for capture in self._captures:
            capture.finish()

    def load(self, what: Artifact | str) -> Any:
        """Return the value of an artifact, or of the run's input or output that is called so."""
        found = what if isinstance(what, Artifact) else self._inputs.get(what, self.outputs.get(what))
        if found is None:
            raise NotFoundError(f"the run has no input and no output {what!r:.60}")
        return found.load() if isinstance(found, Artifact) else found

    def _add(self, value: Any, key: str | None) -> LooseArtifact:
        name = check_name("output", key or _own_name(value))
        if isinstance(value, Path) and not value.exists():
            raise OutputError(f"output {name!r}: there is no file {value}", hint="write it before it is logged")
        self.outputs[name] = LooseArtifact(name, value, self.run_id)
        return self.outputs[name]


class DisabledScenario(DisabledRun):
    """Steps that hand artifacts from one to the next, of which nothing is kept: it has `Scenario`'s methods."""

    def __init__(self, name: str, runner: Runner, run_dir: Path) -> None:
        super().__init__(name, run_dir)
        self.coupler = _Coupler()
        self._runner = runner
        self._run_dir = run_dir

    def run(self, fn: Callable[..., Any], *nameless: Never, **given: Unpack[RunArguments]) -> RunResult:
        """Call a function; inputs that are named only come from the coupler, and outputs go there."""
        check_names(given, nameless)
        result = self._runner.run(fn, **self._with_inputs(given))
        for key, artifact in result.outputs.items():
            self.coupler.set(key, artifact)
        return result

    def trace(self, name: str, **given: Any) -> AbstractContextManager[DisabledRun]:
        """Give a run of which nothing is kept; what it logs goes to the coupler."""
        check_block(TRACE, given)
        asked = block(TRACE, name, **self._with_inputs(given))
        return Unbegun(self._trace(asked), f"trace({name!r})", RunContext)

    @contextlib.contextmanager
    def _trace(self, asked: Block) -> Iterator[DisabledRun]:
        run = DisabledRun(asked.name, self._run_dir, unread_inputs(asked.inputs))
        with running(run):  # type: ignore[arg-type]  # it has what a run's context has
            yield run
            run.end_captures()
        for key, artifact in run.outputs.items():
            self.coupler.set(key, artifact)

    def load(self, what: Artifact | str) -> Any:
        """Return the value of an artifact, or of what the coupler has under a key."""
        return super().load(self.coupler.require(what) if isinstance(what, str) else what)

    def _add(self, value: Any, key: str | None) -> LooseArtifact:
        made = super()._add(value, key)
        self.coupler.set(made.key, made)
        return made

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

    def digest(self, path: str) -> Hashed:
        """Return a digest that says nothing."""
        try:
            size = os.stat(path).st_size  # noqa: PTH116 - a string, as `FileDigests` takes it
        except OSError as error:
            raise InputError(f"there is no file {path}" if not os.path.lexists(path) else str(error)) from error
        return Hashed(hash_bytes(b""), size)
