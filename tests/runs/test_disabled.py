"""A tracker that is disabled: the same program runs and gives the same, and nothing of it is written anywhere."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

import consist
from consist import (
    Artifact,
    CacheOptions,
    ExecutionOptions,
    Hooks,
    OutputPolicyOptions,
    Tracker,
    create_tracker,
    errors,
)


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path("raw.txt").write_text("raw")


@pytest.fixture(params=[True, False], ids=["enabled", "disabled"])
def either(request, tmp_path):
    with create_tracker(
        enabled=request.param, run_dir=tmp_path / "runs", db_path=tmp_path / "index.lmdb", durable=False
    ) as tracker:
        yield tracker


@pytest.fixture
def disabled(tmp_path):
    return create_tracker(enabled=False, run_dir=tmp_path / "runs", db_path=tmp_path / "index.lmdb")


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_enabled_it_is_a_tracker(tmp_path):
    assert type(create_tracker(run_dir=tmp_path, db_path=tmp_path / "i")) is Tracker


def test_a_pipeline_gives_the_same_under_either(either):
    """One program: a step, files, a table, options, artifacts handed on; every assertion holds under both."""
    pandas = pytest.importorskip("pandas")

    @either.define_step(outputs=["cleaned"], config={"times": 2})
    def clean(raw: Path, times) -> Path:
        Path("cleaned.txt").write_text(raw.read_text() * times)
        return Path("cleaned.txt")

    def tables(cleaned: Path, text: str, kept: Artifact) -> dict:
        Path("log.txt").write_text("log")
        return {"table": pandas.DataFrame({"n": [len(cleaned.read_text())]}), "same": text == str(kept.path)}

    def total(table, offset, _consist_ctx):
        table["n"] += offset  # in place: it must be a copy
        assert _consist_ctx.step == "total"
        return int(table["n"].sum())

    with consist.use_tracker(either):
        cleaned = clean.run(inputs={"raw": "raw.txt"})
        assert cleaned.value == Path("cleaned.txt").absolute()
        made = consist.run(
            tables,
            inputs={"cleaned": cleaned.outputs["cleaned"], "text": cleaned.value, "kept": cleaned.outputs["cleaned"]},
            outputs=["table", "same"],
            output_paths={"log": "log.txt"},
        )
        sums = [
            consist.run(
                total,
                inputs={"table": made.outputs["table"]},
                runtime_kwargs={"offset": 1},
                config={"offset": 1},
                execution_options=ExecutionOptions(inject_context=True),
            )
            for _ in range(2)
        ]
    assert [result.value for result in sums] == [7, 7]
    assert list(made.outputs) == ["table", "same", "log"]
    assert made.value["same"] is True
    assert made.outputs["log"].path.read_text() == made.outputs["log"].read_bytes().decode() == "log"
    assert made.outputs["table"].load().equals(pandas.DataFrame({"n": [6]}))
    assert cleaned.outputs["cleaned"].size == 6
    assert (cleaned.run.status, cleaned.run.step, cleaned.run.config) == ("completed", "clean", {"times": 2})


def test_artifacts_know_the_same_of_themselves_under_either(either):
    result = either.run(lambda: {"n": 5, "b": b"xy"}, name="make")
    known = {key: (made.format, made.size, made.digest.hex, made.read_bytes()) for key, made in result.outputs.items()}
    from blake3 import blake3

    assert known == {
        "n": ("plain", 1, blake3(b"\x05").hexdigest(), b"\x05"),
        "b": ("bytes", 2, blake3(b"xy").hexdigest(), b"xy"),
    }
    with result.outputs["b"].open() as stream:
        assert stream.read() == b"xy"


BAD = [
    (lambda t: t.run(lambda x: x, name="n"), errors.UsageError, "cannot be called"),
    (lambda t: t.run(lambda: 1, name="a/b"), errors.UsageError, "cannot name a step"),
    (
        lambda t: t.run(lambda a: a, name="n", inputs={"a": "missing.txt"}),
        errors.InputError,
        "input 'a': there is no file",
    ),
    (lambda t: t.run(lambda a: a, name="n", config={"a": 1}, runtime_kwargs={"a": 2}), errors.UsageError, "'a' is 1"),
    (
        lambda t: t.run(lambda a: a, name="n", inputs={"a": "raw.txt"}, runtime_kwargs={"a": Path("other.txt")}),
        errors.UsageError,
        r"'a' is PosixPath\('raw.txt'\) in inputs and PosixPath\('other.txt'\) in runtime_kwargs",
    ),
    (
        lambda t: t.run(
            lambda a: a,
            name="n",
            inputs={"a": t.run(lambda: 1, name="one").outputs["value"]},
            runtime_kwargs={"a": 2},
        ),
        errors.UsageError,
        "'a' is <Artifact value .* in inputs and 2 in runtime_kwargs",
    ),
    (lambda t: t.run(lambda: {"a": 1}, name="n", outputs=["a", "b"]), errors.OutputError, "'b' was not returned"),
    (
        lambda t: t.run(lambda: None, name="n", output_paths={"f": "no.txt"}),
        errors.OutputError,
        "output 'f': there is no",
    ),
    (lambda t: t.run(lambda: Path("no.txt"), name="n"), errors.OutputError, "there is no file"),
    (lambda t: t.run(lambda: (x for x in ()), name="n"), errors.UsageError, "returned a generator"),
    (lambda t: t.define_step(confg=1), errors.UsageError, "did you mean 'config'"),
    (lambda t: t.get_run("abc"), errors.RunNotFoundError, "there is no run|no run"),
    (lambda t: t.run(lambda: 1 / 0, name="n"), ZeroDivisionError, "division by zero"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[message for *_, message in BAD])
def test_what_is_refused_is_refused_under_either(either, call, error, message):
    with pytest.raises(error, match=message):
        call(either)


def test_an_input_itself_may_be_in_runtime_kwargs_too_under_either(either):
    def kind(a):
        return type(a).__name__

    one = either.run(lambda: 1, name="one").outputs["value"]
    assert either.run(kind, inputs={"a": one}, runtime_kwargs={"a": one}).value.endswith("Artifact")
    for given, again in (("raw.txt", Path("raw.txt").absolute()), (Path("raw.txt"), "./raw.txt")):
        assert either.run(kind, inputs={"a": given}, runtime_kwargs={"a": again}).value in {"PosixPath", "str"}


def test_nothing_is_written_anywhere_and_nothing_is_found(disabled, tmp_path):
    before = files(tmp_path)

    async def waited(n):
        await asyncio.sleep(0)
        return {"n": n, "large": "x" * 100_000}

    ran = []
    for _ in range(2):
        result = disabled.run(waited, config={"n": 1}, tags=["t"], facet={"f": 1})
        ran.append(result.cache_hit)
        result.outputs["large"].digest  # noqa: B018 - to make it be found out
    assert ran == [False, False]
    assert disabled.find_runs() == []
    assert disabled.outputs_of(result.run.id) == {}
    assert not disabled.explain(waited, config={"n": 1}).hit
    disabled.close()
    assert files(tmp_path) == before
    assert not any(Path(os.environ["HOME"]).rglob("*.lmdb"))


def test_what_is_asked_about_a_result_is_answered_under_either(either):
    pandas = pytest.importorskip("pandas")
    results = [either.run(lambda n: {"level": n}, name="step", config={"n": n}, tags=["old"]) for n in (3, 4)]
    run, artifact = results[0].run, results[0].outputs["level"]
    for asked in (run, results[0]):
        assert (either.load_run_output(asked, "level"), either.load_run_output(asked)) == (3, 3)
        assert [made.load() for made in either.outputs_of(asked).values()] == [3]
        assert either.tag(asked, "good").tags == ("good", "old")
        assert either.untag(asked, "good", "none").tags == ("old",)
        assert either.lineage(asked).root.id == f"runs/{run.id}"
    assert run.output_keys == ("level",)
    assert either.lineage(artifact, depth=0).root.as_dict()["digest"] == artifact.digest.hex
    assert either.lineage(Path("raw.txt"), "both").root.size == 3
    for given in (results, [result.run for result in results]):
        table = either.run_set(given).to_pandas(values=["level"])
        assert table["level"].tolist() == [3, 4]
        pandas.testing.assert_series_equal(table["hits"], pandas.Series([0, 0], name="hits"))
        with pytest.raises(errors.UsageError, match=r"has an output 'levle' \(did you mean 'level'"):
            either.run_set(given).to_pandas(values=["level", "levle"])
    with pytest.raises(errors.RunNotFoundError, match="has no output 'none'"):
        either.load_run_output(run, "none")
    found = either.diff_runs(results[0], results[1].run)
    assert [str(difference) for difference in found.differences] == ["config n: 3 -> 4"]
    assert [(output.key, output.before.size) for output in found.outputs] == [("level", 1)]
    assert either.diff_runs(run, results[0]).same_outputs
    assert (either.forget(run, "wrong").status, either.forget(results[1]).status) == ("forgotten", "forgotten")


NOT_ASKED = {
    "sideways": lambda t, run: t.lineage(run, "sideways"),
    "depth": lambda t, run: t.lineage(run, depth=-1),
    "a file that is not there": lambda t, _: t.lineage(Path("none.txt")),
    "no run": lambda t, _: t.lineage("abcdef"),
    "no run to tag": lambda t, _: t.tag("abcdef", "good"),
    "no tag": lambda t, run: t.tag(run, "a/b"),
    "no reason": lambda t, run: t.forget(run, "x" * 100_000),
}


@pytest.mark.parametrize("wrong", NOT_ASKED)
def test_what_cannot_be_asked_is_refused_under_either(either, wrong):
    run = either.run(lambda: 1, name="one").run
    with pytest.raises(errors.ConsistError):
        NOT_ASKED[wrong](either, run)


def test_an_output_that_could_not_have_been_recorded_is_no_difference(disabled):
    made = [disabled.run(lambda: {"n": 1, "odd": object()}, name="odd") for _ in range(2)]
    assert disabled.diff_runs(*made).same_outputs


def test_a_lineage_is_its_root_alone(disabled):
    made = disabled.run(lambda raw: raw.read_text(), name="read", inputs={"raw": "raw.txt"}).outputs["value"]
    found = disabled.lineage(made, "both")
    assert (found.nodes, found.edges, found.root.name) == ((found.root,), (), "value")


def test_commands_run_under_either(either):
    command = ["sh", "-c", "echo x >> calls; cat raw.txt | tee copy.txt"]
    with consist.use_tracker(either):
        made = [consist.exec(command, inputs=["raw.txt"], outputs=["copy.txt"]) for _ in range(2)]
        with pytest.raises(errors.NotFoundError, match="there is no program"):
            consist.exec(["no-such-program"])
    for result in made:
        assert {key: result.outputs[key].read_bytes() for key in ("copy.txt", "stdout")} == dict.fromkeys(
            ("copy.txt", "stdout"), b"raw"
        )
    assert made[0].run.config == made[1].run.config
    assert Path("calls").read_text().count("x") == (2 if type(either) is not Tracker else 1)


def test_there_is_no_store(disabled):
    with pytest.raises(errors.UsageError, match="the tracker is disabled: there is no store"):
        disabled.store  # noqa: B018 - the access is the test


def test_a_value_has_no_file(disabled):
    artifact = disabled.run(lambda: 5, name="five").outputs["value"]
    with pytest.raises(errors.UsageError, match="output 'value' is no file"):
        artifact.path  # noqa: B018 - the same


def test_traces_and_scenarios_hand_artifacts_on(disabled, tmp_path):
    before = files(tmp_path)
    with disabled.scenario("baseline", require_outputs=["sum"], config={"a": 1}) as scenario:
        made = scenario.run(lambda: {"a": 1, "b": 2}, name="make")
        with scenario.trace("look", inputs=["a", Path("raw.txt")]) as trace:
            assert trace.load("a") == 1
            assert trace.load("raw.txt") == Path("raw.txt")
            trace.log_artifact(10, key="c")
            trace.log_meta(score=1)
        summed = scenario.run(lambda a, b, c: a + b + c, name="add", inputs=["a", "b", "c"], outputs=["sum"])
        assert (made.value, summed.value) == ({"a": 1, "b": 2}, 13)
        assert made.run.record.parent == scenario.run_id
        assert sorted(scenario.coupler.keys()) == ["a", "b", "c", "sum"]
        with pytest.raises(errors.NotFoundError, match="scenario 'baseline' has no 'nothing'"):
            scenario.coupler.require("nothing")
    with disabled.start_run("report", inputs={"raw": "raw.txt"}) as run:
        assert run.log_output("raw.txt", key="copy").read_bytes() == b"raw"
        assert run.log_input("raw.txt") == Path("raw.txt")
        inner = disabled.run(lambda: 1, name="inner").run
    assert inner.record.parent == run.run_id
    with (
        pytest.raises(errors.OutputError, match="scenario 's' ended without 'never'"),
        disabled.scenario("s", require_outputs=["never"]),
    ):
        pass
    assert files(tmp_path) == before


def capturing(_consist_ctx):
    with _consist_ctx.capture_outputs("out", "**/*.txt"):
        Path("out").mkdir(exist_ok=True)
        Path("out/a.txt").write_text("a")
    Path("out/b.csv").write_text("b")


def test_what_is_captured_is_the_same_under_either(either):
    options = ExecutionOptions(inject_context=True, capture_dir="out", capture_pattern="*.csv")
    result = either.run(capturing, execution_options=options)
    assert {key: item.read_bytes() for key, item in result.outputs.items()} == {"a": b"a", "b": b"b"}
    with either.trace("x") as trace:
        captured = trace.capture_outputs("out")
        Path("out/c.txt").write_text("c")
    assert list(captured.outputs) == ["c"]
    Path("notes").write_text("a file")
    with pytest.raises(errors.OutputError, match="notes/x would lie below"):
        either.run(capturing, execution_options=options, output_paths={"x": "notes/x"})


def test_a_scenario_logs_as_a_trace_does_under_either(either):
    with either.scenario("s") as scenario:
        scenario.log_artifact(3, key="three")
        scenario.log_output("raw.txt")
        scenario.log_meta(score=1)
        assert scenario.load("three") == scenario.coupler.require("three").load() == 3
        assert scenario.run(lambda three: three, name="use", inputs=["three"]).value == 3


def test_a_folder_for_files_is_made_when_it_is_asked_for(disabled, tmp_path):
    def write(_consist_ctx):
        (_consist_ctx.run_dir / "f.txt").write_text("made")
        return _consist_ctx.run_dir / "f.txt"

    result = disabled.run(write, execution_options=ExecutionOptions(inject_context=True))
    assert result.value == tmp_path / "runs" / "write" / result.run.id / "f.txt"


def test_policies_hold_and_hooks_are_not_called(tmp_path):
    told = []
    hooks = Hooks(on_run_start=told.append, on_run_complete=told.append)
    tracker = create_tracker(enabled=False, hooks=hooks, run_dir=tmp_path / "r", db_path=tmp_path / "i")
    policy = OutputPolicyOptions(output_missing="ignore", output_mismatch="error")
    assert tracker.run(lambda: {"a": 1}, name="n", outputs=["a", "b"], output_policy=policy).value == {"a": 1}
    with pytest.raises(errors.OutputError, match="'c' was returned, but not declared"):
        tracker.run(lambda: {"a": 1, "c": 1}, name="n", outputs=["a", "b"], output_policy=policy)
    assert told == []


def test_what_is_logged_and_captured_is_there_under_either(either):
    def program(run):
        with run.capture_outputs("out", "*.csv"):
            Path("out").mkdir()
            Path("out", "table.csv").write_text("a,b")
        run.log_meta(score=1)
        return run.log_artifact([1, 2], "pair").load()

    def step(_consist_ctx):
        Path("whole.txt").write_text("captured")
        return program(_consist_ctx)

    options = ExecutionOptions(inject_context=True, capture_dir=".", capture_pattern="whole.*")
    made = either.run(step, outputs=["pair"], execution_options=options)
    assert {key: artifact.read_bytes() for key, artifact in made.outputs.items() if key != "pair"} == {
        "table": b"a,b",
        "whole": b"captured",
    }
    assert (made.value, made.outputs["pair"].load()) == ([1, 2], [1, 2])


REFUSED = {
    "an input of what is cached": lambda run: run.log_input("raw.txt"),
    "another output of the name": lambda run: (run.log_artifact(1, "a"), run.log_artifact(2, "a")),
    "no table": lambda run: run.log_dataframe([1], "a"),
    "neither in nor out": lambda run: run.log_artifact(1, "a", direction="sideways"),
    "no name": lambda run: run.log_artifact(1),
    "no file": lambda run: run.log_output("none.txt"),
    "no value": lambda run: run.load("never"),
    "no meta": lambda run: run.log_meta(**{"a/b": 1}),
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_what_cannot_be_logged_is_refused_under_either(either, wrong):
    def step(_consist_ctx):
        REFUSED[wrong](_consist_ctx)

    options = {
        "execution_options": ExecutionOptions(inject_context=True),
        "cache_options": CacheOptions(cache_mode="off"),
    }
    with pytest.raises(errors.ConsistError):
        either.run(step, **options)


def test_what_a_block_cannot_be_given_is_refused_under_either(either):
    for wrong in ({"confg": 1}, {"tags": "a"}, {"facet": 5}, {"inputs": "raw.txt"}):
        with pytest.raises((errors.UsageError, TypeError)), either.trace("look", **wrong):
            pass
    with either.trace("look") as run:
        pass
    with pytest.raises(errors.UsageError, match="has ended"):
        run.log_artifact(1, "late")
