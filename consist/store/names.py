"""Typed names to runs and outputs: unique prefixes, and the paths that ``consist://`` and the command line share.

::

    blobs/<digest or unique prefix>
    runs/<run id or unique prefix>/<output key>[/<path in the tree>]
    steps/<step>/<output key>[/…]                newest completed run of the step that has it

A path may begin with ``consist://`` or ``/``. ``listing.py`` says what lies below a path that names no content. A path
in a tree is compared with the paths that the tree has, and with nothing else: it cannot lead out of it.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import unicodedata
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from consist.arguments import nearest
from consist.blobs.copying import telling
from consist.blobs.damage import HINT
from consist.blobs.tree import TreeFile
from consist.blobs.treeget import noticing, open_in_tree
from consist.blobs.treeput import tree_digest
from consist.errors import (
    AmbiguousPrefixError,
    BlobNotFoundError,
    DamagedError,
    FolderError,
    RunNotFoundError,
    UsageError,
)
from consist.hashing.digest import SIZE, Digest, parse_prefix
from consist.hashing.hasher import BLOCK, Hasher, hash_bytes
from consist.index.records import TREE
from consist.store.unknown import or_elsewhere

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from consist.blobs.posix import Growing
    from consist.index.records import ArtifactRecord, RunRecord
    from consist.store.store import Store

_SHOWN = 4
"""Candidates that a message names."""

BLOBS, RUNS, STEPS = AREAS = ("blobs", "runs", "steps")

SCHEME = "consist://"


class StorePath(NamedTuple):
    """A path taken apart; what is not named is ``""``.

    Attributes
    ----------
    area : str
        One of `AREAS`.
    name : str
        A digest's beginning, a run id's beginning, or a step.
    key : str
        The key of an output; never within ``blobs``.
    inner : str
        What is meant of an output that is a folder: a path in its tree.
    """

    area: str
    name: str
    key: str
    inner: str = ""


def parse_path(path: str) -> StorePath:
    """Take a path apart; nothing is looked up.

    Raises
    ------
    UsageError
        If it is no path of the grammar.

    Examples
    --------
    >>> parse_path("consist://steps/clean/plots/2026/a.png")
    StorePath(area='steps', name='clean', key='plots', inner='2026/a.png')
    >>> parse_path("runs/")
    StorePath(area='runs', name='', key='', inner='')
    """
    bare = path.removeprefix(SCHEME).removeprefix("/").removesuffix("/")
    parts = bare.split("/") if bare else []
    too_deep = parts[:1] == [BLOBS] and len(parts) > 2  # noqa: PLR2004 - the area and a digest
    if (parts and parts[0] not in AREAS) or too_deep or "" in parts:
        raise UsageError(
            f"no path of a store: {path!r:.200}",
            hint="write blobs/<digest>, runs/<run id>/<output> or steps/<step>/<output>",
        )
    area, name, key = (*parts[:3], "", "", "")[:3]
    return StorePath(area, name, key, unicodedata.normalize("NFC", "/".join(parts[3:])))


@dataclass(frozen=True, slots=True)
class Found:
    """What a path names.

    Attributes
    ----------
    digest : Digest
        Of its content; of a folder, of its tree.
    size : int
        Bytes; of a folder, of its files together.
    name : str
        What a file with it should be called.
    inline : bytes or None
        The content itself, where a record holds it; else it is a blob.
    record : ArtifactRecord or None
        The output, unless a blob was named.
    run : RunRecord or None
        The run that made it, unless a blob was named.
    tree : Digest or None
        The tree of the output, if that is a folder.
    inner : str
        What of that tree is meant; ``""`` for all of it.
    file : TreeFile or None
        The file in that tree that is meant; None if it is a folder.
    path : str
        As which it was found, for messages; a folder's name may be another one than the output's.
    """

    digest: Digest
    size: int
    name: str
    inline: bytes | None = None
    record: ArtifactRecord | None = None
    run: RunRecord | None = None
    tree: Digest | None = None
    inner: str = ""
    file: TreeFile | None = None
    path: str = ""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder: a tree or a part of one."""
        return self.tree is not None and self.file is None

    @property
    def executable(self) -> bool:
        """Whether it is a file that its owner may execute; of a blob nobody can say."""
        if self.file is not None:
            return self.file.executable
        return self.record is not None and self.record.executable

    @property
    def format(self) -> str | None:
        """How it is read back; None for a blob, of which nobody can say."""
        if self.file is not None:
            return "file"
        return self.record.format if self.record is not None else None


def is_store_path(text: str) -> bool:
    """Tell whether text is meant as a path of the store, and not as a run's id or a file.

    Examples
    --------
    >>> [is_store_path(text) for text in ("steps/clean/table", "consist://runs/3f2a", "3f2a", "s3://steps/x")]
    [True, True, False, False]
    """
    return text.startswith(SCHEME) or text.partition("/")[0] in AREAS


def find_run(store: Store, prefix: str) -> RunRecord:
    """Return the run whose id is, or alone begins with, what was typed.

    Raises
    ------
    RunNotFoundError
        If there is none.
    AmbiguousPrefixError
        If there are several; the message names some.
    """
    if prefix:
        matches = store.index.match_runs(prefix)
        if len(matches) > 1 and prefix not in matches:
            raise AmbiguousPrefixError(
                f"{prefix!r} begins the ids of several runs: {', '.join(matches[:_SHOWN])}", hint="type more of it"
            )
        record = store.index.get_run(prefix if prefix in matches else matches[0]) if matches else None
        if record is not None:
            return record
    raise RunNotFoundError(
        f"no run has an id that begins with {prefix!r}", hint=or_elsewhere(store, "`consist runs` lists them")
    )


def find_output(store: Store, path: str) -> Found:
    """Return what a path of the grammar names.

    Raises
    ------
    UsageError
        If it is no path of the grammar.
    NotFoundError
        If it names nothing.
    """
    place = parse_path(path)
    if place.area == BLOBS and place.name:
        return _blob(store, parse_prefix(place.name))
    if place.key:
        run = find_run(store, place.name) if place.area == RUNS else _newest(store, place)
        found = replace(output_of(run, place.key), path=f"{place.area}/{place.name}/{place.key}")
        return _within(store, found, place.inner) if place.inner else found
    raise UsageError(
        f"{path!r:.200} names no output", hint=f"`consist ls {path}` lists what lies there".replace("  ", " ")
    )


def open_found(store: Store, found: Found) -> BinaryIO:
    """Open what a path named, as a seekable binary file; checked as `BlobStore.open` does.

    Raises
    ------
    FolderError
        If it is a folder.
    BlobNotFoundError
        If the store does not have it any more.
    DamagedError
        Here or from a read, if the bytes are not what the digest says.
    """
    _require_file(found)
    if found.tree is not None and found.file is not None:
        return open_in_tree(store.blobs, found.tree, found.file)
    if found.inline is not None:
        return io.BytesIO(_checked_inline(found, found.inline))
    return store.blobs.open(found.digest, size=found.size)


def copy_found(store: Store, found: Found, file: Growing, seen: Callable[[int], object]) -> None:
    """Write all of what a path named to a new file, telling `seen` the bytes of each piece; errors as for `open_found`.

    Of a large blob the whole is compared too, not only its chunks: what was written is right only once this returned.
    """
    _require_file(found)
    if found.inline is not None and found.tree is None:
        telling(file.write, seen)(memoryview(_checked_inline(found, found.inline)))
        return
    around = contextlib.nullcontext() if found.tree is None else noticing(store.blobs, found.tree, found.inner)
    with around:
        store.blobs.copy_into(found.digest, file, size=found.size, seen=seen)


def pieces_of(store: Store, found: Found) -> Iterator[bytes]:
    """Yield all of what a path named, for who cannot take back what was handed out; errors as for `open_found`.

    So each chunk is compared before it is yielded, and at the end the whole is.
    """
    whole = Hasher(threads=1)
    with open_found(store, found) as source:
        while piece := source.read(BLOCK):
            whole.update(piece)
            yield piece
    if whole.result().digest != found.digest:
        store.blobs.suspects.add(found.digest)
        what = f"blob {found.digest.short} in {store.backend.url}"
        raise DamagedError(f"{what} is damaged: its manifest does not put it together", hint=HINT)


def read_parts(store: Store, found: Found, parts: Sequence[slice]) -> list[bytes]:
    """Return parts of what a path named, as `BlobStore.read_parts` does; errors as for `open_found`."""
    _require_file(found)
    if found.tree is not None:
        with noticing(store.blobs, found.tree, found.inner):
            return store.blobs.read_parts(found.digest, parts, size=found.size)
    if found.inline is not None:
        content = _checked_inline(found, found.inline)
        return [content[part] for part in parts]
    return store.blobs.read_parts(found.digest, parts, size=found.size)


def _require_file(found: Found) -> None:
    if found.is_folder:
        named = found.path or found.name
        raise FolderError(f"{named!r:.200} is a folder", hint="name a file in it; `consist ls` lists them")


def _checked_inline(found: Found, content: bytes) -> bytes:
    if hash_bytes(content) != found.digest:
        raise DamagedError(
            f"the inline content of {found.name!r} is not what its digest {found.digest.short} says",
            hint=HINT,
        )
    return content


def _within(store: Store, found: Found, inner: str) -> Found:
    """Find a file or a folder in an output that is a folder."""
    if found.tree is None:
        raise RunNotFoundError(
            f"{found.path!r:.200} is no folder, so there is no {inner!r:.200} in it",
            hint=f"leave out /{inner:.200}",
        )
    part = store.trees.read(found.tree).find(inner)
    name, path = inner.rpartition("/")[2], f"{found.path}/{inner}"
    if isinstance(part, TreeFile):
        return replace(found, digest=part.digest, size=part.size, name=name, inner=inner, file=part, path=path)
    if part is None:
        raise RunNotFoundError(
            f"there is no {inner!r:.200} in {found.path!r:.200}", hint="`consist ls` lists what is in it"
        )
    return replace(found, digest=tree_digest(part), size=part.total, name=name, inner=inner, path=path)


def _newest(store: Store, place: StorePath) -> RunRecord:
    record = store.index.newest(place.name, key=place.key)
    if record is None:
        if not any(step == place.name for step, _ in store.index.steps()):
            hint = or_elsewhere(store, near_step(store, place.name))
            raise RunNotFoundError(f"there is no step {place.name!r}", hint=hint)
        raise RunNotFoundError(
            f"no completed run of step {place.name!r} has an output {place.key!r}",
            hint=or_elsewhere(store, _near_output(store, place)),
        )
    return record


def near_step(store: Store, name: str) -> str:
    """Return a hint to the step that was perhaps meant, or to the list of them."""
    return nearest(name, [step for step, _ in store.index.steps()], "see `consist ls steps`")


def _near_output(store: Store, place: StorePath) -> str:
    """Return a hint to the output that was perhaps meant, of the step's newest completed run."""
    newest = store.index.newest(place.name)
    keys = [] if newest is None else [output.key for output in newest.outputs]
    return nearest(place.key, keys, f"see `consist ls steps/{place.name}`")


def _blob(store: Store, prefix: str) -> Found:
    """Find a blob by its digest's beginning, among the store's objects and what is inline in records."""
    if len(prefix) == 2 * SIZE:
        return _whole_name(store, Digest.parse(prefix))
    sizes = {entry.digest: entry.size for entry in itertools.islice(store.index.blobs(prefix), _SHOWN)}
    sizes.update((digest, found.size) for digest, found in itertools.islice(store.blobs.list(prefix), _SHOWN))
    if not sizes:
        raise no_blob(prefix)
    if len(sizes) > 1:
        some = ", ".join(digest.short for digest in sorted(sizes)[:_SHOWN])
        raise AmbiguousPrefixError(f"{prefix!r} begins the digests of several blobs: {some}", hint="type more of it")
    digest, size = sizes.popitem()
    return Found(digest, size, digest.hex, store.index.inline_blob(digest))


def _whole_name(store: Store, digest: Digest) -> Found:
    """Find a blob by its digest, without a listing: over a network that would be a request a thousand objects."""
    known = store.index.blob(digest)
    inline = store.index.inline_blob(digest) if known is not None and known.inline else None
    if inline is not None:
        return Found(digest, len(inline), digest.hex, inline)
    there = store.blobs.stat(digest, size=None if known is None else known.size)
    if there is None:
        raise no_blob(digest.hex)
    return Found(digest, there.size, digest.hex)


def no_blob(prefix: str) -> BlobNotFoundError:
    """Return the error for what begins the digest of no blob."""
    return BlobNotFoundError(f"no blob's digest begins with {prefix!r}", hint="`consist ls blobs` lists them")


def output_of(run: RunRecord, key: str) -> Found:
    """Return an output of a run.

    Raises
    ------
    RunNotFoundError
        If it has none of that key.
    """
    for record in run.outputs:
        if record.key == key:
            name = str(record.media.get("path", key)).rsplit("/", 1)[-1]
            tree = record.digest if record.format == TREE else None
            return Found(record.digest, record.content_size, name, record.inline, record, run, tree)
    known = ", ".join(record.key for record in run.outputs) or "none"
    noted = next((f"; its note: {note}" for note in run.notes if note.startswith(f"output {key!r}: ")), "")
    raise RunNotFoundError(f"run {run.id} has no output {key!r}", hint=f"its outputs: {known}{noted}")
