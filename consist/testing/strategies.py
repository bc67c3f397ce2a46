"""Values that may stand in a config, of every type that has a canonical encoding, for property tests.

`values` draws them and nests them in each other. `rebuilt` makes the same value in another way: other orders, layouts
and pieces. `altered` draws a neighbour of a value: one place in it is replaced by what encodings like to mix up with
it. Whether two values are the same is for `sameness` to say. Needs hypothesis, and the libraries whose values are
drawn.

Not here: values that cannot be encoded, and large ones.
"""

from __future__ import annotations

import datetime as dt
import decimal
import fractions
import functools
import math
import pathlib
import re
import types
import uuid
import warnings
import zoneinfo
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from consist.testing import samples, tables

if TYPE_CHECKING:
    from collections.abc import Callable

    Draw = Callable[[st.SearchStrategy[Any]], Any]

_ZONES = st.sampled_from([None, dt.UTC, zoneinfo.ZoneInfo("UTC"), zoneinfo.ZoneInfo("Europe/Paris")])
_BARE = (dt.datetime(2026, 10, 25, 2, 30), dt.time(2, 30))  # noqa: DTZ001 - a moment that a zone has twice
_NAN = decimal.Decimal("NaN")
_WHOLE = st.sampled_from([0, 1, -1, 2, 255, 256, 2**63, 2**64, -(2**64)])


@functools.cache
def scalars() -> st.SearchStrategy[Any]:
    """Draw values of Python's own plain types that can be keys, many of them alike."""
    moments = st.builds(
        lambda moment, zone, fold: moment.replace(tzinfo=zone, fold=fold),
        st.sampled_from(_BARE),
        _ZONES,
        st.integers(0, 1),
    )
    numbers = st.booleans() | _WHOLE | st.integers() | st.floats() | st.complex_numbers()
    exact = st.builds(fractions.Fraction, _WHOLE, st.sampled_from([1, 3])) | st.decimals(places=1, allow_nan=False)
    times = st.dates() | st.timedeltas() | moments | st.builds(dt.timezone, st.sampled_from([dt.timedelta(0)]))
    paths = st.builds(lambda kind, text: kind(text), st.sampled_from(_PATHS), st.sampled_from(["", "a", "a/b", "1"]))
    named = st.sampled_from(
        [*samples.Shade, *samples.Level, samples.Access(3), int, bool, type(None), _NAN, re.compile("1")]
    )
    texts = st.text(max_size=3) | st.sampled_from(["1", "1.0", "True", "None", "\0", "e\u0301", "é", "\udcff"])
    others = st.uuids() | st.binary(max_size=3) | st.builds(range, st.integers(0, 3), st.integers(0, 3))
    return st.none() | st.just(...) | numbers | exact | texts | times | paths | named | others


_PATHS = (pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.Path)


@functools.cache
def keys() -> st.SearchStrategy[Any]:
    """Draw values that can be keys of a dict and elements of a set."""
    words = st.builds(samples.Word, st.sampled_from(["", "a", "1"]))
    return st.recursive(
        scalars() | words | tables.numpy_scalars(),
        lambda inner: (
            st.lists(inner, max_size=2).map(tuple)
            | st.frozensets(inner, max_size=2)
            | st.builds(lambda kind, *fields: kind(*fields), st.sampled_from([samples.Cell, samples.Span]), inner)
        ),
        max_leaves=3,
    )


@functools.cache
def values() -> st.SearchStrategy[Any]:
    """Draw values of every supported type, nested."""
    slices = st.builds(slice, st.none() | st.integers(0, 2), st.none() | st.integers(0, 2))
    leaves = keys() | st.builds(bytearray, st.binary(max_size=2)) | slices | tables.arrays() | tables.tables()
    return st.recursive(leaves, _nested, max_leaves=6)


@functools.cache
def configs() -> st.SearchStrategy[dict[str, Any]]:
    """Draw configs: values of every supported type by name."""
    return st.dictionaries(st.sampled_from(["a", "b", "rate", "with space"]), values(), max_size=3)


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists, dicts = st.lists(inner, max_size=3), st.dictionaries(keys(), inner, max_size=3)
    made_of_dicts = st.sampled_from([samples.proxy, samples.ordered, lambda items: samples.marked(items, 1)])
    with_fields = st.builds(
        lambda kind, fields: kind(**fields),
        st.sampled_from(samples.WITH_FIELDS),
        st.fixed_dictionaries({"size": inner}, optional={"origin": inner}),
    )
    return (
        lists
        | lists.map(tuple)
        | dicts
        | st.sets(keys(), max_size=3)
        | st.builds(lambda make, items: make(items), made_of_dicts, dicts)
        | st.builds(samples.numbered, lists, inner)
        | with_fields
    )


# --- the same value, made in another way


def rebuilt(value: Any) -> Any:
    """Make the same value anew: keys and elements in the opposite order, arrays and tables laid out otherwise.

    Examples
    --------
    >>> rebuilt({"a": 1, "b": [2]})
    {'b': [2], 'a': 1}
    """
    taken = _apart(value)
    if taken is None:
        return tables.rebuilt(value)
    parts, make = taken
    parts = [rebuilt(part) for part in parts]
    return make(parts)


def _apart(value: Any) -> tuple[list[Any], Callable[[list[Any]], Any]] | None:
    """Take a value that holds others apart: its parts, and what makes it of such parts."""
    cls: Any = type(value)
    if cls in {list, tuple}:
        return list(value), cls
    if cls in {set, frozenset}:
        return list(value), lambda parts: cls(reversed(parts))
    if cls in {dict, types.MappingProxyType}:
        return _flat(value), lambda parts: cls(dict(reversed(_paired(parts))))
    if cls is samples.ordered({}).__class__:
        return _flat(value), lambda parts: cls(_paired(parts))
    if cls is samples.Marked:
        return [value.mark, *_flat(value)], lambda parts: samples.marked(dict(reversed(_paired(parts[1:]))), parts[0])
    if cls is samples.Numbered:
        return [value.unit, *value], lambda parts: samples.numbered(parts[1:], parts[0])
    if cls is samples.Model:
        names = sorted(value.model_fields_set, reverse=True)
        return [getattr(value, name) for name in names], lambda parts: cls(**dict(zip(names, parts, strict=True)))
    if cls in samples.WITH_FIELDS:
        return [value.size, value.origin], lambda parts: cls(*parts)
    return None


def _flat(mapping: Any) -> list[Any]:
    return [part for pair in mapping.items() for part in pair]


def _paired(parts: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(parts[::2], parts[1::2], strict=True))


# --- a neighbour


@st.composite
def altered(draw: Draw, value: Any) -> Any:
    """Draw a neighbour of a value: something in it, at any depth, becomes what it could be mistaken for."""
    taken = _apart(value)
    # A set has no order of its own (NaN hashes by its address), and hypothesis must be able to draw the same again.
    ordered = not isinstance(value, set | frozenset)
    if ordered and taken is not None and taken[0] and draw(st.integers(0, 3)):
        parts, make = list(taken[0]), taken[1]
        place = draw(st.integers(0, len(parts) - 1))
        before = parts[place]
        parts[place] = draw(altered(before))
        try:
            return make(parts)
        except TypeError:  # what cannot be hashed cannot be a key
            return value
    changes = (*_WRAPPED, *(tables.changes(value) if tables.is_library(value) else (*_CHANGES, *tables.LIKE_NUMBERS)))
    first = draw(st.integers(0, len(changes) - 1))
    for change in (*changes[first:], *changes[:first]):
        try:
            with warnings.catch_warnings(action="ignore"):  # of overflow, and of what pandas will do otherwise one day
                return change(value)
        except _NOT_POSSIBLE:
            continue
    return [value]


_NOT_POSSIBLE = (
    *(TypeError, ValueError, AttributeError, ArithmeticError, LookupError, NotImplementedError),
    *tables.ERRORS,
)

_WRAPPED: tuple[Callable[[Any], Any], ...] = (
    lambda value: [value],
    lambda value: (value,),
    lambda value: {"a": value},
    lambda _: None,
    str,
)
_CHANGES: tuple[Callable[[Any], Any], ...] = (
    list,
    tuple,
    set,
    frozenset,
    dict,
    samples.ordered,
    lambda value: samples.marked(value, 2),
    lambda value: samples.proxy(dict(value)),
    lambda value: samples.ordered(dict(reversed(value.items()))),
    lambda value: samples.numbered(value, 2),
    lambda value: type(value)([*value, samples.Level.HIGH]),
    lambda value: value[:-1],
    lambda value: value[::-1],
    lambda value: value + type(value)(value[-1:]),
    lambda value: samples.Grid(value.size, value.origin),
    lambda value: samples.Cell(value.size, value.origin),
    lambda value: samples.Span(value.size, value.origin),
    lambda value: samples.Model(size=value.size),
    lambda value: samples.Model.model_validate({"size": value.size, "origin": value.origin, "extra": 1}),
    lambda value: samples.Mesh(value.origin, value.size),
    lambda value: value.value,
    samples.Level,
    int,
    float,
    bool,
    complex,
    decimal.Decimal,
    fractions.Fraction,
    lambda value: -value,
    lambda value: value + 1,
    lambda value: math.nextafter(value, math.inf),
    lambda value: bytes(value, "utf-8"),
    bytes,
    bytearray,
    samples.Word,
    pathlib.PurePosixPath,
    pathlib.PureWindowsPath,
    lambda value: value + "\0",
    lambda value: value.replace(tzinfo=dt.UTC),
    lambda value: value.replace(tzinfo=zoneinfo.ZoneInfo("UTC")),
    lambda value: value.replace(fold=1 - value.fold),
    lambda value: value.date(),
    lambda value: uuid.UUID(int=value.int ^ 1),
    lambda value: range(value.start, value.stop + 1, value.step),
    lambda value: slice(value.start, value.stop, 1),
)
