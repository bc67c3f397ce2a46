"""Uploads in parts: the memory that they hand on, and what becomes of one that breaks off."""

import gc
import os
import weakref

import pytest
from faulty import Fault
from servers import BUCKET

from consist.blobs.remote import RemoteBackend
from consist.blobs.remote.parts import PART, Parts, Room, SharedRoom
from consist.blobs.spool import Spool
from consist.blobs.wrappers import Retrying
from consist.errors import UnreachableError

LARGE = 2 * PART + 1000


@pytest.fixture
def root():
    return f"parts/{os.urandom(8).hex()}"


@pytest.fixture
def impatient(root, ministack, proxy, driver):
    """The bare adapter, which asks once, by a proxy that can fail."""
    options = ministack.options(endpoint=proxy.endpoint, consist_driver=driver)
    return RemoteBackend(f"s3://{BUCKET}/{root}", options, memory={})


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 3 * PART])
@pytest.mark.parametrize("step", [PART // 3, 2 * PART + 5])
def test_bytes_are_cut_into_parts_whatever_they_come_in(size, step):
    data = os.urandom(size)
    parts = Parts(Room())
    for start in range(0, size, step):
        parts.write(memoryview(data)[start : start + step])
    assert parts.size == size
    assert b"".join(parts.pieces()) == data
    assert {len(piece) for piece in parts.pieces()[:-1]} <= {PART}


def test_memory_is_handed_on_only_if_nobody_may_read_it():
    room = Room()
    first, second, third = Parts(room), Parts(room), Parts(room)
    first.write(b"first")
    (memory,) = first._pieces
    first.close(again=True)
    second.write(b"second")
    assert second._pieces[0] is memory
    assert second.pieces() == [b"second"]
    second.close(again=False)
    third.write(b"third")
    assert third._pieces[0] is not memory


def test_the_room_is_shared_while_there_are_uploads_and_goes_with_the_last():
    shared = SharedRoom()
    first, second = Parts(shared.get()), Parts(shared.get())
    assert first._room is second._room
    gone = weakref.ref(first._room)
    del first
    gc.collect()
    assert shared.get() is gone()
    del second
    gc.collect()
    assert gone() is None
    assert shared.get() is not None


def test_what_moves_to_a_file_leaves_its_memory_to_others():
    room = Room()
    spool = Spool(in_memory=10, memory=Parts(room))
    spool.write(b"12345")
    spool.write(b"6789012345")
    with open(spool.path, "rb") as stream:  # noqa: PTH123
        assert stream.read() == b"123456789012345"
    assert len(room._free) == 1
    spool.close()


def test_a_pack_has_the_memory_of_the_one_before_unless_its_request_failed(impatient, proxy, ministack, root):
    """A request that was given up may go on sending: it would send the next pack under the name of this one."""
    with impatient.upload() as kept:
        kept.write(b"x")
        room = kept._spool._memory._room
        for fails in (False, True):
            with impatient.upload() as upload:
                upload.write(os.urandom(LARGE))
                memory = [id(piece) for piece in upload._spool._memory._pieces]
                if fails:
                    proxy.faults.append(Fault("PUT", None))
                    with pytest.raises(UnreachableError):
                        upload.publish("packs/1")
                upload.publish("packs/1")
            assert bool({*memory} & {id(piece) for piece in room._free}) is not fails
            room._free.clear()
    assert len(ministack.read(f"{root}/packs/1")) == LARGE


@pytest.mark.parametrize("lost", ["", "uploadId", "partNumber=2"])
def test_an_upload_that_breaks_off_leaves_no_parts_and_is_sent_again(impatient, proxy, ministack, root, lost):
    data = os.urandom(LARGE)
    method = "POST" if lost != "partNumber=2" else "PUT"
    proxy.faults.append(Fault(method, 500, "InternalError", path=lost))
    with impatient.upload() as upload:
        upload.write(data)
        with pytest.raises(UnreachableError, match="packs/1"):
            upload.publish("packs/1")
        assert not proxy.faults or proxy.faults[0].times == 0
        left = ministack.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        assert not [found for found in left if found["Key"].startswith(root)]
        upload.publish("packs/1")
    assert ministack.read(f"{root}/packs/1") == data


def test_a_part_that_fails_is_tried_again_by_who_has_patience(impatient, proxy, ministack, root):
    data = os.urandom(LARGE)
    proxy.faults.append(Fault("PUT", 503, "SlowDown", path="partNumber=2", times=2))
    with Retrying(impatient).upload() as upload:
        upload.write(data)
        upload.publish("packs/1")
    assert ministack.read(f"{root}/packs/1") == data


def test_a_large_file_is_sent_in_parts(impatient, ministack, root):
    data = os.urandom(LARGE)
    with impatient.upload() as upload:
        upload._spool._in_memory = 1000
        upload.write(data)
        assert upload._spool.path is not None
        upload.publish("packs/1")
    assert ministack.read(f"{root}/packs/1") == data
    head = ministack.client.head_object(Bucket=BUCKET, Key=f"{root}/packs/1")
    assert head["ETag"].endswith('-3"'), "in three parts"
