"""What can be known of a result before its function is called: that it is of a class whose values have no format.

Only what is certain is said. An annotation may be wrong, a value of a class below the one that is named, and formats
are chosen by values; so only a class that itself and with all classes below it is plain Python, known to no format and
no extension, and named by itself, is refused.
"""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING, Any, ForwardRef

from consist.errors import OutputError
from consist.identity.annotations import annotations_of
from consist.runs.bind import function_of, named_in
from consist.runs.formats.registry import may_have_format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from consist.runs.request import Request

_UNKEPT = frozenset({"off", "readonly"})
"""Cache modes whose results nobody finds again: nothing is lost there."""


_BUILT_IN = (dict, list, tuple, set, str, int, float, bool, bytes)
_PLAIN = frozenset({None, *_BUILT_IN, *(cls.__name__ for cls in _BUILT_IN)})
"""Annotations that need no further look, also where a module calls a class of its own so: what is said is certain."""


def refuse_unstorable(request: Request, *, allow_pickle: bool) -> None:
    """Refuse a function that says that it returns what cannot be stored, before it works for nothing.

    Parameters
    ----------
    request : Request
        What is about to be called.
    allow_pickle : bool
        Whether values without a format are pickled.

    Raises
    ------
    OutputError
        If that is certain, and the result is to be kept.
    """
    if allow_pickle or request.cache.cache_mode in _UNKEPT:
        return
    promised = _promised_class(request.fn)
    if promised is None:
        return
    if not any(map(may_have_format, _with_all_below(promised))):
        raise OutputError(
            f"step {request.step!r} returns a {promised.__qualname__}, which has no format, so nothing would be kept",
            hint="return its fields as a dict, make it a dataclass, allow pickle: Tracker(allow_pickle=True), or add a"
            ' format: consist.register_format; to call it all the same: CacheOptions(cache_mode="off")',
        )


def _promised_class(fn: Callable[..., Any]) -> type | None:
    """Return the class that a function's annotation names by itself; None for all else."""
    called = function_of(fn)
    if hasattr(called, "__wrapped__"):
        return None  # the annotations are those of the function within, the value is the wrapper's
    found = annotations_of(called).get("return")
    if type(found) is ForwardRef:
        found = found.__forward_arg__
    if isinstance(found, (type, str, NoneType)) and found in _PLAIN:
        return None
    if isinstance(found, str):
        found = named_in(called, found)
    return found if isinstance(found, type) else None


def _with_all_below(cls: type) -> Iterator[type]:
    yield cls
    below: type
    for below in cls.__subclasses__():
        yield from _with_all_below(below)
