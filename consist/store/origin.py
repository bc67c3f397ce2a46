"""Which run made this? From what somebody typed, a run, an output, a digest or a file, to the run that it came from.

What was typed is looked for as, in this order: a run id or the beginning of one; a path of the store, or a digest; a
file on this machine, which is hashed. A file whose name could be something else is named as ``./NAME``.
"""

# Paths are plain strings: they come from a command line, and go to the system as they are.
# ruff: noqa: PTH100, PTH112, PTH116, PTH119

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from consist.blobs.folderscan import FOLLOW
from consist.blobs.treeput import tree_digest, tree_of_folder
from consist.errors import (
    AmbiguousPrefixError,
    BlobNotFoundError,
    InputError,
    NotFoundError,
    RunNotFoundError,
    UsageError,
)
from consist.hashing.digest import Digest
from consist.hashing.steady import hash_steadily
from consist.store.infolders import Sought, find_in_folders
from consist.store.names import BLOBS, RUNS, SCHEME, find_output, find_run, parse_path
from consist.store.unknown import or_elsewhere

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from consist.index.lineage import Edge
    from consist.index.records import RunRecord
    from consist.store.infolders import RunFile
    from consist.store.store import Store

_RUN = re.compile(r"[0-9a-f]{1,20}\Z")
_DIGEST = re.compile(r"(?:blake3:[0-9a-f]{1,64}|[0-9a-f]{16,64})\Z")
"""A bare digest has at least 16 digits, so that it is not taken for a word; with its algorithm before it, it is one."""
_DIGITS = 64
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something came from.

    Attributes
    ----------
    run : RunRecord
        The run that made it; the newest, if several made the same content.
    output : str or None
        The key of the output that was meant; None if a run was named.
    inner : str
        Where in that output it lies, if that is a folder and it was no output of its own.
    also : tuple of str
        The ids of the other runs that made the same output, the newest first; only for a digest or a file.
    """

    run: RunRecord
    output: str | None = None
    inner: str = ""
    also: tuple[str, ...] = ()


def find_origin(store: Store, target: str, *, seen: Callable[[int], object] = int) -> Origin:
    """Find the run that something came from.

    Parameters
    ----------
    store : Store
        Where its run is recorded.
    target : str
        The beginning of a run id; ``runs/RUN``, ``runs/RUN/OUTPUT``, ``steps/STEP/OUTPUT``, ``blobs/DIGEST`` or a
        digest, whole or the beginning of it; a file or a folder.
    seen : callable
        Told the bytes of each piece of a file that was hashed, to show how far it has come.

    Raises
    ------
    RunNotFoundError
        If no run made it. The hint names runs that read it.
    NotFoundError
        If it names nothing, or a beginning fits several.
    UsageError
        If it is a path of the store that cannot have a run, or neither a regular file nor a folder of such.
    """
    if _RUN.match(target) and store.index.match_runs(target):
        return Origin(find_run(store, target))
    try:
        found = _in_store(store, target)
    except AmbiguousPrefixError:
        raise
    except (NotFoundError, UsageError):
        if not os.path.lexists(target) or os.path.isdir(target):
            raise
        found = None
    if found is not None:
        return found
    if not os.path.lexists(target):
        raise no_such(store, target)
    return _maker(store, _sought(target, seen), target)


def no_such(store: Store, target: str) -> RunNotFoundError:
    """Say of what was typed that it is neither a run nor a file."""
    return RunNotFoundError(
        f"no run has an id that begins with {target!r:.200}, and there is no file of that name",
        hint=or_elsewhere(store, "`consist runs` lists the runs"),
    )


def _in_store(store: Store, target: str) -> Origin | None:
    """Look for a path of the store or a digest; None if what was typed is neither."""
    if _DIGEST.match(target):
        return _maker(store, Sought(_blob(store, target)), target)
    bare = target.removeprefix(SCHEME).removeprefix("/")
    if bare.split("/")[0] not in {"runs", "steps", BLOBS} and not target.startswith(SCHEME):
        return None
    place = parse_path(target)
    if place.area == RUNS and not place.key:
        return Origin(find_run(store, place.name))
    if place.area == BLOBS and place.name:
        return _maker(store, Sought(_blob(store, place.name)), target)
    found = find_output(store, target)
    assert found.run is not None  # noqa: S101 - only a blob has no run
    return Origin(found.run, place.key)


def _blob(store: Store, text: str) -> Digest:
    """Return a digest that was typed in full, whether the store has it or not; else the one that begins so."""
    bare = text.removeprefix("blake3:")
    if len(bare) == _DIGITS:
        return Digest.parse(bare)
    try:
        return find_output(store, f"{BLOBS}/{bare}").digest
    except BlobNotFoundError as error:
        if not _RUN.match(text):
            raise
        raise RunNotFoundError(
            f"no run has an id, and no blob a digest, that begins with {text!r}",
            hint=or_elsewhere(store, error.hint or ""),
        ) from None


def _maker(store: Store, sought: Sought, what: str) -> Origin:
    """Find the newest run that made a content: as an output, or in a folder."""
    made = _made(store, sought.digest)
    if made is not None:
        return made
    place, named = find_in_folders(store, sought)
    if place is not None:
        digest = next(output.digest for output in place.run.outputs if output.key == place.output)
        folder = _made(store, digest)
        also = () if folder is None else (folder.run.id, *folder.also)
        others = tuple(run_id for run_id in also if run_id != place.run.id)
        return Origin(place.run, place.output, place.inner, others)
    readers = _runs_of(store.index.consumers(sought.digest))
    raise RunNotFoundError(
        f"no run made {what:.200} (its digest is {sought.digest.short}…)", hint=_hint(readers, named)
    )


def _made(store: Store, digest: Digest) -> Origin | None:
    """Find the newest run that has a content as an output."""
    edges = store.index.producers(digest)
    makers = _runs_of(edges)
    for number, run_id in enumerate(makers):
        run = store.index.get_run(run_id)
        if run is not None:
            key = next(edge.key for edge in edges if edge.run_id == run_id)
            return Origin(run, key, also=tuple(makers[number + 1 :]))
    return None


def _runs_of(edges: Iterable[Edge]) -> list[str]:
    return list(dict.fromkeys(edge.run_id for edge in edges))


def _hint(readers: list[str], named: RunFile | None) -> str:
    if readers:
        some = ", ".join(readers[:_SHOWN]) + (f" and {len(readers) - _SHOWN} more" if len(readers) > _SHOWN else "")
        return f"but it was an input of {'run' if len(readers) == 1 else 'runs'} {some}"
    if named is not None:
        where = "/".join(filter(None, (RUNS, named.run.id, named.output, named.inner)))
        return f"a file of that name, with other content, is {where}: this one was changed since, or is another"
    return (
        "it was changed after its run, or made without consist, or by another machine (`consist index rebuild`),"
        " or is of another store (--db-path)"
    )


def _sought(path: str, seen: Callable[[int], object]) -> Sought:
    """Hash a file or a folder; what is no regular file is not opened."""
    name = os.path.basename(os.path.abspath(path))
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):
            return Sought(hash_steadily(path, seen).digest, name)
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror or error}", hint="see to it that it can be read"
        ) from error
    if stat.S_ISDIR(mode):
        tree = tree_of_folder(path, partial(hash_steadily, seen=seen), symlinks=FOLLOW)
        return Sought(tree_digest(tree), name, next(iter(tree.files), None))
    raise InputError(f"{path} is not a regular file", hint="name a file, a run or an output")
