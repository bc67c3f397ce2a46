"""Processes of this machine, called so that two of them are never taken for one: by number and time of start."""

from __future__ import annotations

import os

_memory: dict[str, list[str]] = {}
"""Of this process: asked once, since its parents may end before it does."""


def this_process() -> str:
    """Return what this process is called."""
    return _own()[0]


def processes_above() -> list[str]:
    """Return the processes that this one descends from, the nearest first; where nothing lists them, its parent."""
    return _own()[1:]


def is_alive(process: str) -> bool:
    """Tell whether a process is still there, as far as it can be seen from here."""
    number, _, start = process.partition(":")
    if start:
        return _stat(int(number))[0] == start
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        pass
    return True


def _own() -> list[str]:
    found = _memory.get("own")
    return _memory.setdefault("own", _line(os.getpid())) if found is None else found


def _line(number: int) -> list[str]:
    """Return a process and those that it descends from."""
    start, parent = _stat(number)
    if not start:
        return [f"{number}:", f"{os.getppid()}:"]
    return [f"{number}:{start}", *(_line(parent) if parent else ())]


def _stat(number: int) -> tuple[str, int]:
    """Return when a process started, in ticks since the machine did, and its parent; nothing of one that is gone."""
    try:
        with open(f"/proc/{number}/stat", "rb") as file:  # noqa: PTH123 - a string, and no change
            fields = file.read().rpartition(b")")[2].split()
        return ("", 0) if fields[0] == b"Z" else (fields[19].decode(), int(fields[1]))
    except (OSError, IndexError, ValueError):
        return "", 0


os.register_at_fork(after_in_child=_memory.clear)
