"""Damage is found wherever it is, named exactly, and nothing else is."""

from __future__ import annotations

import io
import os
import random

import pytest

from consist import CacheOptions, Tracker, errors
from consist.blobs.blobstore import BlobStore
from consist.blobs.manifest import Manifest, encode_manifest
from consist.hashing.hasher import hash_bytes
from consist.store.names import find_output, pieces_of
from consist.store.opening import open_store
from consist.store.put import put, put_folder
from consist.store.restore import restore
from consist.store.verify import verify
from consist.testing import Fault, FaultyBackend
from consist.testing.faultplan import FLIPPED
from tests.harm import harmed

BIG = 40_000
MIB = 1 << 20
OVERWRITE = CacheOptions(cache_mode="overwrite")


def make(value):
    return {"small": value, "large": bytes([value]) * BIG}


def fail():
    raise ValueError("no")


@pytest.fixture
def filled(tmp_path):
    """A small store with every kind of object: blobs, inline outputs, records of all kinds, two log batches."""
    with Tracker(run_dir=tmp_path / "runs", db_path=tmp_path / "index.lmdb", durable=False) as tracker:
        for value in (1, 2, 1):
            tracker.run(make, config={"value": value})
        tracker.run(make, config={"value": 2}, cache_options=OVERWRITE)
        with pytest.raises(ValueError, match="no"):
            tracker.run(fail)
    with tracker:
        tracker.run(make, config={"value": 1})
    yield tmp_path / "index.store"
    tracker.store.index.close()


@pytest.fixture
def check(tmp_path, filled):
    """Verify with a fresh index, so that nothing but the store can say what should be there."""
    opened = []

    def findings(*, read_data=True):
        opened.append(open_store(str(filled), str(tmp_path / f"fresh{len(opened)}.lmdb"), durable=False))
        return verify(opened[-1], read_data=read_data)

    yield findings
    for store in opened:
        store.index.close()


@pytest.fixture
def folder_of(tmp_path):
    def folder_of(content):
        folder = tmp_path / hash_bytes(content).short
        folder.mkdir()
        (folder / "file").write_bytes(content)
        return folder

    return folder_of


def harm(path):
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)


def named(verified) -> set[str]:
    return {finding.key for finding in verified.findings}


def objects(by_hand, store) -> list[str]:
    return sorted(key for key in by_hand.objects(store) if key != "CACHEDIR.TAG")


def areas(keys) -> set[str]:
    return {key.partition("/")[0] for key in keys}


def test_a_good_store_has_no_findings(by_hand, filled, check):
    keys = objects(by_hand, filled)
    assert areas(keys) == {"consist.json", "blobs", "results", "runs", "log"}
    found = check()
    assert found.findings == ()
    assert found.records == sum(key.startswith(("results/", "runs/")) for key in keys)
    blobs = [filled / key for key in keys if key.startswith("blobs/")]
    assert (found.blobs, found.bytes) == (len(blobs), sum(path.stat().st_size for path in blobs))


@pytest.mark.parametrize("way", ["first", "middle", "last"])
def test_a_flipped_bit_is_found_in_every_object(by_hand, filled, check, way):
    for key in objects(by_hand, filled):
        if key == "consist.json":
            continue
        good = (filled / key).read_bytes()
        at = {"first": 0, "middle": len(good) // 2, "last": len(good) - 1}[way]
        by_hand.overwrite(filled / key, good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :])
        assert named(check()) == {key}
        by_hand.overwrite(filled / key, good)
    assert check().findings == ()


@pytest.mark.parametrize("left", [0, 1, -1])
def test_a_truncation_is_found_in_every_object(by_hand, filled, check, left):
    for key in objects(by_hand, filled):
        if key == "consist.json":
            continue
        good = (filled / key).read_bytes()
        by_hand.overwrite(filled / key, good[:left])
        assert named(check()) == {key}
        by_hand.overwrite(filled / key, good)
    assert check().findings == ()


def test_bytes_appended_are_found_in_every_object(by_hand, filled, check):
    for key in objects(by_hand, filled):
        if key == "consist.json":
            continue
        good = (filled / key).read_bytes()
        by_hand.overwrite(filled / key, good + b"\0")
        assert named(check()) == {key}
        by_hand.overwrite(filled / key, good)


def test_a_blob_that_is_gone_is_found_and_each_run_that_needs_it_is_named(by_hand, filled, check):
    """A record or a batch that is gone nothing misses but an index that knew it (`test_expected.py`)."""
    whole = check()
    for key in objects(by_hand, filled):
        good = (filled / key).read_bytes()
        if key == "consist.json":
            continue
        (filled / key).unlink()
        found = check()
        if key.startswith("blobs/"):
            assert named(found) == {key}
            needing = {
                frame.fields[1]
                for other, data in by_hand.objects(filled).items()
                if other.startswith(("results/", "runs/"))
                for frame in [by_hand.unframe(data)]
                if any(f"blobs/{output[1].hex()[:2]}/{output[1].hex()[2:]}" == key for output in frame.fields[12])
            }
            assert needing
            assert all(any(run in finding.problem for finding in found.findings) for run in needing)
        else:
            assert found.findings == ()
            assert found.records == whole.records - key.startswith(("results/", "runs/"))
        (filled / key).write_bytes(good)


def test_any_two_objects_swapped_are_both_found(by_hand, filled, check):
    keys = [key for key in objects(by_hand, filled) if key != "consist.json"]
    for one, two in zip(keys, keys[1:] + keys[:1], strict=True):
        first, second = (filled / one).read_bytes(), (filled / two).read_bytes()
        by_hand.overwrite(filled / one, second)
        by_hand.overwrite(filled / two, first)
        assert named(check()) == {one, two}
        by_hand.overwrite(filled / one, first)
        by_hand.overwrite(filled / two, second)


def test_without_reading_data_sizes_and_all_records_are_checked(by_hand, filled, check):
    blobs = [key for key in objects(by_hand, filled) if key.startswith("blobs/")]
    good = (filled / blobs[0]).read_bytes()
    by_hand.overwrite(filled / blobs[0], harmed(good))
    assert check(read_data=False).findings == ()
    by_hand.overwrite(filled / blobs[0], good[:-1])
    assert named(check(read_data=False)) == {blobs[0]}
    by_hand.overwrite(filled / blobs[0], good)
    record = next(key for key in objects(by_hand, filled) if key.startswith("results/"))
    by_hand.overwrite(filled / record, (filled / record).read_bytes()[:-1])
    assert named(check(read_data=False)) == {record}


def test_left_overs_and_orphans_are_no_damage(by_hand, filled, check):
    (filled / "tmp/0123456789abcdef").write_bytes(b"half wri")
    (filled / "tmp-0123").mkdir()
    (filled / "locks").mkdir(exist_ok=True)
    (filled / "locks" / ("ab" * 32)).touch()
    (filled / "lock").touch()
    (filled / "of-tomorrow").mkdir()
    (filled / "of-tomorrow/thing").write_bytes(b"?")
    digest = by_hand.digest(b"orphan")
    orphan = filled / "blobs" / digest.raw.hex()[:2]
    orphan.mkdir(exist_ok=True)
    (orphan / digest.raw.hex()[2:]).write_bytes(b"orphan")
    assert check().findings == ()


@pytest.mark.parametrize("key", ["blobs/notes.txt", "results/ab/short", "runs/not a run", "log/2026-01-01/no batch"])
def test_what_is_foreign_where_objects_lie_is_named(filled, check, key):
    path = filled / key
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"mine")
    assert named(check()) == {key}


def test_a_damaged_config_is_named_while_the_store_is_open(by_hand, filled, tmp_path):
    store = open_store(str(filled), str(tmp_path / "another.lmdb"), durable=False)
    good = (filled / "consist.json").read_bytes()
    for spoilt in (
        b"",
        good[:-3],
        good.replace(b'"private"', b'"group"'),
        good.replace(b'"format": 0', b'"format": 9'),
    ):
        by_hand.overwrite(filled / "consist.json", spoilt)
        assert named(verify(store)) == {"consist.json"}
    (filled / "consist.json").unlink()
    assert named(verify(store)) == {"consist.json"}
    (filled / "consist.json").write_bytes(good)
    assert verify(store).findings == ()
    store.index.close()


def test_an_inline_output_that_is_not_its_digest_is_named(store, by_hand):
    from dataclasses import replace

    from consist.store.publish import publish

    record = by_hand.record(signature=by_hand.signature(), inline=b"small")
    wrong = replace(record.outputs[0], inline=b"smell")
    publish(store, replace(record, outputs=(wrong,)))
    (finding,) = verify(store).findings
    assert finding.key.startswith("results/")
    assert "the inline output 'out' does not match its digest" in finding.problem


def test_damage_is_told_by_the_outputs_that_need_it(filled, check, tmp_path, folder_of):
    with Tracker(run_dir=tmp_path / "runs", db_path=tmp_path / "index.lmdb", durable=False) as tracker:
        run = tracker.run(make, config={"value": 9})
        big = put(tracker.store, io.BytesIO(random.Random(1).randbytes(3 << 20)), "big", machine={})  # noqa: S311 - no secret
        tree = put_folder(tracker.store, str(folder_of(b"y" * 50_000)), "tree", machine={})
        needed = {
            run.outputs["large"].digest: f"output 'large' of run {run.run.id} (step make)",
            hash_bytes(b"y" * 50_000): f"'file' of output 'tree' of run {tree.id} (step put)",
        }
    for digest in needed:
        harm(filled / "blobs" / digest.hex[:2] / digest.hex[2:])
    (pack,) = (path for path in filled.rglob("packs/*/*") if path.is_file())
    harm(pack)
    needed[pack.parent.name + pack.name] = f"output 'big' of run {big.id} (step put)"
    problems = {finding.key.partition("/")[2].replace("/", ""): finding.problem for finding in check().findings}
    assert len(problems) == len(needed)
    for digest, who in needed.items():
        assert problems[getattr(digest, "hex", digest)].endswith(f"; needed for {who}")


@pytest.mark.parametrize("size", [50_000, 3 << 20])
@pytest.mark.parametrize("then", ["gone", "short"])
def test_a_file_of_a_folder_that_was_suspected_before_is_still_named(tmp_path, store, folder_of, size, then):
    content = random.Random(size).randbytes(size)  # noqa: S311 - any bytes that do not compress
    put_folder(store, str(folder_of(content)), "tree", machine={})
    digest = hash_bytes(content)
    area = "manifests" if size > MIB else "blobs"
    path = tmp_path / "store" / area / digest.hex[:2] / digest.hex[2:]
    store.blobs.suspects.add(digest)  # as a reader does who came upon it
    if then == "gone":
        path.unlink()
    else:
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:100])
    for read_data in (False, True):
        (finding,) = verify(store, read_data=read_data).findings
        assert finding.key == f"{area}/{digest.hex[:2]}/{digest.hex[2:]}"


def test_what_is_found_heals_by_running_again(by_hand, filled, tmp_path):
    tracker = Tracker(run_dir=tmp_path / "runs", db_path=tmp_path / "index.lmdb", durable=False)
    blobs = [key for key in objects(by_hand, filled) if key.startswith("blobs/")]
    for key in blobs:
        good = (filled / key).read_bytes()
        by_hand.overwrite(filled / key, harmed(good))
    assert named(verify(tracker.store, read_data=True)) == set(blobs)
    for value in (1, 2):
        with pytest.warns(errors.DamagedWarning, match="output 'large' was found damaged; it is computed again"):
            assert not tracker.run(make, config={"value": value}).cache_hit
        assert tracker.run(make, config={"value": value}).value == make(value)
    assert verify(tracker.store, read_data=True).findings == ()
    tracker.close()


def test_of_blobs_that_share_a_pack_only_those_are_named_that_need_what_is_damaged(by_hand, store, tmp_path):
    root = tmp_path / "store"
    content = random.Random(8).randbytes(3 << 20)  # noqa: S311 - any bytes that do not compress
    older = store.blobs.put_bytes(content).digest
    (pack,) = [key for key in by_hand.objects(root) if key.startswith("packs/")]
    newer = store.blobs.put_bytes(b"?" * (2 << 20) + content[2 << 20 :]).digest  # it needs the end of the pack
    good = (root / pack).read_bytes()

    def problem(position):
        by_hand.overwrite(root / pack, good[:position] + b"?!" + good[position + 2 :])
        store.blobs.suspects.clear()
        (finding,) = verify(store, read_data=1).findings
        assert finding.key == pack
        return finding.problem

    what = "its bytes are not what its name says: 1 of its chunks"
    assert problem(0) == f"{what}; needed by blob {older.short}"
    assert newer not in store.blobs.suspects
    assert older in store.blobs.suspects
    assert problem((3 << 20) - 100).startswith(f"{what}; needed by blobs ")
    assert {older, newer} <= {*store.blobs.suspects}
    assert problem(len(good) - 9).startswith("its directory is not what its name says; needed by blobs ")


def test_verifying_changes_nothing(by_hand, filled, check):
    blob = next(key for key in objects(by_hand, filled) if key.startswith("blobs/"))
    by_hand.overwrite(filled / blob, b"?")
    before = by_hand.objects(filled)
    assert check().findings
    assert by_hand.objects(filled) == before


@pytest.mark.parametrize("share", [1, 1e-9])
def test_what_only_its_way_here_spoiled_is_suspected_no_more(store, by_hand, share):
    large, other = (store.blobs.put_bytes(os.urandom(2 << 20)).digest for _ in range(2))
    flip = FaultyBackend(store.backend, [Fault(FLIPPED, operation="get_ranges")])
    reader = BlobStore(flip, suspects=store.blobs.suspects)
    with reader.open(large) as stream, pytest.raises(errors.DamagedError):
        stream.read()
    (pack,) = (ref.name for ref in store.blobs.large.manifest(large).packs)
    assert set(store.blobs.suspects) == {large, pack}
    assert verify(store).findings == ()
    assert set(store.blobs.suspects) == {large, pack}, "nothing was read"
    assert verify(store, read_data=share).findings == ()
    assert set(store.blobs.suspects) == set()
    store.blobs.suspects.add(other)
    (ref,) = store.blobs.large.manifest(other).packs
    by_hand.overwrite(store.backend.path_of(ref.key), bytes(ref.size))
    assert len(verify(store, read_data=share).findings) == 1
    assert other in store.blobs.suspects


@pytest.fixture
def forged(tmp_path):
    """A store whose manifest of one blob lists the chunks of another: each is right, the whole is not."""
    store = open_store(str(tmp_path / "store"), str(tmp_path / "index.lmdb"), durable=False)
    right, other = os.urandom(2 << 20), os.urandom(2 << 20)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "big").write_bytes(right)
    put(store, io.BytesIO(right), "file", machine={})
    put_folder(store, str(tmp_path / "folder"), "folder", machine={})
    real = store.blobs.large.manifest(store.blobs.put_bytes(other).digest)
    wrong = Manifest(hash_bytes(right), real.size, real.packs, real.chunks, real.starts)
    path = tmp_path / "store" / wrong.key
    path.chmod(0o600)
    path.write_bytes(encode_manifest(wrong))
    yield store, wrong
    store.index.close()


@pytest.mark.parametrize("name", ["file", "folder"])
def test_nothing_is_restored_by_a_manifest_that_makes_another_content(forged, tmp_path, name):
    store, wrong = forged
    with pytest.raises(errors.DamagedError, match=wrong.digest.short):
        restore(store, find_output(store, f"steps/put/{name}"), str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".consist")]


def test_a_manifest_that_lists_other_chunks_than_the_run_recorded_is_found(forged):
    store, wrong = forged
    assert named(verify(store, read_data=False)) == {wrong.key}
    assert wrong.digest in store.blobs.suspects


def test_what_is_handed_out_at_once_is_compared_at_the_end(forged):
    store, wrong = forged
    with pytest.raises(errors.DamagedError, match=wrong.digest.short):
        list(pieces_of(store, find_output(store, "steps/put/file")))
