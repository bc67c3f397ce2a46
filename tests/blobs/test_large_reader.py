"""A large blob as a file: what a file of the same bytes would do, at the price of the chunks that are touched."""

import io
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consist.blobs.opening import open_backend
from consist.errors import BlobNotFoundError, DamagedError, UnreachableError
from consist.testing import Fault, FaultyBackend
from consist.testing.faultplan import ERROR, FLIPPED
from consist.testing.together import in_threads

pytestmark = pytest.mark.usefixtures("no_thread_left")

SIZE = 50_000
DATA = random.Random(1).randbytes(SIZE // 2) * 2  # noqa: S311 - any bytes


@pytest.fixture
def asked(place):
    return FaultyBackend(place.backend, [])


@pytest.fixture
def blob(place, small, asked):
    """Give what opens the blob; what it asks is in `asked`."""
    digest = small.store(place.backend).put_bytes(DATA).digest
    return lambda: small.store(asked).open(digest, size=SIZE)


def requests(asked):
    return [call for call in asked.calls if call.operation == "get_ranges"]


POSITIONS = st.integers(-SIZE - 10, SIZE + 10)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("seek"), POSITIONS, st.sampled_from([io.SEEK_SET, io.SEEK_CUR, io.SEEK_END])),
        st.tuples(st.just("read"), st.integers(-1, 20_000)),
        st.tuples(st.just("read1"), st.integers(0, 3_000)),
        st.tuples(st.just("readinto"), st.integers(0, 20_000)),
        st.tuples(st.just("readline"), st.integers(1, 500)),
        st.tuples(st.just("tell")),
    ),
    max_size=20,
)


def taken(stream, step):
    """Take a step on a file; what it gives, or the class of what it raises."""
    name, *arguments = step
    if name == "readinto":
        buffer = bytearray(*arguments)
        return stream.readinto(buffer), bytes(buffer)
    try:
        return getattr(stream, name)(*arguments)
    except ValueError:
        return ValueError


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_it_does_what_a_file_does(small, steps):
    blobs = small.store(open_backend("memory://large-reader"))
    digest = blobs.put_bytes(DATA).digest
    with blobs.open(digest) as stream, io.BytesIO(DATA) as file:
        for step in steps:
            at = file.tell()
            if step[0] == "seek" and step[2] != io.SEEK_SET and step[1] + (at if step[2] == 1 else SIZE) < 0:
                with pytest.raises(ValueError, match="before the start"):
                    stream.seek(*step[1:])
                continue  # BytesIO goes to the start instead
            if step[0] == "read1":  # may give less than was asked for
                piece = stream.read1(step[1])
                assert piece == DATA[at : at + len(piece)]
                assert bool(piece) == bool(step[1] and at < SIZE)
                file.seek(len(piece), io.SEEK_CUR)
                continue
            assert taken(stream, step) == taken(file, step)
        assert stream.tell() == file.tell()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, 9_000)), max_size=15))
def test_the_raw_reader_fills_every_buffer_to_the_end(small, reads):
    blobs = small.store(open_backend("memory://large-reader"))
    stream = blobs.open(blobs.put_bytes(DATA).digest)
    raw = stream.raw
    for position, length in reads:
        raw.seek(position)
        buffer = bytearray(length)
        assert raw.readinto(buffer) == max(0, min(length, SIZE - position))
        assert bytes(buffer).rstrip(b"\0") == DATA[position : position + length].rstrip(b"\0")
    raw.seek(7)
    assert raw.readall() == DATA[7:]
    assert raw.readall() == b""


def test_it_says_what_it_can_do(blob):
    with blob() as stream:
        assert (stream.readable(), stream.seekable(), stream.writable()) == (True, True, False)


def test_opening_and_seeking_fetch_no_chunk(blob, asked):
    with blob() as stream:
        stream.seek(SIZE // 3)
        stream.seek(0, io.SEEK_END)
        assert stream.read() == b""
    assert requests(asked) == []


def test_a_range_costs_one_request_for_the_chunks_it_touches(blob, asked):
    with blob() as stream:
        stream.raw.seek(10_000)
        buffer = bytearray(2_000)
        stream.raw.readinto(buffer)
    assert bytes(buffer) == DATA[10_000:12_000]
    assert [len(call.keys) for call in requests(asked)] == [1]


def test_one_that_goes_on_and_on_fetches_ever_more_ahead(blob, small, asked):
    with blob() as stream:
        pieces = [stream.raw.read(100) for _ in range(SIZE // 100)]
    assert b"".join(pieces) == DATA
    windows = SIZE / small.window
    assert len(requests(asked)) <= 12 + 2 * windows, "100 bytes, doubled up to a window of 8 KiB, and then windows"


@pytest.mark.usefixtures("blob")
def test_one_that_jumps_does_not_fetch_ahead(place, small):
    fetched = []

    class Counting(FaultyBackend):
        def get_ranges(self, ranges):
            fetched.append(sum(wanted.length for wanted in ranges))
            return super().get_ranges(ranges)

    with small.store(Counting(place.backend, [])).open(blob_digest(place), size=SIZE) as stream:
        for position in random.Random(3).sample(range(SIZE - 100), 60):  # noqa: S311
            stream.raw.seek(position)
            assert stream.raw.read(100) == DATA[position : position + 100]
    assert max(fetched) <= 3 * small.chunk


def blob_digest(place):
    from consist.hashing.digest import Digest

    (key,) = place.keys("manifests")
    return Digest.parse(key.removeprefix("manifests/").replace("/", ""))


def test_a_window_is_used_as_long_as_it_lasts(blob, asked):
    with blob() as stream:
        raw = stream.raw
        raw.readinto(bytearray(5_000))
        before = len(requests(asked))
        for position in (0, 4_000, 17, 2_500):
            raw.seek(position)
            assert raw.read(100) == DATA[position : position + 100]
    assert len(requests(asked)) == before == 1


def test_a_closed_reader_reads_no_more(blob):
    stream = blob()
    stream.read(10)
    raw = stream.raw
    stream.close()
    stream.close()
    for read in (stream.read, raw.readall, lambda: raw.readinto(bytearray(1))):
        with pytest.raises(ValueError, match="closed"):
            read()


def test_two_readers_in_threads_do_not_meet(blob):
    def read(seed):
        chance = random.Random(seed)  # noqa: S311
        with blob() as stream:
            for _ in range(40):
                position = chance.randrange(SIZE)
                stream.seek(position)
                assert stream.read(1_500) == DATA[position : position + 1_500]
            stream.seek(0)
            return stream.read()

    assert in_threads([lambda seed=seed: read(seed) for seed in range(3)]) == [DATA] * 3


def test_one_reader_in_two_threads_gives_each_byte_once(blob):
    with blob() as stream:

        def read():
            pieces = []
            while piece := stream.read(50):
                pieces.append(piece)
            return pieces

        one, other = in_threads([read, read])
    assert len(one) + len(other) == SIZE / 50
    assert sorted(one + other) == sorted(DATA[start : start + 50] for start in range(0, SIZE, 50))


@pytest.mark.usefixtures("blob")
@pytest.mark.parametrize(("effect", "error"), [(ERROR, UnreachableError), (FLIPPED, DamagedError)])
@pytest.mark.parametrize("at", range(5))
def test_after_an_error_it_can_be_read_again(place, small, effect, error, at):
    backend = FaultyBackend(place.backend, [Fault(effect, at, "get_ranges")])
    with small.store(backend).open(blob_digest(place), size=SIZE) as stream:
        with pytest.raises(error):
            [*iter(lambda: stream.read(3_000), b"")]
        stream.seek(0)
        assert stream.read() == DATA


@pytest.mark.usefixtures("blob")
def test_a_read_that_failed_has_not_moved_the_raw_reader(place, small):
    """A caller that asks again gets the bytes that it did not get: none is skipped."""
    backend = FaultyBackend(place.backend, [Fault(ERROR, 1, "get_ranges")])
    with small.store(backend).open(blob_digest(place), size=SIZE) as stream:
        with pytest.raises(UnreachableError):
            stream.raw.readinto(bytearray(3 * small.window))
        assert stream.raw.tell() == 0
        assert stream.raw.readall() == DATA


def test_a_pack_that_goes_away_is_an_error_from_the_read(place, blob):
    with blob() as stream:
        assert stream.raw.read(10) == DATA[:10]
        for key in place.keys("packs"):
            place.overwrite(key, None)
        stream.raw.seek(20_000)
        with pytest.raises(BlobNotFoundError, match="is not whole"):
            stream.raw.read(10)
