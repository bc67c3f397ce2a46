"""Outlines say of every run what its whole record says."""

import dataclasses

from consist.hashing.codec import pack
from consist.hashing.frame import Kind, encode_frame
from consist.index.outline import is_uncached, outline_of
from consist.index.records import ArtifactRecord, encode_record
from tests.harm import harmed


def test_outlines_agree_with_the_records_newest_first(index, make, put):
    runs = [make(n, n if n % 3 else None, outputs=["x", "y"], step=f"s{n % 2}") for n in range(40)]
    index.put_runs((run, encode_record(run)) for run in runs)
    told = list(index.outlines())
    records = list(index.runs())
    assert [run.id for run in told] == [f"{number:020x}" for number in reversed(range(40))]
    for outline, record in zip(told, records, strict=True):
        assert (outline.step, outline.status, outline.started, outline.ended) == (
            record.step,
            record.status,
            record.started,
            record.ended,
        )
        assert is_uncached(outline) is is_uncached(record)
        assert [(each.key, each.digest, each.size, each.content, each.inline) for each in outline.outputs] == [
            (each.key, each.digest.raw, each.size, each.size, True) for each in record.outputs
        ]
        assert outline.framed == len(index.framed(record.id))
    assert [run.id for run in index.outlines("s1")] == [run.id for run in told if run.step == "s1"]
    assert list(index.outlines("nobody")) == []


def test_rows_are_the_runs_that_a_query_fits_as_outlines(index, make, put):
    kinds = ("run", "trace", "scenario")
    runs = [make(n, n if n % 3 == 0 else None, kind=kinds[n % 3], step=f"s{n % 2}", tags=("t",)) for n in range(40)]
    index.put_runs((run, encode_record(run)) for run in runs)
    for chosen in ({}, {"step": "s1"}, {"kind": "trace", "tag": "t"}, {"since": runs[30].started}, {"step": "none"}):
        for limit in (None, 3):
            wanted = [(run.id, run.step, run.status, run.kind) for run in index.runs(**chosen, limit=limit)]
            assert [(row.id, row.step, row.status, row.kind) for row in index.rows(**chosen, limit=limit)] == wanted


def test_a_completed_run_that_no_signature_leads_to_is_uncached(index, make, put, digest):
    parts = {"code": digest("code")}
    told = {}
    for number, (changes, uncached) in enumerate(
        [
            ({}, True),
            ({"signature": digest("s")}, False),
            ({"status": "failed"}, False),
            ({"status": "forgotten"}, False),
            ({"kind": "trace"}, False),
            ({"parts": {}}, False),  # as of what was put
        ]
    ):
        record = dataclasses.replace(make(number), **{"signature": None, "parts": parts, "kind": "run", **changes})
        put(index, record)
        told[record.id] = uncached
        assert is_uncached(record) is uncached
    assert {row.id: is_uncached(row) for row in index.rows()} == told


def test_a_folder_counts_by_its_files(index, make, put, digest):
    tree = ArtifactRecord("plots", digest("tree"), 40, "tree", None, {"total": 5000, "files": 2})
    put(index, make(1, outputs=(), step="draw"))
    put(index, dataclasses.replace(make(2), outputs=(tree,)))
    (output,) = next(index.outlines()).outputs
    assert (output.size, output.content, output.inline) == (40, 5000, False)


def test_what_is_damaged_or_of_other_types_is_no_outline(make):
    good = encode_record(make(1, outputs=["x"]))
    assert outline_of(good) is not None
    for position in range(0, len(good), 7):
        assert outline_of(good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :]) is None
    for length in range(len(good)):
        assert outline_of(good[:length]) is None
    for payload in ([], [0], None, 7, {}, [0] * 23, [0, "x", None, *["y"] * 9, [["k", b"short", 1, "f", None, {}]]]):
        assert outline_of(encode_frame(Kind.RECORD, b"key", pack(payload))) is None


def test_a_damaged_record_is_passed_over(index, make, put, environment):
    kept, lost = make(1, "one", outputs=["x"]), make(2, "two", outputs=["x"])
    put(index, kept)
    framed = put(index, lost)
    spoilt = harmed(framed)
    index._bound.write(lambda view: view.put("results", lost.signature.raw, spoilt))
    assert [run.id for run in index.outlines()] == [run.id for run in index.rows()] == [kept.id]
