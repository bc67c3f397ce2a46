"""Files that were returned and not written: another run's perhaps, so the caller is told."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pandas as pd
import pytest

import consist
from consist import errors
from consist.runs.leftovers import TICK


def wait_out_the_tick(path):
    """Let a file's last change be longer ago than two changes may share a time."""
    while time.time_ns() - path.stat().st_ctime_ns < 2 * TICK:
        pass


def test_a_returned_file_of_an_earlier_run_is_named(tracker, tmp_path):
    """The hint of a fault: this run's result is what the run before it wrote."""
    out = tmp_path / "out.txt"

    def write_sometimes(n):
        if n == 1:
            out.write_text("one")
        return {"out": out, "n": n}

    assert tracker.run(write_sometimes, config={"n": 1}).run.record.notes == ()
    wait_out_the_tick(out)
    told = r"step 'write_sometimes': output 'out': .*out\.txt was there before the call"
    with pytest.warns(errors.ConsistWarning, match=told) as caught:
        made = tracker.run(write_sometimes, config={"n": 2})
    assert len(caught) == 1
    assert made.run.record.notes == (
        f"output 'out': {out} was there before the call, and the function did not write it",
    )


def test_a_returned_folder_with_a_file_of_an_earlier_run_is_named(tracker, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old.txt").write_text("old")
    wait_out_the_tick(tmp_path / "out" / "old.txt")

    def write():
        (tmp_path / "out" / "new.txt").write_text("new")
        return tmp_path / "out"

    with pytest.warns(errors.ConsistWarning, match=r"out/old\.txt was there before the call"):
        tracker.run(write)


@pytest.mark.parametrize("written", ["a file", "a folder", "an artifact"])
def test_what_a_function_was_given_it_may_return(tracker, tmp_path, written):
    given = tmp_path / "given"
    if written == "a folder":
        given.mkdir()
        (given / "a.txt").write_text("content")
        wait_out_the_tick(given / "a.txt")
    else:
        given.write_text("content")
        wait_out_the_tick(given)
    source = given
    if written == "an artifact":
        with tracker.trace("make") as run:
            source = run.log_output(given)

    def pick(given: Path):
        return given / "a.txt" if given.is_dir() else given

    assert tracker.run(pick, inputs={"given": source}).run.record.notes == ()


def test_what_a_function_asked_for_it_may_return(tracker, tmp_path):
    def write():
        (tmp_path / "inner.txt").write_text("content")
        return tmp_path / "inner.txt"

    tracker.run(write)
    wait_out_the_tick(tmp_path / "inner.txt")

    def outer():
        return consist.run(write).value

    with consist.use_tracker(tracker):
        assert tracker.run(outer).run.record.notes == ()


def test_a_link_that_was_made_in_the_call_was_meant(tracker, tmp_path):
    (tmp_path / "data.txt").write_text("content")
    wait_out_the_tick(tmp_path / "data.txt")

    def link():
        (tmp_path / "latest").symlink_to(tmp_path / "data.txt")
        return tmp_path / "latest"

    assert tracker.run(link).run.record.notes == ()


def test_a_file_that_is_only_named_is_told_of(tracker, tmp_path):
    """A function that returns text for a Path: the next call finds the text, and no file."""
    path = tmp_path / "made.csv"

    def write():
        path.write_text("x")
        return {"file": str(path), "other": "made.csv", "long": "x" * 10_000, "odd": "a\0b"}

    with pytest.warns(
        errors.ConsistWarning, match=r"output 'file' is the text .* \(return its Path, and the file is\)"
    ) as told:
        result = tracker.run(write)
    assert len(told) == 1
    assert any("only the text is kept" in note for note in result.run.record.notes)
    assert tracker.run(write).cache_hit
    old = tmp_path / "old.csv"
    old.write_text("x")
    wait_out_the_tick(old)
    assert tracker.run(lambda: str(old), name="names it").value == str(old)


def test_the_name_of_consists_own_copy_of_an_input_may_be_returned(tracker):
    """The copy is made for the call, so it is new, and the function did not write it."""

    def where(df: Path):
        return {"source": str(df)}

    table = tracker.run(lambda: pd.DataFrame({"a": [1]}), name="table", outputs=["df"])
    result = tracker.run(where, inputs={"df": table.outputs["df"]})
    assert Path(result.value["source"]).is_relative_to(tracker.run_dir)
    assert result.run.record.notes == ()


def test_the_name_of_a_file_that_is_kept_may_be_returned(tracker, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("source").write_text("x")
    call = {"config": {"src": "source", "dst": "made"}, "output_paths": {"made": "made"}}
    assert tracker.run(shutil.copyfile, **call).run.record.notes == ()

    def write():
        Path("logged").write_text("y")
        consist.log_output("logged", key="table")
        return "logged"

    with consist.use_tracker(tracker):
        assert tracker.run(write).run.record.notes == ()

    Path("in").write_text("in")
    assert tracker.run(Path.read_text, name="read", inputs={"self": Path("in")}).run.record.notes == ()
