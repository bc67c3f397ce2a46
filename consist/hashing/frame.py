"""The frame of control objects: magic, version, kind, key, nonce, payload, and a check over all of it.

Records, manifests, leases and log objects are not named by their content, so their content must vouch for itself: a
frame that was cut short, flipped, or stored under another key is told from a good one. The index keeps the same
bytes. ``docs/format.md`` is this module's specification.

::

    offset  size  field
    0       4     magic "CNST"
    4       1     frame version, 0
    5       1     kind (`Kind`)
    6       2     length of the key K, big-endian
    8       4     length of the payload P, big-endian
    12      16    nonce, random
    28      K     key: what the object is about
    28+K    P     payload
    28+K+P  32    BLAKE3 of everything before it
"""

from __future__ import annotations

import os
import struct
from enum import IntEnum
from typing import NamedTuple

import blake3

from consist.errors import DamagedError, FormatError
from consist.hashing.digest import SIZE

MAGIC = b"CNST"
VERSION = 0
NONCE_SIZE = 16
_HEADER = struct.Struct(f">4sBBHI{NONCE_SIZE}s")


class Kind(IntEnum):
    """What a control object is."""

    RECORD = 1
    MANIFEST = 2
    LOG = 3
    LEASE = 4
    GC = 5
    LATEST = 6


class Frame(NamedTuple):
    """The checked contents of a control object."""

    kind: Kind
    key: bytes
    nonce: bytes
    payload: bytes


def encode_frame(kind: Kind, key: bytes, *payload: bytes | bytearray | memoryview) -> bytes:
    """Wrap a payload, with a fresh nonce.

    Parameters
    ----------
    kind : Kind
        What the object is.
    key : bytes
        What it is about: a signature, a run id, a digest. At most 65,535 bytes.
    *payload : bytes-like
        Its content, below 4 GiB, in one piece or in several: what is large is copied once.

    Examples
    --------
    >>> decode_frame(encode_frame(Kind.RECORD, b"key", b"payload"), Kind.RECORD, b"key").payload
    b'payload'
    """
    size = sum(map(len, payload))
    head = _HEADER.pack(MAGIC, VERSION, kind, len(key), size, os.urandom(NONCE_SIZE))
    hasher = blake3.blake3(head + key)
    for piece in payload:
        hasher.update(piece)
    return b"".join([head, key, *payload, hasher.digest()])


def decode_frame(data: bytes, kind: Kind, key: bytes | None) -> Frame:
    """Check a frame and take it apart.

    Parameters
    ----------
    data : bytes
        The whole object.
    kind : Kind
        What it must be.
    key : bytes or None
        What it must be about; None takes any key.

    Raises
    ------
    FormatError
        If a newer consist wrote it.
    DamagedError
        If it is cut short, altered, of another kind, or about something else.
    """
    found_key, nonce, payload = _taken_apart(data, kind, key)
    return Frame(kind, found_key, nonce, bytes(payload))


def payload_of(data: bytes, kind: Kind, key: bytes | None) -> memoryview:
    """Check a frame and return its payload where it lies, not copied; parameters and errors as for `decode_frame`.

    Examples
    --------
    >>> bytes(payload_of(encode_frame(Kind.RECORD, b"key", b"payload"), Kind.RECORD, b"key"))
    b'payload'
    """
    return _taken_apart(data, kind, key)[2]


def _taken_apart(data: bytes, kind: Kind, key: bytes | None) -> tuple[bytes, bytes, memoryview]:
    """Check a frame; return its key, nonce and payload."""
    if len(data) < _HEADER.size + SIZE or data[:4] != MAGIC:
        raise DamagedError(f"not a framed object of consist ({len(data)} bytes)")
    if data[4] > VERSION and not _is_altered(data):
        raise FormatError(
            f"a framed object of version {data[4]}; this consist reads up to {VERSION}", hint="upgrade consist"
        )
    _, _, found_kind, key_length, payload_length, nonce = _HEADER.unpack_from(data)
    start = _HEADER.size + key_length
    end = start + payload_length
    if len(data) != end + SIZE or blake3.blake3(memoryview(data)[:end]).digest() != data[end:]:
        raise DamagedError("a framed object does not match its check: it was cut short or altered")
    found_key = data[_HEADER.size : start]
    if found_kind != kind or (key is not None and found_key != key):
        raise DamagedError(
            f"a framed object is kind {found_kind} about {found_key!r}, not kind {int(kind)} about {key!r}"
        )
    return found_key, nonce, memoryview(data)[start:end]


def _is_altered(data: bytes) -> bool:
    """Tell whether an object of an unknown version is one of ours in which just that byte was altered.

    Otherwise one flipped bit would make it an object that nobody may replace, and the store could not heal.
    """
    return blake3.blake3(data[:4] + bytes([VERSION]) + data[5:-SIZE]).digest() == data[-SIZE:]
