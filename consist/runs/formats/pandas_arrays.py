"""Columns of pandas as Arrow arrays and back, each as the dtype it was.

pyarrow's own conversion guesses: objects become strings, categories come back in another order, seconds as
milliseconds. Here every dtype has a note of its own, a plain list whose first item says what it is, and comes back from
it; a dtype without one is refused. A missing value comes back as the one that it was: None, NaN, NaT or NA.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from consist.errors import OutputError
from consist.runs.formats.pandas_times import noted_zone, zone_of
from consist.runs.formats.parquet import pack_arrays, unpack_arrays

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Note = list[Any]

_NAT = np.iinfo(np.int64).min
"""The ordinal of a missing period."""

_HINT = "turn it into text, numbers, dates or categories, or return it as plain data"


def to_arrow(array: Any) -> tuple[Any, Note]:
    """Turn the values of a column or index into an Arrow array, and a plain note that says what they were.

    Raises
    ------
    OutputError
        If the dtype is none that comes back as it is.

    Examples
    --------
    >>> values, note = to_arrow(pd.array([1, None], dtype="Int64"))
    >>> values.type, note
    (DataType(int64), ['own', 'Int64'])
    >>> from_arrow(values, note).dtype
    Int64Dtype()
    """
    array = array.to_numpy() if type(array) is pd.arrays.NumpyExtensionArray else array
    dtype = array.dtype
    if isinstance(dtype, np.dtype):
        return _from_objects(array) if dtype.hasobject else _from_numpy(array)
    taker = _TAKERS.get(type(dtype).__name__) if type(dtype).__module__.partition(".")[0] == "pandas" else None
    if taker is None:
        raise OutputError(f"the dtype {dtype} has no format", hint=_HINT)
    return taker(array)


def from_arrow(values: Any, note: Note) -> Any:
    """Turn what `to_arrow` returned back into what it was given."""
    return _GIVERS[note[0]](values, *note[1:])


# --- numpy's own dtypes


def _from_numpy(array: Any) -> tuple[Any, Note]:
    plain = np.asarray(array)
    native = plain.astype(plain.dtype.newbyteorder("="), copy=False)
    if native.dtype.kind not in "biufmM" or native.dtype.itemsize > 8:  # noqa: PLR2004 - bytes
        raise OutputError(f"the dtype {plain.dtype} has no format", hint="use a dtype of at most 64 bits")
    return pa.array(native, from_pandas=False), ["numpy", plain.dtype.str]


def _to_numpy(values: Any, name: str) -> Any:
    return _owned(values).astype(np.dtype(name), copy=False)


def _owned(values: Any) -> Any:
    """Return Arrow values as a numpy array that may be written to."""
    array = values.to_numpy() if isinstance(values, pa.ChunkedArray) else values.to_numpy(zero_copy_only=False)
    return array if array.flags.writeable else array.copy()


# --- Python objects

_OBJECTS: dict[type, Any] = {
    str: pa.string(),
    bytes: pa.binary(),
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    dt.date: pa.date32(),
}
_GAPS = {"None": None, "NaT": pd.NaT, "NA": pd.NA, "NaN": np.nan}
"""What may stand for a missing object: one of them in a column, since Arrow has one kind of missing value."""


def _from_objects(array: Any) -> tuple[Any, Note]:
    values = np.asarray(array, dtype=object)
    kinds = set(map(type, values))
    present = kinds - {type(None), type(pd.NaT), type(pd.NA)}
    gaps = {name for name, gap in _GAPS.items() if type(gap) in kinds - present}
    if len(present) > 1 and float in present and np.isnan(values[_are(values, float)].astype(float)).all():
        present.remove(float)  # NaN among text stands for a missing text
        gaps.add("NaN")
    if len(present) > 1 or len(gaps) > 1 or not present <= _OBJECTS.keys():
        names = ", ".join(sorted(kind.__qualname__ for kind in kinds))
        raise OutputError(f"a column of objects of {names} has no format", hint=_HINT)
    note = ["objects", *(gaps or {"None"})]
    if not present:
        return pa.nulls(len(values)), note
    (kind,) = present
    try:
        return pa.array(values, _OBJECTS[kind], mask=~_are(values, kind), from_pandas=False), note
    except (OverflowError, UnicodeEncodeError, pa.ArrowException) as error:
        raise OutputError(f"objects of {kind.__qualname__} have no format: {error}", hint=_HINT) from error


def _are(values: Any, kind: type) -> Any:
    return np.fromiter((type(value) is kind for value in values), bool, len(values))


def _to_objects(values: Any, gap: str) -> Any:
    array = np.empty(len(values), dtype=object)
    array[:] = values.to_pylist()
    array[_are(array, type(None))] = _GAPS[gap]
    return array


# --- pandas' own dtypes


def _from_own(array: Any) -> tuple[Any, Note]:
    """Take numbers and truth values with a mask of what is missing."""
    return array.__arrow_array__(), ["own", array.dtype.name]


def _to_own(values: Any, name: str) -> Any:
    return pd.api.types.pandas_dtype(name).__from_arrow__(values)


def _from_text(array: Any) -> tuple[Any, Note]:
    dtype = array.dtype
    note = ["text", dtype.storage, "NA" if dtype.na_value is pd.NA else "NaN"]
    try:
        if dtype.storage == "pyarrow":
            return array.__arrow_array__(), note
        return pa.array(array.to_numpy(object), pa.string(), from_pandas=True), note
    except UnicodeEncodeError as error:
        raise OutputError(f"a text has no format: {error}", hint="encode it to bytes") from error


def _to_text(values: Any, storage: str, gap: str) -> Any:
    dtype = pd.StringDtype(storage) if gap == "NA" else pd.StringDtype(storage, na_value=np.nan)
    return dtype.__from_arrow__(values)


def _from_categories(array: Any) -> tuple[Any, Note]:
    values, note = from_codes(array.codes, array.categories, ordered=bool(array.ordered))
    return values, ["categories", *note]


def _to_categories(values: Any, *note: Any) -> Any:
    codes, categories = to_codes(values, note)
    return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(categories, ordered=values.type.ordered))


def from_codes(codes: Any, entries: Any, *, ordered: bool = False) -> tuple[Any, Note]:
    """Turn positions in an index of entries, -1 where there is none, into an Arrow dictionary, and a note."""
    array, note = to_arrow(entries.array)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    indices = pa.array(np.asarray(codes), mask=np.asarray(codes) < 0)
    if pa.types.is_dictionary(array.type):  # categories as a level of an index: Arrow nests no dictionaries
        return indices, [note, entries.name, pack_arrays([array])]
    return pa.DictionaryArray.from_arrays(indices, array, ordered=ordered), [note, entries.name]


def to_codes(values: Any, note: Sequence[Any]) -> tuple[Any, Any]:
    """Turn what `from_codes` returned back into positions and an index of entries."""
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    inner, name, *packed = note
    (array,) = unpack_arrays(packed[0]) if packed else (values.dictionary,)
    indices = values if packed else values.indices
    return indices.fill_null(-1).to_numpy(zero_copy_only=False), as_index(from_arrow(array, inner), name)


def _from_zoned(array: Any) -> tuple[Any, Note]:
    """Take times in a zone; the zone is noted as a time of day in it, for which plain values have a form."""
    unit, zone = array.dtype.unit, array.dtype.tz
    values = pa.array(np.asarray(array.tz_convert("UTC").tz_localize(None)))
    return values.view(pa.timestamp(unit, "UTC")), ["zoned", noted_zone(zone)]


def _to_zoned(values: Any, zone: Any) -> Any:
    unit = values.type.unit
    times = pd.Series(_owned(values.cast(pa.timestamp(unit))))
    return times.dt.tz_localize("UTC").dt.tz_convert(zone_of(zone)).array


def _from_periods(array: Any) -> tuple[Any, Note]:
    name = str(array.dtype)
    if pd.api.types.pandas_dtype(name) != array.dtype:
        raise OutputError(f"the dtype {name} has no format", hint="use a frequency that has a name")
    return pa.array(array.asi8, mask=np.asarray(array.isna())), ["periods", name]


def _to_periods(values: Any, name: str) -> Any:
    frequency = pd.api.types.pandas_dtype(name).freq
    ordinals = _owned(values.fill_null(_NAT))
    return pd.PeriodIndex.from_ordinals(ordinals, freq=frequency).array


def _from_intervals(array: Any) -> tuple[Any, Note]:
    left, note = to_arrow(array.left.array)
    right, _ = to_arrow(array.right.array)
    return pa.StructArray.from_arrays([left, right], ["left", "right"]), ["intervals", array.closed, note]


def _to_intervals(values: Any, closed: str, note: Note) -> Any:
    sides = [as_index(from_arrow(pc.struct_field(values, side), note), None) for side in (0, 1)]
    return pd.arrays.IntervalArray.from_arrays(*sides, closed=closed)


def _from_arrow_dtype(array: Any) -> tuple[Any, Note]:
    return array.__arrow_array__(), ["arrow"]


def _to_arrow_dtype(values: Any) -> Any:
    chunked = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    return pd.arrays.ArrowExtensionArray(chunked)


def as_index(array: Any, name: Any) -> Any:
    """Make an index of one level; objects stay objects."""
    return pd.Index(array, name=name, dtype=array.dtype, tupleize_cols=False)


_MASKED = [f"{sign}Int{bits}Dtype" for sign in ("", "U") for bits in (8, 16, 32, 64)]
_TAKERS: dict[str, Callable[[Any], tuple[Any, Note]]] = {
    **dict.fromkeys([*_MASKED, "Float32Dtype", "Float64Dtype", "BooleanDtype"], _from_own),
    "StringDtype": _from_text,
    "CategoricalDtype": _from_categories,
    "DatetimeTZDtype": _from_zoned,
    "PeriodDtype": _from_periods,
    "IntervalDtype": _from_intervals,
    "ArrowDtype": _from_arrow_dtype,
}
"""By the name of a dtype's class."""

_GIVERS: dict[str, Callable[..., Any]] = {
    "numpy": _to_numpy,
    "objects": _to_objects,
    "own": _to_own,
    "text": _to_text,
    "categories": _to_categories,
    "zoned": _to_zoned,
    "periods": _to_periods,
    "intervals": _to_intervals,
    "arrow": _to_arrow_dtype,
}
"""By the first item of a note."""
