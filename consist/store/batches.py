"""Batches of events that the store has lost, by damage or because they are gone: what the index has of them.

A mark keeps its last change and hits are added up, so nobody can tell what was in which batch. What an index knows
and the batches that are left do not say goes under the key of the first that was lost, and the others come back empty:
other machines, which may have had them, miss none, and take nothing in twice.
"""

from __future__ import annotations

from itertools import chain, islice, repeat
from typing import TYPE_CHECKING

from consist.blobs.unreadable import is_of_object
from consist.errors import AlreadyExistsError, BlobNotFoundError, ChangedError, StorageError
from consist.index.events import HIT
from consist.index.records import Event, decode_events, encode_events
from consist.store.contents import Finding
from consist.store.events import BATCH, log_key
from consist.store.mending import replace_damaged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consist.blobs.backend import Backend
    from consist.index.index import Index
    from consist.store.store import Store


def what_to_do(key: str, known: set[str]) -> str:
    """Say what can be done about a batch that is damaged, by the batches that an index has taken in."""
    if key in known:
        return "the index has its events: `consist index rebuild` writes them anew"
    return (
        "this machine's index never took in its events (tags, pins, counts of hits); where one did, "
        "`consist index rebuild` writes them anew, and if none did, remove it"
    )


def missing(backend: Backend, keys: Iterable[str]) -> Iterator[Finding]:
    """Yield a finding for each batch that is not there."""
    wanted = sorted(keys)
    for key, there in zip(wanted, backend.stat_many(wanted) if wanted else (), strict=True):
        if there is None:
            yield Finding(
                key,
                "missing; the index has its events (tags, pins, counts of hits): "
                "`consist index rebuild` writes them anew",
            )


def bring_back(store: Store, lost: list[str], events: Iterable[Event]) -> bool:
    """Take in, and write, what the batches of a store do not say any more.

    Parameters
    ----------
    store : Store
        Its index was made anew from the batches that are left, of those that it had.
    lost : list of str
        The keys of the others.
    events : iterable of Event
        What the index had.

    Returns
    -------
    bool
        Whether the store has it now; else, as it may not be written, it waits in the index.
    """
    news = (new for event in events if (new := _news(store.index, event)) is not None)
    pieces = iter(lambda: tuple(islice(news, BATCH)), ())
    is_written = True
    for key, piece in _spread(lost, pieces):
        framed = encode_events(key, piece)
        store.index.add_events(key, framed, piece)
        is_written = _write(store, key, framed) and is_written
    return is_written


def _spread(lost: list[str], pieces: Iterator[tuple[Event, ...]]) -> Iterator[tuple[str, tuple[Event, ...]]]:
    """Give each lost key a piece, or nothing, and each piece that is left a new key."""
    for key, piece in zip(lost, chain(pieces, repeat(()))):  # noqa: B905 - the second has no end
        yield key, piece
    for piece in pieces:
        yield log_key(), piece


def _news(index: Index, event: Event) -> Event | None:
    """Return what of an event an index does not know; None if it knows it, or lets go of the run."""
    if not index.has(event.run_id):
        return None
    if event.kind == HIT:
        count = event.count - index.hits(event.run_id).count
        return Event(HIT, event.run_id, event.at, count) if count > 0 else None
    last = index.last_change(event.run_id, event.kind.removeprefix("un"), event.text)
    is_given = not event.kind.startswith("un")
    return event if last is None or (last.at, last.given) < (event.at, is_given) else None


def _write(store: Store, key: str, framed: bytes) -> bool:
    """Write a batch where one was lost; tell whether it could be. One that is whole by now stays."""
    try:
        try:
            store.backend.create(key, framed)
        except AlreadyExistsError:
            replace_damaged(store.backend, key, framed, lambda data: decode_events(data, key))
    except (ChangedError, BlobNotFoundError):  # somebody else is at it: what this index has, it has
        return True
    except StorageError as error:
        if not is_of_object(error):
            raise
        return False
    store.index.confirm_events(key)
    return True
