"""The bytes in the file, against what ``docs/format-index.md`` says: made here by hand, not by the code."""

import struct
from pathlib import Path

import blake3
import lmdb
import msgpack
import pytest

from consist.index.filestat import FileEntry
from consist.index.records import Event, InputRecord, encode_events, encode_record
from consist.index.schema import Tables

DOCS = Path(__file__).parents[2] / "docs" / "format-index.md"
ID = b"%020x" % 1
AT = 1_700_000_000_000_001


def sealed(table, key, *items):
    body = msgpack.packb(list(items))
    checked = table.encode() + b"\0" + struct.pack(">H", len(key)) + key + body
    return body + blake3.blake3(checked, derive_key_context="consist 2026 index value").digest()[:16]


def name(text):
    return text.encode() + b"\0\0"


def cut(raw, length):
    return raw[:length] + b"\0\1" + blake3.blake3(raw, derive_key_context="consist 2026 index name").digest()


def dump(path):
    with lmdb.open(path, subdir=False, readonly=True, lock=False, max_dbs=32) as env:
        found = {}
        for table in Tables._fields:
            handle = env.open_db(table.encode(), create=False)
            with env.begin() as txn:
                found[table] = dict(txn.cursor(handle))
        return found


def test_every_table_is_in_the_docs_and_no_other():
    text = DOCS.read_text()
    rows = text.partition("## Tables")[2].partition("*time* in a key")[0].splitlines()
    assert [row.split("`")[1] for row in rows if row.startswith("| `")] == list(Tables._fields)


@pytest.fixture
def filled(index, make, digest):
    given = (
        InputRecord("a", "file", digest("in"), 2, "in"),
        InputRecord("b", "file", digest("in"), 2, "in"),
    )
    first = make(1, "one", outputs=["x"], tags=("t" * 201,), parent="p", inputs=given, asked=(f"{7:020x}",))
    framed = encode_record(first)
    index.put_run(first, framed)
    failed = make(2, None, status="failed")
    failed_framed = encode_record(failed)
    index.put_run(failed, failed_framed)
    events = [Event("hit", ID.decode(), 7, 3), Event("tag", ID.decode(), 8, text="new"), Event("unpin", ID.decode(), 9)]
    log = encode_events("log/1", events)
    index.add_events("log/1", log, events)
    index.files.put("/" + "d" * 500, FileEntry(1, 2, 3, 4, digest("content")))
    index.suspects.add(digest("bad"))
    index.remember_store(str(Path(index.environment.path).parent / "index.store"))
    index.close()
    return framed, failed_framed, log, dump(index.environment.path)


def test_a_run_makes_these_keys_and_values(filled, digest):
    framed, failed_framed, _, found = filled
    number, end = struct.pack(">I", 1), struct.pack(">Q", AT + 2**63) + ID
    end_2, id_2 = struct.pack(">Q", AT + 1 + 2**63) + b"%020x" % 2, b"%020x" % 2
    assert found["results"] == {number + digest("one").raw: framed}
    assert found["runs"] == {number + ID: b"S" + digest("one").raw, number + id_2: b"R" + failed_framed}
    assert found["by_time"] == {number + end: b"", number + end_2: b""}
    assert found["by_step"] == {number + name("clean") + end: b"", number + name("clean") + end_2: b""}
    assert found["by_status"] == {number + name("completed") + end: b"", number + name("failed") + end_2: b""}
    assert found["by_tag"] == {number + cut(b"t" * 201, 160) + end: b"", number + name("new") + end: b""}
    assert found["by_parent"] == {number + name("p") + end: b""}
    assert found["by_asked"] == {number + b"%020x" % 7 + end: b""}
    key = number + name("clean")
    assert found["steps"] == {key: sealed("steps", key, "clean", 2, {"completed": 1, "failed": 1}, 1, 1, 1000)}
    key = number + digest("x").raw + end
    assert found["producers"] == {key: sealed("producers", key, "x")}
    key = number + digest("in").raw + end
    assert found["consumers"] == {key: sealed("consumers", key, "a", "b")}
    key = number + digest("x").raw
    assert found["blobs"] == {key: sealed("blobs", key, 1, True, AT + 500)}
    assert found["chunks"] == {}
    assert list(found["suspects"]) == [number + digest("bad").raw]


def test_a_file_makes_this_key_and_value(filled, digest):
    key = cut(b"/" + b"d" * 500, 400)
    assert filled[3]["files"] == {key: sealed("files", key, 1, 2, 3, 4, digest("content").raw)}


def test_events_make_these_keys_and_values(filled):
    _, _, log, found = filled
    number = struct.pack(">I", 1)
    key = number + b"P" + name("log/1")
    assert found["events"] == {number + b"A" + name("log/1"): b"", key: sealed("events", key, "log/1", log)}
    key = number + ID
    assert found["hits"] == {key: sealed("hits", key, 3, 7)}
    tag, pin = number + ID + name("tag") + name("new"), number + ID + name("pin") + name("")
    assert found["marks"] == {
        tag: sealed("marks", tag, "tag", "new", 8, True),
        pin: sealed("marks", pin, "pin", "", 9, False),
    }
    key = number + name("tag") + name("new") + ID
    assert found["by_mark"] == {key: sealed("by_mark", key, "new", 8)}
    assert log[:4] == b"CNST"
    assert msgpack.unpackb(log[28 + len("log/1") : -32]) == [
        0,
        [["hit", ID.decode(), 7, 3, ""], ["tag", ID.decode(), 8, 1, "new"], ["unpin", ID.decode(), 9, 1, ""]],
    ]


def test_meta_has_these_keys_and_values(filled):
    by_id, by_number = b"id\0" + name("store-1"), b"no\0" + struct.pack(">I", 1)
    assert filled[3]["meta"] == {
        b"magic": b"consist index",
        b"version": bytes(4),
        by_id: sealed("meta", by_id, 1, "store-1"),
        by_number: sealed("meta", by_number, "store-1", b"index.store", False),
    }
