"""DataFrames and Series of polars as Arrow tables and back.

polars itself turns its values into Arrow's and back, and notes in a schema what Arrow does not know. Categories are
stored as text: which other texts the process has seen as categories is no part of a frame.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pyarrow as pa

from consist.errors import OutputError


def take(value: Any) -> tuple[Any, dict[str, Any]]:
    """Turn a DataFrame or Series into an Arrow table, and plain notes of what else it was.

    Raises
    ------
    OutputError
        If a column would not come back as it is.

    Examples
    --------
    >>> give(*take(pl.Series("a", [1, None])))["a"].to_list()
    [1, None]
    """
    given = value if type(value) is pl.DataFrame else value.to_frame()
    if not given.width:
        return given.to_arrow(), {"dtypes": []}
    frame = _renamed(given, _places(given.width))  # on its way to Arrow polars changes some names and dies of others
    notes = [_noted(name, frame.select(str(place)).clear()) for place, name in enumerate(given.columns)]
    return _without_categories(frame).to_arrow().rename_columns(given.columns), {"dtypes": notes}


def give(table: Any, about: dict[str, Any]) -> Any:
    """Turn what `take` returned back into what it was given; a Series as a frame of one column."""
    if not table.num_columns:
        return pl.DataFrame(height=table.num_rows) if table.num_rows else pl.DataFrame()
    frame: Any = pl.from_arrow(table.rename_columns(_places(table.num_columns)))
    dtypes = [_dtype(pa.ipc.read_schema(pa.py_buffer(note))) for note in about["dtypes"]]
    return _renamed(frame.cast(dict(zip(frame.columns, dtypes, strict=True))), table.column_names)


def _places(count: int) -> list[str]:
    return [str(place) for place in range(count)]


def _renamed(frame: Any, names: list[str]) -> Any:
    return frame.rename(dict(zip(frame.columns, names, strict=True)))


def _noted(name: str, empty: Any) -> bytes:
    """Note the dtype of a column in Arrow's words, to which polars adds its own."""
    (dtype,) = empty.dtypes
    if _holds_nul(dtype):
        raise OutputError(f"column {name!r}: a field with NUL in its name has no format", hint="rename it")
    hint = "cast it to another dtype"
    try:
        schema = empty.to_arrow().schema
    except pa.ArrowException as error:  # such as integers of 128 bits
        raise OutputError(f"column {name!r}: {dtype} has no format: {error}", hint=hint) from error
    if _dtype(schema) != dtype:
        raise OutputError(f"column {name!r}: {dtype} has no format", hint=hint)
    note: bytes = schema.serialize().to_pybytes()
    return note


def _holds_nul(dtype: Any) -> bool:
    if isinstance(dtype, pl.Struct):
        return any("\0" in field.name or _holds_nul(field.dtype) for field in dtype.fields)
    return isinstance(dtype, pl.List | pl.Array) and _holds_nul(dtype.inner)


def _dtype(schema: Any) -> Any:
    frame: Any = pl.from_arrow(schema.empty_table())
    return frame.dtypes[0]


def _without_categories(frame: Any) -> Any:
    plain = {name: _as_text(dtype) for name, dtype in frame.schema.items()}
    return frame.cast({name: dtype for name, dtype in plain.items() if dtype != frame.schema[name]})


def _as_text(dtype: Any) -> Any:
    """Return a dtype with text in place of categories, within lists and structs too."""
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return pl.String()
    if isinstance(dtype, pl.List):
        return pl.List(_as_text(dtype.inner))
    if isinstance(dtype, pl.Array):
        inner = _as_text(dtype.inner)
        return pl.Array(inner, dtype.size)
    if isinstance(dtype, pl.Struct):
        return pl.Struct({field.name: _as_text(field.dtype) for field in dtype.fields})
    return dtype
