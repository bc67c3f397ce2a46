"""Which blobs are there: lists of them, and the one whose digest begins so. No content is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consist.blobs.damage import missing_blob
from consist.errors import AmbiguousPrefixError, BlobNotFoundError
from consist.hashing.digest import SIZE, Digest, parse_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from consist.blobs.backend import Backend, ObjectStat
    from consist.blobs.largeblobs import LargeBlobs
    from consist.blobs.wholeblobs import WholeBlobs

    Kinds = Sequence[WholeBlobs | LargeBlobs]

_HEX = "0123456789abcdef"
_SHOWN = 3


def list_blobs(kinds: Kinds, prefix: str) -> Iterator[tuple[Digest, ObjectStat]]:
    """Yield the blobs whose digests begin with `prefix`, each once, in any order; what `BlobStore.list` says."""
    bare = parse_prefix(prefix) if prefix else ""
    for folder in _folders(bare):
        seen = set()
        for kind in kinds:
            for digest, found in kind.list(folder):
                if digest.startswith(bare) and digest not in seen:
                    seen.add(digest)
                    yield digest, found


def find_blob(backend: Backend, kinds: Kinds, prefix: str) -> Digest:
    """Return the one blob whose digest begins with `prefix`; errors as `BlobStore.find` says."""
    bare = parse_prefix(prefix)
    if len(bare) == 2 * SIZE:
        digest = Digest.parse(bare)
        if all(kind.stat(digest) is None for kind in kinds):
            raise missing_blob(backend, digest)
        return digest
    found = sorted(digest for digest, _ in list_blobs(kinds, bare))
    if not found:
        raise BlobNotFoundError(f"no blob {bare}… in {backend.url}", hint="see `consist ls blobs`")
    if len(found) > 1:
        shown = ", ".join(digest.short for digest in found[:_SHOWN])
        raise AmbiguousPrefixError(f"{len(found)} blobs begin with {bare}: {shown}, …", hint="type more digits")
    return found[0]


def _folders(prefix: str) -> list[str]:
    """Name the folders of an area that hold the digests with a prefix: one, 16, or the area itself."""
    if not prefix:
        return [""]
    if len(prefix) == 1:
        return [prefix + digit for digit in _HEX]
    return [prefix[:2]]
