"""The canonical encoding of objects: enums, paths, classes with declared fields, and subclasses of builtins.

An object is its class's name, its content, and all else that it holds in its ``__dict__`` and slots: an attribute that
a subclass adds to a dataclass or to a dict is seen by the function, so it counts. Only what a ``cached_property`` left
behind does not. The content of a builtin is taken by the builtin's own method, so that a subclass cannot answer for it.

A plain class with neither declared fields nor a builtin below it has no encoding here: what it does with its
attributes is not known. ``identity`` walks such classes.
"""

from __future__ import annotations

import collections
import dataclasses
import enum
import functools
import pathlib
from typing import TYPE_CHECKING, Any

from consist.hashing.canonical import Encoder, handler_of_builtin, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Handler = Callable[[Encoder, Any], bytes]

_EXACT: dict[type, Callable[[Any], Any]] = {
    int: int.__int__,
    float: float.__float__,
    complex: complex.__complex__,
    str: str.__str__,
    bytes: bytes.__bytes__,
    bytearray: lambda value: bytearray(memoryview(value)),
    list: lambda value: list(list.__iter__(value)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    dict: lambda value: dict(dict.items(value)),  # dict.copy would ask an overridden __iter__
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
}
"""How the content of a builtin is taken from an instance of a subclass."""


def handler_for(cls: type) -> Handler | None:
    """Return what encodes values of a class, or None if its values have no stable encoding."""
    if issubclass(cls, enum.Enum):
        return _enum
    if issubclass(cls, pathlib.PurePath):
        return _path if cls.__module__.partition(".")[0] == "pathlib" else None
    return _subclass_of_builtin(cls) or _with_fields(cls)


def _enum(encoder: Encoder, member: Any) -> bytes:
    return b"n" + encoder.class_name(type(member)) + text(str(member._name_)) + encoder.encode(member._value_)


def _path(encoder: Encoder, path: pathlib.PurePath) -> bytes:
    return encoder.path(path)


def _subclass_of_builtin(cls: type) -> Handler | None:
    """Encode a subclass of a builtin as its class, its content as the builtin, and what else it holds."""
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return _namedtuple
    if issubclass(cls, collections.OrderedDict):
        return _ordered_dict
    if issubclass(cls, collections.defaultdict):
        return _defaultdict
    base = next((base for base in _EXACT if issubclass(cls, base)), None)
    if base is None:
        return None
    encode_exact, exact = handler_of_builtin(base), _EXACT[base]
    return lambda encoder, value: _subclass(encoder, value, encode_exact(encoder, exact(value)), _held(value, base))


def _subclass(encoder: Encoder, value: Any, content: bytes, state: Iterable[tuple[str, Any]]) -> bytes:
    return b"u" + encoder.class_name(type(value)) + content + encoder.state(state)


def _namedtuple(encoder: Encoder, value: Any) -> bytes:
    cls, items = type(value), tuple(tuple.__iter__(value))
    if len(cls._fields) != len(items):
        return encoder.unknown(value)
    return encoder.record(cls, zip(cls._fields, items, strict=True), _held(value, tuple))


def _ordered_dict(encoder: Encoder, value: collections.OrderedDict[Any, Any]) -> bytes:
    """Encode an ordered dict; its order counts, as it does in a comparison of two."""
    pairs = collections.OrderedDict.items(value)
    content = encoder.pairs(b"d", pairs, keep_order=True)
    return _subclass(encoder, value, content, _held(value, collections.OrderedDict))


def _defaultdict(encoder: Encoder, value: collections.defaultdict[Any, Any]) -> bytes:
    content = encoder.mapping(dict(dict.items(value)))
    state = [("default_factory", value.default_factory), *_held(value, collections.defaultdict)]
    return _subclass(encoder, value, content, state)


def _with_fields(cls: type) -> Handler | None:
    """Encode an instance of a dataclass, an attrs class or a pydantic model."""
    if dataclasses.is_dataclass(cls):
        return _fields_handler([field.name for field in dataclasses.fields(cls)])
    if hasattr(cls, "__attrs_attrs__"):
        return _fields_handler([attribute.name for attribute in cls.__attrs_attrs__])
    if hasattr(cls, "__pydantic_fields__"):
        return _pydantic
    return None


def _fields_handler(names: list[str]) -> Handler:
    declared = frozenset(names)

    def encode_fields(encoder: Encoder, value: Any) -> bytes:
        fields = [(name, getattr(value, name)) for name in names if hasattr(value, name)]
        state = ((name, held) for name, held in _held(value, object) if name not in declared)
        return encoder.record(type(value), fields, state)

    return encode_fields


def _pydantic(encoder: Encoder, value: Any) -> bytes:
    """Encode a model by its fields, extra fields and private attributes, and by which fields somebody gave.

    Its own ``==`` does not compare the last, but ``model_dump(exclude_unset=True)`` and `model_fields_set` tell a field
    that was given from one that fell back to its default.
    """
    cls, held = type(value), value.__dict__
    fields = [(name, held[name]) for name in cls.__pydantic_fields__ if name in held]
    extra, private = value.__pydantic_extra__, value.__pydantic_private__
    given = frozenset(value.__pydantic_fields_set__)
    state = [("model_extra", extra or None), ("model_fields_set", given), *(private or {}).items()]
    return encoder.record(cls, fields, state)


def _held(value: Any, base: type) -> Iterator[tuple[str, Any]]:
    """Yield what an object holds in its ``__dict__``, and in the slots of its classes before `base`."""
    cls = type(value)
    for name, held in getattr(value, "__dict__", {}).items():
        if not (_is_cache(cls, name) or name.startswith("_attrs_")):
            yield name, held
    for owner in cls.__mro__[: cls.__mro__.index(base)]:
        slots = vars(owner).get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            name = f"_{owner.__name__.lstrip('_')}{slot}" if _is_private(slot) else slot
            if name not in {"__dict__", "__weakref__"} and hasattr(value, name):
                yield name, getattr(value, name)


def _is_cache(cls: type, name: str) -> bool:
    attribute = next((vars(owner)[name] for owner in cls.__mro__ if name in vars(owner)), None)
    return isinstance(attribute, functools.cached_property)


def _is_private(name: str) -> bool:
    return name.startswith("__") and not name.endswith("__")
