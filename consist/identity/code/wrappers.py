"""What a wrapper says of itself that it took from what it wraps, as `functools.update_wrapper` puts it there.

It counts with what is wrapped, by the rules that hold there: a docstring and annotations if something reads such, the
module's name never. What differs, because somebody set it afterwards, counts as any other attribute does.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from consist.identity.code.instances import dict_of
from consist.identity.code.owners import is_a

if TYPE_CHECKING:
    from collections.abc import Iterable

_COPIED = frozenset({"__module__", "__qualname__", "__doc__", "__annotations__", "__annotate__", "__type_params__"})
"""What `functools` copies; but for the name, which counts of a function too."""
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType)


def without_copies(attributes: Iterable[tuple[str, Any]], *wrapped: Any) -> list[tuple[str, Any]]:
    """List the attributes of a wrapper but for those that what it wraps, or another object among them, has as well.

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
    sources = (*wrapped, *(held for name, held in listed if name not in _COPIED))
    return [
        (name, held)
        for name, held in listed
        if name not in copied or not any(_has_same(source, name, held) for source in sources)
    ]


def _has_same(source: Any, name: str, held: Any) -> bool:
    if is_a(source, types.MethodType):
        return _has_same(source.__func__, name, held)
    if is_a(source, *_FUNCTIONS):
        return hasattr(source, name) and _is_same(held, getattr(source, name))
    namespace = vars(source) if type(source) is type else dict_of(source)
    return name in namespace and _is_same(held, namespace[name])


def _is_same(one: Any, other: Any) -> bool:
    """Compare texts, and annotations one by one: a worker that was sent both by value may have two of each."""
    if type(one) is dict and type(other) is dict:
        return one.keys() == other.keys() and all(_is_same(each, other[name]) for name, each in one.items())
    return one is other or (type(one) is str and type(other) is str and one == other)
