"""msgpack with limits: what consist keeps of its own, and plain values of users, as bytes.

Decoding caps depth and sizes before anything is built, so that a damaged or hostile object costs a clear error and
not the process. Nothing here can run code.
"""

from __future__ import annotations

from typing import Any

import msgpack  # type: ignore[import-untyped]  # it ships no types

from consist.errors import DamagedError, UsageError

MAX_BYTES = 256 << 20
"""The largest payload that is decoded whole: far above any record, far below the memory of a small machine."""
MAX_ITEMS = 50_000_000
"""The most items in one list or dict."""

ExtType = msgpack.ExtType


def pack(value: Any, *, default: Any = None) -> bytes:
    """Encode plain data: None, bool, int, float, str, bytes, list, dict.

    Parameters
    ----------
    value : object
        The data. A tuple is an error unless `default` turns it into something else.
    default : callable, optional
        Called with each object that is none of these; returns what to encode instead.

    Raises
    ------
    UsageError
        If something in it cannot be encoded.

    Examples
    --------
    >>> unpack(pack({"a": [1, None, b"x"]}))
    {'a': [1, None, b'x']}
    """
    try:
        encoded: bytes = msgpack.packb(value, use_bin_type=True, strict_types=True, default=default)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UsageError(f"cannot encode {type(value).__name__}: {error}") from error
    return encoded


def unpack(data: bytes | memoryview, *, ext_hook: Any = None) -> Any:
    """Decode what `pack` encoded.

    Parameters
    ----------
    data : bytes-like
        The encoding, at most `MAX_BYTES`.
    ext_hook : callable, optional
        Called with code and bytes of each extension value; without it an extension is an error. msgpack's own
        timestamps (code -1) never reach it: they come back as `msgpack.Timestamp`, which no schema of ours accepts.

    Raises
    ------
    DamagedError
        If the bytes are no such encoding, are too large, or nest too deeply.
    """
    if len(data) > MAX_BYTES:
        raise DamagedError(f"an encoded value of {len(data):,} bytes is over the limit of {MAX_BYTES:,}")
    most = min(MAX_ITEMS, len(data))  # an item takes a byte; a list's memory is taken before its items are read
    try:
        return msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=False,
            ext_hook=ext_hook or _no_extension,
            max_array_len=most,
            max_map_len=most,
        )
    except (ValueError, TypeError, RecursionError, msgpack.exceptions.UnpackException) as error:
        raise DamagedError(f"not an encoding that consist wrote: {str(error) or type(error).__name__}") from error


def _no_extension(code: int, _data: bytes) -> Any:
    raise ValueError(f"extension type {code} is not expected here")
