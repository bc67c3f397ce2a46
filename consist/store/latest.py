"""The newest large content of each step's outputs, so that whoever puts the next version knows what it may share.

One small object a step and output, under ``latest/`` in the store, names the blob, or for a folder its tree, whichever
machine made it. It is a hint: written over by whoever puts next, lost without harm, and believed in nothing but where
to look for chunks, each of which is confirmed. It is asked for when this machine's index lacks a chunk, so what that
index knows of the output, an older version as a rule, is only what is left if there is no pointer.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from consist.blobs import layout
from consist.blobs.blobsource import LARGE
from consist.errors import BlobNotFoundError, DamagedError, FormatError, StorageError
from consist.hashing.canonical import canonical_digest
from consist.hashing.codec import pack, unpack
from consist.hashing.digest import Digest
from consist.hashing.frame import Kind, decode_frame, encode_frame
from consist.index.records import TREE

if TYPE_CHECKING:
    from consist.index.records import ArtifactRecord, RunRecord
    from consist.store.store import Store

DOMAIN = "consist 2026 latest"
SCHEMA = 0


def earlier_version(store: Store, step: str, key: str) -> Digest | None:
    """Return the newest large content of an output that is known, or None.

    Parameters
    ----------
    store : Store
        It is asked itself; its index only if it does not say.
    step, key : str
        The output.
    """
    pointed = _pointed_to(store, _name(step, key))
    if pointed is not None:
        return pointed
    known = _newest(store, step, key)
    return known.digest if known is not None and known.format != TREE and known.size >= LARGE else None


def earlier_tree(store: Store, step: str, key: str) -> Digest | None:
    """Return the newest tree of an output that is a folder, as far as it is known; parameters as above."""
    pointed = _pointed_to(store, _name(step, key, TREE))
    if pointed is not None:
        return pointed
    known = _newest(store, step, key)
    return known.digest if known is not None and known.format == TREE else None


def note_latest(store: Store, record: RunRecord) -> None:
    """Point to the large outputs of a run that was published; if that cannot be done, the next put is only slower."""
    for output in record.outputs:
        is_tree = output.format == TREE
        if output.inline is None and (output.media.get("total", 0) if is_tree else output.size) >= LARGE:
            name = _name(record.step, output.key, *([TREE] if is_tree else []))
            framed = encode_frame(Kind.LATEST, name.raw, pack([SCHEMA, output.digest.raw]))
            with contextlib.suppress(StorageError):
                store.backend.put(layout.digest_key(layout.LATEST, name), framed)


def _newest(store: Store, step: str, key: str) -> ArtifactRecord | None:
    """Return an output of the newest run of a step that the index knows to have it."""
    with contextlib.suppress(DamagedError):
        record = store.index.newest(step, key=key)
        return next((output for output in record.outputs if output.key == key), None) if record is not None else None
    return None


def _pointed_to(store: Store, name: Digest) -> Digest | None:
    try:
        frame = decode_frame(store.backend.get(layout.digest_key(layout.LATEST, name)), Kind.LATEST, name.raw)
        version, raw = unpack(frame.payload)
        return Digest(raw) if version == SCHEMA else None
    except (BlobNotFoundError, DamagedError, FormatError, StorageError, ValueError, TypeError):
        return None


def _name(*parts: str) -> Digest:
    return canonical_digest(DOMAIN, list(parts))
