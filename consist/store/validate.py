"""Looking at a run's outputs more closely than a look-up does: whether all of it is there, or is what its digest says.

For `CacheOptions(validate_cached_outputs=…)`. What is found wrong is noted as damaged, so that the run that follows
writes it anew; `verify.py` looks at a whole store and changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consist.blobs.treeget import read_tree, verify_tree
from consist.errors import BlobNotFoundError, DamagedError
from consist.hashing.hasher import hash_bytes
from consist.index.records import TREE

if TYPE_CHECKING:
    from consist.index.records import ArtifactRecord, RunRecord
    from consist.store.store import Store


def invalid_output(store: Store, record: RunRecord, *, read: bool) -> str | None:
    """Say which output of a run is not whole, or return None if all are.

    Parameters
    ----------
    store : Store
        Where they are.
    record : RunRecord
        The run.
    read : bool
        Compare content with digests. Else it is enough that everything is there: a request for each output, and for
        each file of a folder.

    Raises
    ------
    StorageError
        If the store cannot be read.
    """
    for output in record.outputs:
        try:
            _read(store, output) if read else _look(store, output)
        except (BlobNotFoundError, DamagedError) as error:
            store.blobs.suspects.add(output.digest)
            return f"output {output.key!r} is not whole: {error.message}"
    return None


def _read(store: Store, output: ArtifactRecord) -> None:
    if output.inline is not None:
        if hash_bytes(output.inline) != output.digest:
            raise DamagedError("its inline content is not what its digest says")
    elif output.format == TREE:
        verify_tree(store.blobs, output.digest)
    else:
        store.blobs.verify(output.digest, size=output.size)


def _look(store: Store, output: ArtifactRecord) -> None:
    if output.inline is not None:
        return
    if store.blobs.stat(output.digest, size=output.size) is None:
        raise BlobNotFoundError(f"there is no blob {output.digest.short}")
    for file in read_tree(store.blobs, output.digest).files if output.format == TREE else ():
        if store.blobs.stat(file.digest, size=file.size) is None:
            raise BlobNotFoundError(f"{file.path} has no blob {file.digest.short}")
