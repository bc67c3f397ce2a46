"""Runs of one step that write to one path at the same time: nothing that they recorded is ever found again."""

import os
import signal
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

import consist
from consist import CacheOptions, ExecutionOptions
from consist.errors import UncacheableWarning
from tests.runs.meeting import Meeting, write, write_only


def run_both(tracker, paths, fn=write, **given):
    """Run two configs in threads of their own, each with its path; return what each result and the warnings were."""
    meeting = Meeting(threading)

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


def finished(event, future, answer=None):
    """Let another thread go on, and wait for its end."""
    event.set()
    future.result()
    return answer


def test_a_run_that_asked_for_one_of_them_is_not_found_again(tracker, tmp_path):
    path, meeting = tmp_path / "out.csv", Meeting(threading)
    passed = ExecutionOptions(runtime_kwargs={"meeting": meeting, "path": path}, runtime_only=["meeting", "path"])

    def ask(number):
        return consist.run(write, config={"number": number}, execution_options=passed).value.read_text()

    def one(number):
        try:
            with consist.use_tracker(tracker):
                return tracker.run(ask, config={"number": number})
        finally:
            if number == 1:
                meeting.first_ended.set()

    with warnings.catch_warnings(), ThreadPoolExecutor(2) as pool:
        warnings.simplefilter("ignore")
        list(pool.map(one, (1, 2)))
    for number in (1, 2):
        assert not tracker.explain(ask, config={"number": number}).hit


def test_what_a_hit_puts_in_place_is_written_there_too(tracker, tmp_path):
    path, wrote, restored = tmp_path / "out.csv", threading.Event(), threading.Event()

    def make(number, slowly):
        path.write_text(f"{number}\n")
        if slowly:
            wrote.set()
            assert restored.wait(60)

    def call(number, hydration="metadata", *, slowly):
        options = ExecutionOptions(runtime_kwargs={"slowly": slowly}, runtime_only=["slowly"])
        return tracker.run(
            make,
            config={"number": number},
            execution_options=options,
            output_paths={"file": path},
            cache_options=CacheOptions(cache_hydration=hydration),
        )

    call(1, slowly=False)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(call, 2, slowly=True)
        assert wrote.wait(60)
        with pytest.warns(UncacheableWarning, match=r"wrote .*out.csv at the same time"):
            assert finished(restored, second, call(1, "outputs-requested", slowly=False).cache_hit)
    assert second.result().run.signature is None


def test_each_is_forgotten_where_it_is_recorded(tracker, tmp_path):
    first, second = tracker, consist.Tracker("runs", tmp_path / "two.lmdb", tmp_path / "two.store", durable=False)
    path, meeting = tmp_path / "out.csv", Meeting(threading)
    options = ExecutionOptions(runtime_kwargs={"meeting": meeting, "path": path}, runtime_only=["meeting", "path"])

    def one(number):
        try:
            return (first, second)[number - 1].run(write, config={"number": number}, execution_options=options)
        finally:
            if number == 1:
                meeting.first_ended.set()

    with warnings.catch_warnings(), ThreadPoolExecutor(2) as pool:
        warnings.simplefilter("ignore")
        results = list(pool.map(one, (1, 2)))
    assert first.get_run(results[0].run.id).status == "forgotten"
    assert not is_found(first, 1, path)
    assert second.get_run(results[1].run.id).signature is None
    second.close()


def test_a_folder_and_a_file_in_it_are_one_place(tracker, tmp_path):
    (tmp_path / "out").mkdir()
    meeting = Meeting(threading)

    def write_there(number, meeting, folder):
        write(number, meeting, folder / "x.csv")
        return folder if number == 1 else folder / "x.csv"

    def one(number):
        passed = {"meeting": meeting, "folder": tmp_path / "out"}
        options = ExecutionOptions(runtime_kwargs=passed, runtime_only=["meeting", "folder"])
        try:
            return tracker.run(write_there, config={"number": number}, execution_options=options)
        finally:
            if number == 1:
                meeting.first_ended.set()

    with warnings.catch_warnings(), ThreadPoolExecutor(2) as pool:
        warnings.simplefilter("ignore")
        first, second = pool.map(one, (1, 2))
    assert second.run.signature is None
    assert tracker.get_run(first.run.id).status == "forgotten"


def test_what_a_run_logged_before_it_failed_was_written_too(tracker, tmp_path):
    path = tmp_path / "out.csv"
    began, failed = threading.Event(), threading.Event()

    def make(number):
        if number == 2:
            path.write_text("2")
            began.set()
            assert failed.wait(60)
            return path
        assert began.wait(60)
        path.write_text("1")
        consist.log_output(path)
        raise KeyError

    def call(number):
        with consist.use_tracker(tracker):
            return tracker.run(make, config={"number": number})

    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(call, 2)
        with pytest.raises(KeyError):
            call(1)
        with pytest.warns(UncacheableWarning, match="at the same time"):
            finished(failed, second)
    assert second.result().run.signature is None


def test_runs_of_different_steps_are_not_compared(tracker, tmp_path):
    path, meeting = tmp_path / "out.csv", Meeting(threading)
    options = ExecutionOptions(runtime_kwargs={"meeting": meeting, "path": path}, runtime_only=["meeting", "path"])

    def one(number):
        try:
            return tracker.run(write, name=f"step {number}", config={"number": number}, execution_options=options)
        finally:
            if number == 1:
                meeting.first_ended.set()

    with ThreadPoolExecutor(2) as pool:
        assert None not in [result.run.signature for result in pool.map(one, (1, 2))]


def test_one_that_is_published_after_another_said_so_is_forgotten(tracker, tmp_path):
    """Between the moment in which a run looks for others and the one in which it is published."""
    from consist.runs import claims

    path = str(tmp_path / "out.csv")
    record = tracker.run(pow, config={"base": 2, "exp": 3}).run.record
    ours, theirs = (
        claims.claimed(run, [("file", path)], tracker.store) for run in (record, replace(record, id="f" * 20))
    )
    try:
        assert len(claims.shared_paths(theirs, (), ())) == 1
        claims.was_published(ours, record)
        assert tracker.get_run(record.id).status == "forgotten"
    finally:
        claims.ended(ours)
        claims.ended(theirs)


def test_a_readonly_run_is_published_nowhere_and_forgotten_nowhere(tracker, tmp_path):
    path, meeting = tmp_path / "out.csv", Meeting(threading)
    options = ExecutionOptions(runtime_kwargs={"meeting": meeting, "path": path}, runtime_only=["meeting", "path"])
    tracker.run(pow, config={"base": 2, "exp": 3})
    tracker.close()

    def one(number):
        readonly = CacheOptions(cache_mode="readonly")
        try:
            return tracker.run(write, config={"number": number}, execution_options=options, cache_options=readonly)
        finally:
            if number == 1:
                meeting.first_ended.set()

    def objects():
        return sorted(str(file) for file in Path(tracker.store_url).rglob("*") if file.is_file())

    before = objects()
    with warnings.catch_warnings(), ThreadPoolExecutor(2) as pool:
        warnings.simplefilter("ignore")
        list(pool.map(one, (1, 2)))
    tracker.close()
    assert objects() == before


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
    assert claims._under_way == set()


def test_a_forked_process_begins_with_no_claims(tracker, tmp_path):
    """Also if another thread was about to take one in that moment: its lock would never be released."""
    from consist.runs import claims

    def body():
        (tmp_path / "out").write_text("x")
        return tmp_path / "out"

    tracker.close()
    with claims._lock:
        other = claims.Claim("other", "body", {str(tmp_path / "out")}, (), tracker.store)
        claims._under_way.add(other)
        child = os.fork()
        if child == 0:
            signal.alarm(60)  # ends one that waits for the lock
            signature = tracker.run(body).run.signature
            os._exit(0 if signature is not None else 1)
        claims._under_way.discard(other)
    assert os.waitpid(child, 0)[1] == 0
