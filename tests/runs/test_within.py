"""What a run reads that a function asks for in its body: a file that the function was not given is told of."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import consist
from consist import CacheOptions, errors
from consist.runs.leftovers import TICK

TOLD = "outer asked in its body for a run that reads {}, which is in no input of outer"


def wait_out_the_tick(path):
    """Let a file's last change be longer ago than two changes may share a time: what is newer may be the body's own."""
    while time.time_ns() - path.stat().st_ctime_ns < 2 * TICK:
        pass


@pytest.fixture(autouse=True)
def _in_folder(tracker, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    for path in (Path("raw.txt"), Path("data/raw.txt")):
        path.write_text("one")
        wait_out_the_tick(path)
    with consist.use_tracker(tracker):
        yield


def inner(raw: Path):
    return (raw / "raw.txt" if raw.is_dir() else raw).read_text()


def ask(path):
    return consist.run(inner, inputs={"raw": path}).value


def told(result):
    """Return the notes of this kind; that `inner` reads files is one of another."""
    return [note for note in result.run.record.notes if "in its body" in note]


@pytest.mark.parametrize("found", [False, True], ids=["executed", "found"])
@pytest.mark.parametrize("path", ["raw.txt", "data", "data/raw.txt"])
def test_a_file_or_folder_that_only_the_inner_run_was_given_is_named_once(tracker, path, found):
    if found:
        ask(path)
    with pytest.warns(errors.IdentityWarning, match=TOLD.format(path)) as warned:
        made = tracker.run(ask, name="outer", config={"path": path})
    assert (len(warned), told(made)) == (1, [TOLD.format(path)])
    assert tracker.run(ask, name="outer", config={"path": path}).cache_hit


def test_two_are_named_in_one_warning(tracker):
    def both():
        return ask("raw.txt") + ask("data")

    told = r"a run that reads raw\.txt, data, which are in no input of outer \(.* name it in inputs or depends_on"
    with pytest.warns(errors.IdentityWarning, match=told) as warned:
        tracker.run(both, name="outer")
    assert len(warned) == 1


GIVEN = [{"inputs": {"given": "raw.txt"}}, {"inputs": {"given": Path("raw.txt")}}, {"depends_on": ["raw.txt"]}]


@pytest.mark.parametrize("given", GIVEN, ids=["text", "path", "depends_on"])
def test_what_the_outer_function_was_given_too_is_seen(tracker, given):
    assert told(tracker.run(ask, name="outer", config={"path": "raw.txt"}, **given)) == []


def test_so_is_what_lies_in_a_folder_that_it_was_given(tracker):
    made = tracker.run(ask, name="outer", config={"path": "data/raw.txt"}, inputs={"given": "data"})
    assert told(made) == []


def test_what_was_made_in_the_body_is_its_own(tracker):
    def write():
        Path("made.txt").write_text("made")
        return Path("made.txt")

    def work():
        made = consist.run(write).outputs["value"]
        Path("own.txt").write_text("own")
        return [consist.run(inner, inputs={"raw": raw}).value for raw in (made, made.path, "made.txt", "own.txt")]

    assert tracker.run(write).outputs["value"].path.exists()  # so that the body finds it, and the file is older
    wait_out_the_tick(Path("made.txt"))
    made = tracker.run(work, name="outer")
    assert (made.value, made.run.record.asked[0] == tracker.find_latest_run(step="write").id) == (
        ["made", "made", "made", "own"],
        True,
    )
    assert told(made) == []


def test_a_run_that_is_not_cached_is_not_warned_of(tracker):
    off = CacheOptions(cache_mode="off")
    assert tracker.run(ask, name="outer", config={"path": "raw.txt"}, cache_options=off).value == "one"
