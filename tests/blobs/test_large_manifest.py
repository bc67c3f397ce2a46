"""A manifest, against the format page: its bytes, each of its fields wrong, and whether its packs are there."""

import os
import struct
import tracemalloc

import blake3
import msgpack
import pytest

from consist.blobs.chunklist import Chunk, ChunkList
from consist.blobs.chunktable import ManifestPlaces
from consist.blobs.manifest import (
    decode_manifest,
    encode_manifest,
    make_manifest,
    missing_pack,
)
from consist.blobs.pack import PackRef
from consist.errors import DamagedError, FormatError
from consist.hashing.digest import Digest
from consist.testing import FaultyBackend

BLOB = Digest(bytes(range(32)))
PACKS = [PackRef(b"p" * 32, 1000), PackRef(b"q" * 32, 500)]
CHUNKS = [
    Chunk(b"a" * 32, 0, 1, 0, 100, 100),
    Chunk(b"b" * 32, 1, 0, 900, 100, 5000),
    Chunk(b"a" * 32, 0, 1, 0, 100, 100),
    Chunk(b"c" * 32, 0, 1, 499, 1, 1),
]
SIZE = 5201
PACK_BYTES = b"".join(struct.pack(">32sI", *ref) for ref in PACKS)


def rows_of(chunks):
    """Pack chunks by the page."""
    return b"".join(struct.pack(">32sBIIII", *chunk) for chunk in chunks)


CHUNK_BYTES = rows_of(CHUNKS)


def made(packs=PACKS, chunks=CHUNKS):
    return make_manifest(BLOB, packs, ChunkList(rows_of(chunks)))


def framed(payload, *, key=BLOB.raw, kind=2, version=0, nonce=b"n" * 16):
    """Make a frame by the page."""
    data = msgpack.packb(payload) if not isinstance(payload, bytes) else payload
    whole = struct.pack(">4sBBHI", b"CNST", version, kind, len(key), len(data)) + nonce + key + data
    return whole + blake3.blake3(whole).digest()


def chunks_with(number, **fields):
    changed = [*CHUNKS]
    changed[number] = changed[number]._replace(**fields)
    return b"".join(struct.pack(">32sBIIII", *chunk) for chunk in changed)


def test_the_bytes_are_what_the_page_says(page):
    encoded = encode_manifest(made())
    size, packs, chunks = page.manifest_of(encoded, BLOB.raw)
    assert (size, packs, chunks) == (SIZE, PACKS, CHUNKS)
    assert encoded == framed([0, SIZE, PACK_BYTES, CHUNK_BYTES], nonce=encoded[12:28])


def test_two_of_one_blob_have_different_bytes():
    manifest = made()
    assert encode_manifest(manifest) != encode_manifest(manifest)


def test_what_the_page_says_is_read():
    found = decode_manifest(framed([0, SIZE, PACK_BYTES, CHUNK_BYTES]), BLOB)
    assert (found.digest, found.size, list(found.packs), list(found.chunks)) == (BLOB, SIZE, PACKS, CHUNKS)
    assert list(found.starts) == [0, 100, 5100, 5200]
    assert found == made()


def test_an_empty_one_is_of_nothing():
    found = decode_manifest(framed([0, 0, b"", b""]), BLOB)
    assert (found.size, found.packs, len(found.chunks), len(found.starts)) == (0, (), 0, 0)


def test_a_chunk_list_is_the_same_wherever_the_chunks_lie():
    manifest = made()
    elsewhere = made([PackRef(b"r" * 32, 9999)], [chunk._replace(pack=0, offset=7) for chunk in CHUNKS])
    rows = b"".join(chunk.digest + struct.pack(">I", chunk.raw) for chunk in CHUNKS)
    wanted = blake3.blake3(rows, derive_key_context="consist 2026 chunk list").digest()
    assert manifest.chunk_list().raw == elsewhere.chunk_list().raw == wanted
    assert made(chunks=CHUNKS[::-1]).chunk_list().raw != wanted


@pytest.mark.parametrize(
    "payload",
    [
        [0, SIZE + 1, PACK_BYTES, CHUNK_BYTES],
        [0, SIZE - 1, PACK_BYTES, CHUNK_BYTES],
        [0, -SIZE, PACK_BYTES, CHUNK_BYTES],
        [0, str(SIZE), PACK_BYTES, CHUNK_BYTES],
        [0, None, PACK_BYTES, CHUNK_BYTES],
        [0, SIZE, PACK_BYTES[:-1], CHUNK_BYTES],
        [0, SIZE, PACK_BYTES[:36], CHUNK_BYTES],
        [0, SIZE, b"", CHUNK_BYTES],
        [0, SIZE, "packs", CHUNK_BYTES],
        [0, SIZE, 7, CHUNK_BYTES],
        [0, SIZE, PACK_BYTES, CHUNK_BYTES[:-1]],
        [0, SIZE, PACK_BYTES, CHUNK_BYTES[:49]],
        [0, SIZE, PACK_BYTES, b""],
        [0, SIZE, PACK_BYTES, None],
        [0, SIZE, PACK_BYTES, chunks_with(0, pack=2)],
        [0, SIZE, PACK_BYTES, chunks_with(0, pack=(1 << 32) - 1)],
        [0, SIZE, PACK_BYTES, chunks_with(0, offset=401)],
        [0, SIZE, PACK_BYTES, chunks_with(3, stored=2)],
        [0, SIZE, PACK_BYTES, chunks_with(0, offset=(1 << 32) - 1, stored=(1 << 32) - 1)],
        [0, SIZE - 100, PACK_BYTES, chunks_with(0, raw=0)],
        [0, SIZE, PACK_BYTES, chunks_with(0, raw=101)],
        [0, SIZE, PACK_BYTES],
        [0, SIZE, PACK_BYTES, CHUNK_BYTES, 1],
        [],
        7,
        {},
        b"",
        b"\xc1",
        msgpack.packb([0, SIZE, PACK_BYTES, CHUNK_BYTES])[:-1],
        msgpack.packb([0, SIZE, PACK_BYTES, CHUNK_BYTES]) + b"x",
    ],
)
def test_a_wrong_field_is_damage_and_the_blob_is_named(payload):
    with pytest.raises(DamagedError, match=BLOB.short):
        decode_manifest(framed(payload), BLOB)


@pytest.mark.parametrize("version", [1, 255, "0", None])
@pytest.mark.parametrize("fields", [[SIZE, PACK_BYTES, CHUNK_BYTES], [SIZE, PACK_BYTES, CHUNK_BYTES, b""], []])
def test_a_newer_manifest_is_not_guessed_at(version, fields):
    with pytest.raises(FormatError, match="upgrade"):
        decode_manifest(framed([version, *fields]), BLOB)


@pytest.mark.parametrize("frame", [{"key": b"o" * 32}, {"key": BLOB.raw[:31]}, {"kind": 1}, {"kind": 3}])
def test_what_is_about_something_else_is_damage(frame):
    with pytest.raises(DamagedError):
        decode_manifest(framed([0, SIZE, PACK_BYTES, CHUNK_BYTES], **frame), BLOB)


def test_every_flipped_byte_and_every_cut_is_noticed():
    data = framed([0, SIZE, PACK_BYTES, CHUNK_BYTES])
    for position in range(len(data)):
        with pytest.raises((DamagedError, FormatError)):
            decode_manifest(data[:position] + bytes([data[position] ^ 1 << position % 8]) + data[position + 1 :], BLOB)
        with pytest.raises(DamagedError):
            decode_manifest(data[:position], BLOB)
    with pytest.raises(DamagedError):
        decode_manifest(data + b"x", BLOB)


@pytest.mark.parametrize("change", [{"pack": 2}, {"offset": 401}, {"stored": 501}, {"raw": 0}])
def test_none_is_made_of_chunks_that_do_not_lie_in_their_packs(change):
    with pytest.raises(ValueError, match="does not lie in its pack"):
        made(chunks=[CHUNKS[0]._replace(**change)])


def test_its_key_is_as_on_the_page(page):
    assert made().key == page.key_of("manifests", BLOB.raw)


def test_packs_are_looked_for_all_at_once(place):
    refs = []
    for size in (10, 0, 300):
        data = os.urandom(size)
        refs.append(PackRef(blake3.blake3(data).digest(), size))
        place.backend.put(refs[-1].key, data)
    asked = FaultyBackend(place.backend, [])
    assert missing_pack(asked, refs) is None
    assert [(call.operation, len(call.keys)) for call in asked.calls] == [("stat_many", 3)]
    assert missing_pack(place.backend, []) is None
    for wrong in (refs[0]._replace(size=11), PackRef(b"x" * 32, 10)):
        assert missing_pack(place.backend, [refs[1], wrong, refs[2]]) == wrong
    place.overwrite(refs[2].key, b"short")
    assert missing_pack(place.backend, refs) == refs[2]


# Memory --------------------------------------------------------------------------------------------------------------

MANY = 20_000
ROW = 49
"""Bytes of a chunk, by the format page."""


def most_taken(call):
    """Bytes for each chunk that a call takes at the most, and what it gives."""
    tracemalloc.start()
    try:
        given = call()
        return tracemalloc.get_traced_memory()[1] / MANY, given
    finally:
        tracemalloc.stop()


def many_chunks():
    chunks = ChunkList()
    for number in range(MANY):
        chunks.append(Chunk(blake3.blake3(b"%d" % number).digest(), 0, 0, 0, 1, 1))
    return chunks


def test_memory_is_a_row_for_each_chunk_and_the_object():
    taken, manifest = most_taken(lambda: make_manifest(BLOB, PACKS, many_chunks()))
    assert taken < ROW + 8 + 10, "a row and where the chunk starts; lists grow by an eighth beyond what is needed"
    taken, data = most_taken(lambda: encode_manifest(manifest))
    assert taken < ROW + 1, "the object"
    taken, found = most_taken(lambda: decode_manifest(data, BLOB))
    assert taken < 8 + 3, "the rows stay in the object"
    assert found == manifest
    taken, _ = most_taken(found.chunk_list)
    assert taken < 15, "some rows at a time"
    taken, places = most_taken(lambda: ManifestPlaces(found))
    assert taken <= 16 + 1
    for number in (0, 1, MANY // 2, MANY - 1):
        assert places.get(blake3.blake3(b"%d" % number).digest()) == (b"p" * 32, 1000, 0, 0, 1, 1)
    assert places.get(blake3.blake3(b"other").digest()) is None


def test_places_of_nothing_are_none():
    assert ManifestPlaces(made(chunks=[])).get(bytes(32)) is None


@pytest.mark.parametrize("size", [1, 48, 50])
def test_no_list_is_of_half_a_row(size):
    with pytest.raises(ValueError, match="cut short"):
        ChunkList(bytes(size))
