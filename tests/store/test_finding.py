"""Runs by what they are: compared with a loop over plain records, and without reading more than is needed."""

from __future__ import annotations

import datetime as dt
import itertools
import math

import numpy as np
import pytest

from consist import at_least, at_most, between, errors
from consist.index import lookup
from consist.index.records import decode_record
from consist.store import marking
from consist.store.conditions import FacetCondition
from consist.store.finding import Wanted, find_records, moment
from consist.store.publish import keep, publish

FACETS = [
    {},
    {"year": 2030},
    {"year": 2030.0, "loss": 0.5},
    {"year": True},
    {"year": "2030"},
    {"year": 1, "loss": 0.25},
    {"year": None, "name": "a"},
    {"shape": [2, 3]},
    {"shape": {"x": 1}},
    {"loss": math.nan},
    {"name": "2030", "loss": -1},
    {"year": 1 << 60},
]
"""In the order of their runs' start."""


@pytest.fixture
def kept(store, by_hand):
    """A run for each facet, one after the other."""
    for number, facet in enumerate(FACETS):
        keep(store, by_hand.record(store, inline=b"x", facet=facet, started=1000 + number, step=f"s{number % 2}"))
    return store


def found(store, **facet):
    """Return the numbers of the runs that are found, in their order."""
    conditions = tuple(FacetCondition.of(*item) for item in facet.items())
    return [record.started - 1000 for record in find_records(store, Wanted(facet=conditions))]


@pytest.mark.parametrize(
    ("facet", "numbers"),
    [
        ({"year": 2030}, [2, 1]),
        ({"year": 2030.0}, [2, 1]),
        ({"year": np.int64(2030)}, [2, 1]),
        ({"year": "2030"}, [4]),
        ({"year": True}, [3]),
        ({"year": 1}, [5]),
        ({"year": None}, [6]),
        ({"year": 1 << 60}, [11]),
        ({"shape": (2, 3)}, [7]),
        ({"shape": [2.0, 3]}, [7]),
        ({"shape": [2]}, []),
        ({"shape": {"x": 1}}, [8]),
        ({"year": at_least(1)}, [11, 5, 2, 1]),
        ({"year": at_most(1)}, [5]),
        ({"year": between(2, 3000)}, [2, 1]),
        ({"year": between(2, 3000), "loss": 0.5}, [2]),
        ({"loss": at_most(0.25)}, [10, 5]),
        ({"loss": at_least(-math.inf)}, [10, 5, 2]),
        ({"name": at_least("2")}, [10, 6]),
        ({"name": at_least("b")}, []),
        ({"nothing": 1}, []),
    ],
)
def test_facets_are_found_by_value_and_by_order(kept, facet, numbers):
    assert found(kept, **facet) == numbers


def test_a_date_is_looked_for_as_it_is_recorded(store, by_hand, tmp_path):
    keep(store, by_hand.record(store, inline=b"x", facet={"day": "2026-03-01"}, started=1000))
    assert found(store, day=dt.date(2026, 3, 1)) == [0]
    assert found(store, day=at_least(dt.date(2026, 2, 1))) == [0]
    assert found(store, day=at_least(dt.date(2026, 4, 1))) == []


def test_what_has_no_order_is_no_bound():
    for bound in ([1], {"a": 1}, b"x"):
        with pytest.raises(errors.UsageError, match="has no order"):
            at_least(bound)


def test_every_filter_with_every_other(store, by_hand):
    """Against a loop over the records themselves."""
    records = []
    for number, (step, status, tags, parent) in enumerate(
        itertools.product(["a", "b"], ["completed", "failed"], [(), ("x",), ("x", "y")], ["", "f" * 20])
    ):
        facet = {"n": number % 3}
        record = by_hand.record(
            inline=b"x", step=step, status=status, tags=tags, parent=parent, facet=facet, started=number * 10
        )
        keep(store, record)
        records.append(record)
    for step, status, tags, parent, n, since in itertools.product(
        [None, "a"], [None, "failed"], [(), ("y",), ("y", "x")], [None, "f" * 20], [None, 1], [None, 70]
    ):
        until = 180 if since else None
        wanted = Wanted(
            step, status, tags, () if n is None else (FacetCondition("n", n),), parent, since, until, limit=3
        )
        expected = [
            record
            for record in records[::-1]
            if step in {None, record.step}
            and status in {None, record.status}
            and set(tags) <= set(record.tags)
            and parent in {None, record.parent}
            and n in {None, record.facet["n"]}
            and (since is None or since <= record.started <= until)
        ][:3]
        assert list(find_records(store, wanted)) == expected


def test_tags_that_came_later_count_and_those_that_went_do_not(store, by_hand):
    record = by_hand.record(store, inline=b"x", tags=("draft",))
    keep(store, record)
    marking.tag(store, record, "good")
    assert list(find_records(store, Wanted(tags=("good", "draft")))) == [record]
    marking.untag(store, record, "draft")
    assert list(find_records(store, Wanted(tags=("good",)))) == [record]
    assert list(find_records(store, Wanted(tags=("good", "draft")))) == []


def test_by_signature(store, by_hand):
    first = by_hand.record(store, signature=by_hand.signature("one"), inline=b"x", started=5)
    publish(store, first)
    publish(store, by_hand.record(store, signature=by_hand.signature("two"), inline=b"x", started=5))
    assert list(find_records(store, Wanted(signature=first.signature))) == [first]
    assert list(find_records(store, Wanted(signature=first.signature, step="other"))) == []
    assert list(find_records(store, Wanted(signature=first.signature, since=6))) == []
    assert list(find_records(store, Wanted(signature=first.signature, until=4))) == []
    assert list(find_records(store, Wanted(signature=by_hand.signature("three")))) == []


def test_no_more_records_are_decoded_than_are_asked_for_or_may_fit(store, by_hand, monkeypatch):
    for number in range(200):
        keep(store, by_hand.record(store, inline=b"x", facet={"n": number}, started=number))
    decoded = []
    monkeypatch.setattr(lookup, "decode_record", lambda data: decoded.append(1) or decode_record(data))
    assert len(list(find_records(store, Wanted(limit=5)))) == 5
    assert len(decoded) == 5
    decoded.clear()
    (record,) = find_records(store, Wanted(facet=(FacetCondition("n", 77),)))
    assert record.started == 77
    assert len(decoded) < 5


def test_nonsense_is_refused():
    with pytest.raises(errors.UsageError, match=r"no run has the status 'done' .*completed, failed, forgotten"):
        Wanted(status="done")
    with pytest.raises(errors.UsageError, match="limit is -1"):
        Wanted(limit=-1)
    with pytest.raises(errors.UsageError, match="cannot name a facet"):
        FacetCondition.of("a/b", 1)


def test_times_are_what_people_write(monkeypatch):
    utc = dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
    assert moment(utc) == 1767323045000006
    assert moment(utc.astimezone(dt.timezone(dt.timedelta(hours=5)))) == 1767323045000006
    assert moment("2026-01-02T03:04:05.000006+00:00") == 1767323045000006
    midnight = dt.datetime(2026, 1, 2).astimezone()
    assert moment(dt.date(2026, 1, 2)) == moment("2026-01-02") == round(midnight.timestamp() * 1e6)
    assert moment(dt.timedelta(days=1)) < moment(dt.timedelta(0))
    for nonsense in ("yesterday", 5, None):
        with pytest.raises(errors.UsageError, match="is no time"):
            moment(nonsense)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("3d", 259200), ("1w", 604800), ("0d", 0)]
)
def test_so_long_ago_may_be_text(text, seconds):
    before = dt.datetime.now(dt.UTC)
    found = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=moment(text))
    after = dt.datetime.now(dt.UTC)
    ago = dt.timedelta(seconds=seconds)
    assert before - ago <= found <= after - ago


@pytest.mark.parametrize("text", ["2", "h", "-2h", "2 h", "2H", "1.5h", "1h30m", "3y", "٣d", "999999999w"])
def test_other_spans_are_no_times(text):
    with pytest.raises(errors.UsageError, match=r"is no time .*or so long ago: 30m, 2h, 3d, 1w"):
        moment(text)


def test_a_span_before_all_time():
    with pytest.raises(errors.UsageError, match="is before all time"):
        moment("200000w")


def test_times_of_pandas():
    pandas = pytest.importorskip("pandas")
    assert moment(pandas.Timestamp("2026-01-02")) == moment(dt.date(2026, 1, 2))
    assert moment(pandas.Timestamp("2026-01-02", tz="UTC")) == moment("2026-01-02T00:00:00+00:00")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("year >=", 2025), ("year<", 2025), ("year", (">=", 2025)), ("year", {">=": 2025}), ("year !=", 2025)],
)
def test_an_operator_is_no_part_of_a_facet(name, wanted):
    """It would find nothing, and say nothing."""
    with pytest.raises(errors.UsageError, match=r"with the operator .*between: \{'year': at_least"):
        FacetCondition.of(name, wanted)
