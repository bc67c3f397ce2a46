"""``consist preview``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, StorePlace, complete_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.store.names import Found
    from consist.store.store import Store

_CHARACTERS = 2000
"""Of a value, a text, or a row of an array that are shown."""
_BYTES_SHOWN = 160
"""Of what is no text; each is shown as the character of that number, or escaped."""


def command() -> Any:
    """Make the verb."""
    return make_verb(
        preview,
        name="preview",
        examples=(
            "consist preview steps/clean/table",
            "consist preview runs/3f2a/weights --rows 3",
            "consist preview steps/clean/table --json | jq .columns",
        ),
    )


def preview(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="What to show.", show_default=False, autocompletion=complete_path)
    ],
    rows: Annotated[int, typer.Option(metavar="N", help="Rows that are shown.")] = 10,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """Show what a content is, and its beginning: columns and rows of a table, shape and rows of an array, a value.

    First facts, a line each: what kind it is, its size, and how much there is of it; then, after an empty line, its
    first rows, or the first 2,000 characters. A folder's rows are files. Tables need pyarrow, arrays numpy.

    However large it is, little is read: of a table the pages with its first rows, of an array its first rows, of a file
    its beginning, of a folder its list. Whole are read a plain value, and an array that lies column by column.
    """
    from consist.cli.opening import find_place, open_to_read
    from consist.cli.output import write_json
    from consist.cli.progress import WAITING, progress
    from consist.cli.shapes import head
    from consist.errors import UsageError
    from consist.store.names import find_output

    if rows < 0:
        raise UsageError(f"--rows {rows} is less than none", hint="give 0 or more")
    opened = open_to_read(find_place(db_path, store))
    with progress(f"reading {path}", unit=WAITING):
        document = _document(opened, find_output(opened, path), path, rows)
    if as_json:
        write_json({**head("preview"), **document})
    else:
        _write(document)


def _document(store: "Store", found: "Found", path: str, rows: int) -> dict[str, Any]:
    """Return all that is shown, as the JSON document has it."""
    from consist.cli.content import kind_of

    kind = kind_of(found)
    about = {"path": path, "kind": kind, "format": found.format, "size": found.size, "digest": found.digest.hex}
    nothing: dict[str, Any] = {"rows": None, "columns": None, "dtype": None, "dimensions": None}
    return {**about, **nothing, **_HEADS[kind](store, found, rows)}


def _table(store: "Store", found: "Found", rows: int) -> dict[str, Any]:
    from itertools import islice

    from consist.cli.content import opened_table
    from consist.runs.readable import json_ready

    with opened_table(store, found) as table:
        columns = [{"name": name, "type": kind} for name, kind in table.columns.items()]
        head = [list(map(json_ready, row)) for row in islice(table.rows, rows)]
        return {"rows": table.total, "columns": columns, "head": head, "whole": len(head) == table.total}


def _array(store: "Store", found: "Found", rows: int) -> dict[str, Any]:
    from consist.cli.content import read_array
    from consist.runs.readable import json_ready

    array = read_array(store, found, rows)
    items = array.items[:rows] if array.shape else array.items
    whole = not array.shape or len(items) == array.shape[0]
    return {"dtype": array.dtype, "dimensions": list(array.shape), "head": json_ready(items), "whole": whole}


def _value(store: "Store", found: "Found", _rows: int) -> dict[str, Any]:
    from consist.cli.content import read_value, said
    from consist.runs.readable import json_ready, readable_text

    value = read_value(store, found)
    text = said(found, readable_text, value)
    if len(text) > _CHARACTERS:
        return {"head": text[:_CHARACTERS], "whole": False}
    return {"head": said(found, json_ready, value), "whole": True}


def _bytes(store: "Store", found: "Found", _rows: int) -> dict[str, Any]:
    import codecs

    from consist.store.names import open_found

    with open_found(store, found) as source:
        data = source.read(_CHARACTERS)
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data)  # the last letter may be cut
        is_text = "\0" not in text
    except UnicodeDecodeError:
        is_text = False
    if is_text:
        return {"head": text, "whole": len(data) == found.size}
    return {"head": data[:_BYTES_SHOWN].decode("latin-1"), "whole": found.size <= _BYTES_SHOWN}


def _folder(store: "Store", found: "Found", rows: int) -> dict[str, Any]:
    from consist.blobs.tree import Tree
    from consist.blobs.treeget import read_tree

    assert found.tree is not None  # noqa: S101 - else it is no folder
    tree = read_tree(store.blobs, found.tree)
    part = tree.find(found.inner) if found.inner else tree
    files = part.files if isinstance(part, Tree) else ()
    head = [[file.path, file.size] for file in files[:rows]]
    columns = [{"name": "path", "type": "string"}, {"name": "size", "type": "int64"}]
    return {"rows": len(files), "columns": columns, "head": head, "whole": len(head) == len(files)}


_HEADS = {"table": _table, "array": _array, "value": _value, "bytes": _bytes, "folder": _folder}


def _write(document: dict[str, Any]) -> None:
    from consist.cli.output import write_facts, write_line, write_table
    from consist.cli.text import escape, harmless
    from consist.runs.readable import cell_text, readable_text

    write_facts(_facts(document))
    write_line("")
    head = document["head"]
    if document["kind"] in {"table", "folder"}:
        names = [escape(column["name"]) for column in document["columns"]]
        rows = [[None if cell is None else cell_text(cell) for cell in row] for row in head]
        write_table(names, rows, flexible=names, of_content=True)
    elif document["kind"] == "array":
        for row in head if document["dimensions"] else [head]:
            write_line(_array_line(row))
    else:
        write_line(harmless(readable_text(head)).rstrip("\n"))
    if not document["whole"]:
        write_line("…")


def _array_line(row: Any) -> str:
    """Return a row of an array: on a terminal as many of its items as there is room for, each whole."""
    from consist.cli.output import terminal_width
    from consist.cli.text import columns_of, escape, folded

    line = escape(" ".join(map(str, row)) if isinstance(row, list) else str(row))
    width = terminal_width()
    if 0 < width < columns_of(line):
        return f"{folded(line[:_CHARACTERS], width - 2)[0]} …"
    return line if len(line) <= _CHARACTERS else line[:_CHARACTERS] + "…"


def _facts(document: dict[str, Any]) -> "Iterator[tuple[Any, ...]]":
    from consist.cli.text import Size

    yield "kind", document["kind"]
    yield "format", document["format"]
    yield "size", Size(document["size"])
    if document["rows"] is not None:
        yield "rows", document["rows"]
    for column in document["columns"] or ():
        yield "column", column["name"], column["type"]
    if document["dtype"] is not None:
        yield "dtype", document["dtype"]
        yield "dimensions", " x ".join(map(str, document["dimensions"])) or "none"
