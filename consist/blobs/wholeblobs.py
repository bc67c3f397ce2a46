"""Blobs that are one object: exactly the content, under ``blobs/``. All small ones, and large ones of other writers."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, BinaryIO

from consist.blobs import layout
from consist.blobs.copying import telling
from consist.blobs.damage import damaged_blob
from consist.blobs.reader import LOCAL_BUFFER, REMOTE_BUFFER, SMALL, BlobReader, copy_object, open_source
from consist.errors import BlobNotFoundError, DamagedError
from consist.hashing.hasher import Hashed, hash_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, MutableSet, Sequence

    from consist.blobs.backend import Backend, ObjectStat
    from consist.blobs.posix import Growing
    from consist.blobs.readcache import ReadCache
    from consist.hashing.digest import Digest

_ASK_FIRST = 64 << 10
"""Bytes from which a network is asked whether it has a blob before it is sent; below that, asking costs as much."""


class WholeBlobs:
    """The whole objects of a backend, by digest.

    Parameters
    ----------
    backend : Backend
        Where they are kept.
    suspects : MutableSet of Digest
        Blobs found damaged, and not yet written anew.
    cache : ReadCache, optional
        Keeps blobs of up to `SMALL` bytes that were fetched.
    """

    def __init__(self, backend: Backend, suspects: MutableSet[Digest], cache: ReadCache | None = None) -> None:
        self._backend = backend
        self._suspects = suspects
        self._cache = cache

    def put(self, data: bytes | memoryview) -> Hashed:
        """Keep bytes in memory; nothing is written if they are there with that size and not suspect."""
        hashed = Hashed(hash_bytes(data), len(data))
        if not self._is_there(hashed):
            self._backend.put(_key(hashed.digest), bytes(data))
            self._suspects.discard(hashed.digest)
        return hashed

    def put_many(self, contents: list[bytes]) -> list[Hashed]:
        """Keep many small contents, all in one batch; those of one content once."""
        hashed = [Hashed(hash_bytes(data), len(data)) for data in contents]
        new = dict(zip(hashed, contents, strict=True))
        if self._backend.capabilities.files:  # asking is cheap, and rewriting what is there is not
            self.put_missing(new)
        else:
            self._put_all(new)
        return hashed

    def put_missing(self, contents: Mapping[Hashed, bytes]) -> None:
        """Keep those of many contents that are not there whole, or suspect: all are asked for in one batch."""
        there = self._backend.stat_many([_key(hashed.digest) for hashed in contents])
        sizes = [None if found is None else found.size for found in there]
        self._put_all(
            {
                hashed: data
                for (hashed, data), size in zip(contents.items(), sizes, strict=True)
                if size != hashed.size or hashed.digest in self._suspects
            }
        )

    def open(self, digest: Digest) -> BinaryIO | None:
        """Open a blob as a seekable file, checked as far as ``reader.py`` says; None if there is none."""
        with contextlib.ExitStack() as on_error:
            try:
                head = self._head(digest)
                if head is not None and len(head) <= SMALL:
                    return io.BytesIO(head)
                source = open_source(self._backend, _key(digest))
                on_error.callback(source.close)
                # A file's size is known; a MiB of zeros for each small one would take longer than reading it.
                most = min(SMALL, source.size()) if self._backend.capabilities.files else SMALL
                room = memoryview(bytearray(most + 1))
                count = source.read_into(room, 0)
                if count <= SMALL:
                    return io.BytesIO(self._checked(digest, bytes(room[:count])))
                reader = BlobReader(source, digest, self._damaged)
            except BlobNotFoundError:
                return None
            on_error.pop_all()
        return io.BufferedReader(reader, LOCAL_BUFFER if self._backend.capabilities.files else REMOTE_BUFFER)

    def read(self, digest: Digest) -> bytes | None:
        """Return a blob, checked; None if there is none."""
        try:
            if self._cache is not None:
                return self._through(self._cache, digest, lambda: self._backend.get(_key(digest)))
            return self._checked(digest, self._backend.get(_key(digest)))
        except BlobNotFoundError:
            return None

    def read_parts(self, digest: Digest, parts: Sequence[slice]) -> list[bytes] | None:
        """Return parts of a blob, checked as far as ``reader.py`` says; None if there is none."""
        stream = self.open(digest)
        if stream is None:
            return None
        with stream:
            size = stream.seek(0, io.SEEK_END)
            return [_read_part(stream, *part.indices(size)) for part in parts]

    def copy(self, digest: Digest, write: Callable[[memoryview], object], *, cached: bool = True) -> int | None:
        """Read a blob piece by piece into `write`, and check it; return its size, or None if there is none.

        Without `cached` what is in the store is read, whatever this machine keeps.
        """
        begun = False

        def write_on(piece: memoryview) -> None:
            nonlocal begun
            begun = True
            write(piece)

        try:
            head = self._head(digest) if cached else None
            if head is not None and len(head) <= SMALL:
                write(memoryview(head))
                return len(head)
            hashed = copy_object(self._backend, _key(digest), write_on)
        except BlobNotFoundError:
            if begun:  # it went meanwhile: whoever looked elsewhere now would write the start twice
                raise
            return None
        if hashed.digest != digest:
            raise self._damaged(digest)
        return hashed.size

    def copy_into(self, digest: Digest, file: Growing, seen: Callable[[int], object]) -> int | None:
        """Write a blob to a new file, and check it; return its size, or None if there is none."""
        return self.copy(digest, telling(file.write, seen))

    def stat(self, digest: Digest) -> ObjectStat | None:
        """Return size and date of a blob, or None if there is none."""
        return self._backend.stat(_key(digest))

    def list(self, folder: str) -> Iterator[tuple[Digest, ObjectStat]]:
        """Yield the blobs below ``blobs/<folder>``, in any order; foreign files among them are passed over."""
        for found in self._backend.list(f"{layout.BLOBS}/{folder}".rstrip("/")):
            with contextlib.suppress(DamagedError):
                yield layout.key_digest(found.key), found

    def delete(self, digest: Digest) -> None:
        """Remove a blob, if it is there."""
        if self._cache is not None:
            self._cache.forget(layout.BLOBS, digest)
        self._backend.delete(_key(digest))

    def _head(self, digest: Digest) -> bytes | None:
        """Return a blob of up to `SMALL` bytes whole and checked, of a larger one more than that; None without a cache.

        Raises
        ------
        BlobNotFoundError
            If there is none.
        """
        if self._cache is None:
            return None
        more = SMALL + 1
        return self._through(self._cache, digest, lambda: self._backend.get_range(_key(digest), 0, more), more)

    def _through(self, cache: ReadCache, digest: Digest, fetch: Callable[[], bytes], part: int = -1) -> bytes:
        """Read through the cache; of `part` bytes, what is fetched is not all, and cannot be checked."""

        def parse(data: bytes) -> bytes:
            if len(data) != part and hash_bytes(data) != digest:
                raise DamagedError("a blob is not what its name says")
            return data

        try:
            return cache.whole(layout.BLOBS, digest, parse, fetch, most=SMALL)
        except DamagedError:
            raise self._damaged(digest) from None

    def _put_all(self, contents: Mapping[Hashed, bytes]) -> None:
        self._backend.put_many([(_key(hashed.digest), data) for hashed, data in contents.items()])
        for hashed in contents:
            self._suspects.discard(hashed.digest)

    def _is_there(self, hashed: Hashed) -> bool:
        """Tell whether a put may be left out: a truncated object is caught by its size, a flipped bit by a reader."""
        if hashed.digest in self._suspects or (hashed.size < _ASK_FIRST and not self._backend.capabilities.files):
            return False
        found = self.stat(hashed.digest)
        return found is not None and found.size == hashed.size

    def _checked(self, digest: Digest, data: bytes) -> bytes:
        if hash_bytes(data) != digest:
            raise self._damaged(digest)
        return data

    def _damaged(self, digest: Digest) -> DamagedError:
        return damaged_blob(self._backend, self._suspects, digest, "its bytes are not what its name says")


def _read_part(stream: BinaryIO, start: int, stop: int, _step: int) -> bytes:
    stream.seek(start)
    return stream.read(max(0, stop - start))


def _key(digest: Digest) -> str:
    return layout.digest_key(layout.BLOBS, digest)
