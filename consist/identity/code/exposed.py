"""Methods that a library hands out as its functions: ``random.seed`` is a method of an instance that nobody sees.

The instance's state is the library's own and changes with every call, so such a method counts as the library's symbol.
A method of an instance that the project made, and keeps in a global, counts with the instance's state.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.identity.code.distributions import Kind, Origin, module_named
from consist.identity.code.owners import is_a, origin_of, said_text

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOUND = frozenset({types.MethodType, types.BuiltinMethodType})


class Exposed(NamedTuple):
    """Where a library shows a bound method: who wrote the module, its name, and the method's name there."""

    origin: Origin
    module: str
    name: str


def exposed(method: Any) -> Exposed | None:
    """Tell under which name a library has a bound method in one of its modules; None if none has.

    Looked for in the modules of the instance's class and of the method, and in the packages around them. The library
    must hold the instance there as well: a method of the project's instance that the project put into the library's
    module is no method of the library's.

    Examples
    --------
    >>> import random
    >>> exposed(random.seed)[1:], exposed(random.Random(3).seed)
    (('random', 'seed'), None)
    """
    if type(method) not in _BOUND or is_a(method.__self__, type, types.ModuleType, type(None)):
        return None
    # The name that the method itself has: what it is called where it was found says nothing.
    name = said_text(method, "__name__")
    if name is None:
        return None
    modules = [(module, origin_of(module)) for module in _modules(method)]
    foreign = [(module, origin) for module, origin in modules if origin.kind not in {Kind.PROJECT, Kind.CONSIST}]
    if not any(_holds(module, method.__self__) for module, _ in foreign):
        return None
    showing = ((module, origin) for module, origin in foreign if _is_same(vars(module).get(name), method))
    return next((Exposed(origin, module.__name__, name) for module, origin in showing), None)


def _modules(method: Any) -> Iterator[types.ModuleType]:
    """Yield the modules that may show a method, innermost first."""
    for home in dict.fromkeys((said_text(type(method.__self__), "__module__"), said_text(method, "__module__"))):
        name = home or ""
        while name:
            module = module_named(name)
            if module is not None:
                yield module
            name = name.rpartition(".")[0]


def _is_same(found: Any, method: Any) -> bool:
    # Two methods bound to different instances are never equal, and neither instance is asked.
    is_bound_alike = type(found) is type(method) and found.__self__ is method.__self__
    return is_bound_alike and said_text(found, "__name__") == method.__name__


def _holds(module: types.ModuleType, instance: Any) -> bool:
    return any(value is instance for value in list(vars(module).values()))
