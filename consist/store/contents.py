"""Is all content there, and is it what its name says? Whole blobs, packs and manifests, read from the store itself.

Each damaged or missing object is named once, with the blobs that it affects; what is a consequence only (a blob whose
pack is damaged) is no finding of its own, but is noted as suspect, so that the next run heals it. What was suspected
and is right after all, since only its way to a reader spoiled it, is suspected no more.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from consist.blobs import layout
from consist.blobs.blobsource import LARGE
from consist.blobs.listed import read_listed
from consist.blobs.unreadable import is_lost, is_of_object, problem_of
from consist.errors import BlobNotFoundError, DamagedError, FormatError, StorageError
from consist.hashing.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from consist.blobs.backend import ObjectStat
    from consist.blobs.manifest import Manifest
    from consist.store.packs import PackState
    from consist.store.store import Store

_NAMED = 3
"""Affected blobs that a finding names."""


class Finding(NamedTuple):
    """One damaged or missing object.

    Attributes
    ----------
    key : str
        Its key in the store.
    problem : str
        What is wrong with it, and whom it affects.
    """

    key: str
    problem: str


@dataclass(slots=True)
class Contents:
    """What there is, as far as it was looked at.

    Attributes
    ----------
    sizes : dict of bytes to int
        Bytes of each blob, by its raw digest; of a large one, as its manifest says.
    chunk_lists : dict of bytes to bytes
        The digest of the chunk list of each large blob, by its raw digest.
    stored : int
        Bytes of whole blobs and packs.
    packs : int
        How many packs there are.
    findings : list of Finding
        What is damaged or missing.
    unneeded : list of Finding
        What is damaged, and no blob needs it.
    affected : dict of str to set of bytes
        The raw digests of the blobs that a finding affects, by its key.
    """

    sizes: dict[bytes, int] = field(default_factory=dict)
    chunk_lists: dict[bytes, bytes] = field(default_factory=dict)
    stored: int = 0
    packs: int = 0
    findings: list[Finding] = field(default_factory=list)
    unneeded: list[Finding] = field(default_factory=list)
    affected: dict[str, set[bytes]] = field(default_factory=dict)
    _reported: set[bytes] = field(default_factory=set)
    _absent: set[bytes] = field(default_factory=set)

    def look_for(self, store: Store, digests: Iterable[Digest]) -> None:
        """Look once more for blobs that were not there, all at once; `size` asks for none of them again."""
        wanted = list({digest.raw: digest for digest in digests if digest.raw not in self.sizes}.values())
        keys = [layout.digest_key(area, digest) for digest in wanted for area in (layout.BLOBS, layout.MANIFESTS)]
        found = store.backend.stat_many(keys) if keys else ()
        pairs = zip(wanted, found[::2], found[1::2], strict=True)
        self._absent.update(digest.raw for digest, whole, manifest in pairs if whole is None and manifest is None)

    def is_absent(self, digest: Digest) -> bool:
        """Tell whether `look_for` did not find a blob."""
        return digest.raw in self._absent

    def size(self, store: Store, digest: Digest) -> int | None:
        """Return the size of a blob, or None if there is none; a writer may have put it since it was looked for."""
        size = self.sizes.get(digest.raw)
        if size is None and not self.is_absent(digest):
            found = store.blobs.stat(digest)
            size = None if found is None else found.size
        return size

    def is_reported(self, digest: Digest) -> bool:
        """Tell whether what is wrong with a blob is among the findings already."""
        return digest.raw in self._reported

    def report(self, key: str, problem: str, digest: Digest) -> None:
        """Add a finding about the object of a blob."""
        self._reported.add(digest.raw)
        self.affected.setdefault(key, set()).add(digest.raw)
        self.findings.append(Finding(key, problem))

    def report_unread(self, store: Store, key: str, error: StorageError, digest: Digest) -> None:
        """Add a finding about the object of a blob that cannot be read.

        What the medium lost is noted, so that the next run heals it. What there is no right to read may be whole.

        Raises
        ------
        StorageError
            If it is no matter of this object alone.
        """
        if not is_of_object(error):
            raise error
        if is_lost(error):
            store.blobs.suspects.add(digest)
        self.report(key, problem_of(error), digest)


def look_at_contents(store: Store, *, share: float, seen: Callable[[int], object]) -> Contents:
    """Look at all whole blobs, packs and manifests.

    Parameters
    ----------
    store : Store
        What is looked at. Nothing is changed, but what is found damaged is noted.
    share : float
        How much of the data is read and compared with its digests: 0 is none, 1 is all, between them a sample.
    seen : callable
        Told the size of each object of content as it is done with, in bytes.
    """
    contents = Contents()
    chance = random.SystemRandom()

    def is_read(digest: Digest) -> bool:
        return share >= 1 or chance.random() < share or (share > 0 and digest in store.blobs.suspects)

    from consist.store.packs import harmed_and_foreign, look_at_packs

    _blobs(store, contents, is_read, seen)
    packs = look_at_packs(store.backend, _named(store, layout.PACKS, contents), is_read, seen)
    contents.packs = sum(1 for state in packs.values() if state.size)
    contents.stored += sum(state.size for state in packs.values())
    for raw, state in packs.items():
        if state.rows is not None and state.problem is None:
            store.blobs.suspects.discard(Digest(raw))
    needed_by: dict[bytes, list[Digest]] = {}
    for manifest in _manifests(store, contents):
        contents.sizes[manifest.digest.raw] = manifest.size
        contents.chunk_lists[manifest.digest.raw] = manifest.chunk_list().raw
        harmed, foreign = harmed_and_foreign(store.backend, manifest, packs)
        for number in harmed:
            needed_by.setdefault(manifest.packs[number].digest, []).append(manifest.digest)
        if foreign:
            name = manifest.packs[min(foreign)].name.short
            contents.report(manifest.key, f"it names chunks that pack {name} does not have", manifest.digest)
        if harmed or foreign:
            store.blobs.suspects.add(manifest.digest)
        elif share > 0 and manifest.digest in store.blobs.suspects:
            _read_again(store, contents, manifest)
    for raw, state in packs.items():
        _conclude(store, contents, Digest(raw), state, needed_by.get(raw, []))
    return contents


def _conclude(store: Store, contents: Contents, pack: Digest, state: PackState, blobs: list[Digest]) -> None:
    """Report a pack that is wrong, and note it."""
    if state.problem is None:
        return
    is_needed = bool(blobs) or state.is_unknown
    affects = _needed_by(blobs) if is_needed else "; no blob needs it, and it is not used again"
    finding = Finding(layout.digest_key(layout.PACKS, pack), state.problem + affects)
    contents.affected.setdefault(finding.key, set()).update(blob.raw for blob in blobs)
    (contents.findings if is_needed else contents.unneeded).append(finding)
    if not state.is_unknown:
        store.blobs.suspects.add(pack)


def _read_again(store: Store, contents: Contents, manifest: Manifest) -> None:
    """Read a large blob that is suspected though its packs are not known to be wrong: it is acquitted, or a finding."""
    try:
        store.blobs.verify(manifest.digest, size=manifest.size)
    except DamagedError as error:
        contents.report(manifest.key, error.message, manifest.digest)
    except StorageError as error:
        contents.report_unread(store, manifest.key, error, manifest.digest)
    except BlobNotFoundError:
        return


def object_key(digest: Digest, size: int) -> str:
    """Return the key of the object that a blob is missing: its own, or of a large one its manifest's."""
    return layout.digest_key(layout.MANIFESTS if size >= LARGE else layout.BLOBS, digest)


def _named(store: Store, area: str, contents: Contents) -> Iterator[tuple[Digest, ObjectStat]]:
    """Yield the objects of an area that digests name; a foreign one is a finding."""
    for found in store.backend.list(area):
        try:
            yield layout.key_digest(found.key), found
        except DamagedError as error:
            contents.findings.append(Finding(found.key, error.message))


def _blobs(store: Store, contents: Contents, is_read: Callable[[Digest], bool], seen: Callable[[int], object]) -> None:
    for digest, found in _named(store, layout.BLOBS, contents):
        try:
            if is_read(digest):
                store.blobs.verify(digest)
        except DamagedError as error:
            contents.report(found.key, error.message, digest)
        except StorageError as error:
            contents.report_unread(store, found.key, error, digest)
        except BlobNotFoundError:  # the list was stale: whoever needs it says that it is missing
            continue
        contents.sizes[digest.raw] = found.size
        contents.stored += found.size
        seen(found.size)


def _manifests(store: Store, contents: Contents) -> Iterator[Manifest]:
    listed = (found for _, found in _named(store, layout.MANIFESTS, contents))

    def unread(found: ObjectStat, error: StorageError) -> None:
        contents.report_unread(store, found.key, error, layout.key_digest(found.key))

    for found, data in read_listed(store.backend, listed, unread):
        digest = layout.key_digest(found.key)
        try:
            yield store.blobs.large.decode(digest, data)
        except (DamagedError, FormatError) as error:
            contents.report(found.key, error.message, digest)


def _needed_by(blobs: list[Digest]) -> str:
    if not blobs:
        return ""
    more = f" and {len(blobs) - _NAMED} more" if len(blobs) > _NAMED else ""
    needed = "blob" if len(blobs) == 1 else "blobs"
    return f"; needed by {needed} {', '.join(blob.short for blob in blobs[:_NAMED])}{more}"
