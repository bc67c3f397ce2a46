"""Records that are damaged in the store, written anew from what an index has of them.

Nobody damages a record in order, so the index's is as good as the store's was. One that is *gone* is not brought back:
whoever deleted it may have meant it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from consist.blobs import layout
from consist.blobs.unreadable import is_lost, is_of_object
from consist.errors import (
    AlreadyExistsError,
    BlobNotFoundError,
    ChangedError,
    DamagedError,
    StorageError,
    UnsupportedError,
)
from consist.index.records import decode_record, encode_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from consist.blobs.backend import Backend
    from consist.index.records import RunRecord
    from consist.store.store import Store


class Mended(NamedTuple):
    """A record that was damaged.

    Attributes
    ----------
    record : RunRecord
        As it should lie at its key.
    framed : bytes
        Its bytes.
    is_written : bool
        Whether the store has them now; False where it may not be written.
    """

    record: RunRecord
    framed: bytes
    is_written: bool


def frame_key(key: str) -> bytes:
    """Return what the frame of the record at a key must be about.

    Raises
    ------
    DamagedError
        If no record lies at such a key.
    """
    area, _, name = key.partition("/")
    return layout.key_digest(key).raw if area == layout.RESULTS else name.encode()


def known_record(store: Store, key: str) -> RunRecord | None:
    """Return the run whose record should lie at a key, as the index has it; None if it does not know, or not whole."""
    area, _, name = key.partition("/")
    with contextlib.suppress(DamagedError):
        return store.index.find(layout.key_digest(key)) if area == layout.RESULTS else store.index.get_run(name)
    return None


def mend_record(store: Store, key: str, known: RunRecord) -> Mended | None:
    """Write a record anew that is damaged in the store.

    Parameters
    ----------
    store : Store
        Where it lies; of the index nothing is changed.
    key : str
        Its key.
    known : RunRecord
        The run that an index has, or had, for the key.

    Returns
    -------
    Mended or None
        None if it cannot be told what should be there: a run of which there is a copy in ``runs/`` was superseded or
        forgotten, and must not be found again.
    """
    record = known
    if not key.startswith(layout.RESULTS):
        record = known.without_signature()
    elif store.backend.stat(layout.run_key(known.id)) is not None:
        return None
    framed = encode_record(record)
    try:
        replace_damaged(store.backend, key, framed, lambda data: decode_record(data, frame_key(key)))
    except (UnsupportedError, ChangedError, BlobNotFoundError):
        return Mended(record, framed, is_written=False)
    except StorageError as error:
        if not is_of_object(error):
            raise
        return Mended(record, framed, is_written=False)
    return Mended(record, framed, is_written=True)


def _put_in_place(backend: Backend, key: str, framed: bytes) -> None:
    """Write an object where there is one that nobody can read, and so has no version."""
    backend.delete(key)
    try:
        backend.create(key, framed)
    except AlreadyExistsError as error:
        raise ChangedError(f"{key} was written anew meanwhile") from error


def replace_damaged(backend: Backend, key: str, framed: bytes, check: Callable[[bytes], object]) -> None:
    """Replace an object, if it is damaged still: somebody else may have mended it, and differently.

    Parameters
    ----------
    backend, key, framed
        What is written where.
    check : callable
        Raises `DamagedError` for what is damaged.

    Raises
    ------
    ChangedError
        If it is not, or was replaced meanwhile.
    UnsupportedError
        If it is a record that a signature leads to, and the place has no compare-and-swap. Any other of its key is as
        good as this one.
    """
    try:
        data, version = backend.get_versioned(key)
    except StorageError as error:
        if not is_lost(error) or key.startswith(layout.RESULTS):  # which may be another run's by now
            raise
        _put_in_place(backend, key, framed)
        return
    try:
        check(data)
    except DamagedError:
        if backend.capabilities.replace or key.startswith(layout.RESULTS):
            backend.replace(key, framed, if_match=version)
        else:
            backend.put(key, framed)
    else:
        raise ChangedError(f"{key} in {backend.url} is whole by now")
