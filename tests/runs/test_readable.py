"""Values as people and JSON read them."""

import collections
import dataclasses
import datetime as dt
import decimal
import fractions
import json
import uuid

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consist.cli.text import escape, iso_time
from consist.runs.readable import json_ready, readable_text
from consist.runs.sizes import human_seconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (2**70, 2**70),
        (10**4000, 10**4000),
        ([-(10**5000)], [f"{-(10**5000):#x}"]),
        (1.5, 1.5),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        ((1, (2,)), [1, [2]]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        ({1: "a", "1": "b"}, [[1, "a"], ["1", "b"]]),
        ({(1, 2): {"x": b"\x00"}}, [[[1, 2], {"x": {"base64": "AA=="}}]]),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        (collections.OrderedDict([(2, "b"), (1, "a")]), [[2, "b"], [1, "a"]]),
        (collections.defaultdict(int, a=1), {"a": 1}),
        (collections.deque([(1,)]), [[1]]),
        (pd.Timestamp("2026-01-02 03:04:05.000000006"), "2026-01-02T03:04:05.000000006"),
        (pd.Period("2026-01"), "2026-01"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.datetime(2026, 1, 2, 3, 4, 5, 6, dt.UTC), "2026-01-02T03:04:05.000006+00:00"),
        (dt.timedelta(seconds=90), "0:01:30"),
        (decimal.Decimal("1.10"), "1.10"),
        (fractions.Fraction(1, 3), "1/3"),
        (1 + 2j, "(1+2j)"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.float64("nan"), "NaN"),
        (np.datetime64("2026-01-02"), "2026-01-02"),
    ],
)
def test_values_become_json_data(value, expected):
    assert json.loads(json.dumps(json_ready(value), allow_nan=False)) == expected


@given(st.text())
def test_escaped_text_is_printable_and_other_text_stays(text):
    escaped = escape(text)
    assert escaped.isprintable()
    if text.isprintable():
        assert escaped == text


@given(
    st.recursive(
        st.text() | st.integers() | st.booleans() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_readable_text_is_printable_json_unless_it_is_text(value):
    text = readable_text(value)
    if isinstance(value, str):
        assert text.rstrip("\n") == value.rstrip("\n")
        return
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert json.loads(text) == value


@given(st.datetimes(min_value=dt.datetime(1, 1, 2), max_value=dt.datetime(9999, 12, 30)))  # noqa: DTZ001 - UTC below
def test_times_are_exact(moment):
    moment = moment.replace(tzinfo=dt.UTC)
    since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    text = iso_time(since // dt.timedelta(microseconds=1))
    assert dt.datetime.fromisoformat(text) == moment


@pytest.mark.parametrize("at", [2**63 - 1, -(2**63)])
def test_a_time_that_is_no_date_is_given_as_it_is(at):
    assert iso_time(at) == str(at)


_UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}


@given(st.floats(min_value=1e-6, max_value=1e8))
def test_durations_keep_their_value_and_are_short(value):
    count, unit = human_seconds(value).split(" ")
    assert float(count) * _UNITS[unit] == pytest.approx(value, rel=0.006)
    assert "e" not in count
    assert len(count.lstrip("0.")) <= max(4, len(str(round(value))))


@dataclasses.dataclass
class Counter:
    """Called as a class of `collections` is."""

    n: int


class Silent:
    """Raises where it is to say its text."""

    def __repr__(self):
        raise RuntimeError


def test_what_cannot_say_its_text_is_its_class():
    assert json_ready({"a": [Silent()]}) == {"a": ["<Silent>"]}


def test_a_class_that_is_called_as_a_container_is_none():
    assert json_ready([Counter(3)]) == ["Counter(n=3)"]
