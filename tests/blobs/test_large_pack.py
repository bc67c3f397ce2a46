"""A pack, against the format page: written by the code and read here, written here and read by the code."""

import math
import os
import struct

import blake3
import msgpack
import pytest

from consist.blobs import pack as pack_module
from consist.blobs import reader
from consist.blobs.pack import PackRef, PackWriter, Piece, read_directory, verify_pack
from consist.errors import BlobNotFoundError, DamagedError, FormatError
from consist.testing import FaultyBackend

CHUNKS = [b"first", b"second chunk", b"", b"x" * 300]


def row(chunk, offset, *, encoding=0, raw=None):
    raw = len(chunk) if raw is None else raw
    return struct.pack(">32sBIII", blake3.blake3(chunk).digest(), encoding, offset, len(chunk), raw)


def rows_of(chunks):
    offset, rows = 0, []
    for chunk in chunks:
        rows.append(row(chunk, offset))
        offset += len(chunk)
    return b"".join(rows)


def made(body, directory):
    """Make a pack by the page."""
    return body + directory + struct.pack(">I", len(directory)) + b"CPCK"


def whole(chunks=CHUNKS, salt=b""):
    return made(b"".join(chunks), msgpack.packb([0, salt, rows_of(chunks)]))


def written(backend, chunks=CHUNKS, salt=b""):
    writer = PackWriter(backend, salt=salt)
    pieces = [writer.add(blake3.blake3(chunk).digest(), 0, chunk, len(chunk)) for chunk in chunks]
    sealed = writer.seal()
    with sealed.upload as upload:
        upload.publish(sealed.ref.key)
    assert sealed.pieces == tuple(pieces)
    return sealed.ref, pieces


def put(place, data):
    """Put what is or is no pack under its name; return the reference to it."""
    ref = PackRef(blake3.blake3(data).digest(), len(data))
    place.backend.put(ref.key, data)
    return ref


def test_the_bytes_are_what_the_page_says(place, page):
    ref, _ = written(place.backend)
    data = place.object(page.key_of("packs", ref.digest))
    assert data == whole()
    assert (blake3.blake3(data).digest(), len(data)) == ref
    assert ref.key == page.key_of("packs", ref.digest)


def test_a_directory_says_what_was_added(place):
    ref, pieces = written(place.backend)
    assert read_directory(place.backend, ref) == pieces
    assert pieces[1] == Piece(blake3.blake3(CHUNKS[1]).digest(), 0, 5, 12, 12)


def test_a_salt_gives_the_same_chunks_another_name(place, page):
    plain, pieces = written(place.backend)
    salted, same = written(place.backend, salt=b"salt")
    assert plain != salted
    assert same == pieces == read_directory(place.backend, salted)
    assert place.object(page.key_of("packs", salted.digest)) == whole(salt=b"salt")


def test_a_pack_without_chunks_can_be_read(place):
    assert read_directory(place.backend, put(place, whole([]))) == []


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
    assert read_directory(place.backend, ref) == pieces


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


def test_a_flip_in_directory_or_trailer_is_noticed_or_names_another_chunk(place):
    """Where chunks lie is never wrong; what they are is checked against the digest by whoever uses them."""
    ref, pieces = written(place.backend)
    data = whole()
    for position in range(sum(map(len, CHUNKS)), len(data)):
        place.overwrite(ref.key, data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        try:
            found = read_directory(place.backend, ref)
        except (DamagedError, FormatError):
            continue
        if found != pieces:  # the salt's type is not looked at
            assert [(piece.offset, piece.stored) for piece in found] == [(piece[2], piece[3]) for piece in pieces]
            assert sum(one != other for one, other in zip(found, pieces, strict=True)) == 1


@pytest.mark.parametrize("length", [0, 1, 1 << 31, (1 << 32) - 1])
def test_a_trailer_with_a_wrong_length_is_damaged(place, length):
    ref = put(place, whole()[:-8] + struct.pack(">I", length) + b"CPCK")
    with pytest.raises(DamagedError, match=ref.name.short):
        read_directory(place.backend, ref)


BODY = b"".join(CHUNKS)
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
    ref = put(place, made(body, msgpack.packb([0, b"", rows])))
    with pytest.raises(DamagedError, match="does not fit"):
        read_directory(place.backend, ref)


@pytest.mark.parametrize(
    "directory",
    [
        msgpack.packb([0, b"", rows_of(CHUNKS)[:-1]]),
        msgpack.packb([0, b"", "rows"]),
        msgpack.packb([0, b"", 7]),
        msgpack.packb([0, b"", None]),
        msgpack.packb([0, b""]),
        msgpack.packb([0, b"", rows_of(CHUNKS), 1]),
        msgpack.packb([]),
        msgpack.packb(7),
        msgpack.packb([0, b"", rows_of(CHUNKS)])[:-1],
        b"\xc1",
        b"",
    ],
)
def test_a_directory_that_is_none_is_damage_and_the_pack_is_named(place, directory):
    ref = put(place, made(BODY, directory))
    with pytest.raises(DamagedError, match=ref.name.short):
        read_directory(place.backend, ref)


@pytest.mark.parametrize("fields", [[b"", rows_of(CHUNKS)], [b"", rows_of(CHUNKS), b""], []])
def test_a_newer_pack_is_not_guessed_at(place, fields):
    ref = put(place, made(BODY, msgpack.packb([1, *fields])))
    with pytest.raises(FormatError, match=r"version 1.*upgrade"):
        read_directory(place.backend, ref)


def test_a_pack_is_read_whole_by_large_requests_side_by_side(new_place, monkeypatch):
    monkeypatch.setattr(reader, "PIECE", 100)
    place = new_place("memory")
    ref, _ = written(place.backend, [*CHUNKS, b"y" * 500])
    backend = FaultyBackend(place.backend, [])
    assert verify_pack(backend, ref.name, ref.size)
    assert [call.operation for call in backend.calls] == ["get_ranges"] * math.ceil(ref.size / 400)
    data = place.object(ref.key)
    for position in (0, 99, 100, 399, 400, len(data) - 1):
        place.overwrite(ref.key, data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        assert not verify_pack(backend, ref.name, ref.size)
    for left in (0, 100, len(data) - 1):
        place.overwrite(ref.key, data[:left])
        assert not verify_pack(backend, ref.name, left)
        assert not verify_pack(backend, ref.name, ref.size), "it was cut short since it was listed"
    place.backend.delete(ref.key)
    with pytest.raises(BlobNotFoundError):
        verify_pack(backend, ref.name, ref.size)
