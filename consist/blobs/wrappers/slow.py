"""Which requests are under way, and a thread that says so when one of them takes long. It ends none of them.

A driver may come back only when its time is over: a server that hangs was first spoken of after 22 seconds.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class UnderWay:
    """Requests that are waited for, one of each thread.

    Parameters
    ----------
    seconds : float
        How long is long.
    say : callable
        Told when the oldest request began that takes longer; again at each look, as long as it does.
    """

    def __init__(self, seconds: float, say: Callable[[float], object]) -> None:
        self._seconds = seconds
        self._say = say
        self._began: dict[int, float] = {}
        self._watching: threading.Thread | None = None

    def begin(self, now: float) -> None:
        """Note that this thread asks something: a µs, and the start of a thread where there was nothing under way."""
        watching = self._watching
        if watching is not None and not watching.is_alive():  # a forked process has what was under way, but no thread
            self._began.clear()
            self._watching = None
        self._began[threading.get_ident()] = now
        if self._watching is None:
            self._watch()

    def end(self) -> None:
        """Note that what this thread asked is answered, or given up."""
        self._began.pop(threading.get_ident(), None)

    def _watch(self) -> None:
        watching = threading.Thread(target=self._look, name="consist-waiting", daemon=True)
        with contextlib.suppress(RuntimeError):  # none can be started any more: the process ends
            watching.start()
            self._watching = watching

    def _look(self) -> None:
        """Look a few times in that while, until nothing is under way."""
        pause = threading.Event()
        while self._is_needed():
            pause.wait(self._seconds / 5)
            oldest = min([*self._began.values()], default=None)
            if oldest is not None and time.monotonic() - oldest >= self._seconds:
                self._say(oldest)

    def _is_needed(self) -> bool:
        """Tell whether something is under way; if not, what begins from now on starts another thread."""
        watching, self._watching = self._watching, None  # before it looks: who begins after it sees that
        if not self._began:
            return False
        self._watching = watching
        return True
