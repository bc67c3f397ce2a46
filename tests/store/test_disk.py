"""Disks that are full, read-only or broken: nothing half written, earlier runs intact, and it is said clearly.

Before the function is called it is an error of our own; once it has returned, its value comes back with a warning.
"""

# ruff: noqa: PT017 - whether a call fails depends on the disk; if it does, it must fail like this

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import traceback
import warnings
from pathlib import Path

import pytest

from consist import Tracker, errors
from consist.store.verify import verify
from consist.testing import faults

BIG = 60_000


def work(value):
    with Path("calls").open("a") as file:
        file.write(f"{value}\n")
    return {"small": value, "large": bytes([value]) * BIG}


def calls() -> list[str]:
    return Path("calls").read_text().splitlines()


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def disk(tmp_path):
    """A disk of 4 MiB of its own."""
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("only root on Linux can mount a small disk")
    path = tmp_path / "disk"
    path.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(path)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def fill_up(disk: Path, *, leave: int) -> Path:
    """Fill a disk but for so many bytes."""
    filler = disk / "filler"
    free = shutil.disk_usage(disk).free
    if free > leave:
        filler.write_bytes(bytes(free - leave))
    return filler


def set_read_only(disk: Path, *, on: bool) -> None:
    subprocess.run(["mount", "-o", "remount,ro" if on else "remount,rw", str(disk)], check=True)


def open_tracker(*, store, db_path="index.lmdb"):
    return Tracker(run_dir="runs", db_path=db_path, store=store)


def objects(store) -> dict[str, bytes]:
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in Path(store).rglob("*")
        if path.is_file() and path.relative_to(store).parts[0] in {"blobs", "results", "runs", "log"}
    }


def run_and_listen(tracker, value) -> list[str]:
    """Run it, whose value must come back in any case; return what was said of what could not be kept."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = tracker.run(work, config={"value": value})
    assert result.value == {"small": value, "large": bytes([value]) * BIG}
    assert {warning.category for warning in said} <= {errors.UncacheableWarning}
    return [str(warning.message) for warning in said]


def left_overs(store) -> list[str]:
    return [str(path) for place in ("tmp", "locks") for path in (Path(store) / place).rglob("*")]


def check_earlier(tracker, values):
    for value in values:
        found = tracker.run(work, config={"value": value})
        assert (found.cache_hit, found.value) == (True, {"small": value, "large": bytes([value]) * BIG})


def check_whole(tracker):
    assert verify(tracker.store, read_data=True).findings == ()


@pytest.mark.parametrize("leave", [0, 4096, 16384, BIG // 2, 4 * BIG])
def test_a_full_disk_at_the_store(disk, leave):
    store = disk / "store"
    tracker = open_tracker(store=store)
    tracker.run(work, config={"value": 1})
    before = objects(store)
    filler = fill_up(disk, leave=leave)
    said = run_and_listen(tracker, 2)
    for message in said:
        assert "No space left on device" in message
        assert str(disk) in message
        assert "free some space" in message
    failed = bool(said)
    assert failed == (leave < BIG)
    if leave == 0:  # not even the record has room
        assert "is not recorded" in said[-1]
    assert left_overs(store) == []
    new = {key for key in objects(store) if key not in before}
    assert {key: data for key, data in objects(store).items() if key in before} == before
    if failed:  # at most the record of the run, which no signature leads to
        assert {key.partition("/")[0] for key in new} <= {"runs"}
    check_earlier(tracker, [1])
    check_whole(tracker)
    filler.unlink()
    again = tracker.run(work, config={"value": 2})
    assert again.cache_hit == (not failed)
    check_earlier(tracker, [1, 2])
    check_whole(tracker)
    tracker.close()
    tracker.store.index.close()


@pytest.mark.parametrize("leave", [0, 4096, 16384])
def test_a_full_disk_at_the_index(disk, leave):
    """The index may then lag behind the store, which it is made from."""
    db_path = disk / "index.lmdb"
    tracker = open_tracker(store="store", db_path=db_path)
    tracker.run(work, config={"value": 1})
    filler = fill_up(disk, leave=leave)
    done, failed = [1], []
    for value in range(2, 40):
        said = run_and_listen(tracker, value)
        assert all(f"cannot use {db_path}" in text or f"cannot commit {db_path}" in text for text in said)
        (failed if said else done).append(value)
        check_earlier(tracker, done)
        if failed:
            break
    assert failed
    check_whole(tracker)
    assert left_overs("store") == []
    tracker.store.index.close()
    filler.unlink()
    before = calls()
    assert tracker.run(work, config={"value": failed[0]}).value["small"] == failed[0]
    assert calls() == before  # the store had it already
    check_earlier(tracker, [*done, *failed])
    tracker.close()
    tracker.store.index.close()


def test_no_room_for_a_new_store_or_index(disk):
    filler = fill_up(disk, leave=0)
    for options in ({"store": disk / "store"}, {"store": "store", "db_path": disk / "index.lmdb"}):
        tracker = open_tracker(**options)
        with pytest.raises(errors.StorageFullError, match=f"{disk}/"):
            tracker.run(work, config={"value": 1})
    assert not Path("calls").exists()
    filler.unlink()
    for options in ({"store": disk / "store"}, {"store": "store", "db_path": disk / "index.lmdb"}):
        tracker = open_tracker(**options)
        assert not tracker.run(work, config={"value": 1}).cache_hit
        check_whole(tracker)
        tracker.close()
        tracker.store.index.close()


def test_a_read_only_store_is_read(disk):
    store = disk / "store"
    tracker = open_tracker(store=store)
    tracker.run(work, config={"value": 1})
    tracker.close()
    before = objects(store)
    set_read_only(disk, on=True)
    with tracker:
        check_earlier(tracker, [1])
        with pytest.raises(
            errors.StoragePermissionError, match=f"{disk}.*Read-only file system.*choose another folder"
        ) as raised:
            tracker.run(work, config={"value": 2})
        assert "".join(traceback.format_exception(raised.value)).count("Traceback") == 2  # the system's word, and ours
        assert calls() == ["1"]  # nothing was executed in vain
        check_whole(tracker)
    run_id = tracker.find_runs()[0].id
    assert tracker.store.index.hits(run_id).count == 1
    tracker.store.index.close()
    with open_tracker(store=store, db_path="another.lmdb") as another:
        check_earlier(another, [1])
    another.store.index.close()
    assert objects(store) == before
    set_read_only(disk, on=False)
    with tracker:
        assert not tracker.run(work, config={"value": 2}).cache_hit
    assert tracker.store.index.pending_events() == []  # the hit has reached the store now
    assert sum(key.startswith("log/") for key in objects(store)) == 1
    check_whole(tracker)
    tracker.store.index.close()


def test_a_read_only_folder_for_all(disk):
    tracker = open_tracker(store=disk / "store", db_path=disk / "index.lmdb")
    tracker.run(work, config={"value": 1})
    tracker.close()
    tracker.store.index.close()
    before = objects(disk / "store")
    set_read_only(disk, on=True)
    with pytest.raises(errors.StoragePermissionError, match=f"{disk}.*Read-only file system"):
        tracker.run(work, config={"value": 2})
    with pytest.raises(errors.StoragePermissionError, match=f"{disk}.*Read-only file system"):
        open_tracker(store=disk / "new.store", db_path=disk / "new.lmdb").run(work, config={"value": 2})
    assert calls() == ["1"]
    assert objects(disk / "store") == before
    set_read_only(disk, on=False)
    check_earlier(tracker, [1])
    tracker.run(work, config={"value": 2})
    check_whole(tracker)
    tracker.close()
    tracker.store.index.close()


@pytest.mark.parametrize("index", ["index.lmdb", "new.lmdb", "folder/new.lmdb"])
def test_no_store_is_made_where_its_index_cannot_be(disk, index):
    """Neither where there is an index that can be read, of other stores."""
    tracker = open_tracker(store=disk / "store", db_path=disk / "index.lmdb")
    tracker.run(work, config={"value": 1})
    tracker.close()
    tracker.store.index.close()
    set_read_only(disk, on=True)
    with pytest.raises(errors.StoragePermissionError, match=str(disk / index.partition("/")[0])):
        open_tracker(store="new.store", db_path=disk / index).run(work, config={"value": 2})
    assert not Path("new.store").exists()
    assert calls() == ["1"]


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, errors.StorageFullError),
        (errno.EROFS, errors.StoragePermissionError),
        (errno.EIO, errors.StorageError),
    ],
)
@pytest.mark.parametrize("moment", faults.MOMENTS)
@pytest.mark.filterwarnings("ignore::consist.ConsistWarning")
def test_every_operation_of_a_call_may_fail(tmp_path, number, kind, moment):
    """Each in turn: the call fails with our own error or says what it does without; the same call succeeds after."""
    tracker = open_tracker(store="store")
    tracker.run(work, config={"value": 0})
    with faults.recorded() as operations:
        tracker.run(work, config={"value": 1})
    tracker.run(work, config={"value": 255})
    tried = failures = raised = 0
    for at in range(len(operations)):
        value = 2 + at
        with faults.failing(number, at=at, moment=moment) as failed:
            before = calls()
            try:
                said = run_and_listen(tracker, value)
            except errors.StorageError as error:
                assert isinstance(error, kind)
                assert error.__cause__ is None or isinstance(error.__cause__, OSError)
                assert calls() == before  # nothing was executed in vain
                raised += 1
            else:
                assert all(os.strerror(number) in text for text in said)
                failures += bool(said)
        tried += bool(failed)
        check_earlier(tracker, [0, 1])
        check_whole(tracker)
        tracker.run(work, config={"value": value})
        check_earlier(tracker, [value])
    assert tried >= 17  # a blob, a record, a commit and a lock, with all folders there
    assert raised + failures >= 11
    assert failures >= 8
    check_whole(tracker)
    tracker.store.backend.sweep(0)
    assert left_overs("store") == []
    tracker.close()
    tracker.store.index.close()
