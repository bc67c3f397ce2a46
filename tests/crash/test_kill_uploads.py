"""A put of many packs is killed between any two of its file operations, and goes on from the packs that are there.

What is promised, and looked at in the bare files:

1. Every pack is whole, and no manifest names the content before all of its packs are there.
2. The next put writes what is missing and nothing else. Of the packs that are there it makes at most two again: those
   that were on their way at once, and whose writer died before it could enter them in the chunk table. With an index
   made anew from the store it makes none again.
3. In the end the store has the packs and the manifest that a put leaves which nobody disturbed.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from pathlib import Path

import pytest
from blake3 import blake3

from consist.blobs import large, packing
from consist.blobs.blobstore import BlobStore
from consist.blobs.local import LocalBackend
from consist.hashing.chunker import Chunking
from consist.hashing.digest import Digest
from consist.store.opening import open_store
from consist.store.rebuild import rebuild
from consist.testing import FaultyBackend, faults
from tests.packpage import check_pack

PACK = 256 << 10
CONTENT = random.Random(5).randbytes(6 * PACK)  # noqa: S311 - any bytes that do not compress


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(packing, "PACK_SIZE", PACK)
    monkeypatch.setattr(large, "WINDOW", PACK // 4)


@pytest.fixture
def new_folder():
    """Give out folders in memory, where a sync costs nothing."""
    above = tempfile.mkdtemp(prefix="consist-crash-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    yield lambda: Path(tempfile.mkdtemp(dir=above))
    shutil.rmtree(above)


class Put:
    """A store and its index; what a put does there is counted."""

    def __init__(self, folder: Path) -> None:
        self.store = open_store(str(folder / "store"), str(folder / "index.lmdb"))
        self.backend = FaultyBackend(self.store.backend, [])
        chunking = Chunking(min=4 << 10, average=16 << 10, max=32 << 10)
        self.blobs = BlobStore(self.backend, table=self.store.index.chunks, chunking=chunking, compression="none")

    def all(self) -> int:
        """Put everything; return how many packs were begun."""
        assert self.blobs.put_bytes(CONTENT).digest.hex == blake3(CONTENT).hexdigest()
        self.store.index.close()
        return sum(call.operation == "upload" for call in self.backend.calls)


def objects(folder: Path, area: str) -> set[str]:
    return {str(path.relative_to(folder / "store")) for path in (folder / "store" / area).glob("*/*")}


def whole_packs(folder: Path) -> set[str]:
    """Name the packs of a store, each of which is what it is called."""
    packs = objects(folder, "packs")
    for key in packs:
        check_pack((folder / "store" / key).read_bytes(), bytes.fromhex(key.partition("/")[2].replace("/", "")))
    return packs


def killed_puts(new_folder, clean):
    """Kill a put at each operation, in a folder each; yield the folder and the packs that are there."""
    points = faults.every_state(lambda: Put(new_folder()).all())
    assert len(points) > 50
    for at, moment in points:
        folder = new_folder()
        assert faults.run_killed(lambda folder=folder: Put(folder).all(), at=at, moment=moment)
        packs = whole_packs(folder)
        assert packs <= clean
        assert not objects(folder, "manifests") or packs == clean
        yield folder, packs
        shutil.rmtree(folder)


@pytest.fixture
def clean(new_folder):
    """The packs that a put leaves which nobody disturbs."""
    folder = new_folder()
    begun = Put(folder).all()
    packs = whole_packs(folder)
    assert len(packs) == begun >= 5
    return packs


def check_end(folder: Path, clean) -> None:
    assert whole_packs(folder) == clean
    assert len(objects(folder, "manifests")) == 1
    blobs = BlobStore(LocalBackend(str(folder / "store")))
    assert blobs.read(Digest.parse(blake3(CONTENT).hexdigest())) == CONTENT


def test_the_next_put_goes_on_from_the_packs_that_are_there(new_folder, clean):
    """With the index that the dead writer left; and, once for each number of packs, with one made anew."""
    seen, anew = set(), set()
    for folder, packs in killed_puts(new_folder, clean):
        missing = len(clean) - len(packs)
        if packs and len(packs) not in anew:
            anew.add(len(packs))
            check_with_a_new_index(shutil.copytree(folder, new_folder(), dirs_exist_ok=True), clean, missing)
        again = Put(folder).all() - missing
        assert again in {0, 1, 2}
        seen.add((len(packs), again))
        check_end(folder, clean)
    assert {there for there, _ in seen} == {*range(len(clean) + 1)}, "it was killed after each of the packs"
    assert {again for _, again in seen} >= {0, 1}, "it was killed before it entered a pack in the table, and after"
    assert anew == {*range(1, len(clean) + 1)}


def check_with_a_new_index(folder: Path, clean, missing) -> None:
    """Check that no pack is made again."""
    for path in folder.glob("index.lmdb*"):
        path.unlink()
    put = Put(folder)
    rebuild(put.store)
    assert put.all() == missing
    check_end(folder, clean)
