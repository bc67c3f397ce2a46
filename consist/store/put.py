"""`put`: content that no function made, kept as the output of a run of its own and pinned."""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING, Any, BinaryIO

from consist.blobs import layout
from consist.blobs.folderscan import REFUSE
from consist.blobs.treeput import put_tree
from consist.blobs.unreadable import is_of_object
from consist.errors import BlobNotFoundError, DamagedError, FormatError, StorageError
from consist.identity.names import as_text, check_name
from consist.index.records import COMPLETED, TREE, ArtifactRecord, Event, RunRecord, decode_record, new_run_id
from consist.store.latest import earlier_tree, earlier_version, note_latest
from consist.store.mending import mend_record
from consist.store.publish import keep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from consist.blobs.stored import Stored
    from consist.store.store import Store

STEP = "put"
"""The step under which what was put is found again: ``steps/put/<name>``."""

_FILE = "file"


def put_folder(  # noqa: PLR0913 - two say how, the others what
    store: Store,
    folder: str,
    name: str,
    *,
    machine: Mapping[str, Any],
    symlinks: str = REFUSE,
    seen: Callable[[int], object] = int,
) -> RunRecord:
    """Store a folder as a tree, and keep it.

    Parameters
    ----------
    store : Store
        Where it goes.
    folder : str
        Its path.
    name : str
        What it is called.
    machine : mapping
        Plain facts about this machine.
    symlinks : {"refuse", "follow"}
        What to do about symbolic links in it.
    seen : callable
        Told how many bytes were read since it was told last.

    Returns
    -------
    RunRecord
        As of `put`.

    Raises
    ------
    UsageError
        If `name` cannot be a name, or the folder holds what cannot be stored, such as the store itself.
    StorageError
        If the store cannot be written.
    """
    key = check_name("output", name)
    store.files.refuse_own(folder)
    began = time.time_ns() // 1000
    stored = put_tree(store.blobs, folder, symlinks=symlinks, like=lambda: earlier_tree(store, STEP, key), seen=seen)
    media = {"path": as_text(folder), "files": stored.files, "total": stored.total}
    return _kept(store, ArtifactRecord(key, stored.digest, stored.size, TREE, None, media), began, machine)


def put_file(
    store: Store, path: str, name: str, *, machine: Mapping[str, Any], seen: Callable[[int], object] = int
) -> RunRecord:
    """Store a file as it was at one moment, and keep it.

    Parameters
    ----------
    store : Store
        Where it goes.
    path : str
        The file.
    name, machine, seen
        As of `put`.

    Returns
    -------
    RunRecord
        As of `put`.

    Raises
    ------
    UsageError
        If `name` cannot be a name, or the file keeps changing while it is read.
    OSError
        If the file cannot be read. One of the storage is a `StorageError`.
    """
    key = check_name("output", name)
    began = time.time_ns() // 1000
    executable = bool(os.stat(path).st_mode & stat.S_IXUSR)  # noqa: PTH116 - a string, as everywhere in the layer below
    stored = store.blobs.put_file(path, like=lambda: earlier_version(store, STEP, key), seen=seen)
    media = {"path": as_text(path)} | ({"executable": True} if executable else {})
    return _kept(store, _record_of_file(key, stored, media), began, machine)


def put(
    store: Store, stream: BinaryIO, name: str, *, machine: Mapping[str, Any], seen: Callable[[int], object] = int
) -> RunRecord:
    """Store what is left in a stream, and keep it. Of a file `put_file` sees whether it changes meanwhile.

    Parameters
    ----------
    store : Store
        Where it goes.
    stream : binary file
        The content.
    name : str
        What it is called: the output's key, and the name that it is restored under.
    machine : mapping
        Plain facts about this machine.
    seen : callable
        Told how many bytes were read since it was told last.

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
    stored = store.blobs.put_stream(stream, like=lambda: earlier_version(store, STEP, key), seen=seen)
    return _kept(store, _record_of_file(key, stored, {}), began, machine)


def _record_of_file(key: str, stored: Stored, media: dict[str, Any]) -> ArtifactRecord:
    if stored.chunks is not None:
        media["chunks"] = stored.chunks.raw
    return ArtifactRecord(key, stored.digest, stored.size, _FILE, None, media)


def _kept(store: Store, output: ArtifactRecord, began: int, machine: Mapping[str, Any]) -> RunRecord:
    """Record a run with one output and pin it, unless one has kept this very output already."""
    earlier = _earlier(store, output)
    if earlier is not None:
        return earlier
    record = RunRecord(
        id=new_run_id(),
        signature=None,
        step=STEP,
        status=COMPLETED,
        started=began,
        ended=time.time_ns() // 1000,
        outputs=(output,),
        returns="single",
        machine=dict(machine),
    )
    keep(store, record)
    note_latest(store, record)
    store.events.add(Event("pin", record.id, record.ended, 1, STEP))
    store.events.flush()
    return record


def _earlier(store: Store, output: ArtifactRecord) -> RunRecord | None:
    """Find a pinned run that put this very content under this very name.

    One whose record is damaged gets it anew; one whose record is gone is let go of.
    """
    for edge in store.index.producers(output.digest):
        record = store.index.get_run(edge.run_id) if edge.key == output.key else None
        if record is None or record.step != STEP or record.signature is not None:
            continue
        if (record.outputs[0].format, record.outputs[0].executable) != (output.format, output.executable):
            continue  # the list of a tree, put as a file; or the same file before it became executable
        if not store.index.marks(record.id, "pin"):
            continue
        if _is_there(store, record):
            return record
        store.index.remove_run(record.id)  # else no other machine would ever know that this was put
    return None


def _is_there(store: Store, record: RunRecord) -> bool:
    """Tell whether the store has the record of a run; one that is damaged there is written anew."""
    key = layout.run_key(record.id)
    try:
        decode_record(store.backend.get(key), record.frame_key)
    except BlobNotFoundError:
        return False
    except FormatError:  # a newer consist's
        return True
    except (DamagedError, StorageError) as error:
        if isinstance(error, StorageError) and not is_of_object(error):
            raise
        mended = mend_record(store, key, record)  # which leaves what there is no right to read
        if mended is not None and mended.is_written:
            store.index.put_run(mended.record, mended.framed)
    return True
