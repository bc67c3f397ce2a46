"""Keys of a config that a function does not take: they are hashed and reach nothing, which may be a slip.

That is looked at when the function is called, never on the way of a hit. A key that no parameter has is allowed, since
it can stand for what the function reads elsewhere, so it is a note; a warning only where one seems to be misspelt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consist.errors import ConsistWarning, warn
from consist.runs.taken import near_parameter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from consist.runs.bind import Bound

_NAMED = 10
"""Keys that a note names: a config of one for all steps may have hundreds."""
_warned: set[tuple[str, str]] = set()


def told_of_hashed_only(step: str, config: Mapping[str, Any], arguments: Bound) -> str | None:
    """Say which keys of a config are no parameters, and warn of those that are near to one that was given nothing.

    Parameters
    ----------
    step : str
        What is about to run. It is warned of a key once a process.
    config : mapping
        Its config.
    arguments : Bound
        What the function is called with.

    Returns
    -------
    str or None
        A note for the record.
    """
    taken = arguments.taken
    stray = [key for key in config if key not in taken.names]
    if not stray or taken.takes_any:
        return None
    left = [name for name in taken.signature.parameters if name not in taken.needed and name not in arguments.named]
    for key in stray:
        if left and (step, key) not in _warned and (near := near_parameter(key, left)) is not None:
            _warned.add((step, key))
            warn(
                f"config {key!r:.60} of step {step!r} is no parameter: it is hashed only, and {near!r} stays at its"
                f" default (call it {near!r} if that is meant)",
                ConsistWarning,
            )
    more = f" and {len(stray) - _NAMED} more" if len(stray) > _NAMED else ""
    return f"hashed only, since the function has no such parameter: config {_listed(stray[:_NAMED])}{more}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"{name!r:.60}" for name in names)
