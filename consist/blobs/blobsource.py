"""`BlobSource`: digest in, checked content out; and which blobs there are. What `BlobStore` does but for putting.

Wrong bytes are never returned unnoticed (``reader.py`` says what a range read of a large *whole* object can know), and
heal: whoever reads wrong bytes adds the digests of the blob and of the pack to `BlobSource.suspects`, and the next put
of that content writes it anew.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from consist.blobs import layout
from consist.blobs.damage import missing_blob
from consist.blobs.encoding import AUTO, COMPRESSIONS, NONE
from consist.blobs.looking import list_blobs
from consist.blobs.newfile import write_file
from consist.blobs.wholeblobs import WholeBlobs
from consist.errors import SettingsError
from consist.hashing.chunker import Chunking
from consist.hashing.hasher import BLOCK

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, MutableSet, Sequence

    from consist.blobs.backend import Backend, ObjectStat
    from consist.blobs.chunktable import ChunkTable
    from consist.blobs.largeblobs import LargeBlobs
    from consist.blobs.posix import Growing
    from consist.blobs.readcache import ReadCache
    from consist.hashing.digest import Digest

T = TypeVar("T")

LARGE = BLOCK
"""Bytes from which content is cut into chunks."""


class BlobSource:
    """The blobs of one backend, to be read and looked for.

    Parameters
    ----------
    backend : Backend
        Where they are kept.
    suspects : MutableSet of Digest, optional
        Blobs and packs found damaged and not yet written anew; give a set that outlives the process to remember them.
    table : ChunkTable, optional
        Which pack has which chunk; give one that outlives the process to find again what was put before.
    chunking : Chunking, optional
        Where large content is cut; the store's.
    compression : {"auto", "none"}
        ``auto``: chunks are compressed where a probe says that it pays.
    cache : ReadCache, optional
        Of a remote backend: keeps on this machine what `open`, `read`, `get` and `copy` fetch. Every other method asks
        the backend.

    Raises
    ------
    SettingsError
        If `compression` is something else.
    """

    def __init__(  # noqa: PLR0913 - all but one are keywords with defaults
        self,
        backend: Backend,
        *,
        suspects: MutableSet[Digest] | None = None,
        table: ChunkTable | None = None,
        chunking: Chunking | None = None,
        compression: str = AUTO,
        cache: ReadCache | None = None,
    ) -> None:
        if compression not in COMPRESSIONS:
            raise SettingsError(f"compression is {compression!r}", hint=f"it is one of {', '.join(COMPRESSIONS)}")
        self.backend = backend
        self.suspects: MutableSet[Digest] = set() if suspects is None else suspects
        self._cache = cache
        self._table = table
        self._chunking = chunking
        self._compress = compression != NONE
        self.whole = WholeBlobs(backend, self.suspects, cache)

    @cached_property
    def large(self) -> LargeBlobs:
        """The blobs that are chunks in packs; a process that only finds small results does not import all that."""
        from consist.blobs.chunktable import MemoryTable
        from consist.blobs.largeblobs import LargeBlobs

        return LargeBlobs(
            self.backend,
            self.suspects,
            MemoryTable() if self._table is None else self._table,
            chunking=Chunking() if self._chunking is None else self._chunking,
            compress=self._compress,
            cache=self._cache,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.backend!r})"

    # Reading -------------------------------------------------------------------------------------------------------

    def open(self, digest: Digest, *, size: int | None = None) -> BinaryIO:
        """Open a blob as a seekable binary file.

        A large blob is read chunk by chunk, each checked before it is handed out. A whole object is checked here up to
        1 MiB; a larger one when it is read in order to its end (``reader.py``).

        Parameters
        ----------
        digest : Digest
            Which blob.
        size : int, optional
            Its bytes, where they are known: saves a request.

        Raises
        ------
        BlobNotFoundError
            If there is no such blob, or a pack that it needs is gone.
        DamagedError
            Here or from a read, if the bytes are not the blob's.
        """
        return self._first(digest, size, lambda kind: kind.open(digest))

    def read(self, digest: Digest, *, size: int | None = None) -> bytes:
        """Return a blob whole, checked; parameters and errors as for `open`."""
        return self._first(digest, size, lambda kind: kind.read(digest))

    def read_parts(self, digest: Digest, parts: Sequence[slice], *, size: int | None = None) -> list[bytes]:
        """Return parts of a blob, in their order; of a large one chunks are fetched in batches of up to 128 MiB.

        Parameters
        ----------
        digest : Digest
            Which blob.
        parts : sequence of slice
            As of a `bytes`: a negative number counts from the end, what lies beyond it is not there. Without a step.
        size : int, optional
            As for `open`.

        Raises
        ------
        BlobNotFoundError, DamagedError
            As for `open`. A part of a large *whole* object is not checked (``reader.py``).
        """
        return self._first(digest, size, lambda kind: kind.read_parts(digest, parts))

    def get(  # noqa: PLR0913 - three say what and where, the others how
        self,
        digest: Digest,
        path: str | os.PathLike[str],
        *,
        durable: bool = False,
        size: int | None = None,
        executable: bool = False,
        seen: Callable[[int], object] = int,
    ) -> None:
        """Write a blob to a file, checked before the file appears; what was there is replaced in one step.

        Parameters
        ----------
        digest : Digest
            Which blob.
        path : str or path
            The file; its folder must exist. A link is replaced, not followed.
        durable : bool
            Sync file and folder before returning.
        size : int, optional
            As for `open`.
        executable : bool
            Whether whoever may read the file may execute it; the umask takes its share.
        seen : callable
            As for `copy_into`.

        Raises
        ------
        BlobNotFoundError, DamagedError, StorageError
            If reading or writing failed; the file is as it was.
        UsageError
            If it can be no file's path; nothing was read.
        """
        fill = partial(self.copy_into, digest, size=size, seen=seen)
        write_file(path, fill, durable=durable, executable=executable)

    def copy_into(
        self, digest: Digest, file: Growing, *, size: int | None = None, seen: Callable[[int], object] = int
    ) -> int:
        """Write a blob to a new file, and check all that is in it.

        Parameters and errors are as for `open`, and:

        Parameters
        ----------
        file : Growing
            Nothing was written to it yet. It is right only once this returned.
        seen : callable
            Told the bytes of each piece that was written, to show how far it has come.

        Returns
        -------
        int
            How many bytes there were.
        """
        return self._first(digest, size, lambda kind: kind.copy_into(digest, file, seen))

    def copy(self, digest: Digest, write: Callable[[memoryview], object], *, size: int | None = None) -> int:
        """Read a blob piece by piece into `write`, and check all of it.

        What was written is right only once this returned. Parameters and errors are as for `open`.

        Returns
        -------
        int
            How many bytes there were.
        """
        return self._first(digest, size, lambda kind: kind.copy(digest, write))

    def verify(self, digest: Digest, *, size: int | None = None) -> int:
        """Read a blob from the store and compare it with its name; one that is right is no suspect any more.

        Returns
        -------
        int
            How many bytes were read.

        Raises
        ------
        BlobNotFoundError
            If there is no such blob.
        DamagedError
            If the bytes are not the blob's; it is a suspect then.
        """
        count = self._first(digest, size, lambda kind: kind.copy(digest, len, cached=False))
        self.suspects.discard(digest)
        return count

    # Looking -------------------------------------------------------------------------------------------------------

    def stat(self, digest: Digest, *, size: int | None = None) -> ObjectStat | None:
        """Return size and date of a blob; None if it is not there, or not all of it. No content is read or checked."""
        return next(filter(None, (kind.stat(digest) for kind in self._kinds(digest, size))), None)

    def exists(self, digest: Digest) -> bool:
        """Tell whether a blob is there, and all of it; not whether its bytes are right."""
        return self.stat(digest) is not None

    def list(self, prefix: str = "") -> Iterator[tuple[Digest, ObjectStat]]:
        """Yield digest, size in bytes and date of the blobs whose digests begin with `prefix`, in any order.

        Foreign files among them are passed over.

        Raises
        ------
        UsageError
            If the prefix is not hexadecimal.
        """
        return list_blobs((self.whole, self.large), prefix)

    # Parts ---------------------------------------------------------------------------------------------------------

    def _kinds(self, digest: Digest, size: int | None) -> tuple[WholeBlobs | LargeBlobs, WholeBlobs | LargeBlobs]:
        """Return where a blob may be, the likelier place first."""
        if size is None:
            is_small = self._cache is None or not self._cache.has(layout.MANIFESTS, digest)
        else:
            is_small = size < LARGE
        return (self.whole, self.large) if is_small else (self.large, self.whole)

    def _first(self, digest: Digest, size: int | None, take: Callable[[WholeBlobs | LargeBlobs], T | None]) -> T:
        """Take a blob from where it is."""
        for kind in self._kinds(digest, size):
            found = take(kind)
            if found is not None:
                return found
        raise missing_blob(self.backend, digest)
