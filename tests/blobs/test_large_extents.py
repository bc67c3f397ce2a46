"""Chunks out of packs: right wherever they lie, in as few requests as that allows, and nothing wrong handed on."""

import random
import struct

import blake3
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consist.blobs.chunklist import Chunk, ChunkList
from consist.blobs.extents import Fetcher
from consist.blobs.largereader import windows
from consist.blobs.manifest import make_manifest
from consist.blobs.opening import open_backend
from consist.blobs.pack import PackRef
from consist.errors import BlobNotFoundError, DamagedError, UnreachableError
from consist.hashing.digest import Digest
from consist.testing import Fault, FaultyBackend
from consist.testing.faultplan import CUT, ERROR, FLIPPED
from tests.harm import harmed

GAP, REQUEST = 100, 4 << 10
"""As the fixture `small` sets them."""


class Layout:
    """Chunks laid into packs where a test wants them: no code under test says where."""

    def __init__(self, backend):
        self.backend = backend
        self.packs, self.places, self.content = [b""], [], []

    def add(self, chunk, *, gap=0, pack=-1, compress=False):
        pack %= len(self.packs)
        stored = zstandard.compress(chunk) if compress else chunk
        offset = len(self.packs[pack]) + gap
        self.packs[pack] += b"?" * gap + stored
        self.content.append(chunk)
        digest = blake3.blake3(chunk).digest()
        self.places.append(Chunk(digest, int(compress), pack, offset, len(stored), len(chunk)))

    def again(self, number):
        self.content.append(self.content[number])
        self.places.append(self.places[number])

    def new_pack(self):
        self.packs.append(b"")

    def fetcher(self, suspects=None):
        refs = [PackRef(blake3.blake3(pack).digest(), len(pack)) for pack in self.packs]
        for ref, pack in zip(refs, self.packs, strict=True):
            self.backend.put(ref.key, pack)
        self.asked = FaultyBackend(self.backend, [])
        blob = Digest(blake3.blake3(b"".join(self.content)).digest())
        chunks = ChunkList(b"".join(struct.pack(">32sBIIII", *place) for place in self.places))
        return Fetcher(self.asked, make_manifest(blob, refs, chunks), set() if suspects is None else suspects)

    def requests(self):
        """How many ranges each batch asked for."""
        return [len(call.keys) for call in self.asked.calls]


@pytest.fixture
def layout(place, small):
    return Layout(place.backend)


def chunk(number, size=300):
    return random.Random(number).randbytes(size)  # noqa: S311 - any bytes


def test_neighbours_come_in_one_request(layout):
    for number in range(13):
        layout.add(chunk(number))
    fetcher = layout.fetcher()
    assert [bytes(piece) for piece in fetcher.chunks(2, 9)] == layout.content[2:9]
    assert [bytes(piece) for piece in fetcher.chunks(0, 13)] == layout.content
    assert [bytes(piece) for piece in fetcher.chunks(12, 13)] == layout.content[12:]
    assert layout.requests() == [1, 1, 1]
    assert fetcher.chunks(5, 5) == []


@pytest.mark.parametrize(("gap", "requests"), [(0, 1), (1, 1), (GAP, 1), (GAP + 1, 2), (10_000, 2)])
def test_a_gap_is_read_over_if_it_is_small(layout, gap, requests):
    for number in range(3):
        layout.add(chunk(number))
    layout.add(chunk(4), gap=gap)
    layout.add(chunk(5))
    fetcher = layout.fetcher()
    assert [bytes(piece) for piece in fetcher.chunks(0, 5)] == layout.content
    assert layout.requests() == [requests]


def test_each_pack_is_asked_for_itself_all_in_one_batch(layout):
    for pack in range(3):
        layout.add(chunk(pack, 10))
        layout.add(chunk(pack + 10, 20))
        layout.new_pack()
    fetcher = layout.fetcher()
    assert [bytes(piece) for piece in fetcher.chunks(0, 6)] == layout.content
    assert layout.requests() == [3]


def test_chunks_that_lie_backwards_or_come_again_are_asked_for_once_and_together(layout):
    for number in range(3):
        layout.add(chunk(number))
    layout.content.reverse()
    layout.places.reverse()
    for number in (2, 2, 0):
        layout.again(number)
    fetcher = layout.fetcher()
    assert [bytes(piece) for piece in fetcher.chunks(0, 6)] == layout.content
    assert layout.requests() == [1]


def test_two_versions_that_take_turns_are_a_request_each(layout):
    for pack in range(2):
        for number in range(5):
            layout.add(chunk(10 * pack + number))
        layout.new_pack()
    layout.places = [layout.places[turn + pack * 5] for turn in range(5) for pack in range(2)]
    layout.content = [layout.content[turn + pack * 5] for turn in range(5) for pack in range(2)]
    fetcher = layout.fetcher()
    assert [bytes(piece) for piece in fetcher.chunks(0, 10)] == layout.content
    assert layout.requests() == [2]


@pytest.mark.parametrize("checked", [True, False])
def test_zeros_are_one_request_however_many_windows_they_fill(layout, checked):
    layout.add(bytes(1024))
    for _ in range(99):
        layout.again(0)
    fetcher = layout.fetcher()
    pieces = [piece for window in windows(fetcher, 8 << 10, checked=checked) for piece in window]
    assert b"".join(pieces) == bytes(100 << 10)
    assert 1 <= sum(layout.requests()) <= 2  # the first two windows may be fetched at the same time


def test_what_came_again_unchecked_is_fetched_anew_to_be_checked(place, layout):
    layout.add(chunk(1))
    layout.again(0)
    fetcher = layout.fetcher()
    (key,) = place.packs()
    place.harm(key, harmed)
    assert len(fetcher.chunks(0, 2, checked=False)) == 2
    with pytest.raises(DamagedError):
        fetcher.chunks(0, 2)


def test_no_request_is_larger_than_the_limit(layout):
    for number in range(40):
        layout.add(chunk(number, 500))
    fetcher = layout.fetcher()
    assert [bytes(piece) for piece in fetcher.chunks(0, 40)] == layout.content
    assert layout.requests() == [5], "eight chunks of 500 bytes in each 4 KiB"


def test_requests_end_where_the_parts_of_a_pack_do(place, layout, monkeypatch):
    asked = []
    get_ranges = type(place.backend).get_ranges
    monkeypatch.setattr(
        type(place.backend), "get_ranges", lambda self, ranges: asked.extend(ranges) or get_ranges(self, ranges)
    )
    for number in range(60):
        layout.add(chunk(number, 300))
    assert [bytes(piece) for piece in layout.fetcher().chunks(20, 60)] == layout.content[20:]
    assert [(start, start + length) for _, start, length in asked] == [
        (6000, 2 * REQUEST),
        (2 * REQUEST, 3 * REQUEST),
        (3 * REQUEST, 4 * REQUEST),
        (4 * REQUEST, 18_000),
    ]


def test_windows_end_where_requests_do(layout):
    """Of 64 MiB packs a window is half of one, and the next begins with the other half."""
    window = 2 * REQUEST
    for pack in range(3):
        while len(layout.packs[pack]) < 2 * window:
            layout.add(chunk(len(layout.content), 700))
        layout.new_pack()
    fetcher = layout.fetcher()
    first = 0
    for pieces in windows(fetcher, window):
        chunks = [fetcher.manifest.chunks[number] for number in range(first, first + len(pieces))]
        assert len({(found.pack, found.offset // window) for found in chunks}) == 1
        assert [bytes(piece) for piece in pieces] == layout.content[first : first + len(pieces)]
        first += len(pieces)
    assert first == len(layout.content)


def test_windows_stay_large_where_packs_alternate(layout):
    layout.new_pack()
    for number in range(60):
        layout.add(chunk(number, 500), pack=number % 2)
    sizes = [sum(map(len, pieces)) for pieces in windows(layout.fetcher(), 2 * REQUEST)]
    assert sum(sizes) == 60 * 500
    assert min(sizes[:-1]) >= REQUEST


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.999])
@pytest.mark.parametrize("checked", [True, False])
def test_a_pack_that_was_cut_short_is_noticed_at_every_seam(place, layout, kept, checked):
    for number in range(40):
        layout.add(chunk(number, 500))
    fetcher = layout.fetcher()
    (key,) = place.packs()
    place.harm(key, lambda data: data[: int(len(data) * kept)])
    with pytest.raises(DamagedError):
        fetcher.chunks(0, 40, checked=checked)


def test_a_chunk_larger_than_the_limit_is_a_request(layout):
    for number in range(3):
        layout.add(chunk(number, REQUEST + 1))
    fetcher = layout.fetcher()
    assert [bytes(piece) for piece in fetcher.chunks(0, 3)] == layout.content
    assert layout.requests() == [3]


def test_positions_belong_to_the_chunk_that_holds_them(layout):
    for size in (1, 5, 300):
        layout.add(chunk(size, size))
    fetcher = layout.fetcher()
    assert [fetcher.chunk_at(position) for position in (0, 1, 5, 6, 305)] == [0, 1, 1, 2, 2]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    chunks=st.lists(
        st.tuples(st.integers(1, 900), st.integers(0, 250), st.integers(0, 3), st.booleans()), min_size=1, max_size=25
    ),
    again=st.lists(st.integers(0, 24), max_size=5),
    ends=st.tuples(st.integers(0, 30), st.integers(0, 30)),
)
def test_chunks_are_right_however_they_lie(small, chunks, again, ends):
    layout = Layout(open_backend("memory://extents"))
    for _ in range(3):
        layout.new_pack()
    for number, (size, gap, pack, compress) in enumerate(chunks):
        layout.add(chunk(number, size), gap=gap, pack=pack, compress=compress)
    for number in again:
        layout.again(number % len(chunks))
    first, end = sorted(min(end, len(layout.content)) for end in ends)
    assert [bytes(piece) for piece in layout.fetcher().chunks(first, end)] == layout.content[first:end]


# Damage ------------------------------------------------------------------------------------------------------------


def two_packs(layout):
    for pack in range(2):
        for number in range(5):
            layout.add(chunk(10 * pack + number), compress=number == 2)
        if not pack:
            layout.new_pack()
    return layout


def test_a_damaged_chunk_is_not_handed_on_and_its_pack_and_blob_are_reported(place, layout):
    suspects = set()
    fetcher = two_packs(layout).fetcher(suspects)
    blob, packs = fetcher.manifest.digest, fetcher.manifest.packs
    good = place.object(packs[1].key)
    for position in range(0, len(good), 7):
        place.overwrite(packs[1].key, good[:position] + bytes([good[position] ^ 4]) + good[position + 1 :])
        with pytest.raises(DamagedError, match=rf"{blob.short}.*{packs[1].name.short}.*run the step"):
            fetcher.chunks(0, 10)
        assert suspects == {blob, packs[1].name}
        suspects.clear()
        assert [bytes(piece) for piece in fetcher.chunks(0, 5)] == layout.content[:5], "the others are not touched"
        assert suspects == set()


def test_a_pack_cut_short_is_damaged_from_there_on(place, layout):
    suspects = set()
    fetcher = two_packs(layout).fetcher(suspects)
    place.harm(fetcher.manifest.packs[0].key, lambda pack: pack[:310])
    assert [bytes(piece) for piece in fetcher.chunks(0, 1)] == layout.content[:1]
    for first in range(1, 5):
        with pytest.raises(DamagedError):
            fetcher.chunks(first, first + 1)
    assert suspects == {fetcher.manifest.digest, fetcher.manifest.packs[0].name}


def test_a_pack_that_is_gone_makes_the_blob_one_that_is_not_whole(place, layout):
    suspects = set()
    fetcher = two_packs(layout).fetcher(suspects)
    place.overwrite(fetcher.manifest.packs[1].key, None)
    assert [bytes(piece) for piece in fetcher.chunks(0, 5)] == layout.content[:5]
    with pytest.raises(BlobNotFoundError, match=f"blob {fetcher.manifest.digest.short} .* is not whole"):
        fetcher.chunks(0, 10)
    assert suspects == {fetcher.manifest.digest}


@pytest.mark.parametrize("effect", [CUT, FLIPPED])
@pytest.mark.parametrize("where", [0.0, 0.3, 0.999])
def test_what_the_network_spoils_is_noticed(layout, effect, where):
    for number in range(5):
        layout.add(chunk(number))
    manifest = layout.fetcher().manifest
    fetcher = Fetcher(FaultyBackend(layout.backend, [Fault(effect, where=where)]), manifest, set())
    with pytest.raises(DamagedError):
        fetcher.chunks(0, 5)
    assert [bytes(piece) for piece in fetcher.chunks(0, 5)] == layout.content


def test_a_place_that_does_not_answer_makes_nothing_suspect(layout):
    suspects = set()
    manifest = two_packs(layout).fetcher().manifest
    fetcher = Fetcher(FaultyBackend(layout.backend, [Fault(ERROR)]), manifest, suspects)
    with pytest.raises(UnreachableError):
        fetcher.chunks(0, 10)
    assert suspects == set()
