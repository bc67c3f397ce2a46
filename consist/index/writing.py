"""Taking runs in and out, with all that leads to them. Each function works within one transaction of its caller.

What is written for a run is made from its record and its marks alone, so it can be taken out again by the same rule,
and a rebuilt index is the same. If a record that is to be taken out is damaged, entries that led to it stay behind;
readers pass over what leads nowhere.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from consist.errors import DamagedError
from consist.index import lookup, marks, stepsums
from consist.index.records import RUN, decode_record, encode_record
from consist.index.schema import (
    APPLIED,
    BY_RECORD,
    BY_SIGNATURE,
    KEPT_ON_CLEAR,
    STORE_TABLES,
    is_run_id,
    name,
    run_key,
    suffix,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consist.hashing.digest import Digest
    from consist.index.marks import Change
    from consist.index.records import ArtifactRecord, RunRecord
    from consist.index.view import View

_BATCH_RUNS = 4000  # random keys touch a page each, which a commit writes: 20 % faster than 1,000, and 0.2 s
_BATCH_BYTES = 16 << 20
_CLEAR_KEYS = 5000


def batches(runs: Iterable[tuple[RunRecord, bytes]]) -> Iterator[list[tuple[RunRecord, bytes]]]:
    """Cut a stream of runs into pieces that make a transaction each."""
    batch: list[tuple[RunRecord, bytes]] = []
    size = 0
    for record, framed in runs:
        batch.append((record, framed))
        size += len(framed)
        if len(batch) == _BATCH_RUNS or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def put_batch(view: View, batch: list[tuple[RunRecord, bytes]]) -> int:
    """Take in some runs; return how many."""
    for record, framed in batch:
        put_run(view, record, framed)
    return len(batch)


def put_run(view: View, record: RunRecord, framed: bytes) -> None:
    """Take in a run; one with the same id is replaced, one with the same signature stays without it."""
    key = run_key(record.id)
    changes = marks.of_run(view, record.id)
    if changes and marks.held(changes, marks.FORGET) and record != record.forgotten():
        record = record.forgotten()
        framed = encode_record(record)
    if view.has("runs", key):  # a run that was just executed is not: one look, of each that a miss makes
        if _is_there(view, record, framed):
            return
        _take_out(view, record.id)
    if record.signature is None:
        view.put("runs", key, BY_RECORD + framed)
    else:
        if not view.put_new("results", record.signature.raw, framed):
            _free_signature(view, record.signature)
            view.put("results", record.signature.raw, framed)
        view.put("runs", key, BY_SIGNATURE + record.signature.raw)
    _put_entries(view, record, changes)


def replace_run(view: View, old_id: str, record: RunRecord, framed: bytes, old_framed: bytes | None) -> None:
    """Take in a run; the old one stays as a run without signature."""
    old = lookup.get_run(view, old_id) if old_id != record.id else None
    if old is not None:
        if old_framed is not None:
            decode_record(old_framed, old_id.encode())
        _demote(view, old, old_framed)
    put_run(view, record, framed)


def forget(view: View, run_id: str) -> None:
    """Let a run whose mark says that it is wrong stay as one that no signature leads to."""
    record = lookup.get_run(view, run_id)
    if record is not None:
        put_run(view, record, encode_record(record))


def unlink(view: View, signature: Digest) -> bool:
    """Take out the run that a signature leads to, and all of it."""
    data = view.get("results", signature.raw)
    if data is None:
        return False
    try:
        run_id = decode_record(data, signature.raw).id
    except DamagedError:
        # The record cannot say whose it is, so its run is looked for: slow, and rare.
        pointer = BY_SIGNATURE + signature.raw
        run_id = next((key.decode("ascii", "replace") for key, found in view.scan("runs") if found == pointer), "")
    if not remove_run(view, run_id):
        view.delete("results", signature.raw)
    return True


def remove_run(view: View, run_id: str) -> bool:
    """Take out a run, and all of it."""
    if not is_run_id(run_id):
        return False
    found = _take_out(view, run_id)
    marks.remove_all(view, run_id)
    view.delete("hits", run_key(run_id))
    return found


def clear_some(view: View) -> bool:
    """Delete some keys of the tables that a rebuild fills; False if there are none left."""
    left = _CLEAR_KEYS
    for table in STORE_TABLES:
        if table in KEPT_ON_CLEAR:
            continue
        start = APPLIED if table == "events" else b""
        keys = [key for key, _ in islice(view.scan(table, start), left)]
        for key in keys:
            view.delete(table, key)
        left -= len(keys)
        if left == 0:
            return True
    return left < _CLEAR_KEYS


def _is_there(view: View, record: RunRecord, framed: bytes) -> bool:
    found = view.get("runs", run_key(record.id))
    if record.signature is None:
        return found == BY_RECORD + framed
    return found == BY_SIGNATURE + record.signature.raw and view.get("results", record.signature.raw) == framed


def _demote(view: View, record: RunRecord, framed: bytes | None) -> None:
    """Keep a run as one that no signature leads to; its other entries are the same."""
    if record.signature is not None:
        view.delete("results", record.signature.raw)
        framed = framed if framed is not None else encode_record(record.without_signature())
    if framed is not None:
        view.put("runs", run_key(record.id), BY_RECORD + framed)


def _free_signature(view: View, signature: Digest) -> None:
    """Let the run that a signature leads to stay without it, or go if it is damaged."""
    data = view.get("results", signature.raw)
    if data is None:
        return
    try:
        _demote(view, decode_record(data, signature.raw), None)
    except DamagedError:
        unlink(view, signature)


def _take_out(view: View, run_id: str) -> bool:
    """Take out a run's record, edges and entries, but not its marks and hits; tell whether there was one."""
    key = run_key(run_id)
    found = view.get("runs", key)
    if found is None:
        return False
    try:
        record = lookup.get_run(view, run_id)
    except DamagedError:
        record = None
    if record is not None:
        _delete_entries(view, record)
    if found[:1] == BY_SIGNATURE:
        view.delete("results", found[1:])
    view.delete("runs", key)
    return True


def _entries(record: RunRecord, changes: list[Change], end: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield table and key of what lists a run, beside its step: what its record says, and what was given and taken."""
    yield "by_time", end
    yield "by_status", name(record.status) + end
    if record.kind != RUN:
        yield "by_kind", name(record.kind) + end
    for asked in record.asked:
        yield "by_asked", run_key(asked) + end
    for parent in marks.parents(changes, record.parent):
        yield "by_parent", name(parent) + end
    for tag in marks.tags(changes, record.tags):
        yield "by_tag", name(tag) + end


def _edges(record: RunRecord, end: bytes) -> Iterator[tuple[str, bytes, list[str]]]:
    """Yield table, key and names of a run's edges; a content under two names is one edge with both."""
    parts: tuple[tuple[str, tuple[Any, ...]], ...] = (("producers", record.outputs), ("consumers", record.inputs))
    for table, items in parts:
        if not items:
            continue
        names: dict[bytes, list[str]] = {}
        for item in items:
            names.setdefault(item.digest.raw, []).append(item.key)
        for raw, keys in names.items():
            yield table, raw + end, keys


def _put_entries(view: View, record: RunRecord, changes: list[Change]) -> None:
    end = suffix(record.started, record.id)
    # A damaged record cannot be taken out, so its entries may be there: counted once, by its entry.
    if view.put_new("by_step", name(record.step) + end):
        stepsums.count(view, record, 1)
    for table, key in _entries(record, changes, end):
        view.put(table, key)
    for table, key, names in _edges(record, end):
        view.put_sealed(table, key, names)
    for output in record.outputs:
        _put_blob(view, output, record.ended)


def _put_blob(view: View, output: ArtifactRecord, ended: int) -> None:
    """Note what is known of an output's content; of one that was known, it is not inline if it ever was not."""
    raw, inline = output.digest.raw, output.inline is not None
    if view.put_new_sealed("blobs", raw, [output.size, inline, ended]):
        return
    _, was_inline, confirmed = _sealed_or_none(view, "blobs", raw) or (0, True, 0)
    view.put_sealed("blobs", raw, [output.size, inline and was_inline, max(ended, confirmed)])


def _delete_entries(view: View, record: RunRecord) -> None:
    end = suffix(record.started, record.id)
    view.delete("by_step", name(record.step) + end)
    for table, key in _entries(record, marks.of_run(view, record.id), end):
        view.delete(table, key)
    for table, key, _ in _edges(record, end):
        view.delete(table, key)
    stepsums.count(view, record, -1)
    for output in record.outputs:
        if next(view.scan("producers", output.digest.raw), None) is None:
            view.delete("blobs", output.digest.raw)


def _sealed_or_none(view: View, table: str, key: bytes) -> Any:
    """Return a value, or None if there is none or it is damaged: then it is written anew."""
    try:
        return view.get_sealed(table, key)
    except DamagedError:
        return None
