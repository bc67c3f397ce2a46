"""The write order of a run: its blobs are in the store already, then its record, then the index.

A record is published once. Of two writers of one signature the first wins, and the other's run is kept beside it as
one that no signature leads to. A record is replaced only by compare-and-swap, and only after it was copied to
``runs/<id>``: when the caller wants it (`overwrite`), when what it names is missing or damaged (healing), or when it
was forgotten (``marking.py``).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from consist.blobs import layout
from consist.errors import AlreadyExistsError, BlobNotFoundError, ChangedError, DamagedError, UnsupportedError
from consist.index.records import decode_record, encode_record
from consist.store.latest import note_latest
from consist.store.lookup import is_forgotten, known_run, let_go, missing_output, note_published

if TYPE_CHECKING:
    from consist.hashing.digest import Digest
    from consist.index.records import RunRecord
    from consist.store.store import Store

_ATTEMPTS = 5


def publish(store: Store, record: RunRecord, *, overwrite: bool = False) -> RunRecord:
    """Publish a completed run under its signature.

    Parameters
    ----------
    store : Store
        Its blobs are there already.
    record : RunRecord
        With a signature.
    overwrite : bool
        Replace what the signature leads to.

    Returns
    -------
    RunRecord
        What the signature leads to now: `record`, or the run that was published before it.

    Raises
    ------
    UnsupportedError
        If a record must be replaced, and the backend has no compare-and-swap.
    ChangedError
        If other writers replaced the record again and again meanwhile.
    """
    framed = encode_record(record)
    key = _key(record)
    for _ in range(_ATTEMPTS):
        known = known_run(store, _signature(record))
        try:
            store.backend.create(key, framed)
        except AlreadyExistsError:
            try:
                winner = _meet(store, record, framed, known, overwrite=overwrite)
            except (ChangedError, BlobNotFoundError):
                continue  # somebody replaced or removed it between our look and our write: look again
            if winner is None:
                _settle(store, record, framed)
                note_latest(store, record)
            return winner or record
        store.index.put_run(record, framed)
        let_go(store, known, record)
        note_published(store, _signature(record))
        note_latest(store, record)
        return record
    raise ChangedError(f"{key} keeps changing", hint="call again")


def keep(store: Store, record: RunRecord) -> None:
    """Keep a run that no signature leads to: failed, uncached, superseded, forgotten."""
    store.index.put_run(record, _copy(store, record))


def _copy(store: Store, record: RunRecord) -> bytes:
    """Write a record to ``runs/<id>`` and return its bytes."""
    framed = encode_record(record)
    key = layout.run_key(record.id)
    try:
        store.backend.create(key, framed)
    except AlreadyExistsError:  # ids are random: the same run's, from a writer that died before its next step
        found = store.backend.get(key)
        with contextlib.suppress(DamagedError):
            decode_record(found, record.frame_key)
            return found
        store.backend.put(key, framed)
    return framed


def _meet(
    store: Store, record: RunRecord, framed: bytes, known: RunRecord | None, *, overwrite: bool
) -> RunRecord | None:
    """Settle with the record that is there: return it if it stays, or replace it and return None.

    `known` is what the index had for the signature. Where the store's record is damaged it may be the last copy.
    """
    data, version = store.backend.get_versioned(_key(record))
    try:
        existing = decode_record(data, record.frame_key)
    except DamagedError:
        existing = None
    if existing is not None and existing.id == record.id:
        return None  # our own write landed, its answer was lost
    forgotten = existing is not None and is_forgotten(store, existing)
    if existing is not None and not overwrite and not forgotten and missing_output(store, existing) is None:
        keep(store, record.without_signature())
        store.index.put_run(existing, data)
        let_go(store, known, existing)
        return existing
    if not store.backend.capabilities.replace:
        raise UnsupportedError(
            f"{store.backend.url} has no compare-and-swap, so the published record cannot be replaced",
            hint="use a store on a place that has it: a local folder has",
        )
    superseded = existing or known
    if superseded is not None:
        let_go(store, known, superseded)
        # The index lets go before the store does: killed after the replacement, it would lead to the old run for ever.
        keep(store, superseded.forgotten() if forgotten else superseded.without_signature())
    store.backend.replace(_key(record), framed, if_match=version)
    return None


def _settle(store: Store, record: RunRecord, framed: bytes) -> None:
    """Tell the index of a record that was replaced, until it says what the store says.

    Of two that overwrite one signature, the one that was first in the store may be the last to tell the index.
    """
    told, told_framed = record, framed
    for _ in range(_ATTEMPTS):
        store.index.put_run(told, told_framed)
        try:
            found = store.backend.get(_key(record))
            if found == told_framed:
                break
            told, told_framed = decode_record(found, record.frame_key), found
        except (BlobNotFoundError, DamagedError):  # the next look-up sees it too, and says so
            break


def _signature(record: RunRecord) -> Digest:
    if record.signature is None:
        raise ValueError("a record without a signature is kept, not published")
    return record.signature


def _key(record: RunRecord) -> str:
    return layout.digest_key(layout.RESULTS, _signature(record))
