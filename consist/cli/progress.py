"""How far something long has come: a line on standard error, on a terminal only, and only once it takes long.

What works calls a plain callable with how much it has done since the last call; that adds up, and nothing else. A
thread of its own looks five times a second, so that the work is not slowed down, and imports rich when half a second
has passed: what is quick never pays for it, and shows nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from consist.cli.text import counted, escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

_QUIET = 0.5
"""Seconds in which nothing is shown: who waits less long need not be told."""
_PAUSE = 0.2
_POORLY = frozenset({"", "dumb", "unknown"})
"""Terminals (``TERM``) on which a line cannot be written over."""


class Unit(NamedTuple):
    """What is counted.

    Attributes
    ----------
    say : callable
        Makes text of a number of them.
    """

    say: Callable[[int], str]


def _say_bytes(count: int) -> str:
    from consist.runs.sizes import human_size

    return human_size(count)


BYTES = Unit(_say_bytes)
HASHED = Unit(lambda count: _say_bytes(count) if count else "")
"""For what is looked for, which may take some hashing first."""
WAITING = Unit(lambda _count: "")
"""For what is waited for, and cannot be counted."""


def things(noun: str) -> Unit:
    """Return the unit of what is counted one by one.

    Examples
    --------
    >>> things("run").say(2)
    '2 runs'
    """
    return Unit(lambda count: counted(count, noun))


def is_shown() -> bool:
    """Tell whether somebody may see progress: standard error is a terminal whose lines can be written over."""
    return sys.stderr.isatty() and os.environ.get("TERM", "") not in _POORLY


def until_first(label: str, items: Callable[[Callable[[int], object]], Iterable[T]], *, unit: Unit) -> Iterator[T]:
    """Make a list, and show how far it has come until its first line is known: from there on its lines tell.

    Parameters
    ----------
    label : str
        What is done.
    items : callable
        Makes the list; gets what is to be told how much was done.
    unit : Unit
        What is counted.
    """
    with progress(label, unit=unit) as seen:
        source = iter(items(seen))
        first = list(itertools.islice(source, 1))
    return itertools.chain(first, source)


def told(items: Iterable[T], seen: Callable[[int], object]) -> Iterator[T]:
    """Yield things, and tell of each."""
    for item in items:
        seen(1)
        yield item


@contextlib.contextmanager
def progress(
    label: str, *, total: int | None = None, unit: Unit = BYTES, shown: bool = True
) -> Iterator[Callable[[int], object]]:
    """Show how far something has come, while the block runs.

    Parameters
    ----------
    label : str
        What is done, such as "putting big.bin".
    total : int, optional
        How much there is to do, where that is known.
    unit : Unit
        What is counted.
    shown : bool
        False: show nothing, wherever this runs.

    Yields
    ------
    callable
        To be told how much was done since it was told last; from any one thread.
    """
    if not shown or not is_shown():
        yield int
        return
    meter = _Meter(label, total, unit)
    meter.start()
    _meters.append(meter)
    try:
        yield meter.add
    finally:
        _meters.remove(meter)
        meter.end()


def wipe() -> None:
    """End what is shown, before the process is ended from another thread than the one that works."""
    for meter in _meters:
        meter.end()


class _Meter:
    """What was done, and the thread that shows it."""

    def __init__(self, label: str, total: int | None, unit: Unit) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._show, name="consist-progress", daemon=True)
        self._label = escape(label)
        self._total = total
        self._unit = unit
        self._done = 0

    def add(self, count: int) -> None:
        """Add up; the whole cost for who works: 0.1 µs."""
        self._done += count

    def start(self) -> None:
        """Begin to show it, in a while."""
        self._thread.start()

    def end(self) -> None:
        """Show it no longer; what was drawn is wiped when this returns."""
        self._over.set()
        self._thread.join()

    def _show(self) -> None:
        """Wait, then draw until the work is over; what was drawn goes with it."""
        if self._over.wait(_QUIET):
            return
        bars = _bars(known=self._total is not None)
        task = bars.add_task(self._label, total=self._total, said="")
        # A terminal that goes away meanwhile is no reason to stop what is done for its sake.
        with contextlib.suppress(OSError, ValueError), bars:
            while True:
                bars.update(task, completed=self._done, said=self._said(bars.tasks[0].speed))
                bars.refresh()
                if self._over.wait(_PAUSE):
                    return

    def _said(self, speed: float | None) -> str:
        say = self._unit.say
        said = say(self._done) if self._total is None else f"{say(self._done)} of {say(self._total)}"
        return f"{said}, {say(int(speed))}/s" if said and speed is not None and speed >= 1 else said


_meters: list[_Meter] = []


def _bars(*, known: bool) -> Any:
    """Make what draws. It leaves standard output alone, which may be the content itself."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    end = (BarColumn(bar_width=24), TimeRemainingColumn()) if known else ()
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        *end,
        TextColumn("{task.fields[said]}", markup=False),
        console=Console(stderr=True, markup=False, highlight=False, emoji=False),
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
    )
