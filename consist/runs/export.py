"""All that is recorded, as four Parquet tables for other tools: runs, artifacts, edges and config values.

Each table is a file that appears whole, or not at all. Records are read in a stream, so that memory does not grow with
their number. Keys between the tables are run ids and digests, as text.
"""

# Paths are plain strings: they come from a command line, and go to the system as they are.
# ruff: noqa: PTH118

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.errors import RefusedError
from consist.fileops import perform
from consist.runs.formats.needs import needed
from consist.runs.readable import cell_text, json_ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from consist.index.records import ArtifactRecord, RunRecord
    from consist.store.store import Store

_BATCH = 10_000
"""Rows that are written at once."""

TABLES: dict[str, tuple[tuple[str, str], ...]] = {
    "runs": (
        ("run_id", "string"),
        ("model", "string"),
        ("status", "string"),
        ("started", "timestamp[us, tz=UTC]"),
        ("ended", "timestamp[us, tz=UTC]"),
        ("execution_time", "double"),
        ("hits", "int64"),
        ("tags", "list<string>"),
        ("description", "string"),
        ("parent", "string"),
        ("signature", "string"),
        ("error", "string"),
        ("host", "string"),
        ("python", "string"),
        ("facet", "string"),
        ("kind", "string"),
    ),
    "artifacts": (
        ("run_id", "string"),
        ("key", "string"),
        ("digest", "string"),
        ("size", "int64"),
        ("format", "string"),
        ("stored", "string"),
        ("value", "string"),
        ("number", "double"),
    ),
    "edges": (
        ("run_id", "string"),
        ("direction", "string"),
        ("key", "string"),
        ("digest", "string"),
    ),
    "config": (
        ("run_id", "string"),
        ("area", "string"),
        ("key", "string"),
        ("value", "string"),
        ("number", "double"),
    ),
}
"""Columns and types of each table, by the name of its file without ``.parquet``."""

Row = tuple[Any, ...]


class Exported(NamedTuple):
    """A table that was written.

    Attributes
    ----------
    name : str
        Of the table.
    file : str
        Its path.
    rows : int
        How many there are.
    """

    name: str
    file: str
    rows: int


def export_parquet(
    store: Store, folder: str, *, force: bool = False, seen: Callable[[int], object] = int
) -> list[Exported]:
    """Write all that the index knows as Parquet tables.

    Parameters
    ----------
    store : Store
        Whose runs.
    folder : str
        Where the files go; made if it is not there.
    force : bool
        Replace the files that are there.
    seen : callable
        Told 1 for each run.

    Raises
    ------
    RefusedError
        If a file is there already, and `force` is False; nothing was written.
    OutputError
        If pyarrow is not installed.
    StorageError
        If the folder cannot be written.
    """
    parquet = needed("pyarrow.parquet", "an export", '"consist[arrow]"')
    files = {name: os.path.join(folder, f"{name}.parquet") for name in TABLES}
    for file in files.values():
        if not force and os.path.lexists(file):
            raise RefusedError(f"{file} is there already", hint="choose another folder, or replace it with --force")
    try:
        perform("mkdir", folder, os.makedirs, folder, exist_ok=True)
    except FileExistsError:
        raise RefusedError(f"{folder} is no folder", hint="choose another name") from None
    with contextlib.ExitStack() as stack:
        tables = {name: stack.enter_context(_table(parquet, name, file)) for name, file in files.items()}
        for run in store.index.runs():
            for name, rows in _rows(store, run):
                tables[name].add(rows)
            seen(1)
        for table in tables.values():
            table.finish()
        return [Exported(name, files[name], table.rows) for name, table in tables.items()]


class _Table:
    """A table that is being written: under a name of its own, until `finish`."""

    def __init__(self, parquet: Any, name: str, file: str) -> None:
        import pyarrow as pa

        self.rows = 0
        self.temporary = f"{file}.{os.getpid()}.tmp"
        self._file = file
        self._schema = pa.schema([(column, _type(kind)) for column, kind in TABLES[name]])
        self._writer = perform(
            "write", self.temporary, parquet.ParquetWriter, self.temporary, self._schema, compression="zstd"
        )
        self._waiting: list[Row] = []

    def add(self, rows: Iterable[Row]) -> None:
        """Take rows; many are written at once."""
        self._waiting.extend(rows)
        if len(self._waiting) >= _BATCH:
            self._write()

    def finish(self) -> None:
        """Write what is waiting, and give the file its name."""
        self._write()
        self._writer.close()
        perform("rename", self._file, os.replace, self.temporary, self._file)

    def _write(self) -> None:
        import pyarrow as pa

        columns = list(zip(*self._waiting, strict=True)) or [() for _ in self._schema]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        perform("write", self.temporary, self._writer.write_table, pa.table(arrays, schema=self._schema))
        self.rows += len(self._waiting)
        self._waiting = []


@contextlib.contextmanager
def _table(parquet: Any, name: str, file: str) -> Iterator[_Table]:
    """Open a table; what is not finished goes."""
    table = _Table(parquet, name, file)
    try:
        yield table
    finally:
        with contextlib.suppress(OSError):
            table._writer.close()  # noqa: SLF001 - a function of that class in all but place
        if os.path.lexists(table.temporary):
            perform("unlink", table.temporary, os.unlink, table.temporary)


def _type(kind: str) -> Any:
    import pyarrow as pa

    named = {"timestamp[us, tz=UTC]": pa.timestamp("us", tz="UTC"), "list<string>": pa.list_(pa.string())}
    return named.get(kind) or pa.type_for_alias(kind)


# Rows --------------------------------------------------------------------------------------------------------------


def _rows(store: Store, run: RunRecord) -> Iterator[tuple[str, list[Row]]]:
    yield "runs", [_run(store, run)]
    yield (
        "artifacts",
        [
            (
                run.id,
                item.key,
                item.digest.hex,
                item.content_size,
                item.format,
                "object" if item.inline is None else "inline",
                *_value(item),
            )
            for item in run.outputs
        ],
    )
    edges = [("input", item.key, item.digest.hex) for item in run.inputs]
    edges += [("output", item.key, item.digest.hex) for item in run.outputs]
    yield "edges", [(run.id, *edge) for edge in edges]
    values = [(run.id, "config", *leaf) for leaf in _leaves(run.config)]
    yield "config", [*values, *((run.id, "facet", *leaf) for leaf in _leaves(run.facet))]


def _run(store: Store, run: RunRecord) -> Row:
    return (
        run.id,
        run.step,
        run.status,
        run.started,
        run.ended,
        (run.ended - run.started) / 1e6,
        store.index.hits(run.id).count,
        list(store.index.tags(run.id)),
        run.description,
        run.parent or None,
        run.signature.hex if run.signature is not None else None,
        ": ".join(run.error) or None,
        _text(run.machine.get("host")),
        _text(run.machine.get("python")),
        json.dumps(json_ready(run.facet), ensure_ascii=False),
        run.kind,
    )


def _value(item: ArtifactRecord) -> tuple[str | None, float | None]:
    """Return the plain value that an output in a record is: as text, and as a number if it is one."""
    from consist.runs.formats.registry import plain_in

    found = plain_in(item)
    try:
        return (None, None) if found is None else _text_and_number(found[0])
    except RecursionError:  # it nests too deeply to be written as text
        return None, None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str, float | None]]:
    """Yield each value of a nested map under its keys with dots between: as text, and as a number if it is one."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    elif path or value is not None:
        yield ".".join(path), *_text_and_number(value)


def _text_and_number(value: Any) -> tuple[str, float | None]:
    ready = json_ready(value)
    is_number = type(ready) in {int, float} and abs(ready) < 1e300  # noqa: PLR2004 - what a double holds
    return cell_text(value), float(ready) if is_number else None
