"""Run calls at the same moment, in threads or in forked processes, and get back what each returned or raised."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import traceback
import warnings
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


SWITCH = 1e-5
"""Seconds for which a thread may run on; Python's own is 0.005."""


class ChildError(AssertionError):
    """A forked child raised, or died; the message holds its traceback."""


class Child:
    """A forked process on its way."""

    def __init__(self, process: int, answer: int) -> None:
        self.process = process
        self._answer = answer

    def wait(self) -> int:
        """Wait for its end; return 0, or minus the signal that killed it.

        Raises
        ------
        ChildError
            If it raised.
        """
        return self._finish()[0]

    def result(self) -> Any:
        """Wait for its end and return what its call returned.

        Raises
        ------
        ChildError
            If it raised, or was killed.
        """
        status, answer = self._finish()
        if status:
            raise ChildError(f"child {self.process} was killed by {signal.Signals(-status).name}")
        return answer

    def _finish(self) -> tuple[int, Any]:
        with os.fdopen(self._answer, "rb") as stream:
            sent = stream.read()
        status = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        if status < 0:
            return status, None
        good, answer = pickle.loads(sent)  # noqa: S301 - from our own child, over a pipe
        if not good:
            raise ChildError(f"child {self.process} raised:\n{answer}")
        return 0, answer


def fork(call: Callable[[], object]) -> Child:
    """Start a forked process that makes one call and ends, with no clean-up of what it inherited.

    Examples
    --------
    >>> fork(lambda: 6 * 7).result()
    42
    """
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads is what is tested
        process = os.fork()
    if not process:
        _be_child(call, writer)
    os.close(writer)
    return Child(process, reader)


def _be_child(call: Callable[[], object], writer: int) -> NoReturn:
    """Make the call, send its outcome, and leave at once: the test runner's own clean-up is the parent's."""
    try:
        try:
            outcome = pickle.dumps((True, call()))
        except BaseException:  # noqa: BLE001 - whatever it is, the parent reports it
            outcome = pickle.dumps((False, traceback.format_exc()))
        with os.fdopen(writer, "wb") as stream:
            stream.write(outcome)
    finally:
        os._exit(0)


def in_processes(calls: Sequence[Callable[[], object]]) -> list[Any]:
    """Make each call in a forked process of its own, all let go at one moment; return their results.

    Raises
    ------
    ChildError
        If any raised or died.
    """
    gate_reader, gate_writer = os.pipe()

    def gated(call: Callable[[], object]) -> Callable[[], object]:
        def run() -> object:
            os.close(gate_writer)
            os.read(gate_reader, 1)  # ends when the last writer closes: the parent
            return call()

        return run

    children = [fork(gated(call)) for call in calls]
    os.close(gate_writer)
    try:
        return [child.result() for child in children]
    finally:
        os.close(gate_reader)


def in_threads(calls: Sequence[Callable[[], object]]) -> list[Any]:
    """Make each call in a thread of its own, all let go at one moment; return their results, or raise the first error.

    Python is told to change threads far more often than it does by itself, so that they meet in bad moments.

    Examples
    --------
    >>> in_threads([lambda: 1, lambda: 2])
    [1, 2]
    """
    gate = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)
    errors: list[BaseException] = []

    def run(index: int) -> None:
        gate.wait()
        try:
            results[index] = calls[index]()
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(usual)
    if errors:
        raise errors[0]
    return results
