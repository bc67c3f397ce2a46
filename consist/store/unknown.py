"""Runs that a store has and an index does not: other machines' on one store."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from consist.blobs import layout
from consist.errors import DamagedError
from consist.index.schema import is_run_id

if TYPE_CHECKING:
    from consist.blobs.backend import Backend
    from consist.index.index import Index
    from consist.store.store import Store

_LOOKED_AT = 20
"""Records that are looked for in the index: their names are digests, so that the first are any."""

COUNTED = 100_000
"""Records that are counted: a server lists 1,000 with each request."""


class Unknown(NamedTuple):
    """How many records of a store an index does not have.

    Attributes
    ----------
    lacking : int
        How many.
    counted : int
        Of how many.
    is_all : bool
        Whether the store has no others.
    """

    lacking: int
    counted: int
    is_all: bool


def lacks_runs(store: Store) -> bool:
    """Tell whether the index lacks runs of a store that is a folder; of one over a network it is not asked.

    Parameters
    ----------
    store : Store
        A few names are read of its folder, and no content.
    """
    if not store.backend.capabilities.files:
        return False
    found = islice(store.backend.list(layout.RESULTS), _LOOKED_AT)
    return any(not _is_known(store.index, each.key) for each in found)


def or_elsewhere(store: Store, hint: str) -> str:
    """Complete a hint about something that the index does not know: of a shared store the index may be behind.

    A folder is taken for this machine's own: there, lists that are empty look for themselves (`lacks_runs`).
    """
    if store.backend.capabilities.files:
        return hint
    return f"{hint}, or another machine made it: `consist index rebuild`"


def unknown(backend: Backend, index: Index) -> Unknown:
    """Count the records of a store, and those of them that an index does not have; no content is read.

    Parameters
    ----------
    backend : Backend
        The store's. Its records are listed.
    index : Index
        An index of it.
    """
    listed = chain(backend.list(layout.RESULTS), backend.list(layout.RUNS))
    known = [_is_known(index, found.key) for found in islice(listed, COUNTED)]
    return Unknown(known.count(False), len(known), is_all=next(listed, None) is None)


def _is_known(index: Index, key: str) -> bool:
    """Tell whether an index has a record; what is none of ours, `verify` names."""
    area, _, name = key.partition("/")
    if area == layout.RUNS:
        return not is_run_id(name) or index.has(name)
    try:
        return index.has(layout.key_digest(key))
    except DamagedError:
        return True
