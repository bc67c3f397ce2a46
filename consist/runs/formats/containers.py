"""Containers of `collections`: counters, ordered and default dicts, deques, as their kind and plain data.

A part of the plain format: such a value may lie anywhere in another. Only these very classes are taken, and only if
they hold nothing beside their items. A default dict's factory is a function, so it must be one of a few that a name
says wholly: a record must not be able to run anything.
"""

from __future__ import annotations

import collections
from typing import Any

from consist.errors import OutputError

_COUNTER, _ORDERED, _DEFAULT, _DEQUE = "counter", "ordered", "default", "deque"
_KINDS: dict[type, str] = {
    collections.Counter: _COUNTER,
    collections.OrderedDict: _ORDERED,
    collections.defaultdict: _DEFAULT,
    collections.deque: _DEQUE,
}
_FACTORIES: dict[str, type] = {
    cls.__name__: cls for cls in (bool, bytes, complex, dict, float, frozenset, int, list, set, str, tuple)
}


def take(value: Any) -> list[Any] | None:
    """Take a container apart into plain data, or return None if it is of no such class.

    Returns
    -------
    list or None
        The kind, the items, and what else there is: the name of a factory, the length that a deque is kept to.

    Raises
    ------
    OutputError
        If it would not come back as it is.

    Examples
    --------
    >>> take(collections.Counter("aab")), give(*take(collections.Counter("aab")))
    (['counter', {'a': 2, 'b': 1}], Counter({'a': 2, 'b': 1}))
    """
    kind = _KINDS.get(type(value))
    if kind is None:
        return None
    if getattr(value, "__dict__", None):
        name = next(iter(vars(value)))
        raise OutputError(f"a {type(value).__name__} holds {name!r} beside its items", hint="make it dict(value)")
    if kind == _DEQUE:
        return [kind, list(value), value.maxlen]
    return [kind, dict(value), _name_of(value.default_factory)] if kind == _DEFAULT else [kind, dict(value)]


def give(kind: str, items: Any, *more: Any) -> Any:
    """Put a container together again from what `take` returned.

    Raises
    ------
    ValueError
        If `take` never returned this.
    """
    if kind == _DEFAULT:
        (name,) = more
        if name is not None and name not in _FACTORIES:
            raise ValueError(f"there is no factory {name!r:.40}")
        return collections.defaultdict(None if name is None else _FACTORIES[name], items)
    if kind == _DEQUE:
        return collections.deque(items, *more)
    if kind == _ORDERED:
        return collections.OrderedDict(items)
    if kind != _COUNTER:
        raise ValueError(f"collections has no {kind!r:.40}")
    counter: collections.Counter[Any] = collections.Counter()
    dict.update(counter, items)  # its own `update` adds, and what is counted need not be numbers
    return counter


def _name_of(factory: Any) -> str | None:
    if factory is None:
        return None
    name = getattr(factory, "__name__", "")
    if _FACTORIES.get(name) is not factory:
        raise OutputError(
            "a defaultdict whose factory is no builtin type has no format, since the factory could not be found again",
            hint="return dict(value), or give it a factory such as int or list",
        )
    return str(name)
