"""The annotations of a function, class or module as they are now, looked at without a trace.

Up to Python 3.13 they are a dict that is made with their holder. From 3.14 on (PEP 649) a function computes them when
somebody first asks, and Python keeps what came out: who asks early settles what everybody sees later, and a name that
is not there yet raises `NameError`. So nothing that Python would keep is asked for here.
"""

from __future__ import annotations

import gc
import inspect
import sys
import types
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_VALUE = 1
"""`annotationlib.Format.VALUE`, without the import."""


class Annotations(NamedTuple):
    """What the annotations are."""

    found: dict[str, Any]
    is_kept: bool
    """Whether it is the dict that everybody gets; else it was made for who asked."""


def annotations_of(holder: Any) -> dict[str, Any]:
    """Return the annotations of a function or of a class's own body; none if it has none.

    Examples
    --------
    >>> def area(width, height): ...
    >>> area.__annotations__ = {"width": float}
    >>> annotations_of(area)
    {'width': <class 'float'>}
    """
    annotations = look(holder)
    return {} if annotations is None else annotations.found


def look(holder: Any) -> Annotations | None:
    """Return annotations, and whether somebody may change them in place; None if there are none.

    A name that is not there is a `ForwardRef` of its text, if annotations are computed.

    Raises
    ------
    Exception
        Whatever computing them raises.
    """
    compute = _computing(holder)
    kept = _kept(holder, compute)
    if isinstance(kept, dict) and (kept or compute is None):
        return Annotations(kept, is_kept=True)
    if not callable(compute):
        return None
    computed = computed_by(compute, holder)
    return Annotations(computed, is_kept=False) if isinstance(computed, dict) else None


def is_annotated(holder: Any) -> bool:
    """Tell whether an object is looked at for annotations at all, as a function is and `len` is not."""
    return hasattr(holder, "__annotate__") or hasattr(holder, "__annotations__")


def signature_of(fn: Callable[..., Any]) -> inspect.Signature:
    """Return what `inspect.signature` does, also if an annotation names what is not there."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return inspect.signature(fn, annotation_format=annotationlib.Format.FORWARDREF)
    return inspect.signature(fn)


def _computing(holder: Any) -> Callable[[int], Any] | None:
    """Return the function that computes annotations."""
    if isinstance(holder, type):
        space = vars(holder)
        return space.get("__annotate_func__") or space.get("__annotate__")
    if isinstance(holder, types.ModuleType):
        return vars(holder).get("__annotate__")
    return getattr(holder, "__annotate__", None)


def _kept(holder: Any, compute: Callable[[int], Any] | None) -> Any:
    """Return what everybody gets who asks, if that is settled."""
    if isinstance(holder, type):
        space = vars(holder)
        return space.get("__annotations__", space.get("__annotations_cache__") or None)
    if compute is None:
        return getattr(holder, "__annotations__", None)
    if isinstance(holder, types.ModuleType):
        return vars(holder).get("__annotations__")
    return _kept_by_function(getattr(holder, "__func__", holder))


def _kept_by_function(function: Any) -> dict[str, Any] | None:
    """Return the dict of annotations in a function of Python 3.14, which nothing shows without making it."""
    if type(function) is not types.FunctionType:
        return None
    builtins: dict[str, Any] = getattr(function, "__builtins__", {})
    others = (function.__globals__, builtins, function.__kwdefaults__, function.__dict__)
    known = set(map(id, others))
    held = gc.get_referents(function)
    return next((found for found in held if type(found) is dict and id(found) not in known), None)


def computed_by(compute: Callable[[int], Any], holder: Any) -> Any:
    """Return what a function computes as annotations: a dict, unless a user wrote it.

    Raises
    ------
    Exception
        Whatever it raises.
    """
    try:
        return compute(_VALUE)
    except Exception:  # noqa: BLE001 - an annotation is an expression: mostly a name is missing, but it may raise anything
        import annotationlib  # type: ignore[import-not-found,unused-ignore]  # of 3.14, as computed annotations are

        return annotationlib.call_annotate_function(compute, annotationlib.Format.FORWARDREF, owner=holder)
