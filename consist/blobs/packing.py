"""From chunks to packs: a chunk that the store has is named again, one that it has not is written.

`Packing` takes the chunks of a content, some at a time, in order, from one thread. Each full pack goes to a thread of
its own for publishing, so that the disk or the network is busy while the next one is filled; that one goes on its way
as soon as it is full, too. A published pack is entered in the chunk table at once: an upload that was interrupted goes
on from there.

It does not read, cut or digest the content: ``large.py`` does. The manifest is published by ``largeblobs.py``, which
knows whether it is wanted.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

from consist.blobs.chunklist import Chunk, ChunkList
from consist.blobs.chunktable import ChunkPlace, entries_of_pack
from consist.blobs.encoding import RAW, encode_chunk
from consist.blobs.pack import PACK_SIZE, PackRef, PackWriter

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence
    from concurrent.futures import Future

    from consist.blobs.backend import Backend
    from consist.blobs.chunktable import ChunkTable
    from consist.blobs.pack import Sealed
    from consist.hashing.digest import Digest

_PACKS = 2
"""Packs that there are of a content at once: on their way, or being filled. Each takes room. While one waits for the
last of its parts the other keeps the network busy: a put of 1 GiB to S3 took 0.94 of the time so."""

_ENCODERS = 2
"""Threads that compress: zstd lets go of the interpreter, and a CSV went from 0.43 to 0.8 GB/s."""


class Reuse:
    """Chunks that the store has already, in packs that are known to be there.

    Parameters
    ----------
    backend : Backend
        Asked once for each pack.
    tables : sequence of ChunkTable
        Where places are looked up; the first that knows a chunk counts. The first of them is told what the others know
        and is confirmed: it stays, and spares the next content the question.
    suspects : container of Digest
        Packs that were found damaged are among them, and are not used.
    """

    def __init__(self, backend: Backend, tables: Sequence[ChunkTable], suspects: Container[Digest]) -> None:
        self._backend = backend
        self._tables = tables
        self._suspects = suspects
        self._there: dict[PackRef, bool] = {}

    def find(self, digests: Iterable[bytes]) -> dict[bytes, ChunkPlace]:
        """Return the places of those chunks that can be used."""
        found: dict[bytes, ChunkPlace] = {}
        for table in self._tables:
            missing = [digest for digest in digests if digest not in found]
            if not missing:
                break  # the next table may take a request to look into
            places = zip(missing, table.find_many(missing), strict=True)
            confirmed = self._confirmed({digest: ChunkPlace(*entry) for digest, entry in places if entry is not None})
            if confirmed and table is not self._tables[0]:
                self._tables[0].add([*confirmed.items()])
            found |= confirmed
        return found

    def trust(self, ref: PackRef) -> None:
        """Take a pack for there: it was just published."""
        self._there[ref] = True

    def _confirmed(self, places: dict[bytes, ChunkPlace]) -> dict[bytes, ChunkPlace]:
        new = [ref for ref in {place.ref for place in places.values()} if ref not in self._there]
        for ref, there in zip(new, self._backend.stat_many([ref.key for ref in new]), strict=True):
            whole = there is not None and there.size == ref.size
            self._there[ref] = whole and ref.name not in self._suspects
        return {digest: place for digest, place in places.items() if self._there[place.ref]}


class Packing:
    """One large content on its way into packs.

    A context manager: leaving it before `finish` discards the pack that is being filled; packs that are published stay.

    Parameters
    ----------
    backend : Backend
        Where packs go.
    table : ChunkTable
        Told of every pack that is published.
    reuse : Reuse
        Finds what is there already.
    compress : bool
        Whether chunks may be compressed.
    """

    def __init__(self, backend: Backend, table: ChunkTable, reuse: Reuse, *, compress: bool) -> None:
        self._backend = backend
        self._table = table
        self._reuse = reuse
        self._compress = compress
        self._chunks = ChunkList()
        self._packs: list[PackRef] = []
        self._numbers: dict[PackRef, int] = {}
        self._writer: PackWriter | None = None
        self._number = -1
        self._filling: dict[bytes, Chunk] = {}
        self._sealed: deque[dict[bytes, Chunk]] = deque(maxlen=_PACKS)
        self._publishing: deque[Future[None]] = deque()
        self._publisher = ThreadPoolExecutor(_PACKS, thread_name_prefix="consist-publish")
        self._encoders = ThreadPoolExecutor(_ENCODERS, thread_name_prefix="consist-encode")
        self.written: list[PackRef] = []
        """Packs that this content made."""

    def feed(self, chunks: Sequence[memoryview], digests: Sequence[bytes]) -> None:
        """Take the next chunks of the content.

        Parameters
        ----------
        chunks : sequence of memoryview
            Not used any more when this returns.
        digests : sequence of bytes
            Theirs, in their order.
        """
        packs = (self._filling, *self._sealed)  # by now: one may be published before the window ends
        here = {digest: pack[digest] for pack in packs for digest in digests if digest in pack}
        known = self._reuse.find([digest for digest in dict.fromkeys(digests) if digest not in here])
        have = known.keys() | here.keys()
        new = {digest: chunk for digest, chunk in zip(digests, chunks, strict=True) if digest not in have}
        encoded = dict(zip(new, self._encode(new.values()), strict=True))
        for digest, raw in zip(digests, chunks, strict=True):
            chunk = here.get(digest)
            if chunk is None and digest in known:
                chunk = self._reused(digest, known[digest])
            elif chunk is None:
                chunk = here[digest] = self._store(digest, *encoded[digest], len(raw))
            self._chunks.append(chunk)

    def finish(self) -> tuple[list[PackRef], ChunkList]:
        """Publish the last pack and wait until all are; return what a manifest is made of."""
        if self._writer is not None:
            self._finish_pack(self._writer)
        self._wait(0)
        return self._packs, self._chunks

    def reused(self) -> list[PackRef]:
        """Return the packs that were there before."""
        written = {*self.written}
        return [ref for ref in self._packs if ref not in written]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._encoders.shutdown()
        self._publisher.shutdown()
        if self._writer is not None:
            self._writer.discard()

    def _encode(self, chunks: Iterable[memoryview]) -> Iterable[tuple[int, bytes | memoryview]]:
        if not self._compress:
            return [(RAW, chunk) for chunk in chunks]
        return self._encoders.map(encode_chunk, chunks)

    def _reused(self, digest: bytes, place: ChunkPlace) -> Chunk:
        number = self._numbers.get(place.ref)
        if number is None:
            number = self._numbers[place.ref] = len(self._packs)
            self._packs.append(place.ref)
        return Chunk(digest, place.encoding, number, place.offset, place.stored, place.raw)

    def _store(self, digest: bytes, encoding: int, stored: bytes | memoryview, raw: int) -> Chunk:
        if self._writer is None:
            self._wait(_PACKS - 1)
            self._writer = PackWriter(self._backend)
            self._packs.append(PackRef(b"", 0))  # its place is taken, its name comes with its last byte
            self._number = len(self._packs) - 1
        piece = self._writer.add(digest, encoding, stored, raw)
        chunk = self._filling[digest] = Chunk(digest, encoding, self._number, piece.offset, piece.stored, raw)
        if self._writer.size >= PACK_SIZE:
            self._finish_pack(self._writer)
        return chunk

    def _finish_pack(self, writer: PackWriter) -> None:
        """Name the pack, and let it be published while the next one is filled."""
        sealed = writer.seal()
        ref = self._packs[self._number] = sealed.ref
        self._numbers[ref] = self._number
        self._sealed.append(self._filling)
        self._filling = {}
        self._writer = None
        self._publishing.append(self._publisher.submit(self._publish, sealed))

    def _publish(self, sealed: Sealed) -> None:
        with sealed.upload as upload:
            upload.publish(sealed.ref.key)
        self._reuse.trust(sealed.ref)
        self._table.add(entries_of_pack(sealed.ref, sealed.pieces))
        self.written.append(sealed.ref)

    def _wait(self, most: int) -> None:
        """Wait until no more than so many packs are on their way; after one that failed none is begun any more."""
        while len(self._publishing) > most:
            self._publishing[0].result()
            self._publishing.popleft()
        for later in self._publishing:
            if later.done():
                later.result()  # it may have failed before an earlier one was there
