"""What a function takes: its parameters, found out once as long as nothing could make them others."""

from __future__ import annotations

import inspect
import types
import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.arguments import closest
from consist.identity.annotations import signature_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

GATHERING = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
"""Kinds of parameters that take what is left over."""


class Taken(NamedTuple):
    """What a function takes.

    Attributes
    ----------
    signature : Signature
        All of it.
    names : frozenset of str
        Its parameters.
    needed : frozenset of str
        Those without a default.
    takes_any : bool
        Whether it takes ``**anything``.
    by_name : bool
        Whether each parameter can be given by its name, and nothing else can be given.
    """

    signature: inspect.Signature
    names: frozenset[str]
    needed: frozenset[str]
    takes_any: bool
    by_name: bool


_TAKEN: weakref.WeakKeyDictionary[types.FunctionType, tuple[types.CodeType, tuple[Any, ...] | None, Taken]] = (
    weakref.WeakKeyDictionary()
)


def taken_by(fn: Callable[..., Any]) -> Taken:
    """Return what a function takes, found out once: 20 of 470 us of a miss. What could make it another is looked at."""
    if type(fn) is not types.FunctionType or fn.__dict__ or fn.__kwdefaults__ is not None:
        return _what_is_taken(_new_signature(fn))._replace(by_name=False)  # it may care how it is called
    known = _TAKEN.get(fn)
    if known is None or known[0] is not fn.__code__ or known[1] is not fn.__defaults__:
        known = _TAKEN[fn] = (fn.__code__, fn.__defaults__, _what_is_taken(_new_signature(fn)))
    return known[2]


def near_parameter(key: str, names: Iterable[str]) -> str | None:
    """Return the parameter that a key may be a slip for: spelt nearly so, or the one the initials of the other.

    Examples
    --------
    >>> near_parameter("X", ["x"]), near_parameter("learning_rate", ["depth", "lr"]), near_parameter("year", ["lr"])
    ('x', 'lr', None)
    """
    spelt = {name.lower(): name for name in names}
    near = closest(key.lower(), spelt)
    if near is not None:
        return spelt[near]
    return next((name for name in spelt.values() if key in _initials(name) or name in _initials(key)), None)


def _initials(name: str) -> tuple[str, ...]:
    """Return what `learning_rate` may be called for short: ``lr``; a name of one word has no initials."""
    words = [word for word in name.split("_") if word]
    return ("".join(word[0] for word in words),) if len(words) > 1 else ()


def _what_is_taken(signature: inspect.Signature) -> Taken:
    parameters = signature.parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    return Taken(
        signature,
        frozenset(parameters),
        frozenset(name for name, parameter in parameters.items() if parameter.default is parameter.empty),
        inspect.Parameter.VAR_KEYWORD in kinds,
        kinds.isdisjoint({*GATHERING, inspect.Parameter.POSITIONAL_ONLY}),
    )


def _new_signature(fn: Callable[..., Any]) -> inspect.Signature:
    """Read a function's signature; some of C have none that can be read, and take whatever they take."""
    try:
        return signature_of(fn)
    except ValueError:
        return inspect.Signature([inspect.Parameter("arguments", inspect.Parameter.VAR_KEYWORD)])
