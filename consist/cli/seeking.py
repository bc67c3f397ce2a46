"""Which run is meant by what was typed, for the verbs about one. A file is hashed first: that may take long."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from consist.store.origin import Origin
    from consist.store.store import Store


def find_meant(store: Store, target: str) -> Origin:
    """Find the run that something came from, as `find_origin` does, and show how far that has come."""
    from consist.cli.progress import HASHED, progress
    from consist.store.origin import find_origin

    with progress(f"looking for {target}", unit=HASHED) as seen:
        return find_origin(store, target, seen=seen)
