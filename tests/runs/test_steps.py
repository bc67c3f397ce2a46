"""`define_step`: a function as before when it is called, cached with what was declared when it is run."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
import types
import warnings
from pathlib import Path

import pytest

import consist
from consist import CacheOptions, CodeOptions, ExecutionOptions, OutputPolicyOptions, Step, Tracker, errors
from consist.runs.request import RunArguments


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def note(line: str) -> None:
    with Path("calls").open("a") as file:
        file.write(line + "\n")


def calls() -> list[str]:
    return Path("calls").read_text().split() if Path("calls").exists() else []


def scaled(x, by=1):
    """Scale a number."""
    note(f"{x}*{by}")
    return x * by


def test_a_step_is_called_as_its_function_and_then_nothing_is_cached_or_recorded(tracker):
    step = tracker.define_step(scaled, config={"by": 5})
    assert (step(2), step(2, by=3), step(x=2)) == (2, 6, 2)
    assert calls() == ["2*1", "2*3", "2*1"]
    assert tracker.find_runs() == []


def test_a_step_shows_itself_as_its_function(tracker):
    @tracker.define_step()
    def double(x: int, *, twice: bool = False) -> int:
        """Double."""
        return x * (4 if twice else 2)

    assert (double.__name__, double.__doc__, double.__module__) == ("double", "Double.", __name__)
    assert str(inspect.signature(double)) == "(x: 'int', *, twice: 'bool' = False) -> 'int'"
    assert repr(double) == "<Step double>"
    assert double.name == "double"


@pytest.mark.parametrize(
    "way",
    [
        lambda _, step, **given: step.run(**given),
        lambda tracker, step, **given: tracker.run(step, **given),
        lambda tracker, step, **given: tracker.run(fn=step, **given),
        lambda _, step, **given: consist.run(step, **given),
        lambda _, step, **given: consist.run(fn=step, **given),
    ],
    ids=["step.run", "tracker.run", "tracker.run(fn=)", "consist.run", "consist.run(fn=)"],
)
def test_every_way_of_running_a_step_uses_what_was_declared_and_finds_the_same_run(tracker, way):
    step = tracker.define_step(
        outputs=["product"], name="scale", config={"by": 7}, tags=["declared"], facet={"kind": "a"}, description="once"
    )(scaled)
    first = tracker.run(
        scaled,
        name="scale",
        outputs=["product"],
        config={"x": 2, "by": 7},
        tags=["declared"],
        facet={"kind": "a"},
        description="once",
    )
    with consist.use_tracker(tracker):
        again = way(tracker, step, config={"x": 2})
    assert again.cache_hit
    assert again.run.id == first.run.id
    assert again.outputs["product"].load() == 14
    record = first.run.record
    assert (record.step, record.tags, record.facet, record.description) == (
        "scale",
        ("declared",),
        {"kind": "a"},
        "once",
    )


def test_what_is_given_wins_mappings_by_key_options_by_field(tracker, tmp_path):
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")

    @tracker.define_step(
        config={"x": 1, "y": 1},
        inputs={"one": "a", "two": "a"},
        outputs=["declared"],
        tags=["t"],
        runtime_kwargs={"z": 1},
        execution_options=ExecutionOptions(runtime_only=["z"], inject_context="ctx"),
        cache_options=CacheOptions(cache_mode="off", cache_version=3),
    )
    def step(x, y, z, one: Path, two: Path, ctx):  # noqa: PLR0913, PLR0917 - one of each kind
        return f"{x}{y}{z}{one.read_text()}{two.read_text()}{ctx.step}"

    result = step.run(
        config={"y": 2},
        inputs={"two": "b"},
        outputs=["given"],
        tags=["u"],
        runtime_kwargs={"z": 5},
        execution_options=ExecutionOptions(load_inputs=True),
        cache_options=CacheOptions(cache_mode="reuse"),
    )
    assert result.outputs["given"].load() == "125abstep"
    assert (result.run.config, result.run.record.tags) == ({"x": 1, "y": 2}, ("u",))
    assert result.run.signature is not None
    unversioned = step.run(config={"y": 2}, inputs={"two": "b"}, outputs=["given"], tags=["u"], runtime_kwargs={"z": 5})
    assert unversioned.run.signature is None  # declared is cache_mode="off"
    assert unversioned.run.record.parts["contract"] == result.run.record.parts["contract"]  # cache_version stays


def test_version_code_ignore_and_depends_on_are_what_counts_as_code(tracker, tmp_path):
    scope: dict[str, object] = {"SCALE": 1}
    exec("def work(x):\n    return SCALE * x\n", scope)  # noqa: S102 - a module of its own, with a global
    data = tmp_path / "data"
    data.write_text("1")

    def hits(step):
        return step.run(config={"x": 3}).cache_hit

    steps = {
        "plain": tracker.define_step(scope["work"], name="plain"),
        "versioned": tracker.define_step(name="versioned", version="1")(scope["work"]),
        "ignoring": tracker.define_step(name="ignoring", ignore=["SCALE"])(scope["work"]),
        "adding": tracker.define_step(name="adding", code=[data], ignore=["SCALE"])(scope["work"]),
        "depending": tracker.define_step(name="depending", depends_on=[data], ignore=["SCALE"])(scope["work"]),
    }
    assert {hits(step) for step in steps.values()} == {False}
    assert {hits(step) for step in steps.values()} == {True}
    scope["SCALE"] = 2
    assert {name: hits(step) for name, step in steps.items()} == {
        "plain": False,
        "versioned": True,
        "ignoring": True,
        "adding": True,
        "depending": True,
    }
    data.write_text("2")
    assert {name for name, step in steps.items() if not hits(step)} == {"adding", "depending"}
    other = CodeOptions(version="2")
    assert not steps["versioned"].run(config={"x": 3}, code_options=other).cache_hit


def test_an_edited_body_of_a_step_misses_also_where_the_step_is_a_global_of_another_function(tracker):
    def module(factor):
        made = types.ModuleType("steps_of_a_test")
        made.tracker = tracker
        body = f"@tracker.define_step\ndef inner(x):\n    return {factor} * x\n"
        exec(body + "def outer(x):\n    return inner(x) + inner(1)\n", vars(made))  # noqa: S102 - a module, edited
        return made

    one, same, other = module(2), module(2), module(3)
    assert one.inner.run(config={"x": 5}).value == 10
    assert same.inner.run(config={"x": 5}).cache_hit
    assert other.inner.run(config={"x": 5}).value == 15
    assert tracker.run(one.outer, config={"x": 5}).value == 12
    assert tracker.run(same.outer, config={"x": 5}).cache_hit
    assert tracker.run(other.outer, config={"x": 5}).value == 18


def test_what_a_step_declares_counts_for_a_function_that_runs_it(tracker):
    def module(declared):
        made = types.ModuleType("declared_of_a_test")
        made.tracker, made.declared = tracker, declared
        body = (
            "step = tracker.define_step(config=declared)(lambda x: 10 * x)\ndef outer():\n    return step.run().value\n"
        )
        exec(body, vars(made))  # noqa: S102 - a module, edited
        return made

    assert tracker.run(module({"x": 1}).outer).value == 10
    assert tracker.run(module({"x": 1}).outer).cache_hit
    assert tracker.run(module({"x": 2}).outer).value == 20
    made = module({"x": 3, "more": [1]})
    assert not tracker.run(made.outer).cache_hit
    made.declared["more"].append(2)  # in place: the memo of identities must see it
    assert not tracker.run(made.outer).cache_hit


def test_the_identity_of_a_step_is_that_of_its_function(tracker):
    step = tracker.define_step(scaled, config={"by": 3}, version="9")
    assert consist.code_identity(step) == consist.code_identity(scaled)


module_step = consist.define_step(outputs=["n"])(len)


@consist.define_step(config={"b": 2})
def added(a, b):
    return a + b


def test_a_step_of_the_package_runs_on_the_current_tracker(tracker, tmp_path):
    with pytest.raises(errors.UsageError, match="there is no current tracker"):
        added.run(config={"a": 1})
    with consist.use_tracker(tracker):
        assert added.run(config={"a": 1}).value == 3
    with Tracker(run_dir=tmp_path / "r2", db_path=tmp_path / "i2.lmdb") as other, consist.use_tracker(other):
        assert not added.run(config={"a": 1}).cache_hit
    assert len(tracker.find_runs()) == 1


def test_a_step_travels_as_its_function_does(tracker, monkeypatch):
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or types.ModuleType(__name__))
    monkeypatch.setattr(sys.modules[__name__], "added", added, raising=False)
    assert pickle.loads(pickle.dumps(added)) is added  # noqa: S301 - our own bytes
    step = Step(abs, tracker, {"outputs": ["n"]})  # found under its name is the function, not the step
    back = pickle.loads(pickle.dumps(step))  # noqa: S301 - the same
    assert isinstance(back, Step)
    assert back.run(config={"x": -3}, code_options=CodeOptions(version="1")).outputs["n"].load() == 3
    back._runner.close()
    local = tracker.define_step(lambda x: x)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(local)


SCRIPT = """
import consist
from loky import get_reusable_executor

tracker = consist.Tracker(run_dir="runs", db_path="index.lmdb")


@tracker.define_step(outputs=["y"], config={"by": 3})
def scale(x, by):
    return by * x if x < 10 else scale(1, by)


def work(step, x):
    return step.run(config={"x": x}).value, type(step).__name__


if __name__ == "__main__":
    print([get_reusable_executor(1).submit(work, scale, x).result() for x in (2, 10)])
    get_reusable_executor(1).shutdown()
"""


def test_a_step_of_a_script_travels_to_workers_that_have_another_main():
    pytest.importorskip("loky")
    Path("script.py").write_text(SCRIPT)
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("[(6, 'Step'), (3, 'Step')]", 0), done.stderr


def test_a_method_that_is_a_step_travels_with_its_object(tracker, monkeypatch):
    module = types.ModuleType("module_of_methods")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    module.tracker = tracker
    body = "    def apply(self, x):\n        return x + 1\n"
    exec(f"class Model:\n    @tracker.define_step(outputs=['y'])\n{body}", vars(module))  # noqa: S102 - a module
    back = pickle.loads(pickle.dumps(module.Model().apply))  # noqa: S301 - our own bytes
    assert back(1) == 2
    assert dict(back.declared) == {"outputs": ["y"]}
    back._runner.close()


def test_steps_as_methods_are_bound_and_their_object_counts(tracker):
    class Model:
        def __init__(self, by):
            self.by = by

        @tracker.define_step(outputs=["y"])
        def apply(self, x):
            return self.by * x

        @tracker.define_step
        @classmethod
        def name(cls):
            return cls.__name__

        @staticmethod
        @tracker.define_step
        def plain(x):
            return x + 1

    three = Model(3)
    assert three.apply(2) == 6
    assert three.apply.run(config={"x": 2}).outputs["y"].load() == 6
    assert tracker.run(Model(3).apply, config={"x": 2}).cache_hit
    assert tracker.run(Model(4).apply, config={"x": 2}).value == 8
    three.by = 5
    assert three.apply.run(config={"x": 2}).value == 10
    assert Model.name() == Model.name.run().value == "Model"
    assert Model.plain.run(config={"x": 1}).value == three.plain(1) == 2


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"ouputs": ["a"]}, r"run has no argument 'ouputs' \(did you mean 'outputs'\?\)"),
        (
            {"cache_version": 3},
            r"run has no argument 'cache_version' \(it belongs into cache_options=CacheOptions\(cache_version=…\)\)",
        ),
        ({"outputs": "cleaned"}, "outputs is 'cleaned'"),
        ({"name": "a/b"}, "cannot name a step"),
        ({"tags": "abc"}, "tags is 'abc'"),
        ({"depends_on": "file.csv"}, "depends_on is 'file.csv'"),
        ({"runtime_kwargs": [1]}, "runtime_kwargs is a list"),
    ],
)
def test_wrong_declarations_are_errors_where_they_stand(tracker, declared, message):
    with pytest.raises(errors.UsageError, match=message):
        tracker.define_step(**declared)(scaled)
    with pytest.raises(errors.UsageError, match=message):
        consist.define_step(**declared)(scaled)


def test_a_step_of_a_step_is_refused(tracker):
    with pytest.raises(errors.UsageError, match="is a step already"):
        tracker.define_step(tracker.define_step(scaled))


def test_unknown_arguments_name_the_nearest_right_one(tracker):
    step = tracker.define_step(scaled)
    for call in (step.run, lambda **given: tracker.explain(step, **given)):
        with pytest.raises(errors.UsageError, match=r"no argument 'confg' \(did you mean 'config'\?\)"):
            call(confg={"x": 1})
    with consist.use_tracker(tracker), pytest.raises(errors.UsageError, match="run has no argument 'model'"):
        consist.run(step, model="m")
    assert calls() == []


def test_the_one_list_of_arguments_is_what_run_takes():
    gathering = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}  # what they gather is refused
    parameters = [
        name for name, found in inspect.signature(Tracker.run).parameters.items() if found.kind not in gathering
    ]
    assert parameters[:2] == ["self", "fn"]
    assert parameters[2:] == list(RunArguments.__annotations__)


def test_explain_takes_steps(tracker):
    step = tracker.define_step(outputs=["y"], config={"by": 2})(scaled)
    assert not tracker.explain(step, config={"x": 1}).hit
    step.run(config={"x": 1})
    assert tracker.explain(step, config={"x": 1}).hit
    assert [str(found) for found in tracker.explain(step, config={"x": 3}).differences] == ["config x: 1 -> 3"]


def test_runtime_kwargs_and_depends_on_may_be_given_in_two_places(tracker, tmp_path):
    def work(a, b):
        return (a, b)

    options = ExecutionOptions(runtime_kwargs={"a": 1}, runtime_only=["a", "b"])
    result = tracker.run(work, runtime_kwargs={"b": 2, "a": 1}, execution_options=options)
    assert result.value == (1, 2)
    with pytest.raises(errors.UsageError, match="'a' is 1 in ExecutionOptions and 2 in runtime_kwargs"):
        tracker.run(work, runtime_kwargs={"a": 2, "b": 2}, execution_options=options)
    handle = object()
    with pytest.raises(errors.UsageError, match="'a' is 1 in ExecutionOptions and <object object"):
        tracker.run(work, runtime_kwargs={"a": handle, "b": 2}, execution_options=options)
    for name in ("one", "two"):
        (tmp_path / name).write_text("1")

    def hit():
        return tracker.run(
            scaled, config={"x": 1}, depends_on=["one"], code_options=CodeOptions(depends_on=["two"])
        ).cache_hit

    assert [hit(), hit()] == [False, True]
    for name in ("one", "two"):
        (tmp_path / name).write_text("22")
        assert [hit(), hit()] == [False, True]


def test_an_argument_that_is_an_input_under_another_name_is_not_warned_of(tracker, tmp_path):
    (tmp_path / "raw.csv").write_text("1")

    def clean(raw_path, threshold):
        return raw_path.read_text() * threshold

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = tracker.run(
            clean,
            name="clean_by_path",
            config={"threshold": 2},
            inputs=[Path("raw.csv")],
            runtime_kwargs={"raw_path": Path("raw.csv"), "threshold": 2},
        )
    assert result.value == "11"


def test_options_of_a_step_are_not_mixed_up_with_defaults(tracker):
    step = tracker.define_step(scaled, output_policy=OutputPolicyOptions(output_mismatch="error"), outputs=["a", "b"])
    with pytest.raises(errors.OutputError, match="2 outputs are declared"):
        step.run(config={"x": 1}, output_policy=OutputPolicyOptions(symlinks="follow"))
