"""Copying and hashing at once: the digest is of what was written, whoever of the two threads is slower."""

import io
import os
import threading

import blake3
import pytest

from consist.blobs import copying
from consist.blobs.copying import copy_hashed, filler
from consist.hashing.hasher import BLOCK, Hasher

DATA = os.urandom(11 * BLOCK + 5)


def copied(data, read=None, write=int):
    """Copy; `write` is told of each piece that was written."""
    source, target = io.BytesIO(data), io.BytesIO()
    hashed = copy_hashed(read or filler(source), lambda piece: write(target.write(piece)))
    assert target.getvalue() == data
    return hashed


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 4 * BLOCK, 5 * BLOCK, len(DATA)])
def test_digest_and_size_of_what_was_written(size):
    data = DATA[:size]
    assert copied(data).digest.raw == blake3.blake3(data).digest()
    assert copied(data).size == size


def test_a_buffer_is_not_filled_again_before_it_was_hashed(monkeypatch):
    """Hashing stands still until the reader has filled all the buffers that it may without it."""
    go_on = threading.Semaphore(0)

    class Waiting(Hasher):
        def update(self, data):
            if self.result().size:  # the first piece is hashed by the thread that reads
                assert go_on.acquire(timeout=30)
            super().update(data)

    fill, filled = filler(io.BytesIO(DATA)), []

    def read(room):
        filled.append(fill(room))
        if len(filled) > copying._BUFFERS:
            go_on.release()
        if not filled[-1]:
            go_on.release(copying._BUFFERS)
        return filled[-1]

    monkeypatch.setattr(copying, "Hasher", Waiting)
    assert copied(DATA, read).digest.raw == blake3.blake3(DATA).digest()


def test_writing_may_be_the_slower_one(monkeypatch):
    """Each piece is hashed before the next one is written."""
    hashed = threading.Semaphore(0)

    class Telling(Hasher):
        def update(self, data):
            super().update(data)
            hashed.release()

    pieces = []

    def write(size):
        assert not pieces or hashed.acquire(timeout=30)
        pieces.append(size)

    monkeypatch.setattr(copying, "Hasher", Telling)
    assert copied(DATA, write=write).digest.raw == blake3.blake3(DATA).digest()


def test_what_goes_wrong_in_hashing_is_not_lost(monkeypatch):
    class Failing(Hasher):
        def update(self, data):
            if self.result().size >= 10 * BLOCK:
                raise MemoryError("no room")
            super().update(data)

    monkeypatch.setattr(copying, "Hasher", Failing)
    with pytest.raises(MemoryError, match="no room"):
        copied(DATA)
