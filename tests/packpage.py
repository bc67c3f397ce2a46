"""Packs by ``docs/format.md`` alone, for oracles: is every byte of one what its name says?"""

import struct
from collections.abc import Mapping

import msgpack
from blake3 import blake3


def body_size(packs: Mapping[str, bytes]) -> int:
    """Count the bytes of chunks in packs, by their directories."""
    return sum(len(data) - 8 - int.from_bytes(data[-8:-4], "big") for data in packs.values())


def check_pack(data: bytes, name: bytes) -> None:
    """Take a pack apart, from its end, and hash all that it has."""
    (length,) = struct.unpack(">I", data[-8:-4])
    end = data[-8 - length :]
    assert data[-4:] == b"CPCK"
    assert blake3(end).digest() == name
    version, _salt, rows, seals = msgpack.unpackb(end[:length])
    assert version == 1
    position = sealed = 0
    for digest, encoding, offset, stored, _raw in struct.iter_unpack(">32sBIII", rows):
        assert offset == position
        wanted = seals[sealed : sealed + 32] if encoding else digest
        assert blake3(data[offset : offset + stored]).digest() == wanted
        position += stored
        sealed += 32 * bool(encoding)
    assert (position, sealed) == (len(data) - len(end), len(seals))
