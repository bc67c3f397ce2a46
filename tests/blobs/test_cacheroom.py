"""What goes when a read cache takes too much room: what was not used for longest, and nothing that somebody writes."""

import errno
import fcntl
import os
import signal
import socket
import time
import warnings
from pathlib import Path

import pytest

from consist.blobs.cachefiles import read_kept, reading
from consist.blobs.readcache import ReadCache
from consist.errors import ConsistWarning, DamagedError
from consist.hashing.hasher import hash_bytes
from consist.testing import faults
from consist.testing.together import fork, in_processes

KIB = 1 << 10
STORE, OTHER = "0" * 32, "1" * 32
SIZE = 100 * KIB
LOTS = 1 << 40


class Cache:
    """A cache that is filled with contents made up from numbers."""

    def __init__(self, root):
        self.root = root
        self.fetched = []

    def read(self, number, *, limit=LOTS, store=STORE):
        """Read a content through a cache of its own; return whether it was kept already."""
        data = content(number)
        digest = hash_bytes(data)
        fetched = len(self.fetched)

        def fetch():
            self.fetched.append(number)
            return data

        def parse(found):
            if found != data:  # somebody is still writing it
                raise DamagedError("not the content")
            return found

        assert ReadCache(str(self.root), store, limit).whole("blobs", digest, parse, fetch) == data
        return len(self.fetched) == fetched

    def path(self, number, store=STORE):
        name = hash_bytes(content(number)).hex
        return self.root / store / "blobs" / name[:2] / name[2:]

    def kept(self, numbers, store=STORE):
        return {number for number in numbers if self.path(number, store).exists()}

    def size(self):
        return sum(path.stat().st_blocks * 512 for path in self.root.glob("*/*/*/*"))

    def estimate(self):
        return int((self.root / "size").read_text())


def content(number):
    return number.to_bytes(4, "big") * (SIZE // 4)


def age(path, seconds):
    when = time.time() - seconds
    os.utime(path, (when, when))


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


def test_what_was_not_used_for_longest_goes_first(cache):
    for number in range(10):
        cache.read(number)
    order = [3, 1, 4, 0, 5, 9, 2, 6, 8, 7]  # oldest first
    for place, number in enumerate(order):
        age(cache.path(number), 1000 - place)
    assert not cache.read(10, limit=6 * SIZE)
    assert cache.kept(range(11)) == {*order[-4:], 10}  # five are the most that fit into nine tenths of six
    assert cache.size() <= 6 * SIZE * 0.9
    assert cache.estimate() == cache.size()


def test_nothing_goes_below_the_limit(cache):
    for number in range(10):
        cache.read(number, limit=11 * SIZE)
    assert cache.kept(range(10)) == set(range(10))
    assert all(cache.read(number, limit=11 * SIZE) for number in range(10))


def test_a_limit_below_a_single_object_keeps_nothing(cache):
    for number in range(3):
        assert not cache.read(number, limit=SIZE // 2)
        assert cache.size() == 0


def test_a_read_renews_the_date_once_an_hour(cache):
    cache.read(0)
    cache.read(1)
    age(cache.path(0), 3700)
    age(cache.path(1), 3500)
    before = [cache.path(number).stat().st_mtime for number in (0, 1)]
    with faults.recorded() as operations:
        assert cache.read(0)
        assert cache.read(1)
    assert [operation.name for operation in operations] == ["utime"]
    assert cache.path(0).stat().st_mtime > before[0] + 3600
    assert cache.path(1).stat().st_mtime == before[1]


def test_what_is_read_stays_and_what_is_not_goes(cache):
    for number in range(4):
        cache.read(number)
        age(cache.path(number), 10_000 - number)
    assert cache.read(0)
    cache.read(4, limit=4 * SIZE)
    assert cache.kept(range(5)) == {0, 3, 4}


def test_a_file_that_is_held_stays(cache):
    for number in range(4):
        cache.read(number)
        age(cache.path(number), 1000 - number)
    with cache.path(0).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        cache.read(4, limit=3 * SIZE)
    assert cache.kept(range(5)) == {0, 4}


def test_who_has_a_file_open_reads_on_when_it_goes(cache):
    cache.read(0)
    age(cache.path(0), 1000)
    with reading(str(cache.path(0))) as file:
        cache.read(1, limit=SIZE + SIZE // 2)
        assert cache.kept([0, 1]) == {1}
        assert read_kept(file, 0, SIZE) == content(0)
    assert not cache.read(0)


def test_stores_share_one_limit(cache):
    for number in range(3):
        cache.read(number, store=OTHER)
        age(cache.path(number, OTHER), 1000 - number)
    cache.read(3, limit=3 * SIZE)
    assert cache.kept(range(3), OTHER) == {2}
    assert cache.kept([3]) == {3}


def test_other_things_in_the_folder_are_left_alone(cache):
    for place in ("locks/" + STORE, "notes", f"{STORE}/notes/ab", f"{STORE}x/blobs/ab"):
        (cache.root / place).mkdir(parents=True)
        (cache.root / place / "file").write_bytes(bytes(10 * SIZE))
    for number in range(4):
        cache.read(number, limit=3 * SIZE)
    assert len(list(cache.root.rglob("file"))) == 4
    assert len(cache.kept(range(4))) == 2


@pytest.mark.parametrize("text", [b"", b"7", b"x" * 20, b"-0000000000000000001", b"9" * 20, b"\xb2" * 20])
def test_an_estimate_that_is_wrong_is_made_anew(cache, text):
    for number in range(3):
        cache.read(number)
    (cache.root / "size").write_bytes(text)
    cache.read(3, limit=10 * SIZE)
    assert cache.estimate() == cache.size()
    assert cache.kept(range(4)) == set(range(4))


def test_files_are_listed_only_when_the_estimate_is_beyond_the_limit(cache):
    cache.read(0)
    cache.path(0).unlink()  # the estimate does not know
    cache.read(1)
    assert cache.estimate() >= 2 * SIZE > cache.size()
    cache.read(2, limit=2 * SIZE + SIZE // 2)
    assert cache.estimate() == cache.size()
    assert cache.kept(range(3)) == {1, 2}


def test_nobody_waits_for_the_estimate_and_what_could_not_be_added_is_added_later(cache):
    cache.read(0)
    shared = ReadCache(str(cache.root), STORE, LOTS)
    before = cache.estimate()
    with (cache.root / "size").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        shared.keep("blobs", hash_bytes(content(1)), content(1))
    assert cache.estimate() == before
    shared.keep("blobs", hash_bytes(content(2)), content(2))
    assert cache.estimate() >= before + 2 * SIZE


def test_what_a_process_could_not_add_counts_though_it_has_ended(cache):
    cache.read(0)
    known = cache.estimate()
    with (cache.root / "size").open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        in_processes([lambda number=number: cache.read(number) for number in (1, 2)])
    assert cache.estimate() == known
    cache.read(3)
    assert cache.estimate() >= known + 3 * SIZE
    assert {path.name for path in cache.root.iterdir() if path.is_file()} == {"CACHEDIR.TAG", "size"}


def test_processes_that_read_more_than_fits_get_right_bytes_and_stay_within_the_limit(cache):
    limit = 8 * SIZE

    def reader(start):
        def run():
            for step in range(60):
                cache.read((start * 7 + step * 11) % 30, limit=limit)

        return run

    in_processes([reader(start) for start in range(8)])
    cache.read(30, limit=limit)
    assert cache.size() <= limit + SIZE  # the last one may be written while another makes room


def test_a_disk_that_fails_while_room_is_made_is_no_error(cache):
    for number in range(4):
        cache.read(number)
    with faults.failing(errno.EIO, name="unlink"):
        cache.read(4, limit=2 * SIZE)
    assert cache.kept(range(5)) == set(range(5))
    cache.read(5, limit=2 * SIZE)
    assert len(cache.kept(range(6))) == 1
    assert Path(cache.root, "size").stat().st_size == 20


def in_the_way(path, kind):
    """Put what is no file of the cache in the place of one; return what a link leads to."""
    path.unlink(missing_ok=True)
    beyond = path.parent.parent / "beyond"
    if kind == "link":
        beyond.write_bytes(b"someone's")
        path.symlink_to(beyond)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    elif kind == "folder":
        (path / "in").mkdir(parents=True)
    return beyond


def read_some(cache):
    """Read what is kept and what is not, in a process that is killed if it waits for ever."""

    def work():
        signal.alarm(30)
        warnings.simplefilter("ignore")
        for number in (9, 0, 1, 9):
            cache.read(number)

    fork(work).result()


@pytest.mark.parametrize("kind", ["link", "fifo", "socket", "folder"])
@pytest.mark.parametrize("name", ["size", "late", "late.taken"])
def test_whatever_lies_in_the_place_of_its_files_reading_goes_on(cache, name, kind):
    """With a FIFO called `size` every read failed, by an error of the system's; with one called `late` it hung."""
    cache.read(9)
    beyond = in_the_way(cache.root / name, kind)
    if name == "late.taken":
        (cache.root / "late").write_bytes(b"5\n")
    if name == "late":
        with (cache.root / "size").open("rb") as held:  # so that it is written
            fcntl.flock(held, fcntl.LOCK_EX)
            read_some(cache)
    read_some(cache)
    if kind == "link":
        assert beyond.read_bytes() == b"someone's"
    if kind != "folder":
        cache.read(5)  # with no warning any more
        assert cache.estimate() > 0
        assert not os.path.lexists(cache.root / "late")


def test_an_estimate_that_cannot_be_read_stops_no_reading(cache):
    cache.read(0)
    with (
        faults.failing(errno.EIO, name="read") as failed,
        pytest.warns(ConsistWarning, match=r"not written to any more: cannot read .*/size"),
    ):
        cache.read(1)
    assert failed
