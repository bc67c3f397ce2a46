"""How a node of a walk is described: a function, a class, or a module that is used as a value."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from consist.hashing.canonical import encode
from consist.identity.code import classes, functions
from consist.identity.code.bytecode import names_in_module
from consist.identity.code.owners import is_a, module_label
from consist.identity.code.variables import variable_of

if TYPE_CHECKING:
    from consist.identity.code.state import WalkState

_NOISE = frozenset(
    {"__name__", "__doc__", "__package__", "__loader__", "__spec__", "__file__", "__cached__", "__builtins__"}
    | {"__path__", "__annotations__", "__warningregistry__", "__annotate__", "__conditional_annotations__"}
    | {"In", "Out", "_ih", "_oh", "_dh", "_i", "_ii", "_iii", "get_ipython", "exit", "quit", "_", "__", "___"}
)
"""Names in a module that Python or IPython puts there."""


def describe(walk: WalkState, node: Any) -> None:
    """Describe a node, which adds pieces to the walk."""
    if isinstance(node, types.FunctionType):
        functions.describe(walk, node)
    elif isinstance(node, type):
        classes.describe(walk, node)
    else:
        _describe_module(walk, node)


def _describe_module(walk: WalkState, module: types.ModuleType) -> None:
    """Describe a module that is used as a value: everything in it counts."""
    label = module_label(vars(module))
    piece = walk.piece(f"{label} (all of it)")
    names = sorted(vars(module).keys() - _NOISE - _imported_elsewhere(module))
    piece.data = b"module" + encode(names)
    walk.watch.namespace(vars(module))
    walk.variables.used(module, label, [variable_of(vars(module), name) for name in names])
    for name in names:
        if not walk.ignores(f"{label}.{name}"):
            walk.value(f"{label}:{name}", vars(module)[name])


def _imported_elsewhere(module: types.ModuleType) -> set[str]:
    """Name the submodules of a package that its own code does not name: they are there if anybody imported them."""
    found = {name for name, value in vars(module).items() if _is_submodule(module, name, value)}
    named = names_in_module(module) if found else None
    return set() if named is None else found - named


def _is_submodule(module: types.ModuleType, name: str, value: Any) -> bool:
    return is_a(value, types.ModuleType) and vars(value).get("__name__") == f"{vars(module).get('__name__')}.{name}"
