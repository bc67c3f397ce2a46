"""How the bytes of one chunk are stored: as they are, or as a zstd frame where a cheap probe says that it pays.

A chunk's digest is of its raw bytes, so the encoding may differ between two copies of one chunk.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from consist.errors import DamagedError

if TYPE_CHECKING:
    import zstandard

RAW, ZSTD = 0, 1

AUTO, NONE = "auto", "none"
COMPRESSIONS = (AUTO, NONE)

_LEVEL = 1  # level 3 was slower and no smaller on CSV, Parquet and arrays
_SAMPLE = 2 << 10
_SAMPLES = 3
_PAYS = 0.95
"""Stored size over raw size above which compression is not worth a reader's time."""

_local = threading.local()


def encode_chunk(chunk: memoryview) -> tuple[int, bytes | memoryview]:
    """Choose an encoding and apply it.

    Parameters
    ----------
    chunk : memoryview
        Raw bytes.

    Returns
    -------
    tuple of (int, bytes-like)
        The encoding's number, and the bytes to store; `chunk` itself if it is stored as it is.

    Examples
    --------
    >>> encoding, stored = encode_chunk(memoryview(b"a" * 100_000))
    >>> encoding, len(stored) < 1000, bytes(decode_chunk(encoding, stored, 100_000)[:3])
    (1, True, b'aaa')
    """
    if not _is_worth_a_try(chunk):
        return RAW, chunk
    stored = _compressor().compress(chunk)
    return (ZSTD, stored) if len(stored) < _PAYS * len(chunk) else (RAW, chunk)


def decode_chunk(encoding: int, stored: bytes | memoryview, size: int) -> bytes | memoryview:
    """Undo `encode_chunk`; what comes out is not compared with a digest here.

    Parameters
    ----------
    encoding : int
        Its number.
    stored : bytes-like
        What was stored.
    size : int
        Bytes that must come out; no more are taken, whatever the frame says.

    Raises
    ------
    DamagedError
        If the bytes are no such encoding, or not of that size.
    """
    if encoding == RAW:
        raw: bytes | memoryview = stored
    elif encoding == ZSTD:
        raw = _decompressed(stored, size)
    else:
        raise DamagedError(f"a chunk has the encoding {encoding}, which this consist does not know")
    if len(raw) != size:
        raise DamagedError(f"a chunk has {len(raw)} bytes, not {size}")
    return raw


def _is_worth_a_try(chunk: memoryview) -> bool:
    """Compress a few samples: cheap, and right about what random, encrypted or compressed bytes are."""
    if len(chunk) <= _SAMPLES * _SAMPLE:
        return True
    step = (len(chunk) - _SAMPLE) // (_SAMPLES - 1)
    sample = b"".join(chunk[start : start + _SAMPLE] for start in range(0, step * _SAMPLES, step))
    return len(_compressor().compress(sample)) < _PAYS * len(sample)


def _decompressed(stored: bytes | memoryview, size: int) -> bytes:
    import zstandard

    try:
        if zstandard.frame_content_size(stored) != size:  # before that much memory is taken
            raise DamagedError("a compressed chunk says another size than its manifest")
        return _decompressor().decompress(stored)
    except zstandard.ZstdError as error:
        raise DamagedError(f"a compressed chunk cannot be read: {error}") from error


def _compressor() -> zstandard.ZstdCompressor:
    """Return this thread's compressor: they are not for two threads at once, and worth keeping."""
    found: zstandard.ZstdCompressor | None = getattr(_local, "compressor", None)
    if found is None:
        import zstandard

        found = _local.compressor = zstandard.ZstdCompressor(level=_LEVEL)
    return found


def _decompressor() -> zstandard.ZstdDecompressor:
    found: zstandard.ZstdDecompressor | None = getattr(_local, "decompressor", None)
    if found is None:
        import zstandard

        found = _local.decompressor = zstandard.ZstdDecompressor()
    return found
