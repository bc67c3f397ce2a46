"""Which run is meant by what was typed, for the verbs about one. A file is hashed first: that may take long."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from consist.errors import AmbiguousPrefixError, NotFoundError, RunNotFoundError, UsageError

if TYPE_CHECKING:
    from consist.store.origin import Origin
    from consist.store.store import Store


def find_meant(store: Store, target: str) -> Origin:
    """Find the run that something came from, as `find_origin` does, and show how far that has come."""
    from consist.cli.progress import HASHED, progress
    from consist.store.origin import find_origin

    with progress(f"looking for {target}", unit=HASHED) as seen:
        return find_origin(store, target, seen=seen)


def find_shown(store: Store, target: str) -> Origin:
    """Find the run that is to be shown: what `find_meant` finds, else the newest run of a step.

    Only for verbs that read: what is said of a run, as `tag` and `forget` do, is said of one that was named.
    """
    try:
        return find_meant(store, target)
    except (NotFoundError, UsageError) as error:
        found = None if isinstance(error, AmbiguousPrefixError) or os.path.lexists(target) else _of_step(store, target)
        if found is None:
            raise
        return found


def _of_step(store: Store, target: str) -> Origin | None:
    """Return the newest run of the step that is named by itself, or as a path; None if there is no such step."""
    from consist.store.names import SCHEME, STEPS, near_step
    from consist.store.origin import Origin
    from consist.store.unknown import or_elsewhere

    area, _, inside = target.removeprefix(SCHEME).removeprefix("/").removesuffix("/").partition("/")
    is_path = area == STEPS and inside != "" and "/" not in inside
    name = inside if is_path else target
    run = next(store.index.runs(step=name, limit=1), None)
    if run is None and is_path:
        raise RunNotFoundError(f"there is no step {name!r}", hint=or_elsewhere(store, near_step(store, name)))
    return None if run is None else Origin(run)
