"""Parts of a blob are what slices of its bytes are, checked, and fetched in one batch."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consist.blobs import largeparts
from consist.blobs.blobstore import BlobStore
from consist.blobs.opening import open_backend
from consist.blobs.wrappers import Counting
from consist.blobs.wrappers.base import Wrapper
from consist.errors import BlobNotFoundError, DamagedError
from consist.hashing.hasher import hash_bytes
from consist.testing import Fault, FaultyBackend
from consist.testing.faultplan import FLIPPED

SIZE = 50_000
DATA = random.Random(2).randbytes(SIZE)  # noqa: S311 - any bytes
POSITIONS = st.none() | st.integers(-SIZE - 10, SIZE + 10)
PARTS = st.lists(st.builds(slice, POSITIONS, POSITIONS), max_size=6)


@pytest.fixture
def asked(place):
    return FaultyBackend(place.backend, [])


class Noting(Wrapper):
    """Notes how many bytes each batch asks for."""

    def __init__(self, inner):
        super().__init__(inner)
        self.batches = []

    def get_ranges(self, ranges):
        self.batches.append(sum(wanted.length for wanted in ranges))
        return super().get_ranges(ranges)


def requests(asked):
    return [call for call in asked.calls if call.operation in {"get", "get_range", "get_ranges"}]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(parts=PARTS, known=st.booleans())
def test_parts_of_a_large_blob_are_slices_of_it(place, small, parts, known):
    blobs = small.store(place.backend)
    digest = blobs.put_bytes(DATA).digest
    assert blobs.read_parts(digest, parts, size=SIZE if known else None) == [DATA[part] for part in parts]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(parts=PARTS, size=st.sampled_from([0, 1, 1000, SIZE]))
def test_parts_of_a_whole_object_are_slices_of_it(place, blobs, parts, size):
    """Also of one that another writer put as one object, large as it is."""
    data = DATA[:size]
    digest = blobs.put_bytes(data).digest
    assert blobs.read_parts(digest, parts) == [data[part] for part in parts]


def test_a_large_whole_object_of_another_writer(place, small):
    digest = hash_bytes(DATA)
    place.write(digest, DATA)
    parts = [slice(10, 20), slice(-5, None), slice(None)]
    assert small.store(place.backend).read_parts(digest, parts, size=SIZE) == [DATA[part] for part in parts]


def test_many_parts_are_one_batch_after_the_manifest(place, small, asked):
    digest = small.store(place.backend).put_bytes(DATA).digest
    parts = [slice(at, at + 100) for at in range(0, SIZE, 5_000)]
    assert small.store(asked).read_parts(digest, parts, size=SIZE) == [DATA[part] for part in parts]
    assert [call.operation for call in requests(asked)] == ["get", "get_ranges"]


def test_what_is_touched_twice_is_fetched_once(place, small):
    digest = small.store(place.backend).put_bytes(DATA).digest
    once, often = Counting(place.backend), Counting(place.backend)
    small.store(once).read_parts(digest, [slice(100, 120)], size=SIZE)
    parts = [slice(100, 110), slice(105, 120), slice(100, 110), slice(0, 0)]
    assert small.store(often).read_parts(digest, parts, size=SIZE) == [DATA[part] for part in parts]
    assert (often.read, often.calls) == (once.read, once.calls)


def test_no_more_is_in_memory_at_once_than_it_may_be(place, small, monkeypatch):
    """A byte here and a byte there of all of a blob, in whatever order, is a few batches of few bytes."""
    digest = small.store(place.backend).put_bytes(DATA).digest
    parts = [slice(at, at + 1) for at in range(0, SIZE, 50)]
    random.shuffle(parts)
    noting = Noting(place.backend)
    monkeypatch.setattr(largeparts, "AT_ONCE", 12_000)
    assert small.store(noting).read_parts(digest, parts, size=SIZE) == [DATA[part] for part in parts]
    assert max(noting.batches) <= 12_000
    assert SIZE <= sum(noting.batches) <= SIZE + len(noting.batches) * small.chunking.max


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(parts=PARTS, at_once=st.integers(0, SIZE))
def test_parts_in_several_batches_are_slices_too(place, small, parts, at_once):
    digest = small.store(place.backend).put_bytes(DATA).digest
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(largeparts, "AT_ONCE", at_once)
        assert small.store(place.backend).read_parts(digest, parts, size=SIZE) == [DATA[part] for part in parts]


def test_no_parts_ask_for_nothing_but_the_manifest(place, small, asked):
    digest = small.store(place.backend).put_bytes(DATA).digest
    assert small.store(asked).read_parts(digest, [], size=SIZE) == []
    assert [call.operation for call in requests(asked)] == ["get"]


def test_a_chunk_that_is_wrong_is_noticed(place, small):
    digest = small.store(place.backend).put_bytes(DATA).digest
    faulty = FaultyBackend(place.backend, [Fault(FLIPPED, operation="get_ranges")])
    blobs = small.store(faulty)
    with pytest.raises(DamagedError):
        blobs.read_parts(digest, [slice(0, 10)], size=SIZE)
    assert digest in blobs.suspects


def test_of_a_blob_that_is_not_there():
    with pytest.raises(BlobNotFoundError):
        BlobStore(open_backend("memory://nothing/here")).read_parts(hash_bytes(b"x"), [slice(None)])
