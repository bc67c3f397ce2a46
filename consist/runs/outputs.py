"""`Outputs`: the artifacts of a run by key, a dict that says which there are where a key is a slip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from consist.errors import OutputNotFoundError

if TYPE_CHECKING:
    from collections.abc import Collection

    from consist.runs.artifact import Artifact

_SHOWN = 20


class Outputs(dict[str, "Artifact"]):
    """Artifacts by key."""

    __slots__ = ()

    def __missing__(self, key: object) -> NoReturn:
        """Say which keys there are, the nearest first.

        Raises
        ------
        OutputNotFoundError
            Always.
        """
        raise OutputNotFoundError(f"there is no output {key!r:.60}", hint=listed(key, self))

    @property
    def counted(self) -> dict[str, Any]:
        """What counts of them as code, where a step finds them in a global: what a dict's would."""
        return dict(self)


def listed(key: object, there: Collection[str]) -> str:
    """List the keys that there are, those that are called like one first.

    Examples
    --------
    >>> listed("tabel", ["log", "table"])
    'there are table, log'
    """
    import difflib  # for a slip only

    near = difflib.get_close_matches(str(key), there, n=3)
    names = [*near, *(name for name in there if name not in near)]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"there are {', '.join(names[:_SHOWN])}{more}" if names else "the run has no outputs"
