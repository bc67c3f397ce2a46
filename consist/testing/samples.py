"""Classes whose instances may stand in a config, one of each kind, for `strategies` to make values of.

They are at the top of a module, so that a value made of them can be pickled and so sent to another process. Needs
attrs and pydantic.
"""

from __future__ import annotations

import collections
import dataclasses
import enum
import types
from typing import Any, NamedTuple

import attrs
import pydantic


class Shade(enum.Enum):
    """An enum whose values are alike."""

    ONE = 1
    TRUE = "1"
    PAIR = (1, 2)


class Level(enum.IntEnum):
    """An enum whose members are integers."""

    LOW = 0
    HIGH = 1


class Access(enum.Flag):
    """Members that can be joined."""

    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Grid:
    """A dataclass."""

    size: Any
    origin: Any = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """A dataclass that keeps its fields in slots."""

    size: Any
    origin: Any = 0


class Span(NamedTuple):
    """A named tuple."""

    size: Any
    origin: Any = 0


@attrs.define
class Mesh:
    """An attrs class."""

    size: Any
    origin: Any = 0


class Model(pydantic.BaseModel):
    """A pydantic model that takes any field."""

    model_config = pydantic.ConfigDict(extra="allow", arbitrary_types_allowed=True)
    size: Any
    origin: Any = 0


class Word(str):
    """A subclass of a builtin that cannot change."""

    __slots__ = ()


class Marked(dict[Any, Any]):
    """A dict with an attribute beside its items."""

    mark: Any = None


class Numbered(list[Any]):
    """A list with a slot."""

    __slots__ = ("unit",)
    unit: Any


WITH_FIELDS = (Grid, Cell, Span, Mesh, Model)
"""Classes of two fields, ``size`` and ``origin``, of which the second may be left out."""


def marked(items: dict[Any, Any], mark: Any) -> Marked:
    """Make a dict with an attribute."""
    made = Marked(items)
    made.mark = mark
    return made


def numbered(items: list[Any], unit: Any) -> Numbered:
    """Make a list with a slot that is filled."""
    made = Numbered(items)
    made.unit = unit
    return made


def proxy(items: dict[Any, Any]) -> types.MappingProxyType[Any, Any]:
    """Make a read-only view of a dict; pickle does not know the type, but can be told of this function."""
    return types.MappingProxyType(items)


def ordered(items: dict[Any, Any]) -> collections.OrderedDict[Any, Any]:
    """Make a dict whose order counts."""
    return collections.OrderedDict(items)
