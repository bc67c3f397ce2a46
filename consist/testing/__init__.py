"""What consist is tested with, shipped so that others can hold their own backends and writers to it.

`BackendSuite` (needs pytest) is the contract of a `Backend` as a test class; ``faults`` stops or fails a writer at each
of its file operations; ``together`` runs things in several threads or processes at once; ``strategies`` (needs
hypothesis) draws values of every type that a config may hold, and ``sameness`` tells which of them are the same.
Nothing in consist itself imports this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from consist.testing.backend_suite import BackendSuite

__all__ = ["BackendSuite"]


def __getattr__(name: str) -> object:
    """Import the suite when it is asked for: crash tests start many processes, and they need no pytest."""
    if name != "BackendSuite":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import pytest

    pytest.register_assert_rewrite("consist.testing.backend_suite", "consist.testing.backend_races")
    from consist.testing.backend_suite import BackendSuite

    return BackendSuite
