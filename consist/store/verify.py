"""Is everything there, and is it what it says? Reads the store itself, not the index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from consist.blobs import layout
from consist.blobs.treeget import read_tree
from consist.errors import BlobNotFoundError, DamagedError, FormatError
from consist.hashing.hasher import hash_bytes
from consist.index.records import TREE, RunRecord, decode_events, decode_record
from consist.store.config import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.blobs.tree import TreeFile
    from consist.hashing.digest import Digest
    from consist.store.store import Store


@dataclass(frozen=True, slots=True)
class Finding:
    """One damaged or missing thing.

    Attributes
    ----------
    key : str
        The object's key in the store.
    problem : str
        What is wrong with it, and whom it affects.
    """

    key: str
    problem: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What `verify` looked at and found."""

    records: int
    blobs: int
    bytes: int
    findings: tuple[Finding, ...]


def verify(store: Store, *, read_data: bool = False) -> Verified:
    """Check a store.

    Parameters
    ----------
    store : Store
        What to check. Nothing is changed, but what is found damaged is noted, so that the next run heals it.
    read_data : bool
        Read every blob and compare its digest; without it only names, sizes and all records are checked.

    Returns
    -------
    Verified
        Its findings name exactly what is damaged; of a folder, each file. Objects that nothing refers to and
        temporary files are no damage.
    """
    findings: list[Finding] = [*_config(store)]
    sizes, total = _blobs(store, findings, read_data=read_data)
    records = 0
    trees: set[Digest] = set()
    for key, record in _records(store, findings):
        records += 1
        findings.extend(_outputs(store, key, record, sizes))
        findings.extend(_trees(store, record, sizes, trees))
    findings.extend(_log(store))
    return Verified(records, len(sizes), total, tuple(dict.fromkeys(findings)))


def _config(store: Store) -> Iterator[Finding]:
    try:
        if load(store.backend) != store.config:
            yield Finding(layout.CONFIG, "missing, or not what it was when the store was opened")
    except (DamagedError, FormatError) as error:
        yield Finding(layout.CONFIG, error.message)


def _blobs(store: Store, findings: list[Finding], *, read_data: bool) -> tuple[dict[bytes, int], int]:
    sizes: dict[bytes, int] = {}
    for found in store.backend.list(layout.BLOBS):
        try:
            digest = layout.key_digest(found.key)
            sizes[digest.raw] = found.size
            if read_data:
                store.blobs.verify(digest)
        except DamagedError as error:
            findings.append(Finding(found.key, error.message))
        except BlobNotFoundError:
            continue
    return sizes, sum(sizes.values())


def _records(store: Store, findings: list[Finding]) -> Iterator[tuple[str, RunRecord]]:
    for area in (layout.RESULTS, layout.RUNS):
        for found in store.backend.list(area):
            try:
                yield found.key, decode_record(store.backend.get(found.key), frame_key(found.key))
            except BlobNotFoundError:
                continue
            except (DamagedError, FormatError) as error:
                findings.append(Finding(found.key, error.message))


def frame_key(key: str) -> bytes:
    """Return what the frame of the record at a key must be about.

    Raises
    ------
    DamagedError
        If no record lies at such a key.
    """
    area, _, name = key.partition("/")
    return layout.key_digest(key).raw if area == layout.RESULTS else name.encode()


def _outputs(store: Store, key: str, record: RunRecord, sizes: dict[bytes, int]) -> Iterator[Finding]:
    for output in record.outputs:
        if output.inline is not None:
            if hash_bytes(output.inline) != output.digest:
                yield Finding(key, f"the inline output {output.key!r} does not match its digest")
            continue
        blob = layout.digest_key(layout.BLOBS, output.digest)
        size = _size(store, output.digest, sizes)
        if size is None:
            yield Finding(blob, f"missing; output {output.key!r} of run {record.id} needs it")
        elif size != output.size:
            yield Finding(blob, f"has {size} bytes, not {output.size} as run {record.id} says")


def _trees(store: Store, record: RunRecord, sizes: dict[bytes, int], done: set[Digest]) -> Iterator[Finding]:
    """Check the folders that a run made, each once. One that is not whole is noted, so that its run heals it."""
    for output in record.outputs:
        if output.format != TREE or output.digest in done:
            continue
        done.add(output.digest)
        try:
            tree = read_tree(store.blobs, output.digest)
        except BlobNotFoundError:  # named with the outputs
            continue
        except DamagedError as error:
            yield Finding(layout.digest_key(layout.BLOBS, output.digest), error.message)
            continue
        for file in tree.files:
            problem = _problem(store, file, sizes)
            if problem is not None:
                store.blobs.suspects.add(output.digest)
                where = f"{file.path!r} of output {output.key!r} of run {record.id} needs it"
                yield Finding(layout.digest_key(layout.BLOBS, file.digest), f"{problem}; {where}")


def _problem(store: Store, file: TreeFile, sizes: dict[bytes, int]) -> str | None:
    if file.digest in store.blobs.suspects:
        return "damaged"
    size = _size(store, file.digest, sizes)
    if size is None:
        return "missing"
    return None if size == file.size else f"has {size} bytes, not {file.size}"


def _size(store: Store, digest: Digest, sizes: dict[bytes, int]) -> int | None:
    """Return the size of a blob, or None if there is none: a writer may have put it since the blobs were listed."""
    size = sizes.get(digest.raw)
    if size is None:
        found = store.blobs.stat(digest)
        size = None if found is None else found.size
    return size


def _log(store: Store) -> Iterator[Finding]:
    for found in store.backend.list(layout.LOG):
        try:
            decode_events(store.backend.get(found.key), found.key)
        except BlobNotFoundError:
            continue
        except (DamagedError, FormatError) as error:
            yield Finding(found.key, error.message)
