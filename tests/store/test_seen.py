"""What takes long tells how far it has come: all bytes, once each, and on the way rather than at the end."""

from __future__ import annotations

import io
import random

import pytest

from consist.store.names import find_output
from consist.store.put import put, put_folder
from consist.store.rebuild import rebuild
from consist.store.restore import restore
from consist.store.verify import verify

MIB = 1 << 20
BODY = random.Random(1).randbytes(20 * MIB)  # noqa: S311 - bytes that do not compress


@pytest.fixture(params=["folder", "memory"])
def place(request, make_store, tmp_path):
    return make_store("store" if request.param == "folder" else f"memory://seen-{tmp_path.name}")


def test_a_put_and_a_restore_tell_every_byte_on_the_way(place, tmp_path):
    told = []
    run = put(place, io.BytesIO(BODY), "body", machine={}, seen=told.append)
    assert sum(told) == len(BODY)
    assert max(told) <= 4 * MIB
    told.clear()
    restore(place, find_output(place, f"runs/{run.id}/body"), str(tmp_path / "again"), seen=told.append)
    assert sum(told) == len(BODY)
    assert max(told) <= 4 * MIB
    assert (tmp_path / "again").read_bytes() == BODY


def test_a_folder_tells_every_byte(place, tmp_path):
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "body").write_bytes(BODY)
    (folder / "small").write_bytes(b"small")
    told = []
    run = put_folder(place, str(folder), "folder", machine={}, seen=told.append)
    assert sum(told) == len(BODY) + 5
    assert max(told) <= 4 * MIB
    told.clear()
    restore(place, find_output(place, f"runs/{run.id}/folder"), str(tmp_path / "again"), seen=told.append)
    assert sum(told) == len(BODY) + 5
    assert max(told) <= 4 * MIB


def test_a_small_content_is_told_too(place):
    told = []
    put(place, io.BytesIO(b"small"), "small", machine={}, seen=told.append)
    assert sum(told) == 5


def test_verify_tells_what_it_may_read_and_a_rebuild_every_record(place):
    for number in range(3):
        put(place, io.BytesIO(b"%d" % number * 5000), f"name-{number}", machine={})
    told = []
    assert verify(place, read_data=1.0, seen=told.append).bytes == sum(told) == 15_000
    told.clear()
    assert rebuild(place, seen=told.append).runs == 3
    assert sum(told) == 3 + sum(1 for _ in place.backend.list("log"))
