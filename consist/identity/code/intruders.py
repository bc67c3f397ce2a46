"""What the project put into code that somebody else wrote: patched methods, functions in a library's registry."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from consist.identity.code.distributions import Kind
from consist.identity.code.instances import dict_of
from consist.identity.code.owners import is_a, origin_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_HEAP_TYPE = 1 << 9
_MOST = 10_000
"""Entries of a registry that are looked at."""


def intruders_in(value: Any) -> list[tuple[str, Any]]:
    """List the project's code in a library's class or in the registries that a library's function uses, by name."""
    if isinstance(value, type):
        return sorted(_patches(value), key=lambda found: found[0])
    if isinstance(value, types.FunctionType) and origin_of(value).kind is Kind.INSTALLED:
        found = []
        for name in value.__code__.co_names:
            found += [(f"{name}[{key}]", item) for key, item in registered(value.__globals__.get(name))]
        return found
    return []


def _patches(cls: type) -> Iterator[tuple[str, Any]]:
    for base in cls.__mro__:
        if not base.__flags__ & _HEAP_TYPE or origin_of(base).kind is Kind.PROJECT:
            continue
        root = base.__module__.partition(".")[0]
        for name, item in vars(base).items():
            for part in _code_in(item):
                # Looking up an origin takes 1 us; most methods come from the package of their class.
                if _home_of(part).partition(".")[0] != root and origin_of(part).kind is Kind.PROJECT:
                    yield f"{base.__qualname__}.{name}", part


def _code_in(item: Any) -> Iterator[Any]:
    """List the functions and classes in what a class holds: in a property, or in an object as pandas' accessors are."""
    held: Iterable[Any]
    if is_a(item, staticmethod, classmethod):
        held = (item.__func__,)
    elif is_a(item, property):
        held = (item.fget, item.fset, item.fdel)
    elif is_a(item, types.FunctionType, type) or not type(item).__flags__ & _HEAP_TYPE:
        held = (item,)
    else:
        held = dict_of(item).values()
    return (part for part in held if is_a(part, types.FunctionType, type))


def _home_of(code: Any) -> str:
    home = code.__globals__.get("__name__") if is_a(code, types.FunctionType) else vars(code).get("__module__")
    return home if isinstance(home, str) else ""


def registered(container: Any) -> list[tuple[str, Any]]:
    """List the project's functions, classes and instances in a library's dict, list or set."""
    if type(container) is dict:
        pairs = [(str(key), item) for key, item in list(container.items())[:_MOST] if isinstance(key, str | int)]
    elif type(container) is list or type(container) is tuple:
        pairs = [(str(place), item) for place, item in enumerate(container[:_MOST])]
    else:
        return []
    return [(key, item) for key, item in pairs if _is_project_code(item)]


def _is_project_code(item: Any) -> bool:
    if is_a(item, types.FunctionType, type):
        return origin_of(item).kind is Kind.PROJECT
    if is_a(item, types.MethodType):
        return _is_project_code(item.__func__)
    return not is_a(item, types.ModuleType) and origin_of(type(item)).kind is Kind.PROJECT
