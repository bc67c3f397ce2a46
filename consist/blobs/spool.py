"""`Spool`: an object of unknown size on its way, in memory while it is small and in a file of the system's after."""

from __future__ import annotations

import io
import tempfile
from typing import TYPE_CHECKING

from consist.fileops import perform

if TYPE_CHECKING:
    from typing import IO

IN_MEMORY = 72 << 20
"""Bytes kept in memory: one pack, which is more than 64 MiB by its last chunk and its directory."""


class Spool:
    """Bytes gathered until their end is known.

    Parameters
    ----------
    in_memory : int
        Bytes beyond which they move to a temp file.

    Raises
    ------
    StorageError
        From `write`, if the disk with the system's temp folder is full.

    Examples
    --------
    >>> spool = Spool(in_memory=4)
    >>> spool.write(b"con")
    >>> spool.data(), spool.path
    (b'con', None)
    >>> spool.write(b"sist")
    >>> spool.path is None
    False
    >>> spool.close()
    """

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._memory = io.BytesIO()
        self._file: IO[bytes] | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add the next piece."""
        if self._file is None and self._memory.tell() + len(data) > self._in_memory:
            self._file = perform("open", tempfile.gettempdir(), _temp_file)
            self._write_out(self._memory.getbuffer())
            self._memory = io.BytesIO()
        if self._file is None:
            self._memory.write(data)
        else:
            self._write_out(data)

    @property
    def path(self) -> str | None:
        """The file that holds everything, or None while memory does."""
        return None if self._file is None else self._file.name

    def data(self) -> bytes:
        """Everything, while memory holds it."""
        return self._memory.getvalue()

    def close(self) -> None:
        """Forget everything."""
        self._memory = io.BytesIO()
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
