"""What a tracker answers about runs that were."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

import consist
from consist import Tracker, errors


def half(n):
    return {"n": n, "half": n / 2}


def give(value):
    return value


def fail():
    raise ValueError("as it was told")


@pytest.fixture
def powers(tracker):
    """Run a step for 1, 2 and 3; return the results."""
    return [
        tracker.run(half, name="half", config={"n": n}, facet={"n": n}, tags=["odd"] if n % 2 else [])
        for n in (1, 2, 3)
    ]


def test_runs_are_found_newest_first_by_each_filter(tracker, powers):
    one, two, three = (result.run.id for result in powers)

    def ids(**filters):
        return [run.id for run in tracker.find_runs(**filters)]

    assert ids() == ids(step="half") == ids(model="half") == ids(step="half", model="half") == [three, two, one]
    assert ids(tags=["odd"]) == ids(tags="odd") == [three, one]
    assert ids(facet={"n": consist.at_least(2)}) == [three, two]
    assert ids(facet={"n": 2}, status="completed") == [two]
    assert ids(limit=2) == [three, two]
    assert ids(since=powers[1].run.started_at) == [three, two]
    assert ids(until=powers[1].run.started_at) == [two, one]
    assert ids(since=dt.timedelta(hours=1)) == [three, two, one]
    assert ids(signature=powers[0].run.signature) == [one]
    assert ids(step="other") == ids(status="failed") == ids(tags=["odd", "even"]) == ids(parent_id=one) == []


def test_times_of_pandas_are_recorded_as_people_read_them(tracker):
    early, late = pd.Timestamp("2026-01-02"), pd.Timestamp("2026-03-04 05:06:07.000000008")
    config = {"span": pd.Timedelta(days=3), "month": pd.Period("2026-01"), "gap": pd.NaT}
    first = tracker.run(give, config={"value": early, **config}, facet={"at": early}, name="give").run
    second = tracker.run(give, config={"value": late, **config}, facet={"at": late}, name="give").run
    assert tracker.get_run(first.id).config == {
        "value": "2026-01-02 00:00:00",
        "span": "3 days 00:00:00",
        "month": "2026-01",
        "gap": "NaT",
    }
    for bound in (pd.Timestamp("2026-02-01"), pd.Timestamp("2026-02-01").to_pydatetime(), dt.date(2026, 2, 1)):
        assert [run.id for run in tracker.find_runs(facet={"at": consist.at_least(bound)})] == [second.id]
        assert [run.id for run in tracker.find_runs(facet={"at": consist.at_most(bound)})] == [first.id]
    for exact in (early, early.to_pydatetime()):
        assert [run.id for run in tracker.find_runs(facet={"at": exact})] == [first.id]
    told = str(tracker.diff_runs(first.id, second.id))
    assert "2026-01-02 00:00:00" in told
    assert "2026-03-04 05:06:07.000000008" in told
    assert list(tracker.run_set(step="give").to_pandas()["config.value"]) == [str(late), str(early)]


def test_children_are_found_by_their_parent(tracker):
    def outer():
        return tracker.run(give, name="inner", config={"value": 7}).value

    parent = tracker.run(outer, code_options=consist.CodeOptions(version="1")).run
    (child,) = tracker.find_runs(parent_id=parent)
    assert [run.id for run in tracker.find_runs(parent_id=parent.id)] == [child.id]
    assert (child.step, child.parent_id, parent.parent_id) == ("inner", parent.id, None)


def test_a_filter_that_is_no_filter_says_which_one_is(tracker):
    with pytest.raises(errors.UsageError, match=r"find_runs has no argument 'statis' .*did you mean 'status'"):
        tracker.find_runs(statis="failed")
    with pytest.raises(errors.UsageError, match="there are step, model, status"):
        tracker.find_latest_run(xyzzy=1)
    with pytest.raises(errors.UsageError, match="step is 'a' and model is 'b'"):
        tracker.run_set(step="a", model="b")


def test_the_latest_run(tracker, powers):
    assert tracker.find_latest_run().id == tracker.find_latest_run(step="half").id == powers[2].run.id
    assert tracker.find_latest_run(facet={"n": consist.at_most(2)}).id == powers[1].run.id
    with pytest.raises(errors.RunNotFoundError, match="no run has step='nothing', status='failed'"):
        tracker.find_latest_run(step="nothing", status="failed")


@pytest.mark.parametrize("name", ["step", "model"])
def test_a_step_that_never_ran(name, tracker, powers):
    assert tracker.find_runs(**{name: "hlaf"}) == []
    with pytest.raises(errors.RunNotFoundError, match=r"no step is called so \(did you mean 'half'\?\)"):
        tracker.find_latest_run(**{name: "hlaf"}, facet={"n": 2})
    with pytest.raises(errors.RunNotFoundError, match=r"called so .*with fewer filters"):
        tracker.find_latest_run(**{name: "xyzzy"})
    with pytest.raises(errors.RunNotFoundError, match=r"status='failed' \(find_runs\(\) with fewer"):
        tracker.find_latest_run(**{name: "half"}, status="failed")


def test_the_latest_run_of_nothing(tracker):
    with pytest.raises(errors.RunNotFoundError, match="there is no run yet"):
        tracker.find_latest_run()


def test_a_run_says_what_it_was(tracker, tmp_path):
    raw = tmp_path / "raw.csv"
    raw.write_text("a,b\n")
    first = tracker.run(give, name="one", config={"value": 3})
    result = tracker.run(
        lambda raw, one, k: {"text": raw.read_text(), "sum": one + k},
        name="two",
        config={"k": 4},
        inputs={"raw": raw, "one": first.outputs["value"]},
        tags=["b", "a"],
        facet={"year": 2030},
        description="for the paper",
    )
    run = tracker.get_run(result.run.id[:8])
    assert run == result.run
    assert (run.config, run.tags, run.facet, run.description) == ({"k": 4}, ("a", "b"), {"year": 2030}, "for the paper")
    assert {key: (item.kind, item.location) for key, item in run.inputs.items()} == {
        "raw": ("file", str(raw)),
        "one": ("artifact", f"runs/{first.run.id}/value"),
    }
    assert run.inputs["one"].digest == first.outputs["value"].digest
    assert (run.output_keys, run.parent_id, run.error) == (("text", "sum"), None, None)


def test_a_failed_run_says_why(tracker):
    with pytest.raises(ValueError, match="as it was told"):
        tracker.run(fail)
    run = tracker.find_latest_run(status="failed")
    assert (run.error, run.output_keys) == ("ValueError: as it was told", ())


def test_an_artifact_by_run_by_id_and_by_path(tracker, powers):
    wanted = powers[2].outputs["half"]
    run = powers[2].run
    for found in (
        tracker.get_artifact(run, "half"),
        tracker.get_artifact(powers[2], "half"),
        tracker.get_artifact(run.id[:10], "half"),
        tracker.get_artifact("steps/half/half"),
        tracker.get_artifact(f"runs/{run.id[:10]}/half"),
        tracker.get_artifact(f"consist://runs/{run.id}/half"),
        tracker.get_artifact(wanted.url),
    ):
        assert (found, found.load()) == (wanted, 1.5)
    assert tracker.load_run_output(run, "half") == tracker.load_run_output("steps/half/half") == 1.5


def test_the_only_output_needs_no_key(tracker):
    result = tracker.run(give, config={"value": 7}, outputs=["n"])
    assert tracker.load_run_output(result) == tracker.get_artifact(result.run).load() == 7


def test_an_artifact_that_is_none(tracker, powers):
    run = powers[0].run
    with pytest.raises(errors.RunNotFoundError, match=r"has no output 'third' .*its outputs: n, half"):
        tracker.get_artifact(run, "third")
    with pytest.raises(errors.UsageError, match=r"has 2 outputs .*name one of them: n, half"):
        tracker.get_artifact(run)
    with pytest.raises(errors.UsageError, match="names an output already"):
        tracker.get_artifact("steps/half/half", "half")
    digest = tracker.run(lambda: b"x" * 10_000, name="large").outputs["value"].digest
    with pytest.raises(errors.UsageError, match="is no output of a run"):
        tracker.get_artifact(f"blobs/{digest.hex}")
    with pytest.raises(errors.RunNotFoundError, match="there is no step 'thing'"):
        tracker.get_artifact("steps/thing/x")
    with pytest.raises(errors.RunNotFoundError, match="has no outputs"):
        tracker.get_artifact(tracker.run(give, config={"value": None}))
    with pytest.raises(errors.UsageError, match="7 names no run"):
        tracker.get_artifact(7)


def test_tags_are_given_and_taken(tracker, powers):
    run = powers[0].run
    assert tracker.tag(run, "good", "paper").tags == ("good", "odd", "paper")
    assert tracker.untag(run.id, "odd").tags == ("good", "paper")
    assert [found.id for found in tracker.find_runs(tags=["good"])] == [run.id]
    assert run.tags == ("odd",)  # a value stays as it was


def test_a_forgotten_run_is_computed_again_on_every_machine(tracker, tmp_path):
    """Two machines: one store, an index each. The function is wrong at first, by a global that does not count."""
    calls = []

    def measure(n):
        calls.append(n)
        return n * (10 if len(calls) == 1 else 1)

    call = {"name": "measure", "config": {"n": 3}, "code_options": consist.CodeOptions(version="1")}
    with Tracker(tmp_path / "r2", tmp_path / "other.lmdb", store=tracker.store_url, durable=False) as other:
        wrong = tracker.run(measure, **call)
        assert (wrong.value, other.run(measure, **call).value) == (30, 30)
        forgotten = tracker.forget(wrong.run, "the unit was wrong")
        assert (forgotten.id, forgotten.status, forgotten.signature) == (wrong.run.id, "forgotten", None)
        assert forgotten.forgotten_for == tracker.get_run(wrong.run.id).forgotten_for == ("the unit was wrong",)
        assert wrong.run.forgotten_for == ()
        assert tracker.forget(wrong.run, "a sign, too").forgotten_for == ("the unit was wrong", "a sign, too")
        again = other.run(measure, **call)
        assert (again.cache_hit, again.value, calls) == (False, 3, [3, 3])
        here = tracker.run(measure, **call)
        assert (here.cache_hit, here.value, here.run.id) == (True, 3, again.run.id)
        for machine in (tracker, other):
            listed = [(run.id, run.status) for run in machine.find_runs(step="measure")]
            assert listed == [(again.run.id, "completed"), (wrong.run.id, "forgotten")]
            assert machine.load_run_output(wrong.run) == 30
            assert machine.load_run_output("steps/measure/value") == 3


def test_why_a_forgotten_run_is_not_found(tracker):
    tracker.forget(tracker.run(give, config={"value": 1}).run)
    assert "has the same code, config, inputs and contract, but was forgotten: somebody said" in str(
        tracker.explain(give, config={"value": 1})
    )
