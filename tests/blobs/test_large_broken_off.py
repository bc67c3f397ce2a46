"""A put of large content that was broken off: what is published stays, and the next put goes on from there."""

import io
import random
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from consist.blobs import packing
from consist.errors import StorageFullError, UnreachableError
from consist.testing import Fault, FaultyBackend
from consist.testing.faultplan import ERROR, LOST, TORN, full
from tests.packpage import body_size, check_pack

pytestmark = pytest.mark.usefixtures("no_thread_left")

ROW = 45
"""Bytes of a pack's directory for a chunk."""


def noise(seed, size):
    return random.Random(seed).randbytes(size)  # noqa: S311 - any bytes that do not compress


def sent(backend):
    """Bytes that were published through a backend as packs."""
    return sum(call.sent for call in backend.calls if call.operation == "upload.publish")


class Broken(Exception):  # noqa: N818 - it stands for somebody else's
    pass


class Breaks(io.BytesIO):
    def __init__(self, data, at):
        super().__init__(data[:at])

    def readinto1(self, buffer):
        count = super().readinto1(buffer)
        if not count:
            raise Broken
        return count


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_put_whose_source_broke_off_goes_on_from_the_packs_that_are_there(place, small, share):
    data = noise(12, 200_000)
    backend = FaultyBackend(place.backend, [])
    blobs = small.store(backend)
    with pytest.raises(Broken):
        blobs.put_stream(Breaks(data, int(share * len(data))))
    before = body_size(place.packs())
    assert before >= share * len(data) - small.pack - 2 * small.window
    assert place.keys("manifests") == []
    published = sent(backend)
    put = blobs.put_stream(io.BytesIO(data))
    assert place.read(put.digest) == data
    assert body_size(place.packs()) == len(data), "no chunk was written twice"
    again = sent(backend) - published
    assert again - (len(data) - before) <= ROW * len(small.chunks(data)) + 100 * len(place.packs())


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("effect", [ERROR, LOST, TORN])
def test_a_put_whose_pack_failed_goes_on_from_those_before_it(place, small, page, effect, at):
    data = noise(13, 100_000)
    backend = FaultyBackend(place.backend, [Fault(effect, at, "upload.publish")])
    blobs = small.store(backend)
    with pytest.raises(UnreachableError):
        blobs.put_bytes(data)
    assert len(backend.struck) == 1
    assert place.keys("manifests") == []
    begun = [call.operation for call in backend.calls].count("upload.publish")
    put = blobs.put_bytes(data)
    again = [call.operation for call in backend.calls].count("upload.publish") - begun
    assert place.read(put.digest) == data
    assert body_size(place.packs()) == len(data)
    assert again == len(place.packs()) - (begun - 1)
    # The thread of the later of two packs may come first: then the fault is its, and not that of the one before.
    _, packs, _ = page.manifest_of(place.object(page.key_of("manifests", put.digest.raw)), put.digest.raw)
    failed = [page.key_of("packs", pack) for pack, _ in packs].index(backend.struck[0].keys[0])
    assert at + 1 <= begun <= failed + 2, "the next one may be on its way by then, and no further one"


class AtOnce(ThreadPoolExecutor):
    """Does all that it is given before it returns: as if its threads were always the faster ones."""

    def submit(self, *call, **named):
        done = super().submit(*call, **named)
        wait([done])
        return done


def test_no_pack_is_begun_after_a_later_one_failed_before_one_on_its_way(place, small, monkeypatch):
    monkeypatch.setattr(packing, "ThreadPoolExecutor", AtOnce)
    backend = FaultyBackend(place.backend, [Fault(ERROR, 1, "upload.publish")])
    with pytest.raises(UnreachableError):
        small.store(backend).put_bytes(noise(13, 100_000))
    assert [call.operation for call in backend.calls].count("upload.publish") == 2


def test_a_place_that_is_full_says_so_and_keeps_nothing_half(place, small):
    data = noise(14, 100_000)
    for operation in ("upload", "upload.write", "upload.publish", "create"):
        blobs = small.store(FaultyBackend(place.backend, [full(operation=operation)]))
        with pytest.raises(StorageFullError):
            blobs.put_bytes(data)
        assert place.keys("manifests") == []
    for key, pack in place.packs().items():
        check_pack(pack, bytes.fromhex(key.replace("/", "")[5:]))
