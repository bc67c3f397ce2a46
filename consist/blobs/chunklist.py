"""The chunks of one content, in order, each in 49 bytes: rows as a manifest has them, taken apart when asked for.

As tuples they took ten times as much: 1.6 MiB for each GiB of content, so that a large enough one filled any memory.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from consist.hashing.hasher import domain_digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.hashing.digest import Digest

LIST_DOMAIN = "consist 2026 chunk list"
_ROW = struct.Struct(">32sBIIII")
_BLOCK = 1000


class Chunk(NamedTuple):
    """A chunk of the content, and where it lies."""

    digest: bytes
    encoding: int
    pack: int
    """Which of the manifest's packs."""
    offset: int
    stored: int
    raw: int


class ChunkList:
    """Chunks, packed. Not to be appended to once something was made of it.

    Parameters
    ----------
    rows : bytes-like
        Rows as a manifest has them.

    Raises
    ------
    ValueError
        If that is not a number of whole rows.

    Examples
    --------
    >>> chunks = ChunkList()
    >>> chunks.append(Chunk(bytes(32), 0, 0, 0, 100, 300))
    >>> len(chunks), chunks[0].raw, len(chunks.rows)
    (1, 300, 49)
    """

    __slots__ = ("_rows",)

    def __init__(self, rows: bytes | bytearray | memoryview = b"") -> None:
        if len(rows) % _ROW.size:
            raise ValueError("a row of a chunk is cut short")
        self._rows = rows

    @property
    def rows(self) -> bytes | bytearray | memoryview:
        """All rows, one after the other."""
        return self._rows

    def append(self, chunk: Chunk) -> None:
        """Add what comes next."""
        if not isinstance(self._rows, bytearray):
            self._rows = bytearray(self._rows)
        self._rows += _ROW.pack(*chunk)

    def digest(self) -> Digest:
        """Digest of the chunks' digests and sizes, wherever they lie."""
        return domain_digest_of(LIST_DOMAIN, self._list_rows())

    def _list_rows(self) -> Iterator[bytes]:
        """Yield what is digested, some at a time: as long as all of the content's own rows it would be."""
        rows = memoryview(self._rows)
        for start in range(0, len(rows), _BLOCK * _ROW.size):
            block = _ROW.iter_unpack(rows[start : start + _BLOCK * _ROW.size])
            yield b"".join(row[0] + row[-1].to_bytes(4, "big") for row in block)

    def __len__(self) -> int:
        return len(self._rows) // _ROW.size

    def __getitem__(self, number: int) -> Chunk:
        return Chunk._make(_ROW.unpack_from(self._rows, number * _ROW.size))

    def __iter__(self) -> Iterator[Chunk]:
        return map(Chunk._make, _ROW.iter_unpack(self._rows))

    def __eq__(self, other: object) -> bool:
        return self._rows == other._rows if isinstance(other, ChunkList) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it may be appended to
