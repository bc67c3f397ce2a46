"""`Outputs`: the artifacts of a run by key, a dict that says which there are where a key is a slip."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any, NoReturn

from consist.errors import OutputNotFoundError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Self

    from consist.index.records import RunRecord
    from consist.runs.artifact import Artifact

_SHOWN = 20
_ABOUT = re.compile(r"""output ('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"): (.*)""", re.DOTALL)
"""How a note begins that says of an output why it is not there."""


class Outputs(dict[str, "Artifact"]):
    """Artifacts by key."""

    __slots__ = ("_unstored",)

    def without(self, unstored: Mapping[str, str]) -> Self:
        """Say of outputs that are not there why they could not be stored."""
        self._unstored = dict(unstored)
        return self

    @property
    def unstored(self) -> dict[str, str]:
        """Why outputs could not be stored, by key."""
        return getattr(self, "_unstored", {})  # most have none, and on the way of a hit it is not set

    def __missing__(self, key: object) -> NoReturn:
        """Say which keys there are, the nearest first; or why it is not there, though the function made it.

        Raises
        ------
        OutputNotFoundError
            Always.
        """
        if key in self.unstored:
            raise OutputNotFoundError(f"there is no output {key!r}: it could not be stored: {self.unstored[str(key)]}")
        raise OutputNotFoundError(f"there is no output {key!r:.60}", hint=listed(key, self))

    @property
    def counted(self) -> dict[str, Any]:
        """What counts of them as code, where a step finds them in a global: what a dict's would."""
        return dict(self)


def unstored_of(record: RunRecord) -> dict[str, str]:
    """Return why outputs of a run could not be stored, by key: its notes say that, and nothing else in a record does.

    Examples
    --------
    >>> from consist.index.records import RunRecord
    >>> unstored_of(RunRecord("0" * 20, None, "fit", "completed", 0, 1, notes=("output 'model': the disk is full",)))
    {'model': 'the disk is full'}
    """
    if record.signature is not None:
        return {}
    stored = {output.key for output in record.outputs}
    said = ((ast.literal_eval(about[1]), about[2]) for about in map(_ABOUT.match, record.notes) if about is not None)
    return {key: why for key, why in said if key not in stored}


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
