"""What a tracker is told about its store, seen on the disk."""

import struct

import msgpack
import pytest

from consist import Tracker

LINE = b"1,2,3,some words of a table\n"


def lines():
    return LINE * (1_500_000 // len(LINE))


@pytest.mark.parametrize(
    ("given", "encodings"), [({}, {1}), ({"compression": "auto"}, {1}), ({"compression": "none"}, {0})]
)
def test_chunks_are_compressed_unless_it_says_no(tmp_path, given, encodings):
    """By docs/format.md: the second field of a manifest's rows is how the chunk is stored."""
    with Tracker(run_dir=tmp_path / "runs", db_path=tmp_path / "index.lmdb", durable=False, **given) as tracker:
        assert tracker.run(lines).value == lines()
    [manifest] = [path for path in (tmp_path / "index.store/manifests").rglob("*") if path.is_file()]
    _, _, _, rows = msgpack.unpackb(manifest.read_bytes()[60:-32])
    assert {encoding for _, encoding, *_ in struct.iter_unpack(">32sBIIII", rows)} == encodings
