import itertools
import pickle

import pytest

from consist.errors import DamagedError, UsageError
from consist.index import lookup, writing
from consist.index.environment import Environment
from consist.index.index import Index
from consist.index.records import Event, InputRecord, encode_record
from tests.harm import harmed


def test_a_signature_finds_its_run_and_no_other_finds_one(index, make, put, digest):
    record = make(1, "one", outputs=["x"])
    assert index.find(digest("one")) is None
    framed = put(index, record)
    assert index.find(digest("one")) == record
    assert index.find(digest("two")) is None
    assert index.framed(record.id) == framed


def test_an_unchanged_record_is_not_decoded_again(index, make, put, digest):
    put(index, make(1, "one"))
    assert index.find(digest("one")) is index.find(digest("one"))


def test_a_changed_record_is_seen_by_an_index_that_remembers_the_old_one(index, environment, make, put, digest):
    other = Index(Environment(environment.path), "store-1")
    put(index, make(1, "one"))
    assert other.find(digest("one")).id.endswith("1")
    put(index, make(2, "one"))
    assert other.find(digest("one")).id.endswith("2")
    index.unlink(digest("one"))
    assert other.find(digest("one")) is None


def test_two_stores_in_one_file_do_not_see_each_other(environment, make, put, digest):
    first, second = Index(environment, "a"), Index(environment, "b")
    put(first, make(1, "one", outputs=["x"]))
    assert second.find(digest("one")) is None
    assert list(second.runs()) == list(second.steps()) == list(second.blobs()) == []
    put(second, make(2, "one"))
    first.clear()
    assert first.find(digest("one")) is None
    assert second.find(digest("one")).id.endswith("2")


def test_putting_twice_changes_nothing(index, make, put):
    record = make(1, "one", outputs=["x"])
    framed = put(index, record)
    index.put_run(record, framed)
    assert list(index.runs()) == [record]
    assert list(index.steps()) == [("clean", 1)]
    assert len(index.producers(record.outputs[0].digest)) == 1


def test_another_run_of_the_same_signature_takes_it_and_the_first_stays(index, make, put, digest):
    first, second = make(1, "one"), make(2, "one")
    put(index, first)
    put(index, second)
    assert index.find(digest("one")) == second
    assert index.get_run(first.id) == first.without_signature()
    assert [record.id for record in index.runs()] == [second.id, first.id]


def test_a_superseded_run_keeps_the_bytes_that_the_store_has(index, make, put, digest):
    first, second = make(1, "one"), make(2, "one")
    put(index, first)
    copy = encode_record(first.without_signature())
    index.replace_run(first.id, second, encode_record(second), old_framed=copy)
    assert index.framed(first.id) == copy
    assert index.find(digest("one")) == second


def test_replacing_an_unknown_run_is_putting(index, make, digest):
    record = make(2, "one")
    index.replace_run("f" * 20, record, encode_record(record))
    assert index.find(digest("one")) == record
    assert len(list(index.runs())) == 1


def test_replacing_with_bytes_of_another_run_is_refused_and_changes_nothing(index, make, put, digest):
    first, second = make(1, "one"), make(2, "one")
    put(index, first)
    with pytest.raises(DamagedError):
        index.replace_run(first.id, second, encode_record(second), old_framed=encode_record(make(3)))
    assert index.find(digest("one")) == first


def test_a_removed_run_leaves_nothing_behind(index, environment, make, put, digest):
    given = InputRecord("table", "file", digest("in"), 2, "/in.csv")
    gone = make(1, "one", outputs=["x", "y"], inputs=(given,), tags=("a",), parent="0" * 20)
    put(index, gone)
    assert index.remove_run(gone.id)
    assert not index.remove_run(gone.id)
    left = environment.read(
        lambda txn, tables: {
            table: list(txn.cursor(handle))
            for table, handle in zip(tables._fields, tables, strict=True)
            if table not in {"meta", "files"}
        }
    )
    assert not any(left.values())


def test_unlinking_takes_the_run_out(index, make, put, digest):
    put(index, make(1, "one", outputs=["x"]))
    assert index.unlink(digest("one"))
    assert not index.unlink(digest("one"))
    assert list(index.runs()) == []
    assert index.blob(digest("x")) is None


def test_a_blob_is_known_as_long_as_one_run_makes_it(index, make, put, digest):
    put(index, make(1, "one", outputs=["x"]))
    put(index, make(2, "two", outputs=["x"]))
    index.remove_run(f"{1:020x}")
    assert index.blob(digest("x")).size == 1
    assert index.inline_blob(digest("x")) == b"x"
    index.remove_run(f"{2:020x}")
    assert index.blob(digest("x")) is None
    assert index.inline_blob(digest("x")) is None


def test_a_blob_that_is_stored_once_is_not_inline_any_more(index, make, put, digest):
    inline = make(1, "one", outputs=["x"])
    stored = make(2, "two", outputs=["x"])
    stored = type(stored)(
        **{
            **{field: getattr(stored, field) for field in stored.__slots__},
            "outputs": tuple(type(item)(item.key, item.digest, item.size, item.format) for item in stored.outputs),
        }
    )
    put(index, inline)
    assert index.blob(digest("x")).inline
    put(index, stored)
    assert not index.blob(digest("x")).inline
    put(index, make(3, "three", outputs=["x"]))
    assert not index.blob(digest("x")).inline
    assert index.inline_blob(digest("x")) == b"x"


def test_blobs_by_every_prefix(index, make, put, digest):
    names = [f"n{number}" for number in range(300)]
    put(index, make(1, "one", outputs=names))
    hexes = sorted(digest(name).hex for name in names)
    assert [entry.digest.hex for entry in index.blobs()] == hexes
    for prefix in ["0", "a", "f", "ff", "0a", hexes[7][:3], hexes[8][:4], hexes[9], hexes[10][:63]]:
        assert [entry.digest.hex for entry in index.blobs(prefix)] == [
            found for found in hexes if found.startswith(prefix)
        ]
    with pytest.raises(UsageError):
        list(index.blobs("xyz"))


def test_more_blobs_than_a_page(index, make, put, digest):
    for start in range(0, 2500, 500):
        put(index, make(start, f"s{start}", outputs=[f"n{number}" for number in range(start, start + 500)]))
    assert [entry.digest.hex for entry in index.blobs()] == sorted(digest(f"n{number}").hex for number in range(2500))


def test_edges_name_run_and_key_the_newest_first(index, make, put, digest):
    given = (InputRecord("a", "file", digest("in"), 1, "a"), InputRecord("b", "file", digest("in"), 1, "b"))
    put(index, make(1, "one", outputs=["x"], inputs=given))
    put(index, make(2, None, outputs=["y", "x"], status="failed"))
    assert [tuple(edge) for edge in index.producers(digest("x"))] == [(f"{2:020x}", "x"), (f"{1:020x}", "x")]
    assert [tuple(edge) for edge in index.consumers(digest("in"))] == [(f"{1:020x}", "a"), (f"{1:020x}", "b")]
    assert index.producers(digest("in")) == index.consumers(digest("x")) == []


def test_runs_newest_first_by_every_filter(index, make, put):
    records = [
        make(
            number,
            f"s{number}" if status == "completed" else None,
            step=step,
            status=status,
            tags=tags,
            parent=parent,
        )
        for number, (step, status, tags, parent) in enumerate(
            itertools.product(["clean", "cle", ""], ["completed", "failed"], [(), ("a",), ("a", "b")], ["", "f" * 20])
        )
    ]
    index.put_runs((record, encode_record(record)) for record in records)
    everything = sorted(records, key=lambda record: -record.started)
    assert list(index.runs()) == everything
    for step, status, tag, parent in itertools.product(
        [None, "clean", "cle", "", "x"], [None, "completed", "failed"], [None, "a", "b", "c"], [None, "f" * 20]
    ):
        for since, limit in ((None, None), (records[20].started, None), (None, 3)):
            wanted = [
                record
                for record in everything
                if (step is None or record.step == step)
                and (status is None or record.status == status)
                and (tag is None or tag in record.tags)
                and (parent is None or record.parent == parent)
                and (since is None or record.started >= since)
            ][:limit]
            assert (
                list(index.runs(step=step, status=status, tag=tag, parent=parent, since=since, limit=limit)) == wanted
            )
    assert list(index.steps()) == [("", 12), ("cle", 12), ("clean", 12)]


def test_runs_from_below_a_run_on(index, make, monkeypatch):
    monkeypatch.setattr(lookup, "_FIRST_PAGE", 3)
    records = [make(number, step=("a", "b", "ab")[number % 3], status="failed") for number in range(30)]
    index.put_runs((record, encode_record(record)) for record in records)
    newest_first = records[::-1]
    for place, below in enumerate(newest_first):
        older = newest_first[place + 1 :]
        assert list(index.runs(before=below)) == older
        for step in ("a", "b", "ab", ""):
            wanted = [record for record in older if record.step == step]
            assert list(index.runs(step=step, before=below)) == wanted
            assert list(index.runs(step=step, status="failed", before=below, limit=2)) == wanted[:2]


def test_listing_goes_on_over_pages_and_while_others_write(index, make, put, monkeypatch):
    monkeypatch.setattr(lookup, "_PAGE", 5)
    monkeypatch.setattr(lookup, "_SCAN", 3)
    for number in range(40):
        put(index, make(number, tags=("rare",) if number % 13 == 0 else ()))
    listing = index.runs()
    first = [next(listing) for _ in range(3)]
    put(index, make(99))
    index.remove_run(f"{10:020x}")
    assert [int(record.id, 16) for record in [*first, *listing]] == [n for n in range(39, -1, -1) if n != 10]
    assert [int(record.id, 16) for record in index.runs(tag="rare", status="completed")] == [39, 26, 13, 0]


def test_a_limit_of_nothing(index, make, put):
    put(index, make(1))
    assert list(index.runs(limit=0)) == []


def test_names_of_any_length_and_letter_work(index, make, put):
    names = ["", "a", "a\0", "a\0b", "ä" * 500, "ä" * 500 + "x", "x" * 100_000, "\n"]
    for number, text in enumerate(names):
        put(index, make(number, f"s{number}", step=text, tags=(text,), parent=text))
    for number, text in enumerate(names):
        for listed in (index.runs(step=text), index.runs(tag=text), *([index.runs(parent=text)] if text else [])):
            assert [int(record.id, 16) for record in listed] == [number]
    assert sorted(index.steps()) == sorted((text, 1) for text in names)


def test_newest_is_the_last_completed_with_that_output(index, make, put):
    put(index, make(1, "a", outputs=["x"]))
    put(index, make(2, "b", outputs=["y"]))
    put(index, make(3, status="failed", outputs=["x"]))
    put(index, make(4, "d", step="other", outputs=["x"]))
    assert int(index.newest("clean").id, 16) == 2
    assert int(index.newest("clean", key="x").id, 16) == 1
    assert index.newest("clean", key="z") is None
    assert index.newest("none") is None


def test_runs_by_the_beginning_of_their_id(index, make, put):
    for text in ("aa0", "aa1", "ab0"):
        put(index, make(0, id=text.ljust(20, "0")))
    ids = [text.ljust(20, "0") for text in ("aa0", "aa1", "ab0")]
    assert index.match_runs("") == ids
    assert index.match_runs("aa") == ids[:2]
    assert index.match_runs("", limit=1) == ids[:1]
    assert index.match_runs(ids[2]) == ids[2:]
    assert index.match_runs("b") == index.match_runs("é") == index.match_runs(ids[2] + "0") == []
    assert index.get_run(ids[0]).id == ids[0]
    assert index.get_run("nonsense") is None
    assert index.get_run("f" * 20) is None


def test_a_run_with_a_malformed_id_is_refused(index, make, put):
    with pytest.raises(UsageError):
        index.put_run(make(1, id="run-1"), b"")
    assert list(index.runs()) == []


def test_many_runs_in_batches(index, make, monkeypatch):
    monkeypatch.setattr(writing, "_BATCH_RUNS", 7)
    monkeypatch.setattr(writing, "_BATCH_BYTES", 2000)
    records = [make(number, f"s{number}") for number in range(50)]
    assert index.put_runs((record, encode_record(record)) for record in records) == 50
    assert list(index.runs()) == records[::-1]
    assert index.put_runs([]) == 0


def test_clearing_says_so_until_it_is_filled_again(index, make, put, digest, monkeypatch):
    monkeypatch.setattr(writing, "_CLEAR_KEYS", 3)
    assert index.needs_rebuild
    put(index, make(1, "one", outputs=["x"]))
    index.suspects.add(digest("bad"))
    index.mark_rebuilt()
    assert not index.needs_rebuild
    index.clear()
    assert index.needs_rebuild
    assert list(index.runs()) == list(index.blobs()) == list(index.steps()) == []
    assert digest("bad") in index.suspects
    index.mark_rebuilt()
    assert not index.needs_rebuild


def test_suspects_are_a_set_that_stays(index, digest, environment):
    suspects = index.suspects
    assert digest("a") not in suspects
    suspects.add(digest("a"))
    suspects.add(digest("a"))
    suspects.add(digest("b"))
    index.close()
    again = Index(Environment(environment.path), "store-1").suspects
    assert set(again) == {digest("a"), digest("b")}
    assert len(again) == 2
    assert digest("a") in again
    again.discard(digest("a"))
    again.discard(digest("c"))
    assert digest("a") not in suspects
    assert "no digest" not in suspects


def test_a_pickled_index_is_the_same_index(index, make, put, digest):
    put(index, make(1, "one"))
    again = pickle.loads(pickle.dumps(index))  # noqa: S301 - our own bytes
    assert again.find(digest("one")) == make(1, "one")
    assert again.store_id == "store-1"
    assert again.environment.path == index.environment.path


def test_a_context_closes_it(db_path, make, put):
    with Index(Environment(db_path), "store-1") as index:
        put(index, make(1))
    assert [int(record.id, 16) for record in index.runs()] == [1]


def overwrite(environment, table, change):
    """Change the first value of a table, past the code under test."""

    def call(txn, tables):
        with txn.cursor(getattr(tables, table)) as cursor:
            assert cursor.first()
            txn.put(cursor.key(), change(cursor.value()), db=getattr(tables, table))

    environment.write(call)


def flipped(place):
    return lambda data: data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_a_damaged_record_is_an_error_with_a_way_out(index, environment, make, put, digest):
    record = make(1, "one", outputs=["x"])
    put(index, record)
    overwrite(environment, "results", flipped(60))
    with pytest.raises(DamagedError, match="rebuild"):
        index.find(digest("one"))
    with pytest.raises(DamagedError):
        index.get_run(record.id)
    assert list(index.runs()) == []
    assert index.inline_blob(digest("x")) is None
    assert index.unlink(digest("one"))
    assert index.find(digest("one")) is None
    assert index.match_runs("") == []
    put(index, record)
    assert index.find(digest("one")) == record
    assert list(index.runs()) == [record]


def test_a_damaged_record_gives_way_to_a_new_one(index, environment, make, put, digest):
    put(index, make(1, "one"))
    overwrite(environment, "results", flipped(60))
    put(index, make(2, "one"))
    assert index.find(digest("one")) == make(2, "one")
    assert [int(record.id, 16) for record in index.runs()] == [2]


def test_an_entry_that_leads_to_another_run_is_an_error(index, environment, make, put, digest):
    put(index, make(1, "one"))
    put(index, make(2, "two"))
    overwrite(environment, "runs", lambda _: b"S" + digest("two").raw)
    with pytest.raises(DamagedError):
        index.get_run(f"{1:020x}")
    overwrite(environment, "runs", lambda _: b"?")
    with pytest.raises(DamagedError):
        index.get_run(f"{1:020x}")
    assert [int(record.id, 16) for record in index.runs()] == [2]


@pytest.mark.parametrize("table", ["blobs", "producers", "steps"])
def test_a_damaged_entry_is_an_error_when_read_and_mended_when_written(  # noqa: PLR0913, PLR0917 - fixtures
    index, environment, make, put, digest, table
):
    put(index, make(1, "one", outputs=["x"]))
    overwrite(environment, table, flipped(0))
    read = {
        "blobs": lambda: index.blob(digest("x")),
        "producers": lambda: index.producers(digest("x")),
        "steps": lambda: list(index.steps()),
    }[table]
    with pytest.raises(DamagedError, match="rebuild"):
        read()
    put(index, make(1, "one", outputs=["x"], description="again"))
    assert read()


def test_the_starts_and_steps_of_all_runs_need_no_record(index, make, put, monkeypatch):
    monkeypatch.setattr(lookup, "_FIRST_PAGE", 1)
    monkeypatch.setattr(lookup, "_SCAN", 3)
    steps = ["x" * 300 if number in {3, 4} else f"step {number % 3}" for number in range(20)]
    for number, step in enumerate(steps):
        put(index, make(number, step=step))
    monkeypatch.setattr(lookup, "decode_record", None)
    assert list(index.starts()) == [
        (f"{number:020x}", 1_700_000_000_000_000 + number, steps[number]) for number in range(19, -1, -1)
    ]


def test_a_start_before_1970(index, make, put):
    put(index, make(1, started=-5))
    assert list(index.starts()) == [(f"{1:020x}", -5, "clean")]


def test_the_newest_with_an_output_is_found_over_many_pages(index, make, put, monkeypatch):
    """Also where others only mention its name, failed, are of another step, or are damaged."""
    monkeypatch.setattr(lookup, "_SCAN", 3)
    put(index, make(1, outputs=["rare"]))
    for number in range(2, 9):
        put(index, make(number, outputs=["x"], description="rare"))
    put(index, make(20, outputs=["rare"], status="failed"))
    put(index, make(21, outputs=["rare"], step="other"))
    damaged = make(22, outputs=["rare"])
    index.put_run(damaged, harmed(encode_record(damaged)))
    assert int(index.newest("clean", key="rare").id, 16) == 1
    assert int(index.newest("clean", key="x").id, 16) == 8
    assert index.newest("clean", key="are") is None
    assert index.newest("clean", key="\ud800") is None


def test_tags_are_those_that_runs_have_now(index, make, put):
    put(index, make(1, "one", tags=("draft", "ä/ö", "t" * 201)))
    for number in range(2, 40):
        put(index, make(number, tags=("draft", "dra", "\x7f")))
    index.add_events(
        "log", b"", [Event("tag", f"{1:020x}", 7, text="late"), Event("untag", f"{1:020x}", 8, text="ä/ö")]
    )
    assert index.tag_names() == ["dra", "draft", "late", "\x7f"]
    assert Index(index.environment, "another").tag_names() == []
