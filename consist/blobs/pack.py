"""Packs: objects of many chunks back to back, with a directory at the end; named by the digest of all their bytes.

::

    body        stored chunks, back to back
    directory   msgpack: [schema version 0, salt, rows: 45 bytes a chunk]
    trailer     4 bytes: length of the directory, big-endian; 4 bytes: magic "CPCK"

A manifest alone is enough to read a blob. The directory serves whoever has no manifest: it makes the chunks of an
interrupted upload known again, and lets `verify` check a pack by itself. ``docs/format.md`` is this module's
specification.

The salt is empty, unless the chunks must go under another name than they would have: a pack that is condemned is never
written again under its own.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from consist.blobs import layout
from consist.blobs.reader import copy_object
from consist.errors import DamagedError, FormatError
from consist.hashing.codec import pack as encode
from consist.hashing.codec import unpack as decode
from consist.hashing.digest import Digest
from consist.hashing.hasher import Hasher

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consist.blobs.backend import Backend, Upload

PACK_SIZE = 64 << 20
"""Bytes of chunks from which a pack is full; the last chunk may take it a little further."""

SCHEMA = 0
MAGIC = b"CPCK"
_ROW = struct.Struct(">32sBIII")
_TRAILER = struct.Struct(">I4s")
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


class PackRef(NamedTuple):
    """A pack, as others name it."""

    digest: bytes
    """Its 32 raw bytes."""
    size: int
    """Bytes of the whole object: one that was cut short is noticed by a `stat`."""

    @property
    def name(self) -> Digest:
        """The digest, as others know it."""
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
        self._hasher = Hasher(threads=1)
        self._pieces: list[Piece] = []
        self.size = 0
        """Bytes of chunks so far."""

    def add(self, digest: bytes, encoding: int, stored: bytes | memoryview, raw: int) -> Piece:
        """Write a chunk; return where it lies."""
        piece = Piece(digest, encoding, self.size, len(stored), raw)
        self._write(stored)
        self._pieces.append(piece)
        self.size += len(stored)
        return piece

    def seal(self) -> Sealed:
        """Write the directory, and find the name."""
        rows = b"".join(_ROW.pack(*piece) for piece in self._pieces)
        directory = encode([SCHEMA, self._salt, rows])
        self._write(directory + _TRAILER.pack(len(directory), MAGIC))
        digest, size = self._hasher.result()
        return Sealed(PackRef(digest.raw, size), self._upload, tuple(self._pieces))

    def discard(self) -> None:
        """Forget what was written."""
        self._upload.__exit__(None, None, None)

    def _write(self, data: bytes | memoryview) -> None:
        self._upload.write(data)
        self._hasher.update(data)


def read_directory(backend: Backend, ref: PackRef) -> list[Piece]:
    """Read what a pack holds, from its end.

    Parameters
    ----------
    backend : Backend
        Where it is.
    ref : PackRef
        Which pack.

    Returns
    -------
    list of Piece
        In order. They are what the pack says; its name is not checked, so whoever uses a chunk checks that.

    Raises
    ------
    BlobNotFoundError
        If there is no such pack.
    DamagedError
        If its end is not that of a pack.
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
    return _parse(tail[-_TRAILER.size - length : -_TRAILER.size], start, what)


def verify_pack(backend: Backend, digest: Digest, size: int) -> bool:
    """Read a pack whole, and tell whether its bytes are what its name says.

    Parameters
    ----------
    backend : Backend
        Where it is.
    digest : Digest
        Its name.
    size : int
        Bytes that it has there.

    Raises
    ------
    BlobNotFoundError
        If there is no such pack.
    """
    return copy_object(backend, layout.digest_key(layout.PACKS, digest), len, size=size).digest == digest


def _parse(directory: bytes, body: int, what: str) -> list[Piece]:
    try:
        version, *fields = decode(directory)
        if version != SCHEMA:  # before the fields are counted: a newer one may have others
            raise FormatError(
                f"{what} is of version {version}, which this consist does not know", hint="upgrade consist"
            )
        _salt, rows = fields
        pieces = [Piece(*fields) for fields in _ROW.iter_unpack(rows)]
    except (DamagedError, ValueError, TypeError, struct.error) as error:
        raise DamagedError(f"{what} is damaged: its directory cannot be read") from error
    if _end(pieces) != body:
        raise DamagedError(f"{what} is damaged: its directory does not fit what is before it")
    return pieces


def _end(pieces: Iterable[Piece]) -> int:
    """Return where chunks end that lie back to back from 0; -1 if they do not."""
    end = 0
    for piece in pieces:
        if piece.offset != end:
            return -1
        end += piece.stored
    return end
