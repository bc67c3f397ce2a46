"""The newest large content of each step's outputs, so that whoever puts the next version knows what it may share.

A machine that made the earlier version itself finds its chunks in its own index. Another machine asks the store: one
small object a step and output, under ``latest/``, names the blob. It is a hint: written over by whoever puts next, lost
without harm, and believed in nothing but where to look for chunks, each of which is confirmed.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from consist.blobs import layout
from consist.blobs.blobstore import LARGE
from consist.errors import BlobNotFoundError, DamagedError, FormatError, StorageError
from consist.hashing.canonical import canonical_digest
from consist.hashing.codec import pack, unpack
from consist.hashing.digest import Digest
from consist.hashing.frame import Kind, decode_frame, encode_frame

if TYPE_CHECKING:
    from consist.index.records import RunRecord
    from consist.store.store import Store

DOMAIN = "consist 2026 latest"
SCHEMA = 0


def earlier_version(store: Store, step: str, key: str) -> Digest | None:
    """Return the newest large content of an output that is known, or None.

    Parameters
    ----------
    store : Store
        Its index is asked, then the store itself.
    step, key : str
        The output.
    """
    with contextlib.suppress(DamagedError):
        record = store.index.newest(step, key=key)
        for output in record.outputs if record is not None else ():
            if output.key == key and output.size >= LARGE:
                return output.digest
    return _pointed_to(store, step, key)


def note_latest(store: Store, record: RunRecord) -> None:
    """Point to the large outputs of a run that was published; if that cannot be done, the next put is only slower."""
    for output in record.outputs:
        if output.inline is None and output.size >= LARGE:
            name = _name(record.step, output.key)
            framed = encode_frame(Kind.LATEST, name.raw, pack([SCHEMA, output.digest.raw]))
            with contextlib.suppress(StorageError):
                store.backend.put(layout.digest_key(layout.LATEST, name), framed)


def _pointed_to(store: Store, step: str, key: str) -> Digest | None:
    name = _name(step, key)
    try:
        frame = decode_frame(store.backend.get(layout.digest_key(layout.LATEST, name)), Kind.LATEST, name.raw)
        version, raw = unpack(frame.payload)
        return Digest(raw) if version == SCHEMA else None
    except (BlobNotFoundError, DamagedError, FormatError, StorageError, ValueError, TypeError):
        return None


def _name(step: str, key: str) -> Digest:
    return canonical_digest(DOMAIN, [step, key])
