"""Runs that a function asked for in its body: which they were, and what they read that the function was not given.

What a body asks for is in no signature of the function itself (decision 28), so a file that an inner run reads by its
path can change, and the outer run is found all the same. It is told, not refused: decision 34 says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consist.errors import IdentityWarning, StorageError, warn
from consist.index.records import FORGOTTEN
from consist.runs.formats.registry import FILE
from consist.runs.inputs import FOLDER
from consist.runs.leftovers import older_than_call
from consist.store.asked import known_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consist.index.records import RunRecord
    from consist.store.store import Store


def asked_runs(ids: Iterable[str], store: Store) -> tuple[list[RunRecord], list[str]]:
    """Return the runs that a function asked for, and which of them was called wrong before it returned."""
    try:
        asked = list(known_runs(store, ids))
    except StorageError as error:
        return [], [f"it could not be seen whether a run that it asked for was forgotten: {error}"]
    return asked, [f"run {run.id}, which it asked for, was forgotten" for run in asked if run.status == FORGOTTEN]


def told_of_unseen(step: str, asked: list[RunRecord], called: int, given: list[str]) -> Iterator[str]:
    """Warn of files and folders that the runs that a function asked for read, and that are no input of its own.

    What came into being during the call is the function's own doing, and no warning: also what changed within a tick of
    the clock before it.

    Parameters
    ----------
    step : str
        The function's.
    asked : list of RunRecord
        What it asked for.
    called : int
        When it was called: microseconds since 1970.
    given : list of str
        What it was given, and what it asked for made.

    Yields
    ------
    str
        A note for the record, if there are any.
    """
    read = dict.fromkeys(item.location for run in asked for item in run.inputs if item.kind in {FILE, FOLDER})
    unseen = [path for path in read if older_than_call(path, called, given, symlinks="follow") is not None]
    if not unseen:
        return
    is_are = "is" if len(unseen) == 1 else "are"
    told = f"{step} asked in its body for a run that reads {', '.join(unseen)}, which {is_are} in no input of {step}"
    hint = f"when that changes, {step} is found all the same; name it in inputs or depends_on of {step} too"
    warn(f"{told} ({hint})", IdentityWarning)
    yield told
