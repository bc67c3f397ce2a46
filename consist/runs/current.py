"""The current tracker: the one that `consist.run` uses."""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING

from consist.arguments import shown
from consist.errors import UsageError
from consist.runs.queries import Queries
from consist.runs.unbegun import Unbegun

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from consist.runs.tracker import Tracker

_tracker: ContextVar[Tracker | None] = ContextVar("consist_tracker", default=None)


def use_tracker(tracker: Tracker) -> AbstractContextManager[Tracker]:
    """Make `tracker` the one that `consist.run` uses, within a ``with`` block.

    Raises
    ------
    UsageError
        If it is no tracker.

    Examples
    --------
    >>> import consist, tempfile
    >>> with consist.use_tracker(consist.Tracker(run_dir=tempfile.mkdtemp(), db_path="x.lmdb")) as tracker:
    ...     consist.current_tracker() is tracker
    True
    """
    check_tracker(tracker)
    return Unbegun(_used(tracker), "use_tracker(tracker)", type(tracker))


@contextlib.contextmanager
def _used(tracker: Tracker) -> Iterator[Tracker]:
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


def check_tracker(tracker: object) -> None:
    """Refuse what is no tracker.

    Raises
    ------
    UsageError
        If it is none.
    """
    if not isinstance(tracker, Queries):  # what every tracker is; the class itself would import us in a circle
        raise UsageError(f"tracker is {shown(tracker)}", hint="give a Tracker(…)")
