"""`Tracker.explain` and the line of a miss: what they say is what `run` then does, and they leave no trace."""

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import consist
from consist import CacheOptions, CodeOptions, ExecutionOptions, Tracker, errors
from tests.harm import harmed


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("raw.csv").write_text("1")
    Path("other.csv").write_text("2")
    Path("calls").write_text("")


def clean(threshold, raw=None, more=None, fail=False):
    with Path("calls").open("a") as file:
        file.write("x")
    if fail:
        raise RuntimeError("it rained")
    return {"table": b"x" * 5000, "threshold": threshold}


CALL = {"config": {"threshold": 15}, "inputs": {"raw": "raw.csv"}, "outputs": ["table", "threshold"]}


def said(tracker, fn=clean, **changed):
    found = tracker.explain(fn, **{**CALL, **changed})
    return [*map(str, found.differences), *found.remarks]


def objects(tracker):
    """What the store holds, and how many runs the index knows."""
    root = Path(tracker.store_url)
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}, len(tracker.find_runs())


def test_before_any_run(tracker):
    found = tracker.explain(clean, **CALL)
    assert (found.hit, found.run, found.differences) == (False, None, ())
    assert str(found) == found.line == "step 'clean' runs: no earlier run of step 'clean'"


def test_what_would_hit_is_a_hit_with_the_run(tracker):
    run = tracker.run(clean, **CALL).run
    found = tracker.explain(clean, **CALL)
    assert (found.hit, found.run.id, found.differences, found.remarks) == (True, run.id, (), ())
    assert str(found) == f"step 'clean' is found: run {run.id[:12]}"


CHANGES = [
    ({"config": {"threshold": 25}}, ["config threshold: 15 -> 25"]),
    ({"config": {"threshold": 15, "seed": 7}}, ["config seed: added, 7"]),
    ({"outputs": ["threshold", "table"]}, ["declared outputs: table, threshold -> threshold, table"]),
    ({"outputs": None}, ["declared output table removed", "declared output threshold removed"]),
    ({"output_paths": {"log": "calls"}}, ["declared output path log added"]),
    ({"inputs": {}}, ["input raw: removed"]),
    ({"inputs": {"raw": "raw.csv", "more": "other.csv"}}, ["input more: added"]),
    ({"inputs": {"raw": "other.csv"}}, ["input raw: content changed"]),
    ({"code_options": CodeOptions(version="1")}, ['code version: added, "1"']),
    ({"code_options": CodeOptions(depends_on=["raw.csv"])}, ["file raw.csv: added"]),
    ({"config": {"threshold": 16}, "inputs": None}, ["config threshold: 15 -> 16", "input raw: removed"]),
]


@pytest.mark.parametrize(("changed", "reasons"), CHANGES)
def test_each_change_is_named_and_is_a_miss(tracker, changed, reasons):
    run = tracker.run(clean, **CALL).run
    found = tracker.explain(clean, **{**CALL, **changed})
    assert [str(difference) for difference in found.differences] == reasons
    assert (found.hit, found.run.id, found.remarks) == (False, run.id, ())
    assert run.id[:12] in str(found)
    assert run.id[:12] in found.line
    assert not tracker.run(clean, **{**CALL, **changed}).cache_hit


def test_how_an_input_is_handed_over_is_named(tracker):
    table = tracker.run(clean, **CALL).outputs["threshold"]

    def use(table):
        return str(type(table))

    tracker.run(use, inputs={"table": table})
    found = tracker.explain(use, inputs={"table": table}, execution_options=ExecutionOptions(load_inputs=False))
    assert [str(difference) for difference in found.differences] == ["input table: handed over as value -> artifact"]


def test_nothing_runs_and_nothing_is_kept(tracker):
    tracker.run(clean, **CALL)
    before = objects(tracker)
    for changed, _ in CHANGES:
        tracker.explain(clean, **{**CALL, **changed})
    tracker.explain(clean, **CALL)
    tracker.close()
    assert Path("calls").read_text() == "x"
    assert objects(tracker) == before
    assert tracker.store.index.hits(tracker.find_runs()[0].id).count == 0


def test_the_nearest_run_has_the_fewest_differing_parts(tracker):
    near = tracker.run(clean, **CALL).run
    tracker.run(clean, **{**CALL, "config": {"threshold": 1}, "inputs": {"raw": "other.csv"}})
    assert tracker.explain(clean, **{**CALL, "config": {"threshold": 2}}).run.id == near.id


def test_a_failure_is_named(tracker):
    failing = {**CALL, "config": {"threshold": 15, "fail": True}}
    with pytest.raises(RuntimeError):
        tracker.run(clean, **failing)
    (reason,) = said(tracker, **failing)
    assert "failed, and a failure is not cached: RuntimeError: it rained" in reason
    # The only run there is, so it is compared with, too.
    assert said(tracker) == ["config fail: removed, was true"]


def test_a_run_that_no_signature_leads_to_is_named(tracker):
    run = tracker.run(clean, **CALL, cache_options=CacheOptions(cache_mode="off")).run
    (reason,) = said(tracker)
    assert reason.startswith(f"run {run.id} has the same code")
    assert "no signature leads to it" in reason


@pytest.mark.parametrize("damage", ["record gone", "record spoilt", "blob gone"])
def test_damage_is_named(tracker, damage):
    run = tracker.run(clean, **CALL).run
    folder = Path(tracker.store_url) / ("blobs" if damage == "blob gone" else "results")
    (path,) = (found for found in folder.rglob("*") if found.is_file())
    data = path.read_bytes()
    path.unlink()
    if damage == "record spoilt":
        path.write_bytes(data[:-1])
    found = tracker.explain(clean, **CALL)
    assert (found.hit, found.run.id, found.differences) == (False, run.id, ())
    (remark,) = found.remarks
    assert {"record gone": "record", "record spoilt": "is damaged", "blob gone": "output 'table'"}[damage] in remark
    assert tracker.explain(clean, **CALL) == found  # the first look changed nothing


@pytest.mark.parametrize("mode", ["off", "overwrite", "readonly"])
def test_the_mode_is_asked_first(tracker, mode):
    tracker.run(clean, **CALL)
    options = CacheOptions(cache_mode=mode)
    found = tracker.explain(clean, **CALL, cache_options=options)
    assert (found.hit, found.remarks) == ((True, ()) if mode == "readonly" else (False, (f"cache_mode is {mode!r}",)))
    assert tracker.run(clean, **CALL, cache_options=options).cache_hit == found.hit


def test_a_hit_is_looked_at_as_closely_as_the_run_would(tracker):
    digest = tracker.run(clean, **CALL).outputs["table"].digest.hex
    blob = Path(tracker.store_url, "blobs", digest[:2], digest[2:])
    content = blob.read_bytes()
    blob.chmod(0o600)
    blob.write_bytes(harmed(content))
    assert tracker.explain(clean, **CALL).hit  # a run takes it for whole, too
    eager = CacheOptions(validate_cached_outputs="eager")
    found = tracker.explain(clean, **CALL, cache_options=eager)
    assert not found.hit
    assert "output 'table' is not whole" in str(found)
    with pytest.warns(errors.DamagedWarning):
        assert not tracker.run(clean, **CALL, cache_options=eager).cache_hit
    assert tracker.explain(clean, **CALL, cache_options=eager).hit


def test_inputs_that_would_be_restored_count_as_if_they_were(tracker):
    def write():
        Path("made.csv").write_text("made")

    def read(table):
        return table.read_text()

    missing = {"inputs": {"table": "made.csv"}, "cache_options": CacheOptions(cache_hydration="inputs-missing")}
    tracker.run(write, output_paths={"table": "made.csv"})
    place = Path("made.csv").absolute()
    place.unlink()
    found = tracker.explain(read, **missing)
    assert (found.hit, found.remarks) == (False, ("no earlier run of step 'read'", f"{place} would be restored"))
    assert not place.exists()
    assert tracker.run(read, **missing).value == "made"
    place.unlink()
    found = tracker.explain(read, **missing)
    assert found.hit
    assert str(found).endswith(f"; {place} would be restored")
    assert not place.exists()
    assert tracker.run(read, **missing).cache_hit
    place.unlink()
    with pytest.raises(errors.InputError, match=r"there is no file .*made\.csv"):
        tracker.explain(read, inputs={"table": "made.csv"})
    with pytest.raises(errors.InputError, match=r"there is no file .*never\.csv"):
        tracker.explain(read, **{**missing, "inputs": {"table": "never.csv"}})


def test_what_cannot_be_cached_says_why_even_if_it_is_strict(tmp_path):
    hidden = iter([1])

    def use():
        return next(hidden)

    with Tracker(run_dir=tmp_path / "r", db_path=tmp_path / "i.lmdb", strict=True) as tracker:
        found = tracker.explain(use)
    assert (found.hit, found.run) == (False, None)
    (remark,) = found.remarks
    assert remark.startswith("not cached: ")
    assert "hidden" in remark


def test_a_request_that_makes_no_sense_is_an_error(tracker):
    with pytest.raises(errors.UsageError, match="'raw' is in config and in inputs"):
        tracker.explain(clean, config={"raw": 1}, inputs={"raw": "raw.csv"})
    with pytest.raises(errors.InputError, match=r"gone\.csv"):
        tracker.explain(clean, inputs={"raw": "gone.csv"})


def test_an_explanation_travels(tracker):
    tracker.run(clean, **CALL)
    found = tracker.explain(clean, **{**CALL, "config": {"threshold": 25}})
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301 - our own bytes


# --- the line of a miss


@pytest.fixture
def lines(tmp_path, caplog):
    """Run with a tracker that says why, and return what it said."""

    def lines(*calls, **options):
        caplog.clear()
        with Tracker(run_dir="runs", db_path=tmp_path / "index.lmdb", durable=False, **options) as tracker:
            for call in calls:
                call(tracker)
        return [(record.name, record.levelname, record.getMessage()) for record in caplog.records]

    return lines


def run(tracker, **changed):
    return tracker.run(clean, **{**CALL, **changed})


def always(tracker):
    return run(tracker, cache_options=CacheOptions(cache_mode="off"))


def test_each_miss_says_why_and_a_hit_says_nothing(lines):
    found = lines(run, run, lambda tracker: run(tracker, config={"threshold": 25}), run, verbose=True)
    (first, second) = [message for name, level, message in found if (name, level) == ("consist", "INFO")]
    assert first == "step 'clean' runs: no earlier run of step 'clean'"
    assert second.startswith("step 'clean' runs: config threshold: 15 -> 25 (nearest run ")
    assert len(found) == 2


def test_the_modes_that_do_not_look_say_so(lines):
    for mode in ("off", "overwrite"):
        options = CacheOptions(cache_mode=mode)
        found = lines(run, lambda tracker, options=options: run(tracker, cache_options=options), verbose=True)
        assert found[-1][2] == f"step 'clean' runs: cache_mode is {mode!r}"


def test_the_environment_switches_it_on_and_the_argument_has_the_last_word(lines, monkeypatch):
    for value, option, count in [("1", None, 1), ("0", None, 0), ("", None, 0), ("1", False, 0), ("0", True, 1)]:
        monkeypatch.setenv("CONSIST_EXPLAIN", value)
        assert len(lines(always, verbose=option)) == count, (value, option)
    monkeypatch.delenv("CONSIST_EXPLAIN")
    assert lines(always) == []


def test_a_line_stays_a_line(lines):
    config = {"threshold": "\x1b[31m\n", "\x1b\n": 1}
    found = lines(run, lambda tracker: tracker.run(len, name="clean", config={"obj": [], **config}), verbose=True)
    assert all(message.isprintable() for _, _, message in found)


PROGRAM = """
import logging, sys
import consist
{setup}
def double(value): return value * 2
with consist.Tracker(run_dir="runs", db_path="i.lmdb", durable=False) as tracker:
    tracker.run(double, config={{"value": 1}})
    tracker.run(double, config={{"value": 1}})
    tracker.run(double, config={{"value": 2}})
"""
SAID = ["step 'double' runs: no earlier run of step 'double'", "step 'double' runs: config value: 1 -> 2 (nearest run "]


def stderr_of(tmp_path, setup, **environment):
    (tmp_path / "program.py").write_text(PROGRAM.format(setup=setup))
    done = subprocess.run(
        [sys.executable, "program.py"],
        env={**os.environ, "PYTHONPATH": str(Path(consist.__file__).parents[1]), **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_without_logging_set_up_it_is_on_standard_error(tmp_path):
    first, second = stderr_of(tmp_path, "", CONSIST_EXPLAIN="1")
    assert first == f"consist: {SAID[0]}"
    assert second.startswith(f"consist: {SAID[1]}")


def test_without_the_switch_there_is_nothing(tmp_path):
    assert stderr_of(tmp_path, "") == []


def test_a_programs_own_logging_gets_it_once_and_has_its_say(tmp_path):
    first, second = stderr_of(tmp_path, "logging.basicConfig(format='%(name)s|%(message)s')", CONSIST_EXPLAIN="1")
    assert first == f"consist|{SAID[0]}"
    assert second.startswith(f"consist|{SAID[1]}")
    quiet = "logging.getLogger('consist').setLevel(logging.WARNING)"
    (tmp_path / "i.lmdb").unlink()
    assert stderr_of(tmp_path, quiet, CONSIST_EXPLAIN="1") == []


def test_logging_set_up_later_gets_it_once(tmp_path):
    late = "import consist.runs.notice; logging.basicConfig(format='%(message)s')"
    first, *_ = stderr_of(tmp_path, late, CONSIST_EXPLAIN="1")
    assert first == SAID[0]


def test_a_closed_standard_error_is_no_reason_not_to_run(tmp_path):
    assert stderr_of(tmp_path, "sys.stderr.close()", CONSIST_EXPLAIN="1") == []
    assert stderr_of(tmp_path, "sys.stderr = None", CONSIST_EXPLAIN="1") == []


def write_large(path):
    Path(path).write_bytes(b"x" * 5000)
    return Path(path)


@pytest.mark.parametrize("hydration", ["outputs-all", "outputs-requested"])
def test_a_file_that_cannot_be_put_in_place_is_a_miss_as_in_run(tracker, hydration):
    options = CacheOptions(cache_hydration=hydration)
    if hydration == "outputs-all":
        call = {"fn": write_large, "config": {"path": "made.bin"}}
    else:
        call = {"fn": shutil.copyfile, "config": {"src": "large", "dst": "made.bin"}, "output_paths": {"m": "made.bin"}}
        Path("large").write_bytes(b"x" * 5000)
    run = tracker.run(**call).run
    Path("made.bin").unlink()
    blob = next(path for path in (Path(tracker.store_url) / "blobs").rglob("*") if path.is_file())
    blob.chmod(0o600)
    blob.write_bytes(b"y" * 5000)  # of the same size: without reading it nobody can tell
    assert tracker.explain(**call).hit
    found = tracker.explain(**call, cache_options=options)
    assert (found.hit, found.run.id if found.run else run.id) == (False, run.id)
    assert "is not whole" in " ".join(found.remarks)
    with pytest.warns(errors.DamagedWarning):
        assert not tracker.run(**call, cache_options=options).cache_hit
    assert tracker.explain(**call, cache_options=options).hit


def test_a_hydration_that_is_refused_is_refused_here_too(tracker):
    Path("large").write_bytes(b"x" * 5000)
    call = {"config": {"src": "large", "dst": "made.bin"}, "output_paths": {"made": "made.bin"}}
    tracker.run(shutil.copyfile, **call)
    Path("made.bin").unlink()
    Path("made.bin").symlink_to("made.bin")
    options = CacheOptions(cache_hydration="outputs-requested")
    for ask in (tracker.explain, tracker.run):
        with pytest.raises(errors.RefusedError, match="leads in a circle"):
            ask(shutil.copyfile, **call, cache_options=options)
