"""Wrong calls that a newcomer makes: each is an error of ours that names the thing and says what to write."""

# ruff: noqa: ARG005 - the calls of a table take the same

from __future__ import annotations

import datetime as dt
import pickle
from pathlib import Path

import pytest

import consist
from consist import CacheOptions, CodeOptions, ExecutionOptions, Hooks, OutputPolicyOptions, Tracker, errors


def grow(n=1):
    return n


def read(data):
    return Path(data).read_text()


class Model:
    def fit(self, n=1):
        return n


@pytest.fixture
def result(tracker, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data.txt").write_text("x")
    return tracker.run(grow)


def refused(call, said):
    with pytest.raises(errors.ConsistError, match=said) as raised:
        call()
    assert isinstance(raised.value, (errors.UsageError, errors.RunNotFoundError))
    assert raised.value.hint


QUESTIONS = {
    "get_run(3)": (lambda t, r: t.get_run(3), "run_id is 3 .*as text, such as result.run.id"),
    "get_run(None)": (lambda t, r: t.get_run(None), "run_id is None"),
    "get_run(result)": (lambda t, r: t.get_run(r), "run_id is a RunResult"),
    "get_artifact(3)": (lambda t, r: t.get_artifact(3), "3 names no run"),
    "get_artifact(r, 3)": (lambda t, r: t.get_artifact(r, 3), "key is 3"),
    "get_artifact(artifact)": (lambda t, r: t.get_artifact(r.outputs["value"]), "an Artifact names no run"),
    "load_run_output(3)": (lambda t, r: t.load_run_output(3), "3 names no run"),
    "outputs_of(3)": (lambda t, r: t.outputs_of(3), "3 names no run"),
    "diff_runs(1, 2)": (lambda t, r: t.diff_runs(1, 2), "1 names no run .*a run, a result of run, or a run's id"),
    "forget(3)": (lambda t, r: t.forget(3), "3 names no run"),
    "tag(3)": (lambda t, r: t.tag(3, "x"), "3 names no run"),
    "tag(r, 3)": (lambda t, r: t.tag(r, 3), r"3 cannot name a tag: .* \(give text\)"),
    "tag(r, list)": (lambda t, r: t.tag(r, ["a", "b"]), "a list cannot name a tag"),
    "untag(3)": (lambda t, r: t.untag(3, "x"), "3 names no run"),
    "run_set(3)": (lambda t, r: t.run_set(3), "runs is 3 .*a list of runs"),
    "run_set(step)": (lambda t, r: t.run_set("grow"), r"runs is 'grow' .*run_set\(step="),
    "run_set(result)": (lambda t, r: t.run_set(r), "runs is a RunResult"),
    "run_set([3])": (lambda t, r: t.run_set([3]), "3 names no run"),
    "to_pandas(3)": (lambda t, r: list(t.run_set().rows(3)), "values is 3"),
    "find_runs(step)": (lambda t, r: t.find_runs("grow"), "find_runs got 'grow' without a name .*step="),
    "find step=3": (lambda t, r: t.find_runs(step=3), "step is 3 .*the step's name"),
    "find step=fn": (lambda t, r: t.find_runs(step=grow), "step is a function"),
    "find model=3": (lambda t, r: t.find_runs(model=3), "model is 3"),
    "find limit=x": (lambda t, r: t.find_runs(limit="x"), "limit is 'x' .*whole number"),
    "find limit=-1": (lambda t, r: t.find_runs(limit=-1), "limit is -1"),
    "find facet=a": (lambda t, r: t.find_runs(facet="a"), "facet is 'a' .*mapping"),
    "find tags=3": (lambda t, r: t.find_runs(tags=3), "tags is 3"),
    "find tags=[3]": (lambda t, r: t.find_runs(tags=[3]), r"tags\[0\] is 3"),
    "find since=3": (lambda t, r: t.find_runs(since=3), "3 is no time"),
    "find since=text": (lambda t, r: t.find_runs(since="yesterday"), "'yesterday' is no time .*2026-01-31"),
    "find since=long": (lambda t, r: t.find_runs(since=dt.timedelta(days=10**8)), "ago is before all time"),
    "find parent=3": (lambda t, r: t.find_runs(parent_id=3), "parent_id is 3"),
    "find signature": (lambda t, r: t.find_runs(signature="ab"), "signature is 'ab' .*run.signature"),
    "find_latest": (lambda t, r: t.find_latest_run(step=3), "step is 3"),
    "lineage(3)": (lambda t, r: t.lineage(3), "3 names no run"),
    "lineage depth": (lambda t, r: t.lineage(r, depth="x"), "depth is 'x'"),
    "lineage most": (lambda t, r: t.lineage(r, most=-1), "most is -1"),
    "a step for a run": (lambda t, r: t.get_artifact("grow", "value"), "the newest of a step is steps/grow/value"),
    "load(step)": (lambda t, r: consist.load("grow", tracker=t), "the newest of a step is steps/grow/…"),
    "find facet=fn": (lambda t, r: t.find_runs(facet={"n": len}), "facet 'n' is a builtin.* at_least, at_most or"),
    "lineage(text of a file)": (lambda t, r: t.lineage("data.txt"), r"a file is given as Path\('data.txt'\)"),
    "between(5, 1)": (lambda t, r: consist.between(5, 1), "nothing is between 5 and 1 .*the lower first"),
    "between(5, a)": (lambda t, r: consist.between(5, "a"), "nothing is between 5 and 'a'"),
    "load(3)": (lambda t, r: consist.load(3), "3 is no artifact"),
    "load(tracker=3)": (lambda t, r: consist.load("steps/grow/value", tracker=3), "tracker is 3"),
}


@pytest.mark.parametrize("case", QUESTIONS)
def test_questions(tracker, result, case):
    ask, said = QUESTIONS[case]
    refused(lambda: ask(tracker, result), said)


def test_a_result_stands_for_its_run(tracker, result):
    assert list(tracker.outputs_of(result)) == ["value"]
    assert tracker.find_runs(parent_id=result) == []


TRACKERS = [
    ({"db_path": 3}, "db_path is 3 .*a path"),
    ({"db_path": b"x"}, "db_path is b'x'"),
    ({"run_dir": 3}, "run_dir is 3"),
    ({"store": 3}, "store is 3"),
    ({"storage_options": "x"}, "storage_options is 'x' .*a mapping"),
    ({"durable": "no"}, "durable is 'no' .*True or False"),
    ({"strict": "no"}, "strict is 'no'"),
    ({"verbose": 3}, "verbose is 3"),
    ({"allow_pickle": "yes"}, "allow_pickle is 'yes'"),
    ({"compression": "zstd"}, r"compression is 'zstd' \(it is one of auto, none\)"),
    ({"compression": None}, "compression is None"),
    ({"cache_limit": "10 GiB"}, "cache_limit is '10 GiB' .*whole number"),
    ({"sharing": "everybody"}, "sharing is 'everybody' .*one of private, group"),
    ({"hooks": print}, r"hooks is a builtin_function_or_method .*Hooks\("),
    ({"dbpath": "x"}, r"Tracker has no argument 'dbpath' \(did you mean 'db_path'\?\)"),
]


@pytest.mark.parametrize(("given", "said"), TRACKERS)
def test_trackers(given, said):
    refused(lambda: Tracker(**given), said)
    refused(lambda: consist.create_tracker(enabled=False, **given), said)


OPTIONS = [
    (ExecutionOptions, {"runtime_kwargs": [1]}, "runtime_kwargs is a list"),
    (ExecutionOptions, {"runtime_kwargs": {3: 1}}, "runtime_kwargs has the key 3"),
    (ExecutionOptions, {"load_inputs": "yes"}, "load_inputs is 'yes' .*True or False"),
    (ExecutionOptions, {"inject_context": 3}, "inject_context is 3 .*a parameter's name"),
    (ExecutionOptions, {"inject_context": ""}, "inject_context is ''"),
    (ExecutionOptions, {"runtime_only": "x"}, r"runtime_only is 'x' .*\['x'\]"),
    (ExecutionOptions, {"capture_dir": 3}, "capture_dir is 3 .*a path"),
    (ExecutionOptions, {"capture_pattern": 3}, "capture_pattern is 3"),
    (CacheOptions, {"cache_mode": 3}, "cache_mode is 3 .*one of reuse"),
    (CacheOptions, {"mode": "off"}, "CacheOptions has no argument 'mode' .*cache_mode"),
    (CodeOptions, {"version": 3}, "version is 3 .*text"),
    (CodeOptions, {"code": grow}, r"code is a function .*\[grow\]"),
    (CodeOptions, {"ignore": "util.SCALE"}, r"ignore is 'util.SCALE' .*\['util.SCALE'\]"),
    (CodeOptions, {"depends_on": "t1.py"}, r"depends_on is 't1.py' .*give a list: \['t1.py'\]"),
    (CodeOptions, {"depends_on": [3]}, r"depends_on\[0\] is 3"),
    (OutputPolicyOptions, {"symlink": "follow"}, r"no argument 'symlink' \(did you mean 'symlinks'\?\)"),
    (Hooks, {"on_run_start": 3}, "on_run_start is 3 .*without calling it"),
    (Hooks, {"on_run_complete": "print"}, "on_run_complete is 'print'"),
    (Hooks, {"on_run_failed": []}, "on_run_failed is a list"),
    (Hooks, {"on_start": print}, "did you mean 'on_run_start'"),
]


@pytest.mark.parametrize(("kind", "given", "said"), OPTIONS)
def test_options(kind, given, said):
    refused(lambda: kind(**given), said)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"fn": 3}, "fn is 3 .*without calling it"),
        ({"fn": "grow"}, "fn is 'grow'"),
        ({"version": 2}, "version is 2 .*text"),
        ({"code": grow}, r"code is a function .*\[grow\]"),
        ({"ignore": "x"}, r"ignore is 'x' .*\['x'\]"),
        ({"depends_on": "t.py"}, r"depends_on is 't.py' .*\['t.py'\]"),
    ],
)
def test_identities_of_code(given, said):
    refused(lambda: consist.code_identity(**{"fn": grow, **given}), said)


def test_create_tracker_takes_names():
    refused(lambda: consist.create_tracker(False), "create_tracker got False without a name .*enabled=False")


@pytest.mark.parametrize("options", [CacheOptions(cache_mode="off"), ExecutionOptions(runtime_only=["x"]), Hooks()])
def test_options_travel(options):
    assert pickle.loads(pickle.dumps(options)) == options  # noqa: S301 - our own


RUNS = {
    "config by place": (lambda run: run(grow, {"n": 3}), "run got a dict without a name .*config="),
    "name first": (lambda run: run("clean", grow), "the function comes first"),
    "the argument itself": (lambda run: run(grow, n=3), "no argument 'n' .*goes into config or inputs"),
    "misspelt": (lambda run: run(grow, confg={}), r"no argument 'confg' \(did you mean 'config'\?\)"),
    "an option's field": (lambda run: run(grow, cache_mode="off"), r"cache_options=CacheOptions\(cache_mode=…\)"),
    "what it returned": (lambda run: run(grow()), "fn is 1, which cannot be called .*without calling it"),
    "a list as config": (lambda run: run(grow, config=[1]), "config is a list, not a mapping"),
    "a class as config": (lambda run: run(grow, config=dict), "config is the class dict, not a mapping"),
    "a function of a class": (lambda run: run(Model.fit), r"it is a method: give that of an object"),
    "runtime_kwargs that it does not take": (
        lambda run: run(
            grow, config={"n": 9}, runtime_kwargs={"m": 1}, execution_options=ExecutionOptions(runtime_only=["m"])
        ),
        "runtime_kwargs are all passed, and 'm' is no parameter",
    ),
    "inject_context": (
        lambda run: run(grow, execution_options=ExecutionOptions(inject_context="ctx"), config={"n": 3}),
        "inject_context passes the run as 'ctx', so a parameter must be called so",
    ),
    "a path of the store as input": (
        lambda run: run(read, inputs={"data": "steps/grow/value"}),
        r"is not a local path .*tracker.get_artifact\('steps/grow/value'\)",
    ),
    "a URL of the store as input": (
        lambda run: run(read, inputs={"data": "consist://steps/grow/value"}),
        r"give tracker.get_artifact\('consist://steps/grow/value'\)",
    ),
    "a key of another case": (
        lambda run: run(lambda x: x, name="f", config={"X": "x"}),
        "config has 'X', which is no parameter: call it 'x'",
    ),
    "the initials": (
        lambda run: run(lambda learning_rate: learning_rate, name="f", config={"lr": 1}),
        "config has 'lr', which is no parameter: call it 'learning_rate'",
    ),
    "a key of config": (lambda run: run(read, config={"dat": "x"}), "config has 'dat', which is no parameter: call it"),
    "a dict of options": (lambda run: run(grow, cache_options={"cache_mode": "off"}), r"is a dict .*CacheOptions\("),
    "the class of options": (lambda run: run(grow, cache_options=CacheOptions), "is the class CacheOptions"),
    "outputs": (lambda run: run(grow, outputs=3), "outputs is 3 .*a list of names"),
    "a generator of outputs": (lambda run: run(grow, outputs=(key for key in "ab")), "outputs is a generator"),
    "output_paths": (lambda run: run(grow, output_paths={"d": 3}), r"output_paths\['d'\] is 3 .*a path"),
    "a list of output_paths": (lambda run: run(grow, output_paths=["d.txt"]), "output_paths is a list"),
    "depends_on": (lambda run: run(grow, depends_on=3), "depends_on is 3"),
    "an item of depends_on": (lambda run: run(grow, depends_on=[3]), r"depends_on\[0\] is 3"),
    "runtime_kwargs": (lambda run: run(grow, runtime_kwargs={3: 1}), "runtime_kwargs has the key 3"),
    "tags": (lambda run: run(grow, tags="draft"), "tags is 'draft' .*a list"),
    "facet": (lambda run: run(grow, facet="a"), "facet is 'a' .*mapping"),
    "description": (lambda run: run(grow, description=3), "description is 3"),
    "inputs": (lambda run: run(read, inputs="data.txt"), "inputs is 'data.txt' .*names with paths"),
    "a value as input": (lambda run: run(read, inputs={"data": 3}), "3 is no input"),
    "a list of paths": (
        lambda run: run(read, inputs=[Path("data.txt")]),
        r"no parameter is called 'data.txt', as the input is; write inputs=\{'data': …\}",
    ),
}


@pytest.mark.parametrize("case", RUNS)
def test_runs(tracker, result, case):
    call, said = RUNS[case]
    refused(lambda: call(tracker.run), said)
    refused(lambda: call(consist.create_tracker(enabled=False).run), said)
    with consist.use_tracker(tracker):
        refused(lambda: call(consist.run), said)


def test_steps_take_names_too(tracker):
    refused(lambda: tracker.define_step(grow).run({"n": 3}), "run got a dict without a name")
    refused(lambda: tracker.explain(grow, {"n": 3}), "run got a dict without a name")


def test_a_step_that_is_called_is_its_function(tracker):
    step = tracker.define_step(grow)
    refused(lambda: step(config={"n": 3}), r"called with config=….*grow\.run\(config=…\)")
    assert step(n=3) == 3

    @tracker.define_step
    def takes(config, **more):
        return config, more

    assert takes(config=1, inputs=2) == (1, {"inputs": 2})


def test_what_a_step_made_is_no_config(tracker, result):
    refused(lambda: tracker.run(grow, config={"n": result.outputs["value"]}), r"config\['n'\] is an Artifact .*inputs=")
    refused(lambda: tracker.run(grow, config={"n": result}), r"a RunResult .*inputs=\{'n': it\.outputs\[…\]\}")
    refused(lambda: tracker.trace("x", config={"n": result}).__enter__(), r"config\['n'\] is a RunResult")


COMMANDS = [
    ({"argv": ["echo", 3]}, r"argv\[1\] is 3 .*write str\(…\)"),
    ({"argv": (word for word in ["echo"])}, "argv is a generator"),
    ({"inputs": 3}, "inputs is 3"),
    ({"inputs": {"a": 3}}, r"inputs\['a'\] is 3"),
    ({"outputs": [3]}, r"outputs\[0\] is 3"),
    ({"env": "PATH"}, "env is 'PATH' .*a list of the names"),
    ({"env": {"A": "b"}}, "env is a dict"),
    ({"env": 3}, "env is 3"),
    ({"show": True}, "show is True .*a function"),
    ({"input": ["x"]}, r"exec has no argument 'input' \(did you mean 'inputs'\?\)"),
]


@pytest.mark.parametrize(("given", "said"), COMMANDS)
def test_commands(tracker, given, said):
    with consist.use_tracker(tracker):
        refused(lambda: consist.exec(**{"argv": ["true"], **given}), said)


BLOCKS = {
    "log_meta": (lambda t: t.start_run("x").log_meta(a=1), r"write `with trace\('x'\) as it:`, and it\.log_meta"),
    "log_output": (lambda t: t.trace("x").log_output("y"), r"trace\('x'\) has no log_output before its block begins"),
    "run_id": (lambda t: t.trace("x").run_id, "has no run_id before"),
    "run": (lambda t: t.scenario("s").run(grow), r"`with scenario\('s'\) as it:`, and it\.run in the block"),
    "coupler": (lambda t: t.scenario("s").coupler, "has no coupler before"),
    "use_tracker": (lambda t: consist.use_tracker(t).run(grow), r"`with use_tracker\(tracker\) as it:`"),
    "no tracker": (lambda t: consist.use_tracker("index.lmdb"), "tracker is 'index.lmdb'"),
    "trace's arguments": (lambda t: t.trace("x", output=["y"]), "trace has no argument 'output'"),
    "scenario's": (lambda t: t.scenario("x", inputs=["y"]), "scenario has no argument 'inputs'"),
    "require_outputs": (lambda t: t.scenario("x", require_outputs=3), "require_outputs is 3"),
    "tags": (lambda t: t.trace("x", tags="draft"), "tags is 'draft'"),
    "a function for a name": (lambda t: t.trace(grow), "a function cannot name a step"),
}


@pytest.mark.parametrize("case", BLOCKS)
def test_blocks(tracker, case):
    call, said = BLOCKS[case]
    refused(lambda: call(tracker), said)
    refused(lambda: call(consist.create_tracker(enabled=False)), said)


@pytest.mark.parametrize("enabled", [True, False])
def test_blocks_within_a_scenario(tracker, enabled):
    tracker = tracker if enabled else consist.create_tracker(enabled=False)
    with tracker.scenario("s") as scenario:
        refused(lambda: scenario.trace("x").log_meta(a=1), r"trace\('x'\) has no log_meta before its block begins")
        refused(lambda: scenario.trace("x", output=["y"]), "trace has no argument 'output'")
        refused(lambda: scenario.run(grow, {"n": 3}), "run got a dict without a name")
        refused(lambda: scenario.log_meta({"a": 1}), r"log_meta got a dict without a name .*\*\*values")
        with scenario.trace("x") as trace:
            refused(lambda: trace.log_output(None), "path is None .*log_artifact takes values")


def test_a_block_that_has_not_begun_is_no_more_than_that(tracker):
    block = tracker.trace("x")
    assert not hasattr(block, "nothing")
    with block:
        pass
    refused(block.__enter__, r"the block of trace\('x'\) began already")


def test_a_trace_still_decorates(tracker):
    @tracker.trace("x")
    def job():
        return consist.current_run().run_id

    assert job() != job()
    assert len(tracker.find_runs(step="x")) == 2


def test_a_trace_logs_paths(tracker):
    with tracker.trace("x") as trace:
        refused(lambda: trace.log_output(3), "path is 3")
        refused(lambda: trace.capture_outputs(3), "folder is 3")
        refused(lambda: trace.capture_outputs("out", 3), "pattern is 3")


def test_a_disabled_tracker_asks_the_same_and_has_only_results():
    tracker = consist.create_tracker(enabled=False)
    for case in ("get_run(3)", "get_artifact(3)", "find limit=x", "find_latest", "run_set(step)", "outputs_of(3)"):
        ask, said = QUESTIONS[case]
        refused(lambda ask=ask: ask(tracker, None), said)
    refused(lambda: tracker.get_artifact("steps/grow/value"), "no output 'steps/grow/value': the tracker is disabled")
    refused(lambda: tracker.get_artifact("3f2a", "value"), "no output 'value' of '3f2a': the tracker is disabled")
    result = tracker.run(lambda: {"a": 1, "b": 2}, name="two")
    assert tracker.get_artifact(result, "b").load() == 2
    assert list(tracker.outputs_of(result)) == ["a", "b"]
    refused(lambda: tracker.get_artifact(result), "the run has 2 outputs .*a, b")
    refused(lambda: tracker.get_artifact(result, "c"), "the run has no output 'c' .*it has a, b")
