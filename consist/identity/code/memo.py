"""The memo: an identity is used again as long as nothing that its walk looked at has changed.

Every answer of the walk rests on look-ups (a name in a namespace, a function's code, a class's dict) and on values that
can change in place. The walk's `Watch` keeps both as guards, each taken *before* the walk looks: a look-up must give
the same object, a mutable value the same bytes. Checking them takes 0.1-0.2 us a function; a walk takes a thousand
times as long. Guards may cry wolf, which costs a walk; they may not miss a change that the walk would see.
"""

from __future__ import annotations

import gc
import marshal
from itertools import chain
from operator import is_
from typing import TYPE_CHECKING

from consist.identity.code.contents import dict_of, dtype_of, shape_of
from consist.identity.code.references import MISSING
from consist.identity.code.snapshots import snapshot

if TYPE_CHECKING:
    from consist.identity.code.contents import Contents
    from consist.identity.code.watch import Watch


def hold(guards: Watch) -> bool:
    """Tell whether nothing has changed."""
    try:
        return _names_hold(guards) and (not guards.has_values or _values_hold(guards))
    except Exception:  # noqa: BLE001 - values of users may raise anything; another thread may change a dict meanwhile
        return False


def _names_hold(guards: Watch) -> bool:  # noqa: C901, PLR0911, PLR0912 - one flat loop a kind: calls would double the time
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
        if len(space) != len(keys) or not all(map(is_, space.values(), values)) or tuple(space) != keys:
            return False
    for space, size in guards.sizes:
        if len(space) != size:
            return False
    for get, holder, values in guards.attributes:
        if not all(map(is_, get(holder), values)):
            return False
    for cls, kind, bases, own_name in guards.bases:
        if type(cls) is not kind or cls.__bases__ is not bases or cls.__name__ is not own_name:
            return False
    return True


def _values_hold(guards: Watch) -> bool:
    # A dict compares identical values without calling them; what replaced a method is never equal to it.
    for proxy, copy in guards.libraries:
        if proxy != copy:
            return False
    return _contents_hold(guards.contents) and all(ask() == answer for ask, answer in guards.others)


def _contents_hold(contents: Contents) -> bool:
    """Tell whether no value has changed in place; classes first, so that what looks into an instance fits it."""
    if not all(map(is_, map(type, contents.instances), contents.classes)):
        return False
    if not all(map(is_, map(dict_of, contents.holders), contents.dicts)):
        return False
    for get, holder, value in contents.attributes:
        if get(holder) is not value:
            return False
    return (
        (not contents.containers or _containers_hold(contents))
        and (not contents.flat or _flat_hold(contents))
        and (not contents.arrays or _arrays_hold(contents))
        and all(snapshot(value) == taken for value, taken in contents.snapshots)
    )


def _flat_hold(contents: Contents) -> bool:
    """Compare the bytes, if no container came in: two that hold each other twice would be marshalled for ever."""
    flat = contents.flat
    return not any(map(gc.is_tracked, gc.get_referents(*flat))) and marshal.dumps(flat, 2) == contents.dumped


def _containers_hold(contents: Contents) -> bool:
    """Tell whether the items are the same objects; those of all containers in one go, which takes half the time."""
    containers = contents.containers
    return list(map(len, containers)) == contents.sizes and all(
        map(is_, chain.from_iterable(containers), contents.items)
    )


def _arrays_hold(contents: Contents) -> bool:
    arrays = contents.arrays
    return (
        all(map(is_, map(dtype_of, arrays), contents.dtypes))
        and list(map(shape_of, arrays)) == contents.shapes
        and list(map(type(arrays[0]).tobytes, arrays)) == contents.copies
    )
