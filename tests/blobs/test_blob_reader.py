"""Reading an open blob: a seekable file, checked as far as ``reader.py`` promises."""

import io
import os

import blake3
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given
from hypothesis import strategies as st

from consist.blobs import reader
from consist.blobs.blobstore import BlobStore
from consist.blobs.opening import open_backend
from consist.errors import DamagedError
from consist.hashing.digest import Digest
from consist.testing import FaultyBackend

MIB = 1 << 20
DATA = os.urandom(2 * MIB + 4321)
DIGEST = Digest(blake3.blake3(DATA).digest())
KEY = f"blobs/{DIGEST.hex[:2]}/{DIGEST.hex[2:]}"


@pytest.fixture(scope="module", params=["folder", "memory"])
def backend(request, tmp_path_factory):
    if request.param == "folder":
        yield open_backend(tmp_path_factory.mktemp("reader"), durable=False)
        return
    yield open_backend("memory://reader/tests")
    for path in [path for path in MemoryFileSystem.store if path.startswith("/reader/tests")]:
        del MemoryFileSystem.store[path]


@pytest.fixture
def blobs(backend):
    backend.put(KEY, DATA)
    return BlobStore(backend)


def damage(blobs, position):
    blobs.backend.put(KEY, DATA[:position] + bytes([DATA[position] ^ 1]) + DATA[position + 1 :])


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(-1, 3 * MIB)),
        st.tuples(st.just("start"), st.integers(0, 3 * MIB)),
        st.tuples(st.just("end"), st.integers(-2 * MIB, 1000)),
        st.tuples(st.just("here"), st.integers(0, 100_000)),
        st.tuples(st.just("readinto"), st.integers(0, 300_000)),
    ),
    max_size=12,
)


@given(steps=STEPS)
def test_it_reads_as_a_file_does(tmp_path_factory, steps):
    blobs = shared_blobs(tmp_path_factory)
    model = io.BytesIO(DATA)
    with blobs.open(DIGEST) as stream:
        assert stream.readable()
        assert stream.seekable()
        assert not stream.writable()
        for what, number in steps:
            if what == "read":
                assert stream.read(number) == model.read(number)
            elif what == "readinto":
                ours, theirs = bytearray(number), bytearray(number)
                assert stream.readinto(ours) == model.readinto(theirs)
                assert ours == theirs
            else:
                whence = {"start": 0, "here": 1, "end": 2}[what]
                assert stream.seek(number, whence) == model.seek(number, whence)
            assert stream.tell() == model.tell()


SHARED = []


def shared_blobs(factory):
    """One store for all examples: hypothesis and function fixtures do not go together."""
    if not SHARED:
        backend = open_backend(factory.mktemp("shared"), durable=False)
        backend.put(KEY, DATA)
        SHARED.append(BlobStore(backend))
    return SHARED[0]


def test_read_in_order_the_last_piece_is_checked_before_it_is_given(blobs):
    damage(blobs, 5)
    given_out = bytearray()
    with blobs.open(DIGEST) as stream, pytest.raises(DamagedError):
        for _ in iter(lambda: given_out.extend(stream.read(50_000)), "never"):
            pass
    assert len(given_out) < len(DATA)
    assert blobs.suspects == {DIGEST}


def test_asked_again_after_damage_it_says_the_same(blobs):
    damage(blobs, len(DATA) - 1)
    with blobs.open(DIGEST) as stream:
        for _ in range(3):
            stream.seek(0)
            with pytest.raises(DamagedError):
                stream.read()


def test_looking_at_the_end_first_does_not_spoil_the_check(blobs):
    """As callers do that ask for the size, or read a footer, and then everything."""
    damage(blobs, 5)
    with blobs.open(DIGEST) as stream:
        assert stream.seek(0, io.SEEK_END) == len(DATA)
        stream.seek(-8, io.SEEK_END)
        assert stream.read(8) == DATA[-8:]
        stream.seek(0)
        with pytest.raises(DamagedError):
            stream.read()


def test_going_back_does_not_spoil_the_check(blobs):
    damage(blobs, len(DATA) // 2)
    with blobs.open(DIGEST) as stream:
        assert stream.read(400_000) == DATA[:400_000]
        stream.seek(100)
        assert stream.read(MIB // 2) == DATA[100 : 100 + MIB // 2]
        stream.seek(100_000)
        with pytest.raises(DamagedError):
            stream.read()


def test_a_range_of_a_large_object_is_what_cannot_be_checked(blobs):
    """The limit that the documentation names: should this ever fail, the documentation has become too modest."""
    damage(blobs, 5)
    with blobs.open(DIGEST) as stream:
        assert stream.read(10) != DATA[:10]
        stream.seek(1000)
        assert stream.read(10) == DATA[1000:1010]
    assert blobs.suspects == set()


def test_a_range_of_a_small_object_is_checked(blobs):
    digest = blobs.put_bytes(DATA[:MIB]).digest
    key = f"blobs/{digest.hex[:2]}/{digest.hex[2:]}"
    with blobs.open(digest) as stream:
        stream.seek(100)
        assert stream.read(5) == DATA[100:105]
    blobs.backend.put(key, b"!" + DATA[1:MIB])
    with pytest.raises(DamagedError):
        blobs.open(digest)


def test_an_object_that_shrinks_while_it_is_read(tmp_path):
    backend = open_backend(tmp_path / "store", durable=False)
    backend.put(KEY, DATA)
    blobs = BlobStore(backend)
    with blobs.open(DIGEST) as stream:
        stream.read(10)
        os.truncate(backend.path_of(KEY), MIB)
        with pytest.raises(DamagedError):
            stream.read()


def test_it_stays_readable_when_it_is_deleted_or_healed_meanwhile(tmp_path):
    backend = open_backend(tmp_path / "store", durable=False)
    backend.put(KEY, DATA)
    blobs = BlobStore(backend)
    with blobs.open(DIGEST) as stream:
        stream.read(10)
        blobs.delete(DIGEST)
        assert stream.read() == DATA[10:]


def test_it_lets_go_of_its_file(tmp_path):
    if not os.path.isdir("/proc/self/fd"):  # noqa: PTH112
        pytest.skip("open files cannot be counted here")
    backend = open_backend(tmp_path / "store", durable=False)
    backend.put(KEY, DATA)
    blobs = BlobStore(backend)
    count = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with blobs.open(DIGEST) as stream:
        stream.read(10)
    with pytest.raises(ValueError, match="closed"):
        stream.read(1)
    forgotten = blobs.open(DIGEST)
    forgotten.read(10)
    del forgotten
    small = blobs.put_bytes(b"small").digest
    blobs.open(small).close()
    backend.put(f"blobs/{small.hex[:2]}/{small.hex[2:]}", b"wrong")
    with pytest.raises(DamagedError):
        blobs.open(small)
    assert len(os.listdir("/proc/self/fd")) == count  # noqa: PTH208


@pytest.mark.parametrize("whence", [-1, 3, 4])
def test_a_place_that_there_is_not_is_no_place_to_seek_from(blobs, whence):
    """3 and 4 are Linux's, for data and holes: `io` hands them on."""
    with blobs.open(DIGEST) as stream, pytest.raises(ValueError, match="whence"):
        stream.seek(0, whence)


def test_seeking_before_the_start_is_refused(blobs):
    with blobs.open(DIGEST) as stream, pytest.raises(ValueError, match="before the start"):
        stream.seek(-1 - len(DATA), io.SEEK_END)


def test_text_can_be_read_on_top(tmp_path):
    blobs = BlobStore(open_backend(tmp_path / "store", durable=False))
    digest = blobs.put_bytes("naïve\nline\n".encode() * 200_000).digest
    with io.TextIOWrapper(blobs.open(digest), encoding="utf-8") as text:
        assert sum(1 for _ in text) == 400_000


def test_all_of_it_is_read_by_large_requests_side_by_side(monkeypatch, tmp_path):
    monkeypatch.setattr(reader, "PIECE", 300_000)
    asked = FaultyBackend(open_backend("memory://reader/whole"), [])
    asked.put(KEY, DATA)
    blobs = BlobStore(asked)
    for take in (lambda: blobs.verify(DIGEST), lambda: blobs.get(DIGEST, tmp_path / "file")):
        asked.calls.clear()
        take()
        ranges = [(call.operation, len(call.keys)) for call in asked.calls]
        assert ranges == [("get_range", 1), ("stat", 1), ("get_ranges", 4), ("get_ranges", 3)]
    assert (tmp_path / "file").read_bytes() == DATA
    for position in (0, 300_000, len(DATA) - 1):
        damage(blobs, position)
        with pytest.raises(DamagedError, match=DIGEST.short):
            blobs.verify(DIGEST)
    asked.put(KEY, DATA[:300_000])
    with pytest.raises(DamagedError):
        blobs.verify(DIGEST)
    digest = blobs.put_bytes(b"small").digest
    asked.calls.clear()
    assert blobs.verify(digest) == 5
    assert [call.operation for call in asked.calls] == ["get_range"], "what ends with the first request is all"
