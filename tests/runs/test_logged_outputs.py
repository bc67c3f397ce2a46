"""A function that is cached logs, too: its outputs, its meta, and what it writes below a folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from blake3 import blake3

import consist
from consist import CacheOptions, CodeOptions, ExecutionOptions, OutputPolicyOptions, errors
from consist.runs.capture import Capture

CONTEXT = ExecutionOptions(inject_context=True)


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def simulate(days, _consist_ctx):
    log = _consist_ctx.run_dir / "log.txt"
    log.write_text(f"{days} days\n" * 2000)
    _consist_ctx.log_output(log)
    _consist_ctx.log_artifact({"days": days}, key="settings")
    _consist_ctx.log_meta(steps=days * 24)
    return {"cars": days * 2}


def test_logged_outputs_are_the_runs_and_come_back_on_a_hit(tracker, tmp_path, records):
    first = tracker.run(simulate, config={"days": 3}, execution_options=CONTEXT)
    (tmp_path / "runs" / "simulate" / first.run.id / "log.txt").unlink()
    again = tracker.run(simulate, config={"days": 3}, execution_options=CONTEXT)
    assert (first.cache_hit, again.cache_hit) == (False, True)
    assert first.value == again.value == {"cars": 6}
    for result in (first, again):
        assert list(result.outputs) == ["cars", "log", "settings"]
        assert result.outputs["log"].path.read_text() == "3 days\n" * 2000
        assert result.outputs["settings"].load() == {"days": 3}
        assert result.run.meta == {"steps": 72}
    record = records()[first.run.id]
    assert record.outputs[1][1] == blake3(b"3 days\n" * 2000).digest()
    assert [item[5].get("logged") for item in record.outputs] == [None, True, True]


def test_the_functions_of_the_package_work_in_a_function(tracker):
    def work():
        consist.log_artifact(1, key="one")
        consist.log_meta(who=consist.current_run().step)

    first, again = (tracker.run(work) for _ in range(2))
    assert again.cache_hit
    assert (again.value, again.outputs["one"].load(), again.run.meta) == (None, 1, {"who": "work"})
    assert first.value is None


@pytest.mark.parametrize("returned", ["nothing", "the same"])
def test_a_declared_output_may_be_logged(tracker, returned):
    def work(returned):
        path = consist.current_run().run_dir / "cleaned.csv"
        path.write_text("a\n1\n")
        consist.log_output(path, key="cleaned")
        return path if returned == "the same" else None

    for hit in (False, True):
        result = tracker.run(work, config={"returned": returned}, outputs=["cleaned"])
        assert result.cache_hit is hit
        assert list(result.outputs) == ["cleaned"]
        assert result.outputs["cleaned"].path.read_text() == "a\n1\n"
        assert (result.value is None) == (returned == "nothing")


def test_what_is_left_of_the_declared_outputs_is_returned(tracker):
    def one():
        consist.log_artifact(1, key="a")
        return 2

    def mapping():
        consist.log_artifact(1, key="a")
        return {"b": 2}

    for work, value in ((one, 2), (mapping, {"b": 2})):
        for hit in (False, True):
            result = tracker.run(work, outputs=["a", "b"])
            assert (result.cache_hit, result.value) == (hit, value)
            assert [result.outputs[key].load() for key in "ab"] == [1, 2]


def test_an_output_that_is_logged_and_returned_differently_is_not_cached(tracker):
    def work():
        consist.log_artifact(1, key="a")
        return {"a": 2}

    with pytest.warns(errors.UncacheableWarning, match="output 'a' was logged, and another one was returned"):
        result = tracker.run(work)
    assert (result.value, result.outputs["a"].load(), result.run.signature) == ({"a": 2}, 2, None)


def test_what_a_cached_function_reads_must_be_known_before(tracker):
    Path("raw.csv").write_text("1")

    def work():
        return consist.log_input("raw.csv").read_text()

    with pytest.raises(errors.UsageError, match=r"step 'work' is cached, so what it reads .* \(give it in inputs="):
        tracker.run(work)


def test_a_function_may_load_its_inputs_by_name(tracker):
    made = tracker.run(pow, config={"base": 2, "exp": 3}).outputs["value"]

    def work(_consist_ctx):
        return _consist_ctx.load("eight") + 1

    options = ExecutionOptions(inject_context=True, load_inputs=False)
    assert tracker.run(work, inputs={"eight": made}, execution_options=options).value == 9


def test_a_function_that_fails_leaves_what_it_had_logged(tracker, records):
    def work():
        consist.log_artifact(b"h" * 5000, key="half")
        consist.log_meta(reached=3)
        raise ValueError("no luck")

    with pytest.raises(ValueError, match="no luck"):
        tracker.run(work)
    (record,) = records().values()
    assert (record.status, record.meta) == ("failed", {"reached": 3})
    assert record.outputs[0][:3] == ["half", blake3(b"h" * 5000).digest(), 5000]


def test_readonly_writes_nothing_of_what_is_logged(tracker, tmp_path):
    tracker.run(pow, config={"base": 2, "exp": 3})
    store = tmp_path / "index.store"
    before = sorted(path for path in store.rglob("*") if path.is_file())
    options = CacheOptions(cache_mode="readonly")
    result = tracker.run(simulate, config={"days": 9}, execution_options=CONTEXT, cache_options=options)
    assert result.outputs["settings"].load() == {"days": 9}
    assert sorted(path for path in store.rglob("*") if path.is_file()) == before


def test_a_function_that_has_returned_logs_nothing_more(tracker):
    kept = []

    def work():
        kept.append(consist.current_run())

    tracker.run(work, code_options=CodeOptions(version="1"))
    with pytest.raises(errors.UsageError, match="of 'work' has ended"):
        kept[0].log_meta(late=1)


def test_runs_in_threads_log_each_their_own(tracker, records):
    def work(number):
        consist.log_artifact([number], key="mine")
        consist.log_meta(number=number)
        return number

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda number: tracker.run(work, config={"number": number}), range(8)))
    for number, result in enumerate(done):
        assert records()[result.run.id].meta == {"number": number}
        assert result.outputs["mine"].load() == [number]


def write(files, below="out"):
    for name, text in files.items():
        path = Path(below, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def legacy(year):
    """Write what it likes, as old programs do."""
    write({f"tables/by_{kind}.csv": f"{year} {kind}" for kind in ("age", "zone")} | {"log.txt": "noise"})


@pytest.fixture
def capture():
    return ExecutionOptions(capture_dir="out", capture_pattern="*.csv")


def test_what_is_written_below_a_folder_becomes_outputs(tracker, capture):
    write({"old.csv": "was there", "tables/by_age.csv": "was there, and is written again"})
    first = tracker.run(legacy, config={"year": 2030}, execution_options=capture)
    assert sorted(first.outputs) == ["tables__by_age", "tables__by_zone"]
    Path("out/tables/by_age.csv").unlink()
    again = tracker.run(legacy, config={"year": 2030}, execution_options=capture)
    assert again.cache_hit
    assert again.value is None
    assert again.outputs["tables__by_age"].path.read_text() == "2030 age"
    other = tracker.run(legacy, config={"year": 2040}, execution_options=capture)
    assert other.outputs["tables__by_age"].path.read_text() == "2040 age"
    assert again.outputs["tables__by_age"].path.read_text() == "2030 age"


def test_what_is_captured_is_part_of_the_contract_and_told(tracker, capture):
    legacy_run = tracker.run(legacy, config={"year": 2030}, execution_options=capture)
    assert not tracker.run(legacy, config={"year": 2030}).cache_hit
    texts = ExecutionOptions(capture_dir="out", capture_pattern="*.txt")
    assert "capture_dir/*.txt added" in str(tracker.explain(legacy, config={"year": 2030}, execution_options=texts))
    assert legacy_run.run.record.contract.paths == ("capture_dir/*.csv",)


def test_a_pattern_without_a_folder_is_an_error(tracker):
    options = ExecutionOptions(capture_pattern="*.csv")
    with pytest.raises(errors.UsageError, match=r"capture_pattern is '\*.csv', and no capture_dir says where"):
        tracker.run(pow, config={"base": 2, "exp": 3}, execution_options=options)


def test_a_relative_folder_is_one_of_the_folder_where_the_call_was_made(tracker, tmp_path, capture):
    def wander():
        Path("else").mkdir()
        os.chdir("else")
        write({"a.csv": "1"}, below=tmp_path / "out")

    assert list(tracker.run(wander, execution_options=capture).outputs) == ["a"]


def test_capture_as_a_block_takes_what_the_block_writes(tracker, records):
    with tracker.trace("legacy") as trace:
        write({"before.csv": "1", "kept.csv": "2"})
        with trace.capture_outputs("out", "*.csv") as captured:
            write({"sub/new.csv": "3", "kept.csv": "2", "note.txt": "4"})
        assert sorted(captured.outputs) == ["kept", "sub__new"]
        write({"after.csv": "5"})
    assert sorted(item[0] for item in records()[trace.run_id].outputs) == ["kept", "sub__new"]


def test_capture_without_a_block_holds_to_the_end_of_the_run(tracker, records):
    with tracker.trace("legacy") as trace:
        write({"before.csv": "1"})
        captured = trace.capture_outputs("out")
        assert captured.outputs == {}
        write({"a.csv": "2", "b.txt": "3"})
    assert sorted(captured.outputs) == ["a", "b"]
    assert sorted(item[0] for item in records()[trace.run_id].outputs) == ["a", "b"]


def test_capture_of_a_block_that_fails_takes_nothing(tracker, records):
    def work():
        with tracker.trace("fails") as trace, trace.capture_outputs("out"):
            write({"half.csv": "1"})
            raise ValueError("no luck")

    with pytest.raises(ValueError, match="no luck"):
        work()
    (record,) = records().values()
    assert (record.status, record.outputs) == ("failed", [])


@pytest.mark.parametrize("files", [{"a.csv": "1", "a.txt": "2"}, {"x/y.csv": "1", "x__y.csv": "2"}])
def test_two_files_of_one_name_are_an_error(tracker, records, files):
    def work():
        write(files)

    with pytest.raises(errors.OutputError, match=r"and .* would both be the output 'a|x__y'"):
        tracker.run(work, execution_options=ExecutionOptions(capture_dir="out"))
    assert [record.status for record in records().values()] == ["failed"]


def test_a_capture_that_finds_nothing_is_warned_of(tracker):
    def work(_consist_ctx):
        write({"a.csv": "1"})
        _consist_ctx.capture_outputs("out", "*.csv")

    with pytest.warns(errors.ConsistWarning, match=r"no file that matches '\*\.csv' was written below .*out while"):
        assert tracker.run(work, execution_options=CONTEXT).outputs == {}


def test_a_rewritten_file_counts_though_size_and_time_are_the_same(tracker):
    write({"a.csv": "1"})
    before = Path("out/a.csv").stat()

    def work():
        path = Path("out/a.csv")
        path.unlink()
        path.write_text("2")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    result = tracker.run(work, execution_options=ExecutionOptions(capture_dir="out"))
    assert result.outputs["a"].path.read_text() == "2"


FOLLOW = OutputPolicyOptions(symlinks="follow")


def linking(name, to):
    write({"a.csv": "1"})
    Path("out", name).symlink_to(to)


@pytest.mark.parametrize(
    ("name", "to", "followed"),
    [
        ("link.csv", "../elsewhere/secret.csv", {"a": "1", "link": "s"}),
        ("folder", "../elsewhere", {"a": "1", "folder__secret": "s"}),
        ("broken.csv", "nowhere", None),
        ("loop", "..", None),
    ],
)
def test_links_are_refused_or_followed_as_in_a_folder(tracker, name, to, followed):
    write({"secret.csv": "s"}, below="elsewhere")
    given = {"config": {"name": name, "to": to}, "execution_options": ExecutionOptions(capture_dir="out")}
    with pytest.raises(errors.OutputError, match=rf"out/{name} is a symbolic link.*OutputPolicyOptions\(symlinks="):
        tracker.run(linking, **given)
    shutil.rmtree("out")
    if followed is None:
        with pytest.raises(errors.OutputError, match=r"broken\.csv|a link to a folder around it"):
            tracker.run(linking, **given, output_policy=FOLLOW)
        return
    result = tracker.run(linking, **given, output_policy=FOLLOW)
    assert {key: item.path.read_text() for key, item in result.outputs.items()} == followed


def test_links_that_are_none_of_the_outputs_do_not_matter(tracker, capture):
    linking("old.csv", "nowhere")

    def work():
        write({"new.csv": "1"})
        Path("out/link.txt").symlink_to("new.csv")

    assert list(tracker.run(work, execution_options=capture).outputs) == ["new"]


def test_a_link_to_a_folder_that_was_there_is_not_looked_into(tracker, capture):
    write({"2030/old.csv": "0"})
    Path("out/latest.csv").symlink_to("2030")
    found = tracker.run(lambda: write({"2030/new.csv": "1"}), name="new", execution_options=capture)
    assert list(found.outputs) == ["2030__new"]


def test_what_is_written_through_a_link_is_noticed(tracker, capture):
    write({"far.csv": "0"}, below=".")
    linking("near.csv", "../far.csv")
    with pytest.raises(errors.OutputError, match=r"near\.csv is a symbolic link"):
        tracker.run(lambda: write({"near.csv": "1"}), name="through", execution_options=capture)


def test_a_trace_follows_links_if_it_is_told(tracker):
    with tracker.trace("x") as trace:
        with pytest.raises(errors.OutputError, match="is a symbolic link"), trace.capture_outputs("out"):
            linking("one.csv", "a.csv")
        with trace.capture_outputs("out", symlinks="follow") as captured:
            linking("two.csv", "a.csv")
        assert captured.outputs["two"].read_bytes() == b"1"
        with pytest.raises(errors.UsageError, match="symlinks is 'keep'"):
            trace.capture_outputs("out", symlinks="keep")


def test_what_a_function_logs_follows_links_as_the_run_does(tracker):
    def work(_consist_ctx):
        linking("one.csv", "a.csv")
        _consist_ctx.log_output("out")

    with pytest.raises(errors.OutputError, match="is a symbolic link"):
        tracker.run(work, execution_options=CONTEXT)
    shutil.rmtree("out")
    assert sorted(tracker.run(work, execution_options=CONTEXT, output_policy=FOLLOW).outputs) == ["out"]


TREE = ["top.txt", "top.csv", "a/one.txt", "a/b/two.txt", "x/a/three.txt"]


@pytest.mark.parametrize(
    ("pattern", "captured"),
    [
        ("*", TREE),
        ("*.txt", ["top.txt", "a/one.txt", "a/b/two.txt", "x/a/three.txt"]),
        ("**/*.txt", ["top.txt", "a/one.txt", "a/b/two.txt", "x/a/three.txt"]),
        ("a/*.txt", ["a/one.txt", "x/a/three.txt"]),
        ("a/**/*.txt", ["a/one.txt", "a/b/two.txt", "x/a/three.txt"]),
        ("a/**", ["a/one.txt", "a/b/two.txt", "x/a/three.txt"]),
        ("**", TREE),
        ("*/*.txt", ["a/one.txt", "a/b/two.txt", "x/a/three.txt"]),
        ("x/**/three.txt", ["x/a/three.txt"]),
        ("./t[a-o]p.*", ["top.txt", "top.csv"]),
    ],
)
def test_a_pattern_is_that_of_the_end_of_a_path(tmp_path, pattern, captured):
    taken = []
    capture = Capture(str(tmp_path / "out"), pattern, lambda path, _: taken.append(path), print, symlinks="refuse")
    write(dict.fromkeys(TREE, "1"))
    with contextlib.suppress(errors.OutputError):  # of top.txt and top.csv
        capture.finish()
    found = taken or [tmp_path / "out" / name for name in captured]
    assert sorted(str(path.relative_to(tmp_path / "out")) for path in found) == sorted(captured)


def test_capture_below_a_file_is_refused_before_anything_runs(tracker, capture):
    Path("out").write_text("a file")
    with pytest.raises(errors.OutputError, match="capture_dir out cannot be a folder"):
        tracker.run(lambda: 1 / 0, name="never", execution_options=capture)


def test_a_pattern_is_asked_for(tracker):
    options = ExecutionOptions(capture_dir="out", capture_pattern="")
    with pytest.raises(errors.UsageError, match="the pattern is empty"):
        tracker.run(legacy, config={"year": 1}, execution_options=options)
    assert not Path("out").exists()


def test_patterns_may_name_folders(tracker):
    def work():
        write({"x/a.csv": "1", "y/b.csv": "2"})

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = tracker.run(work, execution_options=ExecutionOptions(capture_dir="out", capture_pattern="y/*.csv"))
    assert list(result.outputs) == ["y__b"]
