"""Running a command: its process, the signals for it, and what it prints. What of it counts is ``shell.py``'s.

Standard output and standard error are kept in files, and shown while they come. Nothing is read from standard input.
The command is a process group of its own: signals that end this process are passed on to it, and waited for. What it
started and left running is not waited for, although it may hold the command's output open.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING, BinaryIO, Self

from consist.errors import ConsistWarning, UsageError, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    Show = Callable[[str, bytes], object]

STREAMS = STDOUT, STDERR = ("stdout", "stderr")
"""The keys of what a command prints, among its outputs."""

GRACE = 0.5
"""Seconds in which output is still read once the command itself has ended, if something else holds it open."""

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE = 3
"""Signals after which a command that does not end is killed."""
_BLOCK = 1 << 16
_PIPE = 1 << 20
"""The most bytes that a pipe holds, unless an administrator says otherwise."""
_LOOK = 0.1
"""Seconds after which a signal that came in between is seen at the latest."""
_TAIL = 2000


def run_process(argv: Sequence[str], program: str, folder: Path, show: Show | None) -> dict[str, Path]:
    """Run a command to its end; return the files that hold what it printed, by stream.

    Raises
    ------
    subprocess.CalledProcessError
        If it ended with another code than 0, or a signal ended it.
    KeyboardInterrupt
        If it was interrupted.
    UsageError
        If it could not be started.
    """
    files = {stream: folder / stream for stream in STREAMS}
    with contextlib.ExitStack() as stack:
        sinks = {key: stack.enter_context(path.open("wb", buffering=0)) for key, path in files.items()}
        signals = stack.enter_context(_passing_signals_on())
        process = stack.enter_context(_start(argv, program))
        signals.lead_to(process)
        with _Pumps() as pumps:
            for key, sink in sinks.items():
                pumps.begin(getattr(process, key), sink, key, show)
            code = _waited(process)
    if signal.SIGINT in signals.received:
        raise KeyboardInterrupt
    code = -signals.received[0] if signals.received else code
    if code:
        with files[STDERR].open("rb") as file:
            file.seek(max(0, files[STDERR].stat().st_size - _TAIL))
            raise subprocess.CalledProcessError(code, list(argv), stderr=file.read())
    if pumps.held:
        warn(
            f"the command {argv[0]!r:.200} has ended, and something that it started still holds its"
            f" {' and '.join(sorted(pumps.held))}: what that prints from now on is not kept; redirect it",
            ConsistWarning,
        )
    return files


def _waited(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process by a thread, so that a signal finds this one awake.

    One that comes just before `waitpid` is called would have its handler run only after that: of 260 interrupts on a
    busy machine two were lost.
    """
    waiting = threading.Thread(target=process.wait, name="consist-wait", daemon=True)
    waiting.start()
    while waiting.is_alive():
        waiting.join(_LOOK)
    return process.wait()


class _Pumps:
    """Threads that bring what is printed to files and to whoever looks; the end of the block is the command's end."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        """The streams that something still held when nobody waited any longer."""
        self._threads: list[threading.Thread] = []
        self._ended, self._end = os.pipe()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._end, b".")  # nobody takes it out, so that all the threads see it
        for thread in self._threads:
            thread.join()
        os.close(self._end)
        os.close(self._ended)

    def begin(self, source: BinaryIO, sink: BinaryIO, key: str, show: Show | None) -> None:
        """Start to read a stream."""
        thread = threading.Thread(target=self._pump, args=(source.fileno(), sink, key, show), name=f"consist-{key}")
        thread.start()
        self._threads.append(thread)

    def _pump(self, source: int, sink: BinaryIO, key: str, show: Show | None) -> None:
        for piece in self._pieces(source, key):
            sink.write(piece)
            if show is not None:
                try:
                    show(key, piece)
                except (OSError, ValueError):  # who looks away does not stop the command
                    show = None

    def _pieces(self, source: int, key: str) -> Iterator[bytes]:
        """Yield what is printed: to its end, or until the grace is over and what is there was read."""
        left = _PIPE
        until: float | None = None
        with selectors.DefaultSelector() as selector:
            selector.register(source, selectors.EVENT_READ)
            selector.register(self._ended, selectors.EVENT_READ)
            while True:
                wait = None if until is None else max(0.0, until - time.monotonic())
                ready = {found.fd for found, _ in selector.select(wait)}
                if self._ended in ready:
                    selector.unregister(self._ended)
                    until = time.monotonic() + GRACE
                if source in ready and left > 0:
                    piece = os.read(source, _BLOCK)
                    if not piece:
                        return
                    left -= len(piece) if until is not None and time.monotonic() > until else 0
                    yield piece
                elif until is not None and time.monotonic() >= until:
                    self.held.add(key)
                    return


def _start(argv: Sequence[str], program: str) -> subprocess.Popen[bytes]:
    """Start a command in a process group of its own."""
    try:
        return subprocess.Popen(  # noqa: S603 - running what was asked for is the point
            argv,
            executable=program,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"cannot execute {program}: {reason}", hint=f"name what runs it before it, as in: sh {program}"
        ) from error


class _Signals:
    """The signals that came, and the process group that they are for."""

    def __init__(self) -> None:
        self.received: list[signal.Signals] = []
        self._process: subprocess.Popen[bytes] | None = None

    def lead_to(self, process: subprocess.Popen[bytes]) -> None:
        """Pass on what came before there was a process, and what comes from now on."""
        self._process = process
        for number in self.received:
            self._pass_on(number)

    def take(self, number: int, _frame: object) -> None:
        """Take a signal, as a handler."""
        self.received.append(signal.Signals(number))
        self._pass_on(number if len(self.received) < _PATIENCE else signal.SIGKILL)

    def _pass_on(self, number: int) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


@contextlib.contextmanager
def _passing_signals_on() -> Iterator[_Signals]:
    """Take signals for the command that is started meanwhile; only a main thread can."""
    signals = _Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    before = {number: signal.signal(number, signals.take) for number in _PASSED_ON}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
