"""Ctrl-C while a driver waits for a server: the process ends, although the main thread hears nothing. And other ends.

Python raises `KeyboardInterrupt` when the main thread comes back to Python. A driver written in another language may
come back only when its server has answered or its time is over: obstore after half a minute, several times. So a thread
of its own waits for the signal, leaves the main thread a while to end in order, and then ends the process. Nothing is
damaged by that: a store stands any moment at which its writer is killed.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Event
    from typing import NoReturn

_PATIENCE = 3.0
"""Seconds that the main thread has: removing a temporary object is a request or two."""

_ends: list[Callable[[], None]] = []


def watch() -> None:
    """Begin to watch, in a process that asks a remote store; of several calls the first counts."""
    import signal
    import threading

    if _ends or threading.current_thread() is not threading.main_thread():
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    over = threading.Event()

    def end() -> None:
        signal.set_wakeup_fd(-1)
        over.set()
        os.close(writing)

    _ends.append(end)
    threading.Thread(target=_wait, args=(reading, over), name="consist-interrupting", daemon=True).start()


def rest() -> None:
    """Watch no longer: what there was to do is done."""
    while _ends:
        _ends.pop()()


@contextlib.contextmanager
def ended_in_order() -> Iterator[None]:
    """Let who stops the program, or closes its terminal, end a block as Ctrl-C does: what is half made is removed.

    For what is made in a user's folder, where nobody sweeps. A signal that is ignored stays ignored.
    """
    import signal

    ends = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    for number in ends:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in ends:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + number)  # what a shell calls it


def _wait(reading: int, over: Event) -> None:
    """Wait for Ctrl-C, then for the end of the program, and end it if that does not come."""
    import signal

    from consist.cli.codes import INTERRUPTED
    from consist.cli.progress import wipe

    while number := os.read(reading, 1):
        if number[0] == signal.SIGINT and not over.wait(_PATIENCE):
            wipe()
            os._exit(INTERRUPTED)
    os.close(reading)
