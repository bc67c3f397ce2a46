"""`Store`: blobs, records and index under one root, opened together (``opening.py``)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from consist.errors import ConsistWarning, StorageError, StoragePermissionError, warn
from consist.store.flight import sweep_locks
from consist.store.pathnotes import path_notes

if TYPE_CHECKING:
    from consist.blobs.backend import Backend
    from consist.blobs.blobstore import BlobStore
    from consist.hashing.digest import Digest
    from consist.index.index import Index
    from consist.store.config import StoreConfig
    from consist.store.events import EventLog
    from consist.store.files import FileDigests
    from consist.store.trees import Trees


SWEEP_AGE = 24 * 3600.0
"""Seconds after which a temporary file is a killed writer's; a long upload renews its own all the time."""


@dataclass(frozen=True, slots=True)
class Store:
    """An open store, with this machine's index of it.

    Attributes
    ----------
    config : StoreConfig
        What ``consist.json`` says.
    backend : Backend
        Where the objects are.
    blobs : BlobStore
        Content by digest.
    index : Index
        This machine's view.
    files : FileDigests
        Digests of input files.
    events : EventLog
        What is no run.
    locks : str
        Folder of this machine's locks.
    trees : Trees
        The trees that this process has read.
    seen : dict of Digest to (int, float)
        The records that this process has compared with the index: in a folder their size and date, over a network when
        they were last known to be there (``lookup.py``).
    """

    config: StoreConfig
    backend: Backend
    blobs: BlobStore
    index: Index
    files: FileDigests
    events: EventLog
    locks: str
    trees: Trees = field(repr=False)
    seen: dict[Digest, tuple[int, float]] = field(default_factory=dict, repr=False)

    def tidy(self) -> int:
        """Remove what killed writers left: temporary files of more than a day ago, and locks that nobody holds.

        Returns
        -------
        int
            How many things went.
        """
        return self.backend.sweep(SWEEP_AGE) + sweep_locks(self.locks)

    def close(self) -> None:
        """Write what is gathered, and tidy up. The index stays open for other users of it in this process.

        A store that may only be read does not get it: it waits in the index. Other trouble is warned of, not raised:
        the results are in the store already, and only counts of hits and the like are late.
        """
        path_notes(self.index.environment.path).close()
        try:
            self.events.flush()
            if (
                self.backend.capabilities.files
            ):  # over a network it takes a listing: a rebuild, which lists all, does it
                self.tidy()
        except StoragePermissionError:
            return
        except StorageError as error:
            warn(f"not written yet, and tried again the next time: {error}", ConsistWarning)
