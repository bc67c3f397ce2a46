"""The runs that are under way in this context, and what a function may ask of its own."""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_run: ContextVar[tuple[RunContext, ...]] = ContextVar("consist_run", default=())


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a function is told of its own run, if it asks (`ExecutionOptions.inject_context`).

    Attributes
    ----------
    run_id : str
        Its id.
    step : str
        The step's name.
    signature : bytes
        The signature's 32 bytes; empty if the run has none.
    """

    run_id: str
    step: str
    signature: bytes
    _folder: Path

    @property
    def run_dir(self) -> Path:
        """A folder of the run's own for its files, made when it is first asked for."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder


@contextlib.contextmanager
def running(context: RunContext) -> Iterator[None]:
    """Mark a run as under way: runs that start within it are its children."""
    token = _run.set((*_run.get(), context))
    try:
        yield
    finally:
        _run.reset(token)


def runs_under_way() -> tuple[RunContext, ...]:
    """Return the runs that this call is within, outermost first."""
    return _run.get()
