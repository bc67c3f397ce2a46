"""Arrow tables come back equal, schema and its metadata too, or not at all."""

import decimal
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from consist.errors import DamagedError, FormatError, OutputError
from consist.hashing import codec
from consist.runs.formats.table import prepare, read


def content_of(value):
    with prepare(value) as prepared:
        return prepared.stream.read()


def through(value):
    return read(io.BytesIO(content_of(value)))


def assert_same(back, table):
    assert back.schema.equals(table.schema, check_metadata=True)
    assert back.num_rows == table.num_rows
    assert back.equals(table)
    back.validate(full=True)


COLUMNS = {
    "null": pa.nulls(2),
    "half": pa.array([1, 2], pa.int8()).cast(pa.float16()),
    "text": pa.array(["ü", None]),
    "large text": pa.array(["ü", None], pa.large_string()),
    "text views": pa.array(["ü", None], pa.string_view()),
    "fixed bytes": pa.array([b"ab", None], pa.binary(2)),
    "days": pa.array([1, None], pa.date32()),
    "days as milliseconds": pa.array([86_400_000, None], pa.date64()),
    "seconds": pa.array([1, None], pa.timestamp("s")),
    "seconds in a zone": pa.array([1, None], pa.timestamp("s", "Europe/Zurich")),
    "times of day": pa.array([1, None], pa.time32("s")),
    "spans": pa.array([1, None], pa.duration("s")),
    "decimals": pa.array([decimal.Decimal("1.5"), None], pa.decimal256(50, 3)),
    "lists": pa.array([[1, None], None], pa.list_(pa.field("odd", pa.int64()))),
    "lists of seconds": pa.array([[1, None], None], pa.list_(pa.timestamp("s"))),
    "fixed lists": pa.array([[1, 2], None], pa.list_(pa.int64(), 2)),
    "large lists": pa.array([["a"], None], pa.large_list(pa.string())),
    "structs": pa.array([{"a": 1, "b": "x"}, None]),
    "maps": pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
    "a dictionary": pa.array(["x", None]).dictionary_encode(),
    "a dictionary with entries that no row has": pa.DictionaryArray.from_arrays(
        pa.array([2, None], pa.int8()), ["z", "y", "x"], ordered=True
    ),
    "a dictionary of large text": pa.array(["x", None], pa.large_string()).dictionary_encode(),
    "a dictionary of integers": pa.array([7, None]).dictionary_encode(),
    "a dictionary of seconds": pa.array([7, None], pa.timestamp("s")).dictionary_encode(),
    "a dictionary of floats": pa.array([-0.0, None]).dictionary_encode(),
    "a dictionary with an entry twice": pa.DictionaryArray.from_arrays(pa.array([1, 0]), ["x", "x"]),
    "uuids": pa.array([b"0" * 16, None], pa.uuid()),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_each_type_comes_back(name):
    column = COLUMNS[name]
    schema = pa.schema([pa.field("c", column.type, metadata={"k": "v"}), pa.field("c", pa.int8(), nullable=False)])
    table = pa.Table.from_arrays([column, pa.array([1, 2], pa.int8())], schema=schema)
    assert_same(through(table), table)
    assert_same(through(table.slice(1)), table.slice(1))
    empty = table.schema.empty_table()
    assert_same(through(empty), empty)


def test_numbers_that_are_none_come_back_within_types_that_parquet_lacks():
    column = pa.array([[("a", float("nan"))], None], pa.map_(pa.string(), pa.float64()))
    table = pa.table({"m": column, "n": pa.array([-0.0, float("nan")])})
    assert repr(through(table).to_pydict()) == repr(table.to_pydict())
    assert through(table).schema == table.schema


def test_pieces_with_dictionaries_of_their_own_come_back():
    pieces = [pa.array(["x", "y"]).dictionary_encode(), pa.array(["y", "z"]).dictionary_encode()]
    table = pa.table({"d": pa.chunked_array(pieces)})
    assert through(table)["d"].to_pylist() == ["x", "y", "y", "z"]
    assert_same(through(table), table.unify_dictionaries().combine_chunks())


def test_metadata_comes_back_whatever_its_keys_are():
    table = pa.table({"a": [1]}, metadata={"consist": "mine", "geo": b"\xff\x00"})
    assert_same(through(table), table)
    assert_same(through(through(table)), table)


@pytest.mark.parametrize("rows", [0, 5])
def test_rows_without_columns_come_back(rows):
    table = pa.table({"a": pa.nulls(rows)}, metadata={"k": "v"}).select([])
    assert table.num_rows == rows
    assert_same(through(table), table)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([{}], pa.struct([])), "column 'c': struct<> has no form in Parquet"),
        (pa.array([(1, 2, 3)], pa.month_day_nano_interval()), "has no form in Parquet"),
        (pa.array([2**62], pa.timestamp("s")), "out of bounds"),
        (pa.array([1], pa.date64()), "column 'c': date64"),
        (pa.ListArray.from_arrays([0, 1], pa.array(["x"]).dictionary_encode()), "within list"),
        (pa.DictionaryArray.from_arrays(pa.array([0]), pa.array([None], pa.string())), "missing values"),
    ],
)
def test_what_would_come_back_as_another_value_is_refused(column, message):
    with pytest.raises(OutputError, match=message):
        content_of(pa.table({"c": column}))


def test_other_things_of_arrow_are_refused():
    with pytest.raises(OutputError, match=r"pyarrow\.RecordBatch has no format"):
        content_of(pa.record_batch({"a": [1]}))


def test_any_reader_of_parquet_reads_it():
    table = pa.table({"a": [1, 2], "t": ["x", "y"], "d": pa.array(["p", "q"]).dictionary_encode()})
    found = pq.read_table(io.BytesIO(content_of(table)))
    assert found.to_pydict() == table.to_pydict()


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no table at all" * 10])
def test_other_bytes_are_damage(content):
    with pytest.raises(DamagedError, match="not a table that consist wrote"):
        read(io.BytesIO(content))


def test_the_parquet_of_others_is_damage():
    file = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), file)
    with pytest.raises(DamagedError, match="not a table that consist wrote"):
        read(io.BytesIO(file.getvalue()))


def test_a_newer_version_is_refused():
    import base64

    file = io.BytesIO()
    said = base64.b64encode(codec.pack({"version": 1}))
    pq.write_table(pa.table({"a": [1]}, metadata={"consist": said}), file)
    with pytest.raises(FormatError, match="a table of version 1"):
        read(io.BytesIO(file.getvalue()))


def test_equal_tables_are_equal_bytes_however_they_lie_in_memory():
    whole = pa.table({"a": list(range(1000)), "t": [str(n) for n in range(1000)]})
    pieces = pa.concat_tables([whole.slice(0, 10), whole.slice(10)])
    assert content_of(pieces) == content_of(whole)
