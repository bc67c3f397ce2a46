"""A class as a node: name, metaclass, bases, and what its body left in it."""

from __future__ import annotations

import _abc  # type: ignore[import-not-found] # the registry of `ABC.register` has no public reader
import dataclasses
import enum
import functools
import gc
import types
from typing import TYPE_CHECKING, Any

from consist.hashing.canonical import encode, text
from consist.identity.code import annotated, models
from consist.identity.code.distributions import Kind
from consist.identity.code.owners import is_a, label_of, origin_of_class

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.identity.code.state import WalkState

_NOISE = frozenset(
    {"__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__firstlineno__", "__static_attributes__"}
    | {"__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__", "__classdictcell__"}
    | {"__abstractmethods__", "_abc_impl", "__dataclass_fields__", "__dataclass_params__", "__signature__"}
    | {"__slotnames__", "__attrs_types_resolved__"}
)
"""What follows from the rest; of a dataclass's parameters, the methods that they made."""
_ENUM_NOISE = frozenset(
    {"_member_map_", "_member_names_", "_value2member_map_", "_unhashable_values_", "_hashable_values_"}
    | {"_unhashable_values_map_", "__new__", "_new_member_", "_use_args_", "_member_type_", "_value_repr_"}
    | {"_generate_next_value_", "__reduce_ex__"}
)
_MEMBER_NOISE = frozenset({"_value_", "_name_", "__objclass__", "_sort_order_"})
_NO_DEFAULT = NotImplemented
_NO_METADATA: Any = dataclasses.field().metadata
_MISSING = type(dataclasses.MISSING)
_METHODS = (types.FunctionType, staticmethod, classmethod, property)
_FIELD = ("default", "default_factory", "init", "repr", "hash", "compare", "kw_only", "metadata", "type")


def describe(walk: WalkState, cls: type) -> None:
    """Describe a class of the project."""
    label = label_of(cls)
    walk.watch.a_class(cls)
    _watch_made_methods(walk, cls)
    piece = walk.piece(label)
    attributes = sorted(_attributes(walk, cls), key=lambda item: item[0])
    piece.data = b"T" + text(cls.__name__) + encode([name for name, _ in attributes])
    walk.value(f"{label} (bases)", (type(cls), *cls.__bases__))
    for name, value in attributes:
        if not walk.ignores(f"{label}.{name}"):
            # A method is a node of its own and has the plain label.
            walk.value(f"{label}.{name} (attribute)" if is_a(value, *_METHODS) else f"{label}.{name}", value)
    for name, value in _declared(walk, cls):
        walk.value(f"{label} ({name})", value, lenient=True)
    if "__dataclass_fields__" in vars(cls) or ("__pydantic_fields__" not in vars(cls) and _annotations_matter(cls)):
        annotated.follow_all(walk, cls)


def _watch_made_methods(walk: WalkState, cls: type) -> None:
    """Watch what counts by what it was made of, and that nobody puts another in its place."""
    for value in vars(cls).values():
        if type(value) is functools.cached_property:
            walk.watch.some_of(value, "func")
        elif "__attrs_attrs__" in vars(cls) and is_a(value, types.FunctionType):
            walk.watch.function(value)


def _attributes(walk: WalkState, cls: type) -> Iterator[tuple[str, Any]]:
    """List what the class body left, without what Python and well-known base classes derive from it."""
    is_enum = issubclass(cls, enum.Enum)
    is_pydantic = "__pydantic_fields__" in vars(cls)
    for name, value in vars(cls).items():
        if name in _NOISE or (is_enum and (name in _ENUM_NOISE or name in cls._member_map_)):  # type: ignore[attr-defined]
            continue
        if is_pydantic and (name.startswith("__pydantic") or name in {"__class_vars__", "model_fields"}):
            continue
        if is_a(value, types.GetSetDescriptorType, types.MemberDescriptorType):
            continue
        yield name, models.attrs_fields(walk, cls, value) if name == "__attrs_attrs__" else _stripped(value)


def _stripped(value: Any) -> Any:
    """Take the function out of a cached property, whose lock and name are no content."""
    return (functools.cached_property, value.func) if type(value) is functools.cached_property else value


def _declared(walk: WalkState, cls: type) -> Iterator[tuple[str, Any]]:
    """List what a class declares: members, fields, validators, registered subclasses."""
    slots = [name for name, value in vars(cls).items() if is_a(value, types.MemberDescriptorType)]
    if slots:
        yield "slots", tuple(sorted(slots))
    if issubclass(cls, enum.Enum):
        walk.watch.namespace(cls._member_map_)
        yield "members", tuple(_member(walk, name, member) for name, member in cls._member_map_.items())
    if "_abc_impl" in vars(cls):
        registered = [found() for found in _abc._get_dump(cls)[0]]  # noqa: SLF001 - the same
        if registered:
            yield "registered", frozenset(registered) - {None}
    fields = vars(cls).get("__dataclass_fields__")
    if isinstance(fields, dict):
        walk.watch.namespace(fields)
        yield "fields", tuple(_field(walk, found) for found in fields.values())
    if "__pydantic_fields__" in vars(cls):
        yield from models.declared(walk, cls)
    elif _annotations_matter(cls):
        yield "annotations", dict(annotated.watched(walk, cls) or {})


def _member(walk: WalkState, name: str, member: enum.Enum) -> tuple[Any, ...]:
    """Describe a member by name, value, and what the class's own ``__init__`` or ``__new__`` left in it."""
    walk.watch.namespace(vars(member))
    extra = [item for item in sorted(vars(member).items()) if item[0] not in _MEMBER_NOISE]
    return (name, member._value_, *extra)


def _field(walk: WalkState, found: dataclasses.Field[Any]) -> tuple[Any, ...]:
    """Describe a field, with stand-ins that cannot change for what most fields have: a hit looks at the rest anew."""
    walk.watch.some_of(found, "name", *_FIELD)
    values = {name: getattr(found, name, None) for name in _FIELD}
    metadata = values["metadata"]
    if metadata is _NO_METADATA:
        values["metadata"] = None
    elif _is_empty(metadata):
        walk.also(metadata)  # somebody may fill it yet
        values["metadata"] = None
    return (found.name, *(_NO_DEFAULT if type(value) is _MISSING else value for value in values.values()))


def _is_empty(metadata: Any) -> bool:
    """Tell whether it is a proxy of an empty dict, asking no mapping of a user's own.

    A class that was sent to a worker by value has copies of what `dataclasses` has one of: of this, and of `MISSING`.
    """
    if type(metadata) is not types.MappingProxyType:
        return False
    behind = gc.get_referents(metadata)
    return len(behind) == 1 and type(behind[0]) is dict and not behind[0]


def _annotations_matter(cls: type) -> bool:
    """Tell whether somebody else's base class or metaclass may have read the annotations.

    What takes named tuples, typed dicts and protocols by their annotations is nowhere near their class.
    """
    if (issubclass(cls, tuple) and "_fields" in vars(cls)) or vars(cls).keys() & {"__total__", "_is_protocol"}:
        return True
    above = (*cls.__mro__[1:], type(cls))
    return any(origin_of_class(base).kind in {Kind.INSTALLED, Kind.NATIVE} for base in above) or hasattr(
        cls, "__attrs_attrs__"
    )
