"""Places for the tests of the blobs layer, each with an oracle; real disks, full ones and read-only ones.

The oracle reads a large blob by ``docs/format.md`` alone: frame, manifest and packs are taken apart here.
"""

import struct
import subprocess
import threading
from types import SimpleNamespace

import blake3
import msgpack
import pytest
import zstandard
from faulty import proxy_to
from fsspec.implementations.memory import MemoryFileSystem

from consist.blobs import blobsource, blobstore, large, largereader, packing, requests
from consist.blobs.blobstore import BlobStore
from consist.blobs.opening import open_backend
from consist.hashing.chunker import Chunker, Chunking
from tests.packpage import check_pack


def key_of(area, raw):
    return f"{area}/{raw.hex()[:2]}/{raw.hex()[2:]}"


def manifest_of(framed, raw):
    """Take a manifest apart: (size, packs, chunks)."""
    magic, version, kind, key_length, length = struct.unpack_from(">4sBBHI", framed)
    assert (magic, version, kind, key_length) == (b"CNST", 0, 2, 32)
    assert framed[28:60] == raw
    assert blake3.blake3(framed[:-32]).digest() == framed[-32:]
    schema, size, packs, chunks = msgpack.unpackb(framed[60 : 60 + length])
    assert schema == 0
    return size, list(struct.iter_unpack(">32sI", packs)), list(struct.iter_unpack(">32sBIIII", chunks))


def reassemble(get, raw):
    """Put a large blob together from its manifest and packs."""
    size, packs, chunks = manifest_of(get(key_of("manifests", raw)), raw)
    objects = [get(key_of("packs", pack)) for pack, _ in packs]
    for (pack, length), data in zip(packs, objects, strict=True):
        assert len(data) == length
        check_pack(data, pack)
    content = []
    for digest, encoding, pack, offset, stored, raw_length in chunks:
        piece = objects[pack][offset : offset + stored]
        chunk = zstandard.ZstdDecompressor().decompress(piece) if encoding else piece
        assert (len(chunk), blake3.blake3(chunk).digest()) == (raw_length, digest)
        content.append(chunk)
    assert sum(map(len, content)) == size
    return b"".join(content)


class Place:
    """What both kinds of place tell of large blobs."""

    def manifest(self, digest):
        return manifest_of(self.object(key_of("manifests", digest.raw)), digest.raw)

    def packs(self):
        return {key: self.object(key) for key in self.keys("packs")}

    def harm(self, key, change):
        self.overwrite(key, change(self.object(key)))


class Folder(Place):
    """A folder as a place, and its oracle."""

    def __init__(self, path):
        self.path = path
        self.backend = open_backend(path, durable=False)

    def file(self, digest):
        name = digest.raw.hex()
        return self.path / "blobs" / name[:2] / name[2:]

    def object(self, key):
        return (self.path / key).read_bytes()

    def keys(self, area):
        return sorted(str(path.relative_to(self.path)) for path in (self.path / area).rglob("*") if path.is_file())

    def read(self, digest):
        file = self.file(digest)
        return file.read_bytes() if file.exists() else reassemble(self.object, digest.raw)

    def overwrite(self, key, data):
        (self.path / key).unlink(missing_ok=True)
        if data is not None:
            (self.path / key).write_bytes(data)

    def write(self, digest, data):
        file = self.file(digest)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_bytes(data)

    def stored(self):
        return sorted(path.read_bytes() for path in self.path.rglob("*") if path.is_file() and path.name != "lock")


class Memory(Place):
    """``memory://`` as a place, and its oracle."""

    def __init__(self, name):
        self.root = f"/blobstore/{name}"
        self.backend = open_backend(f"memory:/{self.root}")

    def file(self, digest):
        name = digest.raw.hex()
        return f"{self.root}/blobs/{name[:2]}/{name[2:]}"

    def object(self, key):
        return MemoryFileSystem.store[f"{self.root}/{key}"].getvalue()

    def keys(self, area):
        start = f"{self.root}/{area}/"
        return sorted(path[len(self.root) + 1 :] for path in MemoryFileSystem.store if path.startswith(start))

    def read(self, digest):
        path = self.file(digest)
        return (
            self.object(path[len(self.root) + 1 :])
            if path in MemoryFileSystem.store
            else reassemble(self.object, digest.raw)
        )

    def overwrite(self, key, data):
        MemoryFileSystem.store.pop(f"{self.root}/{key}", None)
        if data is not None:
            MemoryFileSystem().pipe_file(f"{self.root}/{key}", data)

    def write(self, digest, data):
        MemoryFileSystem().pipe_file(self.file(digest), data)

    def stored(self):
        return sorted(file.getvalue() for path, file in MemoryFileSystem.store.items() if path.startswith(self.root))


@pytest.fixture(params=["folder", "memory"])
def place(request, tmp_path):
    if request.param == "folder":
        yield Folder(tmp_path / "store")
        return
    place = Memory(request.node.name)
    yield place
    for path in [path for path in MemoryFileSystem.store if path.startswith(place.root)]:
        del MemoryFileSystem.store[path]


@pytest.fixture
def new_place(request, tmp_path):
    """Give what makes one empty place after another, of the kind that is asked for."""
    made = []

    def make(kind):
        name = f"{request.node.name}/{len(made)}"
        made.append(Folder(tmp_path / str(len(made))) if kind == "folder" else Memory(name))
        return made[-1]

    yield make
    for path in [path for path in MemoryFileSystem.store if path.startswith(f"/blobstore/{request.node.name}/")]:
        del MemoryFileSystem.store[path]


@pytest.fixture
def page():
    """Give what reads large blobs by the format page alone."""
    return SimpleNamespace(key_of=key_of, manifest_of=manifest_of, reassemble=reassemble)


class Small:
    """Large blobs made small: what has 2 KiB is large, chunks have some 300 bytes, packs 16 KiB, windows 8 KiB."""

    large, chunk, pack, window = 2 << 10, 1 << 10, 16 << 10, 8 << 10
    chunking = Chunking(min=64, average=256, max=1024)

    def store(self, backend, **settings):
        return BlobStore(backend, **{"chunking": self.chunking, "compression": "none", **settings})

    def chunks(self, *contents):
        """Cut contents: {digest: size} of the chunks that they have together."""
        found = {}
        for content in contents:
            start = 0
            for end in Chunker(self.chunking).cut(content, is_last=True):
                chunk = content[start:end]
                found[blake3.blake3(chunk).digest()] = len(chunk)
                start = end
        return found


@pytest.fixture
def small(monkeypatch):
    """Make contents of some KiB large, so that they have many chunks and several packs."""
    for module, name, value in (
        (blobsource, "LARGE", Small.large),
        (blobstore, "LARGE", Small.large),
        (packing, "PACK_SIZE", Small.pack),
        (large, "WINDOW", Small.window),
        (largereader, "LOCAL_WINDOW", Small.window),
        (largereader, "REMOTE_WINDOW", Small.window),
        (requests, "GAP", 100),
        (requests, "REQUEST", 4 << 10),
        (requests, "LEAST", 256),
    ):
        assert hasattr(module, name)
        monkeypatch.setattr(module, name, value)
    return Small()


def threads_now():
    """Return the threads that there are, but for those that end by themselves a second after the last request."""
    return {thread for thread in threading.enumerate() if thread.name != "consist-waiting"}


@pytest.fixture
def threads():
    """Give what returns the threads that should not outlast a call."""
    return threads_now


@pytest.fixture
def no_thread_left():
    """See that all threads which a test's calls started have ended."""
    before = threads_now()
    yield
    assert threads_now() <= before


@pytest.fixture
def blobs(place):
    return BlobStore(place.backend)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "store")


@pytest.fixture
def folder_at():
    """Give what makes a place of any folder."""
    return Folder


@pytest.fixture
def mounted(tmp_path):
    """Give a function that mounts a tmpfs with the given options and returns its folder."""
    folders = []

    def mount(options):
        folder = tmp_path / f"disk{len(folders)}"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"mounting needs rights that this machine does not give: {done.stderr.strip()}")
        folders.append(folder)
        return folder

    try:
        yield mount
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    finally:
        for folder in folders:
            subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def make_read_only():
    """Give a function that makes a mounted folder read-only."""

    def remount(folder):
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)

    return remount


@pytest.fixture(params=["s3fs", "obstore"])
def driver(request):
    return request.param


@pytest.fixture
def proxy(ministack):
    """A server between a driver and S3, which can be told to lose, delay and refuse."""
    with proxy_to(ministack.endpoint) as proxy:
        yield proxy
        proxy.answering.set()
