"""Chunks from packs: those that are neighbours in one request, all requests of a window at once, each chunk checked.

It does not matter in which order the content has its chunks, nor how often: what lies together in a pack is fetched
together, and once. A version with many small edits has its chunks here and there in two packs; zeros are one chunk.

What leaves this module is right: a chunk's bytes are compared with its digest before they are handed on, unless the
caller compares the whole. What is wrong or gone is reported under the blob's name and the pack's, so that neither is
used again before it is written anew.
"""

from __future__ import annotations

import contextlib
import threading
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from consist.blobs import layout
from consist.blobs.backend import Range
from consist.blobs.cachefiles import read_kept
from consist.blobs.damage import HINT
from consist.blobs.encoding import decode_chunk
from consist.blobs.requests import Answers, extents_of, requests_of
from consist.errors import BlobNotFoundError, DamagedError
from consist.hashing.hasher import hash_raw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, MutableSet, Sequence

    from consist.blobs.backend import Backend
    from consist.blobs.cachefiles import CacheFile
    from consist.blobs.chunklist import Chunk
    from consist.blobs.manifest import Manifest
    from consist.blobs.posix import OpenFile
    from consist.blobs.readcache import ReadCache
    from consist.hashing.digest import Digest


class Again(NamedTuple):
    """A chunk that comes again and again, and so would be fetched for every window."""

    manifest: Manifest
    """Which says what lies at the place."""
    place: tuple[int, int]
    raw: bytes
    checked: bool


class Kept(NamedTuple):
    """What a fetcher may use of this machine's cache."""

    cache: ReadCache
    renew: Callable[[], Manifest | None]
    """Gets the manifest from the store: the one at hand may be the cache's, and name packs that are gone."""


class Fetcher:
    """Fetches the chunks of one blob; several threads may ask at once.

    Parameters
    ----------
    backend : Backend
        Where the packs are.
    manifest : Manifest
        Of the blob.
    suspects : MutableSet of Digest
        Gets the blob and the pack, if something is wrong in the store.
    kept : Kept, optional
        The cache that is looked into first, and keeps what is fetched.
    """

    def __init__(
        self, backend: Backend, manifest: Manifest, suspects: MutableSet[Digest], kept: Kept | None = None
    ) -> None:
        self.manifest = manifest
        self._backend = backend
        self._suspects = suspects
        self._cache = None if kept is None else kept.cache
        self._renew = None if kept is None else kept.renew
        self._again: Again | None = None
        self._renewing = threading.Lock()

    def chunk_at(self, position: int) -> int:
        """Return the number of the chunk that a position of the content lies in."""
        return bisect_right(self.manifest.starts, position) - 1

    def chunks(self, first: int, end: int, *, checked: bool = True) -> list[bytes | memoryview]:
        """Return the raw bytes of some chunks.

        Parameters
        ----------
        first, end : int
            Numbers of chunks; `end` is not among them.
        checked : bool
            Compare each with its digest. What is not compared is not kept in the cache either: with one, all are.

        Raises
        ------
        BlobNotFoundError
            If a pack is gone.
        DamagedError
            If the bytes of a chunk are not what its digest says.
        """
        found = self.pick(range(first, end), checked=checked)
        return [found[number] for number in range(first, end)]

    def pick(self, numbers: Sequence[int], *, checked: bool = True) -> dict[int, bytes | memoryview]:
        """Return any chunks by their numbers, which are in order; `checked` and errors as for `chunks`."""
        while True:
            manifest = self.manifest  # another thread may renew it meanwhile
            wrong = {manifest.digest}
            try:
                return self._known_or_fetched(manifest, numbers, wrong, checked=checked)
            except (BlobNotFoundError, DamagedError):
                if not self._is_renewed(manifest):
                    for digest in wrong:
                        self._suspects.add(digest)
                    raise

    def _known_or_fetched(
        self, manifest: Manifest, numbers: Sequence[int], wrong: set[Digest], *, checked: bool
    ) -> dict[int, bytes | memoryview]:
        """Return chunks by number; those that the cache lacks are fetched while no other process fetches them."""
        if self._cache is None:
            found = self._come_again(manifest, numbers, checked=checked)
            missing = [number for number in numbers if number not in found]
            return found | self._fetched(manifest, missing, {}, wrong, checked=checked)
        with self._cache.opened(layout.PACKS, _packs(manifest, numbers)) as files:
            found = _known(manifest, numbers, files)
        missing = [number for number in numbers if number not in found]
        if missing:
            with self._cache.filling(layout.PACKS, _packs(manifest, missing)) as held:
                found |= _known(manifest, missing, {name: file.opened() for name, file in held.items()})
                missing = [number for number in missing if number not in found]
                found |= self._fetched(manifest, missing, held, wrong, checked=True)
        return found

    def _come_again(
        self, manifest: Manifest, numbers: Iterable[int], *, checked: bool
    ) -> dict[int, bytes | memoryview]:
        """Return those of some chunks that are the one which came again and again before."""
        again = self._again
        if again is None or again.manifest is not manifest or (checked and not again.checked):
            return {}
        return {number: again.raw for number in numbers if _place(manifest.chunks[number]) == again.place}

    def _fetched(
        self,
        manifest: Manifest,
        numbers: Sequence[int],
        held: Mapping[Digest, CacheFile],
        wrong: set[Digest],
        *,
        checked: bool,
    ) -> dict[int, bytes | memoryview]:
        """Fetch chunks from the store, check them, and keep them where a file of the cache is held."""
        take = _checked if checked else _raw
        chunks = {number: manifest.chunks[number] for number in numbers}
        alike: dict[tuple[int, int], list[int]] = {}
        for number, chunk in chunks.items():
            alike.setdefault(_place(chunk), []).append(number)
        extents = list(extents_of(chunks, [alike[place][0] for place in sorted(alike)]))
        ranges = [Range(manifest.packs[found.pack].key, *part) for found in extents for part in requests_of(found)]
        try:
            fetched = iter(self._backend.get_ranges(ranges))
        except BlobNotFoundError as error:
            raise BlobNotFoundError(
                f"blob {manifest.digest.short} in {self._backend.url} is not whole: {error.message}", hint=HINT
            ) from None
        found: dict[int, bytes | memoryview] = {}
        for extent in extents:
            requests = requests_of(extent)
            pieces = [next(fetched) for _ in requests]
            answers = Answers(requests, pieces)
            pack = manifest.packs[extent.pack].name
            for number in extent.numbers:
                chunk = chunks[number]
                try:
                    found[number] = take(chunk, answers.cut(chunk.offset, chunk.stored))
                except DamagedError as error:
                    wrong.add(pack)
                    raise DamagedError(
                        f"blob {manifest.digest.short} in {self._backend.url} is damaged, in pack {pack.short}: "
                        f"{error.message}",
                        hint=HINT,
                    ) from None
            if self._cache is not None and pack in held:
                for (start, _), piece in zip(requests, pieces, strict=True):
                    self._cache.write(held[pack], start, piece)
        for place, same in alike.items():
            if len(same) > 1:
                self._again = Again(manifest, place, bytes(found[same[0]]), checked)
                found |= dict.fromkeys(same, found[same[0]])
        return found

    def _is_renewed(self, used: Manifest) -> bool:
        """Take the store's manifest in place of one that does not serve; tell whether it says anything else.

        It must cut the content as the other did: a reader that is on its way counts by that.
        """
        with self._renewing:
            if self.manifest is not used:
                return True
            renew, self._renew = self._renew, None
            fresh = None if renew is None else renew()
            if fresh is None or fresh == used or fresh.chunk_list() != used.chunk_list():
                return False
            self.manifest = fresh
            return True


def _packs(manifest: Manifest, numbers: Iterable[int]) -> set[Digest]:
    used = {manifest.chunks[number].pack for number in numbers}
    return {manifest.packs[pack].name for pack in used}


def _known(
    manifest: Manifest, numbers: Iterable[int], files: Mapping[Digest, OpenFile]
) -> dict[int, bytes | memoryview]:
    """Return, of some chunks, those that the cache has; what is wrong there is just not had."""
    found: dict[int, bytes | memoryview] = {}
    for number in numbers:
        chunk = manifest.chunks[number]
        file = files.get(manifest.packs[chunk.pack].name)
        stored = None if file is None else read_kept(file, chunk.offset, chunk.stored)
        if stored is not None:
            with contextlib.suppress(DamagedError):
                found[number] = _checked(chunk, memoryview(stored))
    return found


def _place(chunk: Chunk) -> tuple[int, int]:
    """Say where a chunk lies: in which pack, at which of its bytes."""
    return chunk.pack, chunk.offset


def _raw(chunk: Chunk, stored: memoryview) -> bytes | memoryview:
    """Return the raw bytes of a chunk as they are.

    Raises
    ------
    DamagedError
        If they cannot be decoded.
    """
    return decode_chunk(chunk.encoding, stored, chunk.raw)


def _checked(chunk: Chunk, stored: memoryview) -> bytes | memoryview:
    """Return the raw bytes of a chunk.

    Raises
    ------
    DamagedError
        If they are not what its digest says.
    """
    raw = _raw(chunk, stored)
    if hash_raw(raw) != chunk.digest:
        raise DamagedError("a chunk is not what its digest says")
    return raw
