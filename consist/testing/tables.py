"""Values of numpy, pandas, polars and Arrow for `strategies`: drawn, laid out otherwise, taken for each other.

The tables are small and their cells few, so that two draws often meet.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

if TYPE_CHECKING:
    from collections.abc import Callable

_DTYPES = ["u1", "i2", ">i2", "i8", "f4", "f8", "c8", "?", "S2", "U2", "M8[s]", "m8[D]"]
_WHOLE = st.none() | st.integers(-2, 2)
_TEXT = st.none() | st.sampled_from(["", "a", "1", "é"])
_DAYS = st.none() | st.datetimes(min_value=pd.Timestamp(1990, 1, 1), max_value=pd.Timestamp(2030, 1, 1))
_FLOAT = st.sampled_from([0.0, -0.0, 1.0, 1.5, float("nan"), float("inf")])
_CELLS: dict[str, st.SearchStrategy[Any]] = {
    "int64": st.integers(-2, 2),
    "int8": st.integers(-2, 2),
    "float64": _FLOAT,
    "bool": st.booleans(),
    "object": _WHOLE | _TEXT | st.booleans() | _FLOAT,
    "str": _TEXT,
    "string[python]": _TEXT,
    "string[pyarrow]": _TEXT,
    "Int64": _WHOLE,
    "boolean": st.none() | st.booleans(),
    "category": _TEXT,
    "datetime64[ns]": _DAYS,
    "datetime64[us, UTC]": _DAYS,
    "timedelta64[s]": _WHOLE,
    "period[D]": _DAYS,
    "Sparse[int64]": st.integers(0, 1),
    "Sparse[float64]": _FLOAT,
    "int64[pyarrow]": _WHOLE,
}
"""Cells of a column of pandas, by dtype."""
_ARROW: dict[Any, st.SearchStrategy[Any]] = {
    pa.int64(): _WHOLE,
    pa.int8(): _WHOLE,
    pa.float64(): st.none() | _FLOAT,
    pa.bool_(): st.none() | st.booleans(),
    pa.string(): _TEXT,
    pa.large_string(): _TEXT,
    pa.timestamp("us"): _DAYS,
    pa.list_(pa.int64()): st.none() | st.lists(_WHOLE, max_size=2),
    pa.dictionary(pa.int32(), pa.string()): _TEXT,
}
_POLARS: dict[Any, st.SearchStrategy[Any]] = {
    pl.Int64: _WHOLE,
    pl.Int8: _WHOLE,
    pl.Float64: st.none() | _FLOAT,
    pl.Boolean: st.none() | st.booleans(),
    pl.String: _TEXT,
    pl.Categorical: _TEXT,
    pl.Datetime("us"): _DAYS,
    pl.List(pl.Int64): st.none() | st.lists(_WHOLE, max_size=2),
}


def numpy_scalars() -> st.SearchStrategy[Any]:
    """Draw numpy's scalars that are equal to numbers and texts of Python."""
    made = (np.int64(1), np.int32(1), np.uint8(0), np.float64(1), np.float64(-0.0), np.float32(1.5), np.True_)
    return st.sampled_from([*made, np.str_("1"), np.bytes_(b"1"), np.datetime64("2026-01-01"), np.dtype("i8")])


@functools.cache
def arrays() -> st.SearchStrategy[Any]:
    """Draw arrays, plain, masked and of objects."""
    plain = hnp.arrays(st.sampled_from(_DTYPES), hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3))
    objects = st.lists(_CELLS["object"], max_size=3).map(lambda cells: np.array([*cells, None], dtype=object))
    masked = st.builds(
        lambda cells, fill: np.ma.masked_array(
            [cell for cell, _ in cells], [gone for _, gone in cells], fill_value=fill
        ),
        st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=3),
        st.sampled_from([None, 0]),
    )
    return plain | objects | masked


@functools.cache
def tables() -> st.SearchStrategy[Any]:
    """Draw tables, columns and indexes of pandas, polars and Arrow, and offsets of pandas."""
    column = _series()
    frame = st.dictionaries(st.sampled_from(["a", "b", 1]), st.sampled_from(list(_CELLS)), max_size=2).flatmap(_frame)
    index = st.builds(lambda series, name: pd.Index(series, name=name), column, st.sampled_from([None, "i"]))
    return column | frame | index | _offsets() | _arrow() | _polars()


def _series() -> st.SearchStrategy[Any]:
    return st.sampled_from(list(_CELLS)).flatmap(
        lambda dtype: st.builds(
            lambda cells, name, index: pd.Series(cells, dtype=dtype, name=name, index=_index(index, len(cells))),
            st.lists(_CELLS[dtype], max_size=4),
            st.sampled_from([None, "n", 1]),
            st.sampled_from([None, "text", "tuple"]),
        )
    )


def _index(kind: str | None, length: int) -> Any:
    if kind is None:
        return pd.RangeIndex(length)
    texts = [f"r{row}" for row in range(length)]
    return pd.Index(texts) if kind == "text" else pd.MultiIndex.from_arrays([texts, range(length)], names=["t", None])


def _frame(dtypes: dict[Any, str]) -> st.SearchStrategy[Any]:
    rows = st.lists(st.tuples(*(_CELLS[dtype] for dtype in dtypes.values())), max_size=3)
    return rows.map(
        lambda drawn: pd.DataFrame(
            {
                name: pd.Series([row[place] for row in drawn], dtype=dtype)
                for place, (name, dtype) in enumerate(dtypes.items())
            },
            index=pd.RangeIndex(len(drawn)),
        )
    )


def _arrow() -> st.SearchStrategy[Any]:
    return st.sampled_from(list(_ARROW)).flatmap(
        lambda kind: st.builds(
            lambda cells, make: make(pa.array(cells, kind)),
            st.lists(_ARROW[kind], max_size=4),
            st.sampled_from([_same, _chunked, _arrow_table, _required, _record_batch]),
        )
    )


def _offsets() -> st.SearchStrategy[Any]:
    kinds = (pd.offsets.BDay, pd.offsets.MonthEnd, pd.offsets.MonthBegin, pd.offsets.Week)
    return st.builds(
        lambda kind, n, normalize: kind(n, normalize), st.sampled_from(kinds), st.integers(-2, 2), st.booleans()
    )


def _polars() -> st.SearchStrategy[Any]:
    return st.sampled_from(list(_POLARS)).flatmap(
        lambda kind: st.builds(
            lambda cells, make: make(pl.Series("n", cells, dtype=kind)),
            st.lists(_POLARS[kind], max_size=4),
            st.sampled_from([_same, pl.Series.to_frame]),
        )
    )


def _same(value: Any) -> Any:
    return value


def _chunked(array: Any) -> Any:
    return pa.chunked_array([array])


def _arrow_table(array: Any) -> Any:
    return pa.table({"n": array})


def _required(array: Any) -> Any:
    return pa.table({"n": array}, pa.schema([pa.field("n", array.type, nullable=False)]))


def _record_batch(array: Any) -> Any:
    return pa.RecordBatch.from_arrays([array], ["n"])


# --- the same value, laid out otherwise


def rebuilt(value: Any) -> Any:
    """Lay out an array or a table otherwise; return anything else as it is."""
    match value:
        case np.ma.MaskedArray():
            return value.copy()
        case np.ndarray() if value.ndim:
            wide = np.zeros([2 * side for side in value.shape], value.dtype, order="F")
            view = wide[tuple([slice(None, None, 2)] * value.ndim)]
            view[...] = value
            return view
        case pd.DataFrame() | pd.Series():
            return _pandas_rebuilt(value)
        case pd.RangeIndex():
            return pd.Index(list(value), dtype="int64", name=value.name)
        case pa.Table():
            return pa.concat_tables([value.slice(0, 1), value.slice(1)])
        case pa.ChunkedArray():
            whole = value.combine_chunks()
            return pa.chunked_array([whole.slice(0, 1), whole.slice(1)], type=value.type)
        case pa.Array():
            return pa.concat_arrays([value, value]).slice(len(value))
        case pl.DataFrame() | pl.Series() if not value.is_empty():
            pieces: Any = [value[:1], value[1:]]
            return pl.concat(pieces, rechunk=False)
    return value


def _pandas_rebuilt(value: Any) -> Any:
    """Turn the rows round and back, and change how cells and labels are kept where pandas calls that the same."""
    turned = value.iloc[::-1].iloc[::-1]
    if type(value.index) is pd.RangeIndex:
        turned.index = pd.Index(list(value.index), dtype="int64")
    if isinstance(value, pd.Series) and isinstance(value.dtype, pd.SparseDtype):
        cells = np.asarray(value.array)
        other = pd.arrays.SparseArray(cells, fill_value=value.dtype.fill_value, kind="block", dtype=value.dtype)
        return pd.Series(other, index=turned.index, name=value.name)
    if str(getattr(value, "dtype", "")) == "string":
        storage = "python" if value.dtype.storage == "pyarrow" else "pyarrow"
        return turned.astype(pd.StringDtype(storage, na_value=value.dtype.na_value))
    return turned


# --- what a value could be mistaken for


ERRORS = (pl.exceptions.PolarsError, pa.ArrowException, np.ma.MaskError)
"""What the libraries raise, beside Python's own errors, if a change is not possible."""


def changes(value: Any) -> tuple[Callable[[Any], Any], ...]:
    """Return what makes of a value, if it can, something that it could be mistaken for."""
    return _CHANGES[_root(value)]


def is_library(value: Any) -> bool:
    """Tell whether a value is one of numpy, pandas, polars or Arrow."""
    return _root(value) in _CHANGES


def _root(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def _sparse(series: Any) -> Any:
    return series.astype(pd.SparseDtype(series.dtype))


LIKE_NUMBERS: tuple[Callable[[Any], Any], ...] = (np.int64, np.float64, np.float32, np.bool_, np.str_, np.array)
"""What makes a value of numpy out of a plain one."""
_CHANGES: dict[str, tuple[Callable[[Any], Any], ...]] = {
    "numpy": (
        lambda value: value.item(),
        lambda value: value.tolist(),
        lambda value: value.T,
        lambda value: value.reshape(-1),
        lambda value: value.view(np.recarray),
        lambda value: value.astype("f8"),
        lambda value: value.astype(object),
        lambda value: value.astype(value.dtype.newbyteorder()),
        lambda value: value + value.dtype.type(1),
        np.ma.array,
        lambda value: np.ma.masked_array(value.data, mask=True),
        lambda value: np.ma.masked_array(np.where(value.mask, 9, value.data), value.mask),
        np.array,
        pd.Series,
    ),
    "pandas": (
        lambda value: value.to_frame(),
        lambda value: value.rename("other"),
        lambda value: value.array,
        lambda value: value.astype("category"),
        lambda value: value.astype("str"),
        lambda value: value.astype("Int64"),
        lambda value: value.astype("float64"),
        lambda value: value.iloc[::-1],
        lambda value: value.iloc[:-1],
        lambda value: value.set_axis(value.index + 1),
        lambda value: value.reset_index(),
        lambda value: value.rename_axis("axis"),
        lambda value: value.fillna(0),
        lambda value: type(value)(value.n, not value.normalize),
        _sparse,
        pd.Series,
        pd.Index,
        pl.from_pandas,
    ),
    "polars": (
        lambda value: value.to_frame(),
        lambda value: value.rename("other"),
        lambda value: value.cast(pl.Float64),
        lambda value: value.fill_null(0),
        lambda value: value.slice(1),
        lambda value: value.to_arrow(),
    ),
    "pyarrow": (
        _chunked,
        lambda value: value.combine_chunks(),
        lambda value: _required(value.column(0)),
        lambda value: value.slice(1),
        lambda value: value.cast(pa.float64()),
        lambda value: value.to_batches()[0],
        lambda value: value.rename_columns(["other"]),
        lambda value: value.fill_null(0),
        pl.from_arrow,
    ),
}
