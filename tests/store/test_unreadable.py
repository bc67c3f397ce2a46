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


@pytest.mark.parametrize("area", ["results", "runs", "log", "manifests"])
def test_a_rebuild_leaves_out_what_cannot_be_read(filled, paths, make_store, monkeypatch, area):
    whole = rebuild(filled.store)
    refuse_to_read(monkeypatch, of_area(paths, area))
    anew = make_store(filled.store.backend.url, db="anew.lmdb")
    with pytest.warns(errors.DamagedWarning, match=f"{area}/.* is left out of the index: .*{os.strerror(errno.EIO)}"):
        found = rebuild(anew)
    assert found.damaged == 1
    assert whole.runs - found.runs == (area in {"results", "runs"})
    assert whole.batches - found.batches == (area == "log")


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES])
@pytest.mark.parametrize("area", ["results", "runs", "log"])
def test_of_what_cannot_be_read_a_rebuild_keeps_what_the_index_had(filled, paths, monkeypatch, area, number):
    """What the medium lost is written anew but for what a signature leads to, which somebody may have replaced."""
    whole = rebuild(filled.store)
    refuse_to_read(monkeypatch, of_area(paths, area), number=number)
    is_written = number == errno.EIO and area != "results"
    if is_written:
        (said,) = problems(verify(filled.store)).values()
        assert "`consist index rebuild` writes" in said
    with pytest.warns(errors.DamagedWarning, match="written anew"):
        found = rebuild(filled.store)
    assert (found.runs, found.batches) == (whole.runs, whole.batches)
    assert (found.mended, found.damaged) == (is_written, not is_written)
    assert bool(problems(verify(filled.store))) != is_written


def test_a_rebuild_goes_on_past_a_pack_that_cannot_be_read(filled, paths, monkeypatch):
    for key, path in paths.items():
        if key.startswith("manifests/"):
            path.unlink()
    refuse_to_read(monkeypatch, of_area(paths, "packs"))
    assert rebuild(filled.store).damaged == 0
