"""Runs within the body of a function: the outer one was made from them, and is as wrong as they are."""

from __future__ import annotations

import asyncio
import contextvars
import re
import threading

import pytest

import consist
from consist import Tracker, errors
from consist.store.rebuild import rebuild


def inner(n):
    return n * 10


def outer(n):
    return consist.run(inner, config={"n": n}, outputs=["tenfold"]).value + 1


def outermost(n):
    return consist.run(outer, config={"n": n}).value + 1


@pytest.fixture(autouse=True)
def _current(tracker):
    with consist.use_tracker(tracker):
        yield


def only(tracker, step):
    (run,) = tracker.find_runs(step=step)
    return run


def shape(lineage):
    text = re.sub(r", [0-9a-f]{12}\)", ")", re.sub(r"run [0-9a-f]{12}", "run ID", str(lineage)))
    return text.split("\n")


@pytest.mark.parametrize("found", [False, True])
def test_the_outer_record_names_what_was_asked_for_executed_or_found(tracker, records, found):
    if found:
        tracker.run(inner, config={"n": 2}, outputs=["tenfold"])
    made = tracker.run(outer, config={"n": 2})
    assert records()[made.run.id].meta == {"runs/asked": [only(tracker, "inner").id]}
    assert (made.run.record.asked, made.run.meta) == ((only(tracker, "inner").id,), {})


def test_a_run_that_asks_for_nothing_names_nothing(tracker, records):
    made = tracker.run(inner, config={"n": 2})
    assert records()[made.run.id].meta == {}


def test_lineage_goes_up_and_down_through_a_body(tracker):
    made = tracker.run(outer, config={"n": 2})
    assert shape(tracker.lineage(made.outputs["value"])) == [
        "value (plain, 1 B)",
        "└─ run ID outer",
        "   └─ asked for: run ID inner",
    ]
    below = ["└─ asked for in: run ID outer", "   └─ value (plain, 1 B)"]
    from_run = shape(tracker.lineage(only(tracker, "inner"), "down"))
    assert from_run == ["run ID inner", "├─ tenfold (plain, 1 B)", *below]
    assert shape(tracker.lineage("steps/inner/tenfold", "down")) == ["tenfold (plain, 1 B)", *below]


def test_lineage_as_data_and_as_graphs_says_so_too(tracker):
    made = tracker.run(outer, config={"n": 2})
    found = tracker.lineage(made.run)
    (edge,) = found.as_dict()["edges"]
    ends = {"source": f"runs/{only(tracker, 'inner').id}", "target": f"runs/{made.run.id}"}
    assert edge == {**ends, "name": "asked for", "same_content": False, "asked": True}
    assert '    n1 -->|"asked for"| n0' in found.to_mermaid().split("\n")
    assert '    n1 -> n0 [label="asked for"];' in found.to_dot().split("\n")


def test_what_this_machine_does_not_know_is_named_in_lineage(tracker):
    made = tracker.run(outer, config={"n": 2})
    tracker.store.index.remove_run(only(tracker, "inner").id)
    assert shape(tracker.lineage(made.run))[1:] == ["└─ asked for: run ID (not known to this index)"]


@pytest.mark.parametrize("found", [False, True])
def test_with_a_run_go_those_that_asked_for_it(tracker, found):
    if found:
        tracker.run(inner, config={"n": 2}, outputs=["tenfold"])
    tracker.run(outermost, config={"n": 2})
    other = tracker.run(outermost, config={"n": 3})
    (wrong,) = (run for run in tracker.find_runs(step="inner") if run.config == {"n": 2})
    tracker.forget(wrong, "upside down")
    assert not tracker.run(outermost, config={"n": 2}).cache_hit
    statuses = {(run.step, run.config["n"], run.status) for run in tracker.find_runs()}
    assert {(step, 2, "forgotten") for step in ("inner", "outer", "outermost")} <= statuses
    assert tracker.run(outermost, config={"n": 3}).run.id == other.run.id


def test_what_read_it_as_an_input_stays(tracker):
    made = tracker.run(outer, config={"n": 2})
    read = tracker.run(lambda n: n, name="read", inputs={"n": made.outputs["value"]})
    tracker.forget(only(tracker, "inner"))
    assert tracker.get_run(read.run.id).status == "completed"


def test_another_machine_and_an_index_made_anew_know_it_too(tracker, tmp_path):
    made = tracker.run(outermost, config={"n": 2})
    with Tracker(tmp_path / "r2", tmp_path / "other.lmdb", store=tracker.store_url, durable=False) as other:
        rebuild(other.store)
        other.forget(only(other, "inner"))
        assert [run.status for run in other.find_runs()] == ["forgotten"] * 3
    assert not tracker.run(outermost, config={"n": 2}).cache_hit
    assert tracker.get_run(made.run.id).status == "forgotten"


def test_what_is_run_in_a_block_of_a_body_was_asked_for_in_the_body(tracker):
    def body():
        with consist.current_tracker().scenario("study") as study:
            study.run(inner, config={"n": 1})
            with study.trace("block"):
                return study.run(inner, config={"n": 2}).value

    made = tracker.run(body, name="body", code_options=consist.CodeOptions(version="1"))
    assert set(made.run.record.asked) == {run.id for run in tracker.find_runs(step="inner")}
    assert {node.name for node in tracker.lineage(made.run).nodes} == {"body", "inner", "study", "block"}


def test_a_trace_is_made_from_what_ran_in_it_and_a_scenario_is_not(tracker, records):
    hit = tracker.run(inner, config={"n": 2})
    with tracker.scenario("study") as study, study.trace("block") as block:
        tracker.run(inner, config={"n": 2})
        tracker.run(inner, config={"n": 3})
        block.log_artifact(5, "five")
    assert records()[block.run_id].meta == {}  # it is their parent already
    assert [line.split("(")[0] for line in shape(tracker.lineage(block.run_id))] == [
        "run ID block",
        "├─ asked for: run ID inner",
        "└─ asked for: run ID inner",
    ]
    assert {node.name for node in tracker.lineage(hit.run, "down").nodes} == {"inner", "value", "block", "five"}


def test_in_tasks_and_in_threads_that_have_the_context(tracker):
    async def gather():
        await asyncio.gather(*(asyncio.to_thread(consist.run, inner, config={"n": n}) for n in range(3)))

    def spread():
        contexts = [contextvars.copy_context() for _ in range(2)]
        threads = [
            threading.Thread(target=context.run, args=(lambda n=n: consist.run(inner, config={"n": n}),))
            for n, context in enumerate(contexts, 3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    for fn, numbers in ((gather, {0, 1, 2}), (spread, {3, 4})):
        made = tracker.run(fn)
        assert {tracker.get_run(run_id).config["n"] for run_id in made.run.record.asked} == numbers


def test_a_failed_run_was_asked_for_in_vain(tracker):
    def careful():
        with pytest.raises(ZeroDivisionError):
            consist.run(lambda n: 1 // n, name="divide", config={"n": 0})

    made = tracker.run(careful, code_options=consist.CodeOptions(version="1"))
    assert made.run.record.asked == ()


def test_a_call_that_writes_nothing_is_asked_for_if_it_found_something(tracker):
    known = tracker.run(inner, config={"n": 1})

    def body():
        looking = consist.CacheOptions(cache_mode="readonly")
        return [consist.run(inner, config={"n": n}, cache_options=looking).value for n in (1, 2)]

    made = tracker.run(body)
    assert made.run.record.asked == (known.run.id,)


def test_two_runs_that_asked_for_others_differ_in_that(tracker):
    first = tracker.run(outer, config={"n": 2})
    wrong = only(tracker, "inner")
    tracker.forget(wrong)
    second = tracker.run(outer, config={"n": 2})
    (new,) = tracker.find_runs(step="inner", status="completed")
    found = tracker.diff_runs(first, second)
    assert found.asked == ((wrong.id,), (new.id,))
    lines = str(found).split("\n")
    assert f"  asked for run {wrong.id[:12]}: only in the first" in lines
    assert f"  asked for run {new.id[:12]}: only in the second" in lines


def test_what_is_forgotten_while_the_body_goes_on_makes_it_no_hit(tracker):
    def body():
        made = consist.run(inner, config={"n": 1})
        consist.current_tracker().forget(made.run)
        return made.value

    with pytest.warns(errors.UncacheableWarning, match="run [0-9a-f]{20}, which it asked for, was forgotten"):
        made = tracker.run(body)
    assert made.value == 10
    assert made.run.signature is None


def test_what_a_scenario_in_a_body_runs_in_threads_was_asked_for_there(tracker):
    """In a thread only the scenario is under way, so nothing but the scenario's own parent leads to the body."""
    tracker.run(inner, config={"n": 2})

    def body():
        with consist.current_tracker().scenario("study") as study:
            steps = [threading.Thread(target=study.run, args=(inner,), kwargs={"config": {"n": n}}) for n in (1, 2)]
            for step in steps:
                step.start()
            for step in steps:
                step.join()

    call = {"name": "body", "code_options": consist.CodeOptions(version="1")}
    for n in (1, 2):
        made = tracker.run(body, **call)
        assert not made.cache_hit
        names = [node.name for node in tracker.lineage(made.run).nodes]
        assert sorted(names) == ["body", "inner", "inner", "study"]
        (wrong,) = (run for run in tracker.find_runs(step="inner", status="completed") if run.config == {"n": n})
        assert made.run.id in {node.run_id for node in tracker.lineage(wrong, "down").nodes}
        tracker.forget(wrong)
    assert not tracker.run(body, **call).cache_hit
