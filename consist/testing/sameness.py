"""Are two values of a config the same? An answer that shares nothing with the canonical encoding.

It compares by type and content, all the way down: ``1``, ``1.0`` and ``True`` differ, so do list and tuple, ``0.0`` and
``-0.0``; every NaN is one; the order of a dict's keys, the memory of an array and the pieces of a table do not count.
It takes values apart by what they offer to anybody and compares those; it is no faster than it needs to be, so it is
for small values.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import struct
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same to a function that gets them.

    Examples
    --------
    >>> same({"a": 1, "b": [2]}, {"b": [2], "a": 1}), same([1], [1.0]), same([1], (1,))
    (True, False, False)
    """
    if _type(one) is not _type(other):
        return False
    judge = _JUDGES.get(type(one).__module__.partition(".")[0])
    return all_same(judge(one), judge(other)) if judge is not None else _same_builtin(one, other)


def all_same(ones: Iterable[Any], others: Iterable[Any]) -> bool:
    """Tell whether two sequences hold the same values in the same order."""
    first, second = list(ones), list(others)
    return len(first) == len(second) and all(map(same, first, second))


def matched(ones: Iterable[Any], others: Iterable[Any]) -> bool:
    """Tell whether each value has a partner of its own among the others, in whatever order."""
    rest = list(others)
    for one in ones:
        partner = next((place for place, other in enumerate(rest) if same(one, other)), None)
        if partner is None:
            return False
        del rest[partner]
    return not rest


def _type(value: Any) -> Any:
    """Return a value's type; the kinds of pandas' index are one, whatever keeps its items."""
    cls = type(value)
    return "an index of pandas" if cls.__module__.startswith("pandas") and "Index" in cls.__name__ else cls


def _same_builtin(one: Any, other: Any) -> bool:  # noqa: C901, PLR0911 - one case a kind of value
    match one:
        case enum.Enum():
            return one is other
        case float():
            return _bits(one) == _bits(other) and _rest_same(one, other)
        case complex():
            return (_bits(one.real), _bits(one.imag)) == (_bits(other.real), _bits(other.imag))
        case collections.OrderedDict():
            return all_same(one.items(), other.items()) and _rest_same(one, other)
        case collections.defaultdict():
            return one.default_factory is other.default_factory and matched(one.items(), other.items())
        case dict() | types.MappingProxyType():
            return matched(one.items(), other.items()) and _rest_same(one, other)
        case set() | frozenset():
            return matched(one, other)
        case list() | tuple():
            return all_same(one, other) and _rest_same(one, other)
        case range() | slice():
            return all_same((one.start, one.stop, one.step), (other.start, other.stop, other.step))
        case decimal.Decimal():
            return bool(one.as_tuple() == other.as_tuple())
        case dt.datetime() | dt.time():
            naive = one.replace(tzinfo=None) == other.replace(tzinfo=None)
            return naive and one.fold == other.fold and same(one.tzinfo, other.tzinfo)
        case dt.timezone():
            return bool((one.utcoffset(None), str(one)) == (other.utcoffset(None), str(other)))
    return _same_object(one, other)


def _bits(value: float) -> bytes:
    return b"nan" if value != value else struct.pack(">d", value)  # noqa: PLR0124 - every NaN is one


def _same_object(one: Any, other: Any) -> bool:
    cls = type(one)
    if dataclasses.is_dataclass(cls):
        names = [field.name for field in dataclasses.fields(cls)]
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    if hasattr(cls, "__attrs_attrs__"):
        names = [field.name for field in cls.__attrs_attrs__]
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    if hasattr(cls, "model_fields"):
        given = one.model_fields_set == other.model_fields_set
        return given and same(dict(one), dict(other)) and same(one.model_extra, other.model_extra)
    return bool(one == other) and _rest_same(one, other)


def _rest_same(one: Any, other: Any) -> bool:
    """Compare what an instance of a builtin's subclass holds beside its content."""
    names = [name for base in type(one).__mro__ for name in getattr(base, "__slots__", ()) if name[:2] != "__"]
    held = [{name: getattr(value, name, ...) for name in names} for value in (one, other)]
    return matched(held[0].items(), held[1].items()) and matched(
        getattr(one, "__dict__", {}).items(), getattr(other, "__dict__", {}).items()
    )


# --- libraries: what a value is made of, as a list of values


def _numpy(value: Any) -> Iterable[Any]:
    import numpy as np

    if isinstance(value, np.dtype):
        return [repr(value), value.str]
    if isinstance(value, np.ma.MaskedArray):
        under = np.array(value.data)
        return [under, np.array(np.ma.getmaskarray(value)), np.array(value.fill_value), bool(value.hardmask)]
    array = np.asarray(value)
    content = list(array.ravel()) if array.dtype.hasobject else [array.tobytes()]
    return [repr(array.dtype), array.dtype.str, array.shape, *content]


def _pandas(value: Any) -> Iterable[Any]:  # noqa: PLR0911 - one case a kind of value
    import pandas as pd

    match value:
        case pd.DataFrame():
            columns = [value.iloc[:, place].array for place in range(value.shape[1])]
            return [value.columns, value.index, *map(_cells, columns), value.attrs]
        case pd.Series():
            return [value.name, value.index, _cells(value.array), value.attrs]
        case pd.MultiIndex():
            return [value.nlevels, *(value.get_level_values(level) for level in range(value.nlevels))]
        case pd.Index():
            return [value.name, _cells(value.array)]
        case pd.Timestamp():
            return [value.isoformat(), value.unit, str(value.tz), value.fold]
        case pd.Timedelta():
            return [value.isoformat(), value.unit]
        case pd.tseries.offsets.BaseOffset():
            return [repr(value), value.normalize]
        case pd.CategoricalDtype():
            return [value.ordered, value.categories]
        case pd.api.extensions.ExtensionArray():
            return [_cells(value)]
    return [repr(value)]


def _cells(array: Any) -> list[Any]:
    """Return an array's dtype and cells; of numbers and times as text, in which every NaN is one."""
    import numpy as np
    import pandas as pd

    dtype = array.dtype
    described: Any = dtype if isinstance(dtype, pd.CategoricalDtype) else str(dtype)
    if isinstance(dtype, pd.StringDtype):
        described = f"text, missing is {dtype.na_value}"
    if isinstance(dtype, np.dtype) and dtype.hasobject:
        return [described, *array]
    absent = array.isna()
    return [described, *(None if gone else repr(cell) for gone, cell in zip(absent, array, strict=True))]


def _polars(value: Any) -> Iterable[Any]:
    import polars as pl

    match value:
        case pl.DataFrame():
            return [value.height, *value.get_columns()]
        case pl.Series():
            return [value.name, str(value.dtype).partition("(")[0], str(value.dtype), *value.to_list()]
    return [str(value)]


def _arrow(value: Any) -> Iterable[Any]:
    import pyarrow as pa

    match value:
        case pa.Table() | pa.RecordBatch():
            pieces = [(str(column.type), column.to_pylist()) for column in value.columns]
            return [value.num_rows, value.schema.names, [field.nullable for field in value.schema], pieces]
        case pa.Array() | pa.ChunkedArray():
            return [str(value.type), value.to_pylist()]
        case pa.Scalar():
            return [str(value.type), value.as_py()]
    return [str(value)]


_JUDGES: dict[str, Callable[[Any], Iterable[Any]]] = {
    "numpy": _numpy,
    "pandas": _pandas,
    "polars": _polars,
    "pyarrow": _arrow,
}
"""What takes a value of a library apart."""
