"""A test of the bytes finds the runs that have them, newest first, in whatever order their records lie."""

import pytest

from consist.index import sieve
from consist.index.index import Index
from consist.index.records import encode_record
from tests.harm import harmed


@pytest.fixture(params=[4, 2000], ids=["most lie scattered", "all are among the newest"], autouse=True)
def newest(request, monkeypatch):
    monkeypatch.setattr(sieve, "_NEWEST", request.param)
    monkeypatch.setattr(sieve, "_PAGE_BYTES", 1000)
    monkeypatch.setattr(sieve, "_TOGETHER", 3)


def test_runs_whose_bytes_pass_a_test_are_found_newest_first(index, make):
    runs = [
        make(n, n if n % 4 else None, description="a needle" if n % 10 == 3 else "hay", started=5 * n - 7)
        for n in range(60)
    ]
    index.put_runs((run, encode_record(run)) for run in reversed(runs))
    found = list(index.passing(lambda data: b"needle" in data, also={runs[1].id, runs[4].id, "0" * 20, "f" * 20}))
    assert found == [runs[number] for number in (53, 43, 33, 23, 13, 4, 3, 1, 0)]
    assert list(index.passing(lambda data: b"nothing" in data)) == []


def test_a_damaged_record_is_passed_over(index, make, put):
    runs = [make(number, number) for number in range(9)]
    for run in runs:
        framed = put(index, run)
        if run.id in {runs[1].id, runs[8].id}:
            spoilt = harmed(framed)
            index._bound.write(lambda view, run=run, spoilt=spoilt: view.put("results", run.signature.raw, spoilt))
    assert list(index.passing(lambda _: True)) == [runs[number] for number in (7, 6, 5, 4, 3, 2, 0)]


def test_a_run_that_was_superseded_is_found_once(index, make, put):
    for number in range(9):
        put(index, make(number, number % 2))
    assert [int(run.id, 16) for run in index.passing(lambda _: True)] == [8, 7, 6, 5, 4, 3, 2, 1, 0]


def test_what_another_store_in_the_same_file_has_does_not_count(environment, make, put):
    """The stores before and behind it in the tables have the same runs, and say something else of them."""
    stores = [Index(environment, f"store-{number}") for number in range(3)]
    for place, index in enumerate(stores):
        for number in range(20):
            description = "a needle" if number % 3 == place else "hay"
            put(index, make(number, number if number % 2 else None, description=description))
    for place, index in enumerate(stores):
        found = [int(run.id, 16) for run in index.passing(lambda data: b"needle" in data)]
        assert found == [number for number in range(19, -1, -1) if number % 3 == place]
