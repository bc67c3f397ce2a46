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
from consist.store.verify import frame_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from consist.blobs.backend import ObjectStat
    from consist.index.records import Event, RunRecord
    from consist.store.store import Store


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild found."""

    runs: int
    batches: int
    damaged: int


def rebuild(store: Store, *, seen: Callable[[int], object] = int) -> Rebuilt:
    """Make the index of a store anew.

    Parameters
    ----------
    store : Store
        Only its objects are read; what the index held of this store is dropped first, undelivered events excepted:
        they are brought to the store before.
    seen : callable
        Told 1 for each object that was read.

    Returns
    -------
    Rebuilt
        How many runs and batches of events it took in, and how many objects it could not read, each with a warning.
    """
    store.events.flush()
    store.index.clear()
    found = _Records(store, seen)
    store.index.put_runs(found)
    batches = 0
    for key, events in _batches(store, found):
        store.index.apply_log(key, events)
        batches += 1
    _chunks(store, found)
    store.index.mark_rebuilt()
    with contextlib.suppress(StoragePermissionError):
        store.tidy()
    return Rebuilt(found.count, batches, found.damaged)


class _Records:
    """Iterates over the records of a store, the ones that signatures lead to last, so that they have the last word."""

    def __init__(self, store: Store, seen: Callable[[int], object]) -> None:
        self._store = store
        self._seen = seen
        self.count = 0
        self.damaged = 0

    def __iter__(self) -> Iterator[tuple[RunRecord, bytes]]:
        for area in (layout.RUNS, layout.RESULTS):
            for key, read in self.read(self._store.backend.list(area)):
                try:
                    record = decode_record(read, frame_key(key))
                except (DamagedError, FormatError) as error:
                    self.complain(key, error)
                    continue
                self.count += 1
                yield record, read

    def read(self, listed: Iterable[ObjectStat]) -> Iterator[tuple[str, bytes]]:
        for found, read in read_listed(self._store.backend, listed, self.unread):
            self._seen(1)
            yield found.key, read

    def unread(self, found: ObjectStat, error: StorageError) -> None:
        self.complain(found.key, error)

    def complain(self, key: str, error: ConsistError) -> None:
        self.damaged += 1
        warn(f"{key} is left out of the index: {error.message}", DamagedWarning)


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


def _batches(store: Store, found: _Records) -> Iterator[tuple[str, tuple[Event, ...]]]:
    for key, data in found.read(sorted(store.backend.list(layout.LOG))):
        try:
            yield key, decode_events(data, key)
        except (DamagedError, FormatError) as error:
            found.complain(key, error)
