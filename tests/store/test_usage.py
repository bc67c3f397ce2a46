"""Logical, unique and stored bytes are what a count on the disk, and of the manifests' own rows, says."""

from __future__ import annotations

import io
import random
import struct
from pathlib import Path

import msgpack
import pytest

from consist import errors
from consist.store.publish import keep
from consist.store.put import put, put_folder
from consist.store.usage import stored_bytes, usage
from tests.harm import harmed

MIB = 1 << 20
SIZE = 6 * MIB
_CHUNK = struct.Struct(">32sBIIII")  # docs/format.md: digest, encoding, pack, offset, stored, raw

AREAS = {"blobs": "blobs", "packs": "packs", "manifests": "manifests", "results": "records", "runs": "records"}


def noise(seed, size=SIZE):
    return random.Random(seed).randbytes(size)  # noqa: S311 - bytes that do not compress


def versions(count=5):
    """Return contents that differ in 1,000 bytes each, at another place."""
    body = bytearray(noise(0))
    found = []
    for number in range(count):
        start = number * MIB + 500_000
        body[start : start + 1000] = noise(number + 1, 1000)
        found.append(bytes(body))
    return found


def on_disk(store):
    """Add up the files of a store by what they are."""
    root = Path(store.backend.url)
    sums = dict.fromkeys((*AREAS.values(), "other"), 0)
    for path in root.rglob("*"):
        area = path.relative_to(root).parts[0]
        if path.is_file() and area not in {"tmp", "lock"}:
            sums[AREAS.get(area, "other")] += path.stat().st_size
    return sums


def chunks_of(store, *digests):
    """Return raw and stored length by digest of the chunks of large blobs, from their manifests."""
    found = {}
    for digest in digests:
        name = digest.hex
        data = (Path(store.backend.url) / "manifests" / name[:2] / name[2:]).read_bytes()
        rows = msgpack.unpackb(data[60:-32])[3]
        found |= {row[0]: (row[5], row[4]) for row in _CHUNK.iter_unpack(rows)}
    return found


def parts(stored):
    return {name: getattr(stored, name) for name in ("blobs", "packs", "manifests", "records", "other")}


@pytest.fixture
def keep_all(store):
    """Put contents under names of their own; return the digests."""

    def keep_all(*contents):
        return [
            put(store, io.BytesIO(content), f"content-{number}", machine={}).outputs[0].digest
            for number, content in enumerate(contents)
        ]

    return keep_all


def test_versions_that_differ_little_are_unique_once(store, keep_all):
    contents = versions()
    digests = keep_all(*contents)
    found = usage(store)
    chunks = chunks_of(store, *digests)
    assert found.logical == sum(map(len, contents))
    assert found.unique == sum(raw for raw, _ in chunks.values())
    assert SIZE < found.unique < SIZE + 4 * 2 * MIB  # at most two chunks of at most 1 MiB are new in each
    assert parts(found.stored) == on_disk(store)
    assert found.stored.total == sum(on_disk(store).values())
    assert found.stored.packs >= found.unique  # noise does not compress
    assert found.ratio == pytest.approx(found.logical / sum(on_disk(store).values()))
    assert found.ratio > 2


def test_what_compresses_takes_less_than_it_has_unique(store, keep_all):
    text = b"".join(b"%d,%d\n" % (number, number * number) for number in range(200_000))
    (digest,) = keep_all(text)
    found = usage(store, f"blobs/{digest.hex}")
    chunks = chunks_of(store, digest)
    assert (found.logical, found.unique) == (len(text), len(text))
    assert found.stored.packs == sum(stored for _, stored in chunks.values()) < len(text) / 2


def test_a_part_needs_its_chunks_and_its_manifest_and_no_more(store, keep_all):
    digests = keep_all(*versions())
    name = digests[1].hex
    found = usage(store, f"blobs/{name}")
    manifest = Path(store.backend.url) / "manifests" / name[:2] / name[2:]
    chunks = chunks_of(store, digests[1])
    expected = {"packs": sum(stored for _, stored in chunks.values()), "manifests": manifest.stat().st_size}
    assert parts(found.stored) == {"blobs": 0, "records": 0, "other": 0, **expected}
    assert (found.runs, found.steps, found.logical) == (0, (), SIZE)


def test_each_run_counts_and_content_once(store, by_hand):
    body = noise(3, 50_000)
    for number in range(3):
        keep(store, by_hand.record(store, content=body, step="first" if number else "second"))
    found = usage(store)
    assert [(step.step, step.runs, step.logical, step.unique) for step in found.steps] == [
        ("first", 2, 100_000, 50_000),
        ("second", 1, 50_000, 50_000),
    ]
    assert (found.runs, found.logical, found.unique, found.inline) == (3, 150_000, 50_000, 0)
    assert found.stored.blobs == 50_000
    assert parts(found.stored) == on_disk(store)


def test_what_lies_in_records_is_told_apart(store, by_hand):
    records = [by_hand.record(inline=b"inline" * 10) for _ in range(2)]
    for record in records:
        keep(store, record)
    found = usage(store)
    assert (found.logical, found.inline, found.unique, found.stored.blobs) == (120, 120, 60, 0)
    one = usage(store, f"runs/{records[0].id}")
    (path,) = (Path(store.backend.url) / "runs").glob(records[0].id)
    assert (one.logical, one.inline, one.stored.records, one.stored.total) == (60, 60, *[path.stat().st_size] * 2)


def test_a_folder_counts_by_its_files(store, tmp_path):
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "large.bin").write_bytes(noise(5, 2 * MIB))
    (folder / "deep" / "again.bin").write_bytes(noise(5, 2 * MIB))
    (folder / "deep" / "small.txt").write_bytes(b"small")
    run = put_folder(store, str(folder), "folder", machine={})
    found = usage(store)
    assert (found.logical, found.unique) == (4 * MIB + 5, 2 * MIB + 5)
    assert parts(found.stored) == on_disk(store)
    tree = run.outputs[0]
    assert found.stored.blobs == tree.size + 5
    assert usage(store, f"runs/{run.id}/folder/deep").unique == 2 * MIB + 5
    only = usage(store, f"runs/{run.id}/folder/deep/small.txt")
    assert (only.logical, only.unique, only.stored.blobs, only.stored.packs) == (5, 5, 5, 0)


def test_a_step_is_measured_by_itself(store, by_hand):
    keep(store, by_hand.record(store, content=b"a" * 5000, step="mine"))
    keep(store, by_hand.record(store, content=b"b" * 7000, step="other"))
    found = usage(store, "steps/mine")
    assert [step.step for step in found.steps] == ["mine"]
    assert (found.logical, found.unique, found.stored.blobs) == (5000, 5000, 5000)
    for path in ("", "blobs", "runs/", "steps"):
        assert usage(store, path).logical == 12_000


def test_a_large_whole_object_is_content_too(store, by_hand):
    body = noise(6, 2 * MIB)
    path = by_hand.path(store, "blobs", by_hand.digest(body))
    path.parent.mkdir(parents=True)
    path.write_bytes(body)
    record = by_hand.record(content=body)
    keep(store, record)
    found = usage(store)
    assert (found.unique, found.unreadable) == (2 * MIB, 0)
    assert usage(store, f"runs/{record.id}").stored.blobs == 2 * MIB


@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_what_cannot_be_taken_apart_is_one_piece_and_said(store, keep_all, by_hand, how):
    (digest,) = keep_all(noise(7))
    path = by_hand.path(store, "manifests", digest)
    if how == "missing":
        path.unlink()
    else:
        by_hand.overwrite(path, harmed(path.read_bytes()))
    found = usage(store)
    assert (found.unreadable, found.unique) == (1, SIZE)
    assert parts(found.stored) == on_disk(store)


def test_an_empty_store_has_no_ratio_but_that_of_its_settings(make_store):
    found = usage(make_store("memory://usage-empty"))
    assert (found.runs, found.logical, found.unique, found.steps) == (0, 0, 0, ())
    assert found.ratio == 0.0


def test_a_store_that_is_no_folder_is_measured_alike(make_store):
    store = make_store("memory://usage")
    for number, content in enumerate(versions(2)):
        put(store, io.BytesIO(content), f"content-{number}", machine={})
    found = usage(store)
    assert found.logical == 2 * SIZE
    assert SIZE < found.unique < SIZE + 2 * MIB
    assert found.stored == stored_bytes(store)
    assert found.stored.packs > found.unique


@pytest.mark.parametrize("path", ["steps/nobody", "runs/0123", "blobs/0123456789", "steps/nobody/value"])
def test_what_is_not_there_is_not_found(store, path):
    with pytest.raises(errors.NotFoundError):
        usage(store, path)


def test_every_run_and_object_is_told_of(store, by_hand):
    for number in range(3):
        keep(store, by_hand.record(store, content=b"%d" % number * 5000))
    told = []
    usage(store, seen=told.append)
    files = sum(sum(1 for _ in store.backend.list(area)) for area in ("blobs", "runs", "log"))
    assert sum(told) >= 3 + files
