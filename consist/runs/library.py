"""Where artifacts get their content from: the store, an inline copy, or the file that a run wrote."""

from __future__ import annotations

import contextlib
import io
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from consist.blobs.newfile import write_file
from consist.errors import BlobNotFoundError, DamagedError, OutputError, RefusedError, UsageError
from consist.fileops import make_folders
from consist.hashing.hasher import hash_bytes
from consist.identity.names import is_name
from consist.index.records import TREE
from consist.runs.formats.registry import FILE, Format, format_named, suffix_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    allow_pickle : bool
        Whether pickles may be read, and written for values without a format.
    """

    def __init__(self, store: Callable[[], Store], run_dir: Path, *, allow_pickle: bool = False) -> None:
        self._store = store
        self.copies = run_dir / "artifacts"
        self.told: Callable[[int], object] = int
        """Told the bytes of each piece of an output that is stored or restored as a file, to show how far that is."""
        self.allow_pickle = allow_pickle

    def read(self, record: ArtifactRecord) -> bytes:
        """Return an artifact's content, checked."""
        _refuse_folder(record)
        if record.inline is not None:
            return _checked(record, record.inline)
        with self._noting_what_is_missing(record):
            return self._store().blobs.read(record.digest, size=record.size)

    def verify(self, record: ArtifactRecord) -> None:
        """Compare an artifact's content with its digest."""
        if record.inline is not None:
            _checked(record, record.inline)
        elif record.format == TREE:
            from consist.blobs.treeget import verify_tree

            verify_tree(self._store().blobs, record.digest)
        else:
            with self._noting_what_is_missing(record):
                self._store().blobs.verify(record.digest, size=record.size)

    def open(self, record: ArtifactRecord) -> BinaryIO:
        """Open an artifact's content."""
        _refuse_folder(record)
        if record.inline is not None:
            return io.BytesIO(_checked(record, record.inline))
        with self._noting_what_is_missing(record):
            return self._store().blobs.open(record.digest, size=record.size)

    def load(self, record: ArtifactRecord) -> Any:
        """Return the value of an artifact that is no file."""
        try:
            chosen = format_named(record.format, allow_pickle=self.allow_pickle)
        except OutputError as error:
            raise OutputError(f"output {record.key!r} cannot be loaded: {error.message}", hint=error.hint) from error
        if isinstance(chosen, Format):
            return chosen.decode(self.read(record))
        with self.open(record) as stream:
            return chosen.read(stream)

    def path_of(self, record: ArtifactRecord, run_id: str) -> Path:
        """Return a local file or folder with exactly the artifact's content."""
        original = record.media.get("path")
        if record.format in {FILE, TREE} and isinstance(original, str) and self.still_is(original, record):
            return Path(original)
        return self.copy_of(record, run_id)

    def copy_of(self, record: ArtifactRecord, run_id: str) -> Path:
        """Return a checked copy of the artifact under the folder of copies, whatever became of the original."""
        copy = self.place_of_copy(record, run_id)
        if not self.still_is(str(copy), record):
            self.write(str(copy), record)
        return copy

    def place_of_copy(self, record: ArtifactRecord, run_id: str) -> Path:
        """Return where `copy_of` puts a copy."""
        original = record.media.get("path")
        name = os.path.basename(str(original)) if original else _file_name(record)  # noqa: PTH119 - of another system too
        # Whoever can write to the store can write a record; its names must not lead out of the folder of copies.
        key = record.key if is_name(record.key) else record.digest.hex
        return self.copies / run_id / key / ("content" if name in {"", ".", ".."} else name)

    def still_is(self, path: str, record: ArtifactRecord) -> bool:
        """Tell whether a path has exactly the artifact's content."""
        try:
            if record.format == TREE:
                return self._is_tree(path, record)
            found = os.stat(path)  # noqa: PTH116 - a string from a record
            if found.st_size != record.size or (record.executable and not found.st_mode & stat.S_IXUSR):
                return False
            return self._store().files.digest(path).digest == record.digest
        except (OSError, UsageError):
            return False

    def _is_tree(self, path: str, record: ArtifactRecord) -> bool:
        """Compare a folder with a tree; files that are what they were when they were last read cost a stat each."""
        from consist.blobs.folderscan import FOLLOW
        from consist.blobs.treeput import tree_digest, tree_of_folder

        return tree_digest(tree_of_folder(path, self._store().files.digest, symlinks=FOLLOW)) == record.digest

    def write(self, path: str, record: ArtifactRecord) -> None:
        """Write an artifact's content to a path, whole or not at all; what is there is replaced, if it is of a kind.

        Folders above are made. A file replaces a file, a folder a folder with all that is in it.
        """
        place = Path(path)
        make_folders(str(place.parent))
        if record.format == TREE:
            self._write_folder(place, record)
            return
        executable = record.executable
        if record.inline is not None:
            content = memoryview(_checked(record, record.inline))
            write_file(path, lambda file: file.write(content), durable=False, executable=executable)
            return
        with self._noting_what_is_missing(record):
            self._store().blobs.get(record.digest, path, size=record.size, executable=executable, seen=self.told)

    @contextlib.contextmanager
    def _noting_what_is_missing(self, record: ArtifactRecord) -> Iterator[None]:
        """Remember content that is gone as damaged: a look-up over a network does not ask, and must miss next time."""
        try:
            yield
        except BlobNotFoundError:
            self._store().blobs.suspects.add(record.digest)
            raise

    def _write_folder(self, copy: Path, record: ArtifactRecord) -> None:
        """Restore a folder; one that another process restored meanwhile stays, one that is not as it was goes."""
        from consist.blobs.treeget import restore_tree

        try:
            restore_tree(self._store().blobs, record.digest, str(copy), seen=self.told)
        except RefusedError:
            if not self.still_is(str(copy), record):
                restore_tree(self._store().blobs, record.digest, str(copy), force=True, seen=self.told)


def _file_name(record: ArtifactRecord) -> str:
    """Name the file of a value so that other programs know what it is; the key may say that already."""
    suffix = suffix_of(record.format)
    name = record.key if is_name(record.key) else "content"
    return name if name.endswith(suffix) else name + suffix


def _refuse_folder(record: ArtifactRecord) -> None:
    if record.format == TREE:
        raise UsageError(f"output {record.key!r} is a folder", hint="its path is a local copy of it")


def _checked(record: ArtifactRecord, content: bytes) -> bytes:
    if hash_bytes(content) != record.digest:
        raise DamagedError(f"the inline content of output {record.key!r} is not what its digest says")
    return content
