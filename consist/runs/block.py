"""What a caller of `trace` or `scenario` asked for, checked. What becomes of it is in ``active.py``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.arguments import check_known, shown
from consist.errors import UsageError
from consist.identity.names import check_name
from consist.index.records import SCENARIO, TRACE
from consist.runs.described import checked_description, checked_facet, checked_tags
from consist.runs.options import CacheOptions

if TYPE_CHECKING:
    from collections.abc import Mapping


class Block(NamedTuple):
    """What a caller asked for, checked.

    Attributes
    ----------
    kind : str
        ``trace`` or ``scenario``.
    name : str
        What it is called, as a step is.
    config, inputs : object
        As given.
    tags, facet, description : object
        What it is found by.
    required : tuple of str
        The outputs that must be there at its end.
    writes : bool
        Whether it is recorded, and what it logs stored.
    """

    kind: str
    name: str
    config: Any
    inputs: Any
    tags: tuple[str, ...]
    facet: dict[str, Any]
    description: str
    required: tuple[str, ...]
    writes: bool = True


_DESCRIBED = ("config", "tags", "facet", "description", "cache_options")
_ONLY = 'CacheOptions(cache_mode="readonly") is what it takes: nothing is written; the others are for its steps'
_ARGUMENTS = {TRACE: (*_DESCRIBED, "inputs"), SCENARIO: (*_DESCRIBED, "require_outputs")}


def check_block(kind: str, given: Mapping[str, Any]) -> None:
    """Refuse arguments that a kind of block does not have.

    Raises
    ------
    UsageError
        If there is one; the message names the nearest right one.
    """
    check_known(kind, given, _ARGUMENTS[kind])


def block(  # noqa: PLR0913 - what a block is described by, checked in one place
    kind: str,
    name: str,
    *,
    config: Any = None,
    inputs: Any = None,
    tags: Iterable[str] = (),
    facet: Mapping[str, Any] | None = None,
    description: str = "",
    require_outputs: Iterable[str] = (),
    cache_options: CacheOptions | None = None,
) -> Block:
    """Check what a caller asked for.

    Raises
    ------
    UsageError
        If something given cannot be used.
    """
    if isinstance(require_outputs, str) or not isinstance(require_outputs, Iterable):
        raise UsageError(f"require_outputs is {shown(require_outputs)}", hint='give a list of names, such as ["table"]')
    return Block(
        kind=kind,
        name=check_name("step", name),
        config=config,
        inputs=inputs,
        tags=checked_tags(tags),
        facet=checked_facet(facet),
        description=checked_description(description),
        required=tuple(check_name("output", key) for key in require_outputs),
        writes=_writes(kind, cache_options),
    )


def _writes(kind: str, options: CacheOptions | None) -> bool:
    """Tell whether a block is to be recorded. It is never found again, so nothing else of the options fits it.

    Raises
    ------
    UsageError
        If something else is asked for.
    """
    if options is None:
        return True
    if not isinstance(options, CacheOptions):
        raise UsageError(f"cache_options is {shown(options)}", hint=_ONLY)
    if options not in (CacheOptions(), CacheOptions(cache_mode="reuse"), CacheOptions(cache_mode="readonly")):
        raise UsageError(f"a {kind} is always executed, so these cache_options do not fit it", hint=_ONLY)
    return options.cache_mode != "readonly"
