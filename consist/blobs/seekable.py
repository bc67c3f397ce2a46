"""`SeekableReader`: what every seekable binary file of a known size does alike. A subclass says how bytes are read."""

from __future__ import annotations

import abc
import io

from consist.hashing.hasher import BLOCK


class SeekableReader(io.RawIOBase, abc.ABC):
    """A file to be read, at any position.

    Parameters
    ----------
    size : int
        Its bytes.
    """

    piece = BLOCK
    """Bytes that `readall` asks for at a time."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self._position = 0

    @abc.abstractmethod
    def read_at(self, view: memoryview, position: int) -> int:
        """Fill a buffer, which ends within the file, from a position; return how many bytes came, at least one."""

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go elsewhere; nothing is read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}.get(whence)
        if base is None:
            raise ValueError(f"cannot seek from whence {whence!r}: it is 0, 1 or 2")
        if base + offset < 0:
            raise ValueError(f"cannot seek to {base + offset}, before the start")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: object, /) -> int:
        """Read up to a buffer's length; none only at the end. If it raises, the position is as it was."""
        if self.closed:
            raise ValueError("read of a closed blob")
        view = memoryview(buffer).cast("B")[: max(0, self.size - self._position)]  # type: ignore[arg-type]
        count = self.read_at(view, self._position) if len(view) else 0
        self._position += count
        return count

    def readall(self) -> bytes:
        """Read the rest; its room is taken once."""
        if self.closed:
            raise ValueError("read of a closed blob")
        rest = bytearray(max(0, self.size - self._position))
        done = 0
        with memoryview(rest) as view:
            while done < len(view) and (count := self.readinto(view[done : done + self.piece])):
                done += count
        return bytes(rest)
