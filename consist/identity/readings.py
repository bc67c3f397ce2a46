"""Two readable values compared: where in them they differ, and how each reads on a line. For config items.

What is compared is what a record keeps readable (``config.py``): plain data, and types with a digest for the rest.
"""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.identity.names import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SHOWN = 60
"""Characters of a value on a line."""
MAX_PLACES = 8
"""Places within one item that are told one by one; if more differ, the item is shown as a whole."""

_OPAQUE = {"$type", "$digest"}


class ValueChange(NamedTuple):
    """A place where two values differ; what is not there is `ABSENT`.

    Attributes
    ----------
    path : str
        From the item on: ``model.layers[2]``.
    before, after : object
        What is there.
    """

    path: str
    before: Any
    after: Any


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Any = _Absent()


def places(path: str, before: Any, after: Any) -> list[ValueChange]:
    """List where two values differ; nothing, if they read the same.

    Examples
    --------
    >>> places("model", {"size": 2, "shape": [1, 2]}, {"shape": [1, 3]})
    [ValueChange(path='model.size', before=2, after=ABSENT), ValueChange(path='model.shape[1]', before=2, after=3)]
    """
    try:
        found = list(itertools.islice(_walk(path, before, after), MAX_PLACES + 1))
    except RecursionError:
        return [ValueChange(path, before, after)]
    return found if len(found) <= MAX_PLACES else [ValueChange(path, before, after)]


def shown(value: Any) -> str:
    """Write a value on one printable line, as JSON has it, at most `MAX_SHOWN` characters.

    Examples
    --------
    >>> shown({"a": [1, None]}), shown("x" * 100)
    ('{"a": [1, null]}', '"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"')
    """
    if _is_opaque(value):
        return escape(f"{value['$type']} ({value['$digest']:.12})")
    if isinstance(value, str) and len(value) > MAX_SHOWN:
        value = value[: MAX_SHOWN - 3] + "…"
    try:
        text = json.dumps(value, ensure_ascii=False, default=repr)
    except (TypeError, ValueError, RecursionError):  # no config of ours, but a record that somebody made up
        text = f"({type(value).__name__})"
    text = escape(text)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def same(before: Any, after: Any) -> bool:
    """Tell whether two values read the same; 1, 1.0 and True do not, and a NaN is like another."""
    if type(before) is not type(after) or before is ABSENT:
        return False
    try:
        return before is after or before == after or repr(before) == repr(after)
    except RecursionError:
        return False


def _walk(path: str, before: Any, after: Any) -> Iterator[ValueChange]:
    if type(before) is type(after) is dict and not _is_opaque(before) and not _is_opaque(after):
        for key in dict.fromkeys((*before, *after)):
            yield from _walk(f"{path}.{key}", before.get(key, ABSENT), after.get(key, ABSENT))
    elif type(before) is type(after) is list and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _walk(f"{path}[{number}]", one, other)
    elif not same(before, after):
        yield ValueChange(path, before, after)


def _is_opaque(value: Any) -> bool:
    """Tell whether a value is kept by its type and digest only."""
    return type(value) is dict and value.keys() == _OPAQUE and all(type(text) is str for text in value.values())
