"""`Spool`: an object of unknown size on its way, in memory while it is small and in a file of the system's after."""

from __future__ import annotations

import io
import tempfile
from typing import TYPE_CHECKING, Protocol

from consist.fileops import perform

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

IN_MEMORY = 72 << 20
"""Bytes kept in memory: one pack, which is more than 64 MiB by its last chunk and its directory."""


class Memory(Protocol):
    """Where a spool has its bytes while they are few."""

    @property
    def size(self) -> int:
        """Bytes so far."""

    def write(self, data: bytes | bytearray | memoryview) -> object:
        """Add some bytes."""

    def pieces(self) -> Sequence[bytes | bytearray]:
        """Return all bytes, in order."""

    def close(self, *, again: bool) -> None:
        """Forget them; with `again` nobody else reads them any more, and their memory may be used for others."""


class OnePiece:
    """All bytes as one `bytes`."""

    def __init__(self) -> None:
        self._stream = io.BytesIO()  # which hands out what was written without another copy

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._stream.tell()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add some bytes."""
        self._stream.write(data)

    def pieces(self) -> Sequence[bytes]:
        """Return them."""
        return [self._stream.getvalue()]

    def close(self, *, again: bool) -> None:  # noqa: ARG002 - the protocol's signature
        """Forget them."""
        self._stream = io.BytesIO()


class Spool:
    """Bytes gathered until their end is known.

    Parameters
    ----------
    in_memory : int
        Bytes beyond which they move to a temp file.
    memory : Memory, optional
        Has those that do not.

    Raises
    ------
    StorageError
        From `write`, if the disk with the system's temp folder is full.

    Examples
    --------
    >>> spool = Spool(in_memory=4)
    >>> spool.write(b"con")
    >>> spool.pieces(), spool.path
    ([b'con'], None)
    >>> spool.write(b"sist")
    >>> spool.path is None
    False
    >>> spool.close()
    """

    def __init__(self, in_memory: int = IN_MEMORY, memory: Memory | None = None) -> None:
        self._in_memory = in_memory
        self._memory: Memory = OnePiece() if memory is None else memory
        self._file: IO[bytes] | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add the next piece."""
        if self._file is None and self._memory.size + len(data) > self._in_memory:
            self._file = perform("open", tempfile.gettempdir(), _temp_file)
            for piece in self._memory.pieces():
                self._write_out(piece)
            self._memory.close(again=True)
        if self._file is None:
            self._memory.write(data)
        else:
            self._write_out(data)

    @property
    def path(self) -> str | None:
        """The file that holds everything, or None while memory does."""
        return None if self._file is None else self._file.name

    def pieces(self) -> Sequence[bytes | bytearray]:
        """Everything, while memory holds it."""
        return self._memory.pieces()

    def close(self, *, again: bool = True) -> None:
        """Forget everything; without `again` somebody may still read what `pieces` gave."""
        self._memory.close(again=again)
        if self._file is not None:
            self._file.close()

    def _write_out(self, data: bytes | bytearray | memoryview) -> None:
        """Write all of `data`: on a disk that fills up one call may take a part without an error."""
        assert self._file is not None  # noqa: S101 - for the type checker; both callers made it
        with memoryview(data) as view:
            done = 0
            while done < len(view):
                done += perform("write", self._file.name, self._file.write, view[done:])


def _temp_file() -> IO[bytes]:
    return tempfile.NamedTemporaryFile(prefix="consist-spool-", buffering=0)
