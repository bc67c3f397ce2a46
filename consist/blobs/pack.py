"""Packs: objects of many chunks back to back, with a directory at the end that vouches for all of it.

::

    body        stored chunks, back to back
    directory   msgpack: [schema version 1, salt, rows: 45 bytes a chunk, seals: 32 bytes a compressed chunk]
    trailer     4 bytes: length of the directory, big-endian; 4 bytes: magic "CPCK"

A pack is named by the digest of its directory and trailer, and those hold the digest of what is stored of each chunk:
of a chunk that is stored as it is that is its own, and a compressed one has a *seal*. So a byte is hashed once for its
chunk and not once more for its pack, which is a seventh of the CPU time of a put, and `verify` can tell which chunks
of a pack are damaged.

A manifest alone is enough to read a blob. The directory serves whoever has no manifest: it makes the chunks of an
interrupted upload known again, and lets `verify` check a pack by itself. ``docs/format.md`` is this module's
specification.

The salt is empty, unless the chunks must go under another name than they would have: a pack that is condemned is never
written again under its own.
"""

from __future__ import annotations

import itertools
import struct
from typing import TYPE_CHECKING, NamedTuple

from consist.blobs import layout
from consist.blobs.backend import Range
from consist.blobs.encoding import RAW, decode_chunk
from consist.blobs.reader import AT_ONCE, PIECE
from consist.blobs.unreadable import is_lost
from consist.errors import DamagedError, FormatError, StorageError
from consist.hashing.codec import pack as encode
from consist.hashing.codec import unpack as decode
from consist.hashing.digest import Digest
from consist.hashing.hasher import hash_raw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from consist.blobs.backend import Backend, Upload

    Span = list[tuple["Piece", bytes]]

PACK_SIZE = 64 << 20
"""Bytes of chunks from which a pack is full; the last chunk may take it a little further."""

SCHEMA = 1
MAGIC = b"CPCK"
_ROW = struct.Struct(">32sBIII")
_TRAILER = struct.Struct(">I4s")
_SEAL = 32
_HASHERS = 2
_TAIL = 64 << 10
"""Bytes read first for a directory: a full pack's has 10 KB, at the usual chunk sizes."""


class Piece(NamedTuple):
    """A chunk, as it lies in a pack."""

    digest: bytes
    """Its 32 raw bytes: there are too many of them for a class of their own."""
    encoding: int
    offset: int
    """Bytes from the start of the pack."""
    stored: int
    """Bytes in the pack."""
    raw: int
    """Bytes of content."""


class Directory(NamedTuple):
    """What is in a pack."""

    pieces: tuple[Piece, ...]
    """In the order of the body."""
    seals: tuple[bytes, ...]
    """The digest of what is stored of each: of a piece that is stored as it is, its own."""
    rows: bytes
    """The pieces as the directory has them, 45 bytes each."""


class PackRef(NamedTuple):
    """A pack, as others name it."""

    digest: bytes
    """The 32 raw bytes of its name."""
    size: int
    """Bytes of the whole object: one that was cut short is noticed by a `stat`."""

    @property
    def name(self) -> Digest:
        """The name, as others know it."""
        return Digest(self.digest)

    @property
    def key(self) -> str:
        """The object's key."""
        return layout.digest_key(layout.PACKS, self.name)


class Sealed(NamedTuple):
    """A pack that is complete, and waits to be published."""

    ref: PackRef
    upload: Upload
    pieces: tuple[Piece, ...]


class PackWriter:
    """Writes one pack.

    Parameters
    ----------
    backend : Backend
        Where it goes. Nothing is visible there before `Sealed.upload` is published.
    salt : bytes
        Makes the name another one.
    """

    def __init__(self, backend: Backend, *, salt: bytes = b"") -> None:
        self._upload = backend.upload()
        self._salt = salt
        self._pieces: list[Piece] = []
        self._seals: list[bytes] = []
        self.size = 0
        """Bytes of chunks so far."""

    def add(self, digest: bytes, encoding: int, stored: bytes | memoryview, raw: int) -> Piece:
        """Write a chunk, whose digest is right; return where it lies."""
        piece = Piece(digest, encoding, self.size, len(stored), raw)
        self._upload.write(stored)
        if encoding != RAW:
            self._seals.append(hash_raw(stored))
        self._pieces.append(piece)
        self.size += len(stored)
        return piece

    def seal(self) -> Sealed:
        """Write the directory, and find the name."""
        rows = b"".join(_ROW.pack(*piece) for piece in self._pieces)
        directory = encode([SCHEMA, self._salt, rows, b"".join(self._seals)])
        end = directory + _TRAILER.pack(len(directory), MAGIC)
        self._upload.write(end)
        ref = PackRef(hash_raw(end), self.size + len(end))
        return Sealed(ref, self._upload, tuple(self._pieces))

    def discard(self) -> None:
        """Forget what was written."""
        self._upload.__exit__(None, None, None)


def read_directory(backend: Backend, ref: PackRef) -> Directory:
    """Read what a pack holds, from its end, and check it against the pack's name.

    Parameters
    ----------
    backend : Backend
        Where it is.
    ref : PackRef
        Which pack.

    Raises
    ------
    BlobNotFoundError
        If there is no such pack.
    DamagedError
        If its end is not that of a pack of this name and size.
    FormatError
        If a newer consist wrote it.
    """
    what = f"pack {ref.name.short} in {backend.url}"
    tail = backend.get_range(ref.key, max(0, ref.size - _TAIL), _TAIL)
    if len(tail) != min(_TAIL, ref.size) or len(tail) < _TRAILER.size:
        raise DamagedError(f"{what} is damaged: it is cut short")
    length, magic = _TRAILER.unpack_from(tail, len(tail) - _TRAILER.size)
    start = ref.size - _TRAILER.size - length
    if magic != MAGIC or start < 0:
        raise DamagedError(f"{what} is damaged: it does not end as a pack does")
    if length + _TRAILER.size > len(tail):
        tail = backend.get_range(ref.key, start, length + _TRAILER.size)
    end = tail[-_TRAILER.size - length :]
    if hash_raw(end) != ref.digest:
        raise DamagedError(f"{what} is damaged: its directory is not what its name says")
    return _parse(end[:length], start, what)


def verify_pack(
    backend: Backend, ref: PackRef, unread: Callable[[StorageError], object] | None = None
) -> tuple[bytes, frozenset[int]]:
    """Read a pack whole, and compare every byte with what its name says.

    Parameters
    ----------
    backend : Backend
        Where it is.
    ref : PackRef
        Its name, and the bytes that it has there.
    unread : callable, optional
        Told why chunks cannot be read that the medium lost, which are damaged then; without it that is raised.

    Returns
    -------
    tuple of (bytes, frozenset of int)
        The rows of its directory, and where in the pack the chunks begin that are damaged.

    Raises
    ------
    BlobNotFoundError, DamagedError, FormatError
        As `read_directory` says: what a pack should hold is known by its directory alone.
    """
    from concurrent.futures import ThreadPoolExecutor

    directory = read_directory(backend, ref)
    spans = _spans(directory)
    damaged: list[int] = []
    with ThreadPoolExecutor(_HASHERS, thread_name_prefix="consist-hash") as hashing:
        for first in range(0, len(spans), AT_ONCE):
            some, read = _read(backend, ref.key, spans[first : first + AT_ONCE], unread)
            damaged.extend(itertools.chain.from_iterable(hashing.map(_damaged, some, read)))
    return directory.rows, frozenset(damaged)


def row_of(digest: bytes, encoding: int, offset: int, stored: int, raw: int) -> bytes:
    """Return the row that a directory has for a chunk."""
    return _ROW.pack(digest, encoding, offset, stored, raw)


def split_rows(rows: bytes) -> list[bytes]:
    """Take the rows of a directory apart."""
    return [rows[start : start + _ROW.size] for start in range(0, len(rows), _ROW.size)]


def _parse(directory: bytes, body: int, what: str) -> Directory:
    try:
        version, *fields = decode(directory)
        if version != SCHEMA:  # before the fields are counted: a newer one may have others
            raise FormatError(
                f"{what} is of version {version}, which this consist does not know", hint="upgrade consist"
            )
        _salt, rows, joined = fields
        pieces = tuple(Piece(*fields) for fields in _ROW.iter_unpack(rows))
        seals = [piece.digest for piece in pieces]
        compressed = [number for number, piece in enumerate(pieces) if piece.encoding != RAW]
        for number, (seal,) in zip(compressed, struct.iter_unpack(f"{_SEAL}s", joined), strict=True):
            seals[number] = seal
    except (DamagedError, ValueError, TypeError, struct.error) as error:
        raise DamagedError(f"{what} is damaged: its directory cannot be read") from error
    if _end(pieces) != body:
        raise DamagedError(f"{what} is damaged: its directory does not fit what is before it")
    return Directory(pieces, tuple(seals), rows)


def _spans(directory: Directory) -> list[Span]:
    """Group pieces, each with its seal, to what one request reads."""
    spans: list[Span] = []
    room = 0
    for piece, seal in zip(directory.pieces, directory.seals, strict=True):
        if not spans or piece.stored > room:
            spans.append([])
            room = max(PIECE, piece.stored)
        room -= piece.stored
        spans[-1].append((piece, seal))
    return spans


def _read(
    backend: Backend, key: str, spans: list[Span], unread: Callable[[StorageError], object] | None
) -> tuple[list[Span], Sequence[bytes | memoryview]]:
    """Read some spans; where the medium lost a part of them, piece by piece, with nothing for what is lost."""
    try:
        return spans, backend.get_ranges([_range(key, span) for span in spans])
    except StorageError as error:
        if unread is None or not is_lost(error):
            raise
    alone = [[each] for span in spans for each in span]
    return alone, [_read_one(backend, _range(key, span), unread) for span in alone]


def _read_one(backend: Backend, wanted: Range, unread: Callable[[StorageError], object]) -> bytes:
    try:
        return backend.get_range(*wanted)
    except StorageError as error:
        if not is_lost(error):
            raise
        unread(error)
        return b""


def _range(key: str, span: Span) -> Range:
    return Range(key, span[0][0].offset, sum(piece.stored for piece, _ in span))


def _damaged(span: Span, stored: bytes | memoryview) -> list[int]:
    """Return where the pieces begin that are not what the directory says."""
    view = memoryview(stored)
    start = span[0][0].offset
    return [
        piece.offset for piece, seal in span if not _is_right(piece, seal, view[piece.offset - start :][: piece.stored])
    ]


def _is_right(piece: Piece, seal: bytes, stored: memoryview) -> bool:
    """Tell whether a piece is sealed so, and gives the chunk that it is to give."""
    if hash_raw(stored) != seal:
        return False
    if piece.encoding == RAW:
        return len(stored) == piece.raw
    try:
        return hash_raw(decode_chunk(piece.encoding, stored, piece.raw)) == piece.digest
    except DamagedError:
        return False


def _end(pieces: Iterable[Piece]) -> int:
    """Return where chunks end that lie back to back from 0; -1 if they do not."""
    end = 0
    for piece in pieces:
        if piece.offset != end:
            return -1
        end += piece.stored
    return end
