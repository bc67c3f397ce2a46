"""How a chunk is stored: it comes back as it was, compressed where that pays, and a lie about it is noticed."""

import os
import struct

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from consist.blobs.encoding import RAW, ZSTD, decode_chunk, encode_chunk
from consist.errors import DamagedError
from consist.testing.together import in_threads

TEXT = b"".join(b"%d,some row of a table,%d\n" % (number, number * 7) for number in range(20_000))
ZEROS = bytes(100_000)


def stored(data):
    encoding, kept = encode_chunk(memoryview(data))
    return encoding, bytes(kept)


@given(st.binary(min_size=1, max_size=20_000) | st.integers(1, 200_000).map(bytes))
def test_what_is_encoded_comes_back(data):
    encoding, kept = stored(data)
    assert (zstandard.decompress(kept) if encoding == ZSTD else kept) == data
    assert len(kept) <= len(data)
    assert bytes(decode_chunk(encoding, kept, len(data))) == data


@pytest.mark.parametrize("data", [TEXT, ZEROS, b"a" * 64], ids=["text", "zeros", "short"])
def test_what_can_be_compressed_is_and_says_its_size(data):
    encoding, kept = stored(data)
    assert encoding == ZSTD
    assert zstandard.frame_content_size(kept) == len(data)
    assert len(kept) < len(data) / 2


def test_what_cannot_be_compressed_is_not_copied():
    for size in (1, 1000, 6 << 10, 100_000):
        chunk = memoryview(os.urandom(size))
        encoding, kept = encode_chunk(chunk)
        assert encoding == RAW
        assert kept is chunk


def test_a_probe_that_was_wrong_is_found_out():
    """Samples at the start, in the middle and at the end compress; the rest does not."""
    data = bytearray(os.urandom(1 << 20))
    for start in (0, (len(data) - 2048) // 2, len(data) - 2048):
        data[start : start + 2048] = bytes(2048)
    assert stored(bytes(data))[0] == RAW


@pytest.mark.parametrize("size", [0, 99, 101, 1 << 31])
def test_a_raw_chunk_of_another_size_is_damaged(size):
    with pytest.raises(DamagedError, match=f"100 bytes, not {size}"):
        decode_chunk(RAW, bytes(100), size)


@pytest.mark.parametrize("size", [0, 99_999, 100_001, 1 << 40])
def test_a_frame_of_another_size_is_damaged(size):
    with pytest.raises(DamagedError, match="another size"):
        decode_chunk(ZSTD, stored(ZEROS)[1], size)


@pytest.mark.parametrize("size", [99_999, 100_001, 1 << 30])
def test_a_frame_that_lies_about_its_own_size_is_damaged(size):
    honest = stored(ZEROS)[1]
    assert struct.unpack_from("<I", honest, 5) == (100_000,)
    lying = honest[:5] + struct.pack("<I", size) + honest[9:]
    with pytest.raises(DamagedError, match="cannot be read"):
        decode_chunk(ZSTD, lying, size)


def test_a_frame_that_does_not_say_its_size_is_damaged():
    silent = zstandard.ZstdCompressor(write_content_size=False).compress(ZEROS)
    with pytest.raises(DamagedError, match="another size"):
        decode_chunk(ZSTD, silent, len(ZEROS))


@pytest.mark.parametrize(
    "kept",
    [b"", b"x", bytes(range(100)), stored(TEXT)[1][:-1], stored(TEXT)[1][:100]],
    ids=["nothing", "a byte", "other bytes", "a byte less", "the start"],
)
def test_what_is_no_whole_frame_is_damaged(kept):
    with pytest.raises(DamagedError):
        decode_chunk(ZSTD, kept, len(TEXT))


@pytest.mark.parametrize("encoding", [2, 3, 255])
def test_an_unknown_encoding_is_refused(encoding):
    with pytest.raises(DamagedError, match=f"encoding {encoding}"):
        decode_chunk(encoding, b"abc", 3)


def test_threads_do_not_share_a_compressor():
    contents = [bytes([number]) * 30_000 + TEXT for number in range(4)]

    def there_and_back(data):
        for _ in range(20):
            assert bytes(decode_chunk(*encode_chunk(memoryview(data)), len(data))) == data

    in_threads([lambda data=data: there_and_back(data) for data in contents])
