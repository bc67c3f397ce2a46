"""Which run's folder has a file: for content that is no output of its own. Reads folders' lists, not their files.

The index knows who made a folder, and not what is in it: an entry for each file of each folder would be written with
every run, for a question that is seldom asked. So the lists are read, the newest first, each once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consist.blobs.tree import Tree, decode_tree
from consist.blobs.treeput import tree_digest
from consist.errors import BlobNotFoundError, DamagedError, FormatError
from consist.hashing.codec import pack
from consist.index.records import TREE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.blobs.tree import TreeFile
    from consist.hashing.digest import Digest
    from consist.index.records import ArtifactRecord, RunRecord
    from consist.store.store import Store

LOOKED_INTO = 2000
"""Folders that are looked into, the newest that differ: of a store over a network each is a request."""

_MARK = pack(TREE)
"""Among the bytes of each record that has a folder."""


class Sought(NamedTuple):
    """What is looked for: a file, or a part of a folder.

    Attributes
    ----------
    digest : Digest
        Of its content.
    name : str
        What it is called, without the folders that it lies in; ``""`` if nobody knows.
    first : TreeFile or None
        Of a folder, a file in it, by which it is found; of a file None.
    """

    digest: Digest
    name: str = ""
    first: TreeFile | None = None


class RunFile(NamedTuple):
    """Where something lies: a run, the key of an output, and in a folder the path."""

    run: RunRecord
    output: str
    inner: str


def find_in_folders(store: Store, sought: Sought) -> tuple[RunFile | None, RunFile | None]:
    """Find the newest run with a folder that has a content; without one, the newest that made a file of its name.

    Returns
    -------
    tuple of (RunFile or None, RunFile or None)
        Where the content lies; where other content of that name lies, if that is not found.
    """
    named: RunFile | None = None
    mark = (sought.digest if sought.first is None else sought.first.digest).raw
    name = sought.name.encode("utf-8", "surrogateescape")
    for run, output, data in _folders(store):
        if mark in data and (inner := _inner(_tree(data), sought)) is not None:
            return RunFile(run, output.key, inner), None
        if named is None and name and name in data:
            named = _of_that_name(run, output, _tree(data), sought.name)
    newest = _newest_file(store, sought.name) if sought.name and sought.first is None else None
    both = [place for place in (named, newest) if place is not None]
    return None, max(both, key=lambda place: place.run.started, default=None)


def _folders(store: Store) -> Iterator[tuple[RunRecord, ArtifactRecord, bytes]]:
    """Yield the newest folders that differ, each with a run that made it and its list."""
    seen: set[Digest] = set()
    for run in store.index.passing(lambda data: _MARK in data):
        for output in run.outputs:
            if output.format != TREE or output.digest in seen:
                continue
            if len(seen) == LOOKED_INTO:
                return
            seen.add(output.digest)
            try:
                yield run, output, output.inline or store.blobs.read(output.digest, size=output.size)
            except (BlobNotFoundError, DamagedError):
                continue  # `verify` names it


def _tree(data: bytes) -> Tree:
    try:
        return decode_tree(data)
    except (DamagedError, FormatError):  # whoever writes a record may write anything into it
        return Tree(())


def _inner(tree: Tree, sought: Sought) -> str | None:
    """Return the path at which a tree has what is looked for."""
    for file in tree.files:
        if sought.first is None:
            if file.digest == sought.digest:
                return file.path
        elif file.digest == sought.first.digest and file.path.endswith(f"/{sought.first.path}"):
            folder = file.path[: -len(sought.first.path) - 1]
            part = tree.find(folder)
            if isinstance(part, Tree) and tree_digest(part) == sought.digest:
                return folder
    return None


def _of_that_name(run: RunRecord, output: ArtifactRecord, tree: Tree, name: str) -> RunFile | None:
    paths = (file.path for file in tree.files if file.path.rpartition("/")[2] == name)
    path = next(paths, None)
    return None if path is None else RunFile(run, output.key, path)


def _newest_file(store: Store, name: str) -> RunFile | None:
    """Find the newest run whose output was a file of that name."""
    mark = name.encode("utf-8", "surrogateescape")
    for run in store.index.passing(lambda data: mark in data):
        for output in run.outputs:
            if str(output.media.get("path", "")).rpartition("/")[2] == name:
                return RunFile(run, output.key, "")
    return None
