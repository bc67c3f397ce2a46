"""`put`: content that no function made, kept as the output of a run of its own and pinned."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, BinaryIO

from consist.identity.names import check_name
from consist.index.records import COMPLETED, ArtifactRecord, Event, RunRecord, new_run_id
from consist.store.publish import keep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consist.blobs.blobstore import Stored
    from consist.store.store import Store

STEP = "put"
"""The step under which what was put is found again: ``steps/put/<name>``."""

_FILE = "file"


def put(store: Store, stream: BinaryIO, name: str, *, origin: str, machine: Mapping[str, Any]) -> RunRecord:
    """Store what is left in a stream, and keep it.

    Parameters
    ----------
    store : Store
        Where it goes.
    stream : binary file
        The content.
    name : str
        What it is called: the output's key, and the name that it is restored under.
    origin : str
        The file's path, or ``""``.
    machine : mapping
        Plain facts about this machine.

    Returns
    -------
    RunRecord
        A completed run that no signature leads to, with one output. It is pinned. Putting the same content under
        the same name again returns the run that did it first.

    Raises
    ------
    UsageError
        If `name` cannot be a name.
    StorageError
        If the store cannot be written. What the stream raises passes through; nothing is kept then.
    """
    key = check_name("output", name)
    began = time.time_ns() // 1000
    stored = store.blobs.put_stream(stream)
    earlier = _earlier(store, stored, key)
    if earlier is not None:
        return earlier
    record = RunRecord(
        id=new_run_id(),
        signature=None,
        step=STEP,
        status=COMPLETED,
        started=began,
        ended=time.time_ns() // 1000,
        outputs=(ArtifactRecord(key, stored.digest, stored.size, _FILE, None, {"path": origin} if origin else {}),),
        returns="single",
        machine=dict(machine),
    )
    keep(store, record)
    store.events.add(Event("pin", record.id, record.ended, 1, STEP))
    store.events.flush()
    return record


def _earlier(store: Store, stored: Stored, key: str) -> RunRecord | None:
    """Find a pinned run that put this very content under this very name."""
    for edge in store.index.producers(stored.digest):
        record = store.index.get_run(edge.run_id) if edge.key == key else None
        if record is None or record.step != STEP or record.signature is not None:
            continue
        if store.index.marks(record.id, "pin"):
            return record
    return None
