"""What an index says should be in the store and is not, `verify` names; what left in order, it does not."""

from __future__ import annotations

import io
import itertools
import os
import shutil
from dataclasses import replace

import lmdb
import pytest

from consist import CacheOptions, Tracker, errors
from consist.blobs.wrappers.counting import Counting
from consist.store import marking
from consist.store.expected import Expected
from consist.store.lookup import find
from consist.store.publish import keep, publish
from consist.store.put import put, put_folder
from consist.store.rebuild import rebuild
from consist.store.verify import verify
from tests.harm import harmed

OVERWRITE = CacheOptions(cache_mode="overwrite")
_numbers = itertools.count()


def make(value):
    return {"small": value, "large": bytes([value]) * 40_000}


def fail():
    raise ValueError("no")


@pytest.fixture
def tracker(tmp_path):
    """A tracker with runs of all kinds: found, replaced, failed, forgotten; and a trace."""
    tracker = Tracker(run_dir=tmp_path / "runs", db_path=tmp_path / "index.lmdb", durable=False)
    runs = [tracker.run(make, config={"value": value}).run for value in (1, 2, 3)]
    tracker.run(make, config={"value": 2}, cache_options=OVERWRITE)
    with pytest.raises(ValueError, match="no"):
        tracker.run(fail)
    with tracker.trace("traced"):
        pass
    tracker.forget(runs[2].id, reason="wrong")
    yield tracker
    tracker.close()
    tracker.store.index.close()


@pytest.fixture
def root(tracker, tmp_path):
    return tmp_path / "index.store"


@pytest.fixture
def url(request):
    """The place of a store over a network, as far as the code under test can tell."""
    return f"memory://expected-{next(_numbers)}/{request.node.name}"


def records(root):
    return sorted(
        str(path.relative_to(root))
        for area in ("results", "runs")
        for path in (root / area).rglob("*")
        if path.is_file()
    )


def named(store, **options):
    return {finding.key for finding in verify(store, **options).findings}


def results_key(signature):
    return f"results/{signature.hex[:2]}/{signature.hex[2:]}"


# What is gone is named ------------------------------------------------------------------------------------------------


def test_each_record_that_is_gone_is_named_with_its_run_its_step_and_what_to_do(tracker, root, by_hand):
    keys = records(root)
    assert len(keys) == 6
    assert named(tracker.store) == set()
    for key in keys:
        good = (root / key).read_bytes()
        run_id, _, step = by_hand.unframe(good).fields[1:4]
        (root / key).unlink()
        (found,) = verify(tracker.store).findings
        assert found.key == key
        assert found.problem.startswith(f"missing; the index knows it as the record of run {run_id} (step {step})")
        what = "its next call executes it again" if key.startswith("results/") else "`consist index rebuild`"
        assert what in found.problem
        (root / key).write_bytes(good)
    assert named(tracker.store) == set()


def test_all_that_is_gone_at_once_is_named(tracker, root):
    keys = records(root)
    for key in keys:
        (root / key).unlink()
    assert named(tracker.store) == set(keys)
    shutil.rmtree(root / "results")
    shutil.rmtree(root / "runs")
    assert named(tracker.store) == set(keys)


def test_a_blob_that_is_gone_is_named_beside_its_record(tracker, root, tmp_path):
    """The record says what it needs; where that is gone too, the index does."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(b"in a folder")
    tree = put_folder(tracker.store, str(tmp_path / "folder"), "tree", machine={})
    blobs = {f"blobs/{path.parent.name}/{path.name}" for path in (root / "blobs").rglob("*") if path.is_file()}
    assert len(blobs) == 5
    gone = {*records(root), *blobs}
    for key in gone:
        (root / key).unlink()
    found = verify(tracker.store).findings
    folder_file = next(iter(blobs - {finding.key for finding in found}))
    assert {finding.key for finding in found} == gone - {folder_file}, "what lies in a folder, the folder says"
    assert any("needs it" in finding.problem and tree.id in finding.problem for finding in found)


def test_a_file_in_a_folder_whose_record_is_gone_is_named(tracker, root, tmp_path, by_hand):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(b"in a folder")
    run = put_folder(tracker.store, str(tmp_path / "folder"), "tree", machine={})
    digest = by_hand.digest(b"in a folder").hex
    (root / "runs" / run.id).unlink()
    (root / "blobs" / digest[:2] / digest[2:]).unlink()
    assert named(tracker.store) == {f"runs/{run.id}", f"blobs/{digest[:2]}/{digest[2:]}"}


@pytest.mark.parametrize("harm", [lambda data: data[:-1], harmed, lambda _data: b""])
def test_a_record_that_is_there_and_damaged_is_named_once(tracker, root, by_hand, harm):
    for key in records(root):
        good = (root / key).read_bytes()
        by_hand.overwrite(root / key, harm(good))
        (found,) = verify(tracker.store).findings
        assert found.key == key
        assert "missing" not in found.problem
        by_hand.overwrite(root / key, good)


def test_what_lies_in_its_place_and_is_no_file_is_no_record(tracker, root):
    for key in records(root):
        good = (root / key).read_bytes()
        (root / key).unlink()
        os.mkfifo(root / key)
        assert named(tracker.store) == {key}
        (root / key).unlink()
        (root / key).write_bytes(good)


# What left in order is not --------------------------------------------------------------------------------------------


def test_an_index_that_knows_nothing_says_nothing(tracker, root, make_store):
    for key in records(root):
        (root / key).unlink()
    assert named(make_store(root, db="fresh.lmdb")) == set()


def test_an_index_that_was_made_anew_says_nothing_of_what_was_gone(tracker, root):
    (root / records(root)[0]).unlink()
    assert len(named(tracker.store)) == 1
    rebuild(tracker.store)
    assert named(tracker.store) == set()


def test_what_another_machine_did_in_order_is_no_damage(make_store, by_hand):
    """Its index is behind: it says that signatures lead to runs that were replaced or forgotten since."""
    here, there = make_store(), make_store(db="other.lmdb")
    old = [by_hand.record(here, signature=by_hand.signature(text)) for text in "abcd"]
    for record in old:
        publish(here, record)
    publish(there, by_hand.record(there, signature=by_hand.signature("a")), overwrite=True)
    marking.forget(there, old[1])
    marking.forget(there, old[2])
    publish(there, by_hand.record(there, signature=by_hand.signature("c")))
    keep(there, by_hand.record(there))
    assert [here.index.find(by_hand.signature(text)) for text in "abcd"] == old
    assert named(here) == named(there) == set()
    for text in "abcd":
        find(here, by_hand.signature(text))
    assert named(here) == set()


def test_a_signature_that_leads_to_another_whole_run_lacks_nothing(make_store, by_hand):
    """Somebody deleted the record; another machine called the step again, and nothing is left to do."""
    here, there = make_store(), make_store(db="other.lmdb")
    gone = by_hand.record(here, signature=by_hand.signature())
    publish(here, gone)
    here.backend.delete(results_key(by_hand.signature()))
    assert named(here) == {results_key(by_hand.signature())}
    newer = by_hand.record(there, signature=by_hand.signature())
    publish(there, newer)
    assert named(here) == set()
    assert find(here, by_hand.signature()) == newer
    assert here.index.get_run(gone.id) is None
    assert named(here) == set()


def test_a_copy_that_is_damaged_is_named_and_not_where_the_record_was(make_store, by_hand):
    here, there = make_store(), make_store(db="other.lmdb")
    record = by_hand.record(here, signature=by_hand.signature())
    publish(here, record)
    marking.forget(there, record)
    by_hand.overwrite(here.backend.path_of(f"runs/{record.id}"), b"?")
    assert here.index.find(by_hand.signature()) == record
    assert named(here) == {f"runs/{record.id}"}


def test_a_run_that_the_index_takes_for_replaced_lacks_nothing(store, by_hand):
    """Of two threads, the one that read the older record may be the last to tell the index."""
    older, newer = (by_hand.record(store, signature=by_hand.signature()) for _ in range(2))
    publish(store, older)
    framed = store.index.framed(older.id)
    publish(store, newer, overwrite=True)
    store.index.put_run(older, framed)
    assert store.index.get_run(newer.id).signature is None
    assert named(store) == set()


def test_a_store_that_was_moved_lacks_nothing(tracker, root, tmp_path, make_store):
    root.rename(tmp_path / "elsewhere")
    tracker.store.index.close()
    assert named(make_store("elsewhere")) == set()


def test_a_store_that_was_emptied_and_begun_again_is_another(tracker, root, make_store):
    shutil.rmtree(root)
    tracker.store.index.close()
    with pytest.warns(errors.ConsistWarning, match="a new store was made"):
        store = make_store(root)
    assert named(store) == set()


def test_runs_that_are_published_meanwhile_are_not_looked_for(store, by_hand):
    """They are in no list that was made before them."""
    publish(store, by_hand.record(store, signature=by_hand.signature("before")))
    late = [by_hand.record(store, signature=by_hand.signature(str(number))) for number in range(3)]

    class Busy(Counting):
        def list(self, prefix):
            found = [*super().list(prefix)]
            if prefix in {"results", "runs"} and late:
                publish(store, late.pop())
                keep(store, by_hand.record(store))
            return iter(found)

    assert verify(replace(store, backend=Busy(store.backend))).findings == ()
    assert len(late) == 1


@pytest.mark.parametrize("area", ["results", "runs"])
def test_a_run_that_is_forgotten_meanwhile_is_not_missed(store, by_hand, area):
    """Its record moves from the one list to the other, after one of them was made."""
    record = by_hand.record(store, signature=by_hand.signature())
    publish(store, record)

    class Busy(Counting):
        def list(self, prefix):
            found = [*super().list(prefix)]
            if prefix == area and find(store, by_hand.signature()) is not None:
                marking.forget(store, record)
                if area == "results":
                    found = []  # as if it had gone just before
            return iter(found)

    assert verify(replace(store, backend=Busy(store.backend))).findings == ()
    assert store.index.get_run(record.id).status == "forgotten"


def test_a_run_that_leaves_the_index_meanwhile_is_not_missed(store, by_hand):
    publish(store, by_hand.record(store, signature=by_hand.signature()))
    expected = Expected(store.index)
    store.backend.delete(results_key(by_hand.signature()))
    assert find(store, by_hand.signature()) is None
    assert [*expected.missing(store)] == []


def test_what_is_damaged_in_the_index_is_no_witness(store, by_hand, make_store):
    signatures = [by_hand.signature(text) for text in "ab"]
    for signature in signatures:
        publish(store, by_hand.record(store, signature=signature))
        store.backend.delete(results_key(signature))
    path = store.index.environment.path
    store.index.close()
    with lmdb.open(path, subdir=False, max_dbs=64, lib_version=0) as env, env.begin(write=True) as txn:
        table = env.open_db(b"results", txn=txn, create=False)
        (key,) = [key for key, _ in txn.cursor(table) if key.endswith(signatures[0].raw)]
        txn.put(key, harmed(txn.get(key, db=table)), db=table)
    assert named(make_store()) == {results_key(signatures[1])}


# It heals -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("remote", [False, True])
@pytest.mark.parametrize("overwrite", [False, True])
def test_the_next_call_executes_the_run_again_and_nothing_is_left_to_name(tmp_path, url, remote, overwrite):
    """Over a network too, where the index would else be believed for a day."""
    options = OVERWRITE if overwrite else CacheOptions()
    with Tracker(tmp_path / "runs", tmp_path / "index.lmdb", url if remote else None, durable=False) as tracker:
        gone = tracker.run(make, config={"value": 1}).run
        assert tracker.run(make, config={"value": 1}).cache_hit
        signature = tracker.store.index.get_run(gone.id).signature
        tracker.store.backend.delete(results_key(signature))
        assert named(tracker.store) == {results_key(signature)}
        again = tracker.run(make, config={"value": 1}, cache_options=options)
        assert not again.cache_hit
        assert named(tracker.store) == set()
        assert {run.id for run in tracker.store.index.runs()} == {again.run.id}
        assert tracker.run(make, config={"value": 1}).cache_hit
    tracker.store.index.close()


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_index_lets_go_of_what_is_gone_when_it_meets_what_took_its_place(make_store, by_hand, url, overwrite):
    here, there = make_store(url), make_store(url, db="other.lmdb")
    gone = by_hand.record(here, signature=by_hand.signature())
    publish(here, gone)
    here.backend.delete(results_key(by_hand.signature()))
    newer, newest = (by_hand.record(there, signature=by_hand.signature()) for _ in range(2))
    publish(there, newer)
    publish(here, newest, overwrite=overwrite)
    assert here.index.get_run(gone.id) is None
    assert {run.id for run in here.index.runs()} == {newer.id, newest.id}
    assert here.index.find(by_hand.signature()) == (newest if overwrite else newer)
    assert named(here) == set()


@pytest.mark.parametrize("remote", [False, True])
def test_what_was_put_heals_when_it_is_put_again(make_store, tmp_path, url, remote):
    store = make_store(url if remote else "store")
    first = put(store, io.BytesIO(b"content"), "name", machine={})
    assert put(store, io.BytesIO(b"content"), "name", machine={}) == first
    store.backend.delete(f"runs/{first.id}")
    (found,) = verify(store).findings
    assert found.problem.endswith(f"run {first.id} (step put): put it again, or `consist index rebuild` lets go of it")
    again = put(store, io.BytesIO(b"content"), "name", machine={})
    assert [run.id for run in store.index.runs()] == [again.id]
    assert verify(store).findings == ()


def test_an_index_keeps_what_the_store_keeps_a_copy_of(make_store, by_hand):
    """The record went in order, and its run is listed as before."""
    here, there = make_store(), make_store(db="other.lmdb")
    old = by_hand.record(here, signature=by_hand.signature())
    publish(here, old)
    marking.pin(here, old, "mine")
    publish(there, by_hand.record(there, signature=by_hand.signature()), overwrite=True)
    newest = by_hand.record(here, signature=by_hand.signature())
    publish(here, newest, overwrite=True)
    assert here.index.get_run(old.id) == old.without_signature()
    assert [mark.text for mark in here.index.marks(old.id, "pin")] == ["mine"]
    assert named(here) == set()


def test_an_index_keeps_the_last_copy_of_what_is_damaged_in_the_store(make_store, by_hand):
    here, there = make_store(), make_store(db="other.lmdb")
    old = by_hand.record(here, signature=by_hand.signature())
    publish(here, old)
    newer = by_hand.record(there, signature=by_hand.signature())
    publish(there, newer, overwrite=True)
    by_hand.overwrite(here.backend.path_of(f"runs/{old.id}"), b"?")
    assert find(here, by_hand.signature()) == newer
    assert here.index.get_run(old.id) == old.without_signature()
    assert named(here) == {f"runs/{old.id}"}


# What it costs --------------------------------------------------------------------------------------------------------


def test_nothing_is_asked_of_a_store_that_lacks_nothing(make_store, by_hand, url):
    store = make_store(url)
    for number in range(300):
        record = by_hand.record(store, signature=by_hand.signature(str(number)), inline=b"%d" % number)
        publish(store, record) if number % 2 else keep(store, record.without_signature())
    counting = Counting(store.backend)
    assert verify(replace(store, backend=counting)).findings == ()
    assert counting.calls["stat"] == 0


def test_what_is_missed_is_looked_for_in_batches(make_store, by_hand, url):
    store = make_store(url)
    for number in range(300):
        publish(store, by_hand.record(store, signature=by_hand.signature(str(number)), content=b"%d" % number * 999))
    for found in [*store.backend.list("")]:
        if found.key.startswith(("results", "blobs")):
            store.backend.delete(found.key)
    batches = []

    class Watched(Counting):
        def stat_many(self, keys):
            batches.append(len(keys))
            return super().stat_many(keys)

        def stat(self, key):
            raise AssertionError(f"{key} is asked for by itself")

    backend = Watched(store.backend)
    store = replace(store, backend=backend, blobs=type(store.blobs)(backend, suspects=store.blobs.suspects))
    assert len(verify(store).findings) == 600
    assert batches == [256, 256, 512, 44, 44, 88]


def test_ids_take_eleven_bytes_each(store, by_hand):
    for number in range(3):
        keep(store, by_hand.record(store, id=f"{number:020x}"))
    expected = Expected(store.index)
    assert expected.size == 3 * 11
    expected.meet("0" * 20)
    expected.meet("no id of ours")
    expected.meet("f" * 20)
    assert [*expected.not_met()] == [f"{number:020x}" for number in (1, 2)]


def test_over_a_network_what_is_named_is_looked_for_by_the_next_call(make_store, by_hand, url):
    store = make_store(url)
    record = by_hand.record(store, signature=by_hand.signature())
    publish(store, record)
    store.backend.delete(results_key(by_hand.signature()))
    assert find(store, by_hand.signature()) == record, "it is believed to be there"
    assert len(verify(store).findings) == 1
    assert find(store, by_hand.signature()) is None


def test_an_index_that_cannot_be_written_is_asked_all_the_same(make_store, by_hand, url, monkeypatch):
    store = make_store(url)
    publish(store, by_hand.record(store, signature=by_hand.signature()))
    store.backend.delete(results_key(by_hand.signature()))

    def refuse(*_args):
        raise errors.StoragePermissionError("read-only")

    monkeypatch.setattr(type(store.index), "doubt", refuse)
    assert named(store) == {results_key(by_hand.signature())}
