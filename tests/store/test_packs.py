"""Packs as `verify` finds them: what is damaged in one, whom that affects, and what is no damage."""

from __future__ import annotations

import random
import struct
from dataclasses import replace

import blake3
import pytest
import zstandard

from consist.blobs import pack as pack_module
from consist.blobs.blobstore import BlobStore
from consist.blobs.chunklist import ChunkList
from consist.blobs.encoding import ZSTD
from consist.blobs.manifest import encode_manifest, make_manifest
from consist.blobs.pack import PackWriter
from consist.errors import ConsistError, DamagedError
from consist.store.publish import publish
from consist.store.rebuild import rebuild
from consist.store.verify import verify
from consist.testing import Fault, FaultyBackend
from consist.testing.faultplan import CUT, ERROR, EVER, FLIPPED, STALE, SUFFERS

MIB = 1 << 20


def noise(seed, size=3 * MIB):
    return random.Random(seed).randbytes(size)  # noqa: S311 - any bytes that do not compress


@pytest.fixture
def root(tmp_path):
    return tmp_path / "store"


def packs_of(by_hand, root):
    return [key for key in by_hand.objects(root) if key.startswith("packs/")]


def spoil(by_hand, path, position):
    good = path.read_bytes()
    by_hand.overwrite(path, good[:position] + b"?!" + good[position + 2 :])


def keys(findings):
    return [found.key for found in findings]


# What is damaged, and whom that affects ------------------------------------------------------------------------------


def test_a_pack_is_no_problem_once_what_was_damaged_in_it_was_written_anew(store, by_hand, root):
    older, newer = noise(1), noise(2, MIB) + noise(1)[2 * MIB :]
    store.blobs.put_bytes(older)
    (pack,) = packs_of(by_hand, root)
    spoil(by_hand, root / pack, 3 * MIB - 100)
    store.blobs.put_bytes(newer)  # shares what is damaged, as nobody knows of it
    assert keys(verify(store, read_data=1).findings) == [pack]
    for data in (newer, older):
        assert store.blobs.read(store.blobs.put_bytes(data).digest) == data
    checked = verify(store, read_data=1)
    assert checked.findings == ()
    assert keys(checked.unneeded) == [pack]


def test_an_index_that_is_made_anew_goes_by_what_manifests_say_of_a_chunk(make_store, by_hand, root):
    store = make_store()
    older = noise(1)
    store.blobs.put_bytes(older)
    (pack,) = packs_of(by_hand, root)
    spoil(by_hand, root / pack, 3 * MIB - 100)
    verify(store, read_data=1)
    store.blobs.put_bytes(older)
    other = make_store(db="other.lmdb")
    rebuild(other)
    third = noise(3, MIB) + older[MIB:]
    assert other.blobs.read(other.blobs.put_bytes(third).digest) == third


def test_a_blob_that_was_suspected_wrongly_is_acquitted_beside_a_harmed_pack(store, by_hand, root):
    older = store.blobs.put_bytes(noise(1)).digest
    (pack,) = packs_of(by_hand, root)
    newer = store.blobs.put_bytes(noise(2, 2 * MIB) + noise(1)[2 * MIB :]).digest
    spoil(by_hand, root / pack, 0)
    store.blobs.suspects.add(newer)
    verify(store, read_data=1)
    assert older in store.blobs.suspects
    assert newer not in store.blobs.suspects


# Manifests that do not fit -------------------------------------------------------------------------------------------


def first(change):
    return lambda chunks: [change(chunks[0]), *chunks[1:]]


FORGERIES = {
    "another place": first(lambda chunk: chunk._replace(offset=chunk.offset + 1)),
    "less stored": first(lambda chunk: chunk._replace(stored=chunk.stored - 1)),
    "another size": lambda chunks: [
        chunks[0]._replace(raw=chunks[0].raw - 1),
        chunks[1]._replace(raw=chunks[1].raw + 1),
        *chunks[2:],
    ],
    "another encoding": first(lambda chunk: chunk._replace(encoding=7)),
    "another digest": first(lambda chunk: chunk._replace(digest=bytes(32))),
    "places swapped": lambda chunks: [
        chunks[0]._replace(offset=chunks[1].offset, stored=chunks[1].stored),
        chunks[1]._replace(offset=chunks[0].offset, stored=chunks[0].stored),
        *chunks[2:],
    ],
    "another pack": first(lambda chunk: chunk._replace(pack=1)),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_manifest_that_names_what_its_packs_do_not_have_is_found(store, by_hand, root, forgery):
    good = store.blobs.large.manifest(store.blobs.put_bytes(noise(1)).digest)
    other = store.blobs.large.manifest(store.blobs.put_bytes(noise(2)).digest)
    assert verify(store, read_data=1).findings == ()
    rows = [struct.pack(">32sBIIII", *chunk) for chunk in FORGERIES[forgery]([*good.chunks])]
    chunks = ChunkList(b"".join(rows))
    wrong = make_manifest(good.digest, [*good.packs, *other.packs], chunks)
    by_hand.overwrite(root / good.key, encode_manifest(wrong))
    with store.blobs.open(good.digest) as stream, pytest.raises(DamagedError):
        stream.read()
    store.blobs.suspects.clear()
    (found,) = verify(store, read_data=1).findings
    assert found.key == good.key
    assert "it names chunks that pack" in found.problem
    assert {*store.blobs.suspects} == {good.digest}


@pytest.mark.parametrize("says", ["another chunk", "no frame", "a longer chunk"])
def test_a_compressed_chunk_that_is_another_though_its_seal_fits_is_found(store, says):
    raw = b"what was hashed " * 100
    stored = {
        "another chunk": zstandard.compress(b"what was hashes " * 100),
        "no frame": b"no frame at all",
        "a longer chunk": zstandard.compress(raw + b"?"),
    }[says]
    writer = PackWriter(store.backend)
    writer.add(blake3.blake3(raw).digest(), ZSTD, stored, len(raw))
    sealed = writer.seal()
    with sealed.upload as upload:
        upload.publish(sealed.ref.key)
    assert keys(verify(store, read_data=1).unneeded) == [sealed.ref.key]


# What is there and cannot be told ------------------------------------------------------------------------------------


def seen_through(store, *plan):
    """The store, with faults between."""
    backend = FaultyBackend(store.backend, [*plan])
    return replace(store, backend=backend, blobs=BlobStore(backend, suspects=store.blobs.suspects))


def test_what_a_stale_list_names_and_is_gone_is_missing(store, by_hand, root):
    large = store.blobs.put_bytes(noise(1)).digest
    record = by_hand.record(store, signature=by_hand.signature())
    publish(store, record)
    (pack,) = packs_of(by_hand, root)
    (blob,) = [key for key in by_hand.objects(root) if key.startswith("blobs/")]
    stale = seen_through(store, Fault(STALE, times=EVER))
    for key in (pack, blob):
        (root / key).unlink()
    findings = dict(verify(stale, read_data=1).findings)
    assert findings[pack] == f"missing; needed by blob {large.short}"
    assert findings[blob] == f"missing; output 'out' of run {record.id} needs it"
    assert len(findings) == 2


@pytest.mark.parametrize("effect", [ERROR, FLIPPED, CUT])
def test_a_fault_while_a_store_is_verified_is_told_and_forgotten_after(store, by_hand, root, effect):
    store.blobs.put_bytes(noise(1, 2 * MIB))
    publish(store, by_hand.record(store, signature=by_hand.signature()))
    sound = seen_through(store)
    assert verify(sound, read_data=1).findings == ()
    befallen = [call for call in sound.backend.calls if call.operation in SUFFERS[effect]]
    assert {call.operation for call in befallen} >= {"get_range", "get_ranges"}
    for number in range(len(befallen)):
        try:
            told = verify(
                seen_through(store, Fault(effect, at=number, where=0.999 if effect == FLIPPED else 0.5)), read_data=1
            ).findings
        except ConsistError:
            told = True
        read_again = effect == CUT and befallen[number].keys[0].startswith(("manifests", "results"))
        assert told or read_again, f"{befallen[number]} went wrong, and nobody said so"
        assert verify(store, read_data=1).findings == ()
        assert not {*store.blobs.suspects}


def test_a_pack_of_a_newer_version_is_named_and_harms_no_blob(store, by_hand, root, monkeypatch):
    monkeypatch.setattr(pack_module, "SCHEMA", 2)
    blob = store.blobs.put_bytes(noise(1)).digest
    monkeypatch.undo()
    (found,) = verify(store, read_data=1).findings
    assert "version 2" in found.problem
    assert not {*store.blobs.suspects}
    assert store.blobs.read(blob) == noise(1)
    store.blobs.put_bytes(noise(1))
    assert len(packs_of(by_hand, root)) == 1
