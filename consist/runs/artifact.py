"""`Artifact`: a named, typed output of a run, and the ways to its content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from consist.index.records import TREE
from consist.runs.formats.registry import FILE, SHOWN, described
from consist.runs.sizes import human_size

if TYPE_CHECKING:
    from pathlib import Path

    from consist.hashing.digest import Digest
    from consist.index.records import ArtifactRecord
    from consist.runs.library import Library

_SHOWN = 60
"""Characters of a value that a printed artifact shows."""


class Artifact:
    """An output of a run: an immutable value with a name.

    Attributes
    ----------
    key : str
        Its name within the run.
    run_id : str
        The run that made it.
    digest : Digest
        Of its content; `b3sum` of a file output prints the same. A folder's is that of its tree, the list of its
        files.
    size : int
        Bytes of content; of a folder, of its files together.
    format : str
        How the content is read back: ``plain``, ``bytes``, ``npy``, ``parquet``, ``file``, ``tree``.
    """

    __slots__ = ("_library", "_record", "run_id")

    def __init__(self, record: ArtifactRecord, run_id: str, library: Library) -> None:
        self._record = record
        self._library = library
        self.run_id = run_id

    @property
    def record(self) -> ArtifactRecord:
        """The record itself, with all that there is."""
        return self._record

    @property
    def key(self) -> str:
        """Its name within the run."""
        return self._record.key

    @property
    def digest(self) -> Digest:
        """Digest of its content."""
        return self._record.digest

    @property
    def counted(self) -> tuple[Any, ...]:
        """What counts of it as code, where a step finds it in a global: what it holds, not who made it."""
        return ("artifact", self.key, self.digest, self.format)

    @property
    def size(self) -> int:
        """Bytes of content; of a folder, of its files together."""
        return self._record.content_size

    @property
    def format(self) -> str:
        """How the content is read back."""
        return self._record.format

    @property
    def url(self) -> str:
        """Its name in the store read as a filesystem."""
        return f"consist://runs/{self.run_id}/{self.key}"

    @property
    def path(self) -> Path:
        """A local file or folder with exactly this content.

        What the run wrote, while it still has this content; else a checked copy under ``run_dir/artifacts``. Never
        another run's bytes. Of a folder every file is looked at, and read again if it is not what it was.

        Raises
        ------
        DamagedError
            If the store's copy is missing or damaged too; the next run of the step makes it anew.
        """
        return self._library.path_of(self._record, self.run_id)

    def read_bytes(self) -> bytes:
        """Return the content, checked against its digest.

        Raises
        ------
        UsageError
            If it is a folder.
        DamagedError, BlobNotFoundError
            If it is damaged or missing; the next run of the step makes it anew.
        """
        return self._library.read(self._record)

    def open(self) -> BinaryIO:
        """Open the content as a seekable binary file; a folder cannot be opened."""
        return self._library.open(self._record)

    def verify(self) -> None:
        """Read the content and compare it with its digest, in little memory.

        Raises
        ------
        DamagedError, BlobNotFoundError
            If it is damaged or missing; the next run of the step makes it anew.
        """
        self._library.verify(self._record)

    def load(self) -> Any:
        """Return the value that the run returned; for a file or a folder, the path of a local copy.

        Raises
        ------
        DamagedError, BlobNotFoundError
            If the content is damaged or missing.
        OutputError
            If the value is of a library that is not installed here.
        """
        return self.path if self.format in {FILE, TREE} else self._library.load(self._record)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Artifact):
            return NotImplemented
        return (self.run_id, self.key, self.digest, self.format) == (
            other.run_id,
            other.key,
            other.digest,
            other.format,
        )

    def __hash__(self) -> int:
        return hash((self.run_id, self.key))

    def __repr__(self) -> str:
        what = described(self.format, self._record.media)
        name = " = ".join(filter(None, (self.key, self._shown())))
        return f"<Artifact {name} ({what}, {human_size(self.size)}, {self.digest.short})>"

    def _repr_html_(self) -> str:
        from consist.runs.html import artifact_html

        return artifact_html(self._record, self.run_id, self.read_bytes, self._shown())

    def _shown(self) -> str:
        """Show a small value as it is, so that a printed result can be read; only what is no code and needs none."""
        if self._record.inline is None or self.format not in SHOWN:
            return ""
        text = repr(SHOWN[self.format].decode(self._record.inline))
        return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
