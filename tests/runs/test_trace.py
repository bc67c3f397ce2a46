"""Blocks as runs: what is recorded of them, what is in the store when, and what is refused."""

from __future__ import annotations

import contextvars
import os
import signal
import threading
from pathlib import Path

import pytest
from blake3 import blake3

import consist
from consist import errors
from consist.testing import faults
from consist.testing.together import fork


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def outputs_of(record):
    return {key: (digest, size, form) for key, digest, size, form, _, _ in record.outputs}


def digest(data: bytes) -> bytes:
    return blake3(data).digest()


def test_a_trace_is_recorded_with_all_that_it_was_given_and_logged(tracker, records):
    Path("raw.csv").write_bytes(b"a,b\n1,2\n")
    given = {"tags": ["b", "a"], "facet": {"year": 2030}, "description": "by hand"}
    with tracker.trace("report", config={"limit": 3}, inputs={"raw": "raw.csv"}, **given) as trace:
        Path("more.csv").write_bytes(b"more")
        assert trace.log_input("more.csv") == Path("more.csv")
        Path("out").mkdir()
        Path("out/table.csv").write_bytes(b"x" * 10_000)
        made = trace.log_output("out/table.csv")
        trace.log_artifact([1, 2], key="pair")
        trace.log_meta(rows=3, first=1)
        trace.log_meta(rows=4)
    record = records()[trace.run_id]
    assert (record.kind, record.step, record.status, record.signature) == ("trace", "report", "completed", None)
    assert (record.tags, record.facet, record.description) == (["a", "b"], {"year": 2030}, "by hand")
    assert record.config == {"limit": 3}
    assert record.meta == {"rows": 4, "first": 1}
    assert [(key, kind, raw) for key, kind, raw, _, _ in record.inputs] == [
        ("raw", "file", digest(b"a,b\n1,2\n")),
        ("more.csv", "file", digest(b"more")),
    ]
    assert outputs_of(record)["table"] == (digest(b"x" * 10_000), 10_000, "file")
    assert record.outputs[1][:1] + record.outputs[1][3:4] == ["pair", "plain"]
    assert record.ended >= record.started > 0
    assert (record.code, record.error, record.parent) == ({}, [], "")
    assert made.load().read_bytes() == b"x" * 10_000
    assert tracker.outputs_of(trace.run_id)["pair"].load() == [1, 2]


def test_a_trace_is_executed_each_time(tracker, records):
    done = []
    for _ in range(2):
        with tracker.trace("again", config={"a": 1}) as trace:
            done.append(trace.run_id)
    assert len(set(done)) == 2
    assert records().keys() == set(done)


def test_start_run_is_the_same_by_another_name(tracker, records):
    with tracker.start_run("by another name", config={"a": 1}) as run:
        run.log_meta(a=1)
    assert records()[run.run_id].kind == "trace"
    with consist.use_tracker(tracker), consist.start_run("and on the package") as run:
        consist.log_meta(a=2)
    assert records()[run.run_id].meta == {"a": 2}


def test_an_exception_passes_through_and_what_was_logged_is_kept(tracker, records):
    class OwnError(Exception):
        pass

    raised = OwnError("no luck")

    def work():
        with tracker.trace("fail", config={"a": 1}) as trace:
            trace.log_artifact(b"x" * 5000, key="half")
            trace.log_meta(reached=7)
            raise raised

    with pytest.raises(OwnError) as caught:
        work()
    assert caught.value is raised
    (trace,) = tracker.find_runs()
    record = records()[trace.id]
    assert (record.status, record.error) == ("failed", ["OwnError", "no luck"])
    assert outputs_of(record) == {"half": (digest(b"x" * 5000), 5000, "bytes")}
    assert record.meta == {"reached": 7}


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit, StopIteration, GeneratorExit])
def test_a_block_that_is_broken_off_is_recorded(tracker, records, ending):
    with pytest.raises(ending), tracker.trace("broken") as trace:
        raise ending
    assert (records()[trace.run_id].status, records()[trace.run_id].error[0]) == ("failed", ending.__name__)


def test_content_is_in_the_store_when_it_is_logged_and_the_record_at_the_end(tracker, tmp_path, records):
    content = os.urandom(20_000)
    with tracker.trace("early") as trace:
        trace.log_artifact(content, key="blob")
        name = digest(content).hex()
        assert (tmp_path / "index.store" / "blobs" / name[:2] / name[2:]).read_bytes() == content
        assert trace.run_id not in records()
    assert trace.run_id in records()


def test_a_process_that_dies_in_a_block_leaves_whole_blobs_and_no_record(tracker, tmp_path, records):
    content = b"z" * 20_000

    def die():
        with tracker.trace("dies") as trace:
            trace.log_artifact(content, key="blob")
            os.kill(os.getpid(), signal.SIGKILL)

    assert fork(die).wait() == -signal.SIGKILL
    assert records() == {}
    blobs = [path for path in (tmp_path / "index.store" / "blobs").rglob("*") if path.is_file()]
    assert [blake3(path.read_bytes()).hexdigest() for path in blobs] == [path.parent.name + path.name for path in blobs]
    assert [path.read_bytes() for path in blobs] == [content]


def test_a_killed_trace_leaves_a_record_only_if_all_that_it_names_is_there(tracker, tmp_path, records):
    def work(content):
        tracker.run(pow, config={"base": 2, "exp": 3})  # opens the store; a hit changes no file

        def trace():
            with tracker.trace("t") as trace:
                trace.log_artifact(content, key="blob")

        return trace

    tracker.run(pow, config={"base": 2, "exp": 3})
    tracker.close()
    points = faults.kill_points(work(b"?" * 9000))
    killed = [faults.run_killed(work(bytes([at]) * 9000), at=at, moment="before") for at in range(points)]
    assert killed.count(True) > 10  # the last ones find folders made that the first had to make
    kept = [record for record in records().values() if record.kind == "trace"]
    assert 1 < len(kept) < points
    for record in kept:
        ((_, raw, *_),) = record.outputs
        content = (tmp_path / "index.store" / "blobs" / raw.hex()[:2] / raw.hex()[2:]).read_bytes()
        assert (len(content), digest(content)) == (9000, raw)


def test_a_run_and_a_trace_in_a_trace_are_its_children(tracker, records):
    with tracker.trace("outer") as outer:
        done = tracker.run(pow, config={"base": 2, "exp": 3})
        with tracker.trace("inner") as inner:
            deep = tracker.run(pow, config={"base": 2, "exp": 4})
    found = records()
    assert found[done.run.id].parent == found[inner.run_id].parent == outer.run_id
    assert found[deep.run.id].parent == inner.run_id
    assert {run.id for run in tracker.find_runs(parent_id=outer.run_id)} == {done.run.id, inner.run_id}


def test_an_artifact_of_an_earlier_run_can_be_input_and_output(tracker, records):
    large = tracker.run(bytes, name="zeros", outputs=["zeros"]).outputs["zeros"]
    with tracker.trace("choose") as trace:
        assert trace.log_input(large) is large
        assert trace.load("zeros") == b""
        best = trace.log_artifact(large, key="best")
    record = records()[trace.run_id]
    assert record.inputs == [["zeros", "artifact", digest(b""), 0, f"runs/{large.run_id}/zeros"]]
    assert outputs_of(record) == {"best": (digest(b""), 0, "bytes")}
    assert (best.run_id, best.key, best.load()) == (trace.run_id, "best", b"")


def test_an_artifact_of_another_store_is_refused(tracker, tmp_path):
    with (
        consist.Tracker(run_dir=tmp_path / "r", db_path=tmp_path / "other.lmdb") as other,
        other.trace("there") as there,
    ):
        foreign = there.log_artifact(b"f" * 9000, key="foreign")
    with (
        pytest.raises(errors.OutputError, match="artifact 'foreign' is not in this store"),
        tracker.trace("here") as here,
    ):
        here.log_artifact(foreign)


def test_names_are_taken_from_files_and_artifacts_and_asked_of_values(tracker):
    Path("tables.d").mkdir()
    Path("tables.d/a").write_text("a")
    Path("notes.txt").write_text("n")
    with tracker.trace("names") as trace:
        assert trace.log_output("notes.txt").key == "notes"
        assert trace.log_output("tables.d").key == "tables.d"
        assert trace.log_output(Path("notes.txt"), key="again").key == "again"
        assert trace.log_artifact("notes.txt", "third").load().read_text() == "n"
        with pytest.raises(errors.OutputError, match=r"'note': a text is taken as a path, and there is no file 'all w"):
            trace.log_artifact("all went well", key="note")
        text = trace.log_artifact({"text": "all went well"}, key="note")  # as the hint says
        assert text.load() == {"text": "all went well"}
        with pytest.warns(errors.ConsistWarning, match=r"so the folder 'tables\.d' is stored .*Path\('tables\.d'\)"):
            assert trace.log_artifact("tables.d", key="folder").format == "tree"
        trace.log_artifact(Path("tables.d"), key="meant")
        with pytest.raises(errors.UsageError, match=r'what is this dict called.*key="table"'):
            trace.log_artifact({"a": 1})
        with pytest.raises(errors.UsageError, match="cannot name an output"):
            trace.log_output("notes.txt", key="a/b")


def test_a_name_is_given_once_unless_the_content_is_the_same(tracker):
    Path("in.txt").write_text("1")
    with tracker.trace("twice", inputs=["in.txt"]) as trace:
        assert trace.log_artifact(1, key="n") == trace.log_artifact(1, key="n")
        with pytest.raises(errors.OutputError, match="has another output 'n' already"):
            trace.log_artifact(2, key="n")
        trace.log_input("in.txt")
        with pytest.raises(errors.InputError, match="5 is no input"):
            trace.log_input(5)
        Path("in.txt").write_text("2 longer")
        with pytest.raises(errors.UsageError, match=r"has another input 'in.txt' already"):
            trace.log_input("in.txt")


def test_inputs_count_alike_whether_they_were_given_or_logged(tracker, records):
    Path("a.txt").write_text("a")
    with tracker.trace("given", inputs=["a.txt"]) as given, tracker.trace("logged") as logged:
        logged.log_input("a.txt")
    with tracker.trace("without") as without:
        pass
    parts = [records()[trace.run_id].parts["inputs"] for trace in (given, logged, without)]
    assert parts[0] == parts[1] != parts[2]


def test_the_next_version_of_large_content_knows_of_this_one(tracker, tmp_path):
    with tracker.trace("large") as trace:
        trace.log_artifact(os.urandom(2 << 20), key="blob")
    assert [path for path in (tmp_path / "index.store" / "latest").rglob("*") if path.is_file()]


def test_an_input_that_changes_meanwhile_is_noted(tracker, records):
    Path("in.txt").write_text("before")
    with tracker.trace("watch", inputs=["in.txt"]) as trace:
        Path("in.txt").write_text("afterwards")
    record = records()[trace.run_id]
    assert record.inputs[0][2] == digest(b"before")
    assert record.notes == ["input 'in.txt' changed while the block ran"]


def test_the_file_of_an_artifact_that_is_written_after_it_was_loaded_is_noted(tracker, records):
    def write(n):
        Path("made.txt").write_text(f"number {n}")
        return Path("made.txt")

    made = tracker.run(write, config={"n": 15}).outputs["value"]
    with tracker.trace("watch", inputs={"made": made, "unread": made}) as trace:
        trace.load("made")
        tracker.run(write, config={"n": 25})
    assert records()[trace.run_id].notes == ["input 'made' changed while the block ran"]


def test_only_tables_are_tables(tracker):
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame({"a": [1, 2]})
    with tracker.trace("tables") as trace:
        assert trace.log_dataframe(table, key="table").format == "parquet"
        with pytest.raises(errors.OutputError, match="a list is no table"):
            trace.log_dataframe([1], key="list")
    assert tracker.outputs_of(trace.run_id)["table"].load().equals(table)


def test_load_knows_inputs_outputs_and_artifacts(tracker):
    Path("in.txt").write_text("1")
    other = tracker.run(pow, config={"base": 2, "exp": 3}).outputs["value"]
    with tracker.trace("load", inputs={"file": "in.txt", "eight": other}) as trace:
        trace.log_artifact((1, 2), key="pair")
        assert trace.load("file") == Path("in.txt")
        assert trace.load("eight") == trace.load(other) == 8
        assert trace.load("pair") == (1, 2)
        with pytest.raises(errors.NotFoundError, match=r"no output 'pear' \(it has file, eight, pair\)"):
            trace.load("pear")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"facet": [1]}, "facet is a list"),
        ({"description": 5}, "description is 5"),
        ({"tags": "abc"}, "tags is 'abc'"),
        ({"config": {"a": object()}}, "an object of type object"),
        ({"config": {"a": 1}, "inputs": {"a": __file__}}, "'a' is in config and in inputs"),
        ({"inputs": ["nowhere.csv"]}, "nowhere.csv"),
        ({"inputs": [5]}, "5 is no input"),
    ],
)
def test_what_cannot_be_recorded_is_refused_before_the_block(tracker, records, bad, message):
    with pytest.raises(errors.UsageError, match=message), tracker.trace("bad", **bad):
        pytest.fail("the block was entered")
    assert records() == {}


def test_without_a_run_the_functions_of_the_package_say_what_to_do():
    Path("a").write_text("a")
    for call in (
        consist.current_run,
        lambda: consist.log_input("a"),
        lambda: consist.log_output("a"),
        lambda: consist.log_artifact(1, key="a"),
        lambda: consist.log_dataframe(1, key="a"),
        lambda: consist.log_meta(a=1),
    ):
        with pytest.raises(errors.UsageError, match=r"no run is under way here \(write `with tracker.trace"):
            call()
    for call in (consist.trace, consist.start_run, consist.scenario):
        with pytest.raises(errors.UsageError, match=r"no current tracker \(write `with consist.use_tracker"):
            call("a")


def test_the_functions_of_the_package_go_to_the_innermost_run(tracker, records):
    Path("a.txt").write_text("a")
    with consist.use_tracker(tracker), consist.trace("outer") as outer:
        consist.log_artifact(1, key="one")
        with consist.trace("inner") as inner:
            assert consist.current_run() is inner
            consist.log_input("a.txt")
            consist.log_output("a.txt")
            consist.log_artifact("a.txt", key="b", direction="input")
        consist.log_meta(last=True)
    found = records()
    assert list(outputs_of(found[outer.run_id])) == ["one"]
    assert list(outputs_of(found[inner.run_id])) == ["a"]
    assert [item[0] for item in found[inner.run_id].inputs] == ["a.txt", "b"]
    assert (found[outer.run_id].meta, found[inner.run_id].meta) == ({"last": True}, {})
    with pytest.raises(errors.UsageError, match="direction is 'sideways'"), tracker.trace("t") as trace:
        trace.log_artifact(1, key="a", direction="sideways")


def test_a_run_that_has_ended_takes_nothing_more(tracker):
    with tracker.trace("over") as trace:
        pass
    for call in (
        lambda: trace.log_artifact(1, key="late"),
        lambda: trace.log_input(__file__),
        lambda: trace.log_meta(late=1),
        lambda: trace.capture_outputs("."),
    ):
        with pytest.raises(errors.UsageError, match=f"run {trace.run_id} of 'over' has ended"):
            call()


def test_threads_log_in_the_run_that_they_are_given(tracker, records):
    with tracker.trace("threads") as trace:
        refused = []

        def work(number):
            trace.log_artifact(number, key=f"n{number}")
            try:
                consist.log_meta(lost=number)
            except errors.UsageError as error:
                refused.append(error)

        workers = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert len(refused) == 8
    assert sorted(outputs_of(records()[trace.run_id])) == [f"n{number}" for number in range(8)]


def test_a_block_may_end_in_another_context_than_it_began_in(tracker, records):
    block = tracker.trace("across")
    trace = contextvars.copy_context().run(block.__enter__)
    trace.log_meta(a=1)
    contextvars.copy_context().run(block.__exit__, None, None, None)
    assert (records()[trace.run_id].status, records()[trace.run_id].meta) == ("completed", {"a": 1})
    with pytest.raises(errors.UsageError, match="no run is under way"):
        consist.current_run()


def test_run_dir_is_the_runs_own(tracker, tmp_path):
    with tracker.trace("own") as trace:
        assert not (tmp_path / "runs").exists()
        (trace.run_dir / "a.txt").write_text("a")
        trace.log_output(trace.run_dir / "a.txt")
    assert (tmp_path / "runs" / "own" / trace.run_id / "a.txt").exists()
    assert repr(trace) == f"<RunContext {trace.run_id} own>"


def test_a_traces_name_does_not_stand_in_for_a_steps(tracker):
    with tracker.trace("pow", config={"base": 2, "exp": 3}):
        pass
    assert str(tracker.explain(pow, config={"base": 2, "exp": 4})) == "step 'pow' runs: no earlier run of step 'pow'"
