"""Plain values as msgpack: numbers, text, bytes, containers, dates and the like, each back as the type it was.

What msgpack has no type for is an extension value; ``docs/format.md`` lists the codes. Only exact types are taken: a
subclass could hold state that would be lost without a word. Dataclasses and their like are in ``objects.py``, counters
and other containers of `collections` in ``containers.py``, times of pandas in ``pandas_times.py``.
"""

from __future__ import annotations

import datetime as dt
import importlib
from collections.abc import Mapping
from typing import Any

from consist.arguments import an
from consist.errors import DamagedError, FormatError, OutputError, UsageError
from consist.hashing import codec

HINT = "return plain data, bytes, arrays, tables, or the Path of a file that you wrote"
BEYOND = f"{HINT}; or allow pickle: Tracker(allow_pickle=True); or add a format: consist.register_format"
"""What to do about a class of which nothing here knows, such as a model of scikit-learn."""
_APART = 'return it by itself or under a name of a dict, or name the parts of a tuple: outputs=["a", "b"]'

_TUPLE, _SET, _FROZENSET, _INT, _COMPLEX, _TEXT, _NUMPY, _TIME, _OBJECT, _COLLECTED, _PANDAS = range(1, 12)

_PARTS = {_COLLECTED: "containers", _PANDAS: "pandas_times", _OBJECT: "objects"}
"""Modules that take values apart and put them together, by the code of what they took; asked in this order."""

_CONTAINERS: dict[int, type] = {_TUPLE: tuple, _SET: set, _FROZENSET: frozenset}

_BY_TEXT = {"decimal": "decimal.Decimal", "fraction": "fractions.Fraction", "uuid": "uuid.UUID"}
"""Types whose text says all, by name: their modules are imported only where one of their values is."""
_TEXT_NAMES = {path: name for name, path in _BY_TEXT.items()}


_BUFFERS = frozenset({bytearray, memoryview})
_HOLDERS = frozenset({list, tuple, dict})
"""What may hold a value that cannot be hashed."""

_LIBRARIES = frozenset({"numpy", "pandas", "polars", "pyarrow"})
_LARGE = frozenset({"ndarray", "DataFrame", "Series", "Table"})
"""What these call the arrays and tables that have formats of their own."""


def encode(value: Any) -> bytes:
    """Encode a plain value.

    Raises
    ------
    OutputError
        If something in it is not plain, or it is too large to be read back whole.

    Examples
    --------
    >>> decode(encode({"a": (1, 2), "b": {3}}))
    {'a': (1, 2), 'b': {3}}
    """
    data = _pack(value)
    _refuse_buffers(value)
    if len(data) > codec.MAX_BYTES:
        raise OutputError(
            f"a plain value of {len(data):,} bytes is too large", hint="write it to a file, return its Path"
        )
    return data


def decode(data: bytes) -> Any:
    """Decode what `encode` encoded.

    Raises
    ------
    DamagedError
        If the bytes are no such encoding.
    FormatError
        If a newer consist wrote them.
    """
    try:
        return codec.unpack(data, ext_hook=_restore)
    except DamagedError as error:
        if isinstance(error.__cause__, OutputError):  # a class that is not what it was: no damage
            raise error.__cause__ from None
        raise


def _pack(value: Any) -> bytes:
    try:
        return codec.pack(value, default=_extend)
    except UsageError as error:
        cause = error.__cause__
        if isinstance(cause, OutputError):
            raise OutputError(cause.message, hint=cause.hint) from error
        raise OutputError(str(cause) if isinstance(cause, TypeError) else error.message, hint=HINT) from error


def _refuse_buffers(value: Any) -> None:
    """Refuse what msgpack takes for bytes without a word: of a list of a million numbers it takes as long as packing.

    It is looked for after packing, which refuses what holds itself.
    """
    if type(value) not in _HOLDERS and type(value) not in _BUFFERS:
        return
    left = [value]
    while left:
        held = left.pop()
        inner = held.values() if type(held) is dict else held if type(held) in _HOLDERS else (held,)
        types = set(map(type, inner))
        if types & _BUFFERS:
            name = next(iter(types & _BUFFERS)).__name__
            raise OutputError(f"{an(name)} within another value would come back as bytes", hint="make it bytes(value)")
        if types & _HOLDERS:
            left.extend(item for item in inner if type(item) in _HOLDERS)


def _extend(value: Any) -> codec.ExtType:
    cls = type(value)
    if cls is tuple:
        return codec.ExtType(_TUPLE, _pack(list(value)))
    if cls is set or cls is frozenset:
        code = _SET if cls is set else _FROZENSET
        return codec.ExtType(code, _pack(sorted(value, key=_pack)))  # equal sets are one blob
    if cls is int:
        return codec.ExtType(_INT, value.to_bytes((value.bit_length() + 8) // 8, "big", signed=True))
    if cls is complex:
        return codec.ExtType(_COMPLEX, _pack([value.real, value.imag]))
    path = f"{cls.__module__}.{cls.__qualname__}"
    if path in _TEXT_NAMES:
        return codec.ExtType(_TEXT, _pack([_TEXT_NAMES[path], str(value)]))
    if cls.__module__ == "datetime":
        return codec.ExtType(_TIME, _pack(_time_fields(value)))
    if cls.__module__ == "numpy" and getattr(value, "shape", None) == () and value.dtype.names is None:
        return codec.ExtType(_NUMPY, _pack([value.dtype.str, value.tobytes()]))
    return _by_part(value)


def _by_part(value: Any) -> codec.ExtType:
    """Take a value apart by the module that knows its class, or say what to return in its place."""
    cls = type(value)
    if cls.__module__.partition(".")[0] == "pathlib":  # in 3.13 `pathlib._local`
        if cls.__name__.startswith("Pure"):
            raise OutputError(
                f"{an(cls.__name__)} is a name without a file, and has no format", hint="make it str(value)"
            )
        raise TypeError(f"a Path within another value has no format; {_APART}")
    if cls.__module__.partition(".")[0] in _LIBRARIES and cls.__name__ in _LARGE:
        raise TypeError(f"{an(cls.__name__)} within another value has no format; {_APART}")
    for code, module in _PARTS.items():
        taken = _module(module).take(value)
        if taken is not None:
            return codec.ExtType(code, encode(taken))
    raise OutputError(f"a value of type {cls.__qualname__} has no format", hint=_cure(value))


def _module(name: str) -> Any:
    return importlib.import_module(f"consist.runs.formats.{name}")


_BASES = (dict, list, tuple, frozenset, set, str, bytes, bool, int, float)
_COPIES = {**dict.fromkeys(("dict_keys", "dict_values", "dict_items", "range", "generator", "map"), "list")}


def _cure(value: Any) -> str:
    """Say what to return in the place of a value that has no format."""
    cls = type(value)
    made = "dict" if isinstance(value, Mapping) else _COPIES.get(cls.__name__)
    made = made or next((base.__name__ for base in _BASES if isinstance(value, base)), None)
    if made:
        return f"make it {made}(value), or {HINT}"
    if isinstance(value, (dt.date, dt.time)):
        return "make it value.isoformat(), which is text"
    if cls.__module__.partition(".")[0] == "pandas":
        return f"make it str(value), or list(value) if it holds several, or {HINT}"
    return BEYOND


def _restore(code: int, data: bytes) -> Any:
    if code == _INT:
        return int.from_bytes(data, "big", signed=True)
    if not _TUPLE <= code <= _PANDAS:
        raise FormatError(f"a plain value holds what a newer consist wrote (extension {code})", hint="upgrade consist")
    inner = decode(data)
    if code in _CONTAINERS:
        return _CONTAINERS[code](inner)
    if code == _COMPLEX:
        return complex(*inner)
    if code == _TEXT:
        module, _, name = _BY_TEXT[inner[0]].partition(".")
        return getattr(importlib.import_module(module), name)(inner[1])
    if code == _TIME:
        return _restore_time(*inner)
    if code == _NUMPY:
        import numpy as np

        return np.frombuffer(inner[1], dtype=np.dtype(inner[0]))[0]
    return _module(_PARTS[code]).give(*inner)


def _time_fields(value: Any) -> list[Any]:
    """Take a date, time, span or zone apart into plain fields."""
    cls = type(value)
    if cls is dt.timedelta:
        return ["timedelta", value.days, value.seconds, value.microseconds]
    if cls is dt.date:
        return ["date", value.isoformat()]
    if cls in {dt.datetime, dt.time}:
        return [cls.__name__, value.replace(tzinfo=None).isoformat(), value.fold, _zone_fields(value.tzinfo)]
    raise TypeError(f"a value of type {cls.__qualname__} has no format")


def _zone_fields(zone: dt.tzinfo | None) -> Any:
    if zone is None:
        return None
    if type(zone).__module__ == "zoneinfo" and getattr(zone, "key", None):
        return zone.key  # type: ignore[attr-defined]  # a ZoneInfo, which is not imported for this question
    if type(zone) is dt.timezone:
        offset = zone.utcoffset(None)
        name = zone.tzname(None)
        return [offset.total_seconds(), None if name == dt.timezone(offset).tzname(None) else name]
    raise OutputError(
        f"a time zone of type {type(zone).__qualname__} has no format",
        hint="use one of `zoneinfo` or `datetime`, or make it value.isoformat()",
    )


def _restore_time(kind: str, *fields: Any) -> Any:
    if kind == "timedelta":
        return dt.timedelta(*fields)
    if kind == "date":
        return dt.date.fromisoformat(fields[0])
    iso, fold, zone = fields
    cls = dt.datetime if kind == "datetime" else dt.time
    return cls.fromisoformat(iso).replace(fold=fold, tzinfo=_restore_zone(zone))


def _restore_zone(zone: Any) -> dt.tzinfo | None:
    if zone is None:
        return None
    if isinstance(zone, str):
        import zoneinfo

        return zoneinfo.ZoneInfo(zone)
    seconds, name = zone
    offset = dt.timedelta(seconds=seconds)
    return dt.timezone(offset) if name is None else dt.timezone(offset, name)
