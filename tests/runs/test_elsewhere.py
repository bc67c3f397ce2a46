"""Runs of several processes that write to one path at the same time: nothing that they recorded is ever found again.

The processes meet at barriers and events of `multiprocessing`; none sleeps. What is expected of an output is what its
config alone makes.
"""

import os
import signal
import subprocess
import sys
import warnings
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

import consist
from consist import CacheOptions, ExecutionOptions, Tracker
from consist.errors import UncacheableWarning
from consist.runs import claims
from consist.store.pathnotes import path_notes
from consist.store.publish import publish
from consist.testing.together import ChildError, fork
from tests.runs.meeting import Meeting, write, write_only

HINT = "(write to a path of its own, such as one in the run_dir of consist.current_run())"
PASSED = ["meeting", "path", "end"]
READONLY = CacheOptions(cache_mode="readonly")


def write_the_same(number: int, meeting, path) -> Path:
    write(number, meeting, path)
    path.write_text("the same\n")
    return path


def write_and_log(number: int, meeting, path) -> None:
    consist.log_output(write(number, meeting, path))


def write_log_and_fail(number: int, meeting, path) -> Path:
    consist.log_output(write(number, meeting, path))
    if number == 1:
        raise KeyError
    return path


def make_folder(number: int, meeting, path) -> Path:
    path.mkdir(exist_ok=True)
    write(number, meeting, path / "x.csv")
    return path if number == 1 else path / "x.csv"


def options(**passed):
    return ExecutionOptions(runtime_kwargs=passed, runtime_only=PASSED)


def told_by(call):
    """Make a call; return what came of it, and what was warned of as not cached."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        result = call()
    return result, [str(warning.message) for warning in told if warning.category is UncacheableWarning]


def in_both(tracker, call, meeting):
    """Make a call with 1 and 2 in a process each; return of each its run's id, its signature and what it was told."""

    def one(number):
        try:
            result, told = told_by(lambda: call(number))
        finally:
            if number == 1:
                meeting.first_ended.set()
        return result.run.id, result.run.signature, told

    tracker.close()
    children = [fork(lambda number=number: one(number)) for number in (1, 2)]
    return [child.result() for child in children]


def run_both(tracker, paths, fn=write, **given):
    meeting = Meeting(get_context("fork"))

    def call(number):
        path = paths[number - 1]
        passed = {"execution_options": options(meeting=meeting, path=path), **given}
        with consist.use_tracker(tracker):
            return tracker.run(fn, config={"number": number}, **passed)

    return in_both(tracker, call, meeting)


def is_found(tracker, number, path, fn=write) -> bool:
    return tracker.explain(
        fn, config={"number": number}, execution_options=options(meeting=None, path=path, end=None)
    ).hit


def test_of_two_that_return_one_path_neither_is_found_again(tracker, tmp_path):
    path = tmp_path / "out.csv"
    (first, signature, unsaid), (second, none, told) = run_both(tracker, (path, path))
    assert signature is not None
    assert none is None
    assert unsaid == []
    start, _, end = told[0].partition(", in process ")
    assert start == f"run {second} of 'write' is not cached: run {first} of 'write'"
    assert end.partition(", ")[2] == f"wrote {path} at the same time {HINT}"
    assert not is_found(tracker, 1, path)
    assert not is_found(tracker, 2, path)
    assert tracker.get_run(first).status == "forgotten"


@pytest.mark.parametrize("fn", [write_and_log, write_the_same])
def test_whatever_way_it_became_an_output(tracker, tmp_path, fn):
    """Equal content counts too: two that read after both have written have the same, and one of them is wrong."""
    path = tmp_path / "out.csv"
    first, second = run_both(tracker, (path, path), fn)
    assert second[1] is None
    assert tracker.get_run(first[0]).status == "forgotten"


def test_what_was_captured(tracker, tmp_path):
    (tmp_path / "here").mkdir()
    meeting = Meeting(get_context("fork"))

    def call(number):
        given = ExecutionOptions(
            runtime_kwargs={"meeting": meeting, "path": tmp_path / "here" / "x.csv"},
            runtime_only=PASSED,
            capture_dir=tmp_path / "here",
        )
        return tracker.run(write_only, config={"number": number}, execution_options=given)

    first, second = in_both(tracker, call, meeting)
    assert second[1] is None
    assert tracker.get_run(first[0]).status == "forgotten"


def test_of_declared_paths_both_know_before_they_are_published(tracker, tmp_path):
    path = tmp_path / "out.csv"
    results = run_both(tracker, (path, path), write_only, output_paths={"file": path})
    assert [signature for _, signature, _ in results] == [None, None]
    assert "wrote" in results[1][2][0]


@pytest.mark.parametrize("kind", ["link", "hard link"])
def test_another_name_of_the_file(tracker, tmp_path, kind):
    (tmp_path / "two").mkdir()
    (tmp_path / "out.csv").write_text("old")
    other = tmp_path / "two" / "out.csv"
    other.symlink_to(tmp_path / "out.csv") if kind == "link" else other.hardlink_to(tmp_path / "out.csv")
    _, (_, signature, told) = run_both(tracker, (tmp_path / "out.csv", other))
    assert signature is None
    assert len(told) == 1


def test_a_folder_and_a_file_in_it_are_one_place(tracker, tmp_path):
    path = tmp_path / "out"
    first, second = run_both(tracker, (path, path), make_folder)
    assert second[1] is None
    assert tracker.get_run(first[0]).status == "forgotten"


def test_paths_of_their_own_are_found_again(tracker, tmp_path):
    paths = (tmp_path / "1.csv", tmp_path / "2.csv")
    results = run_both(tracker, paths)
    assert [told for _, _, told in results] == [[], []]
    assert is_found(tracker, 1, paths[0])
    assert is_found(tracker, 2, paths[1])


def test_what_both_were_given_both_may_return(tracker, tmp_path):
    (tmp_path / "table.csv").write_text("1")
    meeting = Meeting(get_context("fork"))

    def choose(number, table, meeting):
        meeting.both.wait()
        return table

    def call(number):
        given = {"inputs": {"table": tmp_path / "table.csv"}, "execution_options": options(meeting=meeting)}
        return tracker.run(choose, config={"number": number}, **given)

    assert None not in [signature for _, signature, _ in in_both(tracker, call, meeting)]


def test_the_same_signature_with_the_same_content_is_no_conflict(tracker, tmp_path):
    """Two that overwrite: neither waits for the other."""
    meeting, path = Meeting(get_context("fork")), tmp_path / "out.csv"

    def twice(meeting, path, end):
        meeting.both.wait()
        if end == 2:
            assert meeting.first_ended.wait(60)
        path.write_text("the same")
        return path

    def call(number):
        given = options(meeting=meeting, path=path, end=number)
        return tracker.run(twice, execution_options=given, cache_options=CacheOptions(cache_mode="overwrite"))

    assert [told for _, _, told in in_both(tracker, call, meeting)] == [[], []]


def test_one_after_the_other_is_found_again_and_notes_nothing(tracker, tmp_path):
    path = tmp_path / "out.csv"

    def alone(number, path):
        path.write_text(f"{number}\n")
        return path

    def call(number):
        result, told = told_by(
            lambda: tracker.run(alone, config={"number": number}, execution_options=options(path=path))
        )
        return result.cache_hit, result.value.read_text(), told

    tracker.close()
    found = [fork(lambda number=number: call(number)).result() for number in (1, 2, 1, 2)]
    assert found == [(hit, f"{number}\n", []) for hit, number in [(False, 1), (False, 2), (True, 1), (True, 2)]]
    assert Path(f"{tmp_path}/index.lmdb-writes").read_bytes() == b""


def test_what_a_run_logged_before_it_failed_was_written_too(tracker, tmp_path):
    path = tmp_path / "out.csv"
    meeting = Meeting(get_context("fork"))

    def one(number):
        try:
            with consist.use_tracker(tracker):
                given = options(meeting=meeting, path=path)
                result = tracker.run(write_log_and_fail, config={"number": number}, execution_options=given)
        finally:
            if number == 1:
                meeting.first_ended.set()
        return result.run.signature

    tracker.close()
    first, second = (fork(lambda number=number: told_by(lambda: one(number))) for number in (1, 2))
    with pytest.raises(ChildError, match="KeyError"):
        first.result()
    signature, told = second.result()
    assert signature is None
    assert "at the same time" in told[0]


def test_runs_of_different_steps_are_compared_if_no_process_comes_from_the_other(tracker, tmp_path):
    meeting, path = Meeting(get_context("fork")), tmp_path / "out.csv"

    def call(number):
        given = options(meeting=meeting, path=path)
        return tracker.run(write, name=f"step {number}", config={"number": number}, execution_options=given)

    (first, _, _), (_, signature, told) = in_both(tracker, call, meeting)
    assert signature is None
    assert f"run {first} of 'step 1', in process" in told[0]


WORKER = """
import sys
from pathlib import Path
from consist import Tracker

def part(number: int) -> Path:
    Path("parts").mkdir(exist_ok=True)
    Path(f"parts/{number}.csv").write_text(f"{number}")
    return Path(f"parts/{number}.csv")

with Tracker(run_dir="runs", db_path="index.lmdb", durable=False) as tracker:
    print(tracker.run(part, config={"number": int(sys.argv[1])}).run.id)
"""


def test_a_step_may_return_what_steps_in_processes_of_its_own_wrote(tracker, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "worker.py").write_text(WORKER)

    def all_parts() -> Path:
        for number in (1, 2):
            subprocess.run([sys.executable, "worker.py", str(number)], check=True, stdout=subprocess.DEVNULL)
        return Path("parts")

    result, told = told_by(lambda: tracker.run(all_parts))
    assert told == []
    assert result.run.signature is not None
    assert {run.status for run in tracker.find_runs(step="part")} == {"completed"}


def test_a_run_in_a_fork_of_a_run_of_the_same_step_may_write_for_it(tracker, tmp_path):
    path = tmp_path / "out.csv"

    def deep(depth):
        if depth:
            with consist.use_tracker(tracker):
                fork(lambda: consist.run(deep, config={"depth": depth - 1}).run.id).result()
        else:
            path.write_text("here")
        return path

    tracker.close()
    assert told_by(lambda: tracker.run(deep, config={"depth": 2}))[1] == []
    assert tracker.run(deep, config={"depth": 2}).cache_hit


def count_up(number, path, meeting) -> Path:
    path.write_text(f"{number}\n")
    meeting.both.wait()
    return path


def test_a_pool_that_writes_one_path_leaves_nothing_wrong(tracker, tmp_path):
    """Three workers write before any of them is read; what is found afterwards is what each config makes."""
    path, meeting = tmp_path / "out.csv", Meeting(get_context("fork"))
    meeting.both = get_context("fork").Barrier(3, timeout=60)

    def worker(number):
        given = options(path=path, meeting=meeting)
        told_by(lambda: tracker.run(count_up, config={"number": number}, execution_options=given))

    tracker.run(pow, config={"base": 2, "exp": 3})  # the children inherit it open
    for child in [fork(lambda number=number: worker(number)) for number in (1, 2, 3)]:
        child.result()
    meeting.both = get_context("fork").Barrier(1)
    for number in (1, 2, 3, 1, 2, 3):
        given = options(path=path, meeting=meeting)
        found = tracker.run(count_up, config={"number": number}, execution_options=given)
        assert found.value.read_text() == f"{number}\n"
    assert found.cache_hit


def write_or_be_killed(number, meeting, path, end):
    end.set()
    path.write_text(f"{number}")
    meeting.both.wait()
    if number == 1:
        signal.pause()
    assert meeting.first_ended.wait(60)


@pytest.mark.parametrize("first", [1, 2])
def test_one_that_is_killed_has_written_what_it_declared(tracker, tmp_path, first):
    """Whichever of the two began first: the one that lives is not cached."""
    path, meeting = tmp_path / "out.csv", Meeting(get_context("fork"))
    meeting.both = get_context("fork").Barrier(3, timeout=60)
    began = get_context("fork").Event()

    def call(number):
        assert number == first or began.wait(60)
        given = options(meeting=meeting, path=path, end=began)
        paths = {"file": path}
        run = {"config": {"number": number}, "execution_options": given, "output_paths": paths}
        result, told = told_by(lambda: tracker.run(write_or_be_killed, **run))
        return result.run.signature, told

    tracker.close()
    killed, other = (fork(lambda number=number: call(number)) for number in (1, 2))
    meeting.both.wait()
    os.kill(killed.process, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    meeting.first_ended.set()
    signature, told = other.result()
    assert signature is None
    assert "was to write" in told[0]


def test_one_that_was_killed_before_is_no_conflict(tracker, tmp_path):
    """Nor is it in the way of whoever runs it again."""
    path, meeting = tmp_path / "out.csv", Meeting(get_context("fork"))

    def call(number):
        given = options(meeting=meeting, path=path, end=meeting.first_ended)
        run = {"config": {"number": number}, "execution_options": given, "output_paths": {"file": path}}
        return told_by(lambda: tracker.run(write_or_be_killed, **run))

    tracker.close()
    killed = fork(lambda: call(1)[0].run.id)
    meeting.both.wait()
    os.kill(killed.process, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    meeting.both = get_context("fork").Barrier(1)
    path.unlink()
    result, told = call(2)
    assert (result.run.signature is None, told) == (False, [])


def test_what_a_hit_puts_in_place_is_written_there_too(tracker, tmp_path):
    path, wrote, restored = tmp_path / "out.csv", *(get_context("fork").Event() for _ in range(2))

    def make(number, meeting):
        path.write_text(f"{number}\n")
        if meeting is not None:
            wrote, restored = meeting
            wrote.set()
            assert restored.wait(60)

    def call(number, meeting=None, hydration="metadata"):
        return tracker.run(
            make,
            config={"number": number},
            execution_options=options(meeting=meeting),
            output_paths={"file": path},
            cache_options=CacheOptions(cache_hydration=hydration),
        )

    first = call(1).run.id
    tracker.close()

    def other():
        result, told = told_by(lambda: call(2, (wrote, restored)))
        return result.run.signature, told

    second = fork(other)
    assert wrote.wait(60)
    assert call(1, hydration="outputs-requested").cache_hit
    restored.set()
    signature, told = second.result()
    assert signature is None
    assert f"run {first} of 'make'" in told[0]
    assert tracker.get_run(first).status == "completed"


def test_a_run_that_asked_for_one_of_them_is_not_found_again(tracker, tmp_path):
    path, meeting = tmp_path / "out.csv", Meeting(get_context("fork"))

    def ask(number, meeting, path):
        given = options(meeting=meeting, path=path)
        with consist.use_tracker(tracker):
            return consist.run(write, config={"number": number}, execution_options=given).value.read_text()

    def call(number):
        return tracker.run(ask, config={"number": number}, execution_options=options(meeting=meeting, path=path))

    in_both(tracker, call, meeting)
    for number in (1, 2):
        assert not is_found(tracker, number, path, ask)


def test_in_another_store_of_the_index_it_is_told_and_not_forgotten(tracker, tmp_path):
    path, meeting = tmp_path / "out.csv", Meeting(get_context("fork"))
    other = Tracker(tmp_path / "runs", tmp_path / "index.lmdb", tmp_path / "other.store", durable=False)

    def call(number):
        given = options(meeting=meeting, path=path)
        return (tracker, other)[number - 1].run(write, config={"number": number}, execution_options=given)

    (first, _, _), (_, signature, told) = in_both(tracker, call, meeting)
    assert signature is None
    assert f"{path} at the same time, and is found in another store (" in told[0]
    assert tracker.get_run(first).status == "completed"


def test_one_that_is_published_after_another_looked_for_it_is_forgotten(tracker, tmp_path):
    """Between the moment in which a run says what it wrote and the one in which it is published."""
    (tmp_path / "out.csv").write_text("x")
    record = tracker.run(pow, config={"base": 2, "exp": 3}, cache_options=READONLY).run.record
    wrote = [replace(record.outputs[0], media={"path": str(tmp_path / "out.csv")})]
    began, said = (get_context("fork").Event() for _ in range(2))

    def other():
        claim = claims.claimed(replace(record, id="f" * 20), (), tracker.store)
        began.set()
        assert said.wait(60)
        return len(claims.shared_paths(claim, wrote, ()))

    ours = claims.claimed(record, (), tracker.store, record.signature)
    child = fork(other)
    assert began.wait(60)
    assert claims.shared_paths(ours, wrote, ()) == []
    said.set()
    assert child.result() == 1
    publish(tracker.store, record)
    claims.was_published(ours, record)
    claims.ended(ours)
    assert tracker.get_run(record.id).status == "forgotten"


@pytest.fixture
def company(tracker):
    """Another process that has a run under way all the time, so that what others do is noted."""
    tracker.run(pow, config={"base": 2, "exp": 3})
    tracker.close()
    entered, leave = (get_context("fork").Event() for _ in range(2))

    def stay():
        path_notes(tracker.store.index.environment.path).enter()
        entered.set()
        assert leave.wait(60)

    child = fork(stay)
    assert entered.wait(60)
    yield
    leave.set()
    child.result()


@pytest.mark.usefixtures("company")
def test_one_that_begins_after_another_said_what_it_wrote_is_no_conflict(tracker, tmp_path):
    (tmp_path / "out.csv").write_text("x")
    record = tracker.run(pow, config={"base": 2, "exp": 4}).run.record
    wrote = [replace(record.outputs[0], media={"path": str(tmp_path / "out.csv")})]

    def other():
        claim = claims.claimed(replace(record, id="f" * 20), (), tracker.store)
        told = claims.shared_paths(claim, wrote, ())
        claims.ended(claim)
        return told

    ours = claims.claimed(record, (), tracker.store, record.signature)
    assert claims.shared_paths(ours, wrote, ()) == []
    assert fork(other).result() == []
    claims.was_published(ours, record)
    claims.ended(ours)
    assert tracker.get_run(record.id).status == "completed"


def make_a_file(number, path) -> None:
    path.write_text(f"{number}\n")


def make_in_a_fork(tracker, number, path, hydration="metadata"):
    given = {"execution_options": options(path=path), "output_paths": {"file": path}}
    run = {"config": {"number": number}, "cache_options": CacheOptions(cache_hydration=hydration), **given}
    return fork(lambda: told_by(lambda: tracker.run(make_a_file, **run).run.id)).result()


@pytest.mark.parametrize("seen", [True, False])
def test_what_was_declared_is_no_conflict_when_it_is_written(tracker, tmp_path, request, seen):
    """Neither by a run nor by a hit, though the process that did it is still there."""
    path = tmp_path / "out.csv"
    if seen:
        request.getfixturevalue("company")
    given = {"execution_options": options(path=path), "output_paths": {"file": path}}
    for hydration in ("metadata", "outputs-requested"):
        path.unlink(missing_ok=True)
        cache = CacheOptions(cache_hydration=hydration)
        tracker.run(make_a_file, config={"number": 1}, cache_options=cache, **given)
        assert path.exists()
        assert make_in_a_fork(tracker, len(hydration), path)[1] == []


def test_a_readonly_run_makes_no_notes(tracker, tmp_path):
    tracker.run(pow, config={"base": 2, "exp": 3})
    tracker.close()
    notes = Path(f"{tmp_path}/index.lmdb-writes")
    notes.unlink()

    def make(path):
        path.write_text("x")
        return path

    given = options(path=tmp_path / "out.csv")
    told = fork(lambda: told_by(lambda: tracker.run(make, execution_options=given, cache_options=READONLY))[1]).result()
    assert told == []
    assert not notes.exists()


def test_where_nothing_can_be_noted_runs_are_cached_all_the_same(tracker, tmp_path):
    Path(f"{tmp_path}/index.lmdb-writes").mkdir()
    result, told = told_by(lambda: tracker.run(pow, config={"base": 2, "exp": 3}))
    assert (result.run.signature is None, told) == (False, [])
