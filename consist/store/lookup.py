"""A signature to its record: the index first, then the store; whatever is missing or damaged is a miss.

A record is handed out only if the store still has it and everything that it names. What is found wrong is warned of
once per call and noted, so that the next put of the content replaces it (``blobs/blobstore.py``) and the next
publish replaces the record (``store/publish.py``): the store heals by running again.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from consist.blobs import layout
from consist.errors import (
    BlobNotFoundError,
    ConsistWarning,
    DamagedError,
    DamagedWarning,
    StorageError,
    UnreachableError,
    warn,
    warn_once,
)
from consist.index.marks import FORGET
from consist.index.records import FORGOTTEN, decode_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consist.hashing.digest import Digest
    from consist.index.marks import Mark
    from consist.index.records import RunRecord
    from consist.store.store import Store

RECHECK_MICROSECONDS = 24 * 3600 * 1_000_000
"""For so long a record that the store was known to have is believed to be there still, over a network."""

AGAIN = "; it is computed again"
"""How a message ends that says why a run was not found; it becomes a note of the run that takes its place."""

_SEEN_LIMIT = 100_000
"""Records that a process remembers to have compared; 24 MB."""


def find(
    store: Store,
    signature: Digest,
    *,
    validate: bool | str | None = None,
    said: dict[str, str] | None = None,
    index_only: bool = False,
) -> RunRecord | None:
    """Return the completed run of a signature, or None.

    Parameters
    ----------
    store : Store
        Where to look.
    signature : Digest
        What the run is.
    validate : bool or str, optional
        True: look for each output in the store, also over a network, and for each file of a folder. ``eager``: read
        each, and compare it with its digest. Else as `missing_output` does.
    said : dict of str to str, optional
        What was said before, by what it is about: whoever looks a second time for the same call hands it on.
    index_only : bool
        Do not ask the store for what the index does not have: for who will look a second time.

    Raises
    ------
    StorageError
        If the store cannot be read. Damage is no error: it is warned of, and a miss.
    """
    said = {} if said is None else said
    record = _from_index(store, signature, said)
    if record is None and not index_only:
        record = _from_store(store, signature, said)
    if record is None:
        return None
    missing = _what_is_not_whole(store, record, validate)
    if missing is not None:
        warn_once(f"run {record.id} of {record.step!r}: {missing}{AGAIN}", DamagedWarning, record.id, said)
        return None
    return record


def look(store: Store, signature: Digest, *, validate: bool | str | None = None) -> tuple[RunRecord | None, str | None]:
    """Tell what `find` would find, and change nothing: neither index nor store, and nobody is warned.

    Parameters
    ----------
    store : Store
        Where to look.
    signature : Digest
        What the run is.
    validate : bool or str, optional
        As `find` takes it.

    Returns
    -------
    RunRecord or None
        The run that the signature leads to; also one that is not whole.
    str or None
        What is wrong: then `find` finds nothing.

    Raises
    ------
    StorageError
        If the store cannot be read.
    """
    try:
        record = decode_record(store.backend.get(layout.digest_key(layout.RESULTS, signature)), signature.raw)
    except BlobNotFoundError:
        known = known_run(store, signature)
        return known, None if known is None else f"the record of run {known.id} is not in the store any more"
    except DamagedError as error:
        return known_run(store, signature), f"the record of signature {signature.short} is damaged ({error.message})"
    if is_forgotten(store, record):
        return record, f"run {record.id} was forgotten: {said_wrong(store, record)}"
    missing = _what_is_not_whole(store, record, validate)
    return record, None if missing is None else f"run {record.id}: {missing}"


def _what_is_not_whole(store: Store, record: RunRecord, validate: bool | str | None) -> str | None:
    """Say which output of a run keeps it from being found, or return None."""
    missing = missing_output(store, record)
    if missing is not None or not validate or validate == "lazy":
        return missing
    from consist.store.validate import invalid_output

    return invalid_output(store, record, read=validate == "eager")


def missing_output(store: Store, record: RunRecord) -> str | None:
    """Say which output of a run the store does not have whole, or return None if it has them all.

    In a folder each output is looked for. Over a network that would be a request for each, at every hit: there what is
    published is believed to have its outputs, as the write order promises, until a reader found one missing or damaged.
    """
    looks = store.backend.capabilities.files
    for output in record.outputs:
        if output.inline is not None:
            continue
        if output.digest in store.blobs.suspects:
            return f"output {output.key!r} was found damaged"
        if not looks:
            continue
        found = store.blobs.stat(output.digest, size=output.size)
        if found is None:
            return f"output {output.key!r} is not in the store any more"
        if found.size != output.size:
            return f"output {output.key!r} has {found.size} bytes, not {output.size}"
    return None


def is_forgotten(store: Store, record: RunRecord) -> bool:
    """Tell whether a run was said to be wrong, as far as this machine's index knows (``marking.py``)."""
    return bool(store.index.marks(record.id, FORGET))


def forgettings(store: Store, record: RunRecord) -> list[Mark]:
    """Return when and for which reasons a run was forgotten, the newest last; of others nothing is asked."""
    if record.status != FORGOTTEN:
        return []
    return sorted(store.index.marks(record.id, FORGET), key=lambda mark: mark.at)


def said_wrong(store: Store, record: RunRecord) -> str:
    """Say that a run was forgotten, and why, in the words of whoever did."""
    reasons = [mark.text for mark in store.index.marks(record.id, FORGET) if mark.text]
    return ": ".join(("somebody said that its result is wrong", *(["; ".join(reasons)] if reasons else [])))


def known_run(store: Store, signature: Digest) -> RunRecord | None:
    """Return the run that a signature leads to, as the index says; None if there is none, or it is damaged there."""
    try:
        return store.index.find(signature)
    except DamagedError:
        return None


def _from_index(store: Store, signature: Digest, said: dict[str, str]) -> RunRecord | None:
    try:
        record = store.index.find(signature, hint=True)  # if that file was deleted, the store knows
    except DamagedError as error:
        warn_once(
            f"the index has a damaged record ({error.message}); the store is asked", DamagedWarning, "index", said
        )
        return None
    if record is None:
        return None
    if not store.backend.capabilities.files:
        return record if _is_believed(store, signature, record) else None
    there = store.backend.stat(layout.digest_key(layout.RESULTS, signature))
    if there is None:
        if not _take_in_what_is_left(store, record):
            store.index.unlink(signature)
        return None
    version = (there.size, there.modified)
    if store.seen.get(signature) == version:
        return record
    if not _is_published(store, signature, record):
        _take_in_what_is_left(store, record)
        return None
    _see(store, signature, version)
    return record


def _is_believed(store: Store, signature: Digest, record: RunRecord) -> bool:
    """Tell whether a record may be used without asking over the network, or else whether the store still has it.

    What was there within the last day is believed to be there. A store that cannot be reached says nothing against it.
    """
    now = time.time_ns() // 1000
    at = store.seen.get(signature, (0, 0.0))[1] or store.index.confirmed(signature)
    if not 0 <= now - at < RECHECK_MICROSECONDS:
        try:
            if not _is_published(store, signature, record):
                _take_in_what_is_left(store, record)
                return False
            store.index.confirm(signature, now)
            at = now
        except UnreachableError as error:
            warn(f"run {record.id} is not looked at again: {error.message}", ConsistWarning)
    _see(store, signature, (0, at))
    return True


def _is_published(store: Store, signature: Digest, record: RunRecord) -> bool:
    """Compare the index's record with the store's.

    Another machine, or another index, may have replaced it; and a record that is damaged in the store must be noticed
    while somebody can still make it again.
    """
    try:
        return store.backend.get(layout.digest_key(layout.RESULTS, signature)) == store.index.framed(record.id)
    except BlobNotFoundError:
        return False


def _take_in_what_is_left(store: Store, record: RunRecord) -> bool:
    """Take in what the store keeps of a run that its signature leads to no more; tell whether it keeps anything.

    Whoever removed or replaced the record kept a copy of it, which also says whether the run was forgotten.
    """
    try:
        framed = store.backend.get(layout.run_key(record.id))
        left = decode_record(framed, record.id.encode())
    except (BlobNotFoundError, DamagedError):
        return False
    store.index.put_run(left, framed)
    return True


def let_go(store: Store, known: RunRecord | None, published: RunRecord) -> None:
    """Take out of the index a run of which the store keeps nothing, now that its signature leads to another one.

    Whoever replaces a record in order keeps a copy of it. If there is none, it was deleted or damaged: a rebuilt index
    would not have the run, and `verify` would miss its record for ever.

    Parameters
    ----------
    store : Store
        Of both.
    known : RunRecord or None
        What the index had for the signature *before* the store was asked: a run that is published later is not meant.
    published : RunRecord
        What the store has.
    """
    if known is None or known.id == published.id or _take_in_what_is_left(store, known):
        return
    if store.backend.stat(layout.run_key(known.id)) is None:  # else its copy is damaged, and the index's the last one
        store.index.remove_run(known.id)


def _see(store: Store, signature: Digest, version: tuple[int, float]) -> None:
    if len(store.seen) >= _SEEN_LIMIT:
        store.seen.clear()
    store.seen[signature] = version


def _from_store(store: Store, signature: Digest, said: dict[str, str]) -> RunRecord | None:
    """Ask the store itself, which other machines write to, and take what it has into the index."""
    known = known_run(store, signature)
    try:
        framed = store.backend.get(layout.digest_key(layout.RESULTS, signature))
        record = decode_record(framed, signature.raw)
    except BlobNotFoundError:
        return None
    except DamagedError as error:
        told = f"the record of signature {signature.short} is damaged ({error.message}){AGAIN}"
        warn_once(told, DamagedWarning, signature.hex, said)
        return None
    store.index.put_run(record, framed)
    let_go(store, known, record)
    if is_forgotten(store, record):  # whoever said so was killed before the record went; publishing replaces it
        return None
    note_published(store, signature)
    return record


def note_missing(store: Store, signatures: Sequence[Digest]) -> None:
    """Remember that the store lacks records that the index has: over a network, too, the next look-up asks for them."""
    for signature in signatures:
        store.seen.pop(signature, None)
    if signatures and not store.backend.capabilities.files:
        with contextlib.suppress(StorageError):  # an index that may only be read: it is believed for the day
            store.index.doubt(signatures)


def note_published(store: Store, signature: Digest) -> None:
    """Remember that the store has the very record that the index has: over a network it is not asked for a day."""
    if not store.backend.capabilities.files:
        store.index.confirm(signature, time.time_ns() // 1000)
        store.seen.pop(signature, None)
