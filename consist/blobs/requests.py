"""Which bytes of packs are asked for: neighbouring chunks together, in requests that end where a pack's parts do.

A server keeps a pack in pieces, those in which it was sent. A request that ends within one has it read twice, by this
request and by the next: SeaweedFS worked an eighth longer for the same bytes, and AWS advises to ask for whole parts.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from consist.blobs.chunklist import Chunk

GAP = 128 << 10
"""Bytes between two chunks up to which both are fetched in one request: a round trip over a network
costs more than fetching so little for nothing, and on a disk reading on is cheaper than asking again."""

REQUEST = 16 << 20
"""Bytes of a request at the most, about, which is two parts: larger ones are better cut, to run side by side."""

LEAST = 1 << 20
"""Bytes of a request at the least, where more is wanted that is next to them."""


class Extent(NamedTuple):
    """Neighbouring chunks of one pack."""

    pack: int
    start: int
    length: int
    numbers: tuple[int, ...]
    """Its chunks, by their places in the content; of those that are the same, the first."""


def extents_of(chunks: Mapping[int, Chunk], numbers: Sequence[int]) -> Iterator[Extent]:
    """Group chunks, given in the order in which they lie, that nearly follow each other in a pack."""
    place = 0
    while place < len(numbers):
        first = place
        head = chunks[numbers[first]]
        stop = head.offset + head.stored
        place += 1
        while place < len(numbers):
            chunk = chunks[numbers[place]]
            if chunk.pack != head.pack or not 0 <= chunk.offset - stop <= GAP:
                break
            stop = chunk.offset + chunk.stored
            place += 1
        yield Extent(head.pack, head.offset, stop - head.offset, tuple(numbers[first:place]))


def requests_of(extent: Extent) -> list[tuple[int, int]]:
    """Cut an extent into what single requests ask for.

    Returns
    -------
    list of (int, int)
        Start and length in the pack, in bytes, one after the other.

    Examples
    --------
    >>> [(start >> 20, length >> 20) for start, length in requests_of(Extent(0, 2 << 20, 31_000_000, ()))]
    [(2, 14), (16, 15)]
    """
    stop = extent.start + extent.length
    seams = range((extent.start // REQUEST + 1) * REQUEST, stop, REQUEST)
    starts = [extent.start, *(seam for seam in seams if extent.start + LEAST <= seam <= stop - LEAST)]
    return [(start, end - start) for start, end in zip(starts, [*starts[1:], stop], strict=True)]


def at_seam(chunk: Chunk, following: Chunk, size: int) -> bool:
    """Tell whether a pack, or another `size` bytes of it, begins with what follows a chunk."""
    return (chunk.pack, chunk.offset // size) != (following.pack, following.offset // size)


class Answers:
    """What came of an extent, by the requests that it was cut into.

    Parameters
    ----------
    requests : sequence of (int, int)
        As `requests_of` says.
    pieces : sequence of bytes-like
        What came of each; less if the pack was cut short.

    Examples
    --------
    >>> bytes(Answers([(10, 3), (13, 3)], [b"abc", b"def"]).cut(12, 2))
    b'cd'
    """

    def __init__(self, requests: Sequence[tuple[int, int]], pieces: Sequence[bytes | memoryview]) -> None:
        self._starts = [start for start, _ in requests]
        self._views = [memoryview(piece) for piece in pieces]

    def cut(self, start: int, length: int) -> memoryview:
        """Return some bytes by their place in the pack, or what there is of them; copied only if a seam is in them."""
        stop = start + length
        first = bisect_right(self._starts, start) - 1
        parts = [
            view[max(0, start - begins) : stop - begins]
            for begins, view in zip(self._starts[first:], self._views[first:], strict=True)
            if begins < stop
        ]
        return parts[0] if len(parts) == 1 else memoryview(b"".join(parts))
