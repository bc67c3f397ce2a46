"""The memo: an identity is used again as long as nothing that its walk looked at has changed.

Every answer of the walk rests on look-ups (a name in a namespace, a function's code, a class's dict) and on values that
can change in place. The walk's `Watch` keeps both as guards, each taken *before* the walk looks: a look-up must give
the same object, a mutable value the same bytes. Checking them takes 0.1-0.2 us a function; a walk takes a thousand
times as long. Guards may cry wolf, which costs a walk; they may not miss a change that the walk would see.
"""

from __future__ import annotations

import marshal
import operator
from typing import TYPE_CHECKING

from consist.identity.code.references import MISSING
from consist.identity.code.snapshots import inner_containers, snapshot

if TYPE_CHECKING:
    from consist.identity.code.watch import Watch


def hold(guards: Watch) -> bool:
    """Tell whether nothing has changed."""
    try:
        return _names_hold(guards) and (not guards.has_values or _values_hold(guards))
    except Exception:  # noqa: BLE001 - values of users may raise anything; another thread may change a dict meanwhile
        return False


def _names_hold(guards: Watch) -> bool:  # noqa: C901, PLR0912 - one flat loop a kind: calls would double the time
    for namespace, name, value in guards.bindings:
        if namespace.get(name, MISSING) is not value:
            return False
    for function, code, defaults, keyword, own_name in guards.functions:
        if (
            function.__code__ is not code
            or function.__defaults__ is not defaults
            or function.__kwdefaults__ is not keyword
            or function.__name__ is not own_name
        ):
            return False
    for function in guards.bare:
        if function.__dict__:
            return False
    for cell, value in guards.cells:
        try:
            if cell.cell_contents is not value:
                return False
        except ValueError:
            if value is not MISSING:
                return False
    for space, keys, values in guards.spaces:
        if len(space) != len(keys) or not all(map(operator.is_, space.values(), values)) or tuple(space) != keys:
            return False
    for get, holder, values in guards.attributes:
        if not all(map(operator.is_, get(holder), values)):
            return False
    for cls, bases, own_name in guards.bases:
        if cls.__bases__ is not bases or cls.__name__ is not own_name:
            return False
    return True


def _values_hold(guards: Watch) -> bool:
    for value, dumped, inner in guards.plain:
        if marshal.dumps(value, 2) != dumped or inner_containers(value) != inner:
            return False
    # A list compares identical elements without calling them; what replaced a method is never equal to it.
    for proxy, listed in guards.libraries:
        if list(proxy.values()) != listed:
            return False
    return all(snapshot(value) == taken for value, taken in guards.snapshots) and all(
        ask() == answer for ask, answer in guards.others
    )
