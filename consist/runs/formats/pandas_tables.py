"""DataFrames and Series of pandas as Arrow tables and back: columns, index, names, attrs.

The levels of an index are columns after the others, a `RangeIndex` three numbers. The names of columns are an index too
(pandas allows any, also twice the same); the table's own names are their texts, for readers that know text only.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from consist.errors import OutputError
from consist.runs.formats.pandas_arrays import as_index, from_arrow, from_codes, to_arrow, to_codes
from consist.runs.formats.parquet import pack_arrays, unpack_arrays

_FREQUENT = (pd.DatetimeIndex, pd.TimedeltaIndex)


def take(value: Any) -> tuple[Any, dict[str, Any]]:
    """Turn a DataFrame or Series into an Arrow table, and plain notes of what else it was.

    Raises
    ------
    OutputError
        If something in it would not come back as it is; the message names the column.

    Examples
    --------
    >>> table, about = take(pd.DataFrame({"a": [1]}, index=["x"]))
    >>> table.column_names
    ['a', 'index']
    >>> give(table, about)
       a
    x  1
    """
    series = type(value) is pd.Series
    columns = [value.array] if series else [value.iloc[:, place].array for place in range(value.shape[1])]
    names = [value.name] if series else list(value.columns)
    arrays, notes = [], []
    for name, column in zip(names, columns, strict=True):
        try:
            array, note = to_arrow(column)
        except OutputError as error:
            raise OutputError(f"column {name!r}: {error.message}", hint=error.hint) from error
        arrays.append(array)
        notes.append(note)
    levels, index = _take_index(value.index, "its index")
    about = {
        "columns": notes,
        "names": ["one", value.name] if series else _take_names(value.columns),
        "index": index,
        "attrs": dict(value.attrs),
        "unique_labels": not value.flags.allows_duplicate_labels,
    }
    texts = [_text(name, "value") for name in names] + [_text(name, "index") for name in value.index.names][
        : len(levels)
    ]
    return pa.Table.from_arrays(arrays + levels, texts), about


def give(table: Any, about: dict[str, Any]) -> Any:
    """Turn what `take` returned back into what it was given."""
    notes = about["columns"]
    columns = [_column(from_arrow(table.column(place), note)) for place, note in enumerate(notes)]
    index = _give_index(table.columns[len(notes) :], about["index"])
    if about["names"][0] == "one":
        value = columns[0].rename(about["names"][1])
        value.index = index
    else:
        value = pd.DataFrame(dict(enumerate(columns)), index=None if columns else index, copy=False)
        value.index, value.columns = index, _give_names(about["names"])
    value.attrs = about["attrs"]
    return value.set_flags(allows_duplicate_labels=False) if about["unique_labels"] else value


def _column(array: Any) -> Any:
    return pd.Series(array, dtype=array.dtype, copy=False)  # without the dtype, objects are guessed to be text


def _text(name: Any, default: str) -> str:
    return default if name is None else str(name)


# --- an index: its levels as arrays, and a plain note


def _take_index(index: Any, what: str) -> tuple[list[Any], list[Any]]:
    if type(index) is pd.RangeIndex:
        return [], ["range", index.start, index.stop, index.step, index.name]
    try:
        if isinstance(index, pd.MultiIndex):
            levels = [from_codes(codes, entries) for codes, entries in zip(index.codes, index.levels, strict=True)]
            return [array for array, _ in levels], ["levels", [note for _, note in levels], list(index.names)]
        array, note = to_arrow(index.array)
    except OutputError as error:
        raise OutputError(f"{what}: {error.message}", hint=error.hint) from error
    return [array], ["values", note, index.name, _frequency(index)]


def _frequency(index: Any) -> str | None:
    if not isinstance(index, _FREQUENT) or index.freq is None:
        return None
    name: str = index.freqstr
    if pd.tseries.frequencies.to_offset(name) != index.freq:
        raise OutputError(f"an index with the frequency {index.freq!r} has no format", hint="set index.freq = None")
    return name


def _give_index(arrays: list[Any], note: list[Any]) -> Any:
    if note[0] == "range":
        start, stop, step, name = note[1:]
        return pd.RangeIndex(start, stop, step, name=name)
    if note[0] == "levels":
        found = [to_codes(array, each) for array, each in zip(arrays, note[1], strict=True)]
        return pd.MultiIndex(
            codes=[codes for codes, _ in found], levels=[entries for _, entries in found], names=note[2]
        )
    _, inner, name, frequency = note
    index = as_index(from_arrow(arrays[0], inner), name)
    if frequency is not None:
        index.freq = pd.tseries.frequencies.to_offset(frequency)
    return index


# --- the names of columns: an index that lies in the note whole


def _take_names(columns: Any) -> list[Any]:
    if columns.dtype == object and columns.nlevels == 1:
        return ["objects", list(columns), columns.name]
    arrays, note = _take_index(columns, "the names of its columns")
    return ["index", pack_arrays([_whole(array) for array in arrays]) if arrays else b"", note]


def _whole(array: Any) -> Any:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _give_names(names: list[Any]) -> Any:
    if names[0] == "objects":
        return pd.Index(names[1], dtype=object, name=names[2], tupleize_cols=False)
    return _give_index(unpack_arrays(names[1]) if names[1] else [], names[2])
