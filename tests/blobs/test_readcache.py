"""What was read from a remote store is kept, checked, shared by processes, and never more than a copy.

The remote store is a folder that pretends to be far away: no local paths, and every call is written to a file, one line
each, that all processes append to. What the cache holds is looked at, and spoiled, in its bare files.
"""

import contextlib
import errno
import fcntl
import itertools
import json
import os
import shutil
import signal
import stat
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from blake3 import blake3

from consist import fileops
from consist.blobs import largereader, readcache
from consist.blobs.blobstore import BlobStore
from consist.blobs.opening import open_backend
from consist.blobs.readcache import DEFAULT_LIMIT, ReadCache
from consist.errors import BlobNotFoundError, ConsistWarning, DamagedError, UnreachableError
from consist.hashing.digest import Digest
from consist.hashing.hasher import hash_bytes
from consist.testing import faults
from consist.testing.together import fork, in_processes, in_threads

KIB, MIB = 1 << 10, 1 << 20
STORE, OTHER = "0" * 32, "1" * 32
SMALL = os.urandom(5000)
LARGE = os.urandom(3 * MIB + 7)


class Far:
    """A store in a folder that pretends to be far away, and can be out of reach."""

    def __init__(self, path):
        self.path = path
        self.log = path.with_name(path.name + ".log")
        self.is_down = False
        self._inner = open_backend(path, durable=False)
        self.url = self._inner.url
        self.capabilities = replace(self._inner.capabilities, files=False)

    def path_of(self, _key):
        return None

    def __getattr__(self, name):
        call = getattr(self._inner, name)

        def called(*arguments, **options):
            with self.log.open("a") as log:
                log.write(json.dumps([name, *arguments], default=repr) + "\n")
            if self.is_down:
                raise UnreachableError(f"{self.url} does not answer")
            return call(*arguments, **options)

        return called

    def asked(self):
        """Return the calls since the last time."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]

    def overwrite(self, key, data):
        path = self.path / key
        path.unlink(missing_ok=True)
        if data is not None:
            path.write_bytes(data)

    def keys(self, area):
        return sorted(str(path.relative_to(self.path)) for path in (self.path / area).rglob("*") if path.is_file())


class World:
    """A far store and a folder for caches of it."""

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self.far = Far(folder / "store")
        self.root = folder / "cache"
        self.near = BlobStore(self.far)

    def blobs(self, *, limit=DEFAULT_LIMIT, store=STORE, suspects=None):
        """Open the store as another process would."""
        cache = ReadCache(str(self.root), store, limit)
        return BlobStore(self.far, cache=cache, suspects=suspects)

    def put(self, data):
        digest = self.near.put_bytes(data).digest
        self.far.asked()
        return digest

    def kept(self, store=STORE, area="*"):
        return sorted(path for path in self.root.glob(f"{store}/{area}/*/*") if path.is_file())

    def the_kept(self, area):
        (path,) = self.kept(area=area)
        return path


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def opened(blobs, digest, size):
    with blobs.open(digest, size=size) as stream:
        return stream.read()


def got(blobs, digest, size):
    with tempfile.TemporaryDirectory() as folder:
        blobs.get(digest, f"{folder}/file", size=size)
        return Path(folder, "file").read_bytes()


def read(blobs, digest, size):
    return blobs.read(digest, size=size)


WAYS = [read, opened, got]


def quietly(call, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return call(*arguments)


def packs_asked(calls):
    """Return the ranges of packs that were asked for."""
    return [tuple(wanted) for name, *arguments in calls if name == "get_ranges" for wanted in arguments[0]]


# Read twice, asked once ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 5000, MIB - 1, MIB, 3 * MIB + 7, 20 * MIB])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("is_known", [True, False])
def test_what_was_read_is_not_asked_for_again(world, size, way, is_known):
    data = os.urandom(size)
    digest = world.put(data)
    known = size if is_known else None
    assert way(world.blobs(), digest, known) == data
    assert world.far.asked()
    for again in WAYS:
        assert again(world.blobs(), digest, known) == data
    assert world.far.asked() == []


def test_a_read_asks_for_each_object_once_and_for_each_byte_once(world):
    data = os.urandom(40 * MIB)
    digest = world.put(data)
    assert read(world.blobs(), digest, len(data)) == data
    calls = world.far.asked()
    assert [name for name, *_ in calls if name != "get_ranges"] == ["get"]
    taken = sorted((key, start, start + length) for key, start, length in packs_asked(calls))
    assert sum(end - start for _, start, end in taken) == len(data)  # random bytes are not compressed
    assert all(one[0] != two[0] or one[2] <= two[1] for one, two in itertools.pairwise(taken))


def test_a_part_of_a_large_blob_is_kept_and_the_rest_fetched_when_it_is_read(world):
    data = os.urandom(8 * MIB)
    digest = world.put(data)
    with world.blobs().open(digest, size=len(data)) as stream:
        stream.seek(4 * MIB)
        assert stream.read(10) == data[4 * MIB : 4 * MIB + 10]
    first = packs_asked(world.far.asked())
    assert 0 < sum(length for _, _, length in first) <= 2 * MIB
    assert world.the_kept("packs").stat().st_blocks * 512 <= 3 * MIB
    with world.blobs().open(digest, size=len(data)) as stream:
        stream.seek(4 * MIB)
        assert stream.read(10) == data[4 * MIB : 4 * MIB + 10]
    assert world.far.asked() == []
    assert read(world.blobs(), digest, len(data)) == data
    rest = packs_asked(world.far.asked())
    assert sum(length for _, _, length in first + rest) == len(data)


def test_blobs_that_share_chunks_share_what_is_kept(world):
    data = os.urandom(8 * MIB)
    one, two = world.put(data), world.put(data[: 4 * MIB] + b"changed" + data[4 * MIB :])
    read(world.blobs(), one, len(data))
    world.far.asked()
    read(world.blobs(), two, len(data) + 7)
    assert sum(length for _, _, length in packs_asked(world.far.asked())) < 2 * MIB


def test_threads_that_read_one_blob_fetch_it_once(world):
    digest = world.put(LARGE)
    blobs = world.blobs()
    assert in_threads([lambda: read(blobs, digest, len(LARGE))] * 6) == [LARGE] * 6
    calls = world.far.asked()
    assert len([name for name, *_ in calls if name == "get"]) == 1
    assert sum(length for _, _, length in packs_asked(calls)) == len(LARGE)


def test_a_read_that_needs_more_packs_than_it_may_hold_keeps_the_rest_later(world, monkeypatch):
    monkeypatch.setattr(readcache, "_MOST_HELD", 2)
    parts = [os.urandom(MIB + 1) for _ in range(5)]
    for part in parts:
        world.put(part)
    data = b"".join(parts)
    digest = world.put(data)
    assert len(world.far.keys("packs")) == 6  # five, and one for what lies across their ends
    asked = []
    for _ in range(4):
        assert read(world.blobs(), digest, len(data)) == data
        asked.append(sum(length for _, _, length in packs_asked(world.far.asked())))
    assert asked[0] == len(data)
    assert asked == sorted(asked, reverse=True)
    assert asked[3] == 0


# What the folder is --------------------------------------------------------------------------------------------------


def test_the_folder_is_its_owners_and_says_that_it_is_a_cache(world):
    for data in (SMALL, LARGE):
        read(world.blobs(), world.put(data), len(data))
    for path in [world.root, *world.root.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert sorted(path.name for path in world.root.iterdir()) == [STORE, "CACHEDIR.TAG", "size"]
    assert (world.root / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")
    assert world.the_kept("blobs").read_bytes() == SMALL
    assert world.the_kept("packs").read_bytes() in (world.far.path / world.far.keys("packs")[0]).read_bytes()
    assert world.the_kept("manifests").read_bytes() == (world.far.path / world.far.keys("manifests")[0]).read_bytes()


def test_nothing_is_kept_of_what_is_not_there_nor_of_a_large_whole_object(world):
    missing = Digest(blake3(b"missing").digest())
    for size in (10, 10 * MIB, None):
        for way in WAYS:
            with pytest.raises(BlobNotFoundError):
                way(world.blobs(), missing, size)
    whole = hash_bytes(LARGE)
    world.far.put(f"blobs/{whole.hex[:2]}/{whole.hex[2:]}", LARGE)
    for size in (None, len(LARGE)):
        for way in WAYS:
            assert way(world.blobs(), whole, size) == LARGE
    assert world.kept() == []


def test_two_stores_share_the_folder_and_no_content(world, tmp_path):
    other = World(tmp_path / "other")
    other.root = world.root
    digest, theirs = world.put(SMALL), other.put(LARGE)
    assert read(world.blobs(), digest, len(SMALL)) == SMALL
    assert read(other.blobs(store=OTHER), theirs, len(LARGE)) == LARGE
    with pytest.raises(BlobNotFoundError):
        read(other.blobs(store=OTHER), digest, len(SMALL))
    assert world.kept(STORE)
    assert world.kept(OTHER)
    assert not {path.name for path in world.kept(STORE)} & {path.name for path in world.kept(OTHER)}


def test_what_is_deleted_is_not_kept(world):
    for data in (SMALL, LARGE):
        digest = world.put(data)
        blobs = world.blobs()
        read(blobs, digest, len(data))
        blobs.delete(digest)
        for way in WAYS:
            with pytest.raises(BlobNotFoundError):
                way(blobs, digest, len(data))


def test_what_asks_about_the_store_asks_the_store(world):
    for data in (SMALL, LARGE):
        digest = world.put(data)
        blobs = world.blobs()
        read(blobs, digest, len(data))
        for key in world.far.keys("blobs") + world.far.keys("packs"):
            world.far.overwrite(key, b"wrong" + (world.far.path / key).read_bytes()[5:])
        assert read(blobs, digest, len(data)) == data
        assert digest not in blobs.suspects
        with pytest.raises(DamagedError):
            blobs.verify(digest, size=len(data))
        assert digest in blobs.suspects
        for key in world.far.keys("blobs") + world.far.keys("packs"):
            world.far.overwrite(key, None)
        assert blobs.stat(digest) is None
        for key in world.far.keys("manifests"):
            world.far.overwrite(key, None)
        assert list(blobs.list()) == []


# Wrong bytes in the cache --------------------------------------------------------------------------------------------


def spoil(path, position):
    data = bytearray(path.read_bytes())
    data[position] ^= 0x40
    path.write_bytes(data)


def check_healed(world, digest, data):
    """Right bytes come out, the store is not blamed, and what was wrong is right again."""
    blobs = world.blobs()
    assert quietly(read, blobs, digest, len(data)) == data
    assert not blobs.suspects
    assert world.far.asked()
    assert quietly(read, world.blobs(), digest, len(data)) == data
    assert world.far.asked() == []


def test_a_small_blob_that_is_wrong_at_any_byte_is_fetched_again(world):
    data = SMALL[:300]
    digest = world.put(data)
    read(world.blobs(), digest, len(data))
    world.far.asked()
    path = world.the_kept("blobs")
    for position in range(len(data)):
        spoil(path, position)
        check_healed(world, digest, data)
        assert path.read_bytes() == data


def test_a_manifest_that_is_wrong_at_any_byte_is_fetched_again(world):
    digest = world.put(LARGE[:MIB])
    read(world.blobs(), digest, MIB)
    world.far.asked()
    path = world.the_kept("manifests")
    right = path.read_bytes()
    for position in range(len(right)):
        spoil(path, position)
        blobs = world.blobs()
        with blobs.open(digest, size=MIB) as stream:
            assert stream.read(10) == LARGE[:10]
        assert not blobs.suspects
        assert [name for name, *_ in world.far.asked()] == ["get"]
        assert path.read_bytes() == right


def test_a_pack_that_is_wrong_anywhere_is_fetched_again(world):
    digest = world.put(LARGE)
    read(world.blobs(), digest, len(LARGE))
    world.far.asked()
    path = world.the_kept("packs")
    right = path.read_bytes()
    for position in [*range(0, len(LARGE), 65_537), len(LARGE) - 1]:
        spoil(path, position)
        blobs = world.blobs()
        assert read(blobs, digest, len(LARGE)) == LARGE
        assert not blobs.suspects
        ((_, start, length),) = packs_asked(world.far.asked())  # the chunk that is wrong, and no other
        assert start <= position < start + length <= start + MIB
        assert path.read_bytes() == right


def punch(path):
    """Leave a file of the same size in which nothing was ever written."""
    size = path.stat().st_size
    os.truncate(path, 0)
    os.truncate(path, size)


def zero_the_end(path):
    """Leave what a machine that went down in a write may leave."""
    size = path.stat().st_size
    os.truncate(path, size // 2)
    os.truncate(path, size)


def lengthen(path):
    with path.open("ab") as stream:
        stream.write(b"more")


def replace_by_link(path):
    outside = path.parents[3] / "outside"
    outside.write_bytes(b"precious")
    path.unlink()
    path.symlink_to(outside)


def replace_by_folder(path):
    path.unlink()
    path.mkdir()


def replace_by_pipe(path):
    path.unlink()
    os.mkfifo(path)


SPOILS = [
    punch,
    zero_the_end,
    lambda path: os.truncate(path, 0),
    lambda path: os.truncate(path, path.stat().st_size - 1),
    Path.unlink,
    replace_by_link,
    replace_by_folder,
    replace_by_pipe,
    lambda path: shutil.rmtree(path.parent),
]


@pytest.mark.parametrize("spoiling", SPOILS)
@pytest.mark.parametrize(("area", "data"), [("blobs", SMALL), ("manifests", LARGE), ("packs", LARGE)])
def test_what_is_no_whole_file_of_the_cache_is_fetched_again(world, area, data, spoiling):
    digest = world.put(data)
    read(world.blobs(), digest, len(data))
    world.far.asked()
    spoiling(world.the_kept(area))
    check_healed(world, digest, data)
    outside = world.root / STORE / "outside"
    assert not outside.exists() or outside.read_bytes() == b"precious"


@pytest.mark.parametrize(("area", "data"), [("blobs", SMALL), ("manifests", LARGE)])
def test_what_is_longer_than_it_was_is_fetched_again(world, area, data):
    digest = world.put(data)
    read(world.blobs(), digest, len(data))
    world.far.asked()
    lengthen(world.the_kept(area))
    check_healed(world, digest, data)


@pytest.mark.parametrize(("area", "data"), [("blobs", SMALL), ("manifests", LARGE), ("packs", LARGE)])
def test_a_folder_with_something_in_it_is_left_alone_and_the_rest_is_kept(world, area, data):
    digest, other = world.put(data), world.put(b"another" * 1000)
    read(world.blobs(), digest, len(data))
    path = world.the_kept(area)
    replace_by_folder(path)
    (path / "precious").touch()
    blobs = world.blobs()
    assert quietly(read, blobs, digest, len(data)) == data
    assert quietly(read, blobs, other, 7000) == b"another" * 1000
    assert (path / "precious").exists()
    world.far.asked()
    assert quietly(read, world.blobs(), other, 7000) == b"another" * 1000
    assert world.far.asked() == []


def test_damage_in_the_store_is_not_kept_and_is_the_stores(world):
    for data in (SMALL, LARGE):
        digest = world.put(data)
        for key in world.far.keys("blobs") + world.far.keys("packs"):
            right = (world.far.path / key).read_bytes()
            world.far.overwrite(key, right[:1000] + bytes([right[1000] ^ 1]) + right[1001:])
        blobs = world.blobs()
        for way in WAYS:
            with pytest.raises(DamagedError, match=digest.short):
                way(blobs, digest, len(data))
        assert digest in blobs.suspects
        assert blobs.put_bytes(data).digest == digest
        assert read(blobs, digest, len(data)) == data
        assert not blobs.suspects
        for key in world.far.keys("blobs") + world.far.keys("packs"):
            world.far.overwrite(key, None)
        (world.far.path / world.far.keys("manifests")[0]).unlink() if world.far.keys("manifests") else None


def test_one_damaged_chunk_leaves_the_others_readable_and_kept(world):
    digest = world.put(LARGE)
    key = world.far.keys("packs")[0]
    right = (world.far.path / key).read_bytes()
    world.far.overwrite(key, right[:-5000] + b"\0" * 5000)
    world.far.overwrite(key, right[: len(LARGE) - 10] + b"0123456789" + right[len(LARGE) :])
    blobs = world.blobs()
    with blobs.open(digest, size=len(LARGE)) as stream:
        assert stream.read(MIB) == LARGE[:MIB]
    with pytest.raises(DamagedError):
        read(blobs, digest, len(LARGE))
    world.far.asked()
    with world.blobs().open(digest, size=len(LARGE)) as stream:
        assert stream.read(MIB) == LARGE[:MIB]
    assert world.far.asked() == []


# A manifest that is kept for longer than its packs are there ---------------------------------------------------------


@pytest.fixture
def moved(world, tmp_path):
    """A compressible blob whose manifest is kept, and which then lies in another pack."""
    data = b"".join(b"%d,%d\n" % (n, n * n % 977) for n in range(300_000))
    digest = world.put(data)
    read(world.blobs(), digest, len(data))
    shutil.rmtree(world.root / STORE / "packs")
    old = world.far.keys("packs")
    other = Far(tmp_path / "other")
    BlobStore(other, compression="none").put_bytes(data)
    for area in ("packs", "manifests"):
        shutil.copytree(other.path / area, world.far.path / area, dirs_exist_ok=True)
    assert len(set(world.far.keys("packs")) - set(old)) == 1
    world.far.asked()
    return digest, data, old[0]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("is_gone", [True, False])
def test_a_kept_manifest_whose_pack_is_gone_or_damaged_is_asked_for_anew(world, moved, way, is_gone):
    digest, data, old = moved
    world.far.overwrite(old, None if is_gone else b"\0" * (world.far.path / old).stat().st_size)
    blobs = world.blobs()
    assert way(blobs, digest, len(data)) == data
    assert not blobs.suspects
    world.far.asked()
    assert way(world.blobs(), digest, len(data)) == data
    assert world.far.asked() == []


def test_it_is_asked_for_anew_by_those_too_that_fetch_several_windows_at_once(world, moved, monkeypatch):
    monkeypatch.setattr(largereader, "REMOTE_WINDOW", 256 << 10)
    digest, data, old = moved
    world.far.overwrite(old, None)
    blobs = world.blobs()
    assert read(blobs, digest, len(data)) == data
    assert not blobs.suspects


def test_a_blob_that_is_gone_is_gone_although_its_manifest_is_kept(world, moved):
    digest, data, _ = moved
    for key in world.far.keys("packs") + world.far.keys("manifests"):
        world.far.overwrite(key, None)
    for way in WAYS:
        blobs = world.blobs()
        with pytest.raises(BlobNotFoundError, match="not whole"):
            way(blobs, digest, len(data))
        assert digest in blobs.suspects


def test_a_manifest_that_names_what_is_gone_in_the_store_too_is_asked_for_once_only(world):
    digest = world.put(LARGE)
    read(world.blobs(), digest, len(LARGE))
    shutil.rmtree(world.root / STORE / "packs")
    world.far.overwrite(world.far.keys("packs")[0], None)
    world.far.asked()
    with pytest.raises(BlobNotFoundError, match="not whole"):
        read(world.blobs(), digest, len(LARGE))
    assert [name for name, *_ in world.far.asked()].count("get") == 1


# Out of reach --------------------------------------------------------------------------------------------------------


def test_what_is_kept_is_read_while_the_store_is_out_of_reach(world):
    digests = {world.put(data): data for data in (SMALL, LARGE)}
    for digest, data in digests.items():
        read(world.blobs(), digest, len(data))
    unread = {world.put(data): data for data in (SMALL[1:], LARGE[1:])}
    world.far.is_down = True
    for digest, data in digests.items():
        for way in WAYS:
            for size in (len(data), None):
                assert way(world.blobs(), digest, size) == data
    for digest, data in unread.items():
        for way in WAYS:
            for size in (len(data), None):
                blobs = world.blobs()
                with pytest.raises(UnreachableError, match="does not answer"):
                    way(blobs, digest, size)
                assert not blobs.suspects
    world.far.is_down = False
    for digest, data in unread.items():
        assert read(world.blobs(), digest, len(data)) == data


# Disks that do not serve ---------------------------------------------------------------------------------------------


def warned_once(calls):
    with pytest.warns(ConsistWarning, match="read cache") as seen:
        answers = [call() for call in calls]
    assert len(seen) == 1
    return answers


def test_a_cache_that_is_read_only_is_read(world, mounted, make_read_only):
    world.root = mounted("size=32m") / "cache"
    digest, other, third = world.put(LARGE), world.put(SMALL), world.put(LARGE[1:])
    read(world.blobs(), digest, len(LARGE))
    world.far.asked()
    for path in world.kept():
        os.utime(path, (1_000_000, 1_000_000))
    make_read_only(world.root.parent)
    assert quietly(read, world.blobs(), digest, len(LARGE)) == LARGE
    assert world.far.asked() == []
    blobs = world.blobs()
    calls = [lambda: read(blobs, other, len(SMALL)), lambda: read(blobs, third, len(LARGE) - 1)] * 2
    assert warned_once(calls) == [SMALL, LARGE[1:]] * 2
    assert quietly(read, blobs, digest, len(LARGE)) == LARGE


def test_a_full_disk_stops_the_keeping_and_not_the_reading(world, mounted):
    world.root = mounted("size=2m") / "cache"
    data = os.urandom(8 * MIB)
    digest, other = world.put(data), world.put(SMALL)
    blobs = world.blobs()
    assert warned_once([lambda way=way: way(blobs, digest, len(data)) for way in WAYS]) == [data] * 3
    assert quietly(read, blobs, other, len(SMALL)) == SMALL
    assert not blobs.suspects
    with contextlib.suppress(ConsistWarning):
        assert read(world.blobs(), digest, len(data)) == data


FAULTS = [("open", errno.EACCES), ("lock", errno.ENOLCK), ("write", errno.ENOSPC), ("mkdir", errno.EROFS)]


@pytest.mark.parametrize(("name", "number"), FAULTS)
def test_a_cache_that_cannot_be_written_is_warned_of_once(world, name, number):
    digest, other = world.put(SMALL), world.put(LARGE)
    blobs = world.blobs()
    calls = [lambda: read(blobs, digest, len(SMALL)), lambda: read(blobs, other, len(LARGE))] * 2
    with faults.failing(number, name=name) as failed:
        assert warned_once(calls) == [SMALL, LARGE] * 2
    assert failed
    world.far.asked()
    assert read(world.blobs(), digest, len(SMALL)) == SMALL


def test_every_failing_operation_leaves_right_bytes(world):
    digests = {world.put(data): data for data in (SMALL, LARGE)}
    for at in range(100):
        shutil.rmtree(world.root, ignore_errors=True)
        blobs = world.blobs()
        with faults.failing(errno.EIO, at=at) as failed, warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            assert {digest: read(blobs, digest, len(data)) for digest, data in digests.items()} == digests
        assert len(seen) <= 1
        assert not blobs.suspects
        if not failed:
            break
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert {digest: read(world.blobs(), digest, len(data)) for digest, data in digests.items()} == digests
    assert 15 < at < 99


def as_nobody(call):
    """Make a call in a forked process without the rights of root."""

    def dropped():
        if os.geteuid() == 0:
            os.setgroups([])
            os.setegid(65534)
            os.seteuid(65534)
        return call()

    return fork(dropped).result()


def test_a_file_that_may_not_be_read_is_replaced_and_a_folder_that_may_not_be_written_is_done_without():
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o777)  # noqa: PTH101, S103 - for a user that is nobody

        def work():
            world = World(Path(name, "world"))
            digest, other = world.put(LARGE), world.put(SMALL)
            read(world.blobs(), digest, len(LARGE))
            world.far.asked()
            for path in world.kept():
                path.chmod(0)
                assert not os.access(path, os.R_OK, effective_ids=True)
            check_healed(world, digest, LARGE)
            for path in world.root.glob(f"{STORE}/**/"):
                path.chmod(0o500)
            blobs = world.blobs()
            assert quietly(read, blobs, digest, len(LARGE)) == LARGE
            assert warned_once([lambda: read(blobs, other, len(SMALL))] * 2) == [SMALL] * 2
            for path in world.root.glob(f"{STORE}/**/"):
                path.chmod(0o700)

        as_nobody(work)


# Many processes ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_fifty_processes_that_read_one_blob_download_it_once(world):
    data = os.urandom(9 * MIB)
    digest, small = world.put(data), world.put(SMALL)

    def reader():
        return [
            hash_bytes(read(world.blobs(), digest, len(data))).raw,
            hash_bytes(read(world.blobs(), small, None)).raw,
        ]

    assert in_processes([reader] * 50) == [[digest.raw, small.raw]] * 50
    calls = world.far.asked()
    assert [name for name, *_ in calls if name != "get_ranges"] == ["get", "get"]  # the manifest and the small blob
    taken = sorted((start, start + length) for _, start, length in packs_asked(calls))
    assert taken[0][0] == 0
    assert all(one[1] <= two[0] for one, two in itertools.pairwise(taken))
    assert sum(end - start for start, end in taken) == len(data)


def test_processes_that_read_here_and_there_get_right_bytes_and_leave_a_whole_copy(world):
    data = os.urandom(9 * MIB)
    digest = world.put(data)

    def reader(number):
        def run():
            with world.blobs().open(digest, size=len(data)) as stream:
                for step in range(40):
                    start = (number * 7919 + step * 1_234_577) % len(data)
                    stream.seek(start)
                    assert stream.read(70_000) == data[start : start + 70_000]

        return run

    in_processes([reader(number) for number in range(12)])
    assert read(world.blobs(), digest, len(data)) == data
    world.far.asked()
    assert read(world.blobs(), digest, len(data)) == data
    assert world.far.asked() == []


@pytest.mark.slow
def test_a_reader_that_is_killed_anywhere_leaves_a_cache_that_works(world):
    digests = {world.put(data): data for data in (SMALL, LARGE)}

    def work():
        return all(read(world.blobs(), digest, len(data)) == data for digest, data in digests.items())

    points = faults.every_state(work)
    assert len(points) > 15
    for at, moment in points:
        shutil.rmtree(world.root)
        assert faults.run_killed(work, at=at, moment=moment)
        assert quietly(work)
        world.far.asked()
        assert quietly(work)
        assert world.far.asked() == []


def holding(world, digest, then):
    """Fork a process that holds a blob's file in the cache; return it once it does, with a way to let it go on."""
    reader, writer = os.pipe()
    go_reader, go_writer = os.pipe()

    def hold():
        os.close(go_writer)
        with ReadCache(str(world.root), STORE, DEFAULT_LIMIT).filling("blobs", [digest]) as files:
            assert files
            os.write(writer, b"!")
            then(lambda: os.read(go_reader, 1))

    child = fork(hold)
    os.close(go_reader)
    assert os.read(reader, 1) == b"!"
    return child, go_writer


def test_a_holder_that_is_killed_holds_nobody_up(world):
    digest = world.put(SMALL)
    child, go = holding(world, digest, lambda wait: wait())
    path = world.the_kept("blobs")
    with path.open("rb") as stream, pytest.raises(BlockingIOError):
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.kill(child.process, signal.SIGKILL)
    assert read(world.blobs(), digest, len(SMALL)) == SMALL
    assert child.wait() == -signal.SIGKILL
    os.close(go)


def test_a_process_forked_by_a_holder_does_not_hold(world):
    digest = world.put(SMALL)

    def fork_and_wait(wait):
        fork(wait)  # lives on until `go` is closed
        os.kill(os.getpid(), signal.SIGKILL)

    child, go = holding(world, digest, fork_and_wait)
    assert child.process
    os.waitpid(child.process, 0)
    assert read(world.blobs(), digest, len(SMALL)) == SMALL
    os.close(go)


def test_one_that_waits_for_a_file_that_is_removed_keeps_what_it_fetches(world):
    digest = world.put(SMALL)
    reader, writer = os.pipe()

    def waiter():
        def tap(moment, operation, _path):
            if (moment, operation) == ("before", "lock"):  # the file is open by now
                os.write(writer, b"!")

        fileops.set_tap(tap)
        return read(world.blobs(), digest, len(SMALL))

    cache = ReadCache(str(world.root), STORE, DEFAULT_LIMIT)
    with cache.filling("blobs", [digest]):
        child = fork(waiter)
        assert os.read(reader, 1) == b"!"
        cache.forget("blobs", digest)
    assert child.result() == SMALL
    assert world.the_kept("blobs").read_bytes() == SMALL


def test_one_that_waits_finds_what_the_holder_fetched(world):
    digest = world.put(SMALL)
    reader, writer = os.pipe()

    def waiter():
        os.write(writer, b"!")
        return read(world.blobs(), digest, len(SMALL))

    cache = ReadCache(str(world.root), STORE, DEFAULT_LIMIT)
    with cache.filling("blobs", [digest]) as files:
        child = fork(waiter)
        assert os.read(reader, 1) == b"!"
        cache.write(files[digest], 0, SMALL)
    assert child.result() == SMALL
    assert world.far.asked() == []
