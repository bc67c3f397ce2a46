"""What lies below a path of the grammar in ``names.py``: the store read as folders. Streams; reads only.

``blobs`` lists what is really there: the objects of the store, and the content that lies in records only. The other
folders are views of the index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from consist.blobs.tree import Tree
from consist.blobs.treeget import read_tree
from consist.errors import BlobNotFoundError, RunNotFoundError
from consist.hashing.digest import Digest, parse_prefix
from consist.index.records import COMPLETED, TREE
from consist.store.names import AREAS, BLOBS, RUNS, STEPS, find_output, find_run, parse_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consist.blobs.tree import Child, TreeFile
    from consist.index.records import ArtifactRecord, RunRecord
    from consist.store.names import Place
    from consist.store.store import Store

AREA, BLOB, RUN, STEP, OUTPUT, FILE, FOLDER = "area", "blob", "run", "step", "output", "file", "folder"
INLINE, OBJECT = "inline", "object"

NEWEST_RUNS = 1000
"""Runs of a step that its folder shows the outputs of: an older run's are still found by their name."""

_FOLDERS = 256


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a listing.

    Attributes
    ----------
    name : str
        Within its folder.
    path : str
        In full, with run ids and digests in full.
    kind : str
        ``area``, ``blob``, ``run``, ``step`` or ``output``; in an output that is a folder ``file`` or ``folder``.
    size : int or None
        Bytes of content; of a folder, of all files below it.
    digest : Digest or None
        Of the content.
    format : str or None
        How an output is read back.
    stored : str or None
        ``object``, or ``inline`` for content that lies in a record.
    time : int or None
        Microseconds since 1970: when a run or an output's run began, or when a blob was last written.
    """

    name: str
    path: str
    kind: str
    size: int | None = None
    digest: Digest | None = None
    format: str | None = None
    stored: str | None = None
    time: int | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of files: an output that is one, or one in it."""
        return self.kind == FOLDER or self.format == TREE


def list_path(store: Store, path: str = "") -> Iterator[Entry]:
    """Yield what lies below a path; of a path that names a file or a value, that.

    Parameters
    ----------
    store : Store
        The store.
    path : str
        Of the grammar; ``blobs/<beginning>`` lists all the blobs that begin so.

    Raises
    ------
    UsageError
        If it is no path of the grammar.
    NotFoundError
        If there is nothing of that name.
    """
    place = parse_path(path)
    if not place.area:
        return (Entry(area, area, AREA) for area in AREAS)
    if place.area == BLOBS:
        return _some(_blobs(store, parse_prefix(place.name) if place.name else ""), place)
    if place.key:
        return _content(store, path)
    if place.area == RUNS:
        return _outputs([find_run(store, place.name)]) if place.name else _runs(store)
    if not place.name:
        return (Entry(step, f"{STEPS}/{step}", STEP) for step, _ in store.index.steps())
    return _step(store, place.name)


def _runs(store: Store) -> Iterator[Entry]:
    for record in store.index.runs():
        yield Entry(record.id, f"{RUNS}/{record.id}", RUN, time=record.started)


def _step(store: Store, step: str) -> Iterator[Entry]:
    if all(known != step for known, _ in store.index.steps()):
        raise RunNotFoundError(f"there is no step {step!r}", hint="see `consist ls steps`")
    return _outputs(store.index.runs(step=step, status=COMPLETED, limit=NEWEST_RUNS), folder=f"{STEPS}/{step}")


def _outputs(runs: Iterable[RunRecord], *, folder: str = "") -> Iterator[Entry]:
    """Yield the outputs of runs; of those of one name, the first."""
    seen = set()
    for run in runs:
        for output in run.outputs:
            if output.key not in seen:
                seen.add(output.key)
                yield _output(run, output, folder or f"{RUNS}/{run.id}")


def _content(store: Store, path: str) -> Iterator[Entry]:
    """Yield an output, a file in it, or what lies in a folder."""
    found = find_output(store, path)
    if found.run is None or found.record is None:
        raise RunNotFoundError(f"{path!r:.200} names no output")
    area, name, key, _ = parse_path(path)
    folder = f"{area}/{found.run.id if area == RUNS else name}"
    if found.tree is None:
        return iter([_output(found.run, found.record, folder)])
    time = found.run.started
    if found.file is not None:
        return iter([_file(found.name, f"{folder}/{key}/{found.inner}", found.file, time)])
    tree = read_tree(store.blobs, found.tree)
    part = tree.find(found.inner) if found.inner else tree
    children = part.children() if isinstance(part, Tree) else []
    return _children(children, "/".join(filter(None, (folder, key, found.inner))), time)


def _children(children: Iterable[Child], folder: str, time: int) -> Iterator[Entry]:
    for name, size, file in children:
        path = f"{folder}/{name}"
        yield _file(name, path, file, time) if file is not None else Entry(name, path, FOLDER, size, time=time)


def _file(name: str, path: str, file: TreeFile, time: int) -> Entry:
    return Entry(name, path, FILE, file.size, file.digest, stored=OBJECT, time=time)


def _output(run: RunRecord, output: ArtifactRecord, folder: str) -> Entry:
    return Entry(
        name=output.key,
        path=f"{folder}/{output.key}",
        kind=OUTPUT,
        size=output.content_size,
        digest=output.digest,
        format=output.format,
        stored=OBJECT if output.inline is None else INLINE,
        time=run.started,
    )


def _blobs(store: Store, prefix: str) -> Iterator[Entry]:
    """Yield blobs in order of digest, a folder of the store at a time where that is cheap: local."""
    if len(prefix) < 2 and store.backend.capabilities.files:  # noqa: PLR2004 - two digits name a folder
        for number in range(_FOLDERS):
            if f"{number:02x}".startswith(prefix):
                yield from _blobs_below(store, f"{number:02x}")
        return
    yield from _blobs_below(store, prefix)


def _blobs_below(store: Store, prefix: str) -> Iterator[Entry]:
    found = dict(_objects(store, prefix))
    for known in store.index.blobs(prefix):
        if known.inline and known.digest not in found:
            found[known.digest] = _blob(known.digest, known.size, INLINE, None)
    yield from (found[digest] for digest in sorted(found))


def _objects(store: Store, prefix: str) -> Iterator[tuple[Digest, Entry]]:
    for digest, found in store.blobs.list(prefix):
        yield digest, _blob(digest, found.size, OBJECT, int(found.modified * 1_000_000))


def _blob(digest: Digest, size: int, stored: str, time: int | None) -> Entry:
    return Entry(digest.hex, f"{BLOBS}/{digest.hex}", BLOB, size, digest, stored=stored, time=time)


def _some(entries: Iterator[Entry], place: Place) -> Iterator[Entry]:
    """Raise if a name was given that nothing begins with; else yield all."""
    first = next(entries, None)
    if first is not None:
        yield first
        yield from entries
    elif place.name:
        raise BlobNotFoundError(f"no blob's digest begins with {place.name!r}", hint="`consist ls blobs` lists them")
