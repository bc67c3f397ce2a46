"""Tables of pandas, polars and Arrow as Parquet; each comes back as a value of the library that it was of.

Which one that is, is said in the content itself, since equal content is one blob and one input. Nothing is kept that
would come back as another value: `OutputError` says what, before anything is written.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, BinaryIO

from consist.blobs.spool import Spool
from consist.errors import OutputError
from consist.runs.formats.needs import needed
from consist.runs.formats.streams import Prepared

if TYPE_CHECKING:
    from collections.abc import Iterator

INSTALL = {"pandas": "pandas pyarrow", "polars": "polars pyarrow", "pyarrow": "pyarrow"}

_KINDS = {
    ("pandas", "DataFrame"),
    ("pandas", "Series"),
    ("polars", "DataFrame"),
    ("polars", "Series"),
    ("pyarrow", "Table"),
}


@contextlib.contextmanager
def prepare(value: Any) -> Iterator[Prepared]:
    """Make a stream of a table.

    Raises
    ------
    OutputError
        If it would not come back as it is, or pyarrow is not installed.
    StorageError
        If the disk with temporary files is full.

    Examples
    --------
    >>> import io, pandas as pd
    >>> with prepare(pd.DataFrame({"a": [1, 2]})) as prepared:
    ...     content = prepared.stream.read()
    >>> prepared.media
    {'library': 'pandas', 'kind': 'DataFrame', 'rows': 2, 'columns': 1}
    >>> read(io.BytesIO(content)).equals(pd.DataFrame({"a": [1, 2]}))
    True
    """
    library, kind = type(value).__module__.partition(".")[0], type(value).__name__
    if (library, kind) not in _KINDS:
        raise OutputError(
            f"{library}.{kind} has no format",
            hint="return a DataFrame, a Series, a Table, or plain data: list(value), str(value)",
        )
    needed("pyarrow", f"a table of {library}", INSTALL["pyarrow"])
    from consist.runs.formats import parquet

    named = "arrow" if library == "pyarrow" else library
    table, about = (value, {}) if named == "arrow" else _module(library).take(value)
    columns = 1 if kind == "Series" else value.shape[1]
    media = {"library": named, "kind": kind, "rows": len(value), "columns": columns}
    with contextlib.closing(Spool()) as spool:
        parquet.write(table, {"library": named, "kind": kind, named: about}, spool)
        with parquet.reading(spool) as (size, stream):
            yield Prepared(size, stream, media)


def read(stream: BinaryIO) -> Any:
    """Read a table back, as a value of its library.

    Raises
    ------
    OutputError
        If its library is not installed here.
    DamagedError, FormatError
        If it is no table that this consist can read.
    """
    needed("pyarrow", "a table", INSTALL["pyarrow"])
    from consist.runs.formats import parquet

    table, about = parquet.read(stream)
    library = about["library"]
    if library == "arrow":
        return table
    needed(library, f"a table of {library}", INSTALL[library])
    value = _module(library).give(table, about[library])
    return value.to_series() if library == "polars" and about["kind"] == "Series" else value


def _module(library: str) -> Any:
    if library == "pandas":
        from consist.runs.formats import pandas_tables

        return pandas_tables
    from consist.runs.formats import polars_tables

    return polars_tables
