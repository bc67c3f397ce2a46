"""Columns that somebody chose: what the config, facet, meta and outputs of a run hold under a key.

``config.alpha``, ``facet.year``, ``meta.rows``, ``output.rmse``; of what is nested the keys with dots between, and of
an area by itself all that it holds. Read from records alone: of an output, a plain value that lies in one is shown, and
of any other its format.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from consist.arguments import closest
from consist.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consist.cli.text import Cell
    from consist.index.records import ArtifactRecord, RunRecord

T = TypeVar("T")

AREAS = ("config", "facet", "meta", "output")
_ABSENT = object()
"""What a run does not have; None is a value that it may have."""
_LOOKED_AT = 1000
"""Runs whose keys are noted for a hint."""


class Column(NamedTuple):
    """A column: an area, and the key within; an empty key is all of the area."""

    area: str
    key: str

    @property
    def name(self) -> str:
        """The name, as it is typed."""
        return f"{self.area}.{self.key}" if self.key else self.area


class Other(NamedTuple):
    """An output that is no plain value in a record: its format stands for it."""

    format: str


_TOO_DEEP = Other("plain")
"""A plain value that nests too deeply to be written as text."""


def parse_columns(typed: Iterable[str]) -> tuple[Column, ...]:
    """Read the columns that were asked for, each once; several in one text have commas between.

    Raises
    ------
    UsageError
        If one is none; the message names the areas.

    Examples
    --------
    >>> [column.name for column in parse_columns(["config.model.size,output.rmse", "output.rmse"])]
    ['config.model.size', 'output.rmse']
    """
    return tuple(dict.fromkeys(_column(word.strip()) for text in typed for word in text.split(",") if word.strip()))


def _column(text: str) -> Column:
    area, dot, key = text.partition(".")
    if area not in AREAS or (dot and not key):
        near = closest(area, AREAS)
        meant = f"did you mean {near}{dot}{key}?" if near and key else ""
        hint = meant or "write config.KEY, facet.KEY, meta.KEY or output.KEY"
        raise UsageError(f"--with {text!r:.80} is no column", hint=hint)
    return Column(area, key)


class Chosen:
    """The columns of a listing, and which of them no run had so far.

    Parameters
    ----------
    columns : tuple of Column
        Which.
    """

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self.columns = columns
        self._lacking = set(columns)
        self._known: dict[str, set[str]] = {area: set() for area in AREAS}
        self._seen = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    def cells(self, record: RunRecord) -> tuple[Cell, ...]:
        """Return what a run has in the columns; None where it has nothing."""
        return tuple(map(_cell, self._values(record)))

    def document(self, record: RunRecord) -> dict[str, Any]:
        """Return what a run has in the columns, by their names, as JSON data; what it does not have is left out."""
        found = zip(self.names, self._values(record), strict=True)
        return {name: _json(value) for name, value in found if value is not _ABSENT}

    def noted(self, records: Iterable[T]) -> Iterator[T]:
        """Yield runs; at the end say of each column that none of them had which one was perhaps meant."""
        yield from records
        if self._seen:
            from consist.cli.nearby import quoted, say_hint

            for column in self.columns:
                if column in self._lacking:
                    near = closest(column.key, self._known[column.area])
                    hint = "they have no such values" if near is None else f"did you mean {f'{column.area}.{near}'!r}?"
                    say_hint(f"none of these runs has {quoted(column.name)}", hint)

    def _values(self, record: RunRecord) -> list[Any]:
        values = [value_of(record, column) for column in self.columns]
        self._lacking.difference_update(
            column for column, value in zip(self.columns, values, strict=True) if value is not _ABSENT
        )
        self._seen += 1
        if self._lacking and self._seen <= _LOOKED_AT:
            for area, key in _held_in(record):
                self._known[area].add(key)
        return values


def value_of(record: RunRecord, column: Column) -> Any:
    """Return what a run has in a column, or a mark of its own that it has nothing there."""
    if column.area == "output":
        outputs = {item.key: item for item in record.outputs}
        if not column.key:
            return {key: _json(_content(item)) for key, item in outputs.items()}
        return _under(outputs, column.key)
    area = getattr(record, column.area)
    return _under(area, column.key) if column.key else area


def names_of(record: RunRecord) -> Iterator[str]:
    """Yield the names of the columns that a run has something in, but for those that could not be typed."""
    return (f"{area}.{key}" for area, key in _held_in(record) if "," not in key)


def _held_in(record: RunRecord) -> Iterator[tuple[str, str]]:
    """Yield the areas and keys that a run has something under."""
    for area in AREAS[:-1]:
        yield from ((area, path) for path in _paths(getattr(record, area)))
    for item in record.outputs:
        yield "output", item.key
        yield from (("output", f"{item.key}.{path}") for path in _paths(_content(item)))


def _under(values: Any, key: str) -> Any:
    """Return what lies under a key, or under keys with dots between, which may have dots themselves."""
    if not isinstance(values, dict):
        return _ABSENT
    named = {str(name): value for name, value in values.items()}
    if key in named:
        return _content(named[key])
    places = [place for place, letter in enumerate(key) if letter == "." and key[:place] in named]
    within = (_under(_content(named[key[:place]]), key[place + 1 :]) for place in reversed(places))
    return next((value for value in within if value is not _ABSENT), _ABSENT)


def _paths(values: Any) -> Iterator[str]:
    for key, value in values.items() if isinstance(values, dict) else ():
        if isinstance(value, dict) and value:
            yield from (f"{key}.{path}" for path in _paths(value))
        else:
            yield str(key)


def _content(value: Any) -> Any:
    """Return the value that an output is, if it is plain and lies in its record; any other value as it is."""
    from consist.index.records import ArtifactRecord

    return _decoded(value) if isinstance(value, ArtifactRecord) else value


def _decoded(item: ArtifactRecord) -> Any:
    from consist.runs.formats.registry import plain_in

    found = plain_in(item)
    return Other(item.format) if found is None else found[0]


def _cell(value: Any) -> Cell:
    from consist.cli.text import Number
    from consist.runs.readable import one_line

    if value is _ABSENT:
        return None
    if type(value) is float and math.isfinite(value):
        return Number(value)
    try:
        return f"<{value.format}>" if isinstance(value, Other) else one_line(value)
    except RecursionError:
        return _cell(_TOO_DEEP)


def _json(value: Any) -> Any:
    from consist.runs.readable import json_ready

    try:
        return {"format": value.format} if isinstance(value, Other) else json_ready(value)
    except RecursionError:
        return _json(_TOO_DEEP)
