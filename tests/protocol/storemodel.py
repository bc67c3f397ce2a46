"""A store as the explorer sees it: a value, and what can be asked of a place that keeps objects, one atomic step each.

It models what docs/format.md asks of a place and no more. There is one large or small blob; what makes deletion hard
is all in it. Time is counted in ticks by the store's clock. An object that its content names has version 0: equal bytes
have equal ETags, so that a conditional delete of one that was refreshed succeeds. Control objects have a nonce, here
the name of who wrote it at which try.

A delete is *issued*, and lands later by itself: its caller may have died meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOB, MANIFEST, RESULTS, RUNS, PACKS = "blob", "manifest", "results/", "runs/", "pack/"
FOREVER = 99
ANY = "any"
OLD = -99
FLOOR = 3
"""Ticks. What is younger when a cycle begins is not condemned and not deleted in it."""


class Object(NamedTuple):
    """What is under a key: its date, its version, and its content if that matters."""

    date: int
    version: str = ""
    content: Any = None


class Delete(NamedTuple):
    """A delete on its way: it removes `key`, if it has `version` where one is given, no later than `by`."""

    key: str
    version: str | None
    sender: str
    by: int


class Store(NamedTuple):
    """The objects; `gc/state` apart: its list of condemned keys, and which cycle began last."""

    now: int
    objects: frozenset[tuple[str, Object]]
    listed: frozenset[tuple[str, int | None]] = frozenset()
    """Key, and the tick of the cycle that found it gone; None while it is not."""
    cycle: str = ""
    flying: frozenset[Delete] = frozenset()
    forgotten: frozenset[str] = frozenset()
    """Runs; that is written in the log."""
    sure: frozenset[str] = frozenset()
    """Runs whose writer has ended well."""


def found(store: Store, key: str) -> Object | None:
    """Return what is under a key."""
    return dict(store.objects).get(key)


def _put(store: Store, key: str, version: str = "", content: Any = None) -> Store:
    objects = {**dict(store.objects), key: Object(store.now, version, content)}
    return store._replace(objects=frozenset(objects.items()))


# What writers ask ----------------------------------------------------------------------------------------------------


def stat(store: Store, key: str, young: int) -> tuple[Store, int | None]:
    """Return the date of an object, `OLD` if it is more than `young` ticks back, or None if the key is free."""
    there = found(store, key)
    if there is None:
        return store, None
    return store, there.date if store.now <= there.date + young else OLD


def refresh(store: Store, key: str) -> tuple[Store, int | None]:
    """Give an object today's date and return it, or None if the key is free."""
    return (store, None) if found(store, key) is None else (_put(store, key), store.now)


def put(store: Store, key: str) -> tuple[Store, int]:
    """Put an object that its content names, whether it is there or not."""
    return _put(store, key), store.now


def get(store: Store, key: str) -> tuple[Store, Object | None]:
    """Return a control object whole."""
    return store, found(store, key)


def look(store: Store, keys: tuple[str, ...]) -> tuple[Store, tuple[str, ...]]:
    """Return which of the keys are listed in `gc/state`."""
    listed = dict(store.listed)
    return store, tuple(key for key in keys if key in listed)


def publish(store: Store, key: str, version: str, content: Any, match: str | None) -> tuple[Store, int | None]:
    """Create (without `match`) or replace a control object; return its date, or None if another was quicker.

    With ``match=ANY`` it is a put.
    """
    there = found(store, key)
    if match not in {ANY, None if there is None else there.version}:
        return store, None
    return _put(store, key, version, content), store.now


def sure(store: Store, run: str) -> tuple[Store, None]:
    """Say that a writer has looked again after its run was published: the call returns."""
    return store._replace(sure=store.sure | {run}), None


def forget(store: Store, run: str) -> tuple[Store, None]:
    """Write into the log that a run is forgotten."""
    return store._replace(forgotten=store.forgotten | {run}), None


# What collectors ask -------------------------------------------------------------------------------------------------


def begin(store: Store, name: str) -> tuple[Store, int]:
    """Begin a cycle by compare-and-swap: whichever began before can condemn nothing any more. Return its date."""
    return store._replace(cycle=name), store.now


def marked(store: Store) -> tuple[Store, frozenset[str]]:
    """Read the manifest, and return what a record that names the blob reaches."""
    there = found(store, MANIFEST)
    return store, frozenset((BLOB, MANIFEST, *(there.content if there else ())))


def records(store: Store, folder: str) -> tuple[Store, tuple[bool, frozenset[tuple[str, str]]]]:
    """List the records in a folder: is any that names the blob a root, and key and version of those forgotten."""
    there = [(key, item) for key, item in store.objects if key.startswith(folder)]
    doomed = frozenset((key, item.version) for key, item in there if item.version in store.forgotten)
    return store, (any(item.content and (key, item.version) not in doomed for key, item in there), doomed)


def version(store: Store, key: str) -> tuple[Store, str | None]:
    """Return the version of an object."""
    there = found(store, key)
    return store, None if there is None else there.version


def dated(store: Store, key: str, by: int | None) -> tuple[Store, bool | None]:
    """Tell whether an object is no younger than `by`, or than the floor before now; None if it is gone."""
    there = found(store, key)
    return store, None if there is None else there.date <= (store.now - FLOOR if by is None else by)


def old(store: Store, by: int | None) -> tuple[Store, frozenset[str]]:
    """List blobs, packs and the manifest that are no younger than `by`, or than the floor before now."""
    kinds = (BLOB, MANIFEST, PACKS)
    by = store.now - FLOOR if by is None else by
    return store, frozenset(key for key, item in store.objects if key.startswith(kinds) and item.date <= by)


def swap(store: Store, name: str, change: frozenset[tuple[str, int | str | None]]) -> tuple[Store, Any]:
    """Change the list by compare-and-swap and return it, or None if another cycle has begun.

    `change` maps keys to their new entry; ``"drop"`` takes one out.
    """
    if store.cycle != name:
        return store, None
    listed = {key: gone for key, gone in {**dict(store.listed), **dict(change)}.items() if gone != "drop"}
    return store._replace(listed=frozenset(listed.items())), frozenset(listed.items())


def send(store: Store, delete: Delete) -> tuple[Store, None]:
    """Send a delete."""
    return store._replace(flying=store.flying | {delete}), None


def returned(store: Store, delete: Delete) -> tuple[Store, None] | None:
    """Wait for it."""
    return None if delete in store.flying else (store, None)


# What happens by itself ----------------------------------------------------------------------------------------------


def land(store: Store) -> Iterator[tuple[str, Store]]:
    """Let a delete that is on its way land."""
    for delete in store.flying:
        there = found(store, delete.key)
        objects = store.objects
        if there is not None and delete.version in {None, there.version}:
            objects -= {(delete.key, there)}
        yield f"the delete of {delete.key} lands", store._replace(flying=store.flying - {delete}, objects=objects)


def tick(store: Store, last: int) -> Iterator[tuple[str, Store]]:
    """Let time pass; a delete that is too late now is lost."""
    if store.now < last:
        flying = frozenset(delete for delete in store.flying if store.now < delete.by)
        yield f"it is {store.now + 1}", store._replace(now=store.now + 1, flying=flying)


# What a reader sees --------------------------------------------------------------------------------------------------


def readable(store: Store) -> bool:
    """Tell whether the blob can be read: it is there, or its manifest and every pack of it are."""
    there = dict(store.objects)
    if BLOB in there:
        return True
    manifest = there.get(MANIFEST)
    return manifest is not None and all(pack in there for pack in manifest.content)
