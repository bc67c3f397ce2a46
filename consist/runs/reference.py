"""From what a caller names to an artifact, or to the lineage of it: run ids, paths of the store, files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from consist.arguments import COUNT, TEXT, check, shown
from consist.errors import RunNotFoundError, UsageError
from consist.identity.inputs import folder_identity
from consist.identity.names import is_name
from consist.runs.artifact import Artifact
from consist.runs.lineage import Lineage, Node, file_node, output_node, run_node
from consist.runs.lineage_walk import walk
from consist.runs.run import Run, RunResult
from consist.store.names import find_output, find_run, is_store_path, output_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from consist.hashing.hasher import Hashed
    from consist.index.records import RunRecord
    from consist.runs.library import Library
    from consist.store.store import Store

DIRECTIONS = ("up", "down", "both")


def artifact_named(store: Store, library: Library, named: Run | RunResult | str, key: str | None) -> Artifact:
    """Return the output that a caller means: of a run by its key, or by a path of the store.

    Raises
    ------
    RunNotFoundError, AmbiguousPrefixError
        If there is none.
    UsageError
        If several outputs could be meant, or what is named is no output.
    """
    if isinstance(named, str) and _is_path(named):
        if key is not None:
            raise UsageError(f"{named!r:.200} names an output already, so {key!r:.60} is one too many")
        found = find_output(store, named)
        if found.run is None or found.record is None or found.inner:
            raise UsageError(
                f"{named!r:.200} is no output of a run", hint="name one: runs/<run id>/<key> or steps/<step>/<key>"
            )
        return Artifact(found.record, found.run.id, library)
    check("key", key, TEXT)
    try:
        run = _record(store, named)
    except RunNotFoundError as error:
        hint = f"{error.hint}; the newest of a step is steps/{named}/{key or '…'}" if is_name(named) else error.hint
        raise RunNotFoundError(error.message, hint=hint) from None
    found = output_of(run, _only_key(run) if key is None else key)
    if found.record is None:  # not of an output of a run
        raise RunNotFoundError(f"run {run.id} has no output {key!r:.60}", hint=f"see `consist ls runs/{run.id}`")
    return Artifact(found.record, run.id, library)


def lineage_of(
    store: Store,
    target: Artifact | Run | RunResult | Node | str | Path,
    direction: Literal["up", "down", "both"],
    *,
    depth: int | None,
    most: int,
) -> Lineage:
    """Return the lineage of what a caller means: an artifact, a run, a path of the store, or a file here.

    A node is what was looked up already.

    Raises
    ------
    NotFoundError, InputError
        If there is no such thing.
    UsageError
        If what is given cannot be looked for.
    """
    check_walk(direction, depth, most)
    return walk(store, _node(store, target), direction, depth=depth, most=most)


def check_walk(direction: object, depth: object, most: object) -> None:
    """Refuse what says wrongly where `lineage_of` is to go.

    Raises
    ------
    UsageError
        If it does.
    """
    if direction not in DIRECTIONS:
        raise UsageError(f"direction is {direction!r:.60}", hint=f"it is one of {', '.join(DIRECTIONS)}")
    check("depth", depth, COUNT)
    check("most", most, COUNT)


def _node(store: Store, target: Artifact | Run | RunResult | Node | str | Path) -> Node:
    if isinstance(target, Node):
        return target
    if isinstance(target, Artifact):
        return output_node(target.record, target.run_id, store.index.get_run(target.run_id))
    if isinstance(target, Path):
        return node_of_file(os.fspath(target), store.files.digest)
    if isinstance(target, str) and _is_path(target):
        found = find_output(store, target)
        if found.run is None or found.record is None or found.inner:
            return file_node(found.inner or found.name, found.digest, found.size)
        return output_node(found.record, found.run.id, found.run)
    try:
        return run_node(_record(store, target))
    except RunNotFoundError as error:
        hint = f"{error.hint}; a file is given as Path({target!r:.60})"
        raise RunNotFoundError(error.message, hint=hint) from None


def node_of_file(path: str, digest: Callable[[str], Hashed]) -> Node:
    """Make the node of a file or folder that is here; `digest` is asked for each file."""
    if os.path.isdir(path):  # noqa: PTH112 - a string throughout
        return file_node(path, *folder_identity(path, digest), "folder")
    return file_node(path, *digest(path))


def _record(store: Store, named: Run | RunResult | str) -> RunRecord:
    if isinstance(named, RunResult):
        return named.run.record
    if isinstance(named, Run):
        return named.record
    if not isinstance(named, str):
        raise UsageError(f"{shown(named)} names no run", hint="give a run, its id, or a path of the store")
    return find_run(store, named)


def _is_path(text: str) -> bool:
    return text.startswith("/") or is_store_path(text)


def _only_key(run: RunRecord) -> str:
    keys = [output.key for output in run.outputs]
    if len(keys) == 1:
        return keys[0]
    if not keys:
        raise RunNotFoundError(f"run {run.id} has no outputs", hint=f"`consist show {run.id}` says how it went")
    raise UsageError(f"run {run.id} has {len(keys)} outputs", hint=f"name one of them: {', '.join(keys[:10])}")
