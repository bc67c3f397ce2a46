"""DataFrames and Series come back as they were, or not at all; pandas' own comparison is the judge."""

import datetime as dt
import decimal
import io
import zoneinfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from consist.errors import OutputError
from consist.runs.formats.table import prepare, read


def through(value):
    with prepare(value) as prepared:
        content = prepared.stream.read()
    assert len(content) == prepared.size
    return read(io.BytesIO(content))


def assert_same(back, value):
    assert type(back) is type(value)
    check = pd.testing.assert_frame_equal if isinstance(value, pd.DataFrame) else pd.testing.assert_series_equal
    options = {"check_exact": True, "check_freq": True, "check_index_type": True, "check_flags": True}
    check(back, value, **options, **({"check_column_type": True} if isinstance(value, pd.DataFrame) else {}))
    assert back.attrs == value.attrs


def objects(*values):
    return pd.Series(list(values), dtype=object)


COLUMNS = {
    "bool": np.array([True, False]),
    "int8": np.array([1, -2], "int8"),
    "uint64": np.array([1, 2**64 - 1], "uint64"),
    "float16": np.array([1.5, np.nan], "float16"),
    "float64": np.array([-0.0, np.inf]),
    "big-endian": np.array([1, 2], ">i4"),
    "datetime64[s]": np.array(["2024-01-01", "NaT"], "M8[s]"),
    "datetime64[s] far away": np.array(["-9999-01-01", "9999-12-31"], "M8[s]"),
    "datetime64[ms]": np.array(["2024-01-01", "NaT"], "M8[ms]"),
    "datetime64[ns]": np.array(["2024-01-01", "NaT"], "M8[ns]"),
    "timedelta64[s]": np.array([3, "NaT"], "m8[s]"),
    "timedelta64[ns]": np.array([3, "NaT"], "m8[ns]"),
    "Int8": pd.array([1, None], "Int8"),
    "UInt64": pd.array([2**64 - 1, None], "UInt64"),
    "Float32": pd.array([1.5, None], "Float32"),
    "Float64 with NaN": pd.array([0.0, None], "Float64") / 0,
    "boolean": pd.array([True, None], "boolean"),
    "str": pd.array(["ü", None], "str"),
    "str in objects": pd.array(["ü", None], pd.StringDtype("python", na_value=np.nan)),
    "string": pd.array(["ü", None], "string[pyarrow]"),
    "string in objects": pd.array(["a\0b", None], "string[python]"),
    "UTC": pd.to_datetime(["2024-01-01", None], utc=True).array,
    "zone": pd.to_datetime(["2024-10-27 02:30", None]).tz_localize("Europe/Zurich", ambiguous=[True, False]).array,
    "zone of seconds": pd.array(np.array(["2024", "NaT"], "M8[s]"), "datetime64[s, Asia/Tokyo]"),
    "offset": pd.to_datetime(["2024-01-01", None]).tz_localize(dt.timezone(dt.timedelta(minutes=-90))).array,
    "categories": pd.Categorical(["x", None], ["y", "x", "z"]),
    "ordered categories": pd.Categorical(["x", "y"], ["y", "x"], ordered=True),
    "categories of objects": pd.Categorical(["x", None], pd.Index(["y", "x"], dtype=object)),
    "categories of integers": pd.Categorical([3, None], [3, 1, 2]),
    "categories of floats": pd.Categorical([0.5, None], [0.5, -0.5]),
    "categories of days": pd.Categorical(pd.to_datetime(["2025-01-01", "2024-01-01"])),
    "categories of seconds": pd.Categorical(pd.Index(np.array(["2025", "2024"], "M8[s]"))),
    "categories of a cut": pd.cut([1, 5], 3),
    "no categories": pd.Categorical([None, None]),
    "named categories": pd.Categorical([1, 2], pd.Index([2, 1], name="given")),
    "months": pd.PeriodIndex(["2024-01", None], freq="M").array,
    "weeks": pd.PeriodIndex(["2024-01-01", None], freq="W-WED").array,
    "intervals": pd.arrays.IntervalArray.from_tuples([(0, 1), None], closed="left"),
    "intervals of integers": pd.interval_range(0, 2).array,
    "intervals of times": pd.interval_range(pd.Timestamp("2024"), periods=2).array,
    "objects: text": objects("x", None),
    "objects: text and NaN": objects("x", np.nan),
    "objects: text and NA": objects("x", pd.NA),
    "objects: bytes": objects(b"\xff", None),
    "objects: truth": objects(True, None),
    "objects: integers": objects(2**63 - 1, None),
    "objects: floats": objects(np.nan, 1.5),
    "objects: floats and None": objects(np.nan, None),
    "objects: dates": objects(dt.date(2024, 2, 29), pd.NaT),
    "objects: None": objects(None, None),
    "objects: NaN": objects(np.nan, np.nan),
    "objects: NaT": objects(pd.NaT, pd.NaT),
    "arrow integers": pd.array([1, None], "int64[pyarrow]"),
    "arrow text": pd.array(["x", None], "string[pyarrow]").astype("large_string[pyarrow]"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_each_dtype_comes_back(name):
    frame = pd.DataFrame({"before": [1, 2], "column": COLUMNS[name]}, copy=False)
    assert frame["column"].dtype == COLUMNS[name].dtype
    back = through(frame)
    assert_same(back, frame)
    assert [type(value) for value in back["column"]] == [type(value) for value in frame["column"]]
    assert_same(through(frame["column"]), frame["column"])
    assert_same(through(frame.iloc[:0]), frame.iloc[:0])


@pytest.mark.parametrize("name", [name for name in COLUMNS if name not in {"float16", "big-endian"}])
def test_each_dtype_comes_back_as_an_index_and_as_level_of_one(name):
    index = pd.Index(COLUMNS[name], dtype=COLUMNS[name].dtype, name=("a", 1), tupleize_cols=False)
    assert_same(through(pd.DataFrame({"v": [1, 2]}, index=index)), pd.DataFrame({"v": [1, 2]}, index=index))
    both = pd.MultiIndex.from_arrays([index, ["p", "q"]], names=["v", None])
    assert_same(through(pd.Series([1, 2], index=both)), pd.Series([1, 2], index=both))


def test_what_comes_back_can_be_changed_in_place():
    back = through(pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "t": pd.to_datetime(["2024", "2025"])}))
    back.loc[0, "a"], back.loc[1, "b"] = 7, 7.5
    back["b"] += 1
    back["a"].to_numpy(copy=False)
    assert back["a"].tolist() == [7, 2]
    assert back["b"].tolist() == [1.5, 8.5]


INDEXES = {
    "range": pd.RangeIndex(5, 9, 2, name="n"),
    "days": pd.date_range("2024", periods=2, freq="D", tz="Europe/Zurich"),
    "business hours": pd.date_range("2024-01-01 09:00", periods=2, freq="bh"),
    "deltas": pd.timedelta_range("1h", periods=2),
    "twice the same": pd.Index(["x", "x"]),
    "names twice": pd.MultiIndex.from_tuples([(1, "x"), (2, "y")], names=["i", "i"]),
    "unused levels": pd.MultiIndex.from_product([[1, 2], ["a", "b"]])[1:3],
    "missing in a level": pd.MultiIndex.from_arrays([[1, None], ["x", None]]),
}


@pytest.mark.parametrize("name", INDEXES)
def test_an_index_comes_back(name):
    frame = pd.DataFrame({"v": [1, 2]}, index=INDEXES[name])
    back = through(frame)
    assert_same(back, frame)
    assert type(back.index) is type(frame.index)


NAMES = {
    "numbers by default": pd.RangeIndex(2),
    "numbers": pd.Index([1, 0]),
    "floats": pd.Index([0.5, 1.5]),
    "numbers and texts": pd.Index([0, "0"], dtype=object),
    "None": pd.Index(["a", None], dtype=object),
    "tuples": pd.Index([("a", 1), ("b", 2)], tupleize_cols=False),
    "levels": pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", "y"]),
    "named": pd.Index(["a", "b"], name="c"),
    "objects": pd.Index(["a", "b"], dtype=object),
    "categories": pd.CategoricalIndex(["a", "b"], ["b", "a"]),
    "days": pd.date_range("2024", periods=2),
    "twice the same": pd.Index(["a", "a"]),
    "of the index": pd.Index(["index", "index.1"]),
    "empty": pd.Index(["", "a\0b"]),
}


@pytest.mark.parametrize("name", NAMES)
def test_names_of_columns_come_back(name):
    frame = pd.DataFrame([[1, "x"], [2, "y"]], columns=NAMES[name], index=["p", "q"])
    back = through(frame)
    assert_same(back, frame)
    assert [type(each) for each in back.columns] == [type(each) for each in frame.columns]


EMPTY = {
    "nothing": pd.DataFrame(),
    "no columns": pd.DataFrame(index=pd.RangeIndex(3)),
    "no columns, an index": pd.DataFrame(index=["a", "b"]),
    "no rows": pd.DataFrame({"a": np.array([], "i8"), "b": pd.array([], "str"), "c": pd.Series([], dtype=object)}),
    "no rows, levels": pd.DataFrame({"a": []}, index=pd.MultiIndex.from_arrays([[], []])),
    "an empty series": pd.Series([], dtype="Int64"),
}


@pytest.mark.parametrize("name", EMPTY)
def test_empty_ones_come_back(name):
    assert_same(through(EMPTY[name]), EMPTY[name])


@pytest.mark.parametrize("name", [None, "", 0, ("a", 1), 1.5, dt.date(2024, 1, 1)])
def test_the_name_of_a_series_comes_back(name):
    back = through(pd.Series([1], name=name))
    assert back.name == name
    assert type(back.name) is type(name)


def test_attrs_and_flags_come_back():
    frame = pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False)
    frame.attrs = {"unit": "km", 1: (1, {2})}
    assert_same(through(frame), frame)
    assert through(frame).attrs == {"unit": "km", 1: (1, {2})}


class Odd:
    """A class that no format knows."""


class Frame(pd.DataFrame):
    """A subclass, which may hold more than its columns."""


REFUSED = {
    "mixed objects": (pd.DataFrame({"a": objects(1, "x")}), "'a': a column of objects of int, str"),
    "two kinds of missing": (pd.DataFrame({"a": objects("x", None, np.nan)}), "NoneType, float, str"),
    "numbers among missing texts": (pd.DataFrame({"a": objects("x", 1.5)}), "float, str"),
    "odd objects": (pd.DataFrame({"a": objects(Odd())}), "Odd"),
    "lists": (pd.DataFrame({"a": objects([1])}), "list"),
    "decimals": (pd.DataFrame({"a": objects(decimal.Decimal("1.50"))}), "Decimal"),
    "timestamps as objects": (pd.DataFrame({"a": objects(pd.Timestamp("2024"))}), "Timestamp"),
    "text of a subclass": (pd.DataFrame({"a": objects(np.str_("x"))}), "str_"),
    "seconds beyond what milliseconds hold": (
        pd.DataFrame({"a": np.array([2**62], "M8[s]")}),
        "'a': timestamp.*bounds",
    ),
    "large integers": (pd.DataFrame({"a": objects(2**64)}), "int"),
    "surrogates as objects": (pd.DataFrame({"a": objects("\ud800")}), "surrogates"),
    "surrogates": (
        pd.DataFrame({"a": pd.Series(pd.arrays.StringArray(np.array(["\ud800"], object)), copy=False)}, copy=False),
        "surrogates",
    ),
    "sparse": (pd.DataFrame({"a": pd.array([0, 1], "Sparse[int64]")}), "Sparse"),
    "complex": (pd.DataFrame({"a": [1j]}), "complex128"),
    "long doubles": (pd.DataFrame({"a": np.array([1], "longdouble")}), "longdouble|float128"),
    "an index of objects": (pd.DataFrame({"a": [1]}, index=pd.Index([Odd()])), "its index: a column of objects of Odd"),
    "a name": (pd.DataFrame([[1]], columns=pd.Index([Odd()])), "Odd has no format"),
    "attrs": (pd.Series([1]), "Odd has no format"),
    "a frequency": (
        pd.DataFrame(
            {"a": [1, 2]},
            index=pd.date_range("2024-01-01", periods=2, freq=pd.offsets.CustomBusinessDay(holidays=["2024-01-02"])),
        ),
        "frequency",
    ),
    "an index": (pd.Index([1]), "pandas.Index has no format"),
    "a zone without a name": (
        pd.DataFrame({"a": pd.to_datetime(["2024"]).tz_localize("dateutil/Europe/Zurich")}),
        "time zone",
    ),
}
REFUSED["attrs"][0].attrs = {"a": Odd()}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_come_back_as_another_value_is_refused(name):
    value, message = REFUSED[name]
    with pytest.raises(OutputError, match=message), prepare(value):
        pass


def test_the_frame_itself_is_not_changed():
    frame = pd.DataFrame({"a": np.array([1, 2], ">i4"), "b": pd.Categorical(["x", None])})
    before = frame.copy(deep=True)
    through(frame)
    assert_same(frame, before)


ZONES = st.sampled_from(sorted(zoneinfo.available_timezones() - {"localtime", "Factory"}))
DTYPES = ["int8", "uint64", "float32", "float64", "bool", "M8[s]", "M8[us]", "M8[ns]", "m8[ms]", "m8[ns]", ">f8", ">i2"]
NAT = np.iinfo("i8").min
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@st.composite
def columns(draw, rows):
    kind = draw(st.sampled_from(["numpy", "masked", "text", "objects", "categories", "zoned"]))
    if kind == "numpy":
        dtype = np.dtype(draw(st.sampled_from(DTYPES)))
        if dtype.kind in "mM":
            return draw(npst.arrays("i8", rows, elements=st.just(NAT) | st.integers(-(10**15), 10**15))).view(dtype)
        return draw(npst.arrays(dtype, rows))
    if kind == "masked":
        values = draw(npst.arrays("int64", rows))
        return pd.arrays.IntegerArray(values, draw(npst.arrays(bool, rows)))
    if kind == "zoned":
        times = draw(npst.arrays("i8", rows, elements=st.integers(-(10**15), 10**15))).view("M8[us]")
        return pd.Series(times).dt.tz_localize("UTC").dt.tz_convert(draw(ZONES)).array
    gap = draw(st.sampled_from([None, np.nan]))
    values = draw(st.lists(st.one_of(TEXTS, st.just(gap)), min_size=rows, max_size=rows))
    if kind == "objects":
        return pd.Series(values, dtype=object)
    if kind == "text":
        return pd.array(values, draw(st.sampled_from(["str", "string[python]", "string[pyarrow]"])))
    extra = draw(st.lists(TEXTS, max_size=3))
    entries = list(dict.fromkeys([*extra, *[each for each in values if isinstance(each, str)]]))
    return pd.Categorical(values, entries, ordered=draw(st.booleans()))


@st.composite
def frames(draw):
    rows = draw(st.integers(0, 5))
    made = [draw(columns(rows)) for _ in range(draw(st.integers(0, 4)))]
    names = draw(st.lists(st.one_of(TEXTS, st.integers(), st.none()), min_size=len(made), max_size=len(made)))
    frame = pd.DataFrame(dict(enumerate(made)), index=pd.RangeIndex(rows), copy=False)
    frame.columns = pd.Index(names, dtype=object)
    if draw(st.booleans()):
        values = draw(columns(rows))
        frame.index = pd.Index(values, dtype=values.dtype)
    return frame


@given(frames())
def test_any_frame_comes_back(frame):
    assert_same(through(frame), frame)
