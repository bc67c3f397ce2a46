"""Whether what a function imports from a library, while it runs, is what the library itself put there.

Then it counts by the name under which the function takes it, and the version: that is all that is known as long as
nobody has imported the library, and it must not depend on whether anybody did. What the project put there counts as
what it is. So does what cannot be told from that: an alias, or a number that the library worked out.
"""

from __future__ import annotations

import dis
import functools
import sys
import types
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.identity.code.distributions import Kind
from consist.identity.code.exposed import exposed
from consist.identity.code.intruders import intruders_in, is_cython, leads_to_project, registered
from consist.identity.code.owners import is_a, is_own, origin_of
from consist.identity.code.references import MISSING

if TYPE_CHECKING:
    from consist.identity.code.distributions import Origin
    from consist.identity.code.references import Found

_STEPS = 8
"""From module to module, to where a number is bound."""
_NUMBERS = {type(None), bool, int, float, complex}


def is_untouched(found: Found) -> bool:
    """Tell whether what an import stands for is a library's own, or is not there yet."""
    value, library = found.value, found.library
    if value is MISSING:
        return True
    if library is None or is_own(value):
        return False
    if is_a(value, types.ModuleType):
        return sys.modules.get(found.written) is value and _is_of(value, library)
    if type(value) in _NUMBERS:
        return found.owner is not None and _is_as_written(found.owner, found.name, value)
    if is_a(value, types.FunctionType, type) or callable(value):
        return _is_own_code(value, found.name, library)
    return origin_of(type(value)).kind is not Kind.PROJECT and not registered(value)


def _is_of(value: Any, library: Origin) -> bool:
    origin = origin_of(value)
    return origin.kind is library.kind and origin.distribution == library.distribution


def _is_own_code(value: Any, name: str, library: Origin) -> bool:
    """Tell whether a function, class or other callable of the library has the name that it calls itself."""
    shown = exposed(value)
    if shown is not None:
        return shown.name == name and not leads_to_project(value) and not intruders_in(type(value.__self__))
    if origin_of(type(value)).kind is Kind.PROJECT and not is_cython(value):
        return False
    if getattr(value, "__name__", name) != name:
        return False
    if not is_a(value, type, types.FunctionType) and not isinstance(getattr(value, "__module__", None), str):
        return not leads_to_project(value)
    return _is_of(value, library) and not intruders_in(value) and not leads_to_project(value)


def _is_as_written(module: types.ModuleType, name: str, value: Any, *, steps: int = _STEPS) -> bool:
    """Tell whether a number is the one that the module's code binds the name to, once, or takes from another module.

    What a module takes from one of C is equal to what is there: numpy's `pi` comes from one in the end. Of a number in
    the module of C itself nothing tells.
    """
    if repr(value) == name.lower():  # nan, inf, None
        return True
    bindings = _bindings(module)
    if bindings is None:
        return steps < _STEPS
    if name in bindings.constants:
        constant = bindings.constants[name]
        return type(constant) is type(value) and repr(constant) == repr(value)
    taken = bindings.taken.get(name)
    sources = [taken] if taken is not None else [(star, name) for star in bindings.stars if name not in bindings.bound]
    found = [(sys.modules.get(source), there) for source, there in sources if steps]
    return any(
        source is not None
        and is_a(source, types.ModuleType)
        and vars(source).get(there) is value
        and _is_as_written(source, there, value, steps=steps - 1)
        for source, there in found
    )


class _Bindings(NamedTuple):
    """What the code of a module binds its names to."""

    constants: dict[str, Any]
    taken: dict[str, tuple[str, str]]
    """From which module and by which name there."""
    stars: list[str]
    """Modules of which it takes all names."""
    bound: set[str]


def _bindings(module: types.ModuleType) -> _Bindings | None:
    loader = getattr(vars(module).get("__spec__"), "loader", None)
    get_code = getattr(loader, "get_code", None)
    if get_code is None:
        return _Bindings({}, {}, [], set())
    return _bindings_of(get_code, module.__name__, str(vars(module).get("__package__") or ""))


@functools.lru_cache(maxsize=100)
def _bindings_of(get_code: Any, name: str, package: str) -> _Bindings | None:
    """Read what the code of a module binds once, from its bytecode, without running it; None for a module of C."""
    found = _Bindings({}, {}, [], set())
    try:
        code = get_code(name)
    except (ImportError, OSError, SyntaxError, ValueError):
        return found
    if code is None:
        return None
    ops = [op for op in dis.get_instructions(code) if op.opname != "EXTENDED_ARG"]
    source = ""
    for place, op in enumerate(ops):
        before = ops[place - 1]
        if op.opname == "IMPORT_NAME":
            source = _absolute(op.argval, ops[place - 2].argval, package)
            if before.argval == ("*",):
                found.stars.append(source)
        elif op.opname in {"STORE_NAME", "STORE_GLOBAL", "DELETE_NAME"}:
            found.constants.pop(op.argval, None)
            found.taken.pop(op.argval, None)
            if op.argval not in found.bound and before.opname == "LOAD_CONST":
                found.constants[op.argval] = before.argval
            elif op.argval not in found.bound and before.opname == "IMPORT_FROM":
                found.taken[op.argval] = (source, before.argval)
            found.bound.add(op.argval)
    return found


def _absolute(name: str, level: Any, package: str) -> str:
    if not isinstance(level, int) or not level:
        return name
    base = package.rsplit(".", level - 1)[0]
    return f"{base}.{name}" if name else base
