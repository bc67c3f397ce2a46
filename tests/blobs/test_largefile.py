"""Large blobs into files, within the system: right whatever lies where, and whatever the system makes of it."""

import errno
import os
import random
import shutil
import struct

import blake3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consist.blobs import largefile, posix
from consist.blobs.chunklist import Chunk, ChunkList
from consist.blobs.encoding import RAW, ZSTD
from consist.blobs.largefile import stretches
from consist.blobs.manifest import make_manifest
from consist.blobs.opening import open_backend
from consist.blobs.pack import PackRef
from consist.errors import BlobNotFoundError, DamagedError, StorageError, StorageFullError
from consist.hashing.digest import Digest
from tests.harm import harmed

pytestmark = [
    pytest.mark.usefixtures("no_thread_left"),
    pytest.mark.skipif(not posix.CAN_SEND, reason="files are not copied within this system"),
]

PIECES = [random.Random(seed).randbytes(9_000) for seed in range(4)]  # noqa: S311 - any bytes that do not compress
PIECES += [bytes(7_000), b"some words, and the same again; " * 300]
CONTENT = b"".join(PIECES)


@pytest.fixture
def folder(tmp_path, small):
    backend = open_backend(tmp_path / "store", durable=False)
    return small.store(backend)


@pytest.fixture
def sent(monkeypatch):
    """Note what is sent, and let a test say what comes of it."""
    noted = []
    real = os.sendfile

    class Sent:
        lengths = noted
        act = staticmethod(real)

    def send(target, source, start, length):
        noted.append(length)
        return Sent.act(target, source, start, length)

    monkeypatch.setattr(posix, "_send", send)
    return Sent


def failing(number):
    def fail(*_arguments):
        raise OSError(number, os.strerror(number))

    return fail


def open_files():
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only how many


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    one=st.lists(st.sampled_from(range(len(PIECES))), min_size=1, max_size=8),
    two=st.lists(st.sampled_from(range(len(PIECES))), min_size=1, max_size=8),
)
def test_plain_and_compressed_chunks_of_any_packs(small, tmp_path_factory, one, two):
    """The second content has some chunks in packs of the first, in another order."""
    folder = tmp_path_factory.mktemp("store")
    blobs = small.store(open_backend(folder, durable=False), compression="auto")
    for numbers in (one, two):
        content, told = b"".join(PIECES[number] for number in numbers), []
        digest = blobs.put_bytes(content).digest
        blobs.get(digest, folder / "file", seen=told.append)
        assert (folder / "file").read_bytes() == content
        assert sum(told) == len(content)


def test_plain_chunks_are_sent_and_read_by_nobody_else(folder, sent, tmp_path, monkeypatch):
    digest = folder.put_bytes(CONTENT[:36_000]).digest
    monkeypatch.setattr("consist.blobs.extents.Fetcher.chunks", None)
    before = open_files()
    folder.get(digest, tmp_path / "file")
    assert sum(sent.lengths) == 36_000
    assert open_files() == before


def test_what_is_checked_is_what_is_in_the_file(folder, sent, tmp_path):
    """A system that writes something else, and says that all went well: it is noticed, and written otherwise."""
    digest, told = folder.put_bytes(CONTENT).digest, []
    sent.act = lambda target, _source, _start, length: os.write(target, bytes(length))
    folder.get(digest, tmp_path / "file", seen=told.append)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert sum(told) == len(CONTENT)
    assert folder.suspects == set()


@pytest.mark.parametrize("how", ["not at all", "a part at a time", "less than there is"])
def test_a_system_that_sends(folder, sent, tmp_path, monkeypatch, how):
    digest, told = folder.put_bytes(CONTENT).digest, []
    begun_again = []
    real_begin = posix.Growing.begin_again
    monkeypatch.setattr(posix.Growing, "begin_again", lambda file: (begun_again.append(file), real_begin(file)))

    real = sent.act
    sent.act = {
        "not at all": failing(errno.EINVAL),
        "a part at a time": lambda target, source, start, length: real(target, source, start, min(length, 1_000)),
        "less than there is": lambda *_arguments: 0,
    }[how]
    folder.get(digest, tmp_path / "file", seen=told.append)
    assert sent.lengths
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert sum(told) == len(CONTENT)
    assert bool(begun_again) == (how == "less than there is")


def test_a_full_disk_is_said_and_leaves_nothing(folder, sent, tmp_path):
    digest = folder.put_bytes(CONTENT).digest
    (tmp_path / "there").mkdir()

    sent.act = failing(errno.ENOSPC)
    with pytest.raises(StorageFullError, match="there"):
        folder.get(digest, tmp_path / "there" / "file")
    assert list((tmp_path / "there").iterdir()) == []


@pytest.mark.parametrize("which", ["store", "file"])
def test_a_failing_disk_is_named(folder, sent, tmp_path, monkeypatch, which):
    digest = folder.put_bytes(CONTENT).digest
    sent.act = failing(errno.EIO)
    if which == "store":
        monkeypatch.setattr(os, "pread", failing(errno.EIO))
    said = r"read .*/store/packs/" if which == "store" else r"write .*/file: Input"
    with pytest.raises(StorageError, match=said):
        folder.get(digest, tmp_path / "file")


@pytest.mark.parametrize("harm", ["a bit", "cut short", "gone", "a pipe in its place"])
def test_a_damaged_pack_is_named_and_the_file_is_as_it_was(folder, tmp_path, harm):
    digest = folder.put_bytes(CONTENT).digest
    packs = sorted(path for path in (tmp_path / "store" / "packs").rglob("*") if path.is_file())
    pack = packs[1]
    good = pack.read_bytes()
    pack.unlink()
    if harm == "a bit":
        pack.write_bytes(good[:100] + harmed(good[100:101]) + good[101:])
    elif harm == "cut short":
        pack.write_bytes(good[:100])
    elif harm != "gone":
        os.mkfifo(pack)
    (tmp_path / "file").write_bytes(b"as it was")
    told = []
    with pytest.raises((DamagedError, BlobNotFoundError), match=digest.short):
        folder.get(digest, tmp_path / "file", seen=told.append)
    assert (tmp_path / "file").read_bytes() == b"as it was"
    assert digest in folder.suspects
    assert sum(told) <= len(CONTENT)


@pytest.mark.parametrize("left", ["nothing", "the whole object"])
def test_a_blob_that_is_deleted_while_it_is_sent_is_never_an_empty_file(folder, tmp_path, left):
    """Manifest first, then packs, as deletion goes: the file that was begun holds nothing that may be handed out."""
    digest = folder.put_bytes(CONTENT).digest
    if left != "nothing":
        folder.backend.put(f"blobs/{digest.hex[:2]}/{digest.hex[2:]}", CONTENT)

    def delete(_count):
        if (tmp_path / "store" / "manifests").exists():
            shutil.rmtree(tmp_path / "store" / "manifests")
            shutil.rmtree(tmp_path / "store" / "packs")

    (tmp_path / "file").write_bytes(b"as it was")
    if left == "nothing":
        with pytest.raises(BlobNotFoundError, match=digest.short):
            folder.get(digest, tmp_path / "file", size=len(CONTENT), seen=delete)
        assert (tmp_path / "file").read_bytes() == b"as it was"
    else:
        folder.get(digest, tmp_path / "file", size=len(CONTENT), seen=delete)
        assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_file_that_cannot_be_read_back_is_an_error_of_storage(folder, tmp_path, monkeypatch):
    digest = folder.put_bytes(CONTENT).digest

    monkeypatch.setattr(os, "preadv", failing(errno.EIO))
    with pytest.raises(StorageError, match=r"cannot write .*/file: Input"):
        folder.get(digest, tmp_path / "file")
    assert not (tmp_path / "file").exists()


def manifest_of(*places):
    """Make a manifest of chunks, each said by (pack, offset, raw length, encoding)."""
    rows = [
        Chunk(bytes([at] * 32), encoding, pack, offset, raw, raw)
        for at, (pack, offset, raw, encoding) in enumerate(places)
    ]
    refs = [PackRef(Digest(blake3.blake3(bytes([pack])).digest()), 1_000) for pack in range(3)]
    return make_manifest(Digest(bytes(32)), refs, ChunkList(b"".join(struct.pack(">32sBIIII", *row) for row in rows)))


def cut(*places):
    return [(found.first, found.end, found.is_plain) for found in stretches(manifest_of(*places))]


def test_a_stretch_is_of_neighbours_that_are_stored_alike(monkeypatch):
    assert cut((0, 0, 10, RAW), (0, 10, 10, RAW), (0, 20, 10, RAW)) == [(0, 3, True)]
    assert cut((0, 0, 10, RAW), (0, 11, 10, RAW)) == [(0, 1, True), (1, 2, True)]
    assert cut((0, 0, 10, RAW), (1, 10, 10, RAW)) == [(0, 1, True), (1, 2, True)]
    assert cut((0, 10, 10, RAW), (0, 0, 10, RAW)) == [(0, 1, True), (1, 2, True)]
    assert cut((0, 0, 10, ZSTD), (2, 77, 10, ZSTD), (0, 10, 10, RAW)) == [(0, 2, False), (2, 3, True)]
    monkeypatch.setattr(largefile, "_STRETCH", 20)
    assert cut(*((0, 10 * at, 10, RAW) for at in range(5))) == [(0, 2, True), (2, 4, True), (4, 5, True)]
    assert cut((0, 0, 30, RAW), (0, 30, 30, RAW)) == [(0, 1, True), (1, 2, True)]
