"""A writer or reader of folders is killed between any two of its file operations.

What is promised, and looked at in the bare files by the words of docs/format.md:

1. A put: every object is a whole blob, and the tree is there only if all its files are.
2. A run that returns a folder: a record that can be seen names a tree that is there, with all its files; the next
   call is a hit exactly if there is such a record.
3. A restore: the target is as it was, or whole. Replacing a folder, it may also be gone, and is whole beside its name.
"""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
from pathlib import Path

import msgpack
import pytest
from blake3 import blake3

from consist import Tracker
from consist.blobs.blobstore import BlobStore
from consist.blobs.opening import open_backend
from consist.blobs.treeget import restore_tree
from consist.blobs.treeput import put_tree
from consist.testing import faults

FILES = {"a.txt": b"a" * 5000, "sub/b.txt": b"b", "sub/deep/c.bin": b"c" * (900 << 10)}
OLD = {"old/x": b"x", "y": b"y"}


def fill(folder, files):
    for name, data in files.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


@pytest.fixture
def work():
    """A folder in memory, where a sync costs nothing."""
    folder = tempfile.mkdtemp(prefix="consist-crash-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    yield Path(folder)
    shutil.rmtree(folder)


def blobs_in(store: Path) -> dict[bytes, bytes]:
    """Return the blobs of a store by digest, each of them whole."""
    found = {}
    for path in store.glob("blobs/*/*"):
        data = path.read_bytes()
        found[bytes.fromhex(path.parent.name + path.name)] = data
        assert blake3(data).hexdigest() == path.parent.name + path.name
    return found


def check_tree(data: bytes, blobs: dict[bytes, bytes], files: dict[str, bytes]) -> None:
    version, entries = msgpack.unpackb(data)
    assert version == 0
    assert {path: blobs[digest] for path, _, _, digest in entries} == files


def every_kill(call, prepare):
    """Kill a call at each operation, in a fresh folder each; yield what it worked on."""
    points = faults.every_state(lambda: call(prepare("clean")))
    assert len(points) >= 10
    for at, moment in points:
        place = prepare(f"{at}-{moment}")
        assert faults.run_killed(lambda place=place: call(place), at=at, moment=moment)
        yield place
        shutil.rmtree(place)


def test_a_killed_put_leaves_whole_files_and_a_tree_only_after_all_of_them(work):
    fill(work / "made", FILES)

    def put(place):
        return put_tree(BlobStore(open_backend(place / "store")), str(work / "made"))

    def prepare(name):
        (work / name).mkdir()
        return work / name

    expected = put(prepare("expected")).digest.raw
    seen = set()
    for place in every_kill(put, prepare):
        blobs = blobs_in(place / "store")
        if expected in blobs:
            check_tree(blobs.pop(expected), blobs, FILES)
            seen.add("tree")
        assert set(blobs.values()) <= set(FILES.values())
        seen.add(len(blobs))
        assert put(place).digest.raw == expected
    assert seen == {0, 1, 2, 3, "tree"}


def make():
    shutil.rmtree("made", ignore_errors=True)
    fill("made", FILES)
    return Path("made")


def test_a_killed_run_leaves_a_whole_folder_or_no_run(work, monkeypatch):
    monkeypatch.chdir(work)

    def run(place):
        os.chdir(place)
        with Tracker(run_dir="runs", db_path="index.lmdb") as tracker:
            result = tracker.run(make)
            shutil.rmtree("made", ignore_errors=True)
            loaded = content(result.outputs["value"].path)
        tracker.store.index.close()
        return result.cache_hit, loaded

    def prepare(name):
        (work / name).mkdir()
        return work / name

    run(prepare("first"))  # imports and identifies before anything is forked
    seen = set()
    for place in every_kill(run, prepare):
        records = list((place / "index.store").glob("results/*/*"))
        blobs = blobs_in(place / "index.store")
        for record in records:
            data = record.read_bytes()
            key_size, size = struct.unpack(">HI", data[6:12])
            (output,) = msgpack.unpackb(data[28 + key_size : 28 + key_size + size])[12]
            check_tree(blobs[output[1]], blobs, FILES)
        assert run(place) == (bool(records), FILES)
        seen.add(bool(records))
        os.chdir(work)
    assert seen == {True, False}


@pytest.mark.parametrize("there", [False, True])
def test_a_killed_restore_leaves_the_target_as_it_was_or_whole(work, there):
    fill(work / "made", FILES)
    blobs = BlobStore(open_backend(work / "store"))
    digest = put_tree(blobs, str(work / "made")).digest

    def restore(place):
        restore_tree(blobs, digest, str(place / "target"), force=there)

    def prepare(name):
        (work / name).mkdir()
        if there:
            fill(work / name / "target", OLD)
        return work / name

    seen = set()
    for place in every_kill(restore, prepare):
        names = {path.name for path in place.iterdir()}
        assert all(name == "target" or name.startswith(".consist-") for name in names)
        if "target" in names:
            found = content(place / "target")
            assert found in ([OLD, FILES] if there else [FILES])
            seen.add("new" if found == FILES else "old")
        else:
            seen.add("none")
            aside = [place / name for name in names if name.endswith(".old")]
            assert len(aside) == there
            assert all(content(each) == OLD for each in aside)
        restore_tree(blobs, digest, str(place / "target"), force=True)
        assert content(place / "target") == FILES
    assert seen == ({"none", "new", "old"} if there else {"none", "new"})
