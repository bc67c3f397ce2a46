"""What the project put into code that somebody else wrote: patched methods, functions in a library's registry."""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any

from consist.identity.code.distributions import Kind, module_named
from consist.identity.code.instances import HEAP_TYPE, class_attribute, dict_of, is_compiled, is_slot
from consist.identity.code.owners import is_a, module_name_of, origin_of, qualname_of
from consist.identity.code.references import contents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_MOST = 10_000
"""Entries of a registry that are looked at."""
_MOST_HELD = 1000
"""Objects that are looked at in what a library's function closes over, or a library's object has."""
_MOST_ITEMS = 1_000_000
"""Items of containers among these: matplotlib's colormaps have 30,000 numbers, which takes 20 ms."""
_CONTAINERS = (tuple, list, set, frozenset)
_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_REGISTRIES = frozenset({dict, list, tuple})
_CACHED = type(functools.lru_cache(abs))
_WRAPPERS = (functools.partial, types.MethodType, _CACHED)


def intruders_in(value: Any) -> list[tuple[str, Any]]:
    """List the project's code in a library's class or in the registries that a library's function uses, by name."""
    if isinstance(value, type):
        return sorted(_patches(value), key=lambda found: found[0])
    found = []
    if isinstance(value, types.FunctionType) and origin_of(value).kind is Kind.INSTALLED:
        for name in value.__code__.co_names:
            for label, container in registries_of(name, value.__globals__.get(name)):
                found += [(f"{label}[{key}]", item) for key, item in registered(container)]
    return found


def registries_of(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """List the dicts and lists that a library's function uses by a name: itself, or in the class or object it means."""
    if type(value) in _REGISTRIES:
        yield name, value
    elif not is_a(value, type, types.FunctionType, types.ModuleType):
        yield from ((f"{name}.{held}", item) for held, item in dict_of(value).items() if type(item) in _REGISTRIES)
    elif is_a(value, type) and origin_of(value).kind is Kind.INSTALLED:
        for base in value.__mro__:
            if base.__flags__ & HEAP_TYPE:
                yield from ((f"{name}.{held}", item) for held, item in vars(base).items() if type(item) in _REGISTRIES)


def _patches(cls: type) -> Iterator[tuple[str, Any]]:
    for base in cls.__mro__:
        if not base.__flags__ & HEAP_TYPE or origin_of(base).kind is Kind.PROJECT:
            continue
        for name, item in vars(base).items():
            for part in parts_of_project(base, item):
                yield f"{base.__qualname__}.{name}", part


def parts_of_project(cls: type, item: Any) -> list[Any]:
    """List what is the project's in something that a library's class holds: its code, or an object that leads there."""
    root = _root(cls)
    if type(item) is types.FunctionType and not item.__closure__ and not item.__dict__ and _is_from(item, root):
        return []  # as most methods are
    return [part for part in _parts_of(item, root) if _is_of_project(part, root)]


def _parts_of(item: Any, root: str) -> Iterable[Any]:
    """Take apart what says nothing itself: a property, a registry, an object of the library's own, as accessors are."""
    if is_a(item, staticmethod, classmethod):
        return (item.__func__,)
    if is_a(item, property):
        return (item.fget, item.fset, item.fdel)
    if type(item) is dict or type(item) is list:
        return [found for _, found in registered(item)]
    is_code = is_a(item, types.FunctionType, type)
    return dict_of(item).values() if not is_code and _root(type(item)) == root else (item,)


def _is_of_project(part: Any, root: str) -> bool:
    if not is_a(part, types.FunctionType, type):
        return not _leads_nowhere(type(part)) and leads_to_project(part, if_too_much=False)
    # Looking up an origin takes 1 us, and where a function leads 10; most methods come from the package of their class,
    # and have no more than a mark such as `typing.final` sets.
    if not _is_from(part, root) and origin_of(part).kind is Kind.PROJECT:
        return True
    leads = is_a(part, types.FunctionType) and not all(_leads_nowhere(type(held)) for held in _beside_code(part))
    return leads and leads_to_project(part, if_too_much=False)


def _beside_code(function: types.FunctionType) -> tuple[Any, ...]:
    """List what a function closes over and its attributes, but for the signature, which does not count."""
    attributes = (held for name, held in function.__dict__.items() if name != "__signature__")
    return (*map(contents, function.__closure__ or ()), *attributes)


def _root(cls: type) -> str:
    return module_name_of(cls).partition(".")[0]


def _is_from(code: Any, root: str) -> bool:
    home = code.__globals__.get("__name__") if is_a(code, types.FunctionType) else module_name_of(code)
    return type(home) is str and home.partition(".")[0] == root


def registered(container: Any) -> list[tuple[str, Any]]:
    """List the project's functions, classes and instances in a library's dict or list, also within wrappers.

    With what they stand under, if that is neither a text nor a number.
    """
    if type(container) is dict:
        pairs = list(container.items())[:_MOST]
    elif type(container) is list or type(container) is tuple:
        pairs = list(enumerate(container[:_MOST]))
    else:
        return []
    ours = [(key, item) for key, item in pairs if is_project_code(item) or _wraps_project(item)]
    return [(str(key), item) if type(key) in _PLAIN else (_name_of_key(key), (key, item)) for key, item in ours]


def _name_of_key(key: Any) -> str:
    return qualname_of(key) if is_a(key, type) else type(key).__name__


def _wraps_project(item: Any) -> bool:
    is_wrapper = is_a(item, *_WRAPPERS) or (is_a(item, types.FunctionType) and bool(item.__closure__ or item.__dict__))
    return is_wrapper and leads_to_project(item, if_too_much=False)


def is_project_code(item: Any) -> bool:
    """Tell whether something is a function, class or method of the project's, or an instance of a class of its."""
    if is_a(item, types.FunctionType, type) or is_compiled(item):
        return origin_of(item).kind is Kind.PROJECT
    if is_a(item, types.MethodType):
        return is_project_code(item.__func__)
    return not is_a(item, types.ModuleType) and origin_of(type(item)).kind is Kind.PROJECT


def home_of_decorated(function: types.FunctionType) -> types.ModuleType | None:
    """Return the module of a library that has a decorated function under its own name; None if none has.

    What such a function closes over, and keeps in attributes, is the library's own affair, and may change when it is
    first called, as in networkx. It is of the project if it leads to code of the project, as a patched one does; then
    there is no home, nor if all that it leads to is too much to be looked at.
    """
    home = module_named(function.__module__)
    if home is None or vars(home).get(function.__name__) is not function:
        return None
    return home if origin_of(home).kind is Kind.INSTALLED and not leads_to_project(function) else None


def leads_to_project(value: Any, *, if_too_much: bool = True) -> bool:
    """Tell whether a library's object leads to the project's code; what to say if it is too much to be looked at."""
    waiting: list[Any] = [value]
    known: dict[int, Any] = {}
    objects = items = 0
    while waiting:
        found = waiting.pop()
        if id(found) in known:
            continue
        known[id(found)] = found
        if _made_by_library(found):
            waiting.append(found.__self__)
            continue
        held = _held_by(found)
        if type(found) in _CONTAINERS or type(found) is dict:
            items += len(held)
        else:
            objects += 1
        if is_project_code(found):
            return True
        if objects > _MOST_HELD or items > _MOST_ITEMS:
            return if_too_much
        # Most of what large objects have are numbers, often in rows of a table.
        kinds = {id(cls): cls for cls in map(type, held)}  # by id: a class may have no hash
        leading = {number for number, cls in kinds.items() if not _leads_nowhere(cls)}
        waiting += [item for item in held if id(type(item)) in leading] if leading else ()
    return False


def _leads_nowhere(cls: type) -> bool:
    """Tell whether values of a class are plain: numbers, also of numpy, and text."""
    if any(cls is plain for plain in _PLAIN):
        return True
    numbers = getattr(module_named("numpy"), "generic", None)
    return cls.__module__ == "numpy" and any(base is numbers for base in cls.__mro__)


def _made_by_library(value: Any) -> bool:
    """Tell whether a method was made of text, in no module, for an object of a library, as `scipy.stats` makes some.

    Who wrote the text nobody can tell; the project would have had to set it on the library's object.
    """
    if not is_a(value, types.MethodType) or not is_a(value.__func__, types.FunctionType):
        return False
    is_of_library = origin_of(type(value.__self__)).kind is Kind.INSTALLED
    return is_of_library and "__name__" not in value.__func__.__globals__


def _held_by(value: Any) -> Sequence[Any]:
    """List what an object leads to, apart from the globals of its code."""
    if is_a(value, types.FunctionType):
        return (*_beside_code(value), *(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values())
    if is_a(value, types.MethodType):
        return (value.__func__, value.__self__)
    if is_a(value, functools.partial):
        return (value.func, *value.args, *value.keywords.values())
    if type(value) is _CACHED:
        return (value.__wrapped__,)
    if type(value) is dict:
        return tuple(value.values())
    if type(value) in _CONTAINERS:
        return tuple(value)
    return () if is_a(value, type, types.ModuleType) else (*dict_of(value).values(), *_beside_dict(value))


def _beside_dict(value: Any) -> Iterator[Any]:
    """Yield what lies in slots, and what an object of C says that it wraps."""
    cls = type(value)
    slots = [base for base in cls.__mro__ if "__slots__" in vars(base)]
    members = [member for base in slots for member in vars(base).values() if is_slot(member)]
    wrapped = [class_attribute(cls, name) for name in ("__wrapped__", "_self_wrapper")]  # the latter is wrapt's
    for member in (*members, *(member for member in wrapped if is_a(member, types.GetSetDescriptorType))):
        try:
            yield member.__get__(value)
        except (AttributeError, ValueError):  # never set
            continue
