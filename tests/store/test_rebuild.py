"""Nothing lives in the index only: deleted and made anew from the store, it is the same, byte for byte."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest

from consist import CacheOptions, Tracker, errors
from consist.blobs.wrappers.base import Wrapper
from consist.index.environment import Environment, UntrustedIndexError
from consist.index.records import Event, InputRecord
from consist.store import opening
from consist.store.lookup import find
from consist.store.opening import open_store
from consist.store.publish import keep, publish
from consist.store.rebuild import Rebuilt, rebuild
from consist.store.verify import verify
from consist.testing import faults
from consist.testing.together import fork

INDEX_TABLES = (
    "results",
    "runs",
    "by_time",
    "by_step",
    "by_status",
    "by_tag",
    "by_parent",
    "by_asked",
    "producers",
    "consumers",
    "hits",
)


def fill(store, by_hand, seed=0):
    """Give a store all that it can hold: completed, kept, superseded and failed runs, and every kind of event."""
    rng = random.Random(seed)  # noqa: S311 - the same on every run
    runs = []
    for number in range(12):
        record = by_hand.record(
            store,
            id=f"{rng.getrandbits(80):020x}",
            signature=by_hand.signature(f"{seed} {number % 7}"),
            content=f"content {number % 3}".encode() * 700,
            step=f"step {number % 4}",
            started=100 - number,
            tags=("early", f"tag {number}"),
            parent=runs[-1].id if runs and number % 2 else "",
            asked=tuple(run.id for run in runs[-2:]),
            facet={"number": number},
            inputs=tuple(InputRecord("in", "artifact", run.outputs[0].digest, 1, "") for run in runs[-1:]),
        )
        runs.append(record)
        if number == 11:
            keep(store, by_hand.record(signature=None, step="broken", status="failed", outputs=(), error=("E", "x")))
        publish(store, record, overwrite=number % 5 == 0)
    ids = [run.id for run in runs]
    for number, run_id in enumerate(ids):
        for _ in range(number):
            store.events.hit(run_id)
    store.events.add(Event("tag", ids[0], 50, text="late"))
    store.events.add(Event("tag", ids[1], 50, text="brief"))
    store.events.flush()
    store.events.add(Event("untag", ids[1], 51, text="brief"))
    store.events.add(Event("untag", ids[2], 51, text="early"))
    store.events.add(Event("pin", ids[3], 52, text="paper"))
    store.events.add(Event("member", ids[4], 52, text="scenario"))
    store.events.add(Event("hit", ids[5], 53, 1000))
    store.events.flush()
    return runs


def comparable(tables):
    """Leave out what is the machine's own: digests of its files, and when it last saw a blob."""
    return {name: rows for name, rows in tables.items() if name not in {"files", "blobs"}}


def test_a_deleted_index_comes_back_as_it_was(make_store, by_hand, tmp_path):
    store = make_store()
    fill(store, by_hand)
    before = by_hand.dump(store)
    for name in INDEX_TABLES:
        assert before[name], name
    (tmp_path / "index.lmdb").unlink()
    anew = make_store()
    objects = by_hand.objects(tmp_path / "store")
    assert rebuild(anew) == Rebuilt(
        runs=sum(key.startswith(("results/", "runs/")) for key in objects),
        batches=sum(key.startswith("log/") for key in objects),
        damaged=0,
    )
    after = by_hand.dump(anew)
    assert comparable(after) == comparable(before)
    assert after["blobs"].keys() == before["blobs"].keys()
    assert by_hand.objects(tmp_path / "store") == objects


def test_rebuilding_over_a_good_index_changes_nothing(store, by_hand):
    fill(store, by_hand)
    before = by_hand.dump(store)
    for _ in range(2):
        rebuild(store)
        assert by_hand.dump(store) == before


def test_what_the_index_has_too_much_goes(make_store, by_hand):
    store = make_store()
    fill(store, by_hand)
    before = by_hand.dump(store)
    stray = by_hand.record(signature=by_hand.signature("stray"), step="stray")
    store.index.put_run(stray, b"whatever")
    rebuild(store)
    assert by_hand.dump(store) == before


def test_another_store_of_the_same_index_is_left_alone(make_store, by_hand):
    one, two = make_store("one"), make_store("two")
    fill(one, by_hand, 1)
    fill(two, by_hand, 2)
    before = by_hand.dump(one)
    rebuild(one)
    assert by_hand.dump(one) == before


def test_undelivered_events_survive(store, by_hand):
    runs = fill(store, by_hand)
    count = store.index.hits(runs[3].id).count
    store.events.hit(runs[3].id)
    rebuild(store)
    assert store.index.hits(runs[3].id).count == count + 1
    assert store.index.pending_events() == []


def test_the_run_that_a_signature_leads_to_has_the_last_word(make_store, by_hand, tmp_path):
    """An overwriter killed between its copy and its replacement leaves one run under both names."""
    store = make_store()
    signature = by_hand.signature()
    old = by_hand.record(store, signature=signature)
    publish(store, old)

    def overwrite():
        here = open_store(str(tmp_path / "store"), str(tmp_path / "index.lmdb"), durable=False)
        publish(here, by_hand.record(here, signature=signature), overwrite=True)

    for at in range(60):
        faults.run_killed(overwrite, at=at, moment="before")
        if (tmp_path / "store/runs" / old.id).exists():
            break
    assert find(make_store(db="clean.lmdb"), signature) == old
    another = make_store(db="another.lmdb")
    rebuild(another)
    assert another.index.find(signature) == old
    assert [run.id for run in another.index.runs()] == [old.id]


def spoil(by_hand, path, how):
    data = path.read_bytes()
    spoilt = {
        "empty": b"",
        "short": data[:-1],
        "flipped": data[:50] + bytes([data[50] ^ 4]) + data[51:],
        "newer": data[:4] + b"\x01" + data[5:],
    }
    by_hand.overwrite(path, spoilt[how])


@pytest.mark.parametrize("how", ["empty", "short", "flipped", "newer"])
@pytest.mark.parametrize("area", ["results", "runs", "log"])
def test_what_is_damaged_is_left_out_with_a_warning(make_store, by_hand, tmp_path, area, how):
    store = make_store()
    fill(store, by_hand)
    path = min(path for path in (tmp_path / "store" / area).rglob("*") if path.is_file())
    spoilt_id = None if area == "log" else by_hand.unframe(path.read_bytes()).fields[1]
    before = {run.id for run in store.index.runs()}
    spoil(by_hand, path, how)
    anew = make_store(db="anew.lmdb")
    key = path.relative_to(tmp_path / "store")
    with pytest.warns(errors.DamagedWarning, match=f"{key} is left out of the index: ") as seen:
        found = rebuild(anew)
    assert (len(seen), found.damaged) == (1, 1)
    assert {run.id for run in anew.index.runs()} == before - {spoilt_id}


def test_two_records_under_each_others_names_are_left_out(make_store, by_hand):
    store, anew = make_store(), make_store(db="anew.lmdb")
    one, two = (by_hand.path(store, "results", by_hand.signature(text)) for text in "ab")
    for text in "ab":
        publish(store, by_hand.record(store, signature=by_hand.signature(text)))
    first, second = one.read_bytes(), two.read_bytes()
    by_hand.overwrite(one, second)
    by_hand.overwrite(two, first)
    with pytest.warns(errors.DamagedWarning):
        assert rebuild(anew) == Rebuilt(runs=0, batches=0, damaged=2)
    assert list(anew.index.runs()) == []
    with pytest.warns(errors.DamagedWarning):
        assert rebuild(store) == Rebuilt(runs=2, batches=0, damaged=0, mended=2)
    assert [path.read_bytes()[28:60] for path in (one, two)] == [by_hand.signature(text).raw for text in "ab"]


def test_foreign_files_are_left_out(store, by_hand, tmp_path):
    publish(store, by_hand.record(store, signature=by_hand.signature()))
    (tmp_path / "store/results/notes.txt").write_text("mine")
    with pytest.warns(errors.DamagedWarning, match="results/notes.txt is left out of the index"):
        assert rebuild(store) == Rebuilt(runs=1, batches=0, damaged=1)


def test_a_rebuild_that_was_killed_says_so_and_can_be_done_again(make_store, by_hand, tmp_path):
    store = make_store()
    fill(store, by_hand)
    before = by_hand.dump(store)

    def work():
        rebuild(open_store(str(tmp_path / "store"), str(tmp_path / "index.lmdb")))

    operations = faults.kill_points(work)
    for at in range(operations):
        assert faults.run_killed(work, at=at, moment="before")
        if by_hand.dump(store) != before:
            assert store.index.needs_rebuild
    assert store.index.needs_rebuild
    rebuild(store)
    assert not store.index.needs_rebuild
    assert by_hand.dump(store) == before


def test_an_index_that_a_crash_of_the_machine_may_have_torn_is_made_anew_by_opening(make_store, by_hand, tmp_path):
    store = make_store()
    fill(store, by_hand)
    before = by_hand.dump(store)

    def leave_a_mark_of_an_earlier_boot():
        from consist.index import unsynced

        unsynced.boot_id = lambda: "an earlier boot"
        again = open_store(str(tmp_path / "store"), str(tmp_path / "index.lmdb"), durable=False)
        again.index.environment.write(lambda _transaction, _tables: None)

    fork(leave_a_mark_of_an_earlier_boot).result()
    with pytest.raises(UntrustedIndexError):
        Environment(tmp_path / "index.lmdb").read(lambda _transaction, _tables: None)
    anew = make_store()
    assert comparable(by_hand.dump(anew)) == comparable(before)
    assert not anew.index.needs_rebuild


def test_the_next_call_hits_without_any_index(tmp_path):
    """The promise as a user sees it, in new processes."""
    script = tmp_path / "script.py"
    script.write_text(
        """
import consist

def double(value):
    print("executed")
    return {"doubled": value * 2, "blob": b"x" * value}

with consist.Tracker(run_dir="runs", db_path="index.lmdb") as tracker:
    for value in (1, 5000):
        result = tracker.run(double, config={"value": value})
        print(result.cache_hit, result.value["doubled"], len(result.value["blob"]), result.run.id)
"""
    )

    def run():
        answer = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert answer.stderr == ""
        return answer.stdout.splitlines()

    first = run()
    assert [line.split()[:3] for line in first] == [
        ["executed"],
        ["False", "2", "1"],
        ["executed"],
        ["False", "10000", "5000"],
    ]
    (tmp_path / "index.lmdb").unlink()
    again = [line.replace("False", "True") for line in first if line != "executed"]
    assert run() == again
    for path in tmp_path.glob("index.lmdb*"):
        path.unlink()
    assert run() == again
    assert run() == again


def test_runs_of_a_tracker_come_back(tmp_path, by_hand, monkeypatch):
    """Failed runs, children, files, overwritten runs: as they are really written."""
    monkeypatch.chdir(tmp_path)

    def fail():
        raise ValueError("no")

    def outer():
        return tracker.run(pow, name="inner", config={"base": 3, "exp": 2}).value

    def make_file():
        path = tmp_path / "out.txt"
        path.write_text("line\n" * 5000)
        return path

    with Tracker(run_dir="runs", db_path="index.lmdb", durable=False) as tracker:
        with pytest.raises(ValueError, match="no"):
            tracker.run(fail)
        made = tracker.run(make_file)
        tracker.run(os.path.getsize, name="read", inputs={"filename": made.outputs["value"]})
        tracker.run(outer)
        for _ in range(2):
            tracker.run(pow, name="power", config={"base": 2, "exp": 5}, tags=["x"])
        tracker.run(pow, name="power", config={"base": 2, "exp": 5}, cache_options=CacheOptions(cache_mode="overwrite"))
        tracker.run(pow, name="power", config={"base": 2, "exp": 5}, cache_options=CacheOptions(cache_mode="off"))
    store = tracker.store
    before = by_hand.dump(store)
    for path in tmp_path.glob("index.lmdb*"):
        path.unlink()
    tracker.close()
    rebuild(tracker.store)
    assert comparable(by_hand.dump(tracker.store)) == comparable(before)
    tracker.store.index.close()


def test_the_chunk_table_comes_back_from_manifests_and_from_packs_of_an_interrupted_put(make_store, tmp_path):
    store = make_store()
    data = random.Random(5).randbytes(3 << 20)  # noqa: S311 - any content
    whole = store.blobs.put_bytes(data)
    other = store.blobs.put_bytes(data[::-1])
    interrupted = tmp_path / "store" / "manifests" / other.digest.hex[:2] / other.digest.hex[2:]
    interrupted.unlink()
    assert len(packs(tmp_path)) == 2
    store.index.close()
    store.index.environment.delete()
    again = make_store()
    assert rebuild(again) == Rebuilt(0, 0, 0)
    before = packs(tmp_path)
    for path in tmp_path.glob("store/manifests/*/*"):
        path.unlink()
    with faults.recorded() as operations:
        assert again.blobs.put_bytes(data).digest == whole.digest
        assert again.blobs.put_bytes(data[::-1]).digest == other.digest
    assert packs(tmp_path) == before
    assert not [operation for operation in operations if "/packs/" in operation.path]


def packs(tmp_path):
    return {path: path.stat().st_ino for path in tmp_path.glob("store/packs/*/*")}


class NoSingles(Wrapper):
    """A backend that counts batches, and the single objects that are read of what there are many of."""

    def __init__(self, inner):
        super().__init__(inner)
        self.batches = 0
        self.singles = 0

    def get_ranges(self, ranges):
        self.batches += 1
        return self.inner.get_ranges(ranges)

    def get(self, key):
        self.singles += "/" in key
        return self.inner.get(key)


@pytest.mark.parametrize("deed", [rebuild, verify])
def test_records_manifests_and_events_come_in_batches(make_store, by_hand, monkeypatch, deed):
    """Over a network one by one they would be a round trip each; here 120 of them are a few."""
    store = make_store()
    for number in range(100):
        publish(store, by_hand.record(signature=by_hand.signature(str(number)), inline=b"%d" % number))
    for _ in range(10):
        store.blobs.put_bytes(os.urandom(1 << 20))
    for number in range(10):
        store.events.add(Event("hit", by_hand.record().id, number))
        store.events.flush()
    assert len(list(store.backend.list("log"))) == 10
    open_backend, made = opening.open_backend, []

    def noting(*args, **kwargs):
        made.append(NoSingles(open_backend(*args, **kwargs)))
        return made[-1]

    monkeypatch.setattr(opening, "open_backend", noting)
    again = make_store(db="again.lmdb")
    place = made[-1]
    place.batches = place.singles = 0
    done = deed(again)
    assert (getattr(done, "runs", None) or done.records) == 100
    assert place.singles == 0
    assert place.batches == 5  # 16, 64 and 20 records, the manifests, the events
