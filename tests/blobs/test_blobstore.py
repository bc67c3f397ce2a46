"""`BlobStore` on a folder and on memory: content in, digest out; damage is seen and heals; memory stays bounded."""

import errno
import io
import os
import tracemalloc

import blake3
import pytest

from consist.blobs.blobstore import BlobStore
from consist.blobs.opening import open_backend
from consist.errors import (
    BlobNotFoundError,
    DamagedError,
    InputError,
    StorageError,
    StorageFullError,
    UsageError,
)
from consist.hashing.digest import Digest
from consist.testing import faults
from consist.testing.together import in_processes
from tests.meddling import meddle

MIB = 1 << 20
SIZES = (0, 1, 1000, MIB - 1)
LARGE = (MIB, MIB + 1, 3 * MIB + 7)
ABSENT = Digest.parse("ab" * 32)


def digest_of(data):
    return Digest(blake3.blake3(data).digest())


def sizes(blobs, prefix=""):
    return sorted((digest, found.size) for digest, found in blobs.list(prefix))


def put_bytes(blobs, data, _tmp_path):
    return blobs.put_bytes(data)


def put_array(blobs, data, _tmp_path):
    return blobs.put_bytes(memoryview(data))


def put_stream(blobs, data, _tmp_path):
    return blobs.put_stream(io.BytesIO(data))


def put_file(blobs, data, tmp_path):
    (tmp_path / "source").write_bytes(data)
    return blobs.put_file(tmp_path / "source")


PUTS = (put_bytes, put_array, put_stream, put_file)


# In and out --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("put", PUTS)
@pytest.mark.parametrize("size", SIZES + LARGE)
def test_what_is_put_is_there_under_its_digest(place, blobs, put, size, tmp_path):
    data = os.urandom(size)
    digest, counted, chunks = put(blobs, data, tmp_path)
    assert (digest, counted, chunks is None) == (digest_of(data), size, size < MIB)
    if size < MIB:
        assert place.stored() == [data]
    assert place.read(digest) == data
    assert blobs.read(digest) == data
    assert blobs.exists(digest)
    assert blobs.stat(digest).size == size
    assert blobs.verify(digest) == size
    assert sizes(blobs) == [(digest, size)]
    with blobs.open(digest) as stream:
        assert stream.read() == data
    blobs.get(digest, tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == data
    blobs.delete(digest)
    assert not blobs.exists(digest)
    assert size >= MIB or place.stored() == []


def test_an_array_is_put_without_a_copy_and_by_its_bytes(blobs):
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(300_000, dtype="int32")
    put = blobs.put_bytes(array.data)
    assert put[:2] == (digest_of(array.tobytes()), 1_200_000)
    assert blobs.read(put.digest) == array.tobytes()


@pytest.mark.parametrize("call", ["read", "open", "verify"])
def test_a_blob_that_is_not_there(blobs, call):
    with pytest.raises(BlobNotFoundError, match=ABSENT.short):
        getattr(blobs, call)(ABSENT)
    assert not blobs.exists(ABSENT)
    assert blobs.stat(ABSENT) is None
    blobs.delete(ABSENT)


def test_get_of_a_blob_that_is_not_there_leaves_the_file_alone(blobs, tmp_path):
    (tmp_path / "mine").write_bytes(b"mine")
    with pytest.raises(BlobNotFoundError, match=ABSENT.short):
        blobs.get(ABSENT, tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert (tmp_path / "mine").read_bytes() == b"mine"


# Putting again -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [10, MIB - 1])
@pytest.mark.parametrize("put", PUTS)
def test_a_second_put_publishes_nothing(folder, put, size, tmp_path):
    blobs, data = BlobStore(folder.backend), os.urandom(size)
    digest = put(blobs, data, tmp_path).digest
    before = folder.file(digest).stat()
    assert put(blobs, data, tmp_path).digest == digest
    after = folder.file(digest).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert folder.stored() == [data]


def test_a_second_put_of_bytes_touches_no_file(folder):
    blobs = BlobStore(folder.backend)
    blobs.put_bytes(b"content")
    with faults.recorded() as operations:
        blobs.put_bytes(b"content")
    assert operations == []


@pytest.mark.parametrize("size", [10, MIB - 1])
@pytest.mark.parametrize("put", PUTS)
def test_a_put_over_an_object_of_another_size_heals_it(place, blobs, put, size, tmp_path):
    data = os.urandom(size)
    for damaged in (data[:-1], data + b"x", b""):
        place.write(digest_of(data), damaged)
        put(blobs, data, tmp_path)
        assert place.stored() == [data]


@pytest.mark.parametrize("size", [10, MIB - 1])
@pytest.mark.parametrize("put", PUTS)
def test_a_put_over_a_suspect_heals_it(place, blobs, put, size, tmp_path):
    data = os.urandom(size)
    digest = digest_of(data)
    place.write(digest, bytes(size))
    put(blobs, data, tmp_path)
    if place.backend.capabilities.files or size > 64 << 10:
        assert place.read(digest) == bytes(size), "nobody has noticed yet: sizes are equal"
    place.write(digest, bytes(size))  # over a network, a small blob is sent without asking
    with pytest.raises(DamagedError, match=r"`consist verify --read-data` finds all that is damaged at once"):
        blobs.verify(digest)
    assert blobs.suspects == {digest}
    put(blobs, data, tmp_path)
    assert place.read(digest) == data
    assert blobs.suspects == set()
    assert blobs.verify(digest) == size


def test_suspects_may_be_kept_elsewhere(place):
    remembered = {ABSENT}
    blobs = BlobStore(place.backend, suspects=remembered)
    assert blobs.suspects is remembered
    empty = set()
    assert BlobStore(place.backend, suspects=empty).suspects is empty
    assert BlobStore(place.backend).suspects is not BlobStore(place.backend).suspects


def test_a_suspect_that_is_sound_again_is_acquitted(blobs):
    digest = blobs.put_bytes(b"content").digest
    blobs.suspects.add(digest)
    blobs.verify(digest)
    assert blobs.suspects == set()


def test_a_failed_put_leaves_a_suspect_suspect(folder):
    blobs = BlobStore(folder.backend)
    digest = blobs.put_bytes(b"content").digest
    blobs.suspects.add(digest)
    with faults.failing(errno.EIO, name="rename"), pytest.raises(StorageError):
        blobs.put_bytes(b"content")
    assert blobs.suspects == {digest}


# Damage ------------------------------------------------------------------------------------------------------------


def read_whole(blobs, digest, _tmp_path):
    blobs.read(digest)


def read_file(blobs, digest, _tmp_path):
    with blobs.open(digest) as stream:
        stream.read()


def read_pieces(blobs, digest, _tmp_path):
    with blobs.open(digest) as stream:
        while stream.read(10_000):
            pass


def verify(blobs, digest, _tmp_path):
    blobs.verify(digest)


def get(blobs, digest, tmp_path):
    (tmp_path / "target").mkdir(exist_ok=True)
    (tmp_path / "target" / "mine").write_bytes(b"mine")
    try:
        blobs.get(digest, tmp_path / "target" / "mine")
    finally:
        assert [path.name for path in (tmp_path / "target").iterdir()] == ["mine"]
        assert (tmp_path / "target" / "mine").read_bytes() == b"mine"


READS = (read_whole, read_file, read_pieces, verify, get)


def flipped(data, position, bit=0):
    damaged = bytearray(data)
    damaged[position] ^= 1 << bit
    return bytes(damaged)


@pytest.mark.parametrize("read", READS)
def test_every_flipped_bit_of_a_small_blob_is_seen(place, blobs, read, tmp_path):
    data = os.urandom(20)
    digest = digest_of(data)
    for position in range(len(data)):
        place.write(digest, flipped(data, position, position % 8))
        with pytest.raises(DamagedError, match="run the step"):
            read(blobs, digest, tmp_path)
        assert blobs.suspects == {digest}
        blobs.suspects.clear()


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("size", [1, 5000, MIB, 2 * MIB + 9])
def test_flips_and_cuts_anywhere_are_seen(place, blobs, read, size, tmp_path):
    data = os.urandom(size)
    digest = digest_of(data)
    damages = [flipped(data, position) for position in {0, size // 2, size - 1}]
    damages += [data[:length] for length in {0, size // 2, size - 1}]
    damages += [data + b"x", data * 2]
    for damaged in damages:
        place.write(digest, damaged)
        with pytest.raises(DamagedError, match=digest.short):
            read(blobs, digest, tmp_path)
        assert blobs.suspects == {digest}
        blobs.suspects.clear()
    place.write(digest, data)
    (tmp_path / "good").mkdir()
    if read is not get:
        read(blobs, digest, tmp_path)


# get ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("durable", [True, False])
def test_get_replaces_in_one_step_and_syncs_by_choice(folder, tmp_path, durable):
    blobs = BlobStore(folder.backend)
    digest = blobs.put_bytes(b"new").digest
    target = tmp_path / "out" / "file"
    target.parent.mkdir()
    target.write_bytes(b"old")
    with faults.recorded() as operations:
        blobs.get(digest, target, durable=durable)
    assert target.read_bytes() == b"new"
    assert [operation.name for operation in operations] == [
        "open",
        "write",
        *(["fsync"] if durable else []),
        "rename",
        *(["fsync"] if durable else []),
    ]


@pytest.mark.parametrize("size", [7, 3 << 20])
def test_get_tells_how_far_it_has_come(folder, tmp_path, size):
    blobs = BlobStore(folder.backend)
    digest = blobs.put_bytes(bytes(size)).digest
    told = []
    blobs.get(digest, tmp_path / "file", seen=told.append)
    assert sum(told) == size == (tmp_path / "file").stat().st_size


def test_get_gives_an_ordinary_writable_file_of_ones_own(folder, tmp_path):
    blobs = BlobStore(folder.backend)
    digest = blobs.put_bytes(b"content").digest
    before = os.umask(0o027)
    try:
        blobs.get(digest, str(tmp_path / "file"))
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
    (tmp_path / "file").write_bytes(b"changed")
    assert blobs.read(digest) == b"content"


def test_get_into_the_working_folder_and_over_a_link(folder, tmp_path, monkeypatch):
    blobs = BlobStore(folder.backend)
    digest = blobs.put_bytes(b"content").digest
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "work" / "file").symlink_to(tmp_path / "precious")
    blobs.get(digest, "file")
    assert (tmp_path / "work" / "file").read_bytes() == b"content"
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_get_into_a_folder_that_is_not_there(folder, tmp_path):
    blobs = BlobStore(folder.backend)
    digest = blobs.put_bytes(b"content").digest
    with pytest.raises(UsageError, match="nowhere"):
        blobs.get(digest, tmp_path / "nowhere" / "file")
    assert not (tmp_path / "nowhere").exists()


def test_a_get_that_fails_anywhere_leaves_no_half_file(folder, tmp_path):
    blobs = BlobStore(folder.backend)
    digest = blobs.put_bytes(os.urandom(2 * MIB)).digest
    out = tmp_path / "out"
    out.mkdir()
    with faults.recorded() as operations:
        blobs.get(digest, out / "file", durable=True)
    (out / "file").write_bytes(b"old")
    for at in range(len(operations) - 1):  # the last is the sync of the folder, when the new file is there
        with faults.failing(errno.EIO, at=at), pytest.raises(StorageError):
            blobs.get(digest, out / "file", durable=True)
        assert [path.name for path in out.iterdir()] == ["file"]
        assert (out / "file").read_bytes() == b"old"


# Names -------------------------------------------------------------------------------------------------------------


def test_list_by_prefix(place, blobs):
    contents = [b"%d" % number for number in range(300)]
    digests = sorted(blobs.put_bytes(content).digest for content in contents)
    assert sizes(blobs) == sorted((digest_of(content), len(content)) for content in contents)
    for length in (1, 2, 3, 5):
        prefix = digests[7].hex[:length]
        wanted = [digest for digest in digests if digest.hex.startswith(prefix)]
        assert sorted(digest for digest, _ in blobs.list(prefix)) == wanted
    for prefix in (digests[3].hex, "blake3:" + digests[3].hex[:20]):
        assert [digest for digest, _ in blobs.list(prefix)] == [digests[3]]


@pytest.mark.parametrize("prefix", ["a", "ab", "abab", ABSENT.hex])
def test_list_of_nothing(blobs, prefix):
    assert [*blobs.list(prefix)] == []


@pytest.mark.parametrize("prefix", ["xyz", "AB", "0" * 65, "../.."])
def test_list_takes_hexadecimal_digits_only(blobs, prefix):
    with pytest.raises(UsageError):
        [*blobs.list(prefix)]


def test_strangers_among_the_blobs_are_passed_over(place, blobs):
    digest = blobs.put_bytes(b"content").digest
    stranger = open_backend(place.backend.url)
    for key in ("blobs/README", "blobs/ab/short", "blobs/AB/" + "0" * 62, "blobs/ab/" + "0" * 61 + "/1"):
        stranger.put(key, b"")
    assert sizes(blobs) == [(digest, 7)]
    assert [*blobs.list("ab")] == []


# Streams and sources -----------------------------------------------------------------------------------------------


class Dribble(io.RawIOBase):
    """A stream that gives little at a time, as a socket does."""

    def __init__(self, data, piece):
        self.data, self.piece = data, piece

    def readable(self):
        return True

    def readinto(self, buffer):
        piece = self.data[: min(self.piece, len(buffer))]
        self.data = self.data[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)


class ReadOnly:
    """A stream with `read` and nothing else."""

    def __init__(self, data):
        self.inner = io.BytesIO(data)

    def read(self, count):
        return self.inner.read(min(count, 300_001))


@pytest.mark.parametrize("make", [lambda data: Dribble(data, 70_001), ReadOnly], ids=["dribble", "read only"])
def test_streams_that_give_little_at_a_time(blobs, make):
    data = os.urandom(5 * MIB + 1)
    assert blobs.put_stream(make(data))[:2] == (digest_of(data), len(data))
    assert blobs.read(digest_of(data)) == data


def test_a_stream_is_taken_from_where_it_stands(blobs):
    stream = io.BytesIO(b"head and tail")
    stream.read(9)
    assert blobs.put_stream(stream).digest == digest_of(b"tail")


def test_a_text_stream_is_refused(place, blobs):
    with pytest.raises(UsageError, match="binary"):
        blobs.put_stream(io.StringIO("text"))
    assert place.stored() == []


def test_a_stream_that_would_block_is_refused(blobs):
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with os.fdopen(reader, "rb", buffering=0) as stream, pytest.raises(UsageError, match="blocking"):
        blobs.put_stream(stream)
    os.close(writer)


@pytest.mark.parametrize("good", [0, 10, MIB + 10, 6 * MIB])
def test_what_a_stream_raises_passes_through_and_nothing_is_kept(place, blobs, good):
    class Broken(Dribble):
        def readinto(self, buffer):
            if not self.data:
                raise ZeroDivisionError("mine")
            return super().readinto(buffer)

    with pytest.raises(ZeroDivisionError, match="mine"):
        blobs.put_stream(Broken(os.urandom(good), 500_000))
    assert place.stored() == []


def test_a_source_that_cannot_be_read_raises_as_the_system_says(blobs, tmp_path):
    with pytest.raises(FileNotFoundError) as raised:
        blobs.put_file(tmp_path / "none")
    assert not isinstance(raised.value, StorageError)
    with pytest.raises(IsADirectoryError):
        blobs.put_file(tmp_path)


@pytest.mark.parametrize("size", [10, 3 * MIB])
@pytest.mark.parametrize("often", [2, 3])
def test_a_file_that_changes_is_read_again_and_then_refused(blobs, tmp_path, monkeypatch, size, often):
    (tmp_path / "source").write_bytes(b"0" * size)
    meddle(monkeypatch, tmp_path / "source", often)
    if often == 3:
        with pytest.raises(InputError, match="source keeps changing while it is read"):
            blobs.put_file(tmp_path / "source")
        return
    assert blobs.put_file(tmp_path / "source").digest == digest_of(b"2" * size)


# Limits ------------------------------------------------------------------------------------------------------------


def test_memory_stays_bounded(folder, tmp_path):
    blobs, size = BlobStore(folder.backend), 64 * MIB
    with (tmp_path / "source").open("wb") as stream:
        stream.truncate(size)
    blobs.put_bytes(bytes(2 * MIB))  # imports and threads are not what is measured
    tracemalloc.start()
    try:
        digest = blobs.put_file(tmp_path / "source").digest
        blobs.verify(digest)
        blobs.get(digest, tmp_path / "target")
        with blobs.open(digest) as stream:
            while stream.read(MIB):
                pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "target").stat().st_size == size
    assert peak < 64 * MIB


def test_a_full_disk_keeps_what_was_there(mounted, folder_at, tmp_path):
    disk = mounted("size=3m")
    place = folder_at(disk / "store")
    blobs = BlobStore(place.backend)
    earlier = blobs.put_bytes(b"earlier").digest
    (tmp_path / "big").write_bytes(os.urandom(4 * MIB))
    for call in (
        lambda: blobs.put_file(tmp_path / "big"),
        lambda: blobs.put_bytes((tmp_path / "big").read_bytes()),
    ):
        with pytest.raises(StorageFullError, match="No space left"):
            call()
        assert place.stored() == [b"earlier"]
    blobs.put_bytes(os.urandom(2 * MIB))
    other = BlobStore(folder_at(tmp_path / "other").backend)
    digest = other.put_file(tmp_path / "big").digest
    with pytest.raises(StorageFullError):
        other.get(digest, disk / "target")
    assert [path.name for path in disk.iterdir()] == ["store"]
    assert blobs.read(earlier) == b"earlier"


def test_processes_that_put_the_same_file_agree(folder, tmp_path):
    data = os.urandom(3 * MIB)
    (tmp_path / "source").write_bytes(data)
    blobs = BlobStore(folder.backend)
    results = in_processes([lambda: blobs.put_file(tmp_path / "source")[:2]] * 4)
    assert results == [(digest_of(data), len(data))] * 4
    assert folder.read(digest_of(data)) == data
