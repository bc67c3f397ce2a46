"""Tables of pandas taken apart: what of their inside holds their content, so that a hit need not encode them anew.

A frame is a manager with two axes and some blocks, each an array and the places of its columns; an index or a column
of an extended type is an object round arrays. These are pandas' private parts, which it may lay out otherwise in its
next version: a value is taken apart only if all that it refers to is known here, either as content or as what follows
from it. What is laid out otherwise has no parts here, and is encoded anew as a whole.
"""

from __future__ import annotations

import gc
from typing import Any, NamedTuple

from consist.identity.code.distributions import module_named


class Part(NamedTuple):
    """An attribute that holds content."""

    name: str
    holder: Any
    value: Any


class _Layout(NamedTuple):
    """Names of attributes: what the content is in, as far as this version has it, and what does not count."""

    content: tuple[str, ...]
    rest: tuple[str, ...]


def _layouts(classes: str, content: str, rest: str) -> dict[str, _Layout]:
    return dict.fromkeys(classes.split(), _Layout(tuple(content.split()), tuple(rest.split())))


_TABLES = {
    **_layouts("DataFrame", "_mgr _attrs", "_flags _item_cache _is_copy"),
    **_layouts("Series", "_mgr _attrs _name", "_flags _item_cache _is_copy _cacher"),
}
_INSIDE = {
    **_layouts("BlockManager SingleBlockManager", "blocks axes", "_blknos _blklocs"),
    **_layouts(
        "NumpyBlock NumericBlock ObjectBlock DatetimeLikeBlock ExtensionBlock", "values _mgr_locs", "refs _cache"
    ),
}
_ARRAYS = {
    **_layouts("Index CategoricalIndex", "_data _name", "_cache _id _references"),
    **_layouts("DatetimeIndex TimedeltaIndex", "_data _name _freq", "_cache _id _references"),
    **_layouts("RangeIndex", "_range _name", "_data _cache _id _references"),
    **_layouts("IntegerArray FloatingArray BooleanArray", "_data _mask", "_dtype _cache _readonly"),
    **_layouts("ArrowStringArray", "_pa_array _dtype", "_cache _readonly"),
    **_layouts("Categorical StringArray DatetimeArray TimedeltaArray", "_ndarray _dtype _freq", "_cache _readonly"),
    **_layouts("CategoricalDtype", "_categories _ordered", "_cache"),
    **_layouts("StringDtype", "_storage storage _na_value", "_cache"),
    **_layouts("DatetimeTZDtype", "_unit _tz", "_cache"),
}
_WRITABLE_RANGE = _layouts("RangeIndex", "_range _name _data", "_cache _id _references")["RangeIndex"]
"""Before pandas 3: the numbers are made of the range when first asked for, and handed out to be written to. Of later
versions they do not count, since to look at those of 10,000 rows takes 20 us."""
LOOKED_INTO = frozenset({"_mgr", "blocks", "_mgr_locs"})
"""Names of parts whose own parts are listed as well, or which cannot change: the places of a block's columns."""
_FIXED = frozenset({"NAType", "BaseOffset"})
"""Classes of C whose instances nobody can change, and those that derive from them without adding attributes."""


def has_parts(cls: type) -> bool:
    """Tell whether values of a class are taken apart, if they are laid out as is known here."""
    return _is_of_pandas(cls) and (cls.__name__ in _TABLES or cls.__name__ in _ARRAYS)


def is_fixed(cls: type) -> bool:
    """Tell whether it is a class of pandas whose instances cannot change."""
    named = not _FIXED.isdisjoint(base.__name__ for base in cls.__mro__)
    return named and _is_of_pandas(cls) and (cls.__name__ in _FIXED or not cls.__dictoffset__)


def parts_of(value: Any) -> list[Part] | None:
    """Return what a value is made of, or None if it is laid out otherwise than is known here.

    Examples
    --------
    >>> import pandas as pd
    >>> [(part.name, part.value) for part in parts_of(pd.RangeIndex(3, name="n"))]
    [('_range', range(0, 3)), ('_name', 'n')]
    """
    layout = _ARRAYS.get(type(value).__name__)
    if layout is _ARRAYS["RangeIndex"] and _hands_out_numbers():
        layout = _WRITABLE_RANGE
    return _parts_of_table(value) if layout is None else _read(value, layout)


def _hands_out_numbers() -> bool:
    return str(getattr(module_named("pandas"), "__version__", "")).startswith(("1.", "2."))


def _parts_of_table(table: Any) -> list[Part] | None:
    """Return the parts of a table, its manager and its blocks, none of which could be encoded by itself."""
    manager = getattr(table, "_mgr", None)
    read = [_read(table, _TABLES[type(table).__name__])]
    read += [_read(held, _INSIDE.get(type(held).__name__)) for held in (manager, *getattr(manager, "blocks", ()))]
    return None if None in read else [part for parts in read for part in parts or ()]


def _read(holder: Any, layout: _Layout | None) -> list[Part] | None:
    """Read the parts of one object, if there is nothing else in it."""
    if layout is None or not _is_of_pandas(type(holder)):
        return None
    attributes = getattr(holder, "__dict__", {})
    parts = [Part(name, holder, getattr(holder, name)) for name in layout.content if hasattr(holder, name)]
    known = [type(holder), attributes, None, *(part.value for part in parts)]
    known += [getattr(holder, name, None) for name in layout.rest]
    is_all = set(map(id, gc.get_referents(holder))) <= set(map(id, known))
    return parts if is_all and attributes.keys() <= {*layout.content, *layout.rest} else None


def _is_of_pandas(cls: type) -> bool:
    return str(cls.__module__).partition(".")[0] == "pandas"
