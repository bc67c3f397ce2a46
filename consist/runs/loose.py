"""`LooseRun` and `LooseArtifact`: a run and its outputs, of which nothing was kept but themselves.

For a disabled tracker.
"""

from __future__ import annotations

import copy
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from consist.errors import UsageError
from consist.runs.artifact import Artifact
from consist.runs.collect import Collector
from consist.runs.declared import Declared, Lacking, Returned
from consist.runs.outputs import Outputs
from consist.runs.run import Run

if TYPE_CHECKING:
    from consist.index.records import ArtifactRecord


class LooseArtifact(Artifact):
    """An output of a run that was not recorded.

    What an artifact says of its content (digest, size, format) is found out when it is asked for.

    Parameters
    ----------
    key : str
        Its name within the run.
    value : object
        What the function made; a `Path` of what it wrote, absolute.
    run_id : str
        The run that made it.
    """

    __slots__ = ("_key", "_made", "_value")

    def __init__(self, key: str, value: Any, run_id: str) -> None:
        self._key = key
        self._value = value
        self._made: ArtifactRecord | None = None
        self.run_id = run_id

    @property
    def key(self) -> str:
        """Its name within the run."""
        return self._key

    @property
    def _record(self) -> ArtifactRecord:  # type: ignore[override]  # made here, given there
        if self._made is None:
            alone = Returned("single", ((self._key, self._value),))
            made = next(Collector(None).collect(alone, Declared()))
            if isinstance(made, Lacking):
                raise made.error
            self._made = made
        return self._made

    @property
    def path(self) -> Path:
        """The file or folder that the function wrote, as it is now."""
        if isinstance(self._value, Path):
            return self._value
        raise UsageError(
            f"output {self._key!r} is no file, and a disabled tracker writes none", hint="load() gives the value"
        )

    def read_bytes(self) -> bytes:
        """Return the content as it is now."""
        with self.open() as stream:
            return stream.read()

    def open(self) -> BinaryIO:
        """Open the content as it is now as a seekable binary file; a folder cannot be opened."""
        if isinstance(self._value, Path):
            if self._value.is_dir():
                raise UsageError(f"output {self._key!r} is a folder", hint="its path leads to it")
            return self._value.open("rb")
        return io.BytesIO(self._record.inline or b"")

    def verify(self) -> None:
        """Do nothing: there is nothing to compare with."""

    def load(self) -> Any:
        """Return a copy of the value, as one that was stored comes back; for a file or a folder, its path."""
        return self._value if isinstance(self._value, Path) else copy.deepcopy(self._value)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another process with the value."""
        return (LooseArtifact, (self._key, self._value, self.run_id))

    def __repr__(self) -> str:
        return f"<Artifact {self._key} (not recorded)>"


@dataclass(frozen=True, slots=True, repr=False)
class LooseRun(Run):
    """A run that was not recorded, and so holds its outputs itself.

    Parameters
    ----------
    outputs : dict of str to Artifact
        By key.
    """

    outputs: dict[str, Artifact] = field(default_factory=dict, compare=False)

    @property
    def output_keys(self) -> tuple[str, ...]:
        """The names of what came out."""
        return tuple(self.outputs)


def outputs_held(run: Run) -> dict[str, Artifact]:
    """Return the outputs that a run holds itself: none, if it was recorded."""
    return Outputs(run.outputs if isinstance(run, LooseRun) else {})


class LooseShelf:
    """Where a set of such runs gets what their records do not hold: from the runs themselves."""

    def hits(self, _run: Run) -> int:
        """Return how often a run was found again."""
        return 0

    def outputs(self, run: Run) -> dict[str, Artifact]:
        """Return the outputs of a run."""
        return outputs_held(run)
