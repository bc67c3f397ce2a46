"""Tables by content: equal ones have one encoding, different ones two, whatever the memory beneath looks like."""

import datetime as dt
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consist.hashing.canonical import encode
from consist.hashing.tables import handler_for

pa = pytest.importorskip("pyarrow")
pl = pytest.importorskip("polars")

COLUMNS = {
    "int64": [1, 2, 3],
    "float64": [1.5, np.nan, -0.0],
    "bool": [True, False, True],
    "str": ["x", None, "zü"],
    "object": [1, "x", None],
    "Int64": [1, None, 3],
    "Float32": [1.5, None, 3],
    "boolean": [True, None, False],
    "string[python]": ["x", None, "z"],
    "string[pyarrow]": ["x", None, "z"],
    "category": ["a", "b", "a"],
    "datetime64[ns]": ["2024-01-01", None, "2024-01-03"],
    "datetime64[us, UTC]": ["2024-01-01", None, "2024-01-03"],
    "timedelta64[s]": [1, None, 3],
    "period[M]": ["2024-01", None, "2024-03"],
    "interval[int64]": list(pd.interval_range(0, 3)),
    "Sparse[int64]": [0, 0, 1],
    "int64[pyarrow]": [1, None, 3],
    "string[pyarrow_numpy]": ["x", None, "z"],
}


def _series(dtype):
    return pd.Series(COLUMNS[dtype], dtype=dtype, name="n")


DTYPES = [name for name in COLUMNS if name != "string[pyarrow_numpy]"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_copies_slices_and_pieces_put_together_are_equal(dtype):
    series = _series(dtype)
    same = [
        series.copy(),
        series[:],
        pd.concat([series, series]).iloc[3:].reset_index(drop=True),
        series.iloc[[0, 1, 2]],
    ]
    same.append(pd.concat([series.iloc[:1], series.iloc[1:]]).astype(series.dtype))
    for other in same:
        pd.testing.assert_series_equal(series, other)
        assert encode(series) == encode(other)
    assert encode(series.to_frame()) == encode(series.to_frame().copy())


@pytest.mark.parametrize("dtype", DTYPES)
def test_another_order_name_or_value_differs(dtype):
    series = _series(dtype)
    changed = series.copy() if not dtype.startswith("Sparse") else series.sparse.to_dense()
    changed.iloc[0] = series.iloc[2] if series.iloc[2] != series.iloc[0] else series.iloc[1]
    changed = changed.astype(series.dtype)
    others = [series.iloc[[2, 1, 0]], series.rename("m"), series.iloc[:2], series.set_axis([5, 6, 7]), changed]
    encodings = [encode(series), *map(encode, others)]
    assert len(set(encodings)) == len(encodings)


def test_every_dtype_is_another_encoding():
    dtypes = [name for name in DTYPES if not name.startswith("string[")]
    assert len({encode(_series(dtype)) for dtype in dtypes}) == len(dtypes)


def test_where_text_is_kept_does_not_count():
    assert encode(_series("string[python]")) == encode(_series("string[pyarrow]"))
    assert encode(_series("string[python]")) != encode(_series("string[python]").astype(object))
    assert encode(_series("string[python]")) != encode(_series("str"))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (pd.RangeIndex(3), pd.Index([0, 1, 2])),
        (pd.RangeIndex(3)[::2], pd.Index([0, 2])),
        (pd.MultiIndex.from_product([[1, 2], ["a", "b"]])[:2], pd.MultiIndex.from_product([[1], ["a", "b"]])),
        (pd.MultiIndex.from_arrays([[1, 1], ["a", "b"]]), pd.MultiIndex.from_tuples([(1, "a"), (1, "b")])),
        (pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1, 2]}, index=[0, 1])),
        (pd.DataFrame(np.arange(6).reshape(2, 3)), pd.DataFrame(np.asfortranarray(np.arange(6).reshape(2, 3)))),
        (pd.Series([np.nan]), pd.Series([-np.nan])),
        (pd.Series(["a", "b"])[:1], pd.Series(["a"])),
    ],
)
def test_equal_in_pandas_equal_here(left, right):
    check = {pd.Series: pd.testing.assert_series_equal, pd.DataFrame: pd.testing.assert_frame_equal}.get(
        type(left), pd.testing.assert_index_equal
    )
    check(left, right, **({"exact": "equiv"} if isinstance(left, pd.Index) else {}))
    assert encode(left) == encode(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (pd.Index([0, 1]), pd.Index([0.0, 1.0])),
        (pd.Index([0, 1], name="a"), pd.Index([0, 1])),
        (pd.Index(["a"]), pd.Index(["a"], dtype=object)),
        (pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"b": [2], "a": [1]})),
        (pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"a": [2], "b": [1]})),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1]}, dtype="int32")),
        (pd.DataFrame({"a": []}), pd.DataFrame()),
        (pd.DataFrame(index=[0, 1]), pd.DataFrame(index=[0])),
        (pd.Series([1.0, None]), pd.Series([1.0, 0.0])),
        (pd.Series([0.0]), pd.Series([-0.0])),
        (pd.Series([1, None], dtype="Int64"), pd.Series([1, 0], dtype="Int64")),
        (pd.Series(["a", ""]), pd.Series(["a", None])),
        (pd.Series(["ab", "c"]), pd.Series(["a", "bc"])),
        (
            pd.Series(["a"], dtype=pd.CategoricalDtype(["a", "b"])),
            pd.Series(["a"], dtype=pd.CategoricalDtype(["b", "a"])),
        ),
        (
            pd.Series(["a"], dtype=pd.CategoricalDtype(["a"], ordered=True)),
            pd.Series(["a"], dtype=pd.CategoricalDtype(["a"])),
        ),
        (pd.Series([1]), pd.DataFrame({0: [1]})),
        (pd.Series([1]), pd.Index([1])),
        (pd.Timestamp("2024"), pd.Timestamp("2024", tz="UTC")),
        (pd.Timestamp("2024"), dt.datetime(2024, 1, 1)),  # noqa: DTZ001 - without a zone on purpose
        (pd.Timestamp("2024").as_unit("s"), pd.Timestamp("2024").as_unit("ns")),
        (pd.Timedelta("1s"), pd.Timedelta("1ms")),
        (pd.NA, pd.NaT),
        (pd.NA, None),
        (pd.Interval(0, 1), pd.Interval(0, 1, closed="left")),
        (pd.Period("2024", "M"), pd.Period("2024", "D")),
        (pd.offsets.Day(1), pd.offsets.Day(2)),
        (pd.offsets.MonthEnd(1), pd.offsets.MonthBegin(1)),
        (pd.offsets.BDay(), pd.offsets.BDay(normalize=True)),
        (pd.DateOffset(days=1), pd.DateOffset(days=1, normalize=True)),
        (pd.CategoricalDtype(["a"]), pd.CategoricalDtype(["b"])),
        (pd.Series([1]).dtype, pd.Int64Dtype()),
    ],
)
def test_different_in_pandas_different_here(left, right):
    assert encode(left) == encode(left)
    assert encode(left) != encode(right)


def test_attrs_count():
    frame = pd.DataFrame({"a": [1]})
    before = encode(frame)
    frame.attrs["unit"] = "m"
    assert encode(frame) != before


ARROW = {
    "int": pa.array([1, None, 3]),
    "int8": pa.array([1, None, 3], pa.int8()),
    "float": pa.array([1.5, None, float("nan")]),
    "half": pa.array([1.5, None, 3.0], pa.float16()),
    "bool": pa.array([True, None, False]),
    "text": pa.array(["x", None, "zü"]),
    "large text": pa.array(["x", None, "zü"], pa.large_string()),
    "binary": pa.array([b"1", None, b""]),
    "fixed binary": pa.array([b"12", None, b"34"], pa.binary(2)),
    "date": pa.array([dt.date(2024, 1, 1), None, dt.date(2024, 1, 3)]),
    "time": pa.array([dt.time(1), None, dt.time(2)]),
    "instant": pa.array([1, None, 3], pa.timestamp("ms", "UTC")),
    "duration": pa.array([1, None, 3], pa.duration("s")),
    "decimal": pa.array([1, None, 3], pa.decimal128(5, 2)),
    "list": pa.array([[1], None, [2, 3]]),
    "struct": pa.array([{"a": 1, "b": "x"}, None, {"a": 2, "b": None}]),
    "map": pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int64())),
    "dictionary": pa.array(["a", None, "b"]).dictionary_encode(),
    "null": pa.array([None, None, None]),
}


@pytest.mark.parametrize("name", ARROW)
def test_arrow_chunks_and_offsets_do_not_count(name):
    array = ARROW[name]
    whole = pa.chunked_array([array])
    twice = pa.concat_arrays([array, array])
    assert encode(whole) == encode(pa.chunked_array([array[:1], array[1:1], array[1:]]))
    assert encode(array) == encode(twice[3:]) == encode(twice[:3])
    table = pa.table({"c": whole})
    assert encode(table) == encode(pa.concat_tables([table[:2], table[2:]])) == encode(table.combine_chunks())
    assert encode(table) == encode(table.replace_schema_metadata({"pandas": "another version"}))


@pytest.mark.parametrize("name", [name for name in ARROW if name != "null"])
def test_arrow_values_count(name):
    array = ARROW[name]
    encodings = {encode(array), encode(array[:2]), encode(array.take([2, 1, 0])), encode(array.take([0, 0, 2]))}
    assert len(encodings) == 4
    assert encode(pa.table({"a": array})) != encode(pa.table({"b": array}))


@pytest.mark.parametrize("kind", [pa.Table, pa.RecordBatch])
def test_whether_an_arrow_column_may_miss_values_counts(kind):
    schemas = [pa.schema([pa.field("a", pa.int64(), nullable=nullable)]) for nullable in (True, False)]
    optional, required = (kind.from_arrays([pa.array([1])], schema=schema) for schema in schemas)
    assert not optional.equals(required)
    assert encode(optional) != encode(required) == encode(required.slice(0))


def test_arrow_types_count():
    assert len({encode(array) for array in ARROW.values()}) == len(ARROW)
    assert len({encode(array.type) for array in ARROW.values()}) == len({str(array.type) for array in ARROW.values()})
    table = pa.table(ARROW)
    assert encode(table) != encode(table.to_batches()[0])
    assert encode(table.schema) != encode(table.schema.with_metadata({"a": "b"}))
    assert encode(table.schema.field(0)) != encode(table.schema.field(1))
    assert encode(pa.scalar(1)) != encode(pa.scalar(1.0))


POLARS = {
    "int": pl.Series("n", [1, None, 3]),
    "float": pl.Series("n", [1.5, None, float("nan")]),
    "bool": pl.Series("n", [True, None, False]),
    "text": pl.Series("n", ["x", None, "zü"]),
    "binary": pl.Series("n", [b"1", None, b""]),
    "date": pl.Series("n", [dt.date(2024, 1, 1), None, dt.date(2024, 1, 3)]),
    "instant": pl.Series("n", [1, None, 3]).cast(pl.Datetime("us", "UTC")),
    "duration": pl.Series("n", [1, None, 3]).cast(pl.Duration("ms")),
    "list": pl.Series("n", [[1], None, [2, 3]]),
    "struct": pl.Series("n", [{"a": 1}, None, {"a": 2}]),
    "category": pl.Series("n", ["a", None, "b"], dtype=pl.Categorical),
    "enum": pl.Series("n", ["a", None, "b"], dtype=pl.Enum(["a", "b"])),
    "decimal": pl.Series("n", ["1.5", None, "2.5"]).cast(pl.Decimal(10, 2)),
    "null": pl.Series("n", [None, None, None]),
}


@pytest.mark.parametrize("name", POLARS)
def test_polars_chunks_and_slices_do_not_count(name):
    series = POLARS[name]
    twice = pl.concat([series, series], rechunk=False)
    assert encode(series) == encode(twice[3:]) == encode(twice[:3].rechunk())
    frame = series.to_frame()
    assert encode(frame) == encode(pl.concat([frame[:1], frame[1:]], rechunk=False))


@pytest.mark.parametrize("name", [name for name in POLARS if name != "null"])
def test_polars_values_and_names_count(name):
    series = POLARS[name]
    others = [series, series[:2], series[[2, 1, 0]], series.rename("m"), series.to_frame()]
    assert len({encode(other) for other in others}) == len(others)


def test_polars_dtypes_count():
    assert len({encode(series) for series in POLARS.values()}) == len(POLARS)
    assert len({encode(series.dtype) for series in POLARS.values()}) == len(POLARS)


def test_the_libraries_differ():
    tables = [pd.DataFrame({"a": [1]}), pl.DataFrame({"a": [1]}), pa.table({"a": [1]})]
    assert len({encode(table) for table in tables}) == 3


_cell = st.one_of(st.none(), st.integers(-(2**40), 2**40), st.floats(), st.booleans(), st.text(max_size=5))


@given(st.lists(st.tuples(_cell, st.text(max_size=3)), max_size=8), st.integers(0, 8))
def test_any_frame_is_the_same_built_in_two_ways(rows, cut):
    frame = pd.DataFrame({"a": pd.Series([row[0] for row in rows], dtype=object), "b": [row[1] for row in rows]})
    other = pd.concat([frame.iloc[:cut], frame.iloc[cut:]]).astype(frame.dtypes.to_dict())
    assert encode(frame) == encode(other)


@given(
    st.lists(st.one_of(st.none(), st.text(max_size=4)), max_size=8),
    st.lists(st.one_of(st.none(), st.text(max_size=4)), max_size=8),
)
def test_two_columns_of_text_have_one_encoding_only_if_they_are_equal(left, right):
    def columns(values):
        return (
            pd.Series(values, dtype="string[python]"),
            pd.Series(values, dtype="string[pyarrow]"),
            pa.array(values, pa.string()),
            pl.Series(values, dtype=pl.String),
        )

    for one, other in zip(columns(left), columns(right), strict=True):
        assert (encode(one) == encode(other)) == (left == right)


def test_other_types_have_no_handler():
    assert (
        handler_for(type(pd.DataFrame().groupby)) is None
        if type(pd.DataFrame().groupby).__module__ == "pandas"
        else True
    )
    assert handler_for(pd.ExcelFile) is None
    assert handler_for(pl.LazyFrame) is None
    assert handler_for(pa.MemoryPool) is None


@pytest.mark.slow
def test_the_same_in_another_process_with_another_hash_seed():
    program = (
        "import pandas as pd, polars as pl, pyarrow as pa\n"
        "from consist.hashing.canonical import encode\n"
        "f = {'a': [1, 2], 'b': ['x', None], 'c': [1.5, float('nan')]}\n"
        "t = [pd.DataFrame(f).astype({'b': 'category'}), pl.DataFrame(f), pa.table(f)]\n"
        "print(*[encode(x).hex() for x in t])"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(answers) == 1
