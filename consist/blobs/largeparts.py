"""Reading parts of a large blob: the chunks that any of them touches, each once, in one batch of requests.

A file that is read here and there makes its requests one after the other; who knows all the parts beforehand, as a
reader of Parquet columns does, need not wait for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    numbers = {number for span in spans if len(span) <= window for number in _numbers(fetcher, span)}
    found = fetcher.pick(sorted(numbers)) if numbers else {}
    return [
        _joined(fetcher, span, found) if len(span) <= window else _streamed(fetcher, span, window) for span in spans
    ]


def _numbers(fetcher: Fetcher, span: range) -> range:
    return range(fetcher.chunk_at(span[0]), fetcher.chunk_at(span[-1]) + 1) if span else span


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
