"""Looking a signature up: never an exception for damage, never wrong bytes."""

# ruff: noqa: PLR0913, PLR0917 - fixtures are no parameters that anybody passes

from __future__ import annotations

import errno
import os
import warnings

import pytest

from consist import errors
from consist.index.records import encode_record
from consist.store.lookup import find, look, missing_output
from consist.store.publish import publish
from tests.harm import harmed


@pytest.fixture
def published(store, by_hand):
    record = by_hand.record(store, signature=by_hand.signature())
    publish(store, record)
    return record


@pytest.fixture
def record_path(store, by_hand):
    return by_hand.path(store, "results", by_hand.signature())


@pytest.fixture
def blob_path(store, by_hand, published):
    return by_hand.path(store, "blobs", published.outputs[0].digest)


def quiet(call, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return call(*arguments)


def warned(call, *arguments, match):
    with pytest.warns(errors.DamagedWarning, match=match) as seen:
        answer = call(*arguments)
    assert len(seen) == 1
    return answer


def test_what_nobody_published_is_a_miss(store, by_hand):
    assert quiet(find, store, by_hand.signature()) is None


def test_what_was_published_is_a_hit(store, by_hand, published):
    assert quiet(find, store, by_hand.signature()) == published


def test_an_index_that_does_not_know_asks_the_store_and_learns(make_store, by_hand, published):
    other = make_store(db="another.lmdb")
    assert quiet(find, other, by_hand.signature()) == published
    assert other.index.find(by_hand.signature()) == published
    assert [edge.run_id for edge in other.index.producers(published.outputs[0].digest)] == [published.id]
    assert quiet(find, other, by_hand.signature()) == published


def test_the_index_takes_the_stores_own_bytes(make_store, by_hand, published, record_path):
    other = make_store(db="another.lmdb")
    find(other, by_hand.signature())
    assert other.index.framed(published.id) == record_path.read_bytes()


def test_a_record_that_is_gone_from_the_store_is_a_miss_and_forgotten(store, by_hand, published, record_path):
    record_path.unlink()
    assert quiet(find, store, by_hand.signature()) is None
    assert store.index.find(by_hand.signature()) is None
    assert store.index.get_run(published.id) is None
    assert list(store.index.runs()) == []
    assert store.index.producers(published.outputs[0].digest) == []


@pytest.mark.parametrize("number", range(8))
def test_a_damaged_record_in_the_store_is_a_miss(make_store, by_hand, published, record_path, number):
    data = bytearray(record_path.read_bytes())
    spoilt = [
        b"",
        data[:10],
        data[:-1],
        data + b"x",
        b"\0" * len(data),
        encode_record(by_hand.record(signature=by_hand.signature("another"))),
        encode_record(published.without_signature()),
        bytes(byte ^ (position == len(data) // 2) for position, byte in enumerate(data)),
    ][number]
    by_hand.overwrite(record_path, bytes(spoilt))
    other = make_store(db="another.lmdb")
    match = f"the record of signature {by_hand.signature().raw.hex()[:12]} is damaged .*; it is computed again"
    assert warned(find, other, by_hand.signature(), match=match) is None
    assert other.index.find(by_hand.signature()) is None


def test_every_bit_of_a_record_counts(make_store, by_hand, published, record_path):
    data = record_path.read_bytes()
    other = make_store(db="another.lmdb")
    for position in range(0, len(data), 7):
        by_hand.overwrite(
            record_path, bytes([*data[:position], data[position] ^ 1 << position % 8, *data[position + 1 :]])
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", errors.DamagedWarning)
            try:
                assert find(other, by_hand.signature()) is None
            except errors.FormatError:
                assert position == 4  # the frame's version: a larger one is a newer consist's


def spoil_index(store, signature):
    """Flip a bit of the index's record of a signature."""

    def change(transaction, tables):
        with transaction.cursor(tables.results) as cursor:
            for key, value in cursor:
                if key.endswith(signature.raw):
                    cursor.put(key, value[:100] + bytes([value[100] ^ 1]) + value[101:])
                    return
        raise AssertionError("the index has no such record")

    store.index.environment.write(change)


def test_a_damaged_record_in_the_index_is_read_from_the_store(make_store, by_hand, published):
    store = make_store()
    spoil_index(store, by_hand.signature())
    match = "the index has a damaged record .*; the store is asked"
    assert warned(find, store, by_hand.signature(), match=match) == published
    assert quiet(find, store, by_hand.signature()) == published
    assert dict(store.index.steps()) == {"step": 1}
    assert [run.id for run in store.index.runs()] == [published.id]


def test_a_damaged_record_in_both_is_a_miss(store, by_hand, published, record_path):
    spoil_index(store, by_hand.signature())
    by_hand.overwrite(record_path, record_path.read_bytes()[:-1])
    with pytest.warns(errors.DamagedWarning) as seen:
        assert find(store, by_hand.signature()) is None
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda path: path.unlink(), "output 'out' is not in the store any more"),
        (lambda path: os.truncate(path, 100), "output 'out' has 100 bytes, not 8000"),
        (lambda path: os.truncate(path, 0), "output 'out' has 0 bytes, not 8000"),
        (lambda path: (path.unlink(), path.mkdir()), "output 'out' is not in the store any more"),
        (lambda path: (path.unlink(), path.symlink_to("/etc/hostname")), "output 'out' is not in the store any more"),
    ],
)
@pytest.mark.parametrize("db", ["index.lmdb", "another.lmdb"])
def test_an_output_that_is_not_whole_is_a_miss(make_store, by_hand, published, blob_path, spoil, problem, db):
    blob_path.chmod(0o600)
    spoil(blob_path)
    store = make_store(db=db)
    match = f"run {published.id} of 'step': {problem}; it is computed again"
    assert warned(find, store, by_hand.signature(), match=match) is None


def test_an_output_with_wrong_bytes_is_a_miss_once_a_reader_saw_it(store, by_hand, published, blob_path):
    data = blob_path.read_bytes()
    by_hand.overwrite(blob_path, harmed(data))
    assert find(store, by_hand.signature()) == published  # nobody has read it yet
    with pytest.raises(errors.DamagedError):
        store.blobs.read(published.outputs[0].digest)
    assert warned(find, store, by_hand.signature(), match="output 'out' was found damaged") is None
    store.blobs.put_bytes(data)
    assert quiet(find, store, by_hand.signature()) == published
    assert store.blobs.read(published.outputs[0].digest) == data


def test_inline_outputs_need_no_blob(store, by_hand):
    record = by_hand.record(signature=by_hand.signature(), inline=b"small")
    publish(store, record)
    assert missing_output(store, record) is None
    assert quiet(find, store, by_hand.signature()) == record


def test_each_look_up_warns_once(store, by_hand, published, blob_path):
    blob_path.unlink()
    for _ in range(2):
        warned(find, store, by_hand.signature(), match="not in the store any more")


def test_a_store_that_cannot_be_read_is_an_error(store, by_hand, published, monkeypatch):
    def fail(path, *_, **__):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "lstat", fail)
    with pytest.raises(errors.StorageError, match="Input/output error"):
        find(store, by_hand.signature())


def test_a_newer_record_is_refused_not_overwritten(make_store, by_hand, published, record_path):
    import msgpack

    from consist.hashing.frame import Kind, encode_frame

    fields = by_hand.unframe(record_path.read_bytes()).fields
    newer = encode_frame(
        Kind.RECORD, by_hand.signature().raw, msgpack.packb([fields[0] + 1, *fields[1:], "of tomorrow"])
    )
    by_hand.overwrite(record_path, newer)
    with pytest.raises(errors.FormatError, match="upgrade consist"):
        find(make_store(db="another.lmdb"), by_hand.signature())
    assert record_path.read_bytes() == newer


def test_a_record_replaced_through_another_index_is_noticed(tmp_path):
    """Two machines, or two indexes of one, share a store: an overwrite by one is the other's hit from then on."""
    from consist import CacheOptions, Tracker

    one, two = (Tracker(tmp_path / "runs", tmp_path / f"{name}.lmdb", tmp_path / "store") for name in "ab")
    first = one.run(pow, config={"base": 2, "exp": 3})
    assert two.run(pow, config={"base": 2, "exp": 3}).run.id == first.run.id
    assert one.run(pow, config={"base": 2, "exp": 3}).run.id == first.run.id
    newer = two.run(pow, config={"base": 2, "exp": 3}, cache_options=CacheOptions(cache_mode="overwrite"))
    assert newer.run.id != first.run.id
    assert one.run(pow, config={"base": 2, "exp": 3}).run.id == newer.run.id
    assert one.get_run(first.run.id).signature is None


def test_a_record_damaged_in_the_store_is_noticed_though_the_index_is_whole(tmp_path):
    from consist import Tracker, errors
    from consist.hashing.digest import Digest

    with Tracker(tmp_path / "runs", tmp_path / "a.lmdb") as tracker:
        signature = tracker.run(pow, config={"base": 2, "exp": 3}).run.signature
    assert isinstance(signature, Digest)
    path = tmp_path / "a.store" / "results" / signature.hex[:2] / signature.hex[2:]
    path.chmod(0o600)
    path.write_bytes(harmed(path.read_bytes()))
    with Tracker(tmp_path / "runs", tmp_path / "a.lmdb") as tracker:
        with pytest.warns(errors.DamagedWarning):
            assert not tracker.run(pow, config={"base": 2, "exp": 3}).cache_hit
        assert tracker.run(pow, config={"base": 2, "exp": 3}).cache_hit


@pytest.fixture
def looked(store, by_hand):
    """Take a look, and see to it that it changes neither store nor index, byte for byte."""

    def looked():
        before = by_hand.objects(store.backend.url), by_hand.dump(store)
        answer = quiet(look, store, by_hand.signature())
        assert (by_hand.objects(store.backend.url), by_hand.dump(store)) == before
        return answer

    return looked


def test_a_look_at_what_is_whole_or_was_never_there(store, by_hand, looked):
    assert looked() == (None, None)
    record = by_hand.record(store, signature=by_hand.signature())
    publish(store, record)
    assert looked() == (record, None)


def test_a_look_at_a_record_that_is_gone(looked, published, record_path):
    record_path.unlink()
    assert looked() == (published, f"the record of run {published.id} is not in the store any more")


@pytest.mark.parametrize("damaged", [b"", b"CNST", b"x" * 500])
def test_a_look_at_a_record_that_is_damaged(by_hand, looked, published, record_path, damaged):
    by_hand.overwrite(record_path, damaged)
    record, problem = looked()
    assert record == published
    assert problem.startswith(f"the record of signature {by_hand.signature().short} is damaged")


def test_a_look_teaches_an_index_nothing(make_store, by_hand, published):
    other = make_store(db="another.lmdb")
    assert quiet(look, other, by_hand.signature()) == (published, None)
    assert other.index.find(by_hand.signature()) is None


def test_a_look_at_a_blob_that_is_cut_short_or_gone_agrees_with_find(store, by_hand, looked, published, blob_path):
    by_hand.overwrite(blob_path, b"short")
    assert looked() == (published, f"run {published.id}: output 'out' has 5 bytes, not {published.outputs[0].size}")
    blob_path.unlink()
    assert looked() == (published, f"run {published.id}: output 'out' is not in the store any more")
    assert warned(find, store, by_hand.signature(), match="not in the store") is None
