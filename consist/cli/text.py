"""Cells: what a table holds, and how each reads on a terminal and elsewhere.

Elsewhere means for programs: whole digests, bytes, UTC. On a terminal they are short and as people say them. Names
come from whoever wrote the store: whatever could steer a terminal or break a line is escaped in both.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from consist.hashing.digest import Digest
from consist.identity.names import escape as escape  # noqa: PLC0414 - verbs take it from here, with the rest

RUN_ID_SHOWN = 12
"""Digits of a run id on a terminal, as of a digest: 48 bits tell a store's runs apart."""

PEOPLES_NAMES = {"model": "step"}
"""What a terminal calls what programs read under another name, which they were promised (decision 62)."""

NO_REASON = "no reason given"
"""What is shown of a pin that was set without one."""

NOTHING = "-"
"""What stands in an empty cell, so that columns can be counted."""


class Size(NamedTuple):
    """A number of bytes."""

    bytes: int


class Time(NamedTuple):
    """A time: microseconds since 1970."""

    at: int


class Seconds(NamedTuple):
    """A duration in seconds."""

    value: float


class Number(NamedTuple):
    """A number with a fraction, whole for programs; people are shown six digits that count."""

    value: float


class RunId(NamedTuple):
    """The id of a run."""

    text: str


Cell = str | int | Size | Time | Seconds | Number | RunId | Digest | None


def plain(cell: Cell) -> str:
    r"""Return a cell as programs read it.

    Examples
    --------
    >>> plain(Time(0)), plain(Size(15500)), plain(Seconds(0.25)), plain("a\tb")
    ('1970-01-01T00:00:00.000000Z', '15500', '0.250000', 'a\\tb')
    """
    match cell:
        case None:
            return NOTHING
        case Time(at=at):
            return iso_time(at)
        case Size(bytes=size):
            return str(size)
        case Seconds(value=value):
            return f"{value:.6f}"
        case Number(value=value):
            return repr(value)
        case RunId(text=text):
            return escape(text)
    return escape(str(cell))


def measured(cell: Cell) -> str:
    """Return a cell as programs read it, but a size or a duration as people do.

    Examples
    --------
    >>> measured(Size(15500)), measured(Time(0))
    ('15.1 KiB', '1970-01-01T00:00:00.000000Z')
    """
    return shown(cell) if isinstance(cell, (Size, Seconds)) else plain(cell)


def shown(cell: Cell) -> str:
    """Return a cell as people read it.

    Examples
    --------
    >>> shown(Number(0.94412345678)), shown(Number(10.0)), shown("0.94412345678")
    ('0.944123', '10.0', '0.94412345678')
    """
    match cell:
        case Time(at=at):
            return _local_time(at)
        case Size(bytes=size):
            from consist.runs.sizes import human_size

            return human_size(size)
        case Seconds(value=value):
            from consist.runs.sizes import human_seconds

            return human_seconds(value)
        case Number(value=value):
            return repr(float(f"{value:.6g}"))
        case RunId(text=text):
            return escape(text[:RUN_ID_SHOWN])
        case Digest():
            return cell.short
    return plain(cell)


def iso_time(at: int) -> str:
    """Return microseconds since 1970 as ISO 8601 in UTC; a number that is no date, as it is."""
    try:
        moment = dt.datetime.fromtimestamp(at // 1_000_000, dt.UTC).replace(microsecond=at % 1_000_000)
    except (OverflowError, ValueError, OSError):
        return str(at)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _local_time(at: int) -> str:
    try:
        return dt.datetime.fromtimestamp(at // 1_000_000, dt.UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return str(at)


def columns_of(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def folded(text: str, room: int) -> list[str]:
    """Cut a text at spaces into lines that fit; a word that does not, such as a path, stays whole for who copies it.

    Examples
    --------
    >>> folded("one two three", 7), folded("a/path/of/no/end and more", 8)
    (['one two', 'three'], ['a/path/of/no/end', 'and more'])
    """
    lines, taken = [""], 0
    for number, word in enumerate(text.split(" ")):
        width = columns_of(word)
        if number and taken + 1 + width > room:
            lines.append(word)
            taken = width
        else:
            lines[-1] += f" {word}" if number else word
            taken += width + bool(number)
    return lines


def harmless(text: str) -> str:
    r"""Write text of several lines so that it steers no terminal: newlines and tabs stay, the rest as `escape` has it.

    Examples
    --------
    >>> harmless("one\ttwo\nred \x1b[31m\n")
    'one\ttwo\nred \\x1b[31m\n'
    """
    return "\n".join(map(_harmless_line, text.split("\n")))


def _harmless_line(line: str) -> str:
    if line.replace("\t", "").isprintable():
        return line
    return "".join(letter if letter == "\t" else escape(letter) for letter in line)


def counted(count: int, noun: str) -> str:
    """Say how many of something there are.

    Examples
    --------
    >>> counted(0, "run"), counted(1, "run"), counted(2, "run")
    ('no run', '1 run', '2 runs')
    """
    if count == 0:
        return f"no {noun}"
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
