"""In what two runs differ: what went in, and what came out."""

from __future__ import annotations

import pytest

import consist
from consist import errors


def summary(n, scale):
    return {"total": n * scale, "kind": "sum"}


def give(value):
    return value


def test_config_and_outputs(tracker):
    a = tracker.run(summary, config={"n": 2, "scale": 1.5})
    b = tracker.run(summary, config={"n": 4, "scale": 1.5})
    found = tracker.diff_runs(a.run, b.run.id[:9])
    assert [(item.part, item.name, item.before, item.after) for item in found.differences] == [("config", "n", 2, 4)]
    assert [(item.key, item.before.digest, item.after.digest) for item in found.outputs] == [
        ("total", a.outputs["total"].digest, b.outputs["total"].digest)
    ]
    assert not found.same_outputs
    lines = str(found).split("\n")
    assert lines[0] == f"run {a.run.id[:12]} of 'summary' -> run {b.run.id[:12]} of 'summary':"
    assert lines[1] == "  config n: 2 -> 4"
    assert lines[2] == "  output total: 3.0 -> 6.0"
    assert lines[3].startswith("  time: ")


def test_values_that_are_long_or_read_alike_are_told_by_their_content(tracker):
    a, b = (tracker.run(give, config={"value": value}).run for value in ("x" * 70, "y" * 70))
    digests = [run.record.outputs[0].digest.hex[:12] for run in (a, b)]
    assert f"output value: plain, 72 B, {digests[0]} -> plain, 72 B, {digests[1]}" in str(tracker.diff_runs(a, b))
    a, b = (tracker.run(give, config={"value": value}).run for value in (1, "1"))
    assert "output value: 1 -> '1'" in str(tracker.diff_runs(a, b))


def test_another_threshold_that_makes_the_same(tracker):
    def clean(threshold):
        return min(threshold, 10)

    a, b = (tracker.run(clean, config={"threshold": n}).run for n in (15, 25))
    found = tracker.diff_runs(a, b)
    assert found.same_outputs
    assert "  config threshold: 15 -> 25\n  the same outputs\n" in str(found)


def test_what_is_equal_says_so(tracker):
    run = tracker.run(give, config={"value": 1}).run
    assert "\n  the same code, config, inputs and contract\n  the same outputs\n" in str(tracker.diff_runs(run, run))


def test_an_output_that_one_of_them_lacks(tracker):
    a = tracker.run(lambda: {"x": 1, "y": 2}, name="a").run
    b = tracker.run(lambda: {"y": 2, "z": 3}, name="b").run
    found = tracker.diff_runs(a, b)
    assert [(item.key, str(item)) for item in found.outputs] == [
        ("x", "output x: only in the first"),
        ("z", "output z: only in the second"),
    ]
    assert str(found).split("\n")[1] == "  step a -> b"


def test_a_failed_run_and_one_that_is_not_there(tracker):
    def maybe(fail):
        if fail:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        tracker.run(maybe, config={"fail": True})
    tracker.run(maybe, config={"fail": False})
    assert "\n  status: failed -> completed\n" in str(
        tracker.diff_runs(tracker.find_latest_run(status="failed"), tracker.find_latest_run(status="completed"))
    )
    with pytest.raises(errors.RunNotFoundError):
        tracker.diff_runs("0123", tracker.find_latest_run())


def test_names_are_escaped(tracker):
    a, b = (tracker.run(give, name="x", config={"value": text}).run for text in ("\x1b[31m", "\x1b[32m"))
    assert "\x1b" not in str(tracker.diff_runs(a, b))
    assert isinstance(tracker.diff_runs(a, b), consist.RunDiff)


def test_what_was_not_looked_at_is_not_called_the_same(tracker):
    """A disabled tracker looks at no code and no inputs; a block has neither code nor contract."""
    disabled = consist.create_tracker(enabled=False)
    a, b = (disabled.run(pow, config={"base": 2, "exp": 3}) for _ in range(2))
    text = str(disabled.diff_runs(a, b))
    assert "\n  the same config\n  not compared, since not both have it: code, inputs and contract\n" in text
    with tracker.trace("block") as one, tracker.trace("block") as other:
        pass
    assert "the same config and inputs\n  not compared, since not both have it: code and contract\n" in str(
        tracker.diff_runs(one.run_id, other.run_id)
    )
