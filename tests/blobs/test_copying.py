"""Copying and hashing at once: the digest is of what was written, whoever of the two threads is slower."""

import io
import os
import time

import blake3
import pytest

from consist.blobs import copying
from consist.blobs.copying import copy_hashed, filler
from consist.hashing.hasher import BLOCK, Hasher

DATA = os.urandom(11 * BLOCK + 5)


class SlowHasher(Hasher):
    def update(self, data):
        time.sleep(0.005)
        super().update(data)


def copied(data, *, wait=0.0):
    source, target = io.BytesIO(data), io.BytesIO()

    def write(piece):
        time.sleep(wait)
        target.write(piece)

    hashed = copy_hashed(filler(source), write)
    assert target.getvalue() == data
    return hashed


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 4 * BLOCK, 5 * BLOCK, len(DATA)])
def test_digest_and_size_of_what_was_written(size):
    data = DATA[:size]
    assert copied(data).digest.raw == blake3.blake3(data).digest()
    assert copied(data).size == size


def test_a_buffer_is_not_filled_again_before_it_was_hashed(monkeypatch):
    monkeypatch.setattr(copying, "Hasher", SlowHasher)
    assert copied(DATA).digest.raw == blake3.blake3(DATA).digest()


def test_writing_may_be_the_slower_one():
    assert copied(DATA, wait=0.005).digest.raw == blake3.blake3(DATA).digest()


def test_what_goes_wrong_in_hashing_is_not_lost(monkeypatch):
    class Failing(Hasher):
        def update(self, data):
            if self.result().size >= 10 * BLOCK:
                raise MemoryError("no room")
            super().update(data)

    monkeypatch.setattr(copying, "Hasher", Failing)
    with pytest.raises(MemoryError, match="no room"):
        copied(DATA)
