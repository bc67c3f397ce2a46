"""What is damaged or gone in the store and whole in an index is written anew: records, and events of the log."""

from __future__ import annotations

import errno
import io
import os
import shutil

import pytest

from consist import Tracker, errors
from consist.blobs.wrappers.read_only import ReadOnly
from consist.index.records import decode_events
from consist.store import marking, opening
from consist.store.lookup import find
from consist.store.publish import keep, publish
from consist.store.put import put
from consist.store.rebuild import Rebuilt, rebuild
from consist.store.verify import verify
from tests.harm import harmed, refuse_to_read

MENDED = pytest.mark.filterwarnings("ignore:.*is written anew:consist.errors.DamagedWarning")


@pytest.fixture
def root(tmp_path):
    return tmp_path / "store"


def put_one(store, content=b"one", name="one"):
    return put(store, io.BytesIO(content), name, machine={})


def spoil(by_hand, path):
    by_hand.overwrite(path, harmed(path.read_bytes()))


def what_is_known(store, run_id):
    """Return all that an index says of a run, whatever bytes it keeps."""
    index = store.index
    marks = {kind: index.marks(run_id, kind) for kind in ("pin", "member", "forget")}
    return index.get_run(run_id), index.tags(run_id), marks, index.hits(run_id)


def problems(store):
    return {finding.key: finding.problem for finding in verify(store).findings}


def fail():
    raise ValueError("no")


# Records --------------------------------------------------------------------------------------------------------------


def test_putting_the_content_again_writes_its_damaged_record_anew(store, by_hand, root):
    run = put_one(store)
    marking.tag(store, run, "keepme")
    before = what_is_known(store, run.id)
    path = root / "runs" / run.id
    spoil(by_hand, path)
    said = problems(store)[f"runs/{run.id}"]
    assert f"run {run.id} (step put): put it again, or `consist index rebuild` writes it anew" in said
    assert put_one(store) == run
    assert problems(store) == {}
    assert store.index.framed(run.id) == path.read_bytes()
    assert what_is_known(store, run.id) == before
    assert rebuild(store).damaged == 0
    assert what_is_known(store, run.id) == before


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES])
def test_putting_content_again_does_not_stumble_over_a_record_that_cannot_be_read(store, root, monkeypatch, number):
    run = put_one(store)
    refuse_to_read(monkeypatch, root / "runs" / run.id, number=number)
    assert put_one(store) == run
    assert bool(problems(store)) == (number == errno.EACCES), "what there is no right to read is not written over"


def test_a_rebuild_writes_a_damaged_record_anew_from_what_the_index_had(store, by_hand, root):
    run = put_one(store)
    marking.tag(store, run, "keepme")
    marking.pin(store, run, "paper")
    found = by_hand.record(store, signature=by_hand.signature())
    publish(store, found)
    store.events.hit(found.id)
    keep(store, failed := by_hand.record(step="broken", status="failed", outputs=(), error=("E", "x")))
    before = [what_is_known(store, one.id) for one in (run, found, failed)]
    for path in (root / "runs" / run.id, root / "runs" / failed.id, by_hand.path(store, "results", found.signature)):
        spoil(by_hand, path)
    assert len(problems(store)) == 3
    with pytest.warns(errors.DamagedWarning, match="is written anew from the index, which had run ") as seen:
        assert rebuild(store) == Rebuilt(3, 4, damaged=0, mended=3)
    assert len(seen) == 3
    assert problems(store) == {}
    assert [what_is_known(store, one.id)[:3] for one in (run, found, failed)] == [each[:3] for each in before]
    assert find(store, found.signature) == found
    assert rebuild(store) == Rebuilt(3, 4, 0, 0)


def test_in_a_store_that_may_only_be_read_the_index_keeps_what_it_had(make_store, by_hand, root, monkeypatch):
    store = make_store()
    run = put_one(store)
    marking.tag(store, run, "keepme")
    before = what_is_known(store, run.id)
    spoil(by_hand, root / "runs" / run.id)
    shutil.rmtree(root / "log")
    store.index.close()
    open_backend = opening.open_backend
    monkeypatch.setattr(opening, "open_backend", lambda *args, **kwargs: ReadOnly(open_backend(*args, **kwargs)))
    reader = make_store()
    objects = by_hand.objects(root)
    for _ in range(2):
        with pytest.warns(errors.DamagedWarning, match="cannot be written anew; the index keeps"):
            assert rebuild(reader).damaged
        assert what_is_known(reader, run.id) == before
    assert by_hand.objects(root) == objects
    monkeypatch.undo()
    reader.index.close()
    writer = make_store()
    with pytest.warns(errors.DamagedWarning, match="is written anew"):
        rebuild(writer)
    assert (what_is_known(writer, run.id), problems(writer)) == (before, {})


def test_a_run_that_was_replaced_is_not_brought_back_where_its_signature_led(make_store, by_hand, root):
    here, there = make_store(), make_store(db="other.lmdb")
    old, new = (by_hand.record(here, signature=by_hand.signature()) for _ in range(2))
    publish(here, old)
    publish(there, new, overwrite=True)
    spoil(by_hand, by_hand.path(here, "results", old.signature))
    with pytest.warns(errors.DamagedWarning, match="is left out of the index"):
        assert rebuild(here).mended == 0
    assert here.index.find(old.signature) is None
    assert here.index.get_run(old.id) == old.without_signature()


def test_a_damaged_copy_of_a_run_is_written_anew_without_its_signature(make_store, by_hand, root):
    here, there = make_store(), make_store(db="other.lmdb")
    old, new = (by_hand.record(here, signature=by_hand.signature()) for _ in range(2))
    publish(here, old)
    publish(there, new, overwrite=True)
    spoil(by_hand, root / "runs" / old.id)
    with pytest.warns(errors.DamagedWarning, match="is written anew"):
        assert rebuild(here) == Rebuilt(2, 0, 0, 1)
    assert here.index.find(old.signature) == new
    assert by_hand.unframe((root / "runs" / old.id).read_bytes()).fields[2] is None


def test_a_damaged_record_that_no_index_knows_is_named_with_what_to_do(make_store, by_hand, root):
    store = make_store()
    run = put_one(store)
    found = by_hand.record(store, signature=by_hand.signature())
    publish(store, found)
    for path in (root / "runs" / run.id, by_hand.path(store, "results", found.signature)):
        spoil(by_hand, path)
    said = problems(make_store(db="fresh.lmdb"))
    assert "if none does, remove it" in said.pop(f"runs/{run.id}")
    (other,) = said.values()
    assert "does not know its run, whose next call writes it anew" in other


def test_what_a_damaged_record_needs_is_looked_for(store, by_hand, root):
    run = by_hand.record(store, signature=by_hand.signature())
    publish(store, run)
    spoil(by_hand, by_hand.path(store, "results", run.signature))
    by_hand.path(store, "blobs", run.outputs[0].digest).unlink()
    assert {key.partition("/")[0] for key in problems(store)} == {"results", "blobs"}


def test_a_record_that_is_gone_is_let_go_of_and_not_brought_back(store, by_hand, root):
    run = put_one(store)
    (root / "runs" / run.id).unlink()
    assert rebuild(store) == Rebuilt(0, 1, 0, 0)
    assert store.index.get_run(run.id) is None


def test_a_failed_run_of_a_tracker_comes_back(tmp_path, by_hand):
    with Tracker(run_dir=tmp_path / "runs", db_path=tmp_path / "index.lmdb", durable=False) as tracker:
        with pytest.raises(ValueError, match="no"):
            tracker.run(fail)
        (path,) = (tmp_path / "index.store" / "runs").iterdir()
        spoil(by_hand, path)
        with pytest.warns(errors.DamagedWarning, match="is written anew"):
            assert rebuild(tracker.store).mended == 1
        assert problems(tracker.store) == {}
    tracker.store.index.close()


# Events ---------------------------------------------------------------------------------------------------------------


def batches(root):
    return sorted(path for path in (root / "log").rglob("*") if path.is_file())


@pytest.fixture
def marked(store, by_hand):
    """A run with every kind of event, in three batches."""
    run = by_hand.record(store, signature=by_hand.signature(), tags=("early",))
    publish(store, run)
    store.events.hit(run.id)
    store.events.member(run.id, "0" * 20)
    marking.tag(store, run, "late")
    store.events.hit(run.id)
    store.events.hit(run.id)
    marking.untag(store, run, "early")
    marking.pin(store, run, "paper")
    return run


@pytest.mark.parametrize("how", [harmed, lambda _data: b"", None])
def test_a_batch_that_is_lost_is_named_and_a_rebuild_writes_its_events_anew(store, by_hand, root, marked, how):
    before = what_is_known(store, marked.id)
    for path in batches(root):
        by_hand.overwrite(path, how(path.read_bytes())) if how else path.unlink()
        key = str(path.relative_to(root))
        (said,) = [problem for found, problem in problems(store).items() if found == key]
        assert said.endswith("`consist index rebuild` writes them anew")
        with pytest.warns(
            errors.DamagedWarning, match=rf"{key} \(.*is written anew from the index, which had its events"
        ):
            assert rebuild(store) == Rebuilt(1, 3, 0, 1)
        assert what_is_known(store, marked.id) == before
        assert problems(store) == {}


@MENDED
def test_a_log_that_is_gone_is_noticed_and_comes_back(make_store, root, marked):
    store = make_store()
    before = what_is_known(store, marked.id)
    keys = {str(path.relative_to(root)) for path in batches(root)}
    shutil.rmtree(root / "log")
    assert problems(store).keys() == keys
    assert rebuild(store) == Rebuilt(1, 3, 0, 3)
    assert what_is_known(store, marked.id) == before
    another = make_store(db="another.lmdb")
    rebuild(another)
    assert what_is_known(another, marked.id) == before


@MENDED
def test_two_machines_that_bring_back_the_same_batch_count_no_hit_twice(make_store, root, marked):
    here, there = make_store(), make_store(db="other.lmdb")
    rebuild(there)
    before = what_is_known(here, marked.id)
    shutil.rmtree(root / "log")
    for store in (here, there, here):
        rebuild(store)
        assert what_is_known(store, marked.id) == before
        assert problems(there) == {}


@MENDED
def test_what_others_said_since_is_not_taken_for_what_was_lost(make_store, root, marked):
    here, there = make_store(), make_store(db="other.lmdb")
    shutil.rmtree(root / "log")
    rebuild(there)
    there.events.hit(marked.id)
    there.events.flush()
    rebuild(here)
    assert here.index.hits(marked.id).count == 4


def test_a_damaged_batch_that_no_index_took_in_stays_a_finding(make_store, by_hand, root, marked):
    fresh = make_store(db="fresh.lmdb")
    for path in batches(root):
        spoil(by_hand, path)
    assert all("if none did, remove it" in problem for problem in problems(fresh).values())
    with pytest.warns(errors.DamagedWarning, match="is left out of the index"):
        assert rebuild(fresh) == Rebuilt(1, 0, damaged=3)


@MENDED
def test_events_of_a_run_that_is_let_go_of_are_not_brought_back(store, by_hand, root, marked):
    by_hand.path(store, "results", marked.signature).unlink()
    shutil.rmtree(root / "log")
    rebuild(store)
    assert [decode_events(path.read_bytes()) for path in batches(root)] == [()] * 3


def test_what_waits_in_the_index_is_not_missing(store, root, marked, monkeypatch):
    def refuse(_log):
        raise errors.StoragePermissionError("no")

    monkeypatch.setattr(type(store.events), "deliver", refuse)
    with pytest.raises(errors.StoragePermissionError):
        marking.tag(store, marked, "waits")
    assert len(store.index.pending_events()) == 1
    assert problems(store) == {}


@MENDED
def test_more_events_than_a_batch_may_hold_go_into_several(store, root, marked, monkeypatch):
    before = what_is_known(store, marked.id)
    for path in batches(root)[1:]:
        path.unlink()
    monkeypatch.setattr("consist.store.batches.BATCH", 1)
    rebuild(store)
    assert len(batches(root)) > 3
    assert what_is_known(store, marked.id) == before
    rebuild(store)
    assert what_is_known(store, marked.id) == before


def test_a_hint_that_is_damaged_is_named_and_is_no_problem(store, by_hand, root):
    put_one(store, os.urandom(1 << 20), "large")
    (path,) = (path for path in (root / "latest").rglob("*") if path.is_file())
    spoil(by_hand, path)
    checked = verify(store)
    assert checked.findings == ()
    (found,) = checked.unneeded
    assert found.key == str(path.relative_to(root))
    assert "the next new content of its output replaces it" in found.problem
    put_one(store, os.urandom(1 << 20), "large")
    assert verify(store).unneeded == ()
