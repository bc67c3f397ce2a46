"""What changed while a function ran: its inputs, and what its own identity is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consist.errors import IdentityWarning, InputError, StorageError, warn
from consist.identity.labels import FILE, kind_of
from consist.runs.artifact import Artifact
from consist.runs.request import identity_of_code

if TYPE_CHECKING:
    from pathlib import Path

    from consist.runs.logbook import Logbook
    from consist.runs.request import Identified


def input_changes(logbook: Logbook, run_dir: Path) -> list[str]:
    """Say which inputs changed while the function ran: no signature may lead to its run."""
    try:
        changed = logbook.changed_inputs()
    except StorageError as error:
        return [f"it could not be seen whether inputs changed meanwhile: {error}"]
    return [f"input {name!r} changed while the function ran{_why(logbook, name, run_dir)}" for name in changed]


def _why(logbook: Logbook, name: str, run_dir: Path) -> str:
    """Say of an input that holds the folder that runs write to what to do; elsewhere it is somebody else's change."""
    source = logbook.inputs[name].source
    if isinstance(source, Artifact) or not run_dir.resolve().is_relative_to(source.resolve()):
        return ""
    return f" (it holds run_dir, {run_dir}, where runs write: name a folder in it that holds the data only)"


def code_changes(identified: Identified) -> tuple[list[str], list[str]]:
    """Notice what changed of the function's own identity, such as a global that it reads and writes.

    Returns
    -------
    list of str
        Why no signature may lead to the run: a file that the code depends on was another one before or after it was
        read, as an input that changes.
    list of str
        What else there is to note: a value that the function changes itself makes the next call a miss, no wrong hit.
    """
    before = identified.code
    try:
        after = identity_of_code(identified.request, identified.config)
    except InputError as error:
        return [f"it could not be seen whether what it depends on changed: {error.message}"], []
    if after is before:  # as the memo hands it out for what is unchanged
        return [], []
    labels = before.manifest.keys() | after.manifest.keys()
    changed = sorted(label for label in labels if before.manifest.get(label) != after.manifest.get(label))
    files = [label for label in changed if kind_of(label, labels) == FILE]
    others = [label for label in changed if label not in files]
    told = [f"{label}, which it depends on, changed while the function ran" for label in files]
    if before.digest == after.digest or (files and not others):
        return told, []
    message = f"the function changed what its own identity is made of: {', '.join(others) or 'its order'}"
    warn(
        f"step {identified.request.step!r}: {message}; the next call is a miss (pass the value in config or inputs, or,"
        f" if it does not decide the result, leave it out: {_ignoring(others)})",
        IdentityWarning,
    )
    return told, [message]


def _ignoring(labels: list[str]) -> str:
    """Write the option that leaves the values behind some labels out: ``job:CACHE (used by job.f)`` is job.CACHE."""
    names = [label.partition(" (used by")[0].replace(":", ".") for label in labels]
    return f"CodeOptions(ignore={names})"
