"""Hints to who asked at the wrong place: other indexes in the folder, runs that the index lacks. Cheap looks only."""

# Paths are plain strings: pathlib would be imported for this alone.
# ruff: noqa: PTH112, PTH118

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consist.store.store import Store

T = TypeVar("T")

_LOOKED_AT = 2000
"""Names in a folder that are looked at: a hint must not list a folder of a million files."""
_SHOWN = 3
_SCANNED = 64 << 20
"""Bytes of the largest file that is searched for consist's mark, at about 1 GB/s."""
_SUFFIXES = (".lmdb", ".duckdb")


def or_hint(
    store: Store, found: Iterable[T], *, step: str | None = None, tag: str | None = None, key: str | None = None
) -> Iterator[T]:
    """Yield what was found; where that is nothing, say on standard error that the index may not know it.

    Parameters
    ----------
    store : Store
        Where it was looked for.
    found : iterable
        The lines of a listing.
    step, tag, key : str, optional
        The step, the tag, the key of config or facet that they are of. One that there is not is said, with the nearest.
    """
    nothing = True
    for item in found:
        nothing = False
        yield item
    if nothing:
        from consist.cli.output import complain
        from consist.store.unknown import lacks_runs

        for name, known, said, otherwise in _asked_for(store, step, tag, key):
            if name not in known:
                complain(f"{said} {quoted(name)} ({_nearest(name, known, otherwise)})")
        if lacks_runs(store):
            complain("the store has runs that this index does not know; `consist index rebuild` reads them in")


def _asked_for(
    store: Store, step: str | None, tag: str | None, key: str | None
) -> Iterator[tuple[str, list[str], str, str]]:
    """Yield each name that was asked for, those that there are, and what to say where it is none of them."""
    if step is not None:
        steps = [known for known, _ in store.index.steps()]
        yield step, steps, "no step is called", "`consist ls steps` lists them"
    if tag is not None:
        yield tag, store.index.tag_names(), "no run has the tag", "`consist tag RUN TAG` gives one"
    if key is not None:
        from consist.store.search import known_keys

        of_runs, looked_at, is_all = known_keys(store)
        newest = "no run" if is_all else f"none of the newest {looked_at} runs"
        yield key, of_runs, f"{newest} has in config or facet the key", "`consist show RUN` shows those of a run"


def say_lacking(what: str, name: str, known: Iterable[str], otherwise: str) -> None:
    """Say that something does not have what somebody wanted to take from it, with the nearest that it has.

    Parameters
    ----------
    what : str
        How the line begins: ``run 3f2a has no tag``.
    name : str
        What was typed.
    known : iterable of str
        What there is.
    otherwise : str
        What to say where that is nothing.
    """
    known = list(known)
    say_hint(f"{what} {quoted(name)}", _nearest(name, known, "" if known else otherwise))


def say_hint(what: str, hint: str) -> None:
    """Say on standard error what is lacking, and what to do."""
    from consist.cli.output import complain

    complain(f"{what} ({hint})")


def quoted(name: str) -> str:
    """Return a name that was typed as a message shows it."""
    from consist.identity.names import escape

    return f"{escape(repr(name)):.80}"


def _nearest(name: str, known: list[str], otherwise: str) -> str:
    from consist.arguments import nearest

    return nearest(name, known, otherwise)


def indexes_in(folder: str) -> list[str]:
    """Return the names of some indexes of consist, sorted.

    Parameters
    ----------
    folder : str
        Where to look; not in its folders.

    Returns
    -------
    list of str
        At most three: LMDB files that have a store beside them (``penguins.store`` for ``penguins.lmdb``), or the
        suffix of an index and consist's mark within. Nothing if the folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in itertools.islice(entries, _LOOKED_AT) if entry.is_file())
    except OSError:
        return []
    return list(itertools.islice((name for name in names if _is_index(folder, name)), _SHOWN))


def _is_index(folder: str, name: str) -> bool:
    from consist.errors import ConsistError
    from consist.index.filekind import Kind, file_kind, is_ours
    from consist.index.schema import MAGIC

    path = os.path.join(folder, name)
    has_store = os.path.isdir(os.path.splitext(path)[0] + ".store")  # noqa: PTH122 - see above
    if not has_store and not name.endswith(_SUFFIXES):
        return False
    try:
        if file_kind(path) is not Kind.LMDB:
            return False
        return has_store or (os.path.getsize(path) <= _SCANNED and is_ours(path, MAGIC))  # noqa: PTH202 - see above
    except (ConsistError, OSError):
        return False
