"""Which blobs are there, by the beginnings of their digests. No content is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consist.hashing.digest import parse_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from consist.blobs.backend import ObjectStat
    from consist.blobs.largeblobs import LargeBlobs
    from consist.blobs.wholeblobs import WholeBlobs
    from consist.hashing.digest import Digest

    Kinds = Sequence[WholeBlobs | LargeBlobs]

_HEX = "0123456789abcdef"


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


def _folders(prefix: str) -> list[str]:
    """Name the folders of an area that hold the digests with a prefix: one, 16, or the area itself."""
    if not prefix:
        return [""]
    if len(prefix) == 1:
        return [prefix + digit for digit in _HEX]
    return [prefix[:2]]
