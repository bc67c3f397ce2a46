"""What a run is found by, checked: the name of its step, tags, facet, description. For runs and for blocks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from consist.arguments import MAPPING, TEXT, check, shown
from consist.errors import UsageError
from consist.identity.config import readable
from consist.identity.names import check_name

if TYPE_CHECKING:
    from collections.abc import Callable


def step_name(fn: Callable[..., Any], name: str | None) -> str:
    """Return the name of a step: the one given, else the function's.

    Raises
    ------
    UsageError
        If `fn` cannot be called, or the name cannot be one.
    """
    if not callable(fn):
        raise UsageError(
            f"fn is {shown(fn)}, which cannot be called",
            hint="give the function itself, without calling it; its arguments go into config and inputs",
        )
    if name is not None:
        return check_name("step", name)
    inner = getattr(fn, "func", fn)  # a partial is called what its function is called
    return check_name("step", getattr(inner, "__name__", type(fn).__name__))


def checked_tags(tags: object) -> tuple[str, ...]:
    """Return tags sorted, each once.

    Raises
    ------
    UsageError
        If they are no collection of names.
    """
    if isinstance(tags, (str, bytes)) or not isinstance(tags, Iterable):
        raise UsageError(f"tags is {shown(tags)}", hint='give a list of names, such as ["draft"]')
    return tuple(sorted({check_name("tag", tag) for tag in tags}))


def checked_facet(facet: Any) -> dict[str, Any]:
    """Return a facet as a dict of names to plain values.

    Raises
    ------
    UsageError
        If it is no mapping of names.
    """
    if facet is None:
        return {}
    check("facet", facet, MAPPING)
    return {check_name("facet", name): readable(value) for name, value in facet.items()}


def checked_description(description: Any) -> str:
    """Return a description as text that can be recorded.

    Raises
    ------
    UsageError
        If it is no text.
    """
    check("description", description, TEXT)
    return "" if description is None else str(description).encode("utf-8", "replace").decode()
