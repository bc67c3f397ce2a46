"""What is no run is written in batches, each exactly once, whoever dies when."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections import Counter

import pytest

from consist import errors
from consist.index.records import Event
from consist.store import events as store_events
from consist.store.opening import open_store
from consist.testing import faults
from consist.testing.together import fork, in_processes, in_threads

RUN = "0123456789abcdef0123"
OTHER = "f" * 20


@pytest.fixture
def logged(tmp_path, by_hand):
    """Return all rows of all log objects of the store, read by the words of the format."""

    def read(name="store"):
        rows = []
        for key, data in sorted(by_hand.objects(tmp_path / name).items()):
            if key.startswith("log/"):
                frame = by_hand.unframe(data)
                assert (frame.kind, frame.key.decode(), frame.fields[0]) == (3, key, 0)
                rows.append(frame.fields[1])
        return rows

    return read


def hits_in(logged) -> Counter:
    return sum((Counter({row[1]: row[3]}) for batch in logged() for row in batch if row[0] == "hit"), Counter())


def test_hits_are_gathered_and_counted(store, logged):
    for _ in range(3):
        store.events.hit(RUN)
    store.events.hit(OTHER)
    assert logged() == []
    store.events.flush()
    ((one, two),) = logged()
    assert {(row[0], row[1], row[3]) for row in (one, two)} == {("hit", RUN, 3), ("hit", OTHER, 1)}
    assert store.index.hits(RUN).count == 3
    assert store.index.hits(RUN).last == next(row[2] for row in (one, two) if row[1] == RUN)
    assert store.index.pending_events() == []


def test_nothing_gathered_writes_nothing(store, logged):
    store.events.flush()
    store.close()
    assert logged() == []


def test_other_events_keep_their_order_and_text(store, logged):
    store.events.add(Event("tag", RUN, 5, text="good"))
    store.events.add(Event("untag", RUN, 6, text="good"))
    store.events.flush()
    assert logged() == [[["tag", RUN, 5, 1, "good"], ["untag", RUN, 6, 1, "good"]]]


def test_members_are_gathered_once_each(store, logged):
    for _ in range(3):
        store.events.member(RUN, "a" * 20)
    store.events.member(RUN, "b" * 20)
    store.events.member(OTHER, "a" * 20)
    store.events.hit(RUN)
    assert logged() == []
    store.events.flush()
    (rows,) = logged()
    assert sorted((row[0], row[1], row[3], row[4]) for row in rows) == [
        ("hit", RUN, 1, ""),
        ("member", RUN, 1, "a" * 20),
        ("member", RUN, 1, "b" * 20),
        ("member", OTHER, 1, "a" * 20),
    ]
    assert store.index.parents(RUN) == ("a" * 20, "b" * 20)
    store.events.member(RUN, "a" * 20)
    store.events.flush()
    assert len(logged()) == 2
    assert store.index.parents(RUN) == ("a" * 20, "b" * 20)


def test_more_events_than_a_log_object_may_hold_are_several(store, logged, monkeypatch):
    monkeypatch.setattr(store_events, "BATCH", 3)
    for number in range(8):
        store.events.hit(f"{number:020x}")
    store.events.flush()
    assert sorted(len(rows) for rows in logged()) == [2, 3, 3]
    assert hits_in(logged) == {f"{number:020x}": 1 for number in range(8)}


def test_each_flush_is_a_batch_of_its_own(store, logged):
    for _ in range(3):
        store.events.hit(RUN)
        store.events.flush()
    assert len(logged()) == 3
    assert hits_in(logged) == {RUN: 3}


def test_names_of_batches_say_day_and_machine(store, tmp_path):
    store.events.hit(RUN)
    store.events.flush()
    (path,) = (tmp_path / "store/log").rglob("*-*-*/*")
    import datetime as dt

    assert abs((dt.date.fromisoformat(path.parent.name) - dt.datetime.now(dt.UTC).date()).days) <= 1
    assert all(letter.isalnum() or letter in "-._" for letter in path.name)


@pytest.mark.parametrize("moment", faults.MOMENTS)
def test_a_writer_killed_at_any_step_leaves_a_batch_that_is_delivered_once(tmp_path, logged, moment):
    """The steps: into the index, into the store, the index notes it. Killed before and after each file operation."""

    def write():
        store = open_store(str(tmp_path / "store"), str(tmp_path / "index.lmdb"))
        store.events.hit(RUN)
        store.events.flush()

    fork(write).result()
    operations = faults.kill_points(write)
    killed = 0
    for at in range(operations):
        before = hits_in(logged)[RUN]
        killed += faults.run_killed(write, at=at, moment=moment)
        store = open_store(str(tmp_path / "store"), str(tmp_path / "index.lmdb"))
        store.events.deliver()
        in_store, in_index = hits_in(logged)[RUN], store.index.hits(RUN).count
        store.index.close()
        assert in_store == in_index  # lost from both, or in both
        assert in_store - before in {0, 1}
    assert killed == operations
    assert hits_in(logged)[RUN] > 2  # some were killed after the index had it


def test_delivery_is_once_though_two_deliver(tmp_path, logged, make_store):
    store = make_store()
    framed = store_events.encode_events("log/2026-01-01/here-1", [Event("hit", RUN, 1, 5)])
    store.index.add_events("log/2026-01-01/here-1", framed, [Event("hit", RUN, 1, 5)])
    store.index.close()

    def deliver():
        open_store(str(tmp_path / "store"), str(tmp_path / "index.lmdb")).events.deliver()

    in_processes([deliver] * 4)
    assert hits_in(logged) == {RUN: 5}
    assert store.index.hits(RUN).count == 5
    assert store.index.pending_events() == []


def test_a_delivery_whose_confirmation_was_lost_is_confirmed_next_time(store, logged):
    store.events.hit(RUN)
    real, store.index.__class__.confirm_events = store.index.__class__.confirm_events, lambda *_: None
    try:
        store.events.flush()
    finally:
        store.index.__class__.confirm_events = real
    assert len(store.index.pending_events()) == 1
    store.events.flush()
    assert store.index.pending_events() == []
    assert hits_in(logged) == {RUN: 1}


def test_what_the_store_cannot_take_waits_in_the_index(store, logged):
    store.events.hit(RUN)
    with faults.failing(errno.ENOSPC, name="link"), pytest.raises(errors.StorageFullError):
        store.events.flush()
    assert logged() == []
    assert store.index.hits(RUN).count == 1
    store.events.flush()
    assert hits_in(logged) == {RUN: 1}
    assert store.index.hits(RUN).count == 1


@pytest.mark.parametrize("moment", faults.MOMENTS)
def test_what_the_index_cannot_take_waits_in_memory(store, logged, moment):
    store.events.hit(RUN)
    store.events.add(Event("pin", RUN, 7, text="mine"))
    with faults.failing(errno.ENOSPC, name="commit", moment=moment), pytest.raises(errors.StorageFullError):
        store.events.flush()
    assert logged() == []
    store.events.hit(RUN)
    store.events.flush()
    assert hits_in(logged) == {RUN: 2}
    assert store.index.hits(RUN).count == 2
    assert [mark.text for mark in store.index.marks(RUN, "pin")] == ["mine"]
    store.events.flush()
    assert len(logged()) == 2


def test_a_forked_child_writes_its_own_and_not_its_parents(store, tmp_path, logged):
    store.events.hit(RUN)

    def child():
        store.events.hit(OTHER)
        store.events.flush()

    fork(child).result()
    assert hits_in(logged) == {OTHER: 1}
    store.events.flush()
    assert hits_in(logged) == {RUN: 1, OTHER: 1}
    assert store.index.hits(RUN).count == 1
    assert store.index.hits(OTHER).count == 1


def test_threads_lose_no_hit(store, logged):
    def work():
        for _ in range(200):
            store.events.hit(RUN)
            if os.urandom(1)[0] < 20:
                store.events.flush()

    in_threads([work] * 4)
    store.events.flush()
    assert hits_in(logged) == {RUN: 800}
    assert store.index.hits(RUN).count == 800


SCRIPT = """
import sys
from consist.store.opening import open_store
store = open_store(sys.argv[1], sys.argv[2], durable=False)
for _ in range(3):
    store.events.hit(sys.argv[3])
{ending}
"""


@pytest.mark.parametrize("ending", ["", "del store", "raise SystemExit(0)", "import gc; store = None; gc.collect()"])
def test_the_end_of_the_process_writes(tmp_path, logged, ending):
    arguments = [str(tmp_path / "store"), str(tmp_path / "index.lmdb"), RUN]
    script = SCRIPT.format(ending=ending)
    subprocess.run([sys.executable, "-W", "error", "-c", script, *arguments], check=True)
    assert hits_in(logged) == {RUN: 3}


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_the_end_of_a_worker_writes(tmp_path, logged, method):
    """Workers of `multiprocessing` leave without `atexit`."""
    script = """
import multiprocessing, sys
from consist.store.opening import open_store

def hit(store, db_path, run):
    open_store(store, db_path, durable=False).events.hit(run)

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[4])
    workers = [context.Process(target=hit, args=sys.argv[1:4]) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    sys.exit(max(worker.exitcode for worker in workers))
"""
    path = tmp_path / "script.py"
    path.write_text(script)
    arguments = [str(tmp_path / "store"), str(tmp_path / "index.lmdb"), RUN, method]
    subprocess.run([sys.executable, str(path), *arguments], check=True)
    assert hits_in(logged) == {RUN: 2}


@pytest.mark.parametrize("loaded", [True, False], ids=["multiprocessing", "alone"])
def test_a_process_that_opens_many_stores_keeps_none(tmp_path, loaded):
    """Each left a function for the end of the process, and with `multiprocessing` a finalizer."""
    script = """
import atexit, gc, sys, threading, weakref
if sys.argv[3] == "True":
    import multiprocessing.util
from consist.store.opening import open_store

def at_end():
    util = sys.modules.get("multiprocessing.util")
    return atexit._ncallbacks() + (len(util._finalizer_registry) if util else 0)

counts, logs = [], []
for number in range(20):
    store = open_store(f"{sys.argv[1]}/{number}", f"{sys.argv[2]}/{number}", durable=False)
    store.events.hit("0" * 20)
    store.close()
    counts.append(at_end())
    logs.append(weakref.ref(store.events))
del store
[thread.join(60) for thread in threading.enumerate() if isinstance(thread, threading.Timer)]  # cancelled, not ended
gc.collect()
assert counts[0] == counts[-1], counts
assert not [log for log in logs if log() is not None]
"""
    arguments = [str(tmp_path / "stores"), str(tmp_path), str(loaded)]
    subprocess.run([sys.executable, "-W", "error", "-c", script, *arguments], check=True)


def test_all_stores_of_a_process_are_written_at_its_end(tmp_path, logged):
    script = """
import sys
from consist.store.opening import open_store
stores = [open_store(f"{sys.argv[1]}{number}", f"{sys.argv[2]}{number}", durable=False) for number in range(3)]
for store in stores:
    store.events.hit(sys.argv[3])
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "store"), str(tmp_path / "index"), RUN], check=True)
    assert [len(logged(f"store{number}")) for number in range(3)] == [1, 1, 1]


def test_a_minute_after_the_first_event_it_is_written(store, logged, monkeypatch):
    monkeypatch.setattr(store_events, "FLUSH_SECONDS", 0.0)
    store.events.hit(RUN)
    timer = store.events._timer
    if timer is not None:  # else it has fired already
        timer.join(60)
    store.events.flush()  # waits for nothing: takes what a timer that fires right now has left
    assert hits_in(logged) == {RUN: 1}


def test_the_minute_begins_anew_after_a_flush(store, logged):
    store.events.hit(RUN)
    first = store.events._timer
    assert first.interval == 60
    store.events.flush()
    assert store.events._timer is None
    store.events.hit(RUN)
    assert store.events._timer not in {None, first}
    assert first.finished.is_set()
    store.events.flush()


def test_a_timer_that_cannot_write_stays_quiet(store, logged):
    store.events.hit(RUN)
    with faults.failing(errno.ENOSPC, name="commit") as failed:
        store.events._flush_quietly()
    assert failed
    store.events.flush()
    assert hits_in(logged) == {RUN: 1}


def test_events_are_of_one_store(make_store, tmp_path, logged):
    one, two = make_store("one"), make_store("two")
    one.events.hit(RUN)
    two.events.flush()
    one.events.flush()
    assert len(logged("one")) == 1
    assert logged("two") == []
    assert two.index.hits(RUN).count == 0
