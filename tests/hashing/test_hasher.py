import io
import os
import signal
import threading

import blake3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consist.hashing.hasher import BLOCK, Hasher, domain_digest, hash_bytes, hash_stream
from consist.hashing.steady import hash_steadily
from consist.testing.together import fork

SIZES = [0, 1, 1023, 1024, 1025, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 17]


def pattern(size):
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def expected(data):
    return blake3.blake3(data).digest()


@pytest.mark.parametrize("size", SIZES)
def test_every_way_of_hashing_gives_one_digest(size, tmp_path):
    data = pattern(size)
    path = tmp_path / "data"
    path.write_bytes(data)
    assert hash_bytes(data).raw == expected(data)
    assert hash_bytes(bytearray(data)) == hash_bytes(memoryview(data)) == hash_bytes(data)
    for hashed in (hash_stream(io.BytesIO(data)), hash_steadily(str(path))):
        assert (hashed.digest.raw, hashed.size) == (expected(data), size)


@given(st.lists(st.binary(max_size=100), max_size=8))
def test_pieces_are_hashed_as_one_content(pieces):
    hasher = Hasher()
    for piece in pieces:
        hasher.update(piece)
        hasher.result()  # looking early changes nothing
    whole = b"".join(pieces)
    assert (hasher.result().digest.raw, hasher.result().size) == (expected(whole), len(whole))


def test_a_stream_is_hashed_from_where_it_stands():
    stream = io.BytesIO(b"skipped-rest")
    stream.seek(8)
    assert hash_stream(stream).digest.raw == expected(b"rest")


def test_a_stream_that_gives_little_at_a_time_is_hashed_whole():
    data = pattern(300_000)
    reader, writer = os.pipe()

    def feed():
        with open(writer, "wb") as sink:  # noqa: PTH123 - a descriptor
            sink.write(data)

    thread = threading.Thread(target=feed)
    thread.start()
    with open(reader, "rb", buffering=0) as stream:  # noqa: PTH123 - a descriptor
        hashed = hash_stream(stream)
    thread.join()
    assert (hashed.digest.raw, hashed.size) == (expected(data), len(data))


@given(st.binary(max_size=50))
def test_domains_are_apart_from_each_other_and_from_plain_content(data):
    digests = {hash_bytes(data), domain_digest("consist test a", data), domain_digest("consist test b", data)}
    assert len(digests) == 3
    assert (
        domain_digest("consist test a", data).raw == blake3.blake3(data, derive_key_context="consist test a").digest()
    )


@pytest.mark.parametrize("depth", [1, 2])
def test_a_forked_child_hashes_too(depth):
    """Its parent has used many threads by then, which a fork does not take along."""
    data = pattern(3 * BLOCK)

    def hash_both():
        signal.alarm(60)  # ends a child that waits for threads that it does not have
        hashed = hash_bytes(data).raw, hash_stream(io.BytesIO(data)).digest.raw
        return hashed if depth == 1 else fork(lambda: (hash_bytes(data).raw, hashed[1])).result()

    hash_bytes(data)
    hash_stream(io.BytesIO(data))
    assert fork(hash_both).result() == (expected(data), expected(data))
