"""What another machine put into a shared store: the index here does not know it, and the error names the cure."""

import uuid

import pytest

import consist
from consist.store.opening import open_store


def make():
    return b"x" * 5000


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """A store that is no folder, this machine's index of it, and the run that was made under another index since."""
    monkeypatch.chdir(tmp_path)
    store = f"memory://{uuid.uuid4().hex}"
    with consist.Tracker(store=store, db_path="here.lmdb", run_dir="here") as tracker:
        tracker.run(make, name="known")
    with consist.Tracker(store=store, db_path="there.lmdb", run_dir="there") as tracker:
        run = tracker.run(make, name="strange").run.id
    yield "--store", store, run
    open_store(store, "here.lmdb").index.close()


@pytest.mark.parametrize(
    "asked",
    [
        ("cat", "steps/strange/value"),
        ("cat", "steps/known/other"),
        ("ls", "steps/strange"),
        ("show", "RUN"),
        ("get", "runs/RUN/value", "--to", "out"),
        ("show", "LONG"),
    ],
)
def test_what_another_machine_made_is_not_known_until_it_is_read_in(shared, call, asked):
    *place, run = shared
    words = [word.replace("RUN", run).replace("LONG", run[:16]) for word in asked]
    place += ["--db-path", "here.lmdb"]
    answer = call(*words, *place)
    assert (answer.code, answer.out) == (3, "")
    assert "or another machine made it: `consist index rebuild`" in answer.err
    assert call("index", "rebuild", *place).code == 0
    again = call(*words, *place)
    assert (again.code == 0) == (words[1] != "steps/known/other")
    assert again.err == "" or again.code


def test_a_folder_is_taken_for_this_machine_s_own(world, call):
    answer = call("ls", "steps/strange", "--db-path", world.db_path)
    assert (answer.code, "another machine" in answer.err) == (3, False)
