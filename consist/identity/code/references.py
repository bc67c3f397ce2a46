"""What the names in a function stand for now: through its globals, closure, builtins and imports, along modules.

A chain such as ``pkg.mod.norm`` is followed through modules and ends at the first thing that is none. Names of the
project that a function imports when it runs are imported here, because otherwise nobody could tell what they are;
installed packages are not, their version is enough.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
import types
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.identity.code.distributions import Kind, Origin, origin_of_file, origin_of_namespace
from consist.identity.code.owners import is_a, is_own, module_label

if TYPE_CHECKING:
    from consist.identity.code.uses import Use

MISSING: Any = object()
"""What a name stands for that is bound nowhere."""


class Binding(NamedTuple):
    """A place where a name was looked up, and what was found there; the memo looks again."""

    namespace: dict[str, Any]
    name: str
    value: Any


class Found(NamedTuple):
    """What a use stands for.

    Parameters
    ----------
    value : object
        The thing, or `MISSING`.
    where : str
        The module or function that the name was found in.
    name : str
        The name there.
    owner : module or None
        The module that the last step of the chain went through.
    bindings : tuple of Binding
        Every look-up on the way.
    library : Origin or None
        For a module that is not imported: who wrote it.
    asked : tuple of module, str and object
        What modules of the project answered by their own ``__getattr__``, and keep nowhere that could be watched.
    """

    value: Any
    where: str
    name: str
    owner: types.ModuleType | None
    bindings: tuple[Binding, ...]
    library: Origin | None = None
    asked: tuple[tuple[types.ModuleType, str, Any], ...] = ()


def find(use: Use, function: types.FunctionType) -> Found:
    """Look up what a use stands for."""
    if use.kind == "import":
        return _find_import(use, function)
    if use.kind == "cell":
        cell = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)).get(use.name)
        value = MISSING if cell is None else contents(cell)
        start = Found(value, module_label(function.__globals__), f"{function.__qualname__}.{use.name}", None, ())
    else:
        start = _find_global(use.name, function)
    return follow(start, use.chain)


def contents(cell: types.CellType) -> Any:
    """Return what a cell holds, or `MISSING`."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def _find_global(name: str, function: types.FunctionType) -> Found:
    namespace = function.__globals__
    value = namespace.get(name, MISSING)
    here = Binding(namespace, name, value)
    if value is not MISSING:
        return Found(value, module_label(namespace), name, None, (here,))
    outer = getattr(function, "__builtins__", vars(builtins))
    value = outer.get(name, MISSING)
    return Found(value, "builtins", name, None, (here, Binding(outer, name, value)))


def follow(start: Found, chain: tuple[str, ...]) -> Found:
    """Take attributes as long as they are a module's."""
    found = start
    for name in chain:
        module = found.value
        if not is_a(module, types.ModuleType) or is_own(module):
            break
        namespace = vars(module)
        value = namespace.get(name, MISSING)
        bound = value
        if value is MISSING and "__getattr__" in namespace:
            value = made_when_asked(module, name)
            bound = namespace.get(name, MISSING)
        bindings = (*found.bindings, Binding(namespace, name, bound))
        answered = bound is not value and origin_of_namespace(namespace).kind is Kind.PROJECT
        asked = (*found.asked, (module, name, value)) if answered else found.asked
        found = Found(value, module_label(namespace), name, module, bindings, asked=asked)
        if value is MISSING:
            break
    return found


def made_when_asked(module: types.ModuleType, name: str) -> Any:
    """Ask a module that loads its parts when they are first used, as ``concurrent.futures`` and numpy do.

    The body will ask it anyway, and what the name stands for must not depend on whether anybody has asked before.
    """
    try:
        return getattr(module, name, MISSING)
    except Exception:  # noqa: BLE001 - a module's own code runs here and may raise anything; the body will see it too
        return MISSING


def _find_import(use: Use, function: types.FunctionType) -> Found:
    name = _absolute_name(use, function)
    root = name if use.whole else name.partition(".")[0]
    library = None if name in sys.modules else _library_not_imported(name)
    if library is not None:
        return Found(MISSING, ".".join((name, *use.chain)), "", None, (), library)
    if name not in sys.modules:
        _import(name)
    module = sys.modules.get(root)
    bindings = tuple(loaded(key) for key in dict.fromkeys((name, root)))
    if module is None:
        return Found(MISSING, name, "", None, bindings)
    for step in range(len(use.chain)) if use.whole else ():
        # ``from pkg import mod`` imports a submodule that nobody has imported so far.
        deeper = ".".join((root, *use.chain[: step + 1]))
        if hasattr(module, "__path__") and use.chain[step] not in vars(module) and deeper not in sys.modules:
            _import(deeper)
        break
    return follow(Found(module, module_label(vars(module)), "", None, bindings), use.chain)


def loaded(name: str) -> Binding:
    """Look up a module that may be imported yet."""
    return Binding(sys.modules, name, sys.modules.get(name, MISSING))


def _absolute_name(use: Use, function: types.FunctionType) -> str:
    if not use.level:
        return use.name
    package = function.__globals__.get("__package__") or function.__globals__.get("__name__", "").rpartition(".")[0]
    base = package.rsplit(".", use.level - 1)[0] if use.level > 1 else package
    return f"{base}.{use.name}" if use.name else base


def _library_not_imported(name: str) -> Origin | None:
    """Tell who wrote a module that is not imported yet, without importing it; None if the project may have."""
    root = name.partition(".")[0]
    try:
        spec = importlib.util.find_spec(root)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    locations = list(spec.submodule_search_locations or ())
    file = spec.origin or (f"{locations[0]}/__init__.py" if locations else "")
    origin = origin_of_file(root, "" if file in {"built-in", "frozen"} else file)
    return None if origin.kind in {Kind.PROJECT, Kind.NATIVE} else origin


def _import(name: str) -> None:
    """Import a module of the project as the function would; that it cannot be is the function's affair."""
    try:
        importlib.import_module(name)
    except Exception:  # noqa: BLE001 - a module's own code runs here and may raise anything; the body will see it too
        return
