"""Hooks hear of executions: once each, in order, and whatever they do harms no run."""

from __future__ import annotations

import pickle

import pytest

from consist import CacheOptions, Hooks, Tracker, errors


@pytest.fixture
def heard(tmp_path):
    """A tracker with hooks, and what they were told."""
    told = []
    hooks = Hooks(
        on_run_start=lambda run: told.append(("start", run.step, run.status, run.config)),
        on_run_complete=lambda result: told.append(("complete", result.run.status, result.value)),
        on_run_failed=lambda run, error: told.append(("failed", run.status, run.record.error[0], error)),
    )
    with Tracker(tmp_path / "runs", tmp_path / "index.lmdb", durable=False, hooks=hooks) as tracker:
        yield tracker, told


def half(n):
    if n % 2:
        raise ValueError(f"{n} is odd")
    return n // 2


def test_an_execution_is_told_of_and_a_hit_is_not(heard):
    tracker, told = heard
    for _ in range(2):
        tracker.run(half, config={"n": 4})
    assert told == [("start", "half", "running", {"n": 4}), ("complete", "completed", 2)]
    tracker.run(half, config={"n": 4}, cache_options=CacheOptions(cache_mode="off"))
    assert [moment for moment, *_ in told] == ["start", "complete"] * 2


def test_blocks_are_not_told_of_but_what_is_executed_in_them(heard):
    tracker, told = heard
    with tracker.scenario("outer") as scenario, scenario.trace("look"), tracker.start_run("begun"):
        scenario.run(half, config={"n": 4})
    assert [moment[:2] for moment in told] == [("start", "half"), ("complete", "completed")]


def test_a_failure_is_told_of_with_what_was_raised(heard):
    tracker, told = heard
    with pytest.raises(ValueError, match="3 is odd") as raised:
        tracker.run(half, config={"n": 3})
    assert told == [("start", "half", "running", {"n": 3}), ("failed", "failed", "ValueError", raised.value)]


def test_what_a_hook_raises_is_one_warning_and_harms_nothing(tmp_path):
    def broken(*_):
        raise RuntimeError("the mail server is down")

    hooks = Hooks(on_run_start=broken, on_run_complete=broken, on_run_failed=broken)
    with Tracker(tmp_path / "runs", tmp_path / "index.lmdb", durable=False, hooks=hooks) as tracker:
        with pytest.warns(
            errors.ConsistWarning, match="hook on_run_.* raised RuntimeError: the mail server is down"
        ) as said:
            assert tracker.run(half, config={"n": 4}).value == 2
        assert len(said) == 2
        assert tracker.run(half, config={"n": 4}).cache_hit
        with pytest.warns(errors.ConsistWarning), pytest.raises(ValueError, match="odd"):
            tracker.run(half, config={"n": 3})


@pytest.mark.parametrize("moment", ["on_run_start", "on_run_complete", "on_run_failed"])
def test_ctrl_c_in_a_hook_is_no_warning(tmp_path, moment):
    def interrupted(*_):
        raise KeyboardInterrupt

    with (
        Tracker(tmp_path / "runs", tmp_path / "i.lmdb", durable=False, hooks=Hooks(**{moment: interrupted})) as tracker,
        pytest.raises(KeyboardInterrupt),
    ):
        tracker.run(half, config={"n": 3 if moment == "on_run_failed" else 4})


def test_hooks_do_not_count_as_code(heard):
    tracker, _ = heard

    def outer():
        return tracker.run(half, config={"n": 8}).value

    tracker.run(outer)
    tracker._hooks = Hooks()
    assert tracker.run(outer).cache_hit


def test_a_tracker_with_hooks_of_a_module_travels(tmp_path):
    tracker = Tracker(tmp_path / "runs", tmp_path / "index.lmdb", hooks=Hooks(on_run_start=print))
    assert pickle.loads(pickle.dumps(tracker))._hooks.on_run_start is print  # noqa: S301 - our own bytes
