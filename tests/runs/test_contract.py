"""The contract: what is declared and how inputs are handed over is part of a run, and is recorded readable."""

import struct
from pathlib import Path

import msgpack
import pytest

from consist import ExecutionOptions
from consist.hashing.canonical import canonical_digest


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        Path(name).write_text(name)


def join(a: Path, b: str):
    Path("log").write_text("x")
    Path("table").write_text("y")
    return a.read_text() + Path(b).read_text()


def test_the_order_in_which_inputs_and_output_paths_are_given_does_not_count(tracker):
    one = tracker.run(join, inputs={"a": "a", "b": "b"}, output_paths={"log": "log", "table": "table"})
    other = tracker.run(join, inputs={"b": "b", "a": "a"}, output_paths={"table": "table", "log": "log"})
    assert (one.cache_hit, other.cache_hit) == (False, True)


def test_the_order_of_declared_outputs_counts(tracker):
    def pair():
        return 1, 2

    assert tracker.run(pair, outputs=["a", "b"]).value == tracker.run(pair, outputs=["b", "a"]).value == (1, 2)
    assert len(tracker.find_runs(step="pair")) == 2


def test_how_an_artifact_is_handed_over_counts(tracker):
    made = tracker.run(join, inputs={"a": "a", "b": "b"}).outputs["value"]

    def kind(made):
        return type(made).__name__

    loaded = tracker.run(kind, inputs={"made": made})
    kept = tracker.run(kind, inputs={"made": made}, execution_options=ExecutionOptions(load_inputs=False))
    assert (loaded.value, kept.value) == ("str", "Artifact")


def test_whether_the_run_is_handed_over_counts_and_without_it_signatures_stay(tracker):
    def work(_consist_ctx=None, run=None):
        return [_consist_ctx is not None, run is not None]

    def call(asked):
        return tracker.run(work, execution_options=ExecutionOptions(inject_context=asked))

    assert [call(asked).value for asked in (None, True, "run")] == [[False, False], [True, False], [False, True]]
    assert [call(asked).cache_hit for asked in (None, False, True, "_consist_ctx", "run")] == [True] * 5
    plain = {"outputs": (), "paths": [], "inputs": []}
    assert call(None).run.record.parts["contract"] == canonical_digest("consist 2026 contract", plain)
    named = call("run").run.record
    assert named.parts["contract"] == canonical_digest("consist 2026 contract", plain | {"inject_context": "run"})
    assert "inject_context: 'run'" in named.notes


def test_the_folder_that_is_captured_counts_as_it_is_written_and_the_path_of_an_output_does_not(tracker):
    def work():
        for name in ("one", "two"):
            Path(name).mkdir(exist_ok=True)
            Path(name, f"{name}.csv").write_text(name)

    def captured(folder):
        return tracker.run(work, execution_options=ExecutionOptions(capture_dir=folder))

    assert [list(captured(folder).outputs) for folder in ("one", "two", Path("one"))] == [["one"], ["two"], ["one"]]
    assert captured("two").cache_hit
    record = captured("two").run.record
    plain = {"outputs": (), "paths": ["capture_dir/*"], "inputs": []}
    assert record.parts["contract"] == canonical_digest("consist 2026 contract", plain | {"capture_dir": "two"})
    assert "capture_dir: 'two'" in record.notes
    declared = [tracker.run(work, output_paths={"made": f"{name}/{name}.csv"}) for name in ("one", "two")]
    assert [result.cache_hit for result in declared] == [False, True]


def test_the_contract_is_in_the_record_as_the_format_says(tracker, tmp_path):
    tracker.run(join, inputs={"a": "a", "b": "b"}, outputs=["text"], output_paths={"log": "log"})
    (path,) = (found for found in (tmp_path / "index.store" / "results").rglob("*") if found.is_file())
    data = path.read_bytes()
    key, size = struct.unpack(">HI", data[6:12])
    fields = msgpack.unpackb(data[28 + key : 28 + key + size])
    assert len(fields) == 24
    assert fields[21] == [["text"], ["log"], {"a": "path", "b": "text"}]
