"""Tables on a terminal, as wide as it is. Numbers, ids and digests are shown whole or not at all; text gives way.

Where a terminal is narrow, long text is cut, names of columns go on below, and times lose their seconds; then more of
the same, as `_STAGES` has it. Where that is not enough, each row is a few lines: a name and its value on each.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from consist.cli.text import Seconds, Size, Time, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console

    from consist.cli.text import Cell

_BATCH = 200
"""Rows that widths are measured on; the rows after them are at least as wide."""
PATIENCE = 0.05
"""Seconds in which rows are gathered for that; then those that are there are shown."""

_GAP = 2
_NARROWEST = 4
_READABLE = 12
"""Letters of a text that can be told from others."""
_GUESSED = 8
"""Letters of a text of which one can guess the rest."""
_TIMES = _SECONDS, _MINUTES, _DAYS = tuple(map(len, ("2026-11-26 16:30:00", "2026-11-26 16:30", "2026-11-26")))
_WORDS, _LETTERS = 1, 2
"""How a name of a column goes on below, if it must: between words, or anywhere."""
_STAGES = (
    (2 * _READABLE, _WORDS, _SECONDS),
    (2 * _READABLE, _WORDS, _MINUTES),
    (_READABLE, _WORDS, _MINUTES),
    (_READABLE, _WORDS, _DAYS),
    (_GUESSED, _WORDS, _DAYS),
    (_READABLE, _LETTERS, _DAYS),
    (_NARROWEST, _LETTERS, _DAYS),
)
"""What gives way, one after the other: the letters of a text, the name of a column, the length of a time."""
_IN_PARENTHESES = re.compile(r"( \([^()]*\))+$")
_NUMBER = re.compile(r"[-+]?[0-9][0-9.,_]*(e[-+]?[0-9]+)?|-?(Infinity|NaN)|-")


@dataclass(frozen=True, slots=True)
class _Column:
    """A column, as far as its rows are known.

    Attributes
    ----------
    name : str
        As it is shown.
    whole : int
        The width in which nothing of it is cut.
    filled : int
        The width of its widest cell.
    least : int
        The width that it may be brought to.
    gives_way : bool
        Whether it is text that is cut before anything else is.
    is_time, is_number : bool
        Whether it holds times; numbers, which stand at the right.
    is_empty : bool
        Whether there was nothing in it so far, so that it may still turn out to hold either.
    """

    name: str
    whole: int
    filled: int
    least: int
    gives_way: bool
    is_time: bool
    is_number: bool
    is_empty: bool

    def and_of(self, other: _Column | None) -> _Column:
        """Return the same column, wide enough for what was shown of it before."""
        if other is None:
            return self
        filled = [each for each in (self, other) if not each.is_empty] or [self]
        gives_way = any(each.gives_way for each in filled)
        return replace(
            self,
            whole=max(self.whole, other.whole),
            filled=max(self.filled, other.filled),
            least=_NARROWEST if gives_way else max(self.least, other.least),
            gives_way=gives_way,
            is_number=other.is_number,
            is_empty=self.is_empty and other.is_empty,
        )

    def floor(self, letters: int, name: int, time: int) -> int:
        """Return the width that it may be brought to at a stage."""
        if self.gives_way:
            return min(self.whole, max(self.least, letters))
        if self.is_time:
            return min(self.whole, max(self.least, time))
        words = max(map(len, self.name.split())) if name == _WORDS and self.name else 0
        return min(self.whole, max(self.least, self.filled, words))


def write_terminal(
    names: Sequence[str], rows: Iterable[Sequence[Cell]], flexible: Sequence[str], spare: Sequence[str] = ()
) -> None:
    """Write rows as they come, a batch at a time.

    Parameters
    ----------
    names : sequence of str
        The names of the columns.
    rows : iterable of sequence
        The cells of each row.
    flexible : sequence of str
        Columns of text that may be cut; of those that hold numbers nothing is.
    spare : sequence of str
        Columns that are left out, one after the other, before a row becomes several lines.
    """
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    columns: list[_Column | None] = [None] * len(names)
    last: list[int] | None = None
    for batch in _batches(rows):
        found = [_column(name, [row[n] for row in batch], name in flexible) for n, name in enumerate(names)]
        columns = [column.and_of(known) for column, known in zip(found, columns, strict=True)]
        known = [column for column in columns if column is not None]
        kept, widths = _fit_without(known, console.width, [names.index(name) for name in spare])
        if widths is None:
            _write_records(console, known, batch)
        else:
            cut: list[Sequence[Cell]] = [[row[n] for n in kept] for row in batch]
            # A table behind records needs its names, too, as one with fewer columns does.
            _write_rows(console, [known[n] for n in kept], widths, cut, is_first=kept != last)
        last = None if widths is None else kept


def fitted(line: str, width: int) -> str:
    """Return a line that is no wider than a terminal: what is cut is before the parentheses that it may end in."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(line) <= width:
        return line
    end = _IN_PARENTHESES.search(line)
    tail = end[0] if end is not None and cell_len(end[0]) <= width - _READABLE else ""
    room = width - cell_len(tail)
    return f"{set_cell_size(line, room - 1).rstrip()}…{tail}"


def _batches(rows: Iterable[Sequence[Cell]]) -> Iterator[list[Sequence[Cell]]]:
    """Yield the rows in batches; one empty batch if there are none, so that the columns are named all the same."""
    source = iter(rows)
    yield _batch(source)
    while batch := _batch(source):
        yield batch


def _batch(source: Iterator[Sequence[Cell]]) -> list[Sequence[Cell]]:
    """Take rows until there are many, or they come slowly."""
    until = time.monotonic() + PATIENCE
    batch: list[Sequence[Cell]] = []
    for row in source:
        batch.append(row)
        if len(batch) == _BATCH or time.monotonic() > until:
            break
    return batch


def _column(name: str, cells: list[Cell], may_be_cut: bool) -> _Column:
    """Look at a column's cells."""
    from rich.cells import cell_len

    texts = [shown(cell) for cell in cells]
    widest = max(map(cell_len, texts), default=0)
    is_empty = all(cell is None for cell in cells)
    gives_way = may_be_cut and (is_empty or not all(_NUMBER.fullmatch(text) for text in texts))
    is_time = bool(cells) and all(isinstance(cell, Time) or cell is None for cell in cells)
    least = widest
    if gives_way:
        least = _NARROWEST
    elif is_time and widest == _SECONDS:
        least = _DAYS
    return _Column(
        name=name,
        whole=max(widest, cell_len(name)),
        filled=widest,
        least=max(least, min(_NARROWEST, cell_len(name))),
        gives_way=gives_way,
        is_time=is_time,
        is_number=any(isinstance(cell, (int, Size, Seconds)) for cell in cells[:1]),
        is_empty=is_empty,
    )


def _fit_without(columns: list[_Column], width: int, spare: list[int]) -> tuple[list[int], list[int] | None]:
    """Choose the columns that are shown, and widths of them; None if none fit, whatever is left out."""
    for count in range(len(spare) + 1):
        kept = [n for n in range(len(columns)) if n not in spare[:count]]
        widths = _fit([columns[n] for n in kept], width)
        if widths is not None:
            return kept, widths
    return [*range(len(columns))], None


def _fit(columns: list[_Column], width: int) -> list[int] | None:
    """Choose widths of columns that fit a terminal; None if there are none."""
    room = width - _GAP * (len(columns) - 1)
    widths = [column.whole for column in columns]
    for stage in _STAGES:
        floors = [column.floor(*stage) for column in columns]
        while sum(widths) > room:
            yielding = [n for n, floor in enumerate(floors) if widths[n] > floor]
            if not yielding:
                break
            widths[max(yielding, key=lambda n: widths[n])] -= 1
    if sum(widths) > room:
        return None
    for n, column in enumerate(columns):  # of a time only whole parts are shown: what that leaves is for text
        if column.is_time and _DAYS <= widths[n] < column.whole:
            widths[n] = max(length for length in (*_TIMES, column.least) if length <= widths[n])
    for n, column in enumerate(columns):
        if column.gives_way:
            widths[n] = min(column.whole, widths[n] + room - sum(widths))
    return widths


def _write_rows(
    console: Console, columns: list[_Column], widths: list[int], batch: list[Sequence[Cell]], *, is_first: bool
) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=is_first, pad_edge=False, padding=(0, _GAP, 0, 0))
    for column, width in zip(columns, widths, strict=True):
        table.add_column(
            _folded(column.name, width),
            width=width,
            no_wrap=True,
            overflow="ellipsis",
            justify="right" if column.is_number else "left",
            header_style="bold",
        )
    for row in batch:
        cells = (_text(cell, width) for cell, width in zip(row, widths, strict=False))
        table.add_row(*(Text(cell, style="red" if cell == "failed" else "") for cell in cells))
    console.print(table)


def _folded(name: str, width: int) -> str:
    """Return the name of a column in lines that are no longer than it is wide; between words, if they fit."""
    import textwrap

    return "\n".join(textwrap.wrap(name, width)) if len(name) > width else name


def _text(cell: Cell, width: int) -> str:
    """Return a cell's text; of a time as much as there is room for, in whole parts."""
    text = shown(cell)
    if isinstance(cell, Time) and len(text) == _SECONDS:
        return text[: next(length for length in _TIMES if length <= max(width, _DAYS))]
    return text


def _write_records(console: Console, columns: list[_Column], batch: list[Sequence[Cell]]) -> None:
    """Write each row as lines of a name and its value, and a blank line."""
    from rich.text import Text

    names = min(max(len(column.name) for column in columns), max(_NARROWEST, console.width // 2 - _GAP))
    for row in batch:
        for column, cell in zip(columns, row, strict=False):
            value = Text(shown(cell))
            if column.gives_way:
                value.truncate(max(_NARROWEST, console.width - names - _GAP), overflow="ellipsis")
            name = Text(column.name)
            name.truncate(names, overflow="ellipsis", pad=True)
            console.print(Text.assemble((name.plain, "bold"), " " * _GAP, value), overflow="fold", soft_wrap=True)
        console.print()
