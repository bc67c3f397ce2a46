"""The line that says why a step runs: on the logger ``consist``, and on standard error if nobody has set logging up.

Loaded for `Tracker(verbose=True)` only: nothing else that a run needs imports `logging`. Why it is a logger, and no
warning: ``docs/decisions/0011-a-miss-explains-itself-when-asked.md``.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING

from consist.errors import ConsistError
from consist.identity.names import escape
from consist.runs.explain import explain_identified

if TYPE_CHECKING:
    from consist.runs.library import Library
    from consist.runs.request import Identified
    from consist.store.store import Store

LOGGER = logging.getLogger("consist")


class _Fallback(logging.Handler):
    """Writes to standard error as long as the program has no handler of its own, be it set up before or after."""

    def emit(self, record: logging.LogRecord) -> None:
        if logging.getLogger().handlers or LOGGER.handlers != [self]:
            return
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or none: no reason not to run
            sys.stderr.write(f"consist: {self.format(record)}\n")


LOGGER.addHandler(_Fallback())
if LOGGER.level == logging.NOTSET:
    LOGGER.setLevel(logging.INFO)  # else the root's level holds, which hides what was asked for


def announce(identified: Identified, store: Store, library: Library) -> None:
    """Say why a step is about to run; nothing that goes wrong here stops it."""
    if not LOGGER.isEnabledFor(logging.INFO):
        return
    try:
        LOGGER.info("%s", _line(identified, store, library))
    except ConsistError as error:
        LOGGER.info("step %s runs: it cannot be told why: %s", escape(repr(identified.request.step)), error)


def _line(identified: Identified, store: Store, library: Library) -> str:
    found = explain_identified(identified, store, library)
    if found.hit and found.run is not None:  # it was not there when it was looked up
        return escape(f"step {found.step!r} runs: run {found.run.id} was published meanwhile")
    return found.line
