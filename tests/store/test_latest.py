"""The newest large content of an output: found in the index, else by the store's own pointer, never believed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from consist import Tracker
from consist.store.latest import earlier_tree, earlier_version, note_latest
from consist.store.publish import publish
from consist.store.put import put_folder

MIB = 1 << 20


def made(store, by_hand, content, **fields):
    record = by_hand.record(store, signature=by_hand.signature(os.urandom(8).hex()), content=content, **fields)
    publish(store, record)
    return record


@pytest.fixture
def large():
    return os.urandom(2 * MIB)


def pointers(store):
    return sorted(path for path in Path(store.backend.url, "latest").rglob("*") if path.is_file())


def test_this_machine_knows_from_its_index(store, by_hand, large):
    assert earlier_version(store, "step", "out") is None
    made(store, by_hand, large, started=10)
    newer = made(store, by_hand, large[::-1], started=20)
    for path in pointers(store):
        path.unlink()
    assert earlier_version(store, "step", "out") == newer.outputs[0].digest
    assert earlier_version(store, "step", "other") is None
    assert earlier_version(store, "another", "out") is None


def test_a_version_of_another_machine_is_newer_than_what_the_index_knows(store, make_store, by_hand, large):
    made(store, by_hand, large)
    newer = made(make_store(db="another.lmdb"), by_hand, large[::-1])
    assert earlier_version(store, "step", "out") == newer.outputs[0].digest


def test_another_machine_asks_the_store(store, make_store, by_hand, large):
    first = made(store, by_hand, large)
    other = make_store(db="another.lmdb")
    assert earlier_version(other, "step", "out") == first.outputs[0].digest
    second = made(store, by_hand, large[::-1])
    assert earlier_version(make_store(db="a third.lmdb"), "step", "out") == second.outputs[0].digest
    assert len(pointers(store)) == 1


def test_the_pointer_is_as_the_format_says(store, by_hand, large):
    record = made(store, by_hand, large)
    (path,) = pointers(store)
    found = by_hand.unframe(path.read_bytes())
    assert (found.kind, found.fields) == (6, [0, record.outputs[0].digest.raw])
    assert found.key.hex() == path.parent.name + path.name


def test_small_content_has_none(store, by_hand):
    made(store, by_hand, b"x" * (MIB - 1))
    assert pointers(store) == []


@pytest.mark.parametrize("harm", [b"", b"CNST", None])
def test_a_pointer_that_cannot_be_read_is_none(store, make_store, by_hand, large, harm):
    made(store, by_hand, large)
    (path,) = pointers(store)
    by_hand.overwrite(path, path.read_bytes()[:-1] if harm is None else harm)
    assert earlier_version(make_store(db="another.lmdb"), "step", "out") is None


def test_a_pointer_that_cannot_be_written_is_no_error(store, by_hand, large):
    record = by_hand.record(store, signature=by_hand.signature(), content=large)
    Path(store.backend.url, "latest").write_bytes(b"in the way of the folder")
    note_latest(store, record)


def test_two_machines_share_chunks_though_neither_knows_the_other(tmp_path, monkeypatch):
    content = os.urandom(4 * MIB)

    def write(version):
        path = Path("out.bin").absolute()
        path.write_bytes(content[: 2 * MIB] + bytes([version]) * 100 + content[2 * MIB :])
        return path

    def stored():
        return sum(path.stat().st_size for path in (tmp_path / "shared" / "packs").rglob("*") if path.is_file())

    monkeypatch.chdir(tmp_path)
    sizes = []
    for version in range(3):
        with Tracker(db_path=f"machine{version}.lmdb", store="shared", durable=False) as tracker:
            result = tracker.run(write, config={"version": version})
            assert not result.cache_hit
            assert result.outputs["value"].read_bytes() == Path("out.bin").read_bytes()
            sizes.append(stored())
            tracker.store.index.close()
    assert sizes[0] > 4 * MIB
    assert sizes[2] - sizes[0] < 2 * 2 * MIB  # two chunks of at most 1 MiB changed, twice
    assert sizes[2] - sizes[0] < 0.75 * sizes[0]


def test_files_of_a_folder_share_chunks_with_the_files_of_their_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = os.urandom(8 * MIB)

    def write(version):
        folder = Path(f"made-{version}").absolute()
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "large.bin").write_bytes(os.urandom(len(content) // 100) + content[len(content) // 100 :])
        (folder / "small.txt").write_text(str(version))
        return folder

    sizes, earlier = [], None
    for version in range(3):
        with Tracker(db_path=f"machine{version}.lmdb", store="shared", durable=False) as tracker:
            assert earlier_tree(tracker.store, "write", "value") == earlier
            made = tracker.run(write, config={"version": version}).outputs["value"]
            earlier = earlier_tree(tracker.store, "write", "value")
            assert earlier == made.digest
            assert earlier_version(tracker.store, "write", "value") is None
            sizes.append(sum(path.stat().st_size for path in Path("shared/packs").rglob("*") if path.is_file()))
            tracker.store.index.close()
    assert sizes[0] > len(content)
    assert sizes[1] - sizes[0] < 0.2 * len(content)
    assert sizes[2] - sizes[1] < 0.2 * len(content)


def test_a_folder_that_was_put_is_known_too(make_store, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "large.bin").write_bytes(os.urandom(2 * MIB))
    record = put_folder(make_store(), str(tmp_path / "folder"), "folder", machine={})
    assert earlier_tree(make_store(db="another.lmdb"), "put", "folder") == record.outputs[0].digest


def test_a_folder_of_little_has_no_pointer(store, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "small.bin").write_bytes(b"x" * (MIB - 1))
    put_folder(store, str(tmp_path / "folder"), "folder", machine={})
    assert pointers(store) == []
