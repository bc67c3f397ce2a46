"""What is logged in runs of which nothing is kept, for a disabled tracker. All else of a run is the real one's."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consist.errors import InputError, OutputError
from consist.hashing.hasher import Hashed, hash_bytes
from consist.runs.active import look_at
from consist.runs.artifact import Artifact
from consist.runs.context import RunContext, running
from consist.runs.inputs import resolve_inputs
from consist.runs.logbook import Logbook
from consist.runs.loose import LooseArtifact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from consist.index.records import RunRecord
    from consist.runs.block import Block
    from consist.runs.inputs import ResolvedInput


class LooseLogbook(Logbook):
    """Keeps what a run logs until it is closed: values themselves, and the paths of files.

    Parameters
    ----------
    draft : RunRecord
        The run as it was when it began.
    inputs : tuple of ResolvedInput
        What the run was given.
    """

    outputs: dict[str, LooseArtifact]  # type: ignore[assignment]  # which know their digest too, if it is asked for

    def __init__(self, draft: RunRecord, inputs: tuple[ResolvedInput, ...] = ()) -> None:
        super().__init__(draft, None, _Nowhere(), None, inputs)  # type: ignore[arg-type]  # what is below asks for none

    @property
    def is_recorded(self) -> bool:
        """Say no."""
        return False

    def _stored(self, name: str, value: Any) -> LooseArtifact:  # type: ignore[override]  # as said
        made = value.load() if isinstance(value, Artifact) else value
        if isinstance(made, Path):
            made = made.absolute()
            if not made.exists():
                raise OutputError(f"output {name!r}: there is no file {made}", hint="write it before it is logged")
        return LooseArtifact(name, made, self.draft.id)

    def _artifact(self, made: LooseArtifact) -> Artifact:  # type: ignore[override]  # as said
        return made


def begin(asked: Block) -> LooseLogbook:
    """Look at what a block is given, and open the book of what it logs, as ``active.py`` does."""
    return LooseLogbook(*look_at(asked, _Unread()))  # type: ignore[arg-type]  # it has the methods that are used


@contextlib.contextmanager
def trace(run_dir: Path, asked: Block, told: Callable[[Artifact], object] | None = None) -> Iterator[RunContext]:
    """Execute a ``with`` block as a run of which nothing is kept."""
    logbook = begin(asked)
    logbook.told = told
    run = RunContext(logbook, run_dir)
    with under_way(run, logbook):
        yield run


@contextlib.contextmanager
def under_way(run: RunContext, logbook: Logbook) -> Iterator[None]:
    """Mark a run as under way until the ``with`` block ends."""
    try:
        with running(run):
            yield
            logbook.end_captures()
    finally:
        logbook.close()


def unread_inputs(given: object) -> tuple[ResolvedInput, ...]:
    """Look at the inputs of a run as `resolve_inputs` does, but for their content, which nobody will compare."""
    return resolve_inputs(given, _Unread())  # type: ignore[arg-type]  # the same


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


class _Nowhere:
    """Stands for the store, of which a logbook asks the digests of what is logged as an input."""

    files = _Unread()
