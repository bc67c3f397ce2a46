"""``consist cat``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, StorePlace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.store.names import Found
    from consist.store.store import Store

_BLOCK = 1 << 20
_PLAIN = "plain"


def command() -> Any:
    """Make the verb."""
    return make_verb(
        cat,
        name="cat",
        examples=(
            "consist cat steps/summarise/summary",
            "consist cat steps/plots/charts/2026/may.svg",
            "consist cat runs/3f2a/table > table.csv",
            "consist cat blobs/9afe02 | head -c 100",
        ),
    )


def cat(
    path: Annotated[list[str], typer.Argument(metavar="PATH", help="What to write.", show_default=False)],
    raw: Annotated[bool, typer.Option("--raw", help="Write values as the bytes that are stored, too.")] = False,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """Write content to standard output, one path after the other.

    Files, bytes and blobs come byte for byte, in pieces, whatever their size. A plain value is written to be read:
    text as it is, anything else as JSON; with --raw as it is stored. Of an output that is a folder name a file.
    """
    from consist.cli.opening import find_place, open_existing
    from consist.cli.output import write_json_list
    from consist.cli.shapes import head
    from consist.store.names import find_output

    opened = open_existing(find_place(db_path, store))
    found = [(each, find_output(opened, each)) for each in path]  # a wrong name is told before anything is written
    if as_json:
        write_json_list(head("cat"), "contents", _documents(opened, found, raw=raw))
        return
    for _, item in found:
        if _is_value(item) and not raw:
            _write_value(opened, item)
        else:
            _copy(opened, item)


def _is_value(found: "Found") -> bool:
    return found.format == _PLAIN


def _copy(store: "Store", found: "Found") -> None:
    import sys

    from consist.cli.output import on_terminal
    from consist.cli.progress import progress
    from consist.store.names import open_found

    sys.stdout.flush()
    with (
        open_found(store, found) as source,
        progress(f"writing {found.name}", total=found.size, shown=not on_terminal()) as seen,
    ):
        while piece := source.read(_BLOCK):
            sys.stdout.buffer.write(piece)
            seen(len(piece))


def _write_value(store: "Store", found: "Found") -> None:
    import sys

    from consist.cli.readable import readable_text

    sys.stdout.write(_said(found, readable_text, _value(store, found)))


def _value(store: "Store", found: "Found") -> Any:
    """Read a plain value back."""
    from consist.errors import UsageError
    from consist.runs.formats.plain import decode
    from consist.store.names import open_found

    with open_found(store, found) as source:
        data = source.read()
    try:
        return decode(data)
    except ImportError as error:
        raise UsageError(f"{found.name!r} holds a value of {error.name}, which is not installed", hint=_RAW) from error


def _said(found: "Found", say: Any, value: Any) -> Any:
    from consist.errors import UsageError

    try:
        return say(value)
    except RecursionError:
        raise UsageError(f"{found.name!r} nests too deeply to be written as text", hint=_RAW) from None


_RAW = "--raw writes the stored bytes"


def _documents(store: "Store", found: "list[tuple[str, Found]]", *, raw: bool) -> "Iterator[dict[str, Any]]":
    import base64

    from consist.cli.readable import json_ready
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
            yield {**document, "encoding": "value", "content": _said(item, json_ready, _value(store, item))}
            continue
        with open_found(store, item) as source:
            data = source.read()
        try:
            yield {**document, "encoding": "utf-8", "content": data.decode()}
        except UnicodeDecodeError:
            yield {**document, "encoding": "base64", "content": base64.b64encode(data).decode("ascii")}
