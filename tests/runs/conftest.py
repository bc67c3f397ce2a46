"""A tracker in a folder of its own, with the index closed at the end so that no test keeps another's file open."""

from __future__ import annotations

import struct
from types import SimpleNamespace

import msgpack
import pytest

from consist import Tracker


@pytest.fixture
def tracker(tmp_path):
    made = Tracker(run_dir=tmp_path / "runs", db_path=tmp_path / "index.lmdb", durable=False)
    yield made
    made.close()


FIELDS = [
    *("version", "id", "signature", "step", "status", "started", "ended", "parts", "code", "config", "config_parts"),
    *("inputs", "outputs", "returns", "parent", "tags", "description", "facet", "error", "machine", "notes"),
    *("contract", "kind", "meta"),
]


@pytest.fixture
def records(tmp_path):
    """Read every record of the tracker's store by the words of docs/format.md alone, by run id."""

    def read(store="index.store"):
        found = {}
        for area in ("runs", "results"):
            for path in (tmp_path / store / area).rglob("*"):
                if path.is_file():
                    data = path.read_bytes()
                    key, size = struct.unpack(">HI", data[6:12])
                    fields = msgpack.unpackb(data[28 + key : 28 + key + size])
                    record = SimpleNamespace(**dict(zip(FIELDS, fields, strict=True)))
                    found[record.id] = record
        return found

    return read
