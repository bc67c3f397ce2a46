"""Where the sums of a step are not known or cannot be kept, that is said, and nothing is guessed."""

import dataclasses

import pytest

from consist.index import writing
from consist.index.records import encode_record
from consist.index.schema import name
from consist.index.stepsums import StepSums


@pytest.fixture
def two_runs(index, make, put):
    put(index, make(1, "one", outputs=["x"]))
    put(index, make(2, status="failed"))
    return index


def test_an_index_of_an_older_consist_has_none_and_still_counts(two_runs, make, put):
    two_runs._bound.write(lambda view: view.put_sealed("steps", name("clean"), ["clean", 2]))
    put(two_runs, make(3, outputs=["y"]))
    put(two_runs, make(4, step="new"))
    assert list(two_runs.steps()) == [("clean", 3), ("new", 1)]
    assert dict(two_runs.step_sums())["clean"] is None
    assert dict(two_runs.step_sums())["new"].runs == 1


def test_damaged_sums_are_not_guessed_and_the_runs_counted_again(two_runs, make, put):
    two_runs._bound.write(lambda view: view.put("steps", name("clean"), b"damaged, and long enough"))
    put(two_runs, make(3))
    assert list(two_runs.steps()) == [("clean", 3)]
    assert two_runs.step_sums() == [("clean", None)]


def test_times_of_somebody_else_that_no_sum_can_hold_do_not_keep_a_run_out(two_runs, make, put):
    for number in (3, 4):
        put(two_runs, make(number, started=-(2**63) + 10, ended=2**63 - 1))
    assert two_runs.step_sums() == [("clean", None)]
    assert len(list(two_runs.runs())) == 4


def test_a_forgotten_run_is_counted_as_that(index, make, put):
    run = make(1, "one", outputs=["x"])
    put(index, run)
    put(index, dataclasses.replace(run, signature=None, status="forgotten"))
    assert index.step_sums() == [("clean", StepSums("clean", 1, {"forgotten": 1}, 1, 1, 500, run.started))]


def test_a_write_that_is_undone_counts_nothing(index, make, put):
    put(index, make(1, outputs=["x"]))

    class GaveUpError(Exception):
        pass

    def count_and_give_up(view):
        record = make(2)
        writing.put_run(view, record, encode_record(record))
        raise GaveUpError

    with pytest.raises(GaveUpError):
        index._bound.write(count_and_give_up)
    put(index, make(3))
    assert dict(index.step_sums())["clean"].runs == 2


def test_sums_that_another_process_changed_meanwhile_are_counted_on(index, make, put):
    put(index, make(1))
    key = name("clean")
    index._bound.write(lambda view: view.put_sealed("steps", key, ["clean", 7, {"completed": 7}, 0, 0, 0]))
    put(index, make(2))
    assert dict(index.step_sums())["clean"].runs == 8
