"""What an index has of its store, kept aside before the index is emptied: for what the store turns out to have lost."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

from consist.blobs import layout
from consist.blobs.spool import Spool
from consist.errors import DamagedError, FormatError
from consist.index.logobject import MAX_EVENTS, decode_events, encode_events
from consist.index.records import decode_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from consist.index.index import Index
    from consist.index.records import Event, RunRecord

_IN_MEMORY = 16 << 20
_LENGTH = struct.Struct(">I")
_BATCH = MAX_EVENTS // 100


class Aside:
    """All records and events of an index, in a file of the system's if they are many: 0.3 GB for 100,000 runs.

    Nothing is looked at but what is asked for: as a rule, nothing.

    Parameters
    ----------
    index : Index
        As it is now.

    Attributes
    ----------
    batches : set of str
        The batches of events that it has taken in, and the store has had.

    Raises
    ------
    StorageError
        If there is no room.
    """

    def __init__(self, index: Index) -> None:
        self.batches = index.everything.batches()
        self._records = _kept(index.everything.records())
        self._events = _kept(encode_events("", batch) for batch in _batches(index.everything.events()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._records.close()
        self._events.close()

    def records_at(self, keys: set[str]) -> Iterator[tuple[str, RunRecord]]:
        """Yield the runs whose records should lie at some keys, with the key, as far as the index had them whole."""
        for data in _read(self._records):
            try:
                record = decode_record(data)
            except (DamagedError, FormatError):
                continue
            yield from ((key, record) for key in keys.intersection(_keys(record)))

    def events(self) -> Iterator[Event]:
        """Yield all events, as far as the index had them whole."""
        for data in _read(self._events):
            yield from decode_events(data)


def _keys(record: RunRecord) -> list[str]:
    """Return where records of a run may lie: of one that was superseded, its copy does."""
    own = layout.run_key(record.id)
    return [own] if record.signature is None else [layout.digest_key(layout.RESULTS, record.signature), own]


def _batches(events: Iterator[Event]) -> Iterator[list[Event]]:
    from itertools import islice

    while batch := [*islice(events, _BATCH)]:
        yield batch


def _kept(items: Iterable[bytes]) -> Spool:
    spool = Spool(_IN_MEMORY)
    for data in items:
        spool.write(_LENGTH.pack(len(data)) + data)
    return spool


def _read(spool: Spool) -> Iterator[bytes]:
    path = spool.path
    with io.BytesIO(b"".join(spool.pieces())) if path is None else open(path, "rb") as stream:  # noqa: PTH123 - a str
        while head := stream.read(_LENGTH.size):
            yield stream.read(_LENGTH.unpack(head)[0])
