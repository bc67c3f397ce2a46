"""Reading parts of a large blob: the chunks that any of them touches, each once, many in one batch of requests.

A file that is read here and there makes its requests one after the other; who knows all the parts beforehand, as a
reader of Parquet columns does, need not wait for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

AT_ONCE = 128 << 20
"""Bytes of chunks that are fetched in one batch, and in memory, at the most: a byte here and there is a chunk each, and
2 KB out of all of a blob took as much memory as the blob."""

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from consist.blobs.extents import Fetcher


def read_parts(fetcher: Fetcher, parts: Sequence[slice], window: int) -> list[bytes]:
    """Return parts of a blob, checked chunk by chunk.

    Parameters
    ----------
    fetcher : Fetcher
        Of the blob.
    parts : sequence of slice
        As of a `bytes`.
    window : int
        Bytes beyond which a part is read a window at a time, since its chunks would be in memory twice.

    Raises
    ------
    BlobNotFoundError, DamagedError
        As `Fetcher.chunks` says.
    """
    spans = [range(*part.indices(fetcher.manifest.size)) for part in parts]
    read: dict[int, bytes] = {}
    for batch in _batches(fetcher, spans, window):
        read |= _read_batch(fetcher, spans, batch)
    return [read[place] if place in read else _streamed(fetcher, span, window) for place, span in enumerate(spans)]


def _batches(fetcher: Fetcher, spans: Sequence[range], window: int) -> Iterator[list[int]]:
    """Yield the places of the short spans, in the content's order: at once those whose chunks have `AT_ONCE` bytes."""
    batch: list[int] = []
    size = end = 0
    short = (place for place, span in enumerate(spans) if len(span) <= window)
    for place in sorted(short, key=lambda place: spans[place].start):
        numbers = _numbers(fetcher, spans[place])
        new = sum(fetcher.manifest.chunks[number].raw for number in numbers[max(0, end - numbers.start) :])
        if batch and size + new > AT_ONCE:
            yield batch
            batch, size, end = [], 0, 0
            new = sum(fetcher.manifest.chunks[number].raw for number in numbers)
        batch.append(place)
        size += new
        end = max(end, numbers.stop)
    if batch:
        yield batch


def _read_batch(fetcher: Fetcher, spans: Sequence[range], batch: Sequence[int]) -> dict[int, bytes]:
    """Read the spans at some places; chunks are let go of with the call, before the next batch is fetched."""
    numbers = sorted({number for place in batch for number in _numbers(fetcher, spans[place])})
    found = fetcher.pick(numbers) if numbers else {}
    return {place: _joined(fetcher, spans[place], found) for place in batch}


def _numbers(fetcher: Fetcher, span: range) -> range:
    return range(fetcher.chunk_at(span[0]), fetcher.chunk_at(span[-1]) + 1) if span else range(0)


def _joined(fetcher: Fetcher, span: range, found: Mapping[int, bytes | memoryview]) -> bytes:
    return b"".join(_pieces(fetcher, span, found))


def _pieces(fetcher: Fetcher, span: range, found: Mapping[int, bytes | memoryview]) -> Iterator[memoryview]:
    for number in _numbers(fetcher, span):
        start = fetcher.manifest.starts[number]
        yield memoryview(found[number])[max(0, span.start - start) : span.stop - start]


def _streamed(fetcher: Fetcher, span: range, window: int) -> bytes:
    from consist.blobs.largereader import LargeReader

    with LargeReader(fetcher, window) as stream:
        stream.seek(span.start)
        room = bytearray(len(span))
        done = 0
        with memoryview(room) as view:
            while done < len(view):
                done += stream.readinto(view[done : done + stream.piece])
        return bytes(room)
