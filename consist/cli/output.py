"""Writers: a table on a terminal (``terminal.py``), tab-separated lines elsewhere, JSON where it is asked for.

All of them stream: nothing here waits for the last row. Off a terminal there are no colours and no boxes, the first
line names the columns, and a record is a line.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from consist.cli.text import Cell, escape, harmless, plain, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_PATIENCE = 0.05
"""Seconds in which lines are gathered for a pipe."""
_WIDEST_NAME = 32


def on_terminal() -> bool:
    """Tell whether somebody is looking."""
    return sys.stdout.isatty()


def write_table(columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, flexible: Sequence[str] = ()) -> None:
    """Write rows, each as soon as it is there.

    Parameters
    ----------
    columns : sequence of str
        Their names; off a terminal the first line.
    rows : iterable of sequence
        The cells of each row.
    flexible : sequence of str
        Columns of text that give way where a terminal is narrow; see ``terminal.py``.
    """
    if on_terminal():
        from consist.cli.terminal import write_terminal

        write_terminal(columns, rows, flexible)
        return
    write_line("\t".join(columns))
    write_lines("\t".join(map(plain, row)) for row in rows)


def write_facts(facts: Iterable[tuple[str, *tuple[Cell, ...]]]) -> None:
    """Write facts, one a line: a name and its values; on a terminal in two columns, elsewhere with tabs between."""
    rows = [(escape(name), cells) for name, *cells in facts]
    if not on_terminal():
        for name, cells in rows:
            write_line("\t".join((name, *map(plain, cells))))
        return
    width = min(max((len(name) for name, _ in rows), default=0), _WIDEST_NAME)
    for name, cells in rows:
        write_line(f"{name:{width}}  {'  '.join(map(shown, cells))}")


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
