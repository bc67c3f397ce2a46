"""Many small objects of a listing, read in batches: over a network one by one would be a round trip each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consist.blobs.backend import Range
from consist.blobs.unreadable import is_of_object
from consist.errors import BlobNotFoundError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from consist.blobs.backend import Backend, ObjectStat

    Unread = Callable[[ObjectStat, StorageError], object]

FIRST = 16
"""Objects of the first batch, for whoever waits for the first: as many as a backend asks for at once."""
MOST = 256
MOST_BYTES = 8 << 20
"""Bytes of a batch, unless one object alone is larger: what is held in memory."""


def read_listed(
    backend: Backend, listed: Iterable[ObjectStat], unread: Unread | None = None
) -> Iterator[tuple[ObjectStat, bytes]]:
    """Yield each object with its bytes, in order; those that went since they were listed are passed over.

    Parameters
    ----------
    backend : Backend
        Where they are.
    listed : iterable of ObjectStat
        What `Backend.list` gave, or some of it; it is asked for more as batches are read.
    unread : callable, optional
        Told of an object that is there and cannot be read, and why; without it that ends the reading, as does in any
        case what is no matter of the object alone (``unreadable.py``).
    """
    for batch in _batches(listed):
        yield from _read(backend, batch, unread)


def _batches(listed: Iterable[ObjectStat]) -> Iterator[list[ObjectStat]]:
    batch: list[ObjectStat] = []
    most, size = FIRST, 0
    for found in listed:
        if batch and (len(batch) == most or size + found.size > MOST_BYTES):
            yield batch
            batch, size = [], 0
            most = min(4 * most, MOST)
        batch.append(found)
        size += found.size
    if batch:
        yield batch


def _read(backend: Backend, batch: list[ObjectStat], unread: Unread | None) -> Iterator[tuple[ObjectStat, bytes]]:
    """Read a batch; a byte more is asked for of each, by which one is noticed that was replaced since."""
    parts: list[bytes | memoryview] | list[None]
    try:
        parts = list(backend.get_ranges([Range(found.key, 0, found.size + 1) for found in batch]))
    except BlobNotFoundError:  # one of them went: nobody says which
        parts = [None] * len(batch)
    except StorageError as error:
        if unread is None or not is_of_object(error):
            raise
        parts = [None] * len(batch)
    for found, part in zip(batch, parts, strict=True):
        if part is not None and len(part) == found.size:
            yield found, bytes(part)
            continue
        try:
            data = backend.get(found.key)
        except BlobNotFoundError:
            continue
        except StorageError as error:
            if unread is None or not is_of_object(error):
                raise
            unread(found, error)
            continue
        yield found, data
