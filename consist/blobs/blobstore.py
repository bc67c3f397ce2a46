"""`BlobStore`: content in, digest out; digest in, checked content out.

It decides how content becomes objects of a `Backend`; here every blob is one object under ``blobs/``, of any size. It
knows nothing of records: what may be deleted, and when, is decided above.

Wrong bytes are never returned unnoticed (``reader.py`` says what a range read of a large object can know), and heal:
whoever reads wrong bytes adds the digest to `BlobStore.suspects`, and the next put of that content writes it anew.
"""

# Paths are plain strings in this layer: pathlib costs more than some of the calls.
# ruff: noqa: PTH118, PTH120, PTH123

from __future__ import annotations

import contextlib
import io
import os
from typing import TYPE_CHECKING, BinaryIO

from consist.blobs import layout, posix
from consist.blobs.copying import copy_hashed, filler
from consist.blobs.reader import LOCAL_BUFFER, REMOTE_BUFFER, SMALL, BlobReader, open_source
from consist.errors import AmbiguousPrefixError, BlobNotFoundError, DamagedError, UsageError
from consist.fileops import perform
from consist.hashing.digest import SIZE, Digest, parse_prefix
from consist.hashing.hasher import BLOCK, Hashed, hash_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableSet

    from consist.blobs.backend import Backend, ObjectStat

_HEX = "0123456789abcdef"
_SHOWN = 3


class BlobStore:
    """The blobs of one backend.

    Parameters
    ----------
    backend : Backend
        Where they are kept.
    suspects : MutableSet of Digest, optional
        Blobs found damaged and not yet written anew; give a set that outlives the process to remember them.

    Examples
    --------
    >>> import tempfile
    >>> from consist.blobs.local import LocalBackend
    >>> blobs = BlobStore(LocalBackend(tempfile.mkdtemp()))
    >>> put = blobs.put_bytes(b"content")
    >>> put.digest.short, put.size
    ('3fba5250be9a', 7)
    >>> blobs.read(blobs.find("3fba"))
    b'content'
    """

    def __init__(self, backend: Backend, *, suspects: MutableSet[Digest] | None = None) -> None:
        self.backend = backend
        self.suspects: MutableSet[Digest] = set() if suspects is None else suspects

    def __repr__(self) -> str:
        return f"BlobStore({self.backend!r})"

    # Putting -------------------------------------------------------------------------------------------------------

    def put_bytes(self, data: bytes | bytearray | memoryview) -> Hashed:
        """Keep bytes in memory; nothing is written if the blob is there with that size and not suspect.

        Parameters
        ----------
        data : bytes-like
            The content. It must not change meanwhile.

        Returns
        -------
        Hashed
            Its digest and size in bytes.

        Raises
        ------
        StorageError
            If the storage failed; no part of the blob is visible then.
        """
        if not isinstance(data, bytes):
            data = memoryview(data).cast("B")
        hashed = Hashed(hash_bytes(data), len(data))
        if not self._is_kept(hashed):
            key = layout.digest_key(layout.BLOBS, hashed.digest)
            if isinstance(data, bytes):
                self.backend.put(key, data)
            else:  # a large array: no copy of it is made
                with self.backend.upload() as upload:
                    upload.write(data)
                    upload.publish(key)
            self.suspects.discard(hashed.digest)
        return hashed

    def put_file(self, path: str | os.PathLike[str]) -> Hashed:
        """Keep a file of any size, in one read of it.

        Parameters
        ----------
        path : str or path
            A local file; links are followed. If it changes meanwhile, the blob is what was read.

        Returns
        -------
        Hashed
            What `b3sum` prints for it, and its size in bytes.

        Raises
        ------
        OSError
            If the *file* cannot be read; the caller knows what it was for, and says so.
        StorageError
            If the *storage* failed (also an `OSError`: look for this one first).
        """
        with open(path, "rb", buffering=0) as stream:
            return self.put_stream(stream)

    def put_stream(self, stream: BinaryIO) -> Hashed:
        """Keep what is left in a binary stream, in one pass and a few MiB of memory.

        What the stream itself raises passes through, and nothing is kept.
        """
        fill = filler(stream)
        room = memoryview(bytearray(BLOCK))
        head = bytes(room[: fill(room)])
        if len(head) < BLOCK:
            return self.put_bytes(head)
        with self.backend.upload() as upload:
            hashed = copy_hashed(fill, upload.write, head=head)
            if not self._is_kept(hashed):
                upload.publish(layout.digest_key(layout.BLOBS, hashed.digest))
                self.suspects.discard(hashed.digest)
        return hashed

    # Reading -------------------------------------------------------------------------------------------------------

    def open(self, digest: Digest) -> BinaryIO:
        """Open a blob as a seekable binary file.

        Up to 1 MiB it is checked here, whole. A larger one is checked when it is read in order to its end; ranges
        of it are not (``reader.py``).

        Raises
        ------
        BlobNotFoundError
            If there is no such blob.
        DamagedError
            Here or from a read, if the bytes are not the blob's.
        """
        with contextlib.ExitStack() as on_error:
            try:
                source = open_source(self.backend, layout.digest_key(layout.BLOBS, digest))
                on_error.callback(source.close)
                room = memoryview(bytearray(SMALL + 1))
                count = source.read_into(room, 0)
                if count <= SMALL:
                    return io.BytesIO(self._checked(digest, bytes(room[:count])))
                reader = BlobReader(source, digest, self._damaged)
            except BlobNotFoundError:
                raise self._missing(digest) from None
            on_error.pop_all()
        return io.BufferedReader(reader, LOCAL_BUFFER if self.backend.capabilities.files else REMOTE_BUFFER)

    def read(self, digest: Digest) -> bytes:
        """Return a blob whole, checked.

        Raises
        ------
        BlobNotFoundError
            If there is no such blob.
        DamagedError
            If the bytes are not the blob's.
        """
        try:
            data = self.backend.get(layout.digest_key(layout.BLOBS, digest))
        except BlobNotFoundError:
            raise self._missing(digest) from None
        return self._checked(digest, data)

    def get(self, digest: Digest, path: str | os.PathLike[str], *, durable: bool = False) -> None:
        """Write a blob to a file, checked before the file appears; what was there is replaced in one step.

        Parameters
        ----------
        digest : Digest
            Which blob.
        path : str or path
            The file; its folder must exist. A link is replaced, not followed.
        durable : bool
            Sync file and folder before returning.

        Raises
        ------
        BlobNotFoundError, DamagedError
            As in `read`; the file is as it was.
        UsageError
            If the folder does not exist.
        StorageError
            If reading or writing failed; the file is as it was.
        """
        target = os.fspath(path)
        folder = os.path.dirname(target) or "."
        try:
            temp = posix.TempFile(os.path.join(folder, f".consist-{os.urandom(8).hex()}.tmp"), 0o666)
        except FileNotFoundError:
            raise UsageError(f"cannot write {target}: there is no folder {folder}", hint="make it first") from None
        with temp:
            self._copy(digest, temp.write)
            temp.seal(mode=None, durable=durable)
            perform("rename", target, os.replace, temp.path, target)
            temp.published = True
        if durable:
            posix.sync_folder(folder)

    def verify(self, digest: Digest) -> int:
        """Read a blob and compare it with its name.

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
        size = self._copy(digest, len)
        self.suspects.discard(digest)
        return size

    # Looking -------------------------------------------------------------------------------------------------------

    def stat(self, digest: Digest) -> ObjectStat | None:
        """Return size and date of a blob, or None if there is none; nothing is read or checked."""
        return self.backend.stat(layout.digest_key(layout.BLOBS, digest))

    def exists(self, digest: Digest) -> bool:
        """Tell whether a blob is there; not whether its bytes are right."""
        return self.stat(digest) is not None

    def list(self, prefix: str = "") -> Iterator[tuple[Digest, int]]:
        """Yield digest and size in bytes of the blobs whose digests begin with `prefix`, in any order.

        Foreign files among them are passed over.

        Raises
        ------
        UsageError
            If the prefix is not hexadecimal.
        """
        bare = parse_prefix(prefix) if prefix else ""
        for folder in _folders(bare):
            for found in self.backend.list(folder):
                with contextlib.suppress(DamagedError):
                    digest = layout.key_digest(found.key)
                    if digest.startswith(bare):
                        yield digest, found.size

    def find(self, prefix: str) -> Digest:
        """Return the one blob whose digest begins with `prefix`.

        Raises
        ------
        BlobNotFoundError
            If there is none.
        AmbiguousPrefixError
            If there are several.
        UsageError
            If the prefix is not hexadecimal.
        """
        bare = parse_prefix(prefix)
        if len(bare) == 2 * SIZE:
            digest = Digest.parse(bare)
            if not self.exists(digest):
                raise self._missing(digest)
            return digest
        found = sorted(digest for digest, _ in self.list(bare))
        if not found:
            raise BlobNotFoundError(f"no blob {bare}… in {self.backend.url}", hint="see `consist ls blobs`")
        if len(found) > 1:
            shown = ", ".join(digest.short for digest in found[:_SHOWN])
            raise AmbiguousPrefixError(f"{len(found)} blobs begin with {bare}: {shown}, …", hint="type more digits")
        return found[0]

    def delete(self, digest: Digest) -> None:
        """Remove a blob; one that is gone already is no error. Whether anything needs it is the caller's question."""
        self.backend.delete(layout.digest_key(layout.BLOBS, digest))
        self.suspects.discard(digest)

    # Parts ---------------------------------------------------------------------------------------------------------

    def _is_kept(self, hashed: Hashed) -> bool:
        """Tell whether a put may be left out: a truncated object is caught by its size, a flipped bit by a reader."""
        if hashed.digest in self.suspects:
            return False
        found = self.stat(hashed.digest)
        return found is not None and found.size == hashed.size

    def _copy(self, digest: Digest, write: Callable[[memoryview], object]) -> int:
        """Read a blob piece by piece into `write`, and check it; return its size."""
        try:
            with contextlib.closing(open_source(self.backend, layout.digest_key(layout.BLOBS, digest))) as source:
                position = 0

                def read_into(buffer: memoryview) -> int:
                    nonlocal position
                    count = source.read_into(buffer, position)
                    position += count
                    return count

                hashed = copy_hashed(read_into, write)
        except BlobNotFoundError:
            raise self._missing(digest) from None
        if hashed.digest != digest:
            raise self._damaged(digest)
        return hashed.size

    def _checked(self, digest: Digest, data: bytes) -> bytes:
        if hash_bytes(data) != digest:
            raise self._damaged(digest)
        return data

    def _damaged(self, digest: Digest) -> DamagedError:
        self.suspects.add(digest)
        return DamagedError(
            f"blob {digest.short} in {self.backend.url} is damaged: its bytes are not what its name says",
            hint="run the step that made it again, and the store heals",
        )

    def _missing(self, digest: Digest) -> BlobNotFoundError:
        return BlobNotFoundError(f"no blob {digest.short} in {self.backend.url}", hint="see `consist ls blobs`")


def _folders(prefix: str) -> list[str]:
    """Name the folders that hold the digests with a prefix: one, 16, or the one above all."""
    if not prefix:
        return [layout.BLOBS]
    if len(prefix) == 1:
        return [f"{layout.BLOBS}/{prefix}{digit}" for digit in _HEX]
    return [f"{layout.BLOBS}/{prefix[:2]}"]
