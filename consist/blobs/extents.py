"""Chunks from packs: those that are neighbours in one request, all requests of a window at once, each chunk checked.

What leaves this module is right: a chunk's bytes are compared with its digest before they are handed on. What is wrong
or gone is reported under the blob's name and the pack's, so that neither is used again before it is written anew.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from consist.blobs.backend import Range
from consist.blobs.encoding import decode_chunk
from consist.errors import BlobNotFoundError, DamagedError
from consist.hashing.hasher import hash_raw

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableSet

    from consist.blobs.backend import Backend
    from consist.blobs.manifest import Chunk, Manifest
    from consist.hashing.digest import Digest

GAP = 128 << 10
"""Bytes between two chunks up to which both are fetched in one request: over a network a request costs as much as
fetching half a MiB, and on a disk reading on is cheaper than asking again."""

REQUEST = 8 << 20
"""Bytes fetched by one request at the most: larger ones are better cut, since requests run side by side."""


class Extent(NamedTuple):
    """Neighbouring chunks of one pack."""

    pack: int
    start: int
    length: int
    first: int
    """The first of its chunks, by its place in the content."""
    chunks: int


class Fetcher:
    """Fetches the chunks of one blob.

    Parameters
    ----------
    backend : Backend
        Where the packs are.
    manifest : Manifest
        Of the blob.
    suspects : MutableSet of Digest
        Gets the blob and the pack, if something is wrong.
    """

    def __init__(self, backend: Backend, manifest: Manifest, suspects: MutableSet[Digest]) -> None:
        self.manifest = manifest
        self._backend = backend
        self._suspects = suspects

    def chunk_at(self, position: int) -> int:
        """Return the number of the chunk that a position of the content lies in."""
        return bisect_right(self.manifest.starts, position) - 1

    def chunks(self, first: int, end: int) -> list[bytes | memoryview]:
        """Return the raw bytes of some chunks, checked.

        Parameters
        ----------
        first, end : int
            Numbers of chunks; `end` is not among them.

        Raises
        ------
        BlobNotFoundError
            If a pack is gone.
        DamagedError
            If the bytes of a chunk are not what its digest says.
        """
        extents = list(_extents(self.manifest, first, end))
        ranges = [Range(self.manifest.packs[found.pack].key, found.start, found.length) for found in extents]
        try:
            fetched = self._backend.get_ranges(ranges)
        except BlobNotFoundError as error:
            self._suspects.add(self.manifest.digest)
            raise BlobNotFoundError(
                f"blob {self.manifest.digest.short} in {self._backend.url} is not whole: {error.message}",
                hint="run the step that made it again, and the store heals",
            ) from None
        found: list[bytes | memoryview] = []
        for extent, data in zip(extents, fetched, strict=True):
            view = memoryview(data)
            for chunk in self.manifest.chunks[extent.first : extent.first + extent.chunks]:
                start = chunk.offset - extent.start
                found.append(self._checked(chunk, view[start : start + chunk.stored]))
        return found

    def _checked(self, chunk: Chunk, stored: memoryview) -> bytes | memoryview:
        try:
            raw = decode_chunk(chunk.encoding, stored, chunk.raw)
        except DamagedError as error:
            raise self.damaged(chunk, error.message) from None
        if hash_raw(raw) != chunk.digest:
            raise self.damaged(chunk, "a chunk is not what its digest says")
        return raw

    def damaged(self, chunk: Chunk, why: str) -> DamagedError:
        """Note that a chunk is damaged, and return what to raise."""
        pack = self.manifest.packs[chunk.pack].name
        self._suspects.add(self.manifest.digest)
        self._suspects.add(pack)
        return DamagedError(
            f"blob {self.manifest.digest.short} in {self._backend.url} is damaged, in pack {pack.short}: {why}",
            hint="run the step that made it again, and the store heals",
        )


def _extents(manifest: Manifest, first: int, end: int) -> Iterator[Extent]:
    """Group chunks that follow each other in the content and nearly so in a pack."""
    number = first
    while number < end:
        head = manifest.chunks[number]
        start = number
        stop = head.offset + head.stored
        number += 1
        while number < end:
            chunk = manifest.chunks[number]
            gap = chunk.offset - stop
            far = chunk.offset + chunk.stored - head.offset > REQUEST
            if chunk.pack != head.pack or not 0 <= gap <= GAP or far:
                break
            stop = chunk.offset + chunk.stored
            number += 1
        yield Extent(head.pack, head.offset, stop - head.offset, start, number - start)
