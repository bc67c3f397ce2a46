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

_BINARY = 0xC4
"""What bytes begin with whose length takes 1 byte; the next two numbers are of 2 and 4."""
_PIECE = 4 << 10
"""Bytes that are copied at a time of a list whose last item is not to be."""

ExtType = msgpack.ExtType

_packers: list[msgpack.Packer] = []
"""Those that nobody uses just now: to make one takes longer (0.6 us) than to encode what an index keeps of a run."""
_KEPT = 256 << 10
"""Bytes up to which the room that a packer has made is kept; it begins with so many."""


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
        if default is not None:
            return bytes(_new_packer(default).pack(value))
        packer = _free_packer()
        encoded: bytes = packer.pack(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UsageError(f"cannot encode {type(value).__name__}: {error}") from error
    if len(encoded) <= _KEPT:
        _packers.append(packer)
    return encoded


def _free_packer() -> msgpack.Packer:
    try:
        return _packers.pop()  # asked first, another thread might take the last one meanwhile
    except IndexError:
        return _new_packer()


def _new_packer(default: Any = None) -> msgpack.Packer:
    return msgpack.Packer(default=default, use_bin_type=True, strict_types=True)


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


def pack_before(items: list[Any], size: int) -> bytes:
    """Encode a list up to its last item, which is bytes; they follow as they are, so that what is large is not copied.

    Parameters
    ----------
    items : list
        What comes before.
    size : int
        How many bytes follow, below 4 GiB.

    Examples
    --------
    >>> pack_before([1, "a"], 3) + b"xyz" == pack([1, "a", b"xyz"])
    True
    """
    whole = pack([*items, b""])
    width = 1 if size < 1 << 8 else 2 if size < 1 << 16 else 4
    return whole[:-2] + bytes([_BINARY + width // 2]) + size.to_bytes(width, "big")


def unpack_apart(data: bytes | memoryview) -> list[Any]:
    """Decode a list whose last item, if it is bytes, is not copied: it is a view of `data`, of any size.

    Raises
    ------
    DamagedError
        If the bytes are no encoding of a list.

    Examples
    --------
    >>> *items, last = unpack_apart(pack([1, "a", b"xyz"]))
    >>> items, bytes(last)
    ([1, 'a'], b'xyz')
    """
    view = memoryview(data)
    unpacker = msgpack.Unpacker(
        _Pieces(view), raw=False, strict_map_key=False, read_size=_PIECE, max_buffer_size=MAX_BYTES
    )
    try:
        count = unpacker.read_array_header()
        items = [unpacker.unpack() for _ in range(count - 1)]
    except (ValueError, TypeError, RecursionError, msgpack.exceptions.UnpackException) as error:
        raise DamagedError(f"not a list that consist wrote: {str(error) or type(error).__name__}") from error
    last = view[unpacker.tell() :]
    if not count or not last or not _BINARY <= last[0] <= _BINARY + 2:
        return [*items, unpack(last)] if count else items
    width = 1 << last[0] - _BINARY
    body = last[1 + width :]
    if len(last) < 1 + width or len(body) != int.from_bytes(last[1 : 1 + width], "big"):
        raise DamagedError("not a list that consist wrote: its last item does not end with it")
    return [*items, body]


class _Pieces:
    """A file of what is in memory, of which no more is copied than is asked for."""

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self._at = 0

    def read(self, size: int) -> bytes:
        piece = bytes(self._view[self._at : self._at + size])
        self._at += len(piece)
        return piece


def _no_extension(code: int, _data: bytes) -> Any:
    raise ValueError(f"extension type {code} is not expected here")
