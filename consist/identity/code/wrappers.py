"""What a wrapper says of itself that it took from what it wraps, as `functools.update_wrapper` puts it there.

It counts with what is wrapped, by the rules that hold there: a docstring and annotations if something reads such, the
module's name never. What differs, because somebody set it afterwards, counts as any other attribute does.
"""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any, get_args, get_origin

from consist.identity.annotations import annotations_of, computed_by
from consist.identity.code.instances import dict_of
from consist.identity.code.owners import is_a
from consist.identity.code.textual import is_alias

if TYPE_CHECKING:
    from collections.abc import Iterable

_COPIED = frozenset({"__module__", "__qualname__", "__doc__", "__annotations__", "__annotate__", "__type_params__"})
"""What `functools` copies; but for the name, which counts of a function too."""
_STEPS = 100
"""Wrappers in a row, before what they wrap is left to be looked for."""
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType)


def without_copies(attributes: Iterable[tuple[str, Any]], *wrapped: Any) -> list[tuple[str, Any]]:
    """List the attributes of a wrapper but for those that a function which it wraps or holds has as well.

    Examples
    --------
    >>> import functools
    >>> def base(x):
    ...     '''A docstring.'''
    >>> double = functools.update_wrapper(functools.partial(base), base)
    >>> [name for name, _ in without_copies(vars(double).items())]
    ['__name__', '__wrapped__']
    """
    listed = list(attributes)
    copied = {name for name, _ in listed if name in _COPIED}
    if not copied:
        return listed
    held_here = (*wrapped, *(held for name, held in listed if name not in _COPIED))
    wrapped_last = [source for source in map(_last_wrapped, held_here) if source is not None]
    return [
        (name, held)
        for name, held in listed
        if name not in copied or not any(_has_same(source, name, held) for source in wrapped_last)
    ]


def _last_wrapped(value: Any) -> Any:
    """Return the function or class at the end of a row of wrappers, which counts by itself; None if there is none.

    Not what a wrapper on the way says: of two that hold each other, each would leave it to the other.
    """
    for _ in range(_STEPS):
        if is_a(value, *_FUNCTIONS) or type(value) is type:
            return value
        if is_a(value, types.MethodType):
            value = value.__func__
        elif type(value) is functools.partial:
            value = value.func
        else:
            value = dict_of(value).get("__wrapped__")
    return None


def _has_same(source: Any, name: str, held: Any) -> bool:
    if name == "__annotations__":
        return _is_same(held, annotations_of(source))
    if name == "__annotate__" and held is not getattr(source, name, None) and callable(held):
        return _is_same(computed_by(held, source), annotations_of(source))  # from a worker, it is another function
    if type(source) is type:
        return name in vars(source) and _is_same(held, vars(source)[name])
    return hasattr(source, name) and _is_same(held, getattr(source, name))


def _is_same(one: Any, other: Any) -> bool:
    """Compare texts, and annotations one by one: a worker that was sent both by value may have two of each."""
    if type(one) is dict and type(other) is dict:
        return one.keys() == other.keys() and all(_is_same(each, other[name]) for name, each in one.items())
    if type(one) is type(other) and is_alias(one):
        parts, others = ((get_origin(alias), *get_args(alias)) for alias in (one, other))
        return len(parts) == len(others) and all(map(_is_same, parts, others))
    return one is other or (type(one) is str and type(other) is str and one == other)
