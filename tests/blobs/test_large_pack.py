"""A pack, against the format page: written by the code and read here, written here and read by the code."""

import os
import struct

import blake3
import msgpack
import pytest
import zstandard

from consist.blobs import pack as pack_module
from consist.blobs.pack import PackRef, PackWriter, Piece, read_directory, verify_pack
from consist.errors import BlobNotFoundError, DamagedError, FormatError
from consist.testing import FaultyBackend

CHUNKS = [b"first", b"second chunk", b"", b"x" * 300]
BODY = b"".join(CHUNKS)


def row(chunk, offset, *, encoding=0, raw=None):
    raw = len(chunk) if raw is None else raw
    return struct.pack(">32sBIII", blake3.blake3(chunk).digest(), encoding, offset, len(chunk), raw)


def rows_of(chunks):
    offset, rows = 0, []
    for chunk in chunks:
        rows.append(row(chunk, offset))
        offset += len(chunk)
    return b"".join(rows)


def ending(directory):
    """Make what follows a body, by the page."""
    return directory + struct.pack(">I", len(directory)) + b"CPCK"


def directory_of(chunks=CHUNKS, salt=b"", seals=b""):
    return msgpack.packb([1, salt, rows_of(chunks), seals])


def whole(chunks=CHUNKS, salt=b""):
    return b"".join(chunks) + ending(directory_of(chunks, salt))


def written(backend, chunks=CHUNKS, salt=b""):
    writer = PackWriter(backend, salt=salt)
    pieces = [writer.add(blake3.blake3(chunk).digest(), 0, chunk, len(chunk)) for chunk in chunks]
    sealed = writer.seal()
    with sealed.upload as upload:
        upload.publish(sealed.ref.key)
    assert sealed.pieces == tuple(pieces)
    return sealed.ref, pieces


def put(place, body, end):
    """Put what is or is no pack under the name that its end gives it; return the reference to it."""
    ref = PackRef(blake3.blake3(end).digest(), len(body) + len(end))
    place.backend.put(ref.key, body + end)
    return ref


def flipped(data, position):
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


def test_the_bytes_are_what_the_page_says(place, page):
    ref, _ = written(place.backend)
    data = place.object(page.key_of("packs", ref.digest))
    assert data == whole()
    assert (blake3.blake3(ending(directory_of())).digest(), len(data)) == ref
    assert ref.key == page.key_of("packs", ref.digest)


def test_a_directory_says_what_was_added(place):
    ref, pieces = written(place.backend)
    assert read_directory(place.backend, ref)[:2] == (
        tuple(pieces),
        tuple(blake3.blake3(chunk).digest() for chunk in CHUNKS),
    )
    assert pieces[1] == Piece(blake3.blake3(CHUNKS[1]).digest(), 0, 5, 12, 12)


def test_a_salt_gives_the_same_chunks_another_name(place, page):
    plain, pieces = written(place.backend)
    salted, same = written(place.backend, salt=b"salt")
    assert plain != salted
    assert tuple(same) == tuple(pieces) == read_directory(place.backend, salted).pieces
    assert place.object(page.key_of("packs", salted.digest)) == whole(salt=b"salt")


def test_a_pack_without_chunks_can_be_read(place):
    ref = put(place, b"", ending(directory_of([])))
    assert read_directory(place.backend, ref)[:2] == ((), ())
    assert verify_pack(place.backend, ref)[1] == frozenset()


@pytest.mark.parametrize("chunks", [[b""], [b"", b"x"], [b"x", b""]])
def test_an_empty_chunk_may_lie_anywhere(place, chunks):
    ref, _ = written(place.backend, chunks)
    assert verify_pack(place.backend, ref) == (rows_of(chunks), frozenset())


def test_nothing_is_visible_before_it_is_published_and_nothing_is_left_of_what_is_discarded(place):
    writer = PackWriter(place.backend)
    writer.add(bytes(32), 0, os.urandom(100_000), 100_000)
    assert writer.size == 100_000
    assert place.packs() == {}
    writer.discard()
    assert place.stored() == []


@pytest.mark.parametrize("tail", [8, 9, 100, 200, 1 << 20])
def test_a_directory_longer_than_the_first_read_is_read_whole(place, monkeypatch, tail):
    monkeypatch.setattr(pack_module, "_TAIL", tail)
    ref, pieces = written(place.backend)
    assert read_directory(place.backend, ref).pieces == tuple(pieces)


def test_a_pack_that_is_gone(place):
    with pytest.raises(BlobNotFoundError):
        read_directory(place.backend, PackRef(bytes(32), 100))


@pytest.mark.parametrize("tail", [20, 1 << 20])
def test_a_pack_cut_short_anywhere_is_damaged(place, monkeypatch, tail):
    monkeypatch.setattr(pack_module, "_TAIL", tail)
    ref, _ = written(place.backend)
    data = whole()
    for length in range(len(data)):
        place.overwrite(ref.key, data[:length])
        for size in {len(data), length}:  # as the reference says, and as it was found
            with pytest.raises(DamagedError):
                read_directory(place.backend, PackRef(ref.digest, size))


def test_a_flip_in_directory_or_trailer_is_damage(place):
    ref, _ = written(place.backend)
    data = whole()
    for position in range(sum(map(len, CHUNKS)), len(data)):
        place.overwrite(ref.key, flipped(data, position))
        with pytest.raises(DamagedError, match=ref.name.short):
            read_directory(place.backend, ref)
        with pytest.raises(DamagedError, match=ref.name.short):
            verify_pack(place.backend, ref)


@pytest.mark.parametrize("length", [0, 1, 1 << 31, (1 << 32) - 1])
def test_a_trailer_with_a_wrong_length_is_damaged(place, length):
    ref = put(place, BODY, directory_of() + struct.pack(">I", length) + b"CPCK")
    with pytest.raises(DamagedError, match=ref.name.short):
        read_directory(place.backend, ref)


SHIFTED = row(b"first", 1) + row(b"second", 6)
OVERLAPPING = row(b"first", 0) + row(b"first", 3)


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (b"?firstsecond", SHIFTED),
        (b"firstst", OVERLAPPING),
        (b"first?second", row(b"first", 0) + row(b"second", 6)),
        (b"secondfirst", row(b"first", 6) + row(b"second", 0)),
        (BODY + b"?", rows_of(CHUNKS)),
        (BODY[:-1], rows_of(CHUNKS)),
        (BODY, b""),
    ],
    ids=["a gap before", "overlap", "a gap between", "another order", "a gap behind", "too short", "no rows"],
)
def test_rows_that_do_not_lie_back_to_back_are_damage(place, body, rows):
    ref = put(place, body, ending(msgpack.packb([1, b"", rows, b""])))
    with pytest.raises(DamagedError, match="does not fit"):
        read_directory(place.backend, ref)


@pytest.mark.parametrize(
    "directory",
    [
        msgpack.packb([1, b"", rows_of(CHUNKS)[:-1], b""]),
        msgpack.packb([1, b"", "rows", b""]),
        msgpack.packb([1, b"", 7, b""]),
        msgpack.packb([1, b"", None, b""]),
        msgpack.packb([1, b"", rows_of(CHUNKS)]),
        msgpack.packb([1, b"", rows_of(CHUNKS), None]),
        msgpack.packb([1, b"", rows_of(CHUNKS), bytes(31)]),
        msgpack.packb([1, b"", rows_of(CHUNKS), bytes(32)]),
        msgpack.packb([1, b"", row(BODY, 0, encoding=1), b""]),
        msgpack.packb([1, b"", rows_of(CHUNKS), b"", 1]),
        msgpack.packb([]),
        msgpack.packb(7),
        directory_of()[:-1],
        b"\xc1",
        b"",
    ],
)
def test_a_directory_that_is_none_is_damage_and_the_pack_is_named(place, directory):
    ref = put(place, BODY, ending(directory))
    with pytest.raises(DamagedError, match=ref.name.short):
        read_directory(place.backend, ref)


@pytest.mark.parametrize("fields", [[b"", rows_of(CHUNKS)], [b"", rows_of(CHUNKS), b""], []])
def test_a_newer_pack_is_not_guessed_at(place, fields):
    ref = put(place, BODY, ending(msgpack.packb([2, *fields])))
    with pytest.raises(FormatError, match=r"version 2.*upgrade"):
        read_directory(place.backend, ref)


def test_what_is_stored_of_a_compressed_chunk_has_a_seal(place):
    chunks = [b"one chunk " * 20, b"another chunk " * 30]
    frames = [zstandard.compress(chunk) for chunk in chunks]
    writer = PackWriter(place.backend)
    pieces = [
        writer.add(blake3.blake3(chunk).digest(), 1, frame, len(chunk))
        for chunk, frame in zip(chunks, frames, strict=True)
    ]
    raw = writer.add(blake3.blake3(b"raw").digest(), 0, b"raw", 3)
    sealed = writer.seal()
    with sealed.upload as upload:
        upload.publish(sealed.ref.key)
    seals = [blake3.blake3(frame).digest() for frame in frames]
    rows = b"".join(struct.pack(">32sBIII", *piece) for piece in (*pieces, raw))
    body = b"".join(frames) + b"raw"
    data = place.object(sealed.ref.key)
    assert data == body + ending(msgpack.packb([1, b"", rows, b"".join(seals)]))
    assert read_directory(place.backend, sealed.ref).seals == (*seals, raw.digest)
    assert verify_pack(place.backend, sealed.ref) == (rows, frozenset())
    for position in range(len(body)):  # also where what comes out stays the same
        place.overwrite(sealed.ref.key, flipped(data, position))
        start = max(piece.offset for piece in (*pieces, raw) if piece.offset <= position)
        assert verify_pack(place.backend, sealed.ref)[1] == {start}


def test_a_pack_is_read_whole_by_large_requests_side_by_side(new_place, monkeypatch):
    monkeypatch.setattr(pack_module, "PIECE", 100)
    place = new_place("memory")
    chunks = [bytes([number]) * 40 for number in range(17)]
    ref, _ = written(place.backend, chunks)
    backend = FaultyBackend(place.backend, [])
    assert verify_pack(backend, ref)[1] == frozenset()
    assert [call.operation for call in backend.calls] == ["get_range", "get_ranges", "get_ranges", "get_ranges"]
    data = place.object(ref.key)
    for position in (0, 39, 40, 79, 80, 679):
        place.overwrite(ref.key, flipped(data, position))
        assert verify_pack(backend, ref)[1] == {position // 40 * 40}
    place.overwrite(ref.key, flipped(flipped(data, 0), 679))
    assert verify_pack(backend, ref)[1] == {0, 640}
    for left in (0, 100, len(data) - 1):
        place.overwrite(ref.key, data[:left])
        with pytest.raises(DamagedError):
            verify_pack(backend, PackRef(ref.digest, left))
        with pytest.raises(DamagedError, match="cut short"):  # since it was listed
            verify_pack(backend, ref)
    place.backend.delete(ref.key)
    with pytest.raises(BlobNotFoundError):
        verify_pack(backend, ref)


def test_a_chunk_larger_than_a_request_is_read_by_one(place, monkeypatch):
    monkeypatch.setattr(pack_module, "PIECE", 10)
    ref, _ = written(place.backend)
    assert verify_pack(place.backend, ref)[1] == frozenset()
    place.overwrite(ref.key, flipped(whole(), len(BODY) - 1))
    assert verify_pack(place.backend, ref)[1] == {17}
