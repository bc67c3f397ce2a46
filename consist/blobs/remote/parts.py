"""Memory for what is sent in parts: pieces of one size, which uploads hand on to each other.

A pack is gathered in memory before it is sent, since its name comes with its last byte. Memory that was never touched
costs more than what is copied into it: of 3.6 s of processor time that a put of 1 GiB took beside the driver's own,
1.2 s were for that and for the driver's copies, which pieces of the size of a part spare it.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PART = 8 << 20
"""Bytes of a part of an upload."""


class Room:
    """Pieces of memory that nobody uses at the moment. It lasts as long as an upload does that takes from it."""

    def __init__(self) -> None:
        self._free: list[bytearray] = []  # which threads may append to and pop from

    def take(self) -> bytearray:
        """Return a piece, whatever its bytes are."""
        try:
            return self._free.pop()
        except IndexError:
            return bytearray(PART)

    def give_back(self, pieces: Sequence[bytearray]) -> None:
        """Let others use these."""
        self._free.extend(pieces)


class SharedRoom:
    """The room of all uploads that there are, which goes with the last of them."""

    def __init__(self) -> None:
        self._room: weakref.ref[Room] | None = None

    def get(self) -> Room:
        """Return it, or a new one; two threads that come at once may have one each."""
        room = None if self._room is None else self._room()
        if room is None:
            room = Room()
            self._room = weakref.ref(room)
        return room


class Parts:
    """Bytes on their way, in pieces of `PART`; the memory of a `Spool`.

    Parameters
    ----------
    room : Room
        Where the pieces come from.

    Examples
    --------
    >>> parts = Parts(Room())
    >>> parts.write(bytes(PART + 3))
    >>> parts.size - PART, [len(piece) for piece in parts.pieces()]
    (3, [8388608, 3])
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self._pieces: list[bytearray] = []
        self.size = 0
        """Bytes so far."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add some bytes."""
        done = 0
        while done < len(data):
            start = self.size % PART
            if not start:
                self._pieces.append(self._room.take())
            count = min(PART - start, len(data) - done)
            with memoryview(self._pieces[-1]) as piece:  # a slice of a bytearray would copy what it is set to
                piece[start : start + count] = memoryview(data)[done : done + count]
            self.size += count
            done += count

    def pieces(self) -> list[bytes | bytearray]:
        """Return all bytes, in pieces of `PART` but for the last. They are not copied, but for one that is not full."""
        whole: list[bytes | bytearray] = [*self._pieces[: self.size // PART]]
        rest = self.size % PART
        return [*whole, bytes(memoryview(self._pieces[-1])[:rest])] if rest else whole

    def close(self, *, again: bool) -> None:
        """Forget them; others get the memory if it may be used again."""
        if again:
            self._room.give_back(self._pieces)
        self._pieces = []
        self.size = 0
