"""Whether what a function imports from a library, while it runs, is what the library itself put there.

Then it counts by the name under which the function takes it, and the version: that is all that is known as long as
nobody has imported the library, and it must not depend on whether anybody did. What the project put there counts as
what it is. So does what cannot be told from that: an alias, or a number that the library worked out.
"""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any

from consist.identity.code.bytecode import bindings_of
from consist.identity.code.distributions import Kind, module_named
from consist.identity.code.exposed import exposed
from consist.identity.code.instances import is_compiled
from consist.identity.code.intruders import intruders_in, leads_to_project, registered
from consist.identity.code.owners import is_a, is_own, origin_of, said_text
from consist.identity.code.references import MISSING

if TYPE_CHECKING:
    from consist.identity.code.distributions import Origin
    from consist.identity.code.references import Found

_STEPS = 8
"""From module to module, to where a number is bound."""
_SETTINGS = frozenset({str, bytes, list, tuple, dict, set, frozenset})
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
    if found.owner is not None and is_set_from_outside(found.owner, found.name, value):
        return False
    return origin_of(type(value)).kind is not Kind.PROJECT and not registered(value)


def is_set_from_outside(module: types.ModuleType, name: str, value: Any) -> bool:
    """Tell whether somebody set a text or a container in a library's module whose own code says otherwise."""
    if type(value) not in _SETTINGS or name.startswith("__") or origin_of(module).kind is not Kind.INSTALLED:
        return False
    bindings = bindings_of(module)
    if bindings is None or not bindings.bound:  # no code that could be read
        return False
    if name in bindings.bound:
        return name in bindings.constants and bindings.constants[name] != value
    sources = (module_named(star) for star in bindings.stars)
    return not any(source is not None and vars(source).get(name) is value for source in sources)


def _is_of(value: Any, library: Origin) -> bool:
    origin = origin_of(value)
    return origin.kind is library.kind and origin.distribution == library.distribution


def _is_own_code(value: Any, name: str, library: Origin) -> bool:
    """Tell whether a function, class or other callable of the library has the name that it calls itself."""
    shown = exposed(value)
    if shown is not None:
        return shown.name == name and not leads_to_project(value) and not intruders_in(type(value.__self__))
    if origin_of(type(value)).kind is Kind.PROJECT and not is_compiled(value):
        return False
    if said_text(value, "__name__") not in {name, None}:
        return False
    if not is_a(value, type, types.FunctionType) and said_text(value, "__module__") is None:
        return not leads_to_project(value)
    return _is_of(value, library) and not intruders_in(value) and not leads_to_project(value)


def _is_as_written(module: types.ModuleType, name: str, value: Any, *, steps: int = _STEPS) -> bool:
    """Tell whether a number is the one that the module's code binds the name to, once, or takes from another module.

    What a module takes from one of C is equal to what is there: numpy's `pi` comes from one in the end. Of a number in
    the module of C itself nothing tells.
    """
    if repr(value) == name.lower():  # nan, inf, None
        return True
    bindings = bindings_of(module)
    if bindings is None:
        return steps < _STEPS
    if name in bindings.constants:
        constant = bindings.constants[name]
        return type(constant) is type(value) and repr(constant) == repr(value)
    taken = bindings.taken.get(name)
    sources = [taken] if taken is not None else [(star, name) for star in bindings.stars if name not in bindings.bound]
    found = [(module_named(source), there) for source, there in sources if steps]
    return any(
        source is not None
        and vars(source).get(there) is value
        and _is_as_written(source, there, value, steps=steps - 1)
        for source, there in found
    )
