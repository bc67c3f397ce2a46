"""Single flight: one holder at a time, in threads and processes, and nothing left behind by whoever dies."""

# ruff: noqa: PTH208 - names are compared as strings

from __future__ import annotations

import ctypes
import errno
import fcntl
import io
import logging
import multiprocessing
import os
import queue
import signal
import stat
import sys
import threading
from pathlib import Path

import pytest

from consist import errors, fileops
from consist.hashing.digest import Digest
from consist.store import flight
from consist.store.flight import single_flight
from consist.testing.together import fork, in_processes, in_threads

ONE = Digest(b"\x01" * 32)
TWO = Digest(b"\x02" * 32)
ROUNDS = 60


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "store/locks")


def is_locked(folder: str, signature: Digest) -> bool:
    """Ask the kernel, not the code under test."""
    try:
        descriptor = os.open(f"{folder}/{signature.raw.hex()}", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


class Heard(logging.Handler):
    """Keeps what is said, and tells whoever waits for it."""

    def __init__(self):
        super().__init__()
        self.said = queue.Queue()

    def emit(self, record):
        self.said.put(record.getMessage())


@pytest.fixture
def heard():
    handler = Heard()
    logging.getLogger("consist").addHandler(handler)
    yield handler.said
    logging.getLogger("consist").removeHandler(handler)


def hold(folder, held, over):
    with single_flight(folder, ONE):
        held.set()
        over.wait(60)


def take(folder):
    with single_flight(folder, ONE, step="clean"):
        pass


@pytest.mark.parametrize("kind", [threading.Thread, multiprocessing.get_context("spawn").Process])
def test_who_waits_is_told_for_whom(folder, heard, monkeypatch, kind):
    monkeypatch.setattr(flight, "SAID_AFTER", 0.0)
    events = threading if kind is threading.Thread else multiprocessing.get_context("spawn")
    held, over = events.Event(), events.Event()
    holder = kind(target=hold, args=(folder, held, over))
    holder.start()
    assert held.wait(60)
    waiter = threading.Thread(target=take, args=(folder,))
    waiter.start()
    who = f"process {holder.pid}" if kind is not threading.Thread else "another thread"
    if sys.platform != "linux":
        who = "another process"
    assert heard.get(timeout=60) == f"step 'clean' waits for {who}, which executes the same run"
    over.set()
    waiter.join(60)
    holder.join(60)
    assert heard.empty()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux lists who holds locks")
def test_the_holder_of_a_file_of_this_number_on_another_disk_is_not_taken_for_this_ones(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        inode = os.fstat(file.fileno()).st_ino
        (ours,) = [line for line in Path("/proc/locks").read_text().splitlines() if f":{inode} " in line]
        kind, place = ours.split()[4], ours.split()[5]
        others = f"1: FLOCK ADVISORY {kind} 77 00:fff:{inode} 0 EOF\n2: FLOCK ADVISORY {kind} 78 {place}9 0 EOF\n"

        def listed(name, **how):
            return io.StringIO(others) if name == "/proc/locks" else Path(name).open(**how)

        monkeypatch.setattr(flight, "open", listed, raising=False)
        assert flight._holder(file.fileno()) is None
        others += ours
        assert flight._holder(file.fileno()) == os.getpid()


def test_who_waits_for_a_moment_is_told_nothing(folder, heard):
    held, over = threading.Event(), threading.Event()
    holder = threading.Thread(target=hold, args=(folder, held, over))
    holder.start()
    assert held.wait(60)
    over.set()
    with single_flight(folder, ONE, step="clean"):
        holder.join(60)
    assert heard.empty()


@pytest.mark.parametrize("together", [in_threads, in_processes])
def test_holders_exclude_each_other(tmp_path, folder, together):
    counter = tmp_path / "counter"
    counter.write_text("0")

    def work():
        for _ in range(ROUNDS):
            with single_flight(folder, ONE):
                mine = os.open(tmp_path / "held", os.O_CREAT | os.O_EXCL)  # fails if somebody else is within
                counter.write_text(str(int(counter.read_text()) + 1))
                os.close(mine)
                (tmp_path / "held").unlink()

    together([work] * 4)
    assert int(counter.read_text()) == 4 * ROUNDS
    assert os.listdir(folder) == []


def test_two_signatures_do_not_wait_for_each_other(folder):
    with single_flight(folder, ONE), single_flight(folder, TWO):
        assert is_locked(folder, ONE)
        assert is_locked(folder, TWO)
        assert sorted(os.listdir(folder)) == [ONE.raw.hex(), TWO.raw.hex()]
    assert os.listdir(folder) == []


def test_the_folder_is_made_for_its_owner_alone(folder):
    with single_flight(folder, ONE):
        assert stat.S_IMODE(Path(folder).stat().st_mode) == 0o700
        assert stat.S_IMODE(Path(folder, ONE.raw.hex()).stat().st_mode) == 0o600


def test_an_error_of_the_body_frees(folder):
    with pytest.raises(KeyError), single_flight(folder, ONE):
        raise KeyError
    assert not is_locked(folder, ONE)
    assert os.listdir(folder) == []


def hold_for_ever(folder, ready):
    with single_flight(folder, ONE):
        os.write(ready, b"x")
        signal.pause()


def test_a_killed_holder_frees(folder):
    reader, writer = os.pipe()
    child = fork(lambda: hold_for_ever(folder, writer))
    os.read(reader, 1)
    assert is_locked(folder, ONE)
    taken = threading.Event()

    def wait():
        with single_flight(folder, ONE):
            taken.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    assert not taken.is_set()
    os.kill(child.process, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    waiter.join(60)
    assert taken.is_set()
    assert os.listdir(folder) == []
    os.close(reader)
    os.close(writer)


def test_a_lock_does_not_live_on_in_a_child_of_its_holder(folder):
    """Its holder may have forked workers that outlive it."""
    ready, told = os.pipe()

    def work():
        os.write(told, os.getpid().to_bytes(8, "big"))  # so it has done all that a fork makes it do
        signal.pause()

    def holder():
        with single_flight(folder, ONE):
            fork(work)
            signal.pause()

    child = fork(holder)
    worker = int.from_bytes(os.read(ready, 8), "big")
    try:
        assert is_locked(folder, ONE)
        os.kill(child.process, signal.SIGKILL)
        os.waitpid(child.process, 0)
        os.kill(worker, 0)  # it lives
        assert not is_locked(folder, ONE)
    finally:
        os.kill(worker, signal.SIGKILL)
        os.close(ready)
        os.close(told)


def test_a_lock_does_not_live_on_in_a_child_that_python_was_not_told_of(folder):
    """A library may fork by itself: its child has a copy, and the holder's release must free the lock."""
    context = single_flight(folder, ONE)
    with context:
        held = os.open(f"{folder}/{ONE.raw.hex()}", os.O_RDWR)  # what a waiter has opened before the name is unlinked
        process = ctypes.PyDLL(None).fork()
        while process == 0:
            signal.pause()
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(held)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def test_a_child_forked_within_does_not_free_its_parents_lock(folder):
    def leave_the_block():
        context.__exit__(None, None, None)

    context = single_flight(folder, ONE)
    with context:
        fork(leave_the_block).result()
        assert is_locked(folder, ONE)
    assert not is_locked(folder, ONE)


def test_a_lock_whose_block_never_began_is_freed(folder):
    """Ctrl-C may come between the two."""
    taken = single_flight(folder, ONE)
    assert is_locked(folder, ONE)
    del taken
    assert not is_locked(folder, ONE)
    assert os.listdir(folder) == []


def test_a_waiter_whose_file_was_unlinked_looks_again(folder):
    """Three at one name: the second got the file that the first unlinked, and must not think that it holds the name."""
    inside = []

    def work():
        for _ in range(ROUNDS):
            with single_flight(folder, ONE):
                inside.append(1)
                assert len(inside) == 1
                assert is_locked(folder, ONE)
                inside.pop()

    in_threads([work] * 6)


def test_a_lock_that_cannot_be_unlinked_is_freed_all_the_same(folder):
    def fail(moment, operation, path):
        if operation == "unlink":
            raise OSError(errno.EROFS, "Read-only file system")

    answer = None
    fileops.set_tap(fail)
    try:
        with single_flight(folder, ONE):
            answer = "kept"
    finally:
        fileops.set_tap(None)
    assert answer == "kept"
    assert not is_locked(folder, ONE)


@pytest.mark.parametrize("operation", ["open", "mkdir", "lock"])
def test_what_cannot_be_made_is_our_own_error(folder, operation):
    def fail(moment, name, path):
        if name == operation:
            raise OSError(errno.ENOSPC, "No space left on device")

    fileops.set_tap(fail)
    try:
        with pytest.raises(errors.StorageFullError), single_flight(folder, ONE):
            raise AssertionError("not reached")
    finally:
        fileops.set_tap(None)
    with single_flight(folder, ONE):
        assert is_locked(folder, ONE)


def test_no_descriptor_leaks(folder):
    with single_flight(folder, ONE):
        pass
    before = len(os.listdir("/dev/fd"))
    for _ in range(20):
        with single_flight(folder, ONE):
            pass
    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.parametrize("what", ["a file", "nothing", "a folder"])
def test_a_link_in_the_place_of_a_lock_leads_nowhere(folder, tmp_path, what):
    """In a folder that a group shares anybody of it can put one there: what it leads to is not theirs to open."""
    other = tmp_path / "other"
    if what == "a folder":
        other.mkdir(mode=0o700)
    elif what == "a file":
        other.write_text("mine")
        other.chmod(0o600)
    os.makedirs(folder)  # noqa: PTH103 - as throughout
    os.symlink(other, f"{folder}/{ONE.hex}")  # noqa: PTH211 - as throughout
    with single_flight(folder, ONE, shared=True):
        assert is_locked(folder, ONE)
        assert not os.path.islink(f"{folder}/{ONE.hex}")  # noqa: PTH114 - as throughout
    assert os.listdir(folder) == []
    if what == "nothing":
        assert not other.exists()
    else:
        assert stat.S_IMODE(other.stat().st_mode) == (0o600 if what == "a file" else 0o700)


def test_a_folder_in_the_place_of_a_lock_is_said(folder):
    os.makedirs(f"{folder}/{ONE.hex}/within")  # noqa: PTH103 - as throughout
    with pytest.raises(errors.StorageError, match="Is a directory"), single_flight(folder, ONE):
        pass
    os.rmdir(f"{folder}/{ONE.hex}/within")  # noqa: PTH106 - as throughout
    with single_flight(folder, ONE):  # an empty one goes
        assert is_locked(folder, ONE)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become two users of one group")
def test_a_group_shares_its_locks(tmp_path, folder):
    shared = tmp_path / "store"
    shared.mkdir()
    os.chown(shared, 0, 5000)
    shared.chmod(0o2770)
    for above in (tmp_path, *tmp_path.parents[:-1]):
        if not above.stat().st_mode & 0o001:
            above.chmod(above.stat().st_mode | 0o011)

    def as_user(user):
        os.setgroups([])
        os.setgid(5000)
        os.setuid(user)
        os.umask(0o077)
        with single_flight(folder, ONE, shared=True):
            return stat.S_IMODE(Path(folder).stat().st_mode), stat.S_IMODE(Path(folder, ONE.raw.hex()).stat().st_mode)

    def leave_one_behind():
        as_user_locked = fork(lambda: as_user(5001))
        return as_user_locked.result()

    assert leave_one_behind() == (0o2770, 0o660)
    assert fork(lambda: as_user(5002)).result() == (0o2770, 0o660)
    Path(folder, ONE.raw.hex()).touch()  # as a killed holder of the first user leaves it
    os.chown(Path(folder, ONE.raw.hex()), 5001, 5000)
    Path(folder, ONE.raw.hex()).chmod(0o660)
    assert fork(lambda: as_user(5002)).result() == (0o2770, 0o660)
    assert os.listdir(folder) == []


def test_a_killed_holders_file_is_swept_and_a_held_lock_is_not(tmp_path):
    from consist.hashing.hasher import hash_bytes
    from consist.store.flight import single_flight, sweep_locks

    folder = tmp_path / "locks"
    with single_flight(str(folder), hash_bytes(b"held")):
        left = folder / hash_bytes(b"killed").hex
        left.write_bytes(b"")
        assert sweep_locks(str(folder)) == 1
        assert [path.name for path in folder.iterdir()] == [hash_bytes(b"held").hex]
    assert sweep_locks(str(tmp_path / "nowhere")) == 0
