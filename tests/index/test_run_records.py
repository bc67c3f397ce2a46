import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consist.errors import DamagedError, FormatError, UnsupportedError, UsageError
from consist.hashing.codec import pack, unpack
from consist.hashing.digest import Digest
from consist.hashing.frame import Kind, decode_frame, encode_frame
from consist.index.records import (
    ArtifactRecord,
    ContractRecord,
    Event,
    InputRecord,
    RunRecord,
    decode_events,
    decode_record,
    encode_events,
    encode_record,
)

GOLDEN = Path(__file__).parent / "golden"

digests = st.binary(min_size=32, max_size=32).map(Digest)
ids = st.text("0123456789abcdef", min_size=20, max_size=20)
texts = st.text(max_size=20)
numbers = st.integers(1 - 2**63, 2**63 - 1)
sizes = st.integers(0, 2**63 - 1)
leaves = st.none() | st.booleans() | numbers | st.floats(allow_nan=False) | texts | st.binary(max_size=10)
plain = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
maps = st.dictionaries(texts, plain, max_size=3)
tables = st.dictionaries(texts, digests, max_size=3)
tuples = st.lists(texts, max_size=3).map(tuple)
inputs = st.builds(InputRecord, texts, texts, digests, sizes, texts)
outputs = st.builds(ArtifactRecord, texts, digests, sizes, texts, st.none() | st.binary(max_size=20), maps)
contracts = st.builds(ContractRecord, tuples, tuples, st.dictionaries(texts, texts, max_size=3))
records = st.builds(
    RunRecord,
    ids,
    st.none() | digests,
    texts,
    texts,
    numbers,
    numbers,
    parts=tables,
    code=tables,
    config=plain,
    config_parts=tables,
    inputs=st.lists(inputs, max_size=2).map(tuple),
    outputs=st.lists(outputs, max_size=2).map(tuple),
    returns=texts,
    parent=texts,
    tags=tuples,
    description=texts,
    facet=maps,
    error=tuples,
    machine=maps,
    notes=tuples,
    contract=contracts,
    kind=texts,
    meta=maps,
    asked=st.lists(ids, max_size=3).map(tuple),
)
events = st.builds(
    Event,
    st.sampled_from(["hit", "tag", "untag", "pin", "unpin", "member", "forget"]),
    ids,
    numbers,
    st.integers(1, 2**40),
    texts,
)
RECORD = RunRecord(
    "0" * 20, None, "clean", "completed", 1, 2, outputs=(ArtifactRecord("a", Digest(bytes(32)), 1, "x"),)
)


@given(records)
def test_a_record_comes_back(record):
    assert decode_record(encode_record(record), record.frame_key) == record


@given(st.lists(events, max_size=5).map(tuple), texts)
def test_events_come_back(items, log_key):
    assert decode_events(encode_events(log_key, items), log_key) == items


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_record_with_any_byte_changed_is_refused(place, change):
    data = bytearray(encode_record(RECORD))
    data[place % len(data)] ^= change
    with pytest.raises((DamagedError, FormatError)):
        decode_record(bytes(data), RECORD.frame_key)


def test_a_record_under_another_key_is_damaged():
    with pytest.raises(DamagedError):
        decode_record(encode_record(RECORD), b"1" * 20)


def payload_of(record):
    return unpack(decode_frame(encode_record(record), Kind.RECORD, None).payload)


def framed(fields, key=b"0" * 20):
    return encode_frame(Kind.RECORD, key, pack(fields))


def test_a_newer_record_is_refused_with_what_to_do():
    with pytest.raises(FormatError, match="upgrade consist"):
        decode_record(framed([2, *payload_of(RECORD)[1:]]))


@pytest.mark.parametrize(
    ("version", "length"), [(1, 0), (1, 1), (1, 22), (1, 23), (1, 25), (0, 21), (0, 23), (0, 24), (-1, 22)]
)
def test_a_record_of_another_length_is_damaged(version, length):
    with pytest.raises(DamagedError):
        decode_record(framed([version, *payload_of(RECORD)[1:], None][:length]))


@pytest.mark.parametrize("place", [*range(8 + 1), *range(10, 24)])
@pytest.mark.parametrize("value", [{"x": 1}, [["x"]], -1.5, b"x"])
def test_a_hostile_record_with_a_field_of_another_type_is_an_error_of_ours(place, value):
    fields = payload_of(RECORD)
    if type(fields[place]) is type(value) and type(value) is dict:
        value = 7
    fields[place] = value
    with pytest.raises((DamagedError, FormatError)):
        decode_record(framed(fields))


@pytest.mark.parametrize(
    "contract",
    [[], [[], []], [[], [], {}, []], [[1], [], {}], [[], [b"x"], {}], [[], [], {"a": 1}], [[], [], {1: "a"}]],
)
def test_a_malformed_contract_is_damaged(contract):
    fields = payload_of(RECORD)
    fields[21] = contract
    with pytest.raises(DamagedError):
        decode_record(framed(fields))


def digest(number):
    return Digest(bytes([number]) * 32)


def test_a_record_of_version_0_is_read_as_it_was_meant():
    found = decode_record((GOLDEN / "record-v0.bin").read_bytes(), bytes([1]) * 32)
    assert found == RunRecord(
        id="00112233445566778899",
        signature=digest(1),
        step="clean",
        status="completed",
        started=1_700_000_000_000_001,
        ended=1_700_000_002_500_001,
        parts={"code": digest(2), "config": digest(3), "inputs": digest(4), "contract": digest(5)},
        code={"function job.clean": digest(6), "distribution numpy": digest(7)},
        config={"threshold": 0.5, "names": ["a", "ö"], "deep": {"n": None, "on": True, "big": -(2**63)}},
        config_parts={"threshold": digest(8), "names": digest(9), "deep": digest(10)},
        inputs=(
            InputRecord("raw", "file", digest(11), 1234, "/data/raw.csv"),
            InputRecord("model", "artifact", digest(12), 5, "runs/" + "ab" * 10 + "/model"),
        ),
        outputs=(
            ArtifactRecord("small", digest(13), 3, "bytes", b"abc", {}),
            ArtifactRecord(
                "large", digest(14), 5_000_000, "file", None, {"path": "/out/large.bin", "chunks": b"\x0f" * 32}
            ),
        ),
        returns="dict",
        parent="99887766554433221100",
        tags=("draft", "year-2030"),
        description="before lunch",
        facet={"year": 2030},
        machine={"host": "here", "python": "3.11.9", "platform": "linux x86_64", "consist": "0"},
        notes=("input 'raw' changed while the function ran",),
        contract=ContractRecord(("small", "large"), ("log",), {"raw": "path", "model": "value"}),
        kind="run",
        meta={},
    )


def test_a_failed_record_of_version_0_is_read_and_written_as_version_1():
    found = decode_record((GOLDEN / "failed-v0.bin").read_bytes(), b"ffeeddccbbaa99887766")
    assert found == RunRecord(
        "ffeeddccbbaa99887766", None, "fit", "failed", 5, 6, error=("ValueError", "no luck"), kind="run"
    )
    assert payload_of(found) == [
        *(1, "ffeeddccbbaa99887766", None, "fit", "failed", 5, 6, {}, {}, None, {}, [], [], "none", "", [], "", {}),
        *(["ValueError", "no luck"], {}, [], [[], [], {}], "run", {}),
    ]


ASKED = dataclasses.replace(RECORD, meta={"n": 1}, asked=("1" * 20, "2" * 20))


def test_runs_that_were_asked_for_are_meta_to_whoever_does_not_know_them():
    assert payload_of(ASKED)[:1] + payload_of(ASKED)[23:] == [1, {"n": 1, "runs/asked": ["1" * 20, "2" * 20]}]
    assert decode_record((GOLDEN / "asked-v1.bin").read_bytes(), b"0" * 20) == ASKED


@pytest.mark.parametrize("asked", ["1" * 20, {}, None, ["1" * 19], [1], [b"1" * 20]])
def test_what_cannot_have_been_asked_for_is_damage(asked):
    with pytest.raises(DamagedError):
        decode_record(framed([*payload_of(RECORD)[:23], {"runs/asked": asked}]))


def test_a_record_that_is_no_list_is_damaged():
    for payload in ({}, None, 7, "x"):
        with pytest.raises(DamagedError):
            decode_record(framed(payload))


def test_config_that_is_no_plain_data_is_refused():
    with pytest.raises(UsageError):
        encode_record(dataclasses.replace(RECORD, config=object()))


@pytest.mark.parametrize(
    ("limit", "name", "large"),
    [
        ("MAX_BYTES", "config", {"x": "y" * 2000}),
        ("MAX_ITEMS", "facet", {"x": [0] * 2000}),
        ("MAX_ITEMS", "meta", {"x": {str(n): n for n in range(2000)}}),
        ("MAX_BYTES", "outputs", (*RECORD.outputs, ArtifactRecord("b", Digest(bytes(32)), 2000, "x", bytes(2000)))),
    ],
)
def test_a_record_that_could_not_be_read_back_is_not_written(limit, name, large, monkeypatch):
    monkeypatch.setattr(f"consist.hashing.codec.{limit}", 1000)
    record = dataclasses.replace(RECORD, **{name: large})
    said = (
        rf"the record of run 0{{20}} of 'clean' is too large to be read back: [\d,]+ bytes, [\d,]+ of them its {name} "
    )
    with pytest.raises(UnsupportedError, match=said):
        encode_record(record)


@pytest.mark.parametrize("limit", ["MAX_BYTES", "MAX_ITEMS"])
def test_a_record_at_the_limit_is_written_and_read(limit, monkeypatch):
    """One of more bytes than it may have items need not have too many of those."""
    record = dataclasses.replace(RECORD, config="y" * 1000)
    size = len(decode_frame(encode_record(record), Kind.RECORD, None).payload)
    monkeypatch.setattr(f"consist.hashing.codec.{limit}", size if limit == "MAX_BYTES" else 1000)
    assert decode_record(encode_record(record)) == record


def test_events_of_a_newer_consist_are_refused():
    with pytest.raises(FormatError, match="upgrade"):
        decode_events(encode_frame(Kind.LOG, b"k", pack([1, []])), "k")


@pytest.mark.parametrize(
    "row",
    [
        ["party", "0" * 20, 1, 1, ""],
        ["hit", "0" * 19, 1, 1, ""],
        ["hit", 7, 1, 1, ""],
        ["hit", "0" * 20, 1.5, 1, ""],
        ["hit", "0" * 20, 1, 0, ""],
        ["hit", "0" * 20, 1, True, ""],
        ["tag", "0" * 20, 1, 1, b"x"],
        ["tag", "0" * 20, 1, 1, "x" * 5000],
        ["tag", "0" * 20],
        "hit",
        7,
    ],
)
def test_a_malformed_event_is_damaged_when_read_and_refused_when_written(row):
    with pytest.raises(DamagedError):
        decode_events(encode_frame(Kind.LOG, b"k", pack([0, [row]])), "k")
    if isinstance(row, list) and len(row) == 5:
        with pytest.raises(UsageError):
            encode_events("k", [Event(*row)])


@pytest.mark.parametrize("payload", [None, [], ["x"], [0], [0, 7], [0, [], []]])
def test_a_log_object_of_another_shape_is_damaged(payload):
    with pytest.raises(DamagedError):
        decode_events(encode_frame(Kind.LOG, b"k", pack(payload)), "k")
