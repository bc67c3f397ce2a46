"""`Prepared`: a large value as a stream of its bytes, and `Pieces`, a stream over buffers that are not copied.

Small values are bytes in memory; arrays and tables come this way, so that storing one takes no second copy of it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    Buffer = bytes | bytearray | memoryview


class Prepared(NamedTuple):
    """A value that is ready to be stored.

    Attributes
    ----------
    size : int
        Bytes in the stream.
    stream : BinaryIO
        Its bytes, to be read once, in order.
    media : dict
        Plain details for the record.
    """

    size: int
    stream: BinaryIO
    media: dict[str, Any]


class Pieces(io.RawIOBase):
    """A readable stream of buffers, one after the other.

    Parameters
    ----------
    pieces : iterable of bytes-like
        Asked for when they are needed; none may change before it was read.

    Examples
    --------
    >>> Pieces([b"con", b"", memoryview(b"sist")]).read()
    b'consist'
    """

    def __init__(self, pieces: Iterable[Buffer]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as the current piece goes; 0 is the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
