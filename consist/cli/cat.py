"""``consist cat``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, StorePlace, complete_path, complete_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from consist.store.names import Found
    from consist.store.store import Store

_BLOCK = 1 << 20
_CSV, _JSON, _TEXT = FORMS = ("csv", "json", "text")
_FORMS = "|".join(FORMS)
_SHOWN = 20
"""Rows of an array that are shown as text."""


def command() -> Any:
    """Make the verb."""
    return make_verb(
        cat,
        name="cat",
        examples=(
            "consist cat steps/summarise/summary",
            "consist cat steps/clean/table --as csv | head",
            "consist cat steps/plots/charts/2026/may.svg",
            "consist cat runs/3f2a/table > table.parquet",
            "consist cat blobs/9afe02 | head -c 100",
        ),
    )


def cat(  # noqa: PLR0913, PLR0917 - the options; nobody calls it but Typer
    path: Annotated[
        list[str],
        typer.Argument(metavar="PATH", help="What to write.", show_default=False, autocompletion=complete_path),
    ],
    raw: Annotated[
        bool,
        typer.Option("--raw", help="Write values as the bytes that are stored, too; and binary content to a terminal."),
    ] = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar=_FORMS,
            help="Write what it holds in this form.",
            show_default=False,
            autocompletion=complete_words(_FORMS),
        ),
    ] = None,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """Write content to standard output, one path after the other.

    Files, bytes and blobs come byte for byte, in pieces, whatever their size; so do tables (Parquet) and arrays (npy).
    A plain value is written to be read: text as it is, anything else as JSON; with --raw as it is stored. Of an output
    that is a folder name a file.

    On a terminal control characters in the text of values and cells are escaped, so that they cannot steer it; through
    a pipe they pass. Files and bytes are written as they are in any case, but for --as text, which escapes them; what
    is binary goes to a terminal only with --raw.

    With --as, a table is written as CSV, as a JSON array with an object a row, or as lines with tabs (on a terminal as
    a table); an array as CSV (a row a line), as nested JSON arrays, or as text, of which the first rows are shown; a
    value as JSON or text. Files count as tables or arrays if they are called *.parquet or *.npy.
    """
    from consist.cli.opening import find_place, open_to_read
    from consist.cli.output import write_json_list
    from consist.cli.shapes import head
    from consist.errors import UsageError
    from consist.store.names import find_output

    if form not in {None, *FORMS}:
        raise UsageError(f"--as {form!r:.60} is no form", hint=f"write one of {', '.join(FORMS)}")
    if form is not None and (raw or as_json):
        raise UsageError(f"--as does not go with --{'raw' if raw else 'json'}", hint="choose one")
    opened = open_to_read(find_place(db_path, store))
    found = [(each, find_output(opened, each)) for each in path]  # a wrong name is told before anything is written
    if as_json:
        write_json_list(head("cat"), "contents", _documents(opened, found, raw=raw))
        return
    for _, item in found:
        if form is not None:
            _write_as(opened, item, form)
        elif _is_value(item) and not raw:
            _write_value(opened, item, _TEXT)
        else:
            _copy(opened, item, binary=raw)


def _is_value(found: "Found") -> bool:
    from consist.cli.content import VALUE, kind_of

    return kind_of(found) == VALUE


def _copy(store: "Store", found: "Found", *, binary: bool) -> None:
    """Write content as it is; what no terminal can show goes to none, unless that is wanted."""
    import sys

    from consist.cli.output import on_terminal
    from consist.cli.progress import progress
    from consist.store.names import pieces_of

    sys.stdout.flush()
    with progress(f"writing {found.name}", total=found.size, shown=not on_terminal()) as seen:
        pieces = pieces_of(store, found)
        for number, piece in enumerate(pieces):
            if number == 0 and not binary and on_terminal():
                _refuse_binary(found, piece)
            sys.stdout.buffer.write(piece)
            seen(len(piece))


def _refuse_binary(found: "Found", piece: bytes) -> None:
    """Raise if the first piece of a content is no text.

    Raises
    ------
    RefusedError
        With the ways to see it.
    """
    import codecs

    from consist.errors import RefusedError

    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(piece)  # a letter may be cut at the end
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise RefusedError(
            f"{found.name!r:.80} is binary, which a terminal cannot show",
            hint="`consist preview` shows what it is, --as csv a table, > FILE keeps it; --raw writes it all the same",
        )


def _write_value(store: "Store", found: "Found", form: str) -> None:
    from consist.cli.content import read_value, said
    from consist.cli.output import write_json, write_text
    from consist.runs.readable import json_ready, readable_text

    with _reading(found):
        value = read_value(store, found)
    if form == _JSON:
        write_json(said(found, json_ready, value))
    else:
        write_text(said(found, readable_text, value))


def _reading(found: "Found", *, shown: bool = True) -> "AbstractContextManager[Any]":
    """Show that what is needed whole is being read."""
    from consist.cli.progress import WAITING, progress

    return progress(f"reading {found.name}", unit=WAITING, shown=shown)


# In another form ---------------------------------------------------------------------------------------------------


def _write_as(store: "Store", found: "Found", form: str) -> None:
    from consist.cli.content import ARRAY, FOLDER, TABLE, VALUE, kind_of
    from consist.errors import UsageError

    kind = kind_of(found)
    if kind == TABLE:
        _write_table(store, found, form)
    elif kind == ARRAY:
        _write_array(store, found, form)
    elif kind == VALUE and form != _CSV:
        _write_value(store, found, form)
    elif form == _TEXT and kind != FOLDER:
        _write_text(store, found)
    else:
        what = {FOLDER: "a folder", VALUE: "a value"}.get(kind, "a file or bytes")
        raise UsageError(
            f"{found.name!r} is {what}, and has no form as {form}", hint="`consist preview` says what it is"
        )


def _write_table(store: "Store", found: "Found", form: str) -> None:
    from consist.cli.content import opened_table
    from consist.cli.output import on_terminal, write_json_array, write_table
    from consist.cli.progress import progress, things, told
    from consist.runs.readable import cell_text, json_ready

    with (
        opened_table(store, found) as table,
        progress(f"writing {found.name}", total=table.total, unit=things("row"), shown=not on_terminal()) as seen,
    ):
        names, rows = list(table.columns), told(table.rows, seen)
        if form == _CSV:
            _write_csv([names], rows)
        elif form == _JSON:
            write_json_array(dict(zip(names, map(json_ready, row), strict=True)) for row in rows)
        else:
            cells = ([None if cell is None else cell_text(cell) for cell in row] for row in rows)
            write_table(names, cells, flexible=names, of_content=True)


def _write_array(store: "Store", found: "Found", form: str) -> None:
    from consist.cli.content import read_array
    from consist.cli.output import write_json_array, write_line
    from consist.cli.text import escape
    from consist.errors import UsageError
    from consist.runs.readable import json_ready

    with _reading(found):
        array = read_array(store, found, _SHOWN if form == _TEXT else None)
    rows = array.items if array.shape else [array.items]
    if form == _JSON:
        write_json_array(map(json_ready, rows))
        return
    if form == _CSV and len(array.shape) > 2:  # noqa: PLR2004 - a row a line
        raise UsageError(f"{found.name!r} has {len(array.shape)} dimensions, which CSV has not", hint="use --as json")
    lines = [row if isinstance(row, list) else [row] for row in rows]
    if form == _CSV:
        _write_csv([], lines)
        return
    write_line(f"{array.dtype} {' x '.join(map(str, array.shape))}".rstrip())
    for row in lines:
        write_line(escape(" ".join(str(json_ready(item)) for item in row)))
    if array.shape and array.shape[0] > len(lines):
        write_line(f"… {array.shape[0] - len(lines)} more")


def _write_csv(heads: "list[list[str]]", rows: Any) -> None:
    """Write CSV as RFC 4180 has it, but for the ends of its lines; what is no text, number or date as JSON."""
    import csv
    from types import SimpleNamespace

    from consist.cli.output import write_text
    from consist.runs.readable import cell_text

    writer = csv.writer(SimpleNamespace(write=write_text), lineterminator="\n")
    writer.writerows(heads)
    for row in rows:
        writer.writerow(["" if cell is None else cell_text(cell) for cell in row])


def _write_text(store: "Store", found: "Found") -> None:
    """Write bytes as text that no terminal is steered by: other than UTF-8 and control characters escaped."""
    import codecs
    import sys

    from consist.cli.output import on_terminal
    from consist.cli.progress import progress
    from consist.cli.text import harmless
    from consist.store.names import open_found

    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    with (
        open_found(store, found) as source,
        progress(f"writing {found.name}", total=found.size, shown=not on_terminal()) as seen,
    ):
        while piece := source.read(_BLOCK):
            sys.stdout.write(harmless(decoder.decode(piece)))
            seen(len(piece))
    sys.stdout.write(harmless(decoder.decode(b"", final=True)))


# JSON --------------------------------------------------------------------------------------------------------------


def _documents(store: "Store", found: "list[tuple[str, Found]]", *, raw: bool) -> "Iterator[dict[str, Any]]":
    import base64

    from consist.cli.content import read_value, said
    from consist.cli.output import on_terminal
    from consist.runs.readable import json_ready
    from consist.store.names import open_found

    for path, item in found:
        document = {
            "path": path,
            "digest": item.digest.hex,
            "size": item.size,
            "format": item.format,
            "run_id": item.run.id if item.run is not None else None,
        }
        if _is_value(item) and not raw:
            yield {**document, "encoding": "value", "content": said(item, json_ready, read_value(store, item))}
            continue
        with _reading(item, shown=not on_terminal()), open_found(store, item) as source:
            data = source.read()
        try:
            yield {**document, "encoding": "utf-8", "content": data.decode()}
        except UnicodeDecodeError:
            yield {**document, "encoding": "base64", "content": base64.b64encode(data).decode("ascii")}
