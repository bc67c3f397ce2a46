"""The memo: an identity is used again as long as nothing that its walk looked at has changed.

Every answer of the walk rests on look-ups (a name in a namespace, a function's code, a class's dict) and on values that
can change in place. The walk's `Watch` keeps both as guards, each taken *before* the walk looks: a look-up must give
the same object, a mutable value the same bytes. Checking them takes 0.1-0.2 us a function; a walk takes a thousand
times as long. Guards may cry wolf, which costs a walk; they may not miss a change that the walk would see.
"""

from __future__ import annotations

import marshal
from gc import get_referents, is_tracked
from itertools import chain
from operator import is_
from typing import TYPE_CHECKING

from consist.identity.code.contents import dtype_of, shape_of
from consist.identity.code.references import MISSING
from consist.identity.code.snapshots import snapshot

if TYPE_CHECKING:
    from consist.identity.code.contents import Contents
    from consist.identity.code.watch import Watch


def hold(guards: Watch) -> bool:
    """Tell whether nothing has changed."""
    try:
        return _names_hold(guards) and (not guards.has_values or _values_hold(guards))
    except Exception:  # noqa: BLE001 - a name is gone, another thread changes a dict, or a value of a user raises anything
        return False


def _names_hold(guards: Watch) -> bool:  # noqa: C901, PLR0911, PLR0912 - one flat loop a kind: calls are slow
    for namespace, name, value in guards.bindings:
        if namespace[name] is not value:
            return False
    for namespace, name in guards.absent:
        if name in namespace:
            return False
    for function, code, own_name in guards.plain:
        if (
            function.__code__ is not code
            or function.__defaults__ is not None  # None by name: what is compared with a variable takes longer
            or function.__kwdefaults__ is not None
            or function.__name__ is not own_name
            or function.__dict__
        ):
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
    if not _contents_hold(guards.contents):
        return False
    return not guards.others or all(ask() == answer for ask, answer in guards.others)


def _contents_hold(contents: Contents) -> bool:
    """Tell whether no value has changed in place; that each list is looked at only if it is not empty spares 1 us."""
    if contents.holders and not _holders_hold(contents):
        return False
    if contents.sized and list(map(len, contents.sized)) != contents.sizes:
        return False
    if contents.containers and not all(map(is_, chain.from_iterable(contents.containers), contents.items)):
        return False
    for get, holder, value in contents.attributes:
        if get(holder) is not value:
            return False
    if contents.flat and not _flat_hold(contents):
        return False
    if contents.arrays and not _arrays_hold(contents):
        return False
    if contents.buffers and list(map(bytes, contents.buffers)) != contents.buffer_bytes:
        return False
    return not contents.snapshots or all(snapshot(value) == taken for value, taken in contents.snapshots)


def _holders_hold(contents: Contents) -> bool:
    """Tell whether holders have the same objects, and the keys of dicts are the same, which the first does not show."""
    shown, referents = get_referents(*contents.holders), contents.referents
    return len(shown) == len(referents) and all(map(is_, shown, referents)) and contents.keyed == contents.copies


def _flat_hold(contents: Contents) -> bool:
    """Compare the bytes, if no container came in: two that hold each other twice would be marshalled for ever."""
    flat = contents.flat
    return not any(map(is_tracked, get_referents(*flat))) and marshal.dumps(flat, 2) == contents.dumped


def _arrays_hold(contents: Contents) -> bool:
    arrays = contents.arrays
    return (
        all(map(is_, map(dtype_of, arrays), contents.dtypes))
        and list(map(shape_of, arrays)) == contents.shapes
        and list(map(type(arrays[0]).tobytes, arrays)) == contents.array_bytes
    )
