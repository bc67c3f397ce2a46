"""Reading a large blob as a file: any position, only the chunks that are needed, each checked before it is handed out.

A read fetches the chunks that it touches, in one batch of requests. Reads that follow each other fetch more and more
ahead; a file does so when it comes to the end of what it has. Who wants all of a blob takes `windows`, which fetches
the next ones while one is used.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from consist.blobs.requests import REQUEST, at_seam
from consist.blobs.seekable import SeekableReader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from consist.blobs.extents import Fetcher

LOCAL_WINDOW = 512 << 10
REMOTE_WINDOW = 32 << 20
"""Bytes fetched ahead of a reader that goes on and on: over a network, several requests side by side. On a disk, what
is read, hashed and written is to be still in a core's cache: with 4 MiB, a `get` took 1.6 x as long."""

_AHEAD = 2
"""Windows that are fetched while one is used, where all of a blob is wanted: when the requests of one are nearly done,
those of the next are under way. Of obstore's rate this left 0.84, and 0.75 with one; three are 300 MiB of memory."""


def windows(fetcher: Fetcher, size: int, *, checked: bool = True) -> Iterator[list[bytes | memoryview]]:
    """Yield all chunks, a window at a time; the next ones are fetched while one is used.

    Parameters
    ----------
    fetcher : Fetcher
        Of the blob.
    size : int
        Bytes of a window, about.
    checked : bool
        Compare each chunk with its digest; False for who compares the whole before it is used.

    Raises
    ------
    BlobNotFoundError, DamagedError
        As `Fetcher.chunks` says.
    """
    with ThreadPoolExecutor(_AHEAD, thread_name_prefix="consist-fetch") as ahead:
        coming: deque[Future[list[bytes | memoryview]]] = deque()
        for start, end in _window_ends(fetcher, size):
            if len(coming) > _AHEAD:
                yield coming.popleft().result()
            coming.append(ahead.submit(fetcher.chunks, start, end, checked=checked))
        while coming:
            yield coming.popleft().result()


def _window_ends(fetcher: Fetcher, size: int) -> Iterator[tuple[int, int]]:
    first, count = 0, len(fetcher.manifest.chunks)
    while first < count:
        end = _drawn_back(fetcher, first, window_end(fetcher, first, size), size)
        yield first, end
        first = end


def _drawn_back(fetcher: Fetcher, first: int, end: int, size: int) -> int:
    """Let a window end where its last request does, if that is not too far from where it would."""
    chunks = fetcher.manifest.chunks
    if size >= REQUEST and end < len(chunks):
        for number in range(end, (first + end) // 2, -1):
            if at_seam(chunks[number - 1], chunks[number], size):
                return number
    return end


def window_end(fetcher: Fetcher, first: int, size: int) -> int:
    """Return the end of a window that begins with a chunk and has about so many bytes, at least that chunk."""
    last = fetcher.chunk_at(fetcher.manifest.starts[first] + size - 1)
    return max(first, last) + 1


class LargeReader(SeekableReader):
    """A large blob as a seekable binary file.

    Parameters
    ----------
    fetcher : Fetcher
        Of the blob.
    most_ahead : int
        Bytes that are fetched at once at the most, for a reader that goes on and on.
    """

    piece = REMOTE_WINDOW

    def __init__(self, fetcher: Fetcher, most_ahead: int) -> None:
        super().__init__(fetcher.manifest.size)
        self._fetcher = fetcher
        self._most_ahead = most_ahead
        self._ahead = 0
        self._first = 0
        self._window: list[bytes | memoryview] = []

    def read_at(self, view: memoryview, position: int) -> int:
        """Read all that is wanted."""
        done = 0
        while done < len(view):
            done += self._copy(view[done:], position + done)
        return done

    def close(self) -> None:
        """Let go of what was fetched."""
        self._window = []
        super().close()

    def _copy(self, view: memoryview, position: int) -> int:
        """Copy what the chunk at a position has of what is wanted, fetched first if need be."""
        number = self._fetcher.chunk_at(position)
        start = position - self._fetcher.manifest.starts[number]
        if not self._first <= number < self._first + len(self._window):
            self._fetch(number, start, len(view))
        piece = memoryview(self._window[number - self._first])[start : start + len(view)]
        view[: len(piece)] = piece
        return len(piece)

    def _fetch(self, number: int, start: int, wanted: int) -> None:
        """Fetch from a chunk on: what is wanted, and more if this goes on where the last fetch ended.

        Parameters
        ----------
        number : int
            The chunk.
        start : int
            Bytes of it that are not wanted.
        wanted : int
            Bytes.
        """
        goes_on = bool(self._window) and number == self._first + len(self._window)
        self._ahead = min(self._most_ahead, max(self._ahead * 2, wanted)) if goes_on else 0
        end = window_end(self._fetcher, number, min(start + max(wanted, self._ahead), start + self._most_ahead))
        self._window = []  # let go of first: two windows are twice the memory
        self._window = self._fetcher.chunks(number, end)
        self._first = number
