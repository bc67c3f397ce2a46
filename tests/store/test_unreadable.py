"""An object that cannot be read is a finding, as if it were damaged, and the others are looked at all the same."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path

import pytest

from consist import Tracker, errors
from consist.store.put import put_folder
from consist.store.rebuild import rebuild
from consist.store.verify import verify
from tests.harm import harmed, refuse_to_read

MIB = 1 << 20
FIRST = {"value": 1}


def make(value):
    return {"small": value, "blob": bytes([value]) * 40_000, "large": random.Random(value).randbytes(3 * MIB)}  # noqa: S311


@pytest.fixture
def filled(tmp_path):
    """A tracker, still open, whose store has every kind of object."""
    with Tracker(run_dir=tmp_path / "runs", db_path=tmp_path / "index.lmdb", durable=False) as tracker:
        for value in (1, 2, 1):
            tracker.run(make, config={"value": value})
        folder = tmp_path / "folder"
        folder.mkdir()
        (folder / "file").write_bytes(b"content" * 1000)
        put_folder(tracker.store, str(folder), "folder", machine={})
        tracker.store.events.flush()
        yield tracker


@pytest.fixture
def paths(by_hand, filled):
    """Return where each object lies, by its key."""
    place = filled.store.backend.url
    left_out = {"CACHEDIR.TAG", "consist.json"}
    found = {key: Path(place, key) for key in sorted(by_hand.objects(place)) if key not in left_out}
    assert areas(found) == {"blobs", "packs", "manifests", "results", "runs", "log", "latest"}
    return found


def areas(keys):
    return {key.partition("/")[0] for key in keys}


def of_area(paths, area):
    return next(path for key, path in paths.items() if key.startswith(f"{area}/"))


def problems(verified):
    """Return all that was said, of what is needed and of what only helps."""
    return {finding.key: finding.problem for finding in (*verified.findings, *verified.unneeded)}


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES])
def test_each_object_that_cannot_be_read_is_found_beside_one_that_is_damaged(
    by_hand, filled, paths, monkeypatch, number
):
    bad = next(key for key in reversed(paths) if key.startswith("latest/"))
    by_hand.overwrite(paths[bad], harmed(paths[bad].read_bytes()))
    for key, path in paths.items():
        if key == bad:
            continue
        with monkeypatch.context() as patch:
            refuse_to_read(patch, path, number=number)
            found = problems(verify(filled.store, read_data=1))
        assert found.keys() == {key, bad}
        assert os.strerror(number) in found[key]
    assert problems(verify(filled.store, read_data=1)).keys() == {bad}
    assert not list(filled.store.blobs.suspects)


def test_the_outputs_that_need_what_cannot_be_read_are_named(filled, paths, monkeypatch):
    for area in ("packs", "manifests", "blobs"):
        with monkeypatch.context() as patch:
            refuse_to_read(patch, of_area(paths, area))
            (said,) = problems(verify(filled.store, read_data=1)).values()
            assert "needed for" in said


@pytest.mark.parametrize("area", ["blobs", "packs", "manifests"])
def test_content_that_the_medium_lost_is_computed_again_once_that_was_found(filled, paths, monkeypatch, area):
    for path in [path for key, path in paths.items() if key.startswith(f"{area}/")]:
        refuse_to_read(monkeypatch, path)
    verify(filled.store, read_data=1)
    with pytest.warns(errors.DamagedWarning, match="computed again"):
        again = filled.run(make, config=FIRST)
    assert not again.cache_hit
    monkeypatch.undo()
    assert problems(verify(filled.store, read_data=1)) == {}
    assert filled.run(make, config=FIRST).cache_hit


def test_what_may_not_be_read_is_not_taken_for_lost(filled, paths, monkeypatch):
    with monkeypatch.context() as patch:
        refuse_to_read(patch, *paths.values(), number=errno.EACCES)
        found = problems(verify(filled.store, read_data=1))
    assert areas(found) == areas(paths)
    assert all("give yourself the rights" in said for said in found.values())
    assert not list(filled.store.blobs.suspects)
    assert filled.run(make, config=FIRST).cache_hit


def test_of_a_pack_with_a_bad_sector_the_other_chunks_are_read(filled, paths, monkeypatch):
    pack = of_area(paths, "packs")
    pread, opened = os.pread, os.open(pack, os.O_RDONLY)
    bad = os.fstat(opened)

    def broken(descriptor, length, start):
        if os.path.samestat(os.fstat(descriptor), bad) and start <= MIB < start + length:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return pread(descriptor, length, start)

    monkeypatch.setattr(os, "pread", broken)
    found = problems(verify(filled.store, read_data=1))
    os.close(opened)
    assert found.keys() == {f"packs/{pack.parent.name}/{pack.name}"}
    (said,) = found.values()
    assert "1 of its chunks" in said
    assert os.strerror(errno.EIO) in said


@pytest.mark.parametrize("number", [errno.ENOTCONN, errno.ESTALE])
def test_a_place_that_does_not_answer_ends_it(filled, paths, monkeypatch, number):
    refuse_to_read(monkeypatch, of_area(paths, "blobs"), of_area(paths, "runs"), number=number)
    with pytest.raises(errors.UnreachableError):
        verify(filled.store, read_data=1)
    with pytest.raises(errors.UnreachableError):
        rebuild(filled.store)


def test_a_rebuild_leaves_out_what_cannot_be_read_and_it_never_knew(filled, paths, monkeypatch):
    whole = rebuild(filled.store)
    for area in ("results", "runs", "log", "manifests"):
        filled.store.index.clear()
        with monkeypatch.context() as patch:
            refuse_to_read(patch, of_area(paths, area))
            said = f"{area}/.* is left out of the index: .*{os.strerror(errno.EIO)}"
            with pytest.warns(errors.DamagedWarning, match=said):
                found = rebuild(filled.store)
        assert found.damaged == 1
        assert whole.runs - found.runs == (area in {"results", "runs"})
        assert whole.batches - found.batches == (area == "log")


@pytest.mark.parametrize("area", ["runs", "log"])
def test_a_rebuild_writes_anew_what_the_medium_lost_and_it_knew(filled, paths, monkeypatch, area):
    whole = rebuild(filled.store)
    key, path = next((key, path) for key, path in paths.items() if key.startswith(f"{area}/"))
    refuse_to_read(monkeypatch, path)
    assert "`consist index rebuild` writes" in problems(verify(filled.store))[key]
    with pytest.warns(errors.DamagedWarning, match=f"{area}/.*{os.strerror(errno.EIO)}.* written anew"):
        found = rebuild(filled.store)
    assert (found.runs, found.batches, found.damaged, found.mended) == (whole.runs, whole.batches, 0, 1)
    assert problems(verify(filled.store)) == {}
    assert rebuild(filled.store) == whole


def test_a_put_writes_its_record_anew_that_the_medium_lost(filled, paths, monkeypatch, tmp_path):
    refuse_to_read(monkeypatch, of_area(paths, "runs"))
    put_folder(filled.store, str(tmp_path / "folder"), "folder", machine={})
    assert problems(verify(filled.store)) == {}


@pytest.mark.parametrize(("area", "number"), [("results", errno.EIO), ("runs", errno.EACCES)])
def test_a_rebuild_keeps_what_it_knew_of_what_cannot_be_read(filled, paths, monkeypatch, area, number):
    whole = rebuild(filled.store)
    path = of_area(paths, area)
    refuse_to_read(monkeypatch, path, number=number)
    said = f"{area}/.*{os.strerror(number)}.* cannot be written anew; the index keeps"
    with pytest.warns(errors.DamagedWarning, match=said):
        found = rebuild(filled.store)
    assert (found.runs, found.batches, found.damaged, found.mended) == (whole.runs, whole.batches, 1, 0)
    monkeypatch.undo()
    assert rebuild(filled.store) == whole


def test_a_rebuild_goes_on_past_a_pack_that_cannot_be_read(filled, paths, monkeypatch):
    for key, path in paths.items():
        if key.startswith("manifests/"):
            path.unlink()
    refuse_to_read(monkeypatch, of_area(paths, "packs"))
    assert rebuild(filled.store).damaged == 0
