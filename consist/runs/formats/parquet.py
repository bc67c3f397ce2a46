"""Arrow tables as Parquet whose versions share chunks, and back, as they were.

Pages begin where the content says (pyarrow's content-defined chunking), in one row group, uncompressed: so an edit
changes the pages around it and no others, and the store, which cuts large content and compresses the pieces, finds the
others again. Decision 16 has the measurements. It is a Parquet file that any reader reads.

Parquet has fewer types than Arrow. What it would bring back as another (seconds, the order of a dictionary) is mended
on reading by notes in the file, under the key ``consist``; what cannot be mended is refused before anything is written.
This module knows Arrow only; what a table means to pandas or polars is in the modules beside it.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import io
from typing import TYPE_CHECKING, Any, BinaryIO

from consist.blobs.spool import Spool
from consist.errors import DamagedError, FormatError, OutputError, StorageError
from consist.hashing.hasher import BLOCK
from consist.runs.formats import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITING: dict[str, Any] = {
    "use_content_defined_chunking": {"min_chunk_size": 64 << 10, "max_chunk_size": 256 << 10},
    "compression": "none",  # a changed byte changes all that follows in a compressed page; the store compresses
    "row_group_size": 1 << 26,  # pyarrow's limit: row groups begin at fixed rows, whatever the content
    "use_compliant_nested_type": False,  # else the items of lists are renamed
}
"""How tables are written; dictionaries are used for columns that are dictionaries, and no others."""

_KEY = b"consist"
_VERSION = 0


def write(table: Any, about: dict[str, Any], sink: Spool) -> None:
    """Write a table.

    Parameters
    ----------
    table : pyarrow.Table
        The table.
    about : dict
        Plain values that `read` gives back with it.
    sink : Spool
        Where the file goes.

    Raises
    ------
    OutputError
        If a column would not come back as it is.
    StorageError
        If the disk with temporary files is full.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = unique_names(table.column_names)
    stored, notes = [], []
    for name, column in zip(names, table.columns, strict=True):
        kept, note = _to_parquet(name, column)
        stored.append(kept)
        notes.append(note)
    everything = {
        **about,
        "version": _VERSION,
        "rows": table.num_rows,
        "schema": table.schema.serialize().to_pybytes(),
        "dictionaries": notes,
    }
    said = base64.b64encode(plain.encode(everything))  # other readers expect text there
    file = pa.Table.from_arrays(stored, names).replace_schema_metadata({**(table.schema.metadata or {}), _KEY: said})
    dictionaries = [field.name for field in file.schema if pa.types.is_dictionary(field.type)]
    try:
        pq.write_table(file, _Sink(sink), use_dictionary=dictionaries, **WRITING)
    except pa.ArrowException as error:
        raise OutputError(f"the table has no form in Parquet: {error}") from error


def read(stream: BinaryIO) -> tuple[Any, dict[str, Any]]:
    """Read a table back, and what was said about it.

    The stream is read to its end first, so that all of it was checked: what a Parquet reader does, jumping, is not.

    Raises
    ------
    DamagedError
        If it is no such file.
    FormatError
        If a newer consist wrote it.
    """
    with contextlib.closing(Spool()) as spool:
        while piece := stream.read(BLOCK):
            spool.write(piece)
        return _read_file(spool)


@contextlib.contextmanager
def reading(spool: Spool) -> Iterator[tuple[int, BinaryIO]]:
    """Open what was spooled: its size, and a stream of it."""
    stream: BinaryIO = io.BytesIO(*spool.pieces()) if spool.path is None else open(spool.path, "rb")  # noqa: PTH123, SIM115 - closed below
    with stream:
        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        yield size, stream


def unique_names(names: list[str]) -> list[str]:
    """Tell columns with one name apart, for readers that go by names.

    Examples
    --------
    >>> unique_names(["a", "b", "a", "a.1"])
    ['a', 'b', 'a.1', 'a.1.1']
    """
    taken: dict[str, None] = {}
    for name in names:
        unique, number = name, 0
        while unique in taken:
            number += 1
            unique = f"{name}.{number}"
        taken[unique] = None
    return list(taken)


class _Sink(io.RawIOBase):
    """A spool as the file that pyarrow writes to."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Any) -> int:
        self._spool.write(data)
        self._position += len(data)
        return len(data)


def _read_file(spool: Spool) -> tuple[Any, dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(spool.path or pa.BufferReader(*spool.pieces()), memory_map=True) as file:
            about = _about(file.schema_arrow.metadata or {})
            stored = file.read()
        schema = pa.ipc.read_schema(pa.py_buffer(about["schema"]))
        return _from_parquet(stored, schema, about), about
    except StorageError:
        raise
    except (pa.ArrowException, OSError, LookupError, ValueError, TypeError) as error:
        raise DamagedError(f"not a table that consist wrote: {error}") from error


def _about(metadata: dict[bytes, bytes]) -> dict[str, Any]:
    about: dict[str, Any] = plain.decode(base64.b64decode(metadata[_KEY], validate=True))
    if about["version"] > _VERSION:
        raise FormatError(f"a table of version {about['version']}", hint="upgrade consist")
    return about


def _from_parquet(stored: Any, schema: Any, about: dict[str, Any]) -> Any:
    import pyarrow as pa

    if not schema.names:  # Parquet forgets how many rows there are if there are no columns
        return pa.table({"": pa.nulls(about["rows"])}, metadata=schema.metadata).select([])
    columns = [
        _as_dictionary(column, field.type, note) if note is not None else _cast(column, field.type)
        for column, field, note in zip(stored.columns, schema, about["dictionaries"], strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


# --- columns


def _to_parquet(name: str, column: Any) -> tuple[Any, bytes | None]:
    """Give a column a type that Parquet keeps; for a dictionary, also return its entries as a note."""
    import pyarrow as pa

    try:
        if pa.types.is_dictionary(column.type):
            return _from_dictionary(name, column)
        if _holds_dictionary(column.type):
            raise OutputError(
                f"column {name!r}: dictionaries within {column.type} have no format", hint="cast them to their values"
            )
        kept = _type_in_parquet(column.type)
        stored = _cast(column, kept)  # raises if a value would change
        _cast(stored.slice(0, 0), column.type)  # raises if there is no way back
    except pa.ArrowException as error:
        raise OutputError(
            f"column {name!r}: {column.type} has no form in Parquet: {error}", hint="cast it to another type"
        ) from error
    return stored, None


@functools.lru_cache(maxsize=256)
def _type_in_parquet(kind: Any) -> Any:
    """Return the type that a type comes back as: asked of pyarrow itself, with an empty column."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(pa.schema([("column", kind)]).empty_table(), file, use_dictionary=False, **WRITING)
    return pq.ParquetFile(io.BytesIO(file.getvalue())).schema_arrow.field(0).type


def _cast(column: Any, kind: Any) -> Any:
    return column if column.type == kind else column.cast(kind)


def _holds_dictionary(kind: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_dictionary(kind) or any(
        _holds_dictionary(kind.field(place).type) for place in range(kind.num_fields)
    )


def _from_dictionary(name: str, column: Any) -> tuple[Any, bytes]:
    """Store a dictionary column as values that anybody can read, or else as its indices; note its entries.

    The entries are noted because Parquet keeps neither their order nor those that no row has.
    """
    import pyarrow as pa

    column = column.unify_dictionaries() if column.num_chunks > 1 else column
    entries = column.chunk(0).dictionary if column.num_chunks else pa.array([], column.type.value_type)
    if entries.null_count or _holds_dictionary(entries.type):
        raise OutputError(f"column {name!r}: its dictionary holds missing values or another dictionary")
    note = pack_arrays([entries])
    if not _found_by_value(entries):
        return pa.chunked_array([chunk.indices for chunk in column.chunks], column.type.index_type), note
    if pa.types.is_string(entries.type) or pa.types.is_large_string(entries.type):
        return column, note
    return column.cast(entries.type).cast(_type_in_parquet(entries.type)), note


def _found_by_value(entries: Any) -> bool:
    """Tell whether a row's entry can be found again from its value."""
    import pyarrow as pa

    kind, types = entries.type, pa.types
    simple = types.is_string(kind) or types.is_large_string(kind) or types.is_integer(kind) or types.is_timestamp(kind)
    return simple and len(entries.unique()) == len(entries)


def _as_dictionary(column: Any, kind: Any, note: bytes) -> Any:
    import pyarrow as pa

    (entries,) = unpack_arrays(note)
    by_value = _found_by_value(entries)
    chunks = [
        pa.DictionaryArray.from_arrays(
            (_indices(chunk, entries) if by_value else chunk).cast(kind.index_type), entries, ordered=kind.ordered
        )
        for chunk in column.chunks or [pa.array([], column.type)]  # without a chunk there is no place for the entries
    ]
    return pa.chunked_array(chunks, kind)


def _indices(chunk: Any, entries: Any) -> Any:
    """Find the entry of each row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(chunk.type):
        return pc.index_in(_cast(chunk, entries.type), value_set=entries)
    return pc.index_in(_cast(chunk.dictionary, entries.type), value_set=entries).take(chunk.indices)


# --- arrays within notes


def pack_arrays(arrays: list[Any]) -> bytes:
    """Return arrays of one length as an Arrow stream, which keeps every type."""
    import pyarrow as pa

    batch = pa.record_batch(arrays, [str(place) for place in range(len(arrays))])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def unpack_arrays(packed: bytes) -> list[Any]:
    """Read back what `pack_arrays` packed."""
    import pyarrow as pa

    columns: list[Any] = pa.ipc.open_stream(packed).read_next_batch().columns
    return columns
