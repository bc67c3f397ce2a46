"""One value, one byte string: the canonical encoding that configs and signatures are digested in.

Two values have the same encoding exactly if a function could not tell them apart by type and content: ``1``, ``1.0``,
``True``, ``np.int64(1)`` and ``"1"`` differ, so do tuple and list, ``0.0`` and ``-0.0``; the order of a dict's keys and
of a set's elements does not count. What is no content (memory order, what lies under a mask, one object twice) is
listed for users in ``docs/concepts/identity.md``. The encoding is prefix-free: every item is a one-byte tag, then a
payload of fixed size or with its length before it, so no two sequences of items read as the same bytes.

The bytes are specified in ``docs/format.md`` and held by golden vectors (``tests/hashing/golden``); changing them
turns every hit in every store into a miss. No value's own ``__reduce__``, ``__getstate__``, ``__hash__`` or
``__repr__`` is asked.

This module encodes the builtin types. Dates, decimals and the like are ``standard.py``, classes with fields and
subclasses of builtins ``objects.py``, arrays ``arrays.py``, tables ``tables.py``.
"""

from __future__ import annotations

import builtins
import importlib
import math
import re
import struct
import types
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from consist.errors import UnencodableError
from consist.hashing.hasher import domain_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import PurePath

    from consist.hashing.digest import Digest

_LENGTH = struct.Struct(">Q")
_DOUBLE = struct.Struct(">d")
_NAN = _DOUBLE.pack(math.nan)
_MOST_BITS = 2000  # 603 digits; the least that Python's limit on digits can be set to is 640
_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement, so its name proves nothing

# Types whose handlers live in a module of their own, by the module or package that defines the type. These modules
# import this one, so they are named here; they are imported when the first such value is met (import time counts).
_FAMILIES = {
    **dict.fromkeys(("datetime", "decimal", "fractions", "uuid", "zoneinfo"), "standard"),
    **dict.fromkeys(("pandas", "polars", "pyarrow"), "tables"),
    "numpy": "arrays",
}

HINT = "use plain data, a dataclass, an array or a table; or pass it in runtime_kwargs, which are not hashed"


class Encoder:
    """Encodes values; holds the two choices that its users differ in.

    Parameters
    ----------
    fallback : callable, optional
        Called with (encoder, value) for a value of no known type; returns its encoding or raises `UnencodableError`.
    keep_order : bool
        Let the order of a dict's items count, as it does for code that iterates over a global.

    Examples
    --------
    >>> encoder = Encoder()
    >>> encoder.encode({"a": 1, "b": 2}) == encoder.encode({"b": 2, "a": 1})
    True
    >>> encoder.encode(1) == encoder.encode(True)
    False
    """

    def __init__(self, *, fallback: Callable[[Encoder, Any], bytes] | None = None, keep_order: bool = False) -> None:
        self._fallback = fallback
        self._keep_order = keep_order

    def encode(self, value: Any) -> bytes:
        """Return the canonical encoding of `value`.

        Raises
        ------
        UnencodableError
            If it, or something in it, has none; `path` says where.
        """
        handler = _HANDLERS.get(type(value)) or _find_handler(type(value))
        if handler is not None:
            return handler(self, value)
        return self.unknown(value)

    def unknown(self, value: Any) -> bytes:
        """Encode a value of no known type: by the fallback, if there is one."""
        if self._fallback is not None:
            return self._fallback(self, value)
        raise UnencodableError(f"an object of type {type_name(type(value))} has no stable encoding", hint=HINT)

    def items(self, tag: bytes, values: Iterable[Any]) -> bytes:
        """Encode a sequence: tag, count, items."""
        parts = []
        for position, value in enumerate(values):
            try:
                parts.append(self.encode(value))
            except UnencodableError as error:
                raise _within(error, f"[{position}]") from None
        return tag + _LENGTH.pack(len(parts)) + b"".join(parts)

    def pairs(self, tag: bytes, pairs: Iterable[tuple[Any, Any]], *, keep_order: bool) -> bytes:
        """Encode key-value pairs: tag, count, then each key and its value, sorted unless their order counts."""
        return self._pairs(tag, pairs, keep_order=keep_order, segment=lambda key: f"[{quoted(key)}]")

    def mapping(self, value: dict[Any, Any]) -> bytes:
        """Encode a dict."""
        return self.pairs(b"d", value.items(), keep_order=self._keep_order)

    def class_name(self, cls: type) -> bytes:
        """Encode the class of a value by its name; a subclass of `Encoder` may look at the class as well."""
        return text(type_name(cls))

    def path(self, path: PurePath) -> bytes:
        """Encode a path by its kind and text; a subclass of `Encoder` may note that there is one."""
        return b"p" + text(type_name(type(path))) + text(str(path))

    def record(self, cls: type, fields: Iterable[tuple[str, Any]], state: Iterable[tuple[str, Any]] = ()) -> bytes:
        """Encode an object as its class, its fields in the class's order, and whatever else it holds, by name."""
        return b"o" + self.class_name(cls) + self._attributes(fields, keep_order=True) + self.state(state)

    def state(self, state: Iterable[tuple[str, Any]]) -> bytes:
        """Encode what an object holds beside its content, by name."""
        return self._attributes(state, keep_order=False)

    def _attributes(self, pairs: Iterable[tuple[str, Any]], *, keep_order: bool) -> bytes:
        return self._pairs(b"d", pairs, keep_order=keep_order, segment=lambda name: f".{name}")

    def _pairs(
        self, tag: bytes, pairs: Iterable[tuple[Any, Any]], *, keep_order: bool, segment: Callable[[Any], str]
    ) -> bytes:
        parts = []
        for key, value in pairs:
            try:
                parts.append((self.encode(key), self.encode(value)))
            except UnencodableError as error:
                raise _within(error, segment(key)) from None
        if not keep_order:
            parts.sort()
        return tag + _LENGTH.pack(len(parts)) + b"".join(key + value for key, value in parts)


def encode(value: Any, encoder: Encoder | None = None) -> bytes:
    r"""Return the canonical encoding of a value.

    Parameters
    ----------
    value : object
        The value.
    encoder : Encoder, optional
        What encodes it; default the plain one.

    Raises
    ------
    UnencodableError
        If it has none, with the path to the culprit.

    Examples
    --------
    >>> encode([1, "x"]) == b"l" + (2).to_bytes(8) + b"i" + (1).to_bytes(8) + b"\x01" + b"s" + (1).to_bytes(8) + b"x"
    True
    """
    try:
        return (encoder or _PLAIN).encode(value)
    except RecursionError:
        from consist.hashing.nesting import too_deep

        message, path = too_deep(value, quoted)
        raise UnencodableError(message, hint=HINT, path=path) from None


def canonical_digest(domain: str, value: Any) -> Digest:
    """Digest of a value's canonical encoding, in a domain of its own (see `domain_digest`).

    Examples
    --------
    >>> canonical_digest("consist doc", {"a": 1}) == canonical_digest("consist doc", {"a": 1.0})
    False
    """
    return domain_digest(domain, encode(value))


def blob(tag: bytes, data: bytes) -> bytes:
    """Tag, length, bytes."""
    return tag + _LENGTH.pack(len(data)) + data


def text(value: str) -> bytes:
    """Encode a string; lone surrogates, which file names can hold, are kept."""
    return blob(b"s", value.encode("utf-8", "surrogatepass"))


def described(value: Any, description: str) -> bytes:
    """Encode a value that a text describes wholly, together with its type's name."""
    return b"x" + text(type_name(type(value))) + text(description)


def type_name(cls: type) -> str:
    """Name a class without its module: the same class is `__main__.C` in a script and `job.C` when imported."""
    return cls.__qualname__


def _within(error: UnencodableError, segment: str) -> UnencodableError:
    return UnencodableError(error.message, hint=error.hint, path=segment + error.path)


@contextmanager
def inside(segment: str) -> Iterator[None]:
    """Let an error of what is encoded within name the part of the value that it is in."""
    try:
        yield
    except UnencodableError as error:
        raise _within(error, segment) from None


def quoted(key: Any) -> str:
    """Return a key as an error shows it: its text if it is plain, else its type. No object's own text is asked for."""
    if issubclass(type(key), str):
        return f'"{str.__str__(key):.60}"'
    if type(key) is tuple:
        return f"({', '.join(map(quoted, key))})"[:60]
    if type(key) is int and key.bit_length() > _MOST_BITS:  # of more digits than Python turns into text
        return "int"
    is_plain = type(key) in _PLAIN_KEYS or (type(key).__module__ in _PLAIN_MODULES and not _is_written(type(key)))
    return f"{key!r:.60}" if is_plain else type_name(type(key))


def _is_written(cls: type) -> bool:
    return bool(cls.__flags__ & _HEAP_TYPE)


_PLAIN_KEYS = frozenset({bool, int, float, complex, bytes, type(None)})
_PLAIN_MODULES = frozenset({"datetime", "numpy", "decimal"})
"""Whose types of C show no text but their own."""


def digits(value: int) -> str:
    """Return an integer as text: beyond 2,000 bits in hexadecimal, since Python may refuse so many decimal digits."""
    return str(value) if value.bit_length() <= _MOST_BITS else hex(value)


def _int(_: Encoder, value: int) -> bytes:
    return blob(b"i", value.to_bytes((value.bit_length() + 8) // 8, "big", signed=True))


def _float(_: Encoder, value: float) -> bytes:
    return b"f" + (_DOUBLE.pack(value) if value == value else _NAN)  # noqa: PLR0124 - every NaN is one NaN


def _complex(encoder: Encoder, value: complex) -> bytes:
    return b"c" + _float(encoder, value.real) + _float(encoder, value.imag)


def _set(tag: bytes) -> Callable[[Encoder, Any], bytes]:
    def encode_set(encoder: Encoder, value: Iterable[Any]) -> bytes:
        parts = sorted(encoder.encode(item) for item in value)
        return tag + _LENGTH.pack(len(parts)) + b"".join(parts)

    return encode_set


def _type(encoder: Encoder, value: type) -> bytes:
    """Encode a type of the interpreter or of numpy by its name; a class that somebody wrote is more than its name."""
    module, name = value.__module__, value.__qualname__
    if not _is_written(value) or vars(builtins).get(name) is value:
        return b"y" + text(name if module == "builtins" else f"{module}.{name}")
    return encoder.unknown(value)


def _pattern(encoder: Encoder, value: re.Pattern[Any]) -> bytes:
    return b"r" + encoder.encode(value.pattern) + encoder.encode(value.flags)


_HANDLERS: dict[type, Callable[[Encoder, Any], bytes]] = {
    type(None): lambda _, __: b"N",
    type(...): lambda _, __: b".",
    bool: lambda _, value: b"T" if value else b"F",
    int: _int,
    float: _float,
    complex: _complex,
    str: lambda _, value: text(value),
    bytes: lambda _, value: blob(b"b", value),
    bytearray: lambda _, value: blob(b"B", bytes(value)),
    list: lambda encoder, value: encoder.items(b"l", value),
    tuple: lambda encoder, value: encoder.items(b"t", value),
    dict: Encoder.mapping,
    types.MappingProxyType: lambda encoder, value: b"m" + encoder.mapping(value),
    set: _set(b"e"),
    frozenset: _set(b"E"),
    slice: lambda encoder, value: encoder.items(b"w", (value.start, value.stop, value.step)),
    re.Pattern: _pattern,
    range: lambda _, value: described(value, ":".join(map(digits, (value.start, value.stop, value.step)))),
    type: _type,
}


def handler_of_builtin(cls: type) -> Callable[[Encoder, Any], bytes]:
    """Return what encodes values that are exactly of a builtin type."""
    return _HANDLERS[cls]


def _find_handler(cls: type) -> Callable[[Encoder, Any], bytes] | None:
    """Find how values of a class not seen before are encoded, and remember it."""
    family = _FAMILIES.get(cls.__module__.partition(".")[0])
    for name in (family, "objects"):
        if name is not None:
            handler: Callable[[Encoder, Any], bytes] | None
            handler = importlib.import_module(f"consist.hashing.{name}").handler_for(cls)
            if handler is not None:
                _HANDLERS[cls] = handler
                return handler
    return None


_PLAIN = Encoder()
