"""Writers: a table on a terminal (``terminal.py``), tab-separated lines elsewhere, JSON where it is asked for.

All of them stream: nothing here waits for the last row. Off a terminal there are no colours and no boxes, the first
line names the columns, and a record is a line.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from consist.cli.text import PEOPLES_NAMES, Cell, columns_of, escape, folded, harmless, measured, plain, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_PATIENCE = 0.05
"""Seconds in which lines are gathered for a pipe."""
_GAP = 2
_WIDEST_NAME = 32
_USUAL_WIDTH = 80
_LEAST_ROOM = 20
"""Columns in which text is still folded at spaces."""


def on_terminal() -> bool:
    """Tell whether somebody is looking."""
    return sys.stdout.isatty()


def terminal_width() -> int:
    """Return how many columns a line has where somebody is looking; 0 elsewhere."""
    if not on_terminal():
        return 0
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or _USUAL_WIDTH
    except (OSError, ValueError):  # it went away
        return _USUAL_WIDTH


def write_table(  # noqa: PLR0913 - how it may be laid out, by name
    columns: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    flexible: Sequence[str] = (),
    spare: Sequence[str] = (),
    human: bool = False,
    of_content: bool = False,
) -> None:
    """Write rows, each as soon as it is there.

    Parameters
    ----------
    columns : sequence of str
        Their names; off a terminal the first line.
    rows : iterable of sequence
        The cells of each row.
    flexible : sequence of str
        Columns of text that give way where a terminal is narrow; see ``terminal.py``.
    spare : sequence of str
        Columns that a narrow terminal is not shown, the first one first, before a row becomes several lines.
    human : bool
        Write sizes and durations as a terminal shows them, wherever this goes.
    of_content : bool
        The columns are of somebody's table, and called as they are there.
    """
    if on_terminal():
        from consist.cli.terminal import write_terminal

        call = str if of_content else _for_people
        write_terminal(list(map(call, columns)), rows, list(map(call, flexible)), list(map(call, spare)))
        return
    write_line("\t".join(columns))
    text = measured if human else plain
    write_lines("\t".join(map(text, row)) for row in rows)


def _for_people(column: str) -> str:
    """Return what a terminal calls a column of ours; one that was chosen by a key (``config.trip_id``) has a dot."""
    return column if "." in column else PEOPLES_NAMES.get(column, column).replace("_", " ")


def write_facts(facts: Iterable[tuple[str, *tuple[Cell, ...]]], *, human: bool = False) -> None:
    """Write facts, one a line: a name and its values; on a terminal in two columns, elsewhere with tabs between.

    `human` is as of `write_table`.
    """
    rows = [(escape(name), cells) for name, *cells in facts]
    if not on_terminal():
        for name, cells in rows:
            write_line("\t".join((name, *map(measured if human else plain, cells))))
        return
    rows = [(PEOPLES_NAMES.get(name, name), cells) for name, cells in rows]
    width = min(max((columns_of(name) for name, _ in rows), default=0), _WIDEST_NAME)
    for name, cells in rows:
        write_line(_laid_out(name, (" " * _GAP).join(filter(None, map(shown, cells))), width))


def _laid_out(name: str, text: str, width: int) -> str:
    """Lay a fact out for a terminal: what does not fit beside its name goes on below, in the column of the values."""
    whole = terminal_width()
    room = whole - width - _GAP
    lines = folded(text, room) if room >= _LEAST_ROOM else [text]
    taken = columns_of(name)
    head = name + " " * (max(0, width - taken) + _GAP)
    if taken > width and taken + _GAP + columns_of(lines[0]) > whole:
        lines.insert(0, "")
    return ("\n" + " " * (width + _GAP)).join([(head + lines[0]).rstrip(" "), *lines[1:]])


def write_line(text: str) -> None:
    """Write one line of text."""
    sys.stdout.write(text + "\n")


def write_text(text: str) -> None:
    """Write somebody's text as it is; on a terminal with whatever could steer that escaped."""
    sys.stdout.write(harmless(text) if on_terminal() else text)


def write_lines(lines: Iterable[str], end: str = "\n") -> None:
    """Write lines that come one by one, so that whoever reads them through a pipe waits for none of them for long."""
    sys.stdout.flush()
    flushed = 0.0
    for line in lines:
        sys.stdout.write(line + end)
        now = time.monotonic()
        if now - flushed > _PATIENCE:
            sys.stdout.flush()
            flushed = now


def write_json(document: Any) -> None:
    """Write one JSON document, in ASCII so that no terminal and no encoding can spoil it."""
    write_line(_dumps(document, indent=2))


def write_json_array(items: Iterable[Any]) -> None:
    """Write a JSON array, an item a line, each as soon as it is there."""
    sys.stdout.write("[")
    between = itertools.chain(["\n  "], itertools.repeat(",\n  "))
    write_lines((before + _dumps(item) for before, item in zip(between, items, strict=False)), end="")
    write_line("\n]")


def write_json_list(
    head: dict[str, Any], name: str, items: Iterable[Any], *, tail: Callable[[], dict[str, Any]] = dict
) -> None:
    """Write a JSON document whose last member is a list, an item a line, each as soon as it is there.

    Parameters
    ----------
    head : dict
        The members before the list.
    name : str
        The list's name.
    items : iterable
        What is in it.
    tail : callable
        Returns the members after the list, once that is written.
    """
    members = "".join(f"{_dumps(key)}: {_dumps(value)}, " for key, value in head.items())
    sys.stdout.write(f"{{{members}{_dumps(name)}: [")
    between = itertools.chain(["\n  "], itertools.repeat(",\n  "))
    write_lines((before + _dumps(item) for before, item in zip(between, items, strict=False)), end="")
    rest = "".join(f", {_dumps(key)}: {_dumps(value)}" for key, value in tail().items())
    write_line(f"\n]{rest}}}")


def _dumps(value: Any, indent: int | None = None) -> str:
    # ASCII but for DEL, which can only stand within a string.
    return json.dumps(value, indent=indent, allow_nan=False).replace("\x7f", "\\u007f")


def complain(text: str) -> None:
    """Write one line to standard error, under the name of the program."""
    sys.stderr.write(f"consist: {escape(' '.join(text.splitlines()))}\n")
    sys.stderr.flush()
