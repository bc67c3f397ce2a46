"""The index, made anew from the store: every run, output, edge, and what the log adds to them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from consist.blobs import layout
from consist.blobs.listed import read_listed
from consist.blobs.unreadable import is_of_object
from consist.errors import (
    BlobNotFoundError,
    ConsistError,
    DamagedError,
    DamagedWarning,
    FormatError,
    StorageError,
    StoragePermissionError,
    warn,
)
from consist.index.records import decode_events, decode_record
from consist.store.aside import Aside
from consist.store.batches import bring_back
from consist.store.mending import frame_key, mend_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from consist.blobs.backend import ObjectStat
    from consist.index.records import RunRecord
    from consist.store.store import Store


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild found.

    Attributes
    ----------
    runs, batches : int
        How many there are of each.
    damaged : int
        How many objects of the store are damaged still.
    mended : int
        How many records and batches of events were damaged, or batches gone, and are written anew from the index.
    """

    runs: int
    batches: int
    damaged: int
    mended: int = 0


def rebuild(store: Store, *, seen: Callable[[int], object] = int) -> Rebuilt:
    """Make the index of a store anew.

    Parameters
    ----------
    store : Store
        Only its objects are read; what the index held of this store is dropped first. Brought to the store before are
        events that it has not got, and after that what it has lost and the index had: records that are damaged, events
        whose batches are damaged or gone. Where it may not be written, the index keeps them.
    seen : callable
        Told 1 for each object that was read.

    Returns
    -------
    Rebuilt
        How many runs and batches of events it took in, and how many objects are damaged or were, each with a warning.
    """
    with contextlib.suppress(StoragePermissionError):
        store.events.flush()
    found = _Records(store, seen)
    with Aside(store.index) as aside:
        store.index.clear()
        store.index.put_runs(found)
        _mend_records(store, found, aside)
        _apply_log(store, found, aside)
    _chunks(store, found)
    store.index.mark_rebuilt()
    with contextlib.suppress(StoragePermissionError):
        store.tidy()
    return Rebuilt(found.count, found.batches, found.damaged, found.mended)


class _Records:
    """Iterates over the records of a store, the ones that signatures lead to last, so that they have the last word."""

    def __init__(self, store: Store, seen: Callable[[int], object]) -> None:
        self._store = store
        self._seen = seen
        self.count = 0
        self.batches = 0
        self.damaged = 0
        self.mended = 0
        self.not_whole: dict[str, ConsistError] = {}

    def __iter__(self) -> Iterator[tuple[RunRecord, bytes]]:
        for area in (layout.RUNS, layout.RESULTS):
            for key, read in self.read(self._store.backend.list(area), self.not_whole):
                try:
                    record = decode_record(read, frame_key(key))
                except FormatError as error:
                    self.complain(key, error)
                    continue
                except DamagedError as error:
                    self.not_whole[key] = error
                    continue
                self.count += 1
                yield record, read

    def read(self, listed: Iterable[ObjectStat], not_whole: dict[str, ConsistError]) -> Iterator[tuple[str, bytes]]:
        """Yield objects, key and bytes; note those that cannot be read."""

        def unread(found: ObjectStat, error: StorageError) -> None:
            not_whole[found.key] = error

        for found, read in read_listed(self._store.backend, listed, unread):
            self._seen(1)
            yield found.key, read

    def unread(self, found: ObjectStat, error: StorageError) -> None:
        """Say of what no index has another copy that it cannot be read."""
        self.complain(found.key, error)

    def complain(self, key: str, error: ConsistError) -> None:
        self.damaged += 1
        warn(f"{key} is left out of the index: {error.message}", DamagedWarning)

    def mend(self, what: str, kept: str, *, is_written: bool) -> None:
        """Say of what was lost that the index had it."""
        self.mended += is_written
        self.damaged += not is_written
        done = "is written anew from the index, which had" if is_written else "cannot be written anew; the index keeps"
        warn(f"{what} {done} {kept}", DamagedWarning)


def _mend_records(store: Store, found: _Records, aside: Aside) -> None:
    """Take in the runs whose records are damaged from what the index had of them, and write those records anew."""
    if found.not_whole:
        for key, known in aside.records_at(set(found.not_whole)):
            mended = mend_record(store, key, known)
            if mended is None:
                continue
            error = found.not_whole.pop(key)
            store.index.put_run(mended.record, mended.framed)
            found.count += 1
            found.mend(f"{key} ({error.message})", f"run {known.id} (step {known.step})", is_written=mended.is_written)
    for key, error in found.not_whole.items():
        found.complain(key, error)


def _apply_log(store: Store, found: _Records, aside: Aside) -> None:
    """Apply all batches of events: first those that the index had, to see what it had from those that are lost."""
    known: list[ObjectStat] = []
    others: list[ObjectStat] = []
    for listed in sorted(store.backend.list(layout.LOG)):
        (known if listed.key in aside.batches else others).append(listed)
    damaged = _apply(store, found, known)
    lost = sorted({*damaged, *aside.batches.difference(listed.key for listed in known)})
    if lost:
        is_written = bring_back(store, lost, aside.events())
        for key in lost:
            what = f"{key} ({damaged[key].message if key in damaged else 'missing'})"
            found.mend(what, "its events", is_written=is_written)
        found.batches += len(lost)
    for key, error in _apply(store, found, others).items():
        found.complain(key, error)


def _apply(store: Store, found: _Records, listed: list[ObjectStat]) -> dict[str, ConsistError]:
    """Apply batches, and return what is wrong with those that are damaged or cannot be read, by key."""
    damaged: dict[str, ConsistError] = {}
    for key, data in found.read(listed, damaged):
        try:
            store.index.apply_log(key, decode_events(data, key))
            found.batches += 1
        except FormatError as error:
            found.complain(key, error)
        except DamagedError as error:
            damaged[key] = error
    return damaged


def _chunks(store: Store, found: _Records) -> None:
    """Fill the chunk table from the manifests, and from the directories of packs that no manifest names.

    Those are of uploads that were interrupted, and go on from there; or they are damaged, and what was in them was
    written anew elsewhere. So what a manifest says of a chunk counts more.
    """
    from consist.blobs.chunktable import entries_of_manifest, entries_of_pack
    from consist.blobs.pack import PackRef, read_directory

    named: set[bytes] = set()
    for listed, data in read_listed(store.backend, store.backend.list(layout.MANIFESTS), found.unread):
        try:
            manifest = store.blobs.large.decode(layout.key_digest(listed.key), data)
        except (DamagedError, FormatError) as error:
            found.complain(listed.key, error)
            continue
        named.update(ref.digest for ref in manifest.packs)
        store.index.chunks.add(entries_of_manifest(manifest))
    for listed in store.backend.list(layout.PACKS):
        try:
            ref = PackRef(layout.key_digest(listed.key).raw, listed.size)
            if ref.digest in named:
                continue
            entries = entries_of_pack(ref, read_directory(store.backend, ref).pieces)
        except (BlobNotFoundError, DamagedError, FormatError):  # a hint less: `verify` names it
            continue
        except StorageError as error:
            if not is_of_object(error):
                raise
            continue
        known = store.index.chunks.find_many([digest for digest, _ in entries])
        store.index.chunks.add([new for new, old in zip(entries, known, strict=True) if old is None])
