"""Opening a store and an index that are there, for whoever reads and makes nothing: `consist://` and the verbs."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from consist.errors import ConsistWarning, warn
from consist.store.opening import open_known, open_store
from consist.store.places import require_index

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from consist.store.places import Located
    from consist.store.store import Store


def open_to_read(place: Located) -> Store | None:
    """Open a remote store that this machine knows, without asking it for anything.

    Parameters
    ----------
    place : Located
        Where index and store are.

    Returns
    -------
    Store or None
        None if it must be asked: `open_existing` does that.

    Raises
    ------
    NotFoundError
        If there is no index.
    """
    require_index(place)
    known = open_known(**place.arguments)
    return None if known is None else _complete(known, place)


def open_existing(place: Located, *, waiting: AbstractContextManager[object] | None = None) -> Store:
    """Open a store and its index, both of which must be there.

    Parameters
    ----------
    place : Located
        Where they are.
    waiting : context manager, optional
        Entered while the store is asked.

    Raises
    ------
    NotFoundError
        If either is not.
    """
    require_index(place)
    with waiting or contextlib.nullcontext():
        store = open_store(**place.arguments, create=False)
    return _complete(store, place)


def _complete(store: Store, place: Located) -> Store:
    """Warn if the index lacks runs of the store."""
    if store.index.needs_rebuild:
        warn(f"the index {place.db_path} may lack runs of the store (run `consist index rebuild`)", ConsistWarning)
    return store
