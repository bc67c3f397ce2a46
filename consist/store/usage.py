"""How much there is, and how much room it takes: what runs made, what of it differs, and what lies in the store.

Three sizes are told apart. *Logical* bytes are those of every output of every run: what the results would take as
plain files, one copy a run. *Unique* bytes are those of them that differ: a blob counts once however many runs made it,
and a large one by its chunks, so that versions which differ little add little. *Stored* bytes are what the objects
take: unique content after compression, with the records, manifests and directories that belong to it.

Runs are those that the index knows, objects those that the store lists; both are read in a stream, and each step is
told when its runs were added up. What grows is the set of contents that were counted, by 120 bytes for each small one
and for each 320 KiB of a large one. Nothing is checked: `verify` does that.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from consist.blobs import layout
from consist.blobs.blobsource import LARGE
from consist.blobs.manifest import encode_manifest
from consist.blobs.tree import Tree
from consist.blobs.treeget import read_tree
from consist.errors import BlobNotFoundError, DamagedError, FormatError, RunNotFoundError
from consist.hashing.digest import Digest
from consist.index.outline import outline_of
from consist.index.records import TREE
from consist.store.names import BLOBS, RUNS, STEPS, Found, find_output, find_run, parse_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from consist.index.outline import Outline, OutputOutline
    from consist.store.store import Store


@dataclass(frozen=True, slots=True)
class StepUsage:
    """What the runs of one step made.

    Attributes
    ----------
    step : str
        Its name.
    runs : int
        How many runs, failed ones too.
    logical : int
        Bytes of all outputs of all of them.
    inline : int
        Those of them that lie in the records themselves.
    unique : int
        Bytes of content that differs, among the outputs of this step.
    stored : int
        What its objects take: content after compression, manifests, and the records. What other steps share with it
        is counted in each.
    """

    step: str
    runs: int
    logical: int
    inline: int
    unique: int
    stored: int

    @property
    def saved(self) -> int:
        """Bytes that need not be stored, since they are there already: logical without unique."""
        return self.logical - self.unique


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes of objects, by what they are; each attribute is a number of bytes.

    Attributes
    ----------
    blobs : int
        Small content, an object each.
    packs : int
        Chunks of large content, and the directories of the packs.
    manifests : int
        How large content is put together.
    records : int
        What is recorded of runs, with what is inline.
    other : int
        Events, settings, and what else lies there.
    """

    blobs: int = 0
    packs: int = 0
    manifests: int = 0
    records: int = 0
    other: int = 0

    @property
    def content(self) -> int:
        """Bytes of blobs and packs: what there is to read in order to check all content."""
        return self.blobs + self.packs

    @property
    def total(self) -> int:
        """Bytes of all."""
        return self.blobs + self.packs + self.manifests + self.records + self.other


@dataclass(frozen=True, slots=True)
class Usage:
    """What `usage` found.

    Attributes
    ----------
    steps : tuple of StepUsage
        By step, in order of its name.
    runs, logical, inline, unique : int
        As of a step, of all of them together; what several steps have in common is unique once.
    stored : Stored
        Of the whole store, what lies in it; of a part, what that part needs, which others may need too.
    unreadable : int
        Large blobs and folders whose parts could not be told: missing or damaged. They count as one piece each.
    """

    steps: tuple[StepUsage, ...]
    runs: int
    logical: int
    inline: int
    unique: int
    stored: Stored
    unreadable: int

    @property
    def saved(self) -> int:
        """Bytes that need not be stored, since they are there already: logical without unique."""
        return self.logical - self.unique

    @property
    def ratio(self) -> float | None:
        """Logical bytes for each one that is stored; None where nothing is."""
        return self.logical / self.stored.total if self.stored.total else None


class Measuring:
    """A measurement under way: first `steps`, then `sums`.

    Parameters
    ----------
    store : Store
        The store.
    path : str
        Of the grammar in ``names.py``: a step, a run, an output, a folder or a file in one, or a blob. What names an
        area, or nothing, is the whole store.
    seen : callable
        Told 1 for each run and each object that was looked at.

    Raises
    ------
    UsageError
        If it is no path of the grammar.
    NotFoundError
        If there is nothing of that name.
    """

    def __init__(self, store: Store, path: str = "", *, seen: Callable[[int], object] = int) -> None:
        self._store = store
        self._seen = seen
        self._place = parse_path(path)
        self._count = _Count(store, seen)
        self._found = self._find(path)

    def steps(self) -> Iterator[StepUsage]:
        """Yield what the runs of each step made, in order of its name, each as soon as it is known."""
        if isinstance(self._found, Found):
            self._count.found(self._found)
        elif self._found is not None:
            self._count.step(*self._found)
        else:
            for step, _ in self._store.index.steps():
                yield self._count.step(step, self._store.index.outlines(step))
            return
        yield from (step for step in self._count.steps if step.step)

    def sums(self) -> Usage:
        """Return all of it, once the last step was told."""
        whole = self._found is None
        return self._count.result(stored_bytes(self._store, seen=self._seen) if whole else self._count.needed())

    @property
    def unreadable(self) -> int:
        """How many large blobs and folders could not be taken apart so far."""
        return self._count.unreadable

    def _find(self, path: str) -> Found | tuple[str, Iterable[Outline]] | None:
        """Find what a path names: a content, or a step's name with runs of it; None for the whole store."""
        place = self._place
        if not place.name:
            return None
        if place.area == BLOBS or place.key:
            return find_output(self._store, path)
        if place.area == RUNS:
            run = find_run(self._store, place.name)
            outline = outline_of(self._store.index.framed(run.id) or b"")
            return run.step, [outline] if outline is not None else []
        if all(known != place.name for known, _ in self._store.index.steps()):
            raise RunNotFoundError(f"there is no step {place.name!r}", hint=f"see `consist ls {STEPS}`")
        return place.name, self._store.index.outlines(place.name)


def usage(store: Store, path: str = "", *, seen: Callable[[int], object] = int) -> Usage:
    """Measure a store, or a part of it, to the end; the parameters and errors are those of `Measuring`."""
    measuring = Measuring(store, path, seen=seen)
    for _ in measuring.steps():
        pass
    return measuring.sums()


def stored_bytes(store: Store, *, seen: Callable[[int], object] = int) -> Stored:
    """Add up all objects of a store, by what they are."""
    sums = dict.fromkeys(_AREAS.values(), 0)
    for found in store.backend.list(""):
        sums[_AREAS.get(found.key.partition("/")[0], "other")] += found.size
        seen(1)
    return Stored(**sums)


_AREAS = {
    layout.BLOBS: "blobs",
    layout.PACKS: "packs",
    layout.MANIFESTS: "manifests",
    layout.RESULTS: "records",
    layout.RUNS: "records",
    layout.LOG: "other",
}


_INLINE = "inline"


class _Piece(NamedTuple):
    """Something that lies in the store once: a whole blob, a chunk, a manifest, what is inline."""

    kind: str
    """As `Stored` calls it; ``inline`` for what lies in a record."""
    name: bytes
    raw: int
    """Bytes of content; 0 for what only describes it."""
    stored: int


@dataclass(slots=True)
class _Distinct:
    """Pieces, each counted once."""

    unique: int = 0
    stored: dict[str, int] = field(default_factory=dict)
    blobs: set[bytes] = field(default_factory=set)
    """Blobs and trees that were taken apart: their pieces are counted."""
    _known: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))

    def add(self, piece: _Piece) -> None:
        """Count a piece, unless it was counted before."""
        kind, name, raw, stored = piece
        known = self._known[kind]
        if name not in known:
            known.add(name)
            self.unique += raw
            if stored:
                self.stored[kind] = self.stored.get(kind, 0) + stored

    @property
    def taken(self) -> int:
        """Bytes of the objects that the pieces are."""
        return sum(self.stored.values())


class _Count:
    """Adds up runs, step by step."""

    def __init__(self, store: Store, seen: Callable[[int], object]) -> None:
        self._store = store
        self._seen = seen
        self.steps: list[StepUsage] = []
        self._all = _Distinct()
        self._records = 0
        self._unreadable: set[Digest] = set()

    def step(self, step: str, runs: Iterable[Outline]) -> StepUsage:
        """Count runs of one step."""
        own = _Distinct()
        count = logical = inline = records = 0
        for run in runs:
            count += 1
            records += run.framed
            for output in run.outputs:
                logical += output.content
                inline += output.size if output.inline else 0
                self._add(own, output)
            self._seen(1)
        self._records += records
        found = StepUsage(step, count, logical, inline, own.unique, own.taken + records)
        self.steps.append(found)
        return found

    def found(self, found: Found) -> None:
        """Count what a path named: an output, a part of one, or a blob, which is of no step."""
        own = _Distinct()
        inline = 0 if found.inline is None else found.size
        for piece in self._found(found):
            own.add(piece)
            self._all.add(piece)
        self._records = 0 if found.run is None else len(self._store.index.framed(found.run.id) or b"")
        self._seen(1)
        step = "" if found.run is None else found.run.step
        taken = own.taken + self._records
        self.steps.append(StepUsage(step, int(found.run is not None), found.size, inline, own.unique, taken))

    def needed(self) -> Stored:
        """Return what the objects take that were counted."""
        return Stored(**self._all.stored, records=self._records)

    def result(self, stored: Stored) -> Usage:
        """Return all of it."""
        steps = self.steps
        return Usage(
            steps=tuple(step for step in steps if step.step),
            runs=sum(step.runs for step in steps),
            logical=sum(step.logical for step in steps),
            inline=sum(step.inline for step in steps),
            unique=self._all.unique,
            stored=stored,
            unreadable=self.unreadable,
        )

    @property
    def unreadable(self) -> int:
        """How many contents are missing or damaged."""
        return len(self._unreadable)

    # Parts ---------------------------------------------------------------------------------------------------------

    def _add(self, own: _Distinct, output: OutputOutline) -> None:
        """Count the pieces of an output; a manifest or a tree is read once a step, however many runs made it."""
        digest, size = output.digest, output.size
        if digest in own.blobs:
            return
        own.blobs.add(digest)
        pieces: Iterable[_Piece]
        if output.inline:
            pieces = (_Piece(_INLINE, digest, size, 0),)
        elif output.format == TREE:
            pieces = self._tree(Digest(digest), size, "")
        elif size < LARGE:
            pieces = (_Piece("blobs", digest, size, size),)
        else:
            pieces = self._blob(Digest(digest), size)
        for piece in pieces:
            own.add(piece)
            self._all.add(piece)

    def _found(self, found: Found) -> Iterator[_Piece]:
        if found.inline is not None:
            yield _Piece(_INLINE, found.digest.raw, found.size, 0)
        elif found.is_folder and found.tree is not None:
            size = found.record.size if found.record is not None else 0
            yield from self._tree(found.tree, size, found.inner)
        else:
            yield from self._blob(found.digest, found.size)

    def _tree(self, digest: Digest, size: int, inner: str) -> Iterator[_Piece]:
        """Yield the files of a folder or of a part of it; the list of them takes room, and is no content."""
        for piece in self._blob(digest, size):
            yield piece._replace(raw=0)
        try:
            tree = read_tree(self._store.blobs, digest)
        except (BlobNotFoundError, DamagedError, FormatError):
            self._unreadable.add(digest)
            return
        part = tree.find(inner) if inner else tree
        if isinstance(part, Tree):
            for file in part.files:
                yield from self._blob(file.digest, file.size)

    def _blob(self, digest: Digest, size: int) -> Iterator[_Piece]:
        """Yield a small blob as it is, a large one by its chunks; a whole object of any size is a blob as well."""
        whole = _Piece("blobs", digest.raw, size, size)
        if size < LARGE:
            yield whole
            return
        try:
            manifest = self._store.blobs.large.manifest(digest)
        except (DamagedError, FormatError):
            manifest = None
        if manifest is None:
            if self._store.blobs.whole.stat(digest) is None:
                self._unreadable.add(digest)
                whole = whole._replace(stored=0)
            yield whole
            return
        yield _Piece("manifests", digest.raw, 0, len(encode_manifest(manifest)))
        for chunk in manifest.chunks:
            yield _Piece("packs", chunk.digest, chunk.raw, chunk.stored)
