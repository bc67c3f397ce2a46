"""Stores that were written once are read for ever, by an index that knows nothing of them."""

import importlib.util
import zipfile
from pathlib import Path

import pytest

from consist import Tracker
from consist.store.config import FORMAT
from consist.store.rebuild import rebuild
from consist.store.verify import verify

GOLDEN = Path(__file__).parent / "golden"


def load_written():
    spec = importlib.util.spec_from_file_location("golden_stores", GOLDEN / "write.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WRITTEN = load_written()


@pytest.fixture(params=range(FORMAT + 1))
def tracker(request, tmp_path):
    with zipfile.ZipFile(GOLDEN / f"format-{request.param}.zip") as archive:
        archive.extractall(tmp_path / "store")
    with Tracker(run_dir=tmp_path / "runs", db_path=tmp_path / "index.lmdb", store=tmp_path / "store") as tracker:
        rebuild(tracker.store)
        yield tracker


def test_every_byte_of_a_golden_store_is_right(tracker):
    found = verify(tracker.store, read_data=1.0)
    assert (found.findings, found.unneeded) == ((), ())
    assert (found.records, found.packs) == (6, 1)


def test_all_that_is_in_a_golden_store_is_read(tracker):
    runs = {run.step: run for run in tracker.find_runs()}
    assert {step: (run.kind, run.status) for step, run in runs.items()} == {
        "values": ("run", "completed"),
        "folder": ("run", "completed"),
        "failing": ("run", "failed"),
        "wrong": ("run", "forgotten"),
        "scenario": ("scenario", "completed"),
    }
    assert {key: made.load() for key, made in tracker.outputs_of(runs["values"]).items()} == WRITTEN.values()
    assert tracker.load_run_output(runs["wrong"]) == 7
    assert runs["values"].tags == ("late",)
    found = tracker.store.index.find(runs["values"].signature)
    assert found is not None
    assert found.id == runs["values"].id

    made = tracker.load_run_output(runs["folder"])
    assert (made / "a.txt").read_text() == "a"
    assert (made / "b.sh").stat().st_mode & 0o100
    assert (made / "empty").is_dir()


def test_a_member_of_scenarios_is_found_in_each(tracker):
    for scenario in tracker.find_runs(step="scenario"):
        assert [run.step for run in tracker.find_runs(parent_id=scenario.id)] == ["values"]
