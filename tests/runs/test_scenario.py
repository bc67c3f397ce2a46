"""Scenarios: which runs belong to them, how steps hand artifacts on, and what is said when something is missing."""

from __future__ import annotations

import asyncio
import pickle
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgpack
import pytest

import consist
from consist import CacheOptions, Tracker, errors
from consist.store.rebuild import rebuild


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def numbers(limit):
    return list(range(limit))


def total(numbers):
    return sum(numbers)


def scaled(total, by):
    return total * by


def members_of(tracker, run_id):
    return sorted(run.id for run in tracker.find_runs(parent_id=run_id))


def logged_members(tmp_path):
    """Return (run, scenario) of each event `member` in the store's log, by the words of docs/format.md."""
    found = []
    for path in (tmp_path / "index.store" / "log").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            key, size = struct.unpack(">HI", data[6:12])
            _, rows = msgpack.unpackb(data[28 + key : 28 + key + size])
            found += [(row[1], row[4]) for row in rows if row[0] == "member"]
    return sorted(found)


def pipeline(tracker, limit, **options):
    with tracker.scenario("pipeline", config={"limit": limit}, **options) as scenario:
        first = scenario.run(numbers, config={"limit": limit}, outputs=["numbers"])
        second = scenario.run(total, inputs=["numbers"], outputs=["total"])
    return scenario, first, second


def test_steps_hand_artifacts_on_by_key(tracker, records):
    scenario, first, second = pipeline(tracker, 5)
    assert second.value == 10
    found = records()
    assert found[second.run.id].inputs[0][4] == f"runs/{first.run.id}/numbers"
    assert found[first.run.id].parent == found[second.run.id].parent == scenario.run_id
    assert scenario.coupler.keys() == ["numbers", "total"]
    assert scenario.coupler.items() == [("numbers", first.outputs["numbers"]), ("total", second.outputs["total"])]
    assert scenario.coupler.require("total") is scenario.coupler.get("total")
    assert (scenario.coupler.get("else"), "else" in scenario.coupler, len(scenario.coupler)) == (None, False, 2)


def test_a_scenario_is_a_run_that_says_what_it_made(tracker, records):
    given = {"tags": ["x"], "facet": {"year": 2030}, "description": "first", "require_outputs": ["total"]}
    scenario, first, second = pipeline(tracker, 5, **given)
    record = records()[scenario.run_id]
    assert (record.kind, record.step, record.status, record.signature) == ("scenario", "pipeline", "completed", None)
    assert (record.tags, record.facet, record.description) == (["x"], {"year": 2030}, "first")
    assert record.config == {"limit": 5}
    assert record.contract[0] == ["total"]
    assert record.outputs == []
    assert record.meta == {
        "coupler": {"numbers": f"runs/{first.run.id}/numbers", "total": f"runs/{second.run.id}/total"}
    }


def test_a_hit_belongs_to_each_scenario_that_found_it(tracker, tmp_path):
    one, first, second = pipeline(tracker, 5)
    two, again, _ = pipeline(tracker, 5)
    assert again.cache_hit
    expected = sorted([first.run.id, second.run.id])
    assert members_of(tracker, one.run_id) == members_of(tracker, two.run_id) == expected
    assert logged_members(tmp_path) == sorted((run, two.run_id) for run in expected)
    assert tracker.store.index.parents(first.run.id) == (one.run_id, two.run_id)


def test_a_hit_belongs_also_to_what_ran_it_before_there_was_a_scenario(tracker, tmp_path):
    alone = tracker.run(numbers, config={"limit": 5}, outputs=["numbers"])
    scenario, first, _ = pipeline(tracker, 5)
    assert first.run.id == alone.run.id
    assert alone.run.id in members_of(tracker, scenario.run_id)
    assert tracker.store.index.parents(alone.run.id) == (scenario.run_id,)


def test_members_survive_a_rebuild_and_another_index(tracker, tmp_path):
    pipeline(tracker, 5)
    two, _, _ = pipeline(tracker, 5)
    expected = members_of(tracker, two.run_id)
    assert len(expected) == 2
    rebuild(tracker.store)
    assert members_of(tracker, two.run_id) == expected
    tracker.close()
    store = tmp_path / "index.store"
    with Tracker(run_dir=tmp_path / "r", db_path=tmp_path / "other.lmdb", store=store) as other:
        rebuild(other.store)
        assert members_of(other, two.run_id) == expected


def test_a_loop_over_one_step_is_one_member(tracker, tmp_path):
    tracker.run(numbers, config={"limit": 5})
    with tracker.scenario("loop") as scenario:
        for _ in range(50):
            assert scenario.run(numbers, config={"limit": 5}).cache_hit
    assert len(logged_members(tmp_path)) == len(members_of(tracker, scenario.run_id)) == 1


def test_members_are_there_before_the_scenarios_record(tracker, tmp_path, records):
    def work():
        with tracker.scenario("fails") as scenario:
            scenario.run(numbers, config={"limit": 5})
            assert logged_members(tmp_path) == []
            raise RuntimeError

    done = tracker.run(numbers, config={"limit": 5})
    with pytest.raises(RuntimeError):
        work()
    (scenario,) = [record for record in records().values() if record.kind == "scenario"]
    assert scenario.status == "failed"
    assert logged_members(tmp_path) == [(done.run.id, scenario.id)]


def test_readonly_leaves_no_trace_of_a_hit(tracker, tmp_path):
    tracker.run(numbers, config={"limit": 5})
    with tracker.scenario("looks") as scenario:
        readonly = CacheOptions(cache_mode="readonly")
        assert scenario.run(numbers, config={"limit": 5}, cache_options=readonly).cache_hit
    tracker.close()
    assert logged_members(tmp_path) == []


def test_a_hit_within_a_run_belongs_to_that_run(tracker):
    inner = tracker.run(numbers, config={"limit": 5})

    def outer():
        return len(tracker.run(numbers, config={"limit": 5}).value)

    done = tracker.run(outer)
    assert members_of(tracker, done.run.id) == [inner.run.id]


def test_steps_in_threads_belong_to_the_scenario(tracker, records):
    barrier = threading.Barrier(4)

    def step(number):
        barrier.wait()
        return scenario.run(numbers, name=f"step{number}", config={"limit": number}, outputs=[f"n{number}"]).run.id

    def block(number):
        with scenario.trace(f"trace{number}") as trace:
            barrier.wait()
            trace.log_artifact(number, key=f"t{number}")
        return trace.run_id

    with tracker.scenario("threads") as scenario, ThreadPoolExecutor(4) as pool:
        steps = list(pool.map(step, range(4)))
        traces = list(pool.map(block, range(4)))
    found = records()
    assert {found[run].parent for run in steps + traces} == {scenario.run_id}
    assert sorted(scenario.coupler.keys()) == sorted(f"{kind}{number}" for kind in "nt" for number in range(4))
    assert members_of(tracker, scenario.run_id) == sorted(steps + traces)


def test_a_run_in_a_step_in_a_thread_is_the_steps_child(tracker, records):
    def outer(limit):
        return len(tracker.run(numbers, config={"limit": limit}).value)

    with tracker.scenario("deep") as scenario, ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda limit: scenario.run(outer, config={"limit": limit}), [3, 4]))
    found = records()
    for result in done:
        (child,) = [record for record in found.values() if record.parent == result.run.id]
        assert child.step == "numbers"
        assert child.config == {"limit": result.value}


def test_tasks_of_asyncio_each_have_their_own_run(tracker, records):
    async def main():
        gate = asyncio.Barrier(3)

        async def task(number):
            async with gate:
                pass
            with scenario.trace(f"task{number}") as trace:
                async with gate:
                    assert consist.current_run() is trace
                child = await asyncio.to_thread(tracker.run, numbers, config={"limit": number})
                async with gate:
                    assert consist.current_run() is trace
            assert consist.current_run() is scenario
            return trace.run_id, child.run.id

        with tracker.scenario("async") as scenario:
            pairs = await asyncio.gather(*map(task, range(3)))
        return scenario, pairs

    scenario, pairs = asyncio.run(main())
    found = records()
    for trace, child in pairs:
        assert found[trace].parent == scenario.run_id
        assert found[child].parent == trace


def test_what_runs_beside_the_handle_belongs_too_but_is_not_in_the_coupler(tracker):
    with consist.use_tracker(tracker), consist.scenario("beside") as scenario:
        result = consist.run(numbers, config={"limit": 2}, outputs=["numbers"])
        with consist.trace("look") as trace:
            consist.log_artifact(1, key="one")
        assert scenario.coupler.keys() == []
        scenario.coupler.set("mine", result.outputs["numbers"])
        assert scenario.run(total, inputs={"numbers": scenario.coupler.require("mine")}).value == 1
    assert {result.run.id, trace.run_id} < set(members_of(tracker, scenario.run_id))


def test_a_scenario_in_a_scenario_is_its_child_and_shares_no_coupler(tracker, records):
    with tracker.scenario("outer") as outer:
        outer.run(numbers, config={"limit": 3}, outputs=["numbers"])
        with tracker.scenario("inner") as inner:
            step = inner.run(numbers, config={"limit": 4}, outputs=["numbers"])
            late = outer.run(total, inputs=["numbers"], outputs=["total"])
        assert outer.coupler.require("numbers").load() == [0, 1, 2]
        assert inner.coupler.keys() == ["numbers"]
    found = records()
    assert found[inner.run_id].parent == outer.run_id
    assert found[step.run.id].parent == inner.run_id
    assert found[late.run.id].parent == outer.run_id


def test_traces_take_from_the_coupler_and_give_to_it_at_once(tracker, records):
    with tracker.scenario("traces") as scenario:
        with scenario.trace("make") as make:
            made = make.log_artifact([1, 2], key="numbers")
            assert scenario.coupler.require("numbers") == made
        with scenario.trace("use", inputs=["numbers"], config={"by": 2}) as use:
            use.log_artifact([item * 2 for item in use.load("numbers")], key="twice")
        assert scenario.run(total, inputs={"numbers": scenario.coupler.require("twice")}).value == 6
    record = records()[use.run_id]
    assert (record.kind, record.config) == ("trace", {"by": 2})
    assert record.inputs[0][4] == f"runs/{make.run_id}/numbers"


def test_a_scenario_may_log_itself(tracker, records):
    with tracker.scenario("own") as scenario:
        scenario.log_artifact({"best": 3}, key="summary")
        scenario.log_meta(score=0.5)
        assert scenario.coupler.require("summary").load() == {"best": 3}
        assert consist.current_run() is scenario
    record = records()[scenario.run_id]
    assert record.outputs[0][0] == "summary"
    assert record.meta == {"score": 0.5, "coupler": {"summary": f"runs/{scenario.run_id}/summary"}}


def test_the_last_output_of_a_key_is_handed_on(tracker):
    with tracker.scenario("years") as scenario:
        for year in (1, 2, 3):
            scenario.run(numbers, config={"limit": year}, outputs=["numbers"])
        assert scenario.run(total, inputs=["numbers"]).value == 3
        assert scenario.load("numbers") == scenario.load(scenario.coupler.require("numbers")) == [0, 1, 2]
        with pytest.raises(errors.NotFoundError, match="scenario 'years' has no 'letters'"):
            scenario.load("letters")


def test_inputs_may_mix_keys_files_and_artifacts(tracker, records):
    Path("raw.csv").write_text("1")
    with tracker.scenario("mixed") as scenario:
        made = scenario.run(numbers, config={"limit": 3}, outputs=["numbers"]).outputs["numbers"]
        with scenario.trace("list", inputs=["numbers", Path("raw.csv")]) as both:
            pass
        with scenario.trace("mapping", inputs={"a": made, "b": "raw.csv"}) as mapping:
            pass
        with pytest.raises(errors.UsageError, match="two inputs would be called 'numbers'"):
            scenario.run(total, inputs=["numbers", made])
        with pytest.raises(errors.UsageError, match="inputs is 'numbers'"):
            scenario.run(total, inputs="numbers")
    found = records()
    assert [item[0] for item in found[both.run_id].inputs] == ["numbers", "raw.csv"]
    assert [item[0] for item in found[mapping.run_id].inputs] == ["a", "b"]


def test_what_a_step_declares_is_taken_from_the_coupler_where_nothing_is_given(tracker):
    Path("raw.csv").write_text("raw")
    seen = tracker.define_step(lambda numbers, **files: (numbers, *files), name="seen", inputs=["numbers", "raw.csv"])
    with tracker.scenario("declared") as scenario:
        with pytest.raises(errors.NotFoundError, match=r"scenario 'declared' has no 'numbers' \(no step has run yet"):
            scenario.run(seen)
        scenario.run(numbers, config={"limit": 3}, outputs=["numbers"])
        for given in ({}, {"inputs": None}, {"inputs": []}):
            assert scenario.run(seen, **given).value == ([0, 1, 2], "raw.csv")
        other = scenario.run(numbers, name="other", config={"limit": 1}).outputs["value"]
        assert scenario.run(seen, inputs={"numbers": other}).value == ([0],)
        scenario.coupler.set("raw.csv", other)
        assert [item.kind for item in scenario.run(seen).run.inputs.values()] == ["artifact", "artifact"]


def test_a_missing_key_names_the_nearest_and_the_steps_that_ran(tracker):
    with tracker.scenario("baseline") as scenario:
        with pytest.raises(errors.NotFoundError, match=r"has no 'numbers' \(no step has run yet\)"):
            scenario.coupler.require("numbers")
        scenario.run(numbers, config={"limit": 3}, outputs=["numbers"])
        with scenario.trace("look"):
            pass
        expected = (
            r"scenario 'baseline' has no 'number' \(is it 'numbers'\?; steps that ran: numbers \(numbers\), look"
            r" \(no outputs\)"
        )
        with pytest.raises(errors.NotFoundError, match=expected + r"\)"):
            scenario.coupler.require("number")
        with pytest.raises(errors.NotFoundError, match=expected + "; in a list a text is a key: give a file as a Path"):
            scenario.run(total, inputs=["number"])


def test_a_key_of_two_steps_is_warned_of_when_it_is_asked_for(tracker):
    """Without `outputs=` both outputs are called `value`; the first is lost to whoever asks by key."""
    with tracker.scenario("s") as scenario:
        scenario.run(numbers, config={"limit": 3})
        scenario.run(lambda: [5], name="five")
        said = (
            "scenario 's': 'value' is what step 'five' made, and took the place of what step 'numbers' made under this"
            r" key, which nobody had read \(give them keys of their own: outputs=\[…\]\)"
        )
        with pytest.warns(errors.ConsistWarning, match=said):
            assert scenario.run(lambda value: value, name="same", inputs=["value"], outputs=["out"]).value == [5]
        assert scenario.coupler["value"].load() == [5]  # once
        scenario.run(lambda: [6], name="six")
        scenario.run(lambda: [7], name="seven")
        with pytest.warns(errors.ConsistWarning, match="step 'seven' made, and took the place of what step 'six' made"):
            scenario.coupler.get("value")


def test_a_key_that_is_handed_on_and_made_anew_is_meant_so(tracker):
    with tracker.scenario("s") as scenario:
        scenario.run(numbers, config={"limit": 3}, outputs=["numbers"])
        more = lambda numbers: [*numbers, 9]  # noqa: E731 - a step
        scenario.run(more, name="more", inputs=["numbers"], outputs=["numbers"])
        given = scenario.run(more, name="yet more", inputs=["numbers"], outputs=["numbers"]).outputs["numbers"]
        scenario.run(more, name="by artifact", inputs={"numbers": given}, outputs=["numbers"])
        assert scenario.coupler["numbers"].load() == [0, 1, 2, 9, 9, 9]
        for limit in (1, 2):  # a step that runs again has the key
            scenario.run(numbers, config={"limit": limit}, outputs=["numbers"])
        scenario.run(lambda: 1, name="unread")
        scenario.run(lambda: 2, name="unread too")
        scenario.coupler["value"] = given  # whoever puts it there means it
        assert scenario.coupler["numbers"].load() == [0, 1]
        assert scenario.coupler["value"] is given


def test_a_missing_key_that_could_not_be_stored_says_so(tracker):
    why = "(output 'odd' of step 'give' could not be stored: a value of type function has no format (return plain"
    said = []

    def both():
        with tracker.scenario("s", require_outputs=["odd"]) as scenario:
            scenario.run(lambda: total, name="give", outputs=["odd"])
            for ask in (lambda: scenario.coupler["odd"], lambda: scenario.run(total, inputs=["odd"])):
                with pytest.raises(KeyError) as raised:
                    ask()
                said.append(str(raised.value))

    with pytest.warns(errors.UncacheableWarning), pytest.raises(errors.OutputError) as ended:
        both()
    assert f"scenario 's' ended without 'odd' {why}" in str(ended.value)
    for text in said:
        assert f"scenario 's' has no 'odd' {why}" in text
        assert "steps that ran: give (odd, not stored)" in text


def test_a_key_in_a_mapping_is_told_how_to_be_given(tracker):
    with tracker.scenario("s") as scenario:
        scenario.run(numbers, config={"limit": 3}, outputs=["y"])
        calls = lambda: scenario.run(total, inputs={"numbers": "y"}), lambda: scenario.trace("t", inputs={"n": "y"})
        for call in calls:
            with pytest.raises(errors.InputError, match=r"no file 'y'.*scenario\.coupler\['y'\]\}, or inputs=\['y'\]"):
                call()
        assert scenario.run(total, inputs={"numbers": scenario.coupler["y"]}).value == 3
        Path("y").write_text("a file of that name")
        assert scenario.run(Path.read_text, name="read", inputs={"self": "y"}).value == "a file of that name"


def test_only_artifacts_are_handed_on(tracker):
    with tracker.scenario("odd") as scenario:
        with pytest.raises(errors.UsageError, match="a list is no artifact"):
            scenario.coupler.set("a", [1])
        made = scenario.log_artifact(1, key="one")
        with pytest.raises(errors.UsageError, match="cannot name an output"):
            scenario.coupler.set("a/b", made)


def test_required_outputs_that_are_missing_are_named(tracker, records):
    with pytest.raises(errors.OutputError, match=r"'short' ended without 'totals', 'b' \(is it 'total'\?; steps"):
        pipeline_short(tracker)
    (record,) = [record for record in records().values() if record.kind == "scenario"]
    assert (record.status, record.error[0]) == ("failed", "OutputError")
    assert set(record.meta["coupler"]) == {"numbers", "total"}


def pipeline_short(tracker):
    with tracker.scenario("short", require_outputs=["numbers", "totals", "b"]) as scenario:
        scenario.run(numbers, config={"limit": 3}, outputs=["numbers"])
        scenario.run(total, inputs=["numbers"], outputs=["total"])


def test_the_blocks_own_error_comes_before_what_is_missing(tracker):
    with pytest.raises(ZeroDivisionError), tracker.scenario("fails", require_outputs=["a"]):
        raise ZeroDivisionError


def test_a_failed_step_fails_the_scenario_unless_it_is_caught(tracker, records):
    def fail():
        raise ValueError("no luck")

    with tracker.scenario("caught") as scenario:
        with pytest.raises(ValueError, match="no luck"):
            scenario.run(fail)
        scenario.run(numbers, config={"limit": 1})
    found = records()
    assert found[scenario.run_id].status == "completed"
    children = {record.step: record.status for record in found.values() if record.parent == scenario.run_id}
    assert children == {"fail": "failed", "numbers": "completed"}


def test_a_scenario_that_has_ended_runs_nothing(tracker, records):
    scenario, _, _ = pipeline(tracker, 3)
    before = records().keys()
    with pytest.raises(errors.UsageError, match="scenario 'pipeline' has ended"):
        scenario.run(numbers, config={"limit": 9})
    with pytest.raises(errors.UsageError, match="scenario 'pipeline' has ended"), scenario.trace("late"):
        pytest.fail("the block was entered")
    assert records().keys() == before
    assert scenario.coupler.require("total").load() == 3


@pytest.mark.parametrize("bad", ["total", ["a/b"], [5]])
def test_requirements_that_are_no_names_are_refused(tracker, bad):
    with pytest.raises(errors.UsageError), tracker.scenario("bad", require_outputs=bad):
        pytest.fail("the block was entered")


def test_another_parameter_runs_what_depends_on_it_only(tracker):
    hits = []
    for by in (2, 3):
        with tracker.scenario("sweep", config={"by": by}) as scenario:
            steps = [
                scenario.run(numbers, config={"limit": 5}, outputs=["numbers"]),
                scenario.run(total, inputs=["numbers"], outputs=["total"]),
                scenario.run(scaled, inputs=["total"], config={"by": by}, outputs=["scaled"]),
            ]
        hits.append([step.cache_hit for step in steps])
        assert steps[-1].value == 10 * by
        assert members_of(tracker, scenario.run_id) == sorted(step.run.id for step in steps)
    assert hits == [[False] * 3, [True, True, False]]
    assert [run.kind for run in tracker.find_runs(step="sweep")] == ["scenario", "scenario"]


def test_a_scenario_of_another_process_leads_nowhere_in_this_one(tracker):
    """A tracker travels; what is under way does not."""
    with tracker.scenario("here") as scenario:
        other = pickle.loads(pickle.dumps(tracker))  # noqa: S301 - our own
        assert other.run(numbers, config={"limit": 2}).value == [0, 1]
        other.close()
        assert members_of(tracker, scenario.run_id)


COUPLER = None


def read_coupler():
    return COUPLER.require("numbers").load()


def test_what_a_coupler_in_a_global_holds_counts(tracker, monkeypatch):
    for limit, hit in ((2, False), (3, False), (2, True)):
        with tracker.scenario(f"limit {limit}") as scenario:
            scenario.run(numbers, config={"limit": limit}, outputs=["numbers"])
            monkeypatch.setitem(globals(), "COUPLER", scenario.coupler)
            found = tracker.run(read_coupler)
            assert found.value == list(range(limit))
            assert found.cache_hit == hit


def test_a_coupler_is_asked_like_a_dict(tracker):
    with tracker.scenario("one") as scenario:
        scenario.run(pow, config={"base": 2, "exp": 5}, outputs=["power"])
        coupler = scenario.coupler
        assert coupler["power"] is coupler.require("power")
        assert dict(coupler) == {"power": coupler["power"]}
        assert (list(coupler), len(coupler), "power" in coupler, "powers" in coupler) == (["power"], 1, True, False)
        with pytest.raises(KeyError) as subscripted:
            coupler["powers"]
        with pytest.raises(errors.OutputNotFoundError) as required:
            coupler.require("powers")
        assert str(subscripted.value) == str(required.value)
        coupler["again"] = coupler["power"]
        assert coupler.keys() == ["power", "again"]
        with pytest.raises(errors.UsageError, match="32 is no artifact"):
            coupler["again"] = 32
        assert "is it 'power'?" in str(required.value)
