"""Where artifacts get their content from: the store, an inline copy, or the file that a run wrote."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from consist.errors import DamagedError, InputError
from consist.fileops import perform
from consist.hashing.hasher import hash_bytes
from consist.runs.formats.registry import FILE, StreamFormat, format_named

if TYPE_CHECKING:
    from collections.abc import Callable

    from consist.index.records import ArtifactRecord
    from consist.store.store import Store


class Library:
    """Hands out the content of artifacts.

    Parameters
    ----------
    store : callable
        Opens the store; asked only when something is not at hand.
    run_dir : Path
        Where copies of file outputs go.
    """

    def __init__(self, store: Callable[[], Store], run_dir: Path) -> None:
        self._store = store
        self._run_dir = run_dir

    def read(self, record: ArtifactRecord) -> bytes:
        """Return an artifact's content, checked."""
        if record.inline is not None:
            return _checked(record, record.inline)
        return self._store().blobs.read(record.digest)

    def verify(self, record: ArtifactRecord) -> None:
        """Compare an artifact's content with its digest."""
        if record.inline is not None:
            _checked(record, record.inline)
        else:
            self._store().blobs.verify(record.digest)

    def open(self, record: ArtifactRecord) -> BinaryIO:
        """Open an artifact's content."""
        if record.inline is not None:
            return io.BytesIO(_checked(record, record.inline))
        return self._store().blobs.open(record.digest)

    def load(self, record: ArtifactRecord) -> Any:
        """Return the value of an artifact that is no file."""
        chosen = format_named(record.format)
        if isinstance(chosen, StreamFormat):
            with self.open(record) as stream:
                return chosen.read(stream)
        return chosen.decode(self.read(record))

    def path_of(self, record: ArtifactRecord, run_id: str) -> Path:
        """Return a local file with exactly the artifact's content."""
        original = record.media.get("path")
        if record.format == FILE and isinstance(original, str) and self._still_is(original, record):
            return Path(original)
        name = os.path.basename(str(original)) if original else record.key  # noqa: PTH119 - it may be of another system
        copy = self._run_dir / "artifacts" / run_id / record.key / (name or "content")
        if not self._still_is(str(copy), record):
            self._write_copy(copy, record)
        return copy

    def _still_is(self, path: str, record: ArtifactRecord) -> bool:
        try:
            if os.stat(path).st_size != record.size:  # noqa: PTH116 - a string from a record
                return False
            return self._store().files.digest(path).digest == record.digest
        except (OSError, InputError):
            return False

    def _write_copy(self, copy: Path, record: ArtifactRecord) -> None:
        perform("mkdir", str(copy.parent), os.makedirs, copy.parent, exist_ok=True)
        if record.inline is None:
            self._store().blobs.get(record.digest, str(copy))
            return
        content = _checked(record, record.inline)
        temporary = copy.with_name(f".{copy.name[:200]}.{os.getpid()}.tmp")
        perform("write", str(temporary), temporary.write_bytes, content)
        perform("rename", str(copy), os.replace, temporary, copy)


def _checked(record: ArtifactRecord, content: bytes) -> bytes:
    if hash_bytes(content) != record.digest:
        raise DamagedError(f"the inline content of output {record.key!r} is not what its digest says")
    return content
