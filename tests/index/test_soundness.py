"""`damaged_values`: one byte of one value turned, in each table that counts."""

import lmdb
import pytest

from consist.index.environment import Environment
from consist.index.index import Index
from consist.index.records import Event, InputRecord, encode_events
from consist.index.schema import Tables
from consist.index.soundness import damaged_values
from tests.harm import harmed

HINTS = {"files", "chunks", "suspects"}
"""Readers pass over what is damaged there, and write it anew."""


@pytest.fixture
def full(db_path, make, put, digest):
    """Give an index with something in every table that counts."""
    index = Index(Environment(db_path), "store-1")
    more = {"tags": ("t",), "parent": f"{7:020x}", "asked": (f"{5:020x}",)}
    for number in range(3):
        given = InputRecord("raw", "file", digest("raw"), 3, "raw.csv")
        put(index, make(number, number, outputs=("a", "b"), inputs=(given,), **more))
    put(index, make(9, None, kind="trace", status="failed"))
    index.remember_store("s3://bucket/store")
    index.confirm(digest(1), 5)
    events = [Event(kind, f"{1:020x}", at, count=1, text="text") for at, kind in enumerate(("hit", "tag", "pin"))]
    for key in ("log/day/m-1", "log/day/m-2"):
        index.add_events(key, encode_events(key, events), events)
    index.confirm_events("log/day/m-2")
    index.close()
    return db_path


def entries(path, table):
    env = lmdb.open(path, subdir=False, max_dbs=32, lib_version=0)
    with env.begin() as txn, txn.cursor(env.open_db(table.encode(), txn=txn, create=False)) as cursor:
        found = list(cursor)
    env.close()
    return found


def put_raw(path, table, key, data):
    env = lmdb.open(path, subdir=False, max_dbs=32, lib_version=0)
    with env.begin(write=True) as txn:
        txn.put(key, data, db=env.open_db(table.encode(), txn=txn, create=False))
    env.close()


@pytest.mark.parametrize("table", [table for table in Tables._fields if table not in HINTS])
def test_a_byte_that_changed_in_any_value_is_found(full, table):
    assert damaged_values(Environment(full)) == {}
    Environment(full).close()
    found = entries(full, table)
    if table == "meta":
        found = [(key, data) for key, data in found if key.startswith((b"id\x00", b"no\x00"))]
    assert found
    for key, data in found:
        put_raw(full, table, key, harmed(data) if data else b"x")
        damaged = damaged_values(Environment(full))
        assert damaged == {table: 1}
        Environment(full).close()
        put_raw(full, table, key, data)
