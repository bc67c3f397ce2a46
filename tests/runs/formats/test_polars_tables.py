"""polars tables come back as they were, or not at all; polars' own comparison is the judge."""

import datetime as dt
import io
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from polars.testing import assert_frame_equal, assert_series_equal
from polars.testing.parametric import dataframes

from consist.errors import OutputError
from consist.runs.formats.table import prepare, read


def content_of(value):
    with prepare(value) as prepared:
        return prepared.stream.read()


def through(value):
    return read(io.BytesIO(content_of(value)))


COLUMNS = {
    "integers": pl.Series([1, None], dtype=pl.Int8),
    "large integers": pl.Series([2**64 - 1, None], dtype=pl.UInt64),
    "floats": pl.Series([float("nan"), -0.0]),
    "small floats": pl.Series([1.5, None], dtype=pl.Float32),
    "truth": pl.Series([True, None]),
    "text": pl.Series(["ü", None]),
    "bytes": pl.Series([b"\xff", None]),
    "dates": pl.Series([dt.date(2024, 2, 29), None]),
    "times of day": pl.Series([dt.time(1, 2, 3, 4), None]),
    "milliseconds": pl.Series([1, None]).cast(pl.Datetime("ms")),
    "nanoseconds": pl.Series([1, None]).cast(pl.Datetime("ns")),
    "in a zone": pl.Series([0, None]).cast(pl.Datetime("us", "Europe/Zurich")),
    "spans": pl.Series([dt.timedelta(1), None], dtype=pl.Duration("ms")),
    "decimals": pl.Series([Decimal("1.50"), None], dtype=pl.Decimal(38, 2)),
    "categories": pl.Series(["z", None], dtype=pl.Categorical),
    "categories of a name": pl.Series(["z", None], dtype=pl.Categorical(pl.Categories("mine"))),
    "an enum": pl.Series(["a", None], dtype=pl.Enum(["z", "a", "unused"])),
    "lists": pl.Series([[1, None], None]),
    "lists of categories": pl.Series([["z"], None], dtype=pl.List(pl.Categorical)),
    "lists of lists of an enum": pl.Series([[["z"]], None], dtype=pl.List(pl.List(pl.Enum(["a", "z"])))),
    "arrays": pl.Series([[[1, 2]], None], dtype=pl.Array(pl.Int64, (1, 2))),
    "structs": pl.Series([{"a": 1, "b": ["x"]}, None]),
    "structs of an enum": pl.Series([{"a": "x"}, None], dtype=pl.Struct({"a": pl.Enum(["x"])})),
    "nothing": pl.Series([None, None]),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_each_dtype_comes_back(name):
    frame = pl.DataFrame({"before": [1, 2], "column": COLUMNS[name]})
    back = through(frame)
    assert back.schema == frame.schema
    assert_frame_equal(back, frame, check_exact=True)
    series = COLUMNS[name].alias("s")
    assert_series_equal(through(series), series, check_exact=True)
    assert_frame_equal(through(frame.clear()), frame.clear())


@pytest.mark.parametrize("frame", [pl.DataFrame(), pl.DataFrame(height=3), pl.DataFrame(schema={"": pl.Int8})])
def test_empty_ones_come_back(frame):
    assert through(frame).shape == frame.shape
    assert through(frame).schema == frame.schema


def test_names_that_parquet_knows_otherwise_come_back():
    frame = pl.DataFrame({"a.b": [1], "": [2], "a\0": [3]})
    assert_frame_equal(through(frame), frame)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (pl.DataFrame({"a": pl.Series([object()], dtype=pl.Object)}), "column 'a': Object has no format"),
        (pl.DataFrame({"a": pl.Series([2**100], dtype=pl.Int128)}), "column 'a': Int128 has no format"),
        (pl.DataFrame({"a": pl.Series([{}], dtype=pl.Struct([]))}), "column 'a'"),
        (pl.DataFrame({"a": [[{"x\0": 1}]]}), "a field with NUL in its name"),
        (pl.LazyFrame({"a": [1]}), "polars.LazyFrame has no format"),
    ],
)
def test_what_would_come_back_as_another_value_is_refused(value, message):
    with pytest.raises(OutputError, match=message):
        content_of(value)


def test_categories_that_other_frames_have_do_not_count():
    frame = pl.DataFrame({"c": pl.Series(["a", "b"], dtype=pl.Categorical)})
    before = content_of(frame)
    pl.Series(["never to be seen"], dtype=pl.Categorical)
    again = pl.DataFrame({"c": pl.Series(["x", "a", "b"], dtype=pl.Categorical)})[1:]
    assert content_of(again) == before
    assert b"never" not in before


@given(dataframes(max_cols=4, max_size=5, allow_null=True, excluded_dtypes=[pl.Int128, pl.UInt128]))
def test_any_frame_comes_back(frame):
    back = through(frame)
    assert back.schema == frame.schema
    assert_frame_equal(back, frame, check_exact=True)
