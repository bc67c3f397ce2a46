"""What a caller of `trace` or `scenario` asked for, checked. What becomes of it is in ``active.py``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.arguments import check_known, shown
from consist.errors import UsageError
from consist.identity.names import check_name
from consist.index.records import SCENARIO, TRACE
from consist.runs.described import checked_description, checked_facet, checked_tags

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
    """

    kind: str
    name: str
    config: Any
    inputs: Any
    tags: tuple[str, ...]
    facet: dict[str, Any]
    description: str
    required: tuple[str, ...]


_DESCRIBED = ("config", "tags", "facet", "description")
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
    )
