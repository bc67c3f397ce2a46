"""What consist is tested with, shipped so that others can hold their own backends and writers to it.

`BackendSuite` (needs pytest) is the contract of a `Backend` as a test class; `FaultyBackend` is a backend on which
things go wrong as planned (``faultplan``), `LatencyBackend` one that is slow; ``faults`` stops or fails a writer at
each of its file operations; ``together`` runs things in several threads or processes at once; ``strategies`` (needs
hypothesis) draws values of every type that a config may hold, and ``sameness`` tells which of them are the same.
Nothing in consist itself imports this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from consist.testing.backend_suite import BackendSuite
    from consist.testing.faultplan import Fault
    from consist.testing.faulty import FaultyBackend
    from consist.testing.latency import LatencyBackend

__all__ = ["BackendSuite", "Fault", "FaultyBackend", "LatencyBackend"]

_HOMES = {"BackendSuite": "backend_suite", "Fault": "faultplan", "FaultyBackend": "faulty", "LatencyBackend": "latency"}


def __getattr__(name: str) -> object:
    """Import a class when it is asked for: crash tests start many processes, and they need no pytest."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    if name == "BackendSuite":
        import pytest

        pytest.register_assert_rewrite("consist.testing.backend_suite", "consist.testing.backend_races")
    return getattr(importlib.import_module(f"consist.testing.{_HOMES[name]}"), name)
