"""The chunk table: which pack has a chunk, as far as this machine knows. A hint, never believed without a look.

An entry may name a pack that is gone, so whoever uses one confirms the pack by a `stat`. An entry must not name a
wrong *place*: a manifest made from it could not be read. So a table that is kept on disk checks what it reads.
"""

from __future__ import annotations

from array import array
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

from consist.blobs.pack import PackRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from consist.blobs.chunklist import Chunk
    from consist.blobs.manifest import Manifest
    from consist.blobs.pack import Piece

Entry = tuple[bytes, int, int, int, int, int]
"""The fields of a `ChunkPlace` in their order, plain: whoever keeps a table need not know this package."""


class ChunkPlace(NamedTuple):
    """Where a chunk lies."""

    pack: bytes
    pack_size: int
    encoding: int
    offset: int
    stored: int
    raw: int

    @property
    def ref(self) -> PackRef:
        """The pack, as a manifest names it."""
        return PackRef(self.pack, self.pack_size)


class ChunkTable(Protocol):
    """Keeps places by chunk digest. Safe for threads."""

    def find_many(self, digests: Sequence[bytes]) -> Sequence[Entry | None]:
        """Return what is known of each chunk, in their order."""

    def add(self, entries: Iterable[tuple[bytes, Entry]]) -> None:
        """Remember where chunks lie, over what was known of them."""


class LateTable:
    """A table that is made when it is first looked into, by one thread, and told of nothing.

    Parameters
    ----------
    make : callable
        Makes the entries.

    Examples
    --------
    >>> table = LateTable(lambda: print("made") or {b"chunk": (b"pack", 100, 0, 0, 10, 10)})
    >>> table.find_many([b"other"])
    made
    [None]
    >>> table.find_many([b"chunk"])
    [(b'pack', 100, 0, 0, 10, 10)]
    """

    def __init__(self, make: Callable[[], Mapping[bytes, Entry] | ManifestPlaces]) -> None:
        self._make = make

    @cached_property
    def _entries(self) -> Mapping[bytes, Entry] | ManifestPlaces:
        return self._make()

    def find_many(self, digests: Sequence[bytes]) -> list[Entry | None]:
        """Return what is known of each chunk, in their order."""
        return [self._entries.get(digest) for digest in digests]

    def add(self, entries: Iterable[tuple[bytes, Entry]]) -> None:
        """Do nothing: what is published is entered in a table that stays."""


class MemoryTable:
    """A table that ends with its process.

    Examples
    --------
    >>> table = MemoryTable()
    >>> table.add([(b"chunk", (b"pack", 100, 0, 0, 10, 10))])
    >>> table.find_many([b"chunk", b"other"])
    [(b'pack', 100, 0, 0, 10, 10), None]
    """

    def __init__(self) -> None:
        self._entries: dict[bytes, Entry] = {}

    def find_many(self, digests: Sequence[bytes]) -> list[Entry | None]:
        """Return what is known of each chunk, in their order."""
        return [self._entries.get(digest) for digest in digests]

    def add(self, entries: Iterable[tuple[bytes, Entry]]) -> None:
        """Remember where chunks lie, over what was known of them."""
        self._entries.update(entries)


class ManifestPlaces:
    """Where the chunks of a manifest lie, by their digests: 8 to 16 bytes a chunk beside its row. A dict took 460.

    Parameters
    ----------
    manifest : Manifest
        What is looked into.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._mask = (1 << (2 * len(manifest.chunks)).bit_length()) - 1
        self._slots = array("I", [0]) * (self._mask + 1)  # number of a chunk + 1; 0 is free
        for number, chunk in enumerate(manifest.chunks):
            self._slots[self._slot(chunk.digest)] = number + 1

    def get(self, digest: bytes) -> Entry | None:
        """Return where a chunk lies, or None."""
        found = self._slots[self._slot(digest)]
        return _entry(self._manifest, self._manifest.chunks[found - 1]) if found else None

    def _slot(self, digest: bytes) -> int:
        """Return the slot of a chunk, or the free one where it would be; at most half of them are taken."""
        slot = hash(digest) & self._mask
        while (found := self._slots[slot]) and self._manifest.chunks[found - 1].digest != digest:
            slot = (slot + 1) & self._mask
        return slot


def entries_of_pack(ref: PackRef, pieces: Sequence[Piece]) -> list[tuple[bytes, Entry]]:
    """Return what a pack's directory says, as a table takes it."""
    return [(piece.digest, (ref.digest, ref.size, *piece[1:])) for piece in pieces]


def entries_of_manifest(manifest: Manifest) -> Iterator[tuple[bytes, Entry]]:
    """Yield what a manifest says, as a table takes it."""
    for chunk in manifest.chunks:
        yield chunk.digest, _entry(manifest, chunk)


def _entry(manifest: Manifest, chunk: Chunk) -> Entry:
    ref = manifest.packs[chunk.pack]
    return ref.digest, ref.size, chunk.encoding, chunk.offset, chunk.stored, chunk.raw
