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
        For an import inside the function: who wrote the module, if it is not the project.
    written : str
        For such an import: the name as the function has it, from the root of the module on.
    asked : tuple of module, str and object
        What modules of the project answered by their own ``__getattr__``, and keep nowhere that could be watched.
    """

    value: Any
    where: str
    name: str
    owner: types.ModuleType | None
    bindings: tuple[Binding, ...]
    library: Origin | None = None
    written: str = ""
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


def follow(start: Found, chain: tuple[str, ...], *, asks: bool = True) -> Found:
    """Take attributes as long as they are a module's; by its own ``__getattr__`` only if that may be asked."""
    found = start
    for name in chain:
        module = found.value
        if not is_a(module, types.ModuleType) or is_own(module):
            break
        namespace = vars(module)
        value = namespace.get(name, MISSING)
        bound = value
        if asks and value is MISSING and "__getattr__" in namespace:
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
    library = _library(name)
    if library is None and name not in sys.modules:
        _import(name)
    module = sys.modules.get(root)
    # Also what is not imported yet: it may be, and changed, before the function runs again.
    bindings = tuple(loaded(key) for key in dict.fromkeys((name, root)))
    written = ".".join((root, *use.chain))
    if module is None:
        return Found(MISSING, name if library is None else written, "", None, bindings, library, written)
    if not is_a(module, types.ModuleType):  # an object of the project that passes for one
        return Found(module, root, "", None, bindings, written=written)
    if library is None and use.whole and use.chain:
        # ``from pkg import mod`` imports a submodule that nobody has imported so far.
        deeper = f"{root}.{use.chain[0]}"
        if hasattr(module, "__path__") and use.chain[0] not in vars(module) and deeper not in sys.modules:
            _import(deeper)
    start = Found(module, module_label(vars(module)), "", None, bindings)
    return follow(start, use.chain, asks=library is None)._replace(library=library, written=written)


def loaded(name: str) -> Binding:
    """Look up a module that may be imported yet."""
    return Binding(sys.modules, name, sys.modules.get(name, MISSING))


def _absolute_name(use: Use, function: types.FunctionType) -> str:
    if not use.level:
        return use.name
    package = function.__globals__.get("__package__") or str(function.__globals__.get("__name__")).rpartition(".")[0]
    base = package.rsplit(".", use.level - 1)[0] if use.level > 1 else package
    return f"{base}.{use.name}" if use.name else base


def _library(name: str) -> Origin | None:
    """Tell who wrote a module of the standard library or of an installed package; None for the project's."""
    root = name.partition(".")[0]
    module = sys.modules.get(root)
    if module is not None and not is_a(module, types.ModuleType):
        return None
    origin = _origin_of_spec(root) if module is None else origin_of_namespace(vars(module))
    return origin if origin is not None and origin.kind in {Kind.STDLIB, Kind.INSTALLED} else None


def _origin_of_spec(root: str) -> Origin | None:
    """Tell who wrote a package that is not imported yet, without importing it."""
    try:
        spec = importlib.util.find_spec(root)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    locations = list(spec.submodule_search_locations or ())
    file = spec.origin or (f"{locations[0]}/__init__.py" if locations else "")
    return origin_of_file(root, "" if file in {"built-in", "frozen"} else file)


def _import(name: str) -> None:
    """Import a module of the project as the function would; that it cannot be is the function's affair."""
    try:
        importlib.import_module(name)
    except Exception:  # noqa: BLE001 - a module's own code runs here and may raise anything; the body will see it too
        return
