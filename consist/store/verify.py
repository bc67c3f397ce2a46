"""Is everything there, and is it what it says? Reads the store itself; the index says which records should be there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from consist.blobs import layout
from consist.blobs.listed import read_listed
from consist.blobs.tree import Tree
from consist.blobs.treeget import read_tree
from consist.blobs.unreadable import is_lost, is_of_object, problem_of
from consist.errors import BlobNotFoundError, DamagedError, FormatError, StorageError
from consist.hashing.frame import Kind, decode_frame
from consist.hashing.hasher import hash_bytes
from consist.index.records import TREE, RunRecord, decode_events, decode_record
from consist.store import batches
from consist.store.config import load
from consist.store.contents import Finding, look_at_contents, object_key
from consist.store.expected import Expected, what_to_do, what_to_do_about_damage
from consist.store.lookup import note_missing
from consist.store.mending import frame_key
from consist.store.needing import Needing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from consist.blobs.backend import ObjectStat
    from consist.blobs.tree import TreeFile
    from consist.hashing.digest import Digest
    from consist.store.contents import Contents
    from consist.store.store import Store


@dataclass(frozen=True, slots=True)
class Verified:
    """What `verify` looked at and found.

    Attributes
    ----------
    records, blobs, packs : int
        How many there are.
    bytes : int
        Of content, as it is stored.
    findings : tuple of Finding
        What is damaged or missing.
    unneeded : tuple of Finding
        What is damaged and no problem: packs that no blob needs, as what was in them was written anew, and hints where
        to look for chunks.
    """

    records: int
    blobs: int
    packs: int
    bytes: int
    findings: tuple[Finding, ...]
    unneeded: tuple[Finding, ...] = ()


_HINT = "it only helps the next version to share chunks, and the next new content of its output replaces it"
_DAMAGED = "damaged"
"""Of a file in a folder: its own object is among the findings, or was found by a reader before."""


def verify(store: Store, *, read_data: float = 0.0, seen: Callable[[int], object] = int) -> Verified:
    """Check a store.

    Parameters
    ----------
    store : Store
        What to check. Nothing is changed, but what is found damaged is noted, so that the next run heals it.
    read_data : float
        How much of the content is read and compared with its digests, from 0 to 1: a random sample of objects. In any
        case names, sizes, manifests and all records are checked.
    seen : callable
        Told the bytes of each object of content as it is done with.

    Returns
    -------
    Verified
        Its findings name exactly what is damaged; of a folder, each file. Also named are the records that the index
        says should be there and are not, and what they and the damaged ones need. Objects that nothing refers to and
        temporary files are no damage.
    """
    expected, heard = Expected(store.index), store.index.everything.batches()
    findings: list[Finding] = [*_config(store)]
    contents = look_at_contents(store, share=read_data, seen=seen)
    findings.extend(contents.findings)
    records = 0
    trees: set[Digest] = set()
    needing = Needing(set().union(*contents.affected.values()))

    def look_at(key: str, record: RunRecord) -> None:
        needing.look_at(record)
        findings.extend(_outputs(store, key, record, contents))
        findings.extend(_trees(store, record, contents, trees, needing))

    damaged: list[tuple[str, str]] = []
    for key, record in _records(store, findings, damaged):
        records += 1
        expected.meet(record.id)
        look_at(key, record)
    for key, problem in damaged:
        what, known = what_to_do_about_damage(store, key)
        findings.append(Finding(key, f"{problem}; {what}"))
        if known is not None:
            look_at(key, known)
    for missing in expected.missing(store):
        note_missing(store, [record.signature for _, record in missing if record.signature is not None])
        contents.look_for(store, [output.digest for _, record in missing for output in record.outputs])
        for key, record in missing:
            findings.append(Finding(key, f"missing; {what_to_do(record)}"))
            look_at(key, record)
    _log(store, heard, findings)
    _pointers(store, contents.unneeded)
    return Verified(
        records,
        len(contents.sizes),
        contents.packs,
        contents.stored,
        tuple(needing.named(found, contents.affected.get(found.key, ())) for found in dict.fromkeys(findings)),
        tuple(contents.unneeded),
    )


def _config(store: Store) -> Iterator[Finding]:
    try:
        if load(store.backend) != store.config:
            yield Finding(layout.CONFIG, "missing, or not what it was when the store was opened")
    except (DamagedError, FormatError) as error:
        yield Finding(layout.CONFIG, error.message)
    except StorageError as error:
        if not is_of_object(error):
            raise
        yield Finding(layout.CONFIG, problem_of(error))


def _records(store: Store, findings: list[Finding], damaged: list[tuple[str, str]]) -> Iterator[tuple[str, RunRecord]]:
    """Yield the records that are whole, with their keys; note those that are not, and those of a newer consist."""
    for area in (layout.RESULTS, layout.RUNS):
        for found, data in _read(store, area, findings, damaged):
            try:
                yield found.key, decode_record(data, frame_key(found.key))
            except FormatError as error:
                findings.append(Finding(found.key, error.message))
            except DamagedError as error:
                damaged.append((found.key, error.message))


def _outputs(store: Store, key: str, record: RunRecord, contents: Contents) -> Iterator[Finding]:
    for output in record.outputs:
        if output.inline is not None:
            if hash_bytes(output.inline) != output.digest:
                yield Finding(key, f"the inline output {output.key!r} does not match its digest")
            continue
        if contents.is_reported(output.digest):
            continue
        size = contents.size(store, output.digest)
        blob = object_key(output.digest, output.size)
        if size is None:
            yield Finding(blob, f"missing; output {output.key!r} of run {record.id} needs it")
        elif size != output.size:
            yield Finding(blob, f"has {size} bytes, not {output.size} as run {record.id} says")
        elif contents.chunk_lists.get(output.digest.raw) not in {None, output.media.get("chunks")}:
            store.blobs.suspects.add(output.digest)
            yield Finding(blob, f"lists other chunks than output {output.key!r} of run {record.id} has")


def _trees(
    store: Store, record: RunRecord, contents: Contents, done: set[Digest], needing: Needing
) -> Iterator[Finding]:
    """Check the folders that a run made, each once. One that is not whole is noted, so that its run heals it."""
    for output in record.outputs:
        if output.format != TREE or output.digest in done or contents.is_absent(output.digest):
            continue
        done.add(output.digest)
        tree = _tree(store, output.digest)
        if isinstance(tree, str) and not contents.is_reported(output.digest):
            yield Finding(object_key(output.digest, output.size), tree)
        for file in tree.files if isinstance(tree, Tree) else ():
            needing.note(file.digest, record, f"{file.path!r} of output {output.key!r}")
            problem = _problem(store, file, contents)
            if problem is not None:
                store.blobs.suspects.add(output.digest)
                if problem != _DAMAGED:
                    where = f"{file.path!r} of output {output.key!r} of run {record.id} needs it"
                    yield Finding(object_key(file.digest, file.size), f"{problem}; {where}")


def _tree(store: Store, digest: Digest) -> Tree | str | None:
    """Read a folder, or say what is wrong with it; of one that is missing that was said with the outputs."""
    try:
        return read_tree(store.blobs, digest)
    except BlobNotFoundError:
        return None
    except DamagedError as error:
        return error.message
    except StorageError as error:
        if not is_of_object(error):
            raise
        if is_lost(error):
            store.blobs.suspects.add(digest)
        return problem_of(error)


def _problem(store: Store, file: TreeFile, contents: Contents) -> str | None:
    if contents.is_reported(file.digest):  # it may be whole, if there was no right to read it
        return _DAMAGED if file.digest in store.blobs.suspects else None
    size = contents.size(store, file.digest)
    if size is None:
        return "missing"
    if size != file.size:
        return f"has {size} bytes, not {file.size}"
    return _DAMAGED if file.digest in store.blobs.suspects else None


def _read(
    store: Store, area: str, findings: list[Finding], damaged: list[tuple[str, str]]
) -> Iterator[tuple[ObjectStat, bytes]]:
    """Yield the control objects of an area with their bytes; what the medium lost is damaged, the rest a finding."""

    def unread(found: ObjectStat, error: StorageError) -> None:
        problem = problem_of(error)
        if is_lost(error) and area != layout.RESULTS:
            damaged.append((found.key, problem))
            return
        if is_lost(error):  # nothing is written in its place: it may be another run's by now
            problem += "; if it stays so, delete the file, and its run's next call writes it anew"
        findings.append(Finding(found.key, problem))

    return read_listed(store.backend, store.backend.list(area), unread)


def _log(store: Store, known: set[str], findings: list[Finding]) -> None:
    """Check the batches of events; those that the index has taken in should be there."""
    left = set(known)
    damaged: list[tuple[str, str]] = []
    for found, data in _read(store, layout.LOG, findings, damaged):
        left.discard(found.key)
        try:
            decode_events(data, found.key)
        except FormatError as error:
            findings.append(Finding(found.key, error.message))
        except DamagedError as error:
            damaged.append((found.key, error.message))
    findings.extend(Finding(key, f"{problem}; {batches.what_to_do(key, known)}") for key, problem in damaged)
    findings.extend(batches.missing(store.backend, left))


def _pointers(store: Store, unneeded: list[Finding]) -> None:
    """Check what points to the newest content; where it points is not followed: it is a hint, and may lead nowhere."""
    damaged: list[tuple[str, str]] = []
    for found, data in _read(store, layout.LATEST, unneeded, damaged):
        try:
            decode_frame(data, Kind.LATEST, layout.key_digest(found.key).raw)
        except (DamagedError, FormatError) as error:
            damaged.append((found.key, error.message))
    unneeded.extend(Finding(key, f"{problem}; {_HINT}") for key, problem in damaged)
