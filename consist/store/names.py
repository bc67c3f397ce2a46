"""Typed names to runs and outputs: unique prefixes, and the paths that ``consist://`` and the command line share.

::

    blobs/<digest or unique prefix>
    runs/<run id or unique prefix>/<output key>
    steps/<step>/<output key>                    newest completed run of the step that has it

A path may begin with ``consist://`` or ``/``. ``listing.py`` says what lies below a path that names no output.
"""

from __future__ import annotations

import io
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from consist.errors import AmbiguousPrefixError, BlobNotFoundError, DamagedError, RunNotFoundError, UsageError
from consist.hashing.digest import parse_prefix
from consist.hashing.hasher import hash_bytes

if TYPE_CHECKING:
    from consist.hashing.digest import Digest
    from consist.index.records import ArtifactRecord, RunRecord
    from consist.store.store import Store

_SHOWN = 4
"""Candidates that a message names."""

BLOBS, RUNS, STEPS = AREAS = ("blobs", "runs", "steps")

SCHEME = "consist://"


class Place(NamedTuple):
    """A path taken apart; what is not named is ``""``.

    Attributes
    ----------
    area : str
        One of `AREAS`.
    name : str
        A digest's beginning, a run id's beginning, or a step.
    key : str
        The key of an output; never within ``blobs``.
    """

    area: str
    name: str
    key: str


def parse_path(path: str) -> Place:
    """Take a path apart; nothing is looked up.

    Raises
    ------
    UsageError
        If it is no path of the grammar.

    Examples
    --------
    >>> parse_path("consist://steps/clean/table")
    Place(area='steps', name='clean', key='table')
    >>> parse_path("runs/")
    Place(area='runs', name='', key='')
    """
    bare = path.removeprefix(SCHEME).removeprefix("/").removesuffix("/")
    parts = bare.split("/") if bare else []
    depth = 2 if parts[:1] == [BLOBS] else 3
    if (parts and parts[0] not in AREAS) or len(parts) > depth or "" in parts:
        raise UsageError(
            f"no path of a store: {path!r:.200}",
            hint="write blobs/<digest>, runs/<run id>/<output> or steps/<step>/<output>",
        )
    return Place(*parts, *[""] * (3 - len(parts)))


@dataclass(frozen=True, slots=True)
class Found:
    """What a path names.

    Attributes
    ----------
    digest : Digest
        Of its content.
    size : int
        Bytes.
    name : str
        What a file with it should be called.
    inline : bytes or None
        The content itself, where a record holds it; else it is a blob.
    record : ArtifactRecord or None
        The output, unless a blob was named.
    run : RunRecord or None
        The run that made it, unless a blob was named.
    """

    digest: Digest
    size: int
    name: str
    inline: bytes | None = None
    record: ArtifactRecord | None = None
    run: RunRecord | None = None


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
    raise RunNotFoundError(f"no run has an id that begins with {prefix!r}", hint="`consist runs` lists them")


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
    if place.area == RUNS and place.key:
        return output_of(find_run(store, place.name), place.key)
    if place.area == STEPS and place.key:
        return output_of(_newest(store, place), place.key)
    raise UsageError(
        f"{path!r:.200} names no output", hint=f"`consist ls {path}` lists what lies there".replace("  ", " ")
    )


def open_found(store: Store, found: Found) -> BinaryIO:
    """Open what a path named, as a seekable binary file; checked as `BlobStore.open` does.

    Raises
    ------
    BlobNotFoundError
        If the store does not have it any more.
    DamagedError
        Here or from a read, if the bytes are not what the digest says.
    """
    if found.inline is None:
        return store.blobs.open(found.digest, size=found.size)
    if hash_bytes(found.inline) != found.digest:
        raise DamagedError(
            f"the inline content of {found.name!r} is not what its digest {found.digest.short} says",
            hint="run the step that made it again, and the store heals",
        )
    return io.BytesIO(found.inline)


def _newest(store: Store, place: Place) -> RunRecord:
    record = store.index.newest(place.name, key=place.key)
    if record is None:
        known = any(step == place.name for step, _ in store.index.steps())
        raise RunNotFoundError(
            f"no completed run of step {place.name!r} has an output {place.key!r}"
            if known
            else f"there is no step {place.name!r}",
            hint=f"see `consist ls steps/{place.name}`" if known else "see `consist ls steps`",
        )
    return record


def _blob(store: Store, prefix: str) -> Found:
    """Find a blob by its digest's beginning, among the store's objects and what is inline in records."""
    sizes = {entry.digest: entry.size for entry in itertools.islice(store.index.blobs(prefix), _SHOWN)}
    sizes.update((digest, found.size) for digest, found in itertools.islice(store.blobs.list(prefix), _SHOWN))
    if not sizes:
        raise BlobNotFoundError(f"no blob's digest begins with {prefix!r}", hint="`consist ls blobs` lists them")
    if len(sizes) > 1:
        some = ", ".join(digest.short for digest in sorted(sizes)[:_SHOWN])
        raise AmbiguousPrefixError(f"{prefix!r} begins the digests of several blobs: {some}", hint="type more of it")
    digest, size = sizes.popitem()
    return Found(digest, size, digest.hex, store.index.inline_blob(digest))


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
            return Found(record.digest, record.size, name, record.inline, record, run)
    known = ", ".join(record.key for record in run.outputs) or "none"
    raise RunNotFoundError(f"run {run.id} has no output {key!r}", hint=f"its outputs: {known}")
