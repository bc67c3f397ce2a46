"""Reading a blob that is one object: at any position, and checked as far as that can be.

A whole object has one digest, over all of it. So a range of it cannot be checked on its own:

- Up to `SMALL` bytes the object is read and checked whole when it is opened; whatever is read then is right.
- Beyond, bytes are checked once all of them went by: `BlobReader` hashes what is read in order from the start (seeking
  away and back is allowed), and raises `DamagedError` instead of giving the *last* piece if the digest is not that of
  the blob. A reader that sees the end of the blob without an error has read right bytes; one that stops before, or
  that jumps, has bytes that nobody checked. `BlobStore.verify`, `read` and `get` always check everything.

Blobs in packs are checked chunk by chunk instead, also on a range read; they are not this module's.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Protocol

from consist.blobs import posix
from consist.blobs.backend import Range
from consist.blobs.seekable import SeekableReader
from consist.errors import BlobNotFoundError
from consist.fileops import storage_error
from consist.hashing.hasher import BLOCK, Hasher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from consist.blobs.backend import Backend
    from consist.errors import DamagedError
    from consist.hashing.digest import Digest
    from consist.hashing.hasher import Hashed

SMALL = BLOCK
"""Bytes up to which an object is read and checked whole when it is opened."""

LOCAL_BUFFER = 128 << 10
REMOTE_BUFFER = 1 << 20
"""Bytes fetched at a time: over a network a request costs as much as about a MiB."""

PIECE = 8 << 20
AT_ONCE = 4
"""Bytes of a request where all of an object is read over a network, and how many are made at once: 32 MiB in memory."""


class Source(Protocol):
    """The bytes of one object, by position."""

    def size(self) -> int:
        """Bytes in the object."""

    def read_into(self, buffer: memoryview, start: int) -> int:
        """Fill a buffer from a position; return how many bytes came, 0 at the end of the object only."""

    def close(self) -> None:
        """Let go of it."""


def open_source(backend: Backend, key: str) -> Source:
    """Open an object for reading.

    Raises
    ------
    BlobNotFoundError
        If the key is free; from a remote backend on the first read only.
    """
    path = backend.path_of(key)
    if path is None:
        return RangeSource(backend, key)
    file = posix.open_for_reading(path)
    if file is None:
        raise BlobNotFoundError(f"no object {key} in {backend.url}")
    return FileSource(file)


def copy_object(backend: Backend, key: str, write: Callable[[memoryview], object]) -> Hashed:
    """Read an object from start to end into `write`; over a network by large requests, some at once.

    Parameters
    ----------
    backend : Backend
        Where it is.
    key : str
        Which object.
    write : callable
        Takes the pieces, in order.

    Returns
    -------
    Hashed
        Digest and size of what was read.

    Raises
    ------
    BlobNotFoundError
        If the key is free.
    """
    if backend.path_of(key) is not None:
        with contextlib.closing(open_source(backend, key)) as source:
            return _copy_source(source, write)
    hasher = Hasher()
    for piece in _pieces(backend, key):
        hasher.update(piece)
        write(memoryview(piece))
    return hasher.result()


def _pieces(backend: Backend, key: str) -> Iterator[bytes | memoryview]:
    """Yield what a remote object has, in order; how much that is, is asked only if it is more than a piece."""
    first = backend.get_range(key, 0, PIECE)
    yield first
    if len(first) < PIECE:
        return
    size = RangeSource(backend, key).size()
    starts = range(PIECE, size, PIECE)
    for number in range(0, len(starts), AT_ONCE):
        at_once = starts[number : number + AT_ONCE]
        yield from backend.get_ranges([Range(key, begin, min(PIECE, size - begin)) for begin in at_once])


def _copy_source(source: Source, write: Callable[[memoryview], object]) -> Hashed:
    from consist.blobs.copying import copy_hashed

    position = 0

    def read_into(buffer: memoryview) -> int:
        nonlocal position
        count = source.read_into(buffer, position)
        position += count
        return count

    return copy_hashed(read_into, write)


class FileSource:
    """An object that is a local file."""

    def __init__(self, file: posix.OpenFile) -> None:
        self._descriptor, self._size, self._path = file

    def size(self) -> int:
        """Bytes in the file."""
        return self._size

    def read_into(self, buffer: memoryview, start: int) -> int:
        """Fill a buffer from a position."""
        done = 0
        try:
            while done < len(buffer) and (count := os.preadv(self._descriptor, [buffer[done:]], start + done)):
                done += count
        except OSError as error:
            raise storage_error("read", self._path, error) from error
        return done

    def close(self) -> None:
        """Close the file."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class RangeSource:
    """An object somewhere else, fetched in ranges."""

    def __init__(self, backend: Backend, key: str) -> None:
        self._backend = backend
        self._key = key

    def size(self) -> int:
        """Bytes in the object, asked for now."""
        found = self._backend.stat(self._key)
        if found is None:
            raise BlobNotFoundError(f"no object {self._key} in {self._backend.url}")
        return found.size

    def read_into(self, buffer: memoryview, start: int) -> int:
        """Fill a buffer from a position."""
        data = self._backend.get_range(self._key, start, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Nothing is held."""


class BlobReader(SeekableReader):
    """A large object as a seekable file that checks itself when it is read in order.

    Parameters
    ----------
    source : Source
        Its bytes; closed with the reader.
    digest : Digest
        Its name.
    damaged : callable
        Called with the digest when the bytes are not the blob's; returns what to raise.
    """

    def __init__(self, source: Source, digest: Digest, damaged: Callable[[Digest], DamagedError]) -> None:
        super().__init__(source.size())
        self._source = source
        self._digest = digest
        self._damaged = damaged
        self._hasher = Hasher()
        self._hashed = 0
        self._checked = False

    def read_at(self, view: memoryview, position: int) -> int:
        """Read, checking on the way."""
        count = self._source.read_into(view, position)
        if not count:  # shorter than it was said to be
            raise self._damaged(self._digest)
        self._follow(view[:count], position)
        return count

    def close(self) -> None:
        """Close what is read from."""
        if not self.closed:
            self._source.close()
        super().close()

    def _follow(self, piece: memoryview, start: int) -> None:
        """Hash what continues the part that was hashed; at the end of the content, compare."""
        end = start + len(piece)
        if start <= self._hashed < end:
            self._hasher.update(piece[self._hashed - start :])
            self._hashed = end
        if self._hashed == self.size and not self._checked:
            if self._hasher.result().digest != self._digest:
                raise self._damaged(self._digest)
            self._checked = True
