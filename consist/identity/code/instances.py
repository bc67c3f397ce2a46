"""The state of an instance: attributes, slots and what its builtin base holds, taken round the instance's own methods.

Types of C keep state that Python cannot see; `is_opaque` tells them by their size: an instance of a class written in
Python is as large as its base, its slots, and the pointers to its ``__dict__`` and weak references make it.
"""

from __future__ import annotations

import collections
import datetime as dt
import dis
import functools
import pathlib
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

HEAP_TYPE = 1 << 9
_CACHES: dict[tuple[str, str], frozenset[str]] = {
    ("sympy", "Basic"): frozenset({"_assumptions"}),
    ("numpy", "vectorize"): frozenset({"_ufunc"}),
    ("pydantic", "ModelPrivateAttr"): frozenset({"_default_factory_takes_validated_data"}),
    ("click", "Command"): frozenset({"_help_option"}),
    ("scipy", "_cs_matrix"): frozenset({"_has_sorted_indices", "_has_canonical_format"}),
    ("dask", "DelayedLeaf"): frozenset({"_key", "_layer"}),  # a random name, another one in each process
}
"""By the root of the module and the name of a class: what it has worked out so far, which `__hash__` does not tell."""
_MADE_WHEN_ASKED = {"xarray": frozenset({"_attrs", "_encoding"})}
"""By the root of the module: attributes that are None until somebody asks for them, and then an empty dict."""
_NO_ARGUMENT = frozenset({"PUSH_NULL", "PRECALL", "EXTENDED_ARG"})
_POINTER = object.__basicsize__ // 2

CONTENT: dict[type, Callable[[Any], Any]] = {
    bool: bool,
    int: int.__int__,
    float: float.__float__,
    complex: complex.__complex__,
    str: str.__str__,
    bytes: bytes.__bytes__,
    bytearray: lambda value: bytes(memoryview(value)),
    list: list.copy,
    tuple: lambda value: tuple.__getitem__(value, slice(None)),
    collections.OrderedDict: lambda value: dict(collections.OrderedDict.items(value)),
    collections.defaultdict: lambda value: (value.default_factory, dict.copy(value)),
    dict: dict.copy,
    set: set.copy,
    frozenset: lambda value: frozenset(set.union(set(), frozenset.__iter__(value))),
    collections.deque: lambda value: (value.maxlen, list(collections.deque.__iter__(value))),
    BaseException: BaseException.args.__get__,  # type: ignore[attr-defined]
    types.SimpleNamespace: lambda _: None,
    dt.tzinfo: lambda _: None,  # holds nothing: what a zone is, its classes keep in attributes
    pathlib.PurePath: pathlib.PurePath.__str__,  # whose own slots fill up as it is used
}
"""How what a builtin base holds is taken by the builtin's own method, so that a subclass cannot answer for it."""


def content_of(value: Any) -> tuple[type, Any] | None:
    """Return the builtin base of an instance and what it holds, or None for a plain object."""
    for base, take in CONTENT.items():
        if issubclass(type(value), base):
            return base, take(value)
    return None


def state_of(value: Any) -> Iterator[tuple[str, Any]]:
    """List the attributes of an instance: its ``__dict__`` by name, then its slots, base classes last.

    Results that `functools.cached_property` left there are no state, nor is a hash that `__hash__` keeps: they follow
    from the rest, and the hash of a text differs from process to process.
    """
    cls = type(value)
    hashes, caches = _kept_by_hash(cls), caches_of(cls)
    made: frozenset[str] = frozenset().union(*(_MADE_WHEN_ASKED.get(_root(base), ()) for base in cls.__mro__))
    for name, found in _all_attributes(value, cls):
        held = None if name in made and type(found) is dict and not found else found
        is_hash = name in hashes and (held is None or issubclass(type(held), int))
        if not is_hash and name not in caches:
            yield name, held


def added_by(value: Any, is_of_project: Callable[[type], bool]) -> Iterator[tuple[str, Any]]:
    """List the attributes of an instance that are a project's class's own, and not those that a library's base keeps.

    The base keeps what code of its module sets on anything: the registry of loggers, say, sets attributes of each.
    """
    bases = [base for base in type(value).__mro__ if base.__flags__ & HEAP_TYPE]
    ours: set[str] = set().union(*(_set_in(vars(base)) for base in bases if is_of_project(base)))
    theirs: set[str] = set().union(*(_set_in_module(base.__module__) for base in bases if not is_of_project(base)))
    return ((name, held) for name, held in state_of(value) if name in ours or name not in theirs)


def _set_in(namespace: Mapping[str, Any]) -> set[str]:
    codes = (item.__code__ for item in list(namespace.values()) if type(item) is types.FunctionType)
    return set().union(*map(_set_by, codes))


@functools.lru_cache(maxsize=100)
def _set_in_module(name: str) -> frozenset[str]:
    namespace = vars(sys.modules[name]) if name in sys.modules else {}
    classes = [vars(item) for item in list(namespace.values()) if issubclass(type(item), type)]
    return frozenset().union(*map(_set_in, (namespace, *classes)))


_OFFSETS = frozenset({"__vectorcalloffset__", "__dictoffset__", "__weaklistoffset__"})
"""Members by which types of C say where a pointer lies: what they read as is that pointer, another in each process.

`functools.partial` has the first; it is null, and so 0, for what has no vectorcall, as `int` had none before 3.13.
"""


def _all_attributes(value: Any, cls: type) -> Iterator[tuple[str, Any]]:
    attributes = dict_of(value)
    for name in sorted(attributes, key=str):
        if not issubclass(type(class_attribute(cls, name)), functools.cached_property):
            yield str(name), attributes[name]
    for base in cls.__mro__:
        for name, member in () if base in CONTENT else sorted(vars(base).items()):
            if is_slot(member):
                try:
                    yield name, 0 if name in _OFFSETS else member.__get__(value)
                except AttributeError:
                    continue


def _kept_by_hash(cls: type) -> frozenset[str]:
    """Name the attributes that a class's own `__hash__` sets."""
    method = class_attribute(cls, "__hash__")
    return _set_by(method.__code__) if type(method) is types.FunctionType else frozenset()


def caches_of(cls: type) -> frozenset[str]:
    """Name the attributes in which a library keeps what it has worked out."""
    names = ((_root(base), base.__name__) for base in cls.__mro__)
    return next((_CACHES[name] for name in names if name in _CACHES), frozenset())


def _root(cls: type) -> str:
    return str(cls.__module__).partition(".")[0]


@functools.lru_cache(maxsize=1000)
def _set_by(code: types.CodeType) -> frozenset[str]:
    ops = [op for op in dis.get_instructions(code) if op.opname not in _NO_ARGUMENT]
    names = {op.argval for op in ops if op.opname == "STORE_ATTR"}
    for place, op in enumerate(ops):
        if op.argval == "__setattr__":  # as an object that is frozen has to
            # The name is the first argument of ``super().__setattr__``, and the second of ``object.__setattr__``.
            names.update(found.argval for found in list(filter(_is_text, ops[place + 1 : place + 3]))[:1])
    return frozenset(names)


def _is_text(op: dis.Instruction) -> bool:
    return op.opname == "LOAD_CONST" and type(op.argval) is str


def dict_of(value: Any) -> dict[Any, Any]:
    """Return an object's own ``__dict__``, by no method of its class; an empty one if it has none."""
    try:
        found = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return found if isinstance(found, dict) else {}


def is_compiled(value: Any) -> bool:
    """Tell whether a function was made by Cython or nanobind, whose types are in no module that is imported.

    As are those of the records that pybind11's functions are bound to.
    """
    cls = type(value)
    if cls is types.BuiltinFunctionType:
        made_by = type(value.__self__)
        return made_by.__module__ == "pybind11_builtins" or made_by.__name__ == "PyCapsule"
    return cls.__name__ == "cython_function_or_method" or (
        cls.__module__ == "nanobind" and cls.__name__ in {"nb_func", "nb_method"}
    )


def is_slot(member: Any) -> bool:
    """Tell whether something in a class is one of its slots."""
    return issubclass(type(member), types.MemberDescriptorType)


def class_attribute(cls: type, name: Any) -> Any:
    """Return what a class or a base of it has under a name, as it lies there; or None."""
    return next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)


def is_opaque(cls: type) -> bool:
    """Tell whether instances may hold state that only C can see.

    Examples
    --------
    >>> class Slotted:
    ...     __slots__ = ("a",)
    >>> import itertools
    >>> is_opaque(Slotted), is_opaque(itertools.count)
    (False, True)
    """
    slots = 0
    for base in cls.__mro__:
        if _is_solid(base):
            break
        slots += sum(map(is_slot, vars(base).values()))
    solid = next(filter(_is_solid, _solid_line(cls)))
    if solid is not object and not any(issubclass(solid, known) for known in CONTENT):
        return True
    # Before 3.12 a negative offset means either a dict before the object, or one after items of variable size.
    after_items = bool(cls.__itemsize__) and cls.__dictoffset__ != 0
    pointers = (cls.__dictoffset__ > 0 or after_items) + (cls.__weakrefoffset__ > 0)
    return cls.__basicsize__ > solid.__basicsize__ + _POINTER * (slots + pointers)


def _is_solid(cls: type) -> bool:
    """Tell whether it is a type of C whose content is known, or not; `deque` and others are heap types since 3.12."""
    return not cls.__flags__ & HEAP_TYPE or cls in CONTENT


def _solid_line(cls: type) -> Iterator[type]:
    found: type | None = cls
    while found is not None:
        yield found
        found = found.__base__
