"""What lies below a path of the grammar in ``names.py``: the store read as folders. Streams; reads only.

``blobs`` lists what is really there: the objects of the store, and the content that lies in records only. The other
folders are views of the index.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING

from consist.blobs.tree import Child, Tree
from consist.errors import RunNotFoundError
from consist.hashing.digest import Digest, parse_prefix
from consist.index.records import COMPLETED, SCENARIO, TREE
from consist.store.asked import known_runs
from consist.store.names import AREAS, BLOBS, RUNS, STEPS, find_output, find_run, near_step, no_blob, parse_path
from consist.store.unknown import or_elsewhere

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consist.blobs.backend import ObjectStat
    from consist.index.records import ArtifactRecord, RunRecord
    from consist.store.names import Found, StorePath
    from consist.store.store import Store

AREA, BLOB, RUN, STEP, OUTPUT, FILE, FOLDER = "area", "blob", "run", "step", "output", "file", "folder"
INLINE, OBJECT = "inline", "object"

_HEX = "0123456789abcdef"


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
        Microseconds since 1970: when a run, the newest of a step or an output's began, or when a blob was last written.
    run : str or None
        Id of the run, or of the run that made it.
    step : str or None
        The step of that run.
    """

    name: str
    path: str
    kind: str
    size: int | None = None
    digest: Digest | None = None
    format: str | None = None
    stored: str | None = None
    time: int | None = None
    run: str | None = None
    step: str | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of files: an output that is one, or one in it."""
        return self.kind == FOLDER or self.format == TREE

    @property
    def is_listed(self) -> bool:
        """Whether something can lie below it: a folder of files, an area, a run or a step."""
        return self.is_folder or self.kind in {AREA, RUN, STEP}


def look(store: Store, path: str = "") -> tuple[Entry, Iterator[Entry]]:
    """Return what a path itself is, and what lies below it.

    Parameters
    ----------
    store : Store
        The store.
    path : str
        Of the grammar.

    Returns
    -------
    Entry
        As the list of the folder that it lies in would have it.
    iterator of Entry
        What lies below; nothing of what is no folder. It is read from the store when it is asked for.

    Raises
    ------
    UsageError
        If it is no path of the grammar.
    NotFoundError
        If there is nothing of that name.
    """
    place = parse_path(path)
    if not place.area:
        return Entry("", "", AREA), (Entry(area, area, AREA) for area in AREAS)
    if not place.name:
        below = {BLOBS: _blobs(store, ""), RUNS: _runs(store), STEPS: _steps(store)}
        return Entry(place.area, place.area, AREA), below[place.area]
    if place.key or place.area == BLOBS:
        return _content(store, find_output(store, path), place)
    if place.area == RUNS:
        run = find_run(store, place.name)
        entry = Entry(run.id, f"{RUNS}/{run.id}", RUN, time=run.started, run=run.id, step=run.step)
        return entry, _outputs([run], folder=entry.path)
    return _step(store, place.name)


def list_path(store: Store, path: str = "", *, newest: int | None = None) -> Iterator[Entry]:
    """Yield what lies below a path; of a path that names a file or a value, that.

    Parameters
    ----------
    store : Store
        The store.
    path : str
        Of the grammar; ``blobs/<beginning>`` lists all the blobs that begin so.
    newest : int, optional
        Of a step, look at so many of its newest runs only: for who cannot wait.

    Raises
    ------
    UsageError
        If it is no path of the grammar.
    NotFoundError
        If there is nothing of that name.
    """
    place = parse_path(path)
    if place.area == BLOBS and place.name:
        return _some(_blobs(store, parse_prefix(place.name)), place)
    if place.area == STEPS and place.name and not place.key:
        return _step(store, place.name, newest)[1]
    entry, below = look(store, path)
    return below if entry.is_listed else iter([entry])


def _runs(store: Store) -> Iterator[Entry]:
    for run, started, step in store.index.starts():
        yield Entry(run, f"{RUNS}/{run}", RUN, time=started, run=run, step=step)


def _steps(store: Store) -> Iterator[Entry]:
    """Yield the steps; a name that only scenarios have, in which nothing can lie, is none."""
    scenarios: Counter[str] | None = None
    for step, sums in store.index.step_sums():
        if sums is not None and not sums.outputs:
            if scenarios is None:
                scenarios = Counter(run.step for run in store.index.rows(kind=SCENARIO))
            if scenarios[step] >= sums.runs:
                continue
        yield (
            _step(store, step)[0] if sums is None else Entry(step, f"{STEPS}/{step}", STEP, time=sums.newest, step=step)
        )


def _step(store: Store, step: str, newest: int | None = None) -> tuple[Entry, Iterator[Entry]]:
    newest_run = next(store.index.runs(step=step, limit=1), None)
    if newest_run is None:
        raise RunNotFoundError(f"there is no step {step!r:.200}", hint=or_elsewhere(store, near_step(store, step)))
    entry = Entry(step, f"{STEPS}/{step}", STEP, time=newest_run.started, step=step)
    return entry, _outputs(_newest_with_each(store, step, newest), folder=entry.path)


def _newest_with_each(store: Store, step: str, newest: int | None) -> Iterator[RunRecord]:
    """Yield the runs of a step that are the newest with some output; of the others an outline is read: 20 us a run."""
    seen: set[str] = set()
    for row in islice(store.index.outlines(step), newest):
        keys = {output.key for output in row.outputs}
        if row.status != COMPLETED or keys <= seen:
            continue
        for run in known_runs(store, [row.id]):
            seen |= keys
            yield run


def _outputs(runs: Iterable[RunRecord], *, folder: str) -> Iterator[Entry]:
    """Yield the outputs of runs; of those of one name, the first."""
    seen = set()
    for run in runs:
        for output in run.outputs:
            if output.key not in seen:
                seen.add(output.key)
                yield _output(run, output, folder)


def _content(store: Store, found: Found, place: StorePath) -> tuple[Entry, Iterator[Entry]]:
    """Return a blob, an output or what is in one, and what lies in it if it is a folder."""
    run, record = found.run, found.record
    if run is None or record is None:
        there = None if found.inline is not None else store.blobs.stat(found.digest, size=found.size)
        time = None if there is None else _microseconds(there)
        return _blob(found.digest, found.size, OBJECT if found.inline is None else INLINE, time), iter(())
    folder = f"{place.area}/{run.id if place.area == RUNS else place.name}"
    entry = _output(run, record, folder)
    if found.inner:
        above = "/".join([folder, place.key, *found.inner.split("/")[:-1]])
        entry = _child(Child(found.name, found.size, found.file), above, run, found.digest)
    return entry, _children(store, found, entry.path, run)


def _children(store: Store, found: Found, above: str, run: RunRecord) -> Iterator[Entry]:
    if found.tree is None or not found.is_folder:
        return
    tree = store.trees.read(found.tree)
    part = tree.find(found.inner) if found.inner else tree
    for child in part.children() if isinstance(part, Tree) else ():
        yield _child(child, above, run, None)


def _child(child: Child, above: str, run: RunRecord, digest: Digest | None) -> Entry:
    """Return what lies in a folder of files; `digest` is a folder's own, where it is known."""
    kind, stored = (FOLDER, None) if child.file is None else (FILE, OBJECT)
    if child.file is not None:
        digest = child.file.digest
    path = f"{above}/{child.name}"
    form = None if child.file is None else FILE
    return Entry(child.name, path, kind, child.size, digest, form, stored, run.started, run.id, run.step)


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
        run=run.id,
        step=run.step,
    )


def _blobs(store: Store, prefix: str) -> Iterator[Entry]:
    """Yield blobs in order of digest, each as soon as no other can come before it.

    A folder of files lists in no order, so its subfolders are sorted one by one. A place far away is asked for as few
    pages as there are, which come in order: S3 and GCS promise that, and fsspec sorts. Where one does not, nothing is
    lost but the order.
    """
    is_sorted = not store.backend.capabilities.files
    for folder in _folders(prefix, as_whole=is_sorted):
        last = None
        for entry in _blobs_below(store, folder, prefix, is_sorted=is_sorted):
            if entry.name != last and entry.name.startswith(prefix):
                yield entry
            last = entry.name


def _folders(prefix: str, *, as_whole: bool) -> Iterator[str]:
    """Name the folders that hold the digests with a prefix, in order; ``""`` is all of them together."""
    if not prefix and as_whole:
        return iter([""])
    heads = prefix[:1] or _HEX
    tails = prefix[1:2] or _HEX
    return (head + tail for head in heads for tail in tails)


def _blobs_below(store: Store, folder: str, prefix: str, *, is_sorted: bool) -> Iterator[Entry]:
    """Yield blobs of both kinds and what is inline, in order of digest; of one that is both, its object first."""
    listed: list[Iterable[Entry]] = [_objects(kind.list(folder)) for kind in (store.blobs.whole, store.blobs.large)]
    if not is_sorted:
        listed = [sorted(entries, key=_NAME) for entries in listed]
    known = store.index.blobs(max(folder, prefix, key=len))
    inline = (_blob(each.digest, each.size, INLINE, None) for each in known if each.inline)
    return merge(*listed, inline, key=_NAME)


def _objects(found: Iterable[tuple[Digest, ObjectStat]]) -> Iterator[Entry]:
    for digest, there in found:
        yield _blob(digest, there.size, OBJECT, _microseconds(there))


_NAME = attrgetter("name")


def _microseconds(found: ObjectStat) -> int | None:
    """Return an object's date, or None where its place does not tell."""
    return int(found.modified * 1_000_000) if math.isfinite(found.modified) else None


def _blob(digest: Digest, size: int, stored: str, time: int | None) -> Entry:
    return Entry(digest.hex, f"{BLOBS}/{digest.hex}", BLOB, size, digest, stored=stored, time=time)


def _some(entries: Iterator[Entry], place: StorePath) -> Iterator[Entry]:
    """Raise if a name was given that nothing begins with; else yield all."""
    first = next(entries, None)
    if first is not None:
        yield first
        yield from entries
    elif place.name:
        raise no_blob(place.name)
