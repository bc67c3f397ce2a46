"""Who wrote an object: the project, an installed distribution, the standard library, or consist itself."""

from __future__ import annotations

import builtins
import sys
import types
from typing import Any

from consist.identity.code.distributions import (
    OWN_PACKAGE,
    Kind,
    Origin,
    module_named,
    origin_of_module_name,
    origin_of_namespace,
)
from consist.identity.code.instances import HEAP_TYPE

STDLIB = Origin(Kind.STDLIB)
PROJECT = Origin(Kind.PROJECT)
CONSIST = Origin(Kind.CONSIST)
_MAIN = frozenset({"__main__", "__mp_main__", "__worker__"})
_MAKERS = frozenset({"abc", "dataclasses", "types"})
"""The modules that classes claim to be of which `new_class`, `make_dataclass` or a call of `ABCMeta` made."""
_namespace_of = type.__dict__["__dict__"].__get__
_module_of = type.__dict__["__module__"].__get__
qualname_of = type.__dict__["__qualname__"].__get__
_mro_of = type.__dict__["__mro__"].__get__
# By `type` itself: a metaclass may answer for its classes, and raise.


def is_a(value: Any, *classes: type) -> bool:
    """Tell whether an object is of one of some classes: by its type, since what it says itself may be anything."""
    return issubclass(type(value), classes)


def is_own(value: Any) -> bool:
    """Tell whether an object is consist's own: its type, or for a function or class itself, is defined here."""
    if type(value) is types.FunctionType:
        return _in_own_package(value.__globals__.get("__name__"))
    if is_a(value, types.ModuleType):
        return _in_own_package(value.__dict__.get("__name__"))
    cls = value if is_a(value, type) else type(value)
    return any(_in_own_package(_namespace_of(base).get("__module__")) for base in _mro_of(cls))


def _in_own_package(name: Any) -> bool:
    return type(name) is str and (name == OWN_PACKAGE or name.startswith(OWN_PACKAGE + "."))


def module_name_of(code: Any) -> str:
    """Return the name of the module that a function, class or module says that it is of, asking no code of a user's.

    Examples
    --------
    >>> module_name_of(module_name_of), module_name_of(dict), module_name_of(sys)
    ('consist.identity.code.owners', 'builtins', 'sys')
    """
    if is_a(code, types.ModuleType):
        name = vars(code).get("__name__")
    else:
        name = _module_of(code) if is_a(code, type) else code.__module__
    return name if type(name) is str else ""


def said_text(value: Any, name: str) -> str | None:
    """Return an attribute if it is a text; polars' ``col`` makes an expression of any name that it is asked for."""
    found = getattr(value, name, None)
    return found if type(found) is str else None


def origin_of(value: Any) -> Origin:
    """Tell who wrote a function, class, module, or anything that has a ``__module__``."""
    if is_a(value, types.FunctionType):
        return origin_of_namespace(value.__globals__)
    if is_a(value, types.ModuleType):
        return origin_of_namespace(vars(value))
    if is_a(value, type):
        return origin_of_class(value)
    module = said_text(value, "__module__")
    return STDLIB if module is None else origin_of_module_name(module)


def origin_of_class(cls: type) -> Origin:
    """Tell who wrote a class; one made by `exec` without a module name claims to be a builtin."""
    module = _module_of(cls)
    if type(module) is not str:
        return PROJECT if cls.__flags__ & HEAP_TYPE else STDLIB
    if module == "builtins":
        known = not cls.__flags__ & HEAP_TYPE or vars(builtins).get(cls.__name__) is cls
        return STDLIB if known else PROJECT
    if module in _MAKERS and not _is_at_home(cls, module):
        return PROJECT
    return PROJECT if _was_sent(cls, module) else origin_of_module_name(module)


def _was_sent(cls: type, module: Any) -> bool:
    """Tell whether a class came to a worker by value: it claims to be of ``__main__``, which there is a launcher."""
    return module in _MAIN and origin_of_module_name(module).kind is not Kind.PROJECT and not _is_at_home(cls, module)


def _is_at_home(cls: type, module: str) -> bool:
    found: Any = sys.modules.get(module)
    for name in qualname_of(cls).split("."):
        found = vars(found).get(name) if is_a(found, type, types.ModuleType) else None
    return found is cls


def module_label(namespace: dict[str, Any]) -> str:
    """Name a module for people: a script by its file's name, so that it reads as it would imported."""
    name = namespace.get("__name__", "")
    if name in _MAIN:
        spec = namespace.get("__spec__")
        if spec is not None and getattr(spec, "name", None):
            return str(spec.name).removesuffix(".__main__")
        file = namespace.get("__file__")
        if isinstance(file, str):
            return file.replace("\\", "/").rpartition("/")[2].partition(".")[0]
    return str(name)


def label_of(value: Any) -> str:
    """Name a function, class or module for people: ``util.norm``."""
    if is_a(value, types.ModuleType):
        return module_label(vars(value))
    if is_a(value, types.FunctionType):
        return f"{module_label(value.__globals__)}.{value.__qualname__}"
    return f"{_home_label(value)}.{qualname_of(value)}"


def label_of_any(value: Any) -> str:
    """Name what a caller added or left out without asking it: what an object says of itself may be anything.

    Examples
    --------
    >>> label_of_any(label_of_any), label_of_any({"password": "x"})
    ('consist.identity.code.owners.label_of_any', 'dict')
    """
    return label_of(value) if is_a(value, type, types.FunctionType, types.ModuleType) else type(value).__name__


def _home_label(cls: type) -> str:
    name = _module_of(cls)
    return module_label(namespace_of_class(cls)) or (name if type(name) is str else "")


def namespace_of_class(cls: type) -> dict[str, Any]:
    """Return the globals of the module that a class is of; an empty dict if nothing leads to them."""
    name = _module_of(cls)
    module = module_named(name)
    if module is not None and not _was_sent(cls, name):
        return vars(module)
    # Its methods were sent with the script's globals; the launcher's own would mislead.
    methods = (value for value in _namespace_of(cls).values() if is_a(value, types.FunctionType))
    return next((method.__globals__ for method in methods if method.__module__ == name), {})
