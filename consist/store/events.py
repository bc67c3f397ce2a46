"""What is no run — hits, tags, pins, membership — gathered in memory and written in batches.

A hit must not wait for a disk, so it is counted in memory. A batch is written when the tracker closes, when the
process ends, a minute after its first event, or at once by `EventLog.flush`. First one transaction takes the batch
into the index together with the bytes that the store is to get, then the store's ``log/`` gets them, then the index
notes that it has. A writer killed between two of these leaves a batch that the next one delivers, exactly once. What
was still in memory when a process was killed is lost: at most a minute of hit counts.
"""

from __future__ import annotations

import atexit
import contextlib
import datetime as dt
import os
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING

from consist.blobs import layout
from consist.errors import AlreadyExistsError, ConsistError
from consist.index.records import Event, encode_events

if TYPE_CHECKING:
    from consist.blobs.backend import Backend
    from consist.index.index import Index

FLUSH_SECONDS = 60.0
BATCH = 100_000
"""Events of one log object, a tenth of what one may hold: about 6 MB."""


class EventLog:
    """Gathers the events of one store in this process.

    Parameters
    ----------
    backend : Backend
        Gets the batches.
    index : Index
        Applies them.
    """

    def __init__(self, backend: Backend, index: Index) -> None:
        self._backend = backend
        self._index = index
        self._start_anew()
        _LOGS.add(self)

    def _start_anew(self) -> None:
        """Begin empty, as also a forked child does: what its parent gathered, its parent writes."""
        self._lock = threading.Lock()
        self._hits: dict[str, list[int]] = {}
        self._members: dict[tuple[str, str], int] = {}
        self._tags: dict[tuple[str, str], int] = {}
        self._others: list[Event] = []
        self._batches: dict[str, list[Event]] = {}
        self._timer: threading.Timer | None = None
        self._ends_with_process = False

    def hit(self, run_id: str) -> None:
        """Count a hit on a run."""
        now = time.time_ns() // 1000
        with self._lock:
            count = self._hits.get(run_id)
            if count is None:
                self._hits[run_id] = [1, now]
                self._promise()
            else:
                count[0] += 1
                count[1] = now

    def member(self, run_id: str, parent: str) -> None:
        """Note that a run was found again within another one, which it therefore belongs to as well.

        Parameters
        ----------
        run_id : str
            The run that was found.
        parent : str
            The id of the run that found it, such as a scenario's.
        """
        pair = run_id, parent
        if pair in self._members:  # without the lock: taken in twice it would be the same
            return
        with self._lock:
            self._members[pair] = time.time_ns() // 1000
            self._promise()

    def tag(self, run_id: str, text: str) -> None:
        """Note a tag that a run got from a call that found it; `write_tags` lets whoever asks for tags see it."""
        pair = run_id, text
        if pair in self._tags:  # as of a member
            return
        with self._lock:
            self._tags[pair] = time.time_ns() // 1000
            self._promise()

    def write_tags(self) -> None:
        """Write what is gathered, if tags are among it."""
        if self._tags:
            self.flush()

    def add(self, event: Event) -> None:
        """Take an event that is no hit."""
        with self._lock:
            self._others.append(event)
            self._promise()

    def flush(self) -> None:
        """Write what is gathered, and what an earlier process left undelivered.

        What the index cannot take (its disk is full) stays in memory, under the name that it has: the next flush
        tries again, and the index takes each name once.
        """
        with self._lock:
            events = [Event("hit", run_id, at, count) for run_id, (count, at) in self._hits.items()]
            events += [Event("member", run_id, at, 1, parent) for (run_id, parent), at in self._members.items()]
            events += [Event("tag", run_id, at, text=text) for (run_id, text), at in self._tags.items()]
            events += self._others
            self._hits, self._members, self._tags, self._others = {}, {}, {}, []
            for start in range(0, len(events), BATCH):
                self._batches[log_key()] = events[start : start + BATCH]
            batches = list(self._batches.items())
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        for key, batch in batches:
            self._index.add_events(key, encode_events(key, batch), batch)
            with self._lock:
                self._batches.pop(key, None)
        self.deliver()

    def deliver(self) -> None:
        """Bring batches that are in the index to the store."""
        for key, framed in self._index.pending_events():
            with contextlib.suppress(AlreadyExistsError):  # delivered before, but the index did not hear of it
                self._backend.create(key, framed)
            self._index.confirm_events(key)

    def _promise(self) -> None:
        """See to it that what was just gathered is written in time; called with the lock held."""
        if not self._ends_with_process:
            self._ends_with_process = True
            _at_exit(self)
        if self._timer is None:
            self._timer = threading.Timer(FLUSH_SECONDS, self._flush_quietly)
            self._timer.daemon = True
            self._timer.start()

    def _flush_quietly(self) -> None:
        """Flush where nobody can answer an error; what could not be written waits in the index for the next time."""
        with contextlib.suppress(ConsistError):
            self.flush()


def log_key() -> str:
    """Name a batch: day, machine, and a sequence that no other batch has."""
    now = time.time_ns() // 1000
    day = dt.datetime.fromtimestamp(now / 1e6, dt.UTC).date().isoformat()
    host = "".join(c if c.isalnum() or c in "-." else "_" for c in os.uname().nodename)[:64] or "host"
    return f"{layout.LOG}/{day}/{host}-{now:016x}{os.urandom(4).hex()}"


_LOGS: weakref.WeakSet[EventLog] = weakref.WeakSet()
_GATHERED: weakref.WeakSet[EventLog] = weakref.WeakSet()
"""Those that gathered something in this process: they are flushed at its end, if they are still there."""
_is_registered = False


def _at_exit(log: EventLog) -> None:
    """Flush at the end of this process, in whichever way it ends in order.

    Workers of `multiprocessing` leave by `os._exit`, after running finalizers and without `atexit`. Both are told once
    a process, when something was gathered: by then the index is imported, whose end must come after this one.
    """
    global _is_registered  # noqa: PLW0603 - as the process has one end
    _GATHERED.add(log)
    if _is_registered:
        return
    _is_registered = True
    atexit.unregister(_flush_all)  # a parent's, in a forked child
    atexit.register(_flush_all)
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, _flush_all, exitpriority=1)


def _flush_all() -> None:
    for log in list(_GATHERED):
        log._flush_quietly()  # noqa: SLF001 - a function of this class in all but place


def _start_all_anew() -> None:
    global _is_registered  # noqa: PLW0603 - the same
    _is_registered = False
    _GATHERED.clear()
    for log in list(_LOGS):
        log._start_anew()  # noqa: SLF001 - the same


os.register_at_fork(after_in_child=_start_all_anew)
