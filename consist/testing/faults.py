"""Faults on purpose: count the file operations of a writer, fail any of them, or kill the writer there.

All of it hangs on the tap of `consist.fileops.perform`, one for the process: use one of these at a time, and let no
other thread write meanwhile unless it is meant.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, NamedTuple

from consist import fileops
from consist.testing.together import fork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BEFORE = "before"
AFTER = "after"
MOMENTS = (BEFORE, AFTER)


class Operation(NamedTuple):
    """One operation that changed a file."""

    name: str
    path: str


@contextlib.contextmanager
def recorded() -> Iterator[list[Operation]]:
    """Record every operation that is begun, in order.

    Examples
    --------
    >>> with recorded() as operations:
    ...     fileops.perform("mkdir", "/x", bool)
    False
    >>> operations
    [Operation(name='mkdir', path='/x')]
    """
    operations: list[Operation] = []

    def tap(moment: str, name: str, path: str) -> None:
        if moment == BEFORE:
            operations.append(Operation(name, path))

    with _tapped(tap):
        yield operations


@contextlib.contextmanager
def failing(
    number: int, *, at: int | None = None, name: str | None = None, but: str | None = None, moment: str = BEFORE
) -> Iterator[list[int]]:
    """Let operations fail with an `OSError`.

    Parameters
    ----------
    number : int
        The error number, such as ``errno.ENOSPC``.
    at : int, optional
        Which operation fails, counted from 0 among those that `name` selects; by default all.
    name : str, optional
        Only operations of this name; by default any.
    but : str, optional
        No operations of this name. They are counted all the same.
    moment : {"before", "after"}
        Whether the operation is left undone, or done and its answer lost. The answer of an ``open`` is a descriptor:
        losing that is no fault of a disk.

    Yields
    ------
    list of int
        The counts of those that failed: empty if the writer never came so far.

    Examples
    --------
    >>> import errno
    >>> with failing(errno.ENOSPC, name="write") as failed:
    ...     fileops.perform("write", "/x", bool)
    Traceback (most recent call last):
    consist.errors.StorageFullError: cannot write /x: No space left on device (free some space, then call again; ...)
    >>> failed
    [0]
    """
    failed: list[int] = []
    seen = -1

    def tap(when: str, operation: str, _path: str) -> None:
        nonlocal seen
        if name not in {None, operation}:
            return
        seen += when == BEFORE
        if when == moment and at in {None, seen} and operation != but:
            failed.append(seen)
            raise OSError(number, os.strerror(number))

    with _tapped(tap):
        yield failed


def run_killed(call: Callable[[], object], *, at: int, moment: str) -> bool:
    """Run `call` in a forked child that dies by SIGKILL at one of its operations.

    Parameters
    ----------
    call : callable
        What to run.
    at : int
        At which operation, counted from 0.
    moment : {"before", "after"}
        Before it is done, or just after.

    Returns
    -------
    bool
        True if the child was killed, False if it ended well before it came so far.

    Raises
    ------
    ChildError
        If it failed otherwise.
    """

    def doomed() -> None:
        seen = -1

        def tap(when: str, _operation: str, _path: str) -> None:
            nonlocal seen
            seen += when == BEFORE
            if when == moment and seen == at:
                os.kill(os.getpid(), signal.SIGKILL)

        with _tapped(tap):
            call()

    child = fork(doomed)
    return child.wait() == -signal.SIGKILL


def kill_points(call: Callable[[], object]) -> int:
    """Count the operations of `call`, in a forked child that is left to finish."""

    def counted() -> int:
        with recorded() as operations:
            call()
        return len(operations)

    child = fork(counted)
    count = child.result()
    assert isinstance(count, int)
    return count


def every_state(call: Callable[[], object]) -> list[tuple[int, str]]:
    """Return the (operation, moment) to kill `call` at, so that each state that it can leave on a disk is left once.

    That is before each operation, and after the last: what a disk has after one operation it has before the next.

    Examples
    --------
    >>> every_state(lambda: [fileops.perform("mkdir", "/x", bool) for _ in range(2)])
    [(0, 'before'), (1, 'before'), (1, 'after')]
    """

    def watched() -> list[tuple[int, str]]:
        begun = 0
        states: list[tuple[int, str]] = []
        last: list[tuple[int, str]] = []

        def tap(moment: str, _name: str, _path: str) -> None:
            nonlocal begun, last
            if moment == BEFORE:
                states.append((begun, BEFORE))
                begun += 1
            else:
                last = [(begun - 1, AFTER)]

        with _tapped(tap):
            call()
        return states + last

    found: list[tuple[int, str]] = fork(watched).result()
    return found


@contextlib.contextmanager
def _tapped(tap: Callable[[str, str, str], None]) -> Iterator[None]:
    fileops.set_tap(tap)
    try:
        yield
    finally:
        fileops.set_tap(None)
