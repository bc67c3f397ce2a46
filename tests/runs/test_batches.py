"""Small outputs of a run go to a bucket in one batch: before the record, and one that fails is told of by itself."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import consist
from consist import Tracker, errors
from consist.blobs import layout
from consist.runs import collect
from consist.testing.passing import PassingBackend

_numbers = itertools.count()

SMALL = 5000


class Counted(PassingBackend):
    """Takes down what is put, in its order; refuses to put some content."""

    def __init__(self, backend) -> None:
        super().__init__(backend)
        self.done: list[tuple[str, tuple[str, ...]]] = []
        self.refused = b""
        self.error: errors.StorageError | None = None

    def put(self, key, data):
        self._look([data])
        self.done.append(("put", (key,)))
        self.inner.put(key, data)

    def put_many(self, items):
        self._look([data for _, data in items])
        self.done.append(("put_many", tuple(key for key, _ in items)))
        self.inner.put_many(items)

    def create(self, key, data):
        self.done.append(("create", (key,)))
        self.inner.create(key, data)

    def _look(self, contents):
        if self.error is not None and any(self.refused in content for content in contents):
            raise self.error


@pytest.fixture
def bucket(tmp_path):
    """A tracker of a store in memory, and what it asks of that."""
    url = f"memory://batches-{next(_numbers)}/store"
    with Tracker(tmp_path / "runs", tmp_path / "index.lmdb", url, cache_limit=0) as tracker:
        workshop = tracker._open()
        counted = Counted(workshop.store.backend)
        store = replace(workshop.store, backend=counted)
        store.blobs.backend = store.blobs.whole._backend = counted
        tracker._workshop = workshop._replace(store=store)
        yield tracker, counted


def text(number) -> bytes:
    return f"content {number:03} ".encode() * (SMALL // 12)


def many(count) -> dict:
    return {f"k{number:03}": text(number) for number in range(count)}


def blobs_put(counted):
    return [(how, len(keys)) for how, keys in counted.done if keys[0].startswith(layout.BLOBS)]


def test_twenty_outputs_are_one_batch_before_the_record(bucket):
    tracker, counted = bucket
    result = tracker.run(many, config={"count": 20})
    assert blobs_put(counted) == [("put_many", 20)]
    kinds = [keys[0].partition("/")[0] for _, keys in counted.done]
    assert kinds.index(layout.BLOBS) < kinds.index(layout.RESULTS)
    assert [artifact.read_bytes() for artifact in result.outputs.values()] == [text(n) for n in range(20)]
    assert tracker.run(many, config={"count": 20}).cache_hit


def test_files_and_values_go_together(bucket, tmp_path):
    tracker, counted = bucket

    def both():
        for name in "ab":
            (tmp_path / name).write_bytes(text(ord(name)))
        return {"one": tmp_path / "a", "other": text(3), "tiny": 1}

    result = tracker.run(both, output_paths={"declared": tmp_path / "b"})
    assert blobs_put(counted) == [("put_many", 3)]
    assert list(result.outputs) == ["one", "other", "tiny", "declared"]
    assert result.outputs["declared"].read_bytes() == text(ord("b"))


def test_one_that_fails_is_told_of_and_the_others_are_kept(bucket):
    tracker, counted = bucket
    counted.refused, counted.error = text(7), errors.StorageFullError("no room")
    with pytest.warns(errors.UncacheableWarning, match=r"output 'k007': no room"):
        result = tracker.run(many, config={"count": 20})
    kept = [f"k{number:03}" for number in range(7)]  # after a failure nothing more is tried, as without a batch
    assert list(result.outputs) == kept
    assert result.run.signature is None
    assert result.value == many(20)
    assert [artifact.read_bytes() for artifact in tracker.outputs_of(result.run.id).values()] == [
        text(n) for n in range(7)
    ]


def test_a_store_that_does_not_answer_is_asked_once(bucket):
    tracker, counted = bucket
    counted.error = errors.UnreachableError("no answer")
    with pytest.warns(errors.UncacheableWarning, match=r"'k000': no answer.*'k019': no answer"):
        result = tracker.run(many, config={"count": 20})
    assert (list(result.outputs), blobs_put(counted)) == ([], [])
    assert result.value == many(20)


def test_what_was_made_before_an_error_is_put_and_recorded(bucket, tmp_path):
    tracker, counted = bucket

    def lacks():
        return {"made": text(1), "missing": tmp_path / "nowhere"}

    with pytest.raises(errors.OutputError, match="there is no file"):
        tracker.run(lacks)
    assert blobs_put(counted) == [("put_many", 1)]
    failed = tracker.find_latest_run(status="failed")
    assert tracker.outputs_of(failed)["made"].read_bytes() == text(1)


def test_no_more_is_held_than_a_batch(bucket, monkeypatch):
    tracker, counted = bucket
    monkeypatch.setattr(collect, "BATCH_BYTES", 5 * len(text(0)))
    tracker.run(many, config={"count": 12})
    assert blobs_put(counted) == [("put_many", 5), ("put_many", 5), ("put_many", 2)]


def test_what_is_logged_is_in_the_store_at_once(bucket):
    tracker, counted = bucket
    with tracker.trace("log") as run:
        run.log_artifact(text(1), key="one")
        assert blobs_put(counted) == [("put", 1)]


def test_a_folder_puts_each_at_its_turn(tracker):
    result = tracker.run(many, config={"count": 3})
    assert sorted(path.stat().st_size for path in Path(tracker.store_url, "blobs").rglob("*") if path.is_file()) == [
        len(text(0))
    ] * len(result.outputs)


def test_small_tables_and_arrays_are_in_the_batch_too(bucket):
    tracker, counted = bucket

    def make():
        return {"array": np.arange(2000.0), "bytes": text(1), "other": np.ones(1500)}

    result = tracker.run(make)
    assert blobs_put(counted) == [("put_many", 3)]
    assert result.outputs["other"].load().sum() == 1500


def test_what_is_logged_meanwhile_is_put_at_once(bucket, tmp_path):
    """Another thread that logs while a batch is filled does not wait for it, nor get into it."""
    tracker, counted = bucket
    (tmp_path / "logged").write_bytes(text(9))

    def make():
        consist.log_output(tmp_path / "logged")
        assert blobs_put(counted) == [("put", 1)]
        return many(3)

    with consist.use_tracker(tracker):
        assert list(tracker.run(make).outputs) == ["k000", "k001", "k002", "logged"]
    assert blobs_put(counted) == [("put", 1), ("put_many", 3)]


def test_in_a_folder_nothing_is_gathered(tmp_path, monkeypatch):
    monkeypatch.setattr(Counted, "capabilities", property(lambda self: self.inner.capabilities))
    with Tracker(tmp_path / "runs", tmp_path / "index.lmdb", tmp_path / "store", durable=False) as tracker:
        workshop = tracker._open()
        counted = Counted(workshop.store.backend)
        store = replace(workshop.store, backend=counted)
        store.blobs.backend = store.blobs.whole._backend = counted
        tracker._workshop = workshop._replace(store=store)
        tracker.run(many, config={"count": 5})
    assert "put_many" not in [how for how, _ in counted.done]
