"""`BlobStore`: content in, digest out; and, as a `BlobSource`: digest in, checked content out.

It decides how content becomes objects of a `Backend`: below `LARGE` bytes one object under ``blobs/``, beyond that
chunks in packs and a manifest (``large.py``, ``packing.py``). A whole object of any size is a valid blob all the same.
It knows nothing of records: what may be deleted, and when, is decided above.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

from consist.blobs.blobsource import LARGE, BlobSource
from consist.blobs.copying import filler, filler_of, head_of
from consist.blobs.stored import Stored, put_again
from consist.hashing.steady import read_steadily

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consist.blobs.largeblobs import Like
    from consist.hashing.digest import Digest


class BlobStore(BlobSource):
    """The blobs of one backend.

    Parameters
    ----------
    backend, suspects, table, chunking, compression, cache
        As of `BlobSource`.

    Examples
    --------
    >>> import tempfile
    >>> from consist.blobs.local import LocalBackend
    >>> blobs = BlobStore(LocalBackend(tempfile.mkdtemp()))
    >>> put = blobs.put_bytes(b"content")
    >>> put.digest.short, put.size
    ('3fba5250be9a', 7)
    >>> blobs.read(put.digest)
    b'content'
    """

    # Putting -------------------------------------------------------------------------------------------------------

    def put_bytes(self, data: bytes | bytearray | memoryview, *, like: Like | None = None) -> Stored:
        """Keep bytes in memory; nothing is written of what is there already.

        Parameters
        ----------
        data : bytes-like
            The content. It must not change meanwhile.
        like : callable, optional
            Asked, if the content is large and new to this machine, for the digest of a blob that it may share chunks
            with, such as an earlier version of it; returns None if there is none. Another thread may ask it.

        Returns
        -------
        Stored
            Its digest and size in bytes.

        Raises
        ------
        StorageError
            If the storage failed; no part of the blob is visible then.
        """
        view = memoryview(data).cast("B")
        if len(view) < LARGE:
            return Stored(*self.whole.put(data if isinstance(data, bytes) else view))
        return put_again(lambda: self._put_large(filler_of(view), b"", like))

    def put_many(self, contents: Sequence[bytes]) -> list[Stored]:
        """Keep many contents, the small ones in one batch: over a network that is many times as fast.

        Returns
        -------
        list of Stored
            In their order.
        """
        small = [data for data in contents if len(data) < LARGE]
        stored = iter([Stored(*hashed) for hashed in self.whole.put_many(small)])
        return [next(stored) if len(data) < LARGE else self.put_bytes(data) for data in contents]

    def put_file(
        self, path: str | os.PathLike[str], *, like: Like | None = None, seen: Callable[[int], object] = int
    ) -> Stored:
        """Keep a file of any size, as it was at one moment: one that changes while it is read is read again.

        Parameters
        ----------
        path : str or path
            A local file; links are followed.
        like : callable, optional
            As for `put_bytes`.
        seen : callable
            As for `put_stream`.

        Returns
        -------
        Stored
            What `b3sum` prints for it, and its size in bytes.

        Raises
        ------
        InputError
            If it is no regular file, or keeps changing. Packs that were full by then stay, as for `put_stream`.
        OSError
            If the *file* cannot be read; the caller knows what it was for, and says so.
        StorageError
            If the *storage* failed (also an `OSError`: look for this one first).
        """

        def put(stream: BinaryIO, _found: os.stat_result) -> tuple[int, Stored]:
            stored = self.put_stream(stream, like=like, seen=seen)
            return stored.size, stored

        return put_again(lambda: read_steadily(os.fspath(path), put).what)

    def put_stream(self, stream: BinaryIO, *, like: Like | None = None, seen: Callable[[int], object] = int) -> Stored:
        """Keep what is left in a binary stream, in one pass and bounded memory, whatever its length.

        What the stream itself raises passes through, and no blob is kept. Packs that were full by then stay, and are
        found again when the same content comes again.

        Parameters
        ----------
        stream : binary file
            The content.
        like : callable, optional
            As for `put_bytes`.
        seen : callable
            Told the bytes of each read, to show how far it has come.

        Raises
        ------
        ChangedError
            If chunks that it shares with others were removed meanwhile; nothing but reading it again would help.
        """
        fill = filler(stream, seen)
        head = head_of(fill, LARGE)
        if len(head) < LARGE:
            return Stored(*self.whole.put(head))
        return self._put_large(fill, head, like)

    def delete(self, digest: Digest) -> None:
        """Remove a blob; one that is gone already is no error. Whether anything needs it is the caller's question.

        The packs of a large blob stay, since others may need them.
        """
        self.large.delete(digest)
        self.whole.delete(digest)
        self.suspects.discard(digest)

    # Parts ---------------------------------------------------------------------------------------------------------

    def _put_large(self, fill: Callable[[memoryview], int], head: bytes, like: Like | None) -> Stored:
        manifest = self.large.put(fill, head, like=like)
        return Stored(manifest.digest, manifest.size, manifest.chunk_list())
