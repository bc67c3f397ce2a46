"""Manifests: how a large blob is put together from chunks in packs.

A manifest is a control object, framed, under the blob's digest. Any manifest of a blob that reads well is as good as
any other: the first writer's stays while it serves. ``docs/format.md`` is this module's specification.
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

from consist.blobs import layout
from consist.blobs.chunklist import ChunkList
from consist.blobs.pack import PackRef
from consist.errors import DamagedError, FormatError
from consist.hashing.codec import pack_before, unpack_apart
from consist.hashing.frame import Kind, encode_frame, payload_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consist.blobs.backend import Backend
    from consist.hashing.digest import Digest

SCHEMA = 0
_PACK = struct.Struct(">32sI")


@dataclass(frozen=True, slots=True)
class Manifest:
    """How a large blob is put together.

    Attributes
    ----------
    digest : Digest
        The blob's.
    size : int
        Its bytes.
    packs : tuple of PackRef
        The packs that its chunks lie in.
    chunks : ChunkList
        In order of the content.
    starts : array of int
        Where each chunk begins in the content; 8 bytes each.
    """

    digest: Digest
    size: int
    packs: tuple[PackRef, ...]
    chunks: ChunkList
    starts: array[int]

    @property
    def key(self) -> str:
        """The object's key."""
        return layout.digest_key(layout.MANIFESTS, self.digest)

    def chunk_list(self) -> Digest:
        """Digest of the chunk list: of the chunks' digests and sizes, wherever they lie.

        A record keeps it, so that a reader that believes the record need not believe a manifest.
        """
        return self.chunks.digest()


def make_manifest(digest: Digest, packs: Sequence[PackRef], chunks: ChunkList) -> Manifest:
    """Make a manifest.

    Raises
    ------
    ValueError
        If a chunk names a pack that is not there, or does not lie within it.
    """
    sizes = [ref.size for ref in packs]
    starts = array("Q")
    end = 0
    for _, _, pack, offset, stored, raw in chunks:
        if pack >= len(sizes) or offset + stored > sizes[pack] or not raw:
            raise ValueError("a chunk does not lie in its pack")
        starts.append(end)
        end += raw
    return Manifest(digest, end, tuple(packs), chunks, starts)


def encode_manifest(manifest: Manifest) -> bytes:
    """Return a manifest as a framed object, with a fresh nonce."""
    packs = b"".join(_PACK.pack(*ref) for ref in manifest.packs)
    rows = manifest.chunks.rows
    return encode_frame(
        Kind.MANIFEST, manifest.digest.raw, pack_before([SCHEMA, manifest.size, packs], len(rows)), rows
    )


def decode_manifest(data: bytes, digest: Digest) -> Manifest:
    """Check a manifest and take it apart.

    Raises
    ------
    DamagedError
        If it is not a whole manifest of this blob.
    FormatError
        If a newer consist wrote it.
    """
    payload = payload_of(data, Kind.MANIFEST, digest.raw)
    try:
        version, *fields = unpack_apart(payload)
        if version != SCHEMA:  # before the fields are counted: a newer one may have others
            raise FormatError(
                f"a manifest of version {version}, which this consist does not know", hint="upgrade consist"
            )
        size, packs, chunks = fields
        refs = [PackRef(*fields) for fields in _PACK.iter_unpack(packs)]
        found = make_manifest(digest, refs, ChunkList(chunks))
    except (DamagedError, ValueError, TypeError, struct.error) as error:
        raise DamagedError(f"the manifest of blob {digest.short} cannot be read") from error
    if found.size != size:
        raise DamagedError(f"the manifest of blob {digest.short} has chunks of {found.size} bytes, not of {size}")
    return found


def missing_pack(backend: Backend, packs: Sequence[PackRef]) -> PackRef | None:
    """Return the first of some packs that is not there with its size, or None; one batch of `stat`s."""
    found = backend.stat_many([ref.key for ref in packs])
    for ref, there in zip(packs, found, strict=True):
        if there is None or there.size != ref.size:
            return ref
    return None
