"""Which format a value takes, and which one a record names.

Plain values are bytes in memory. Arrays and tables are streams, and their modules are imported when the first of them
comes: a value is told by the module of its type, so nobody pays for a library that is not used.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from consist.errors import OutputError
from consist.runs.formats import plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from consist.runs.formats.streams import Prepared

FILE = "file"
"""The format of an output that was a `pathlib.Path`: its bytes are the file's own, its value is a path."""


class Format(NamedTuple):
    """How values of some types become bytes and come back.

    Attributes
    ----------
    name : str
        What a record calls it.
    encode : callable
        Value to bytes; raises `OutputError` for what it cannot hold.
    decode : callable
        Bytes to value; raises `DamagedError` for bytes that it did not make.
    """

    name: str
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


class StreamFormat(NamedTuple):
    """How large values become a stream of bytes and come back.

    Attributes
    ----------
    name : str
        What a record calls it.
    module : str
        Has `prepare` (value to a context with a `Prepared` stream; raises `OutputError` for what it cannot hold) and
        `read` (binary file to value; raises `DamagedError` for bytes that it did not make).
    """

    name: str
    module: str

    @property
    def prepare(self) -> Callable[[Any], AbstractContextManager[Prepared]]:
        """Make a stream of a value."""
        return importlib.import_module(self.module).prepare  # type: ignore[no-any-return]

    @property
    def read(self) -> Callable[[BinaryIO], Any]:
        """Read a value from a stream to its end."""
        return importlib.import_module(self.module).read  # type: ignore[no-any-return]


PLAIN = Format("plain", plain.encode, plain.decode)
BYTES = Format("bytes", bytes, bytes)
NPY = StreamFormat("npy", "consist.runs.formats.array")
PARQUET = StreamFormat("parquet", "consist.runs.formats.table")

_FORMATS: dict[str, Format | StreamFormat] = {known.name: known for known in (PLAIN, BYTES, NPY, PARQUET)}

SHOWN = {known.name: known for known in (PLAIN, BYTES)}
"""Formats whose small values a printed artifact shows."""

IMAGES = {"png": "image/png"}
"""Formats of images, with the type that a browser knows them by."""

_TABLES = frozenset({"pandas", "polars", "pyarrow"})


def format_for(value: Any) -> Format | StreamFormat:
    """Return the format that a value is stored in.

    Raises
    ------
    OutputError
        If it would come back as another type.

    Examples
    --------
    >>> import numpy
    >>> format_for({"a": 1}).name, format_for(numpy.ones(3)).name, format_for(numpy.float64(1)).name
    ('plain', 'npy', 'plain')
    """
    cls = type(value)
    if cls is bytes:
        return BYTES
    if cls in {bytearray, memoryview}:
        raise OutputError(f"a {cls.__name__} would come back as bytes", hint="return bytes(value)")
    library = cls.__module__.partition(".")[0]
    if library in _TABLES:
        return PARQUET
    if library == "numpy" and isinstance(value, sys.modules["numpy"].ndarray):
        return NPY
    return PLAIN


def format_named(name: str) -> Format | StreamFormat:
    """Return the format that a record names.

    Raises
    ------
    OutputError
        If it is not known here: a newer consist, or another program's extension, wrote it.
    """
    try:
        return _FORMATS[name]
    except KeyError:
        raise OutputError(
            f"the format {name!r} is not known here", hint="upgrade consist, or read the bytes with read_bytes()"
        ) from None


def described(name: str, media: dict[str, Any]) -> str:
    """Say what an output is: its format, and the shape of an array or table.

    Parameters
    ----------
    name : str
        The format.
    media : dict
        Its details; of another consist they may be others, and are left out then.

    Examples
    --------
    >>> described("parquet", {"library": "pandas", "kind": "DataFrame", "rows": 1000, "columns": 10})
    'pandas table, 1,000 x 10'
    >>> described("npy", {"shape": [3, 4], "dtype": "float64"}), described("plain", {})
    ('float64 array, 3 x 4', 'plain')
    """
    if name == PARQUET.name and {"library", "rows", "columns"} <= media.keys():
        return f"{media['library']} table, {_sides([media['rows'], media['columns']])}"
    if name == NPY.name and {"shape", "dtype"} <= media.keys():
        return f"{media['dtype']} array, {_sides(media['shape']) or 'of no dimension'}"
    return name


def _sides(shape: Any) -> str:
    return " x ".join(f"{side:,}" for side in shape)
