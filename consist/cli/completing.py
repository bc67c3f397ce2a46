"""What a shell offers when somebody presses Tab: paths of the store and run ids, from the index alone.

The store is never asked, and nothing is said: whatever is wrong, there is nothing to offer. A folder that is the only
candidate is replaced by what is in it, since a shell puts a space after a word that is the only one.
"""

from __future__ import annotations

import re
import warnings
from itertools import islice
from typing import TYPE_CHECKING, Any

from consist.errors import ConsistError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from consist.store.store import Store

_MOST = 100
"""Candidates that are offered: a shell asks before it shows more, and nobody reads them."""

_LOOKED_AT = 1000
"""Runs of a step that are looked at for the names of its outputs: 20 ms, and whoever presses Tab waits for it."""

_HARMLESS = re.compile(r"[\w./@%+=,:-]+")
"""Words that are the same to every shell, typed as they are. A name that somebody else wrote into a shared store may
hold ``$(…)``, and zsh and bash would execute it; whoever wants what has such a name quotes it."""


def offered(context: Any, begun: str, candidates: Callable[[Store, str], Iterator[str]]) -> list[str]:
    """Return what could be meant by a word that was begun.

    Parameters
    ----------
    context : object
        Of the call so far: its options choose store and index.
    begun : str
        The word.
    candidates : callable
        Gets the store and the word, and yields whole words; folders end in a slash.
    """
    from consist.cli.opening import find_place, open_to_read

    try:
        warnings.simplefilter("ignore")  # for the rest of this process, which does nothing else
        place = find_place(context.params.get("db_path"), context.params.get("store"))
        store = open_to_read(place)
        found = _some(candidates(store, begun))
        while len(found) == 1 and found[0].endswith("/") and found[0] != begun:
            begun = found[0]
            found = _some(candidates(store, begun)) or found
    except ConsistError:
        return []
    return found


def _some(candidates: Iterator[str]) -> list[str]:
    return list(islice(filter(_HARMLESS.fullmatch, candidates), _MOST))


def paths(store: Store, begun: str) -> Iterator[str]:
    """Yield paths of the grammar that begin with what was typed, a level deeper than its last slash."""
    from consist.store.names import AREAS, BLOBS, RUNS, STEPS

    folder, slash, _ = begun.rpartition("/")
    area, _, inner = folder.partition("/")
    if not slash:
        yield from (f"{area}/" for area in AREAS if area.startswith(begun))
    elif folder == BLOBS:
        prefix = begun.removeprefix(f"{BLOBS}/")
        if not prefix or set(prefix) <= set("0123456789abcdef"):
            yield from (f"{BLOBS}/{blob.digest.hex}" for blob in store.index.blobs(prefix))
    elif folder == RUNS:
        yield from (f"{RUNS}/{run_id}/" for run_id in run_ids(store, begun.removeprefix(f"{RUNS}/")))
    elif folder == STEPS:
        yield from (
            path
            for step, _ in store.index.steps()
            if (path := f"{STEPS}/{step}/").startswith(begun) and "/" not in step
        )
    elif area in {RUNS, STEPS} and inner:
        yield from _outputs(store, folder, begun)


def _outputs(store: Store, folder: str, begun: str) -> Iterator[str]:
    from consist.store.listing import list_path

    for entry in list_path(store, folder, newest=_LOOKED_AT):
        path = f"{folder}/{entry.name}"
        if path.startswith(begun):
            yield f"{path}/" if entry.is_folder else path


def run_ids(store: Store, begun: str) -> Iterator[str]:
    """Yield run ids that begin with what was typed; the newest, if that is nothing."""
    if begun:
        yield from store.index.match_runs(begun, limit=_MOST)
    else:
        yield from (run.id for run in store.index.runs(limit=20))


def steps(store: Store, begun: str) -> Iterator[str]:
    """Yield names of steps that begin with what was typed."""
    yield from (step for step, _ in store.index.steps() if step.startswith(begun))


def tags(store: Store, begun: str) -> Iterator[str]:
    """Yield tags that begin with what was typed."""
    yield from (tag for tag in store.index.tag_names() if tag.startswith(begun))


def columns(store: Store, begun: str, step: str | None) -> Iterator[str]:
    """Yield names of columns that the newest runs, or those of a step, have; what is before a comma stays."""
    from consist.cli.columns import names_of

    before, comma, last = begun.rpartition(",")
    seen: set[str] = set()
    for record in store.index.runs(step=step, limit=_LOOKED_AT // 5):
        new = set(names_of(record)) - seen
        seen |= new
        yield from (f"{before}{comma}{name}" for name in sorted(new) if name.startswith(last))


def said(store: Store, begun: str) -> Iterator[str]:
    """Yield KEY=VALUE of config and facet, as the newest runs have them."""
    from consist.store.search import said_under

    seen: set[str] = set()
    for record in store.index.runs(limit=_LOOKED_AT // 5):
        new = {text for text in said_under(record) if text.startswith(begun)} - seen
        seen |= new
        yield from sorted(new)


def targets(store: Store, begun: str) -> Iterator[str]:
    """Yield run ids, or paths, that begin with what was typed."""
    if "/" not in begun:
        yield from run_ids(store, begun)
    yield from paths(store, begun)
