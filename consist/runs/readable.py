"""Values as people and JSON read them: what a plain value holds, and a record's config."""

from __future__ import annotations

import collections
import json
import math
from typing import Any

_ATOMS = frozenset({str, bool, type(None)})
_SHORT = 2000
"""Bits of a whole number that Python writes in any case: 640 digits are the lowest limit that can be set."""
_BASES: dict[type, type] = {
    **dict.fromkeys((collections.Counter, collections.OrderedDict, collections.defaultdict), dict),
    collections.deque: list,
}
"""What containers of `collections` read as."""


def json_ready(value: Any) -> Any:
    """Return a value as JSON data.

    A tuple or deque becomes a list, a set a sorted list, a dict with other keys than text a list of pairs, bytes
    ``{"base64": …}``, and what JSON has no number or type for, its text: of a whole number with more digits than Python
    writes (4,300), in hexadecimal.

    Raises
    ------
    RecursionError
        If it nests too deeply.

    Examples
    --------
    >>> json_ready({"shape": (2, 3), "loss": float("nan"), "raw": b"x"})
    {'shape': [2, 3], 'loss': 'NaN', 'raw': {'base64': 'eA=='}}
    """
    cls = _BASES.get(type(value), type(value))
    if cls in _ATOMS:
        return value
    if cls is int:
        return _whole(value)
    if cls is float:
        return value if math.isfinite(value) else _unbounded(value)
    if cls in {list, tuple}:
        return [json_ready(item) for item in value]
    if cls in {set, frozenset}:
        return sorted((json_ready(item) for item in value), key=json.dumps)
    if cls is dict:
        if all(type(key) is str for key in value):
            return {key: json_ready(item) for key, item in value.items()}
        return [[json_ready(key), json_ready(item)] for key, item in value.items()]
    if cls is bytes:
        import base64  # 2 ms that few values need

        return {"base64": base64.b64encode(value).decode("ascii")}
    return _by_text(value)


def readable_text(value: Any) -> str:
    """Return a value as text for people: a str as it is, anything else as JSON on several lines, with a newline."""
    if isinstance(value, str):
        return value if value.endswith("\n") else value + "\n"
    text = json.dumps(json_ready(value), indent=2, ensure_ascii=False)
    return "".join(c if c.isprintable() or c == "\n" else _json_escape(c) for c in text) + "\n"


def one_line(value: Any) -> str:
    """Return a value as JSON on one line; a str as it is."""
    return value if isinstance(value, str) else json.dumps(json_ready(value), ensure_ascii=False)


def cell_text(value: Any) -> str:
    """Return a value of a table as text: what has a text in JSON, such as a date, as it is, without quotes."""
    ready = json_ready(value)
    return ready if isinstance(ready, str) else json.dumps(ready, ensure_ascii=False)


def _whole(value: int) -> int | str:
    if value.bit_length() > _SHORT:
        try:
            str(value)
        except ValueError:
            return hex(value)
    return value


def _unbounded(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _by_text(value: Any) -> Any:
    """Return a numpy scalar as what it holds, a time in ISO 8601, anything else as its text, or its class's name."""
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        inner = value.item()
        return str(value) if type(inner) is type(value) else json_ready(inner)
    try:
        return value.isoformat() if hasattr(value, "isoformat") else str(value)
    except Exception:  # noqa: BLE001 - a user's class says its text, and may raise anything
        return f"<{type(value).__qualname__}>"


def _json_escape(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[n : n + 4]}" for n in range(0, len(units), 4))
