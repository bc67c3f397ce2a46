"""Runs that a store has and an index does not: other machines' on one store. As far as a glance at a folder tells."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from consist.blobs import layout
from consist.errors import DamagedError

if TYPE_CHECKING:
    from consist.store.store import Store

_LOOKED_AT = 20
"""Records that are looked for in the index: their names are digests, so that the first are any."""


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
    return any(not _is_known(store, each.key) for each in found)


def _is_known(store: Store, key: str) -> bool:
    try:
        return store.index.find(layout.key_digest(key)) is not None
    except DamagedError:
        return True
