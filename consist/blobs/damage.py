"""What is said and noted of a blob that is missing, or not what its name says: in one place, for both kinds of blob."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consist.errors import BlobNotFoundError, DamagedError

if TYPE_CHECKING:
    from collections.abc import MutableSet

    from consist.blobs.backend import Backend
    from consist.hashing.digest import Digest

HINT = "run the step that made it again, or put it again, and the store heals"
_HINT_OF_DAMAGED = f"{HINT}; `consist verify --read-data` finds all that is damaged at once, else each read finds one"
_HINT_OF_MISSING = f"{HINT}; `consist ls blobs` lists what there is"
"""Whoever asks by digest may have mistyped it; whoever reads an output has lost it."""


def damaged_blob(backend: Backend, suspects: MutableSet[Digest], digest: Digest, why: str) -> DamagedError:
    """Note that a blob is damaged, so that the next put writes it anew; return what to raise."""
    suspects.add(digest)
    return DamagedError(f"blob {digest.short} in {backend.url} is damaged: {why}", hint=_HINT_OF_DAMAGED)


def missing_blob(backend: Backend, digest: Digest) -> BlobNotFoundError:
    """Return what to raise for a blob that is not there."""
    return BlobNotFoundError(f"no blob {digest.short} in {backend.url}", hint=_HINT_OF_MISSING)
