"""`OutputPolicyOptions`: what becomes of a run that made other outputs than were declared, and who finds it again."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from consist import CacheOptions, ExecutionOptions, OutputPolicyOptions, errors


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def calls() -> int:
    return len(Path("calls").read_text()) if Path("calls").exists() else 0


def make(value, log=False, fail=False):
    with Path("calls").open("a") as file:
        file.write("x")
    if log:
        Path("log.txt").write_text("written")
    return value


def run(tracker, value, *, log=False, outputs=("a", "b"), output_paths=None, **policy):
    return tracker.run(
        make,
        config={"value": value},
        runtime_kwargs={"log": log},
        execution_options=ExecutionOptions(runtime_only=["log"]),
        outputs=list(outputs),
        output_paths=output_paths,
        output_policy=OutputPolicyOptions(**policy),
    )


@pytest.mark.parametrize("value", [{"a": 1}, 5, (1, 2, 3), None, [1, 2]], ids=repr)
def test_missing_outputs_fail_the_run_and_what_was_made_is_kept(tracker, value):
    with pytest.raises(errors.OutputError, match="declared"):
        run(tracker, value, output_mismatch="ignore")
    (failed,) = tracker.find_runs()
    assert (failed.status, failed.record.error[0]) == ("failed", "OutputError")
    kept = {key: artifact.load() for key, artifact in tracker.outputs_of(failed).items()}
    assert kept == ({} if value is None else value if isinstance(value, dict) else {"value": value})


@pytest.mark.parametrize("policy", ["warn", "ignore"])
def test_missing_outputs_may_be_allowed_and_then_the_run_is_found_by_those_who_allow_it(tracker, policy):
    def attempt(**options):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            result = run(tracker, {"a": 1}, **options)
        return result, [str(warning.message) for warning in said]

    first, said = attempt(output_missing=policy)
    assert said == ([] if policy == "ignore" else ["declared output 'b' was not returned (returned are ['a'])"])
    assert (first.value, list(first.outputs)) == ({"a": 1}, ["a"])
    again, said = attempt(output_missing=policy)
    assert (again.cache_hit, again.value, calls()) == (True, {"a": 1}, 1)
    assert len(said) == (policy == "warn")
    with pytest.raises(errors.OutputError, match="declared output 'b' was not returned"):
        run(tracker, {"a": 1})
    assert calls() == 2


def test_a_run_that_makes_all_takes_the_place_of_one_that_did_not(tracker):
    def sometimes(full):
        return {"a": 1, "b": 2} if full else {"a": 1}

    def attempt(policy, *, full):
        return tracker.run(
            sometimes,
            outputs=["a", "b"],
            runtime_kwargs={"full": full},
            execution_options=ExecutionOptions(runtime_only=["full"]),
            output_policy=OutputPolicyOptions(output_missing=policy),
        )

    assert attempt("ignore", full=False).value == {"a": 1}
    assert attempt("error", full=True).value == {"a": 1, "b": 2}
    for policy in ("error", "ignore"):
        found = attempt(policy, full=False)
        assert (found.cache_hit, found.value) == (True, {"a": 1, "b": 2})


@pytest.mark.parametrize("before", [False, True], ids=["no file", "a file of another run"])
def test_a_declared_file_that_was_not_written_is_missing(tracker, before):
    if before:
        Path("log.txt").write_text("old")  # a moment ago
    paths = {"log": "log.txt"}
    with pytest.raises(errors.OutputError, match="output 'log'"):
        run(tracker, {"a": 1, "b": 2}, output_paths=paths)
    result = run(tracker, {"a": 1, "b": 2}, output_paths=paths, output_missing="ignore")
    assert (list(result.outputs), result.cache_hit) == (["a", "b"], False)
    assert run(tracker, {"a": 1, "b": 2}, output_paths=paths, output_missing="ignore").cache_hit


def test_undeclared_outputs_are_kept_and_warned_of_unless_told_otherwise(tracker):
    value = {"a": 1, "b": 2, "c": 3}
    with pytest.warns(errors.ConsistWarning, match="output 'c' was returned, but not declared"):
        result = run(tracker, value)
    assert {key: made.load() for key, made in result.outputs.items()} == value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(tracker, {**value, "d": 4}, output_mismatch="ignore")
    with pytest.raises(errors.OutputError, match="output 'c' was returned, but not declared"):
        run(tracker, {**value, "d": 5}, output_mismatch="error")


@pytest.mark.parametrize("policy", [None, "warn", "ignore", "error"])
def test_a_run_that_was_found_is_asked_for_undeclared_outputs_too(tracker, policy):
    value = {"a": 1, "b": 2, "c": 3}
    run(tracker, value, output_mismatch="ignore")
    if policy == "error":
        with pytest.raises(errors.OutputError, match="output 'c' was returned, but not declared"):
            run(tracker, value, output_mismatch=policy)
        assert calls() == 2
    else:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            assert run(tracker, value, output_mismatch=policy).cache_hit
        told = ["the run that was found returned output 'c', which is not declared (declared are ['a', 'b'])"]
        assert [str(warning.message) for warning in said] == ([] if policy == "ignore" else told)
    assert run(tracker, value, output_mismatch="ignore").cache_hit


def test_what_is_logged_or_declared_by_path_is_no_undeclared_output(tracker):
    def make_all(run):
        Path("log.txt").write_text("written")
        run.log_artifact(1, "a")
        run.log_artifact(5, "beside")
        return {"b": 2}

    strict = {
        "outputs": ["a", "b"],
        "output_paths": {"log": "log.txt"},
        "execution_options": ExecutionOptions(inject_context="run"),
        "output_policy": OutputPolicyOptions(output_mismatch="error"),
    }
    assert not tracker.run(make_all, **strict).cache_hit
    assert tracker.run(make_all, **strict).cache_hit


def test_what_cannot_be_taken_apart_is_kept_as_a_value_where_that_is_allowed(tracker):
    result = run(tracker, (1, 2, 3), output_missing="ignore", output_mismatch="ignore")
    assert result.outputs["value"].load() == result.value == (1, 2, 3)
    again = run(tracker, (1, 2, 3), output_missing="ignore", output_mismatch="ignore")
    assert (again.cache_hit, again.value) == (True, (1, 2, 3))


def test_a_single_declared_output_names_whatever_comes_back(tracker):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for value in ({"x": 1}, None, (1, 2)):
            result = run(tracker, value, outputs=["a"])
            assert result.outputs["a"].load() == result.value == value


@pytest.mark.parametrize(
    ("value", "lenient", "why"),
    [
        ({"a": 1}, {"output_missing": "ignore"}, "did not make declared output 'b'"),
        ({"a": 1, "b": 2, "c": 3}, {"output_mismatch": "ignore"}, "returned output 'c', which is not declared"),
    ],
)
def test_an_explanation_asks_the_policy_too(tracker, value, lenient, why):
    def explained(**policy):
        return tracker.explain(
            make,
            config={"value": value},
            runtime_kwargs={"log": False},
            execution_options=ExecutionOptions(runtime_only=["log"]),
            outputs=["a", "b"],
            output_policy=OutputPolicyOptions(**policy),
        )

    run(tracker, value, **lenient)
    assert explained(**lenient).hit
    found = explained(output_missing="error", output_mismatch="error")
    assert (found.hit, found.differences) == (False, ())
    assert why in found.remarks[0]


@pytest.mark.parametrize("bad", [{"output_missing": "no"}, {"output_mismatch": True}, {"symlinks": "yes"}])
def test_unknown_policies_are_refused(bad):
    (name,) = bad
    with pytest.raises(errors.UsageError, match=f"{name} is "):
        OutputPolicyOptions(**bad)


@pytest.mark.parametrize(
    "bad",
    [{"cache_hydration": "all"}, {"validate_cached_outputs": 1}, {"cache_version": 1.5}, {"cache_epoch": True}],
    ids=lambda bad: next(iter(bad)),
)
def test_unknown_cache_options_are_refused(bad):
    with pytest.raises(errors.UsageError, match=next(iter(bad))):
        CacheOptions(**bad)


def test_a_file_that_is_written_again_and_again_is_each_runs_own(tracker):
    def write(n):
        Path("out.txt").write_text(str(n % 2))

    made = [tracker.run(write, config={"n": n}, output_paths={"out": "out.txt"}) for n in range(6)]
    assert [result.outputs["out"].read_bytes() for result in made] == [b"0", b"1"] * 3


def test_what_is_returned_and_written_under_one_name_is_not_cached(tracker):
    def write(n):
        return Path("out.txt").write_text(str(n))

    for _ in range(2):
        with pytest.warns(errors.UncacheableWarning, match="'value' is returned and is a file as well"):
            result = tracker.run(write, config={"n": 40}, output_paths={"value": "out.txt"})
        assert (result.value, result.cache_hit) == (2, False)
    with pytest.raises(errors.OutputError, match="in outputs and in output_paths"):
        tracker.run(write, config={"n": 1}, outputs=["o"], output_paths={"o": "out.txt"})
