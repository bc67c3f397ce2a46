"""What the code of a module says that it binds, read from the bytecode that Python keeps, without running it.

For modules that are imported: it tells what of their namespace is their own, and what somebody else put there.
"""

from __future__ import annotations

import dis
import functools
import types
from typing import Any, NamedTuple

_UNREADABLE = compile("", "<unreadable>", "exec")


class Bindings(NamedTuple):
    """What the code of a module binds its names to."""

    constants: dict[str, Any]
    taken: dict[str, tuple[str, str]]
    """From which module and by which name there."""
    stars: list[str]
    """Modules of which it takes all names."""
    bound: set[str]


def bindings_of(module: types.ModuleType) -> Bindings | None:
    """Return what a module's code binds its names to; nothing if there is no code, None for a module of C."""
    get_code = _code_getter(module)
    if get_code is None:
        return Bindings({}, {}, [], set())
    return _bindings_of(get_code, module.__name__, str(vars(module).get("__package__") or ""))


def names_in_module(module: types.ModuleType) -> set[str] | None:
    """Return all names that a module's code has, also in what it imports; None if its code is not to be had."""
    get_code = _code_getter(module)
    code = None if get_code is None else _code_of(get_code, module.__name__)
    if code is None or code is _UNREADABLE:
        return None
    found: set[str] = set()
    waiting = [code]
    while waiting:
        code = waiting.pop()
        found.update(part for name in code.co_names for part in name.split("."))
        waiting += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return found


def _code_getter(module: types.ModuleType) -> Any:
    return getattr(getattr(vars(module).get("__spec__"), "loader", None), "get_code", None)


def _code_of(get_code: Any, name: str) -> types.CodeType | None:
    """Return a module's code; None if it is one of C."""
    try:
        found: types.CodeType | None = get_code(name)
    except (ImportError, OSError, SyntaxError, ValueError):
        return _UNREADABLE
    return found


@functools.lru_cache(maxsize=100)
def _bindings_of(get_code: Any, name: str, package: str) -> Bindings | None:
    """Read what the code of a module binds once, from its bytecode, without running it; None for a module of C."""
    found = Bindings({}, {}, [], set())
    code = _code_of(get_code, name)
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
            if op.argval not in found.bound and before.opname in {"LOAD_CONST", "LOAD_SMALL_INT"}:
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
