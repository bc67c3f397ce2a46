"""Runs of one step that write to one path at the same time: nothing that they recorded is ever found again."""

import os
import signal
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import consist
from consist import ExecutionOptions
from consist.errors import UncacheableWarning


class Meeting:
    """Lets two bodies go on only when both have begun, so that they are under way at the same time."""

    def __init__(self) -> None:
        self.both = threading.Barrier(2, timeout=60)
        self.first_ended = threading.Event()


def write(number: int, meeting, path) -> Path:
    """Write a file; the second of two waits until the first has been published."""
    meeting.both.wait()
    if number == 2:
        assert meeting.first_ended.wait(60)
    path.write_text(f"{number}\n")
    return path


def write_only(number: int, meeting, path) -> None:
    write(number, meeting, path)


def run_both(tracker, paths, fn=write, **given):
    """Run two configs in threads of their own, each with its path; return what each result and the warnings were."""
    meeting = Meeting()

    def one(number):
        passed = {"meeting": meeting, "path": paths[number - 1]}
        execution = ExecutionOptions(runtime_kwargs=passed, runtime_only=["meeting", "path"])
        declared = {"output_paths": {"file": paths[number - 1]}} if given.get("declared") else {}
        try:
            return tracker.run(fn, config={"number": number}, execution_options=execution, **declared)
        finally:
            if number == 1:
                meeting.first_ended.set()

    with warnings.catch_warnings(record=True) as told, ThreadPoolExecutor(2) as pool:
        warnings.simplefilter("always")
        results = list(pool.map(one, (1, 2)))
    return results, [str(warning.message) for warning in told if warning.category is UncacheableWarning]


def is_found(tracker, number, path) -> bool:
    """Tell whether a config is found, by a call whose body cannot be run."""
    asked = tracker.explain(
        write,
        config={"number": number},
        execution_options=ExecutionOptions(runtime_kwargs={"meeting": None, "path": path}),
    )
    return asked.hit


def test_of_two_that_return_one_path_neither_is_found_again(tracker, tmp_path):
    path = tmp_path / "out.csv"
    (first, second), told = run_both(tracker, (path, path))
    hint = "write to a path of its own, such as one in the run_dir of consist.current_run()"
    why = f"run {first.run.id} wrote {path} at the same time ({hint})"
    assert told == [f"run {second.run.id} of 'write' is not cached: {why}"]
    assert not is_found(tracker, 1, path)
    assert not is_found(tracker, 2, path)
    assert tracker.get_run(first.run.id).status == "forgotten"


def test_of_two_that_declare_one_path_neither_is_found_again(tracker, tmp_path):
    path = tmp_path / "out.csv"
    results, told = run_both(tracker, (path, path), write_only, declared=True)
    assert len(told) == 2
    assert [result.run.signature for result in results] == [None, None]


def test_a_link_to_the_path_is_the_path(tracker, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    _, told = run_both(tracker, (tmp_path / "out.csv", tmp_path / "link" / "out.csv"))
    assert len(told) == 1


def test_paths_of_their_own_are_found_again(tracker, tmp_path):
    paths = (tmp_path / "1.csv", tmp_path / "2.csv")
    results, told = run_both(tracker, paths)
    assert told == []
    assert [result.value.read_text() for result in results] == ["1\n", "2\n"]
    assert is_found(tracker, 1, paths[0])
    assert is_found(tracker, 2, paths[1])


def test_what_both_were_given_both_may_return(tracker, tmp_path):
    """Also a file of a folder that is an input: neither wrote it."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "table.csv").write_text("1")
    both = threading.Barrier(2, timeout=60)

    def choose(number, data, meeting):
        meeting.wait()
        return data / "table.csv"

    def one(number):
        options = ExecutionOptions(runtime_kwargs={"meeting": both}, runtime_only=["meeting"])
        given = {"inputs": {"data": tmp_path / "data"}, "execution_options": options}
        return tracker.run(choose, config={"number": number}, **given)

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(one, (1, 2)))
    assert None not in [result.run.signature for result in results]


def test_one_after_the_other_is_found_again(tracker, tmp_path):
    def alone(number, path):
        path.write_text(f"{number}\n")
        return path

    given = {"runtime_kwargs": {"path": tmp_path / "out.csv"}}
    options = ExecutionOptions(runtime_only=["path"])
    for number in (1, 2, 1):
        result = tracker.run(alone, config={"number": number}, execution_options=options, **given)
        assert result.value.read_text() == f"{number}\n"
    assert result.cache_hit


def test_a_run_in_a_run_of_the_same_step_may_write_for_it(tracker, tmp_path):
    path = tmp_path / "out.csv"

    def deep(depth):
        if depth:
            return consist.run(deep, config={"depth": depth - 1}).value
        path.write_text("here")
        return path

    with consist.use_tracker(tracker):
        tracker.run(deep, config={"depth": 2})
        assert tracker.run(deep, config={"depth": 2}).cache_hit


@pytest.mark.parametrize("fails", [True, False])
def test_a_claim_ends_with_its_run(tracker, tmp_path, fails):
    from consist.runs import claims

    def body():
        (tmp_path / "out").write_text("x")
        if fails:
            raise KeyError
        return tmp_path / "out"

    try:
        tracker.run(body)
    except KeyError:
        assert fails
    assert claims._under_way == {}


def test_a_forked_process_begins_with_no_claims(tracker, tmp_path):
    """Also if another thread was about to take one in that moment: its lock would never be released."""
    from consist.runs import claims

    def body():
        (tmp_path / "out").write_text("x")
        return tmp_path / "out"

    tracker.close()
    with claims._lock:
        claims._under_way["other"] = claims.Claim("other", "body", {str(tmp_path / "out")}, ())
        child = os.fork()
        if child == 0:
            signal.alarm(60)  # ends one that waits for the lock
            signature = tracker.run(body).run.signature
            os._exit(0 if signature is not None else 1)
        del claims._under_way["other"]
    assert os.waitpid(child, 0)[1] == 0
