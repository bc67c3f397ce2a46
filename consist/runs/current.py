"""The current tracker: the one that `consist.run` uses."""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING

from consist.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.runs.tracker import Tracker

_tracker: ContextVar[Tracker | None] = ContextVar("consist_tracker", default=None)


@contextlib.contextmanager
def use_tracker(tracker: Tracker) -> Iterator[Tracker]:
    """Make `tracker` the one that `consist.run` uses, within a ``with`` block.

    Examples
    --------
    >>> import consist, tempfile
    >>> with consist.use_tracker(consist.Tracker(run_dir=tempfile.mkdtemp(), db_path="x.lmdb")) as tracker:
    ...     consist.current_tracker() is tracker
    True
    """
    token = _tracker.set(tracker)
    try:
        yield tracker
    finally:
        _tracker.reset(token)


def current_tracker() -> Tracker:
    """Return the tracker that `use_tracker` set.

    Raises
    ------
    UsageError
        If there is none.
    """
    tracker = _tracker.get()
    if tracker is None:
        raise UsageError(
            "there is no current tracker", hint="write `with consist.use_tracker(tracker):` round it, or tracker.run(…)"
        )
    return tracker
