"""Content as what it holds: a table, an array, a value, text. For people and other programs; nothing is sniffed.

An output is read as its record says. A file, of which a record says no more, is read as its name says: ``.parquet`` and
``.npy``. Tables come in batches, and of an array as much is read as is shown, so that size does not matter.
"""

from __future__ import annotations

import ast
import contextlib
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from consist.errors import DamagedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.store.names import Found
    from consist.store.store import Store

TABLE, ARRAY, VALUE, BYTES, FOLDER = KINDS = ("table", "array", "value", "bytes", "folder")

_BY_FORMAT = {"parquet": TABLE, "npy": ARRAY, "plain": VALUE}
_BY_SUFFIX = {"parquet": TABLE, "pq": TABLE, "npy": ARRAY}
_MOST_HEADER = 10 << 20
_BUFFER = 1 << 18
"""Bytes of a column that are read at a time. Else pyarrow reads columns whole: of a table of 153 MiB in 20 columns, ten
rows took 12 MB instead of all of it, and half of the memory."""
_AS_IT_IS = "it is read as its name or its record says; `consist cat PATH` writes its bytes as they are"
_RAW = "--raw writes the stored bytes"


class Table(NamedTuple):
    """A table that is open.

    Attributes
    ----------
    columns : dict of str to str
        The types of the columns by name.
    total : int
        How many rows there are.
    rows : iterator of list
        Each row's values, in the order of the columns.
    """

    columns: dict[str, str]
    total: int
    rows: Iterator[list[Any]]


class ArrayHead(NamedTuple):
    """The beginning of an array.

    Attributes
    ----------
    shape : tuple of int
        Of all of it.
    dtype : str
        Of its items.
    items : object
        Nested lists: as many of its rows as were asked for; of an array that lies column by column, all of it.
    """

    shape: tuple[int, ...]
    dtype: str
    items: Any


def kind_of(found: Found) -> str:
    """Say what a content holds: one of `KINDS`."""
    if found.is_folder:
        return FOLDER
    known = _BY_FORMAT.get(found.format or "")
    if known is None and found.format in {"file", None}:
        known = _BY_SUFFIX.get(found.name.rpartition(".")[2].lower() if "." in found.name else "")
    return known or BYTES


def read_value(store: Store, found: Found) -> Any:
    """Read a plain value back.

    Raises
    ------
    UsageError
        If it is of a library that is not installed.
    """
    from consist.runs.formats.plain import decode
    from consist.store.names import open_found

    with open_found(store, found) as source:
        data = source.read()
    try:
        return decode(data)
    except ImportError as error:
        raise UsageError(f"{found.name!r} holds a value of {error.name}, which is not installed", hint=_RAW) from error


def said(found: Found, say: Any, value: Any) -> Any:
    """Say a value, or that it cannot be said.

    Raises
    ------
    UsageError
        If it nests too deeply.
    """
    try:
        return say(value)
    except RecursionError:
        raise UsageError(f"{found.name!r} nests too deeply to be written as text", hint=_RAW) from None


@contextlib.contextmanager
def opened_table(store: Store, found: Found) -> Iterator[Table]:
    """Open a table.

    Raises
    ------
    OutputError
        If pyarrow is not installed.
    DamagedError
        If it is no Parquet.
    """
    from consist.runs.formats.needs import needed
    from consist.store.names import open_found

    parquet = needed("pyarrow.parquet", "a table", "pyarrow")
    arrow = needed("pyarrow", "a table", "pyarrow")
    with open_found(store, found) as source:
        try:
            file = parquet.ParquetFile(source, buffer_size=_BUFFER, pre_buffer=False)
        except arrow.ArrowInvalid as error:
            raise DamagedError(f"{found.name!r} is no Parquet file: {error}", hint=_AS_IT_IS) from error
        columns = {field.name: str(field.type) for field in file.schema_arrow}
        yield Table(columns, file.metadata.num_rows, _rows(file, found))


def _rows(file: Any, found: Found) -> Iterator[list[Any]]:
    import pyarrow as pa

    try:
        for batch in file.iter_batches(batch_size=1024):
            yield from map(list, zip(*(column.to_pylist() for column in batch.columns), strict=True))
    except pa.ArrowInvalid as error:
        raise DamagedError(f"{found.name!r} cannot be read as Parquet: {error}", hint=_AS_IT_IS) from error


def read_array(store: Store, found: Found, rows: int | None = None) -> ArrayHead:
    """Read an array, or its first rows.

    Parameters
    ----------
    store, found
        The array.
    rows : int, optional
        How many of its items along the first axis. Default: all.

    Raises
    ------
    OutputError
        If numpy is not installed.
    DamagedError
        If it is no array, or one of objects.
    """
    from consist.runs.formats.needs import needed
    from consist.store.names import open_found

    np = needed("numpy", "an array", "numpy")
    with open_found(store, found) as source:
        try:
            fields = _header(source)
            shape, dtype = tuple(fields["shape"]), np.lib.format.descr_to_dtype(fields["descr"])
            wanted = shape
            if rows is not None and shape and not fields["fortran_order"]:
                wanted = (min(rows, shape[0]), *shape[1:])
            count = int(np.prod(wanted, dtype=object))
            items = np.frombuffer(source.read(count * dtype.itemsize), dtype, count)
            head = items.reshape(wanted, order="F" if fields["fortran_order"] else "C")
        except (ValueError, TypeError, KeyError, SyntaxError, MemoryError) as error:
            raise DamagedError(f"{found.name!r} is no array that can be read: {error}", hint=_AS_IT_IS) from error
    return ArrayHead(shape, str(dtype), head.tolist())


def _header(source: BinaryIO) -> dict[str, Any]:
    """Read the header of an ``.npy``, of any version of the format."""
    start = source.read(8)
    if start[:6] != b"\x93NUMPY":
        raise ValueError("it does not begin as one")
    length = int.from_bytes(source.read(2 if start[6] == 1 else 4), "little")
    if length > _MOST_HEADER:
        raise ValueError(f"its header is of {length} bytes")
    fields = ast.literal_eval(source.read(length).decode("latin-1" if start[6] < 3 else "utf-8"))  # noqa: PLR2004
    if not isinstance(fields, dict):
        raise TypeError("its header is no dict")
    return fields
