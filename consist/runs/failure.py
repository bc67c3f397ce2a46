"""How a run that failed is recorded. It never takes the place of the user's own error."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from consist.errors import ConsistError, ConsistWarning, warn
from consist.index.records import FAILED
from consist.runs.draft import now
from consist.store.publish import keep

if TYPE_CHECKING:
    from consist.index.records import RunRecord
    from consist.store.store import Store


def failed_record(record: RunRecord, error: BaseException) -> RunRecord:
    """Describe a run that failed, with what it had made by then."""
    said = (type(error).__name__, _message_of(error))
    return replace(record, signature=None, status=FAILED, ended=now(), error=said)


def record_failure(record: RunRecord, store: Store) -> None:
    """Record a failed run; if that fails too, the user's own error is still the one that is raised."""
    try:
        keep(store, record)
    except ConsistError as second:
        warn(f"the failed run {record.id} could not be recorded: {second}", ConsistWarning)


def _message_of(error: BaseException) -> str:
    """Return an exception's text as it can be recorded; it is the user's, so its `__str__` may do anything."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the exception that counts is the one whose text was asked for
        return "(its message cannot be read)"
    return text[:2000].encode("utf-8", "replace").decode()
