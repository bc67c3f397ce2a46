"""``consist ls``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, StorePlace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consist.store.listing import Entry

COLUMNS = ("name", "size", "format", "stored", "time", "digest")


def command() -> Any:
    """Make the verb."""
    return make_verb(
        ls,
        name="ls",
        examples=(
            "consist ls",
            "consist ls steps/clean -l",
            "consist ls runs/3f2a",
            "consist ls steps/plots/charts/2026",
            "consist ls blobs --json",
        ),
    )


def ls(
    path: Annotated[str, typer.Argument(metavar="[PATH]", help="What to list.", show_default=False)] = "",
    long: Annotated[bool, typer.Option("-l", "--long", help="Show size, format, time and digest.")] = False,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """List what the store holds, as folders: blobs, runs and steps.

    Names stand one a line, without a heading; what is a folder of files ends in a slash, and content that lies in a
    record, and is no object of its own, is marked as inline. With -l the columns are headed by their names.
    """
    from consist.cli.opening import find_place, open_existing
    from consist.cli.output import write_json_list, write_table
    from consist.cli.shapes import entry, head
    from consist.cli.text import Size, Time
    from consist.store.listing import list_path

    opened = open_existing(find_place(db_path, store))
    entries = list_path(opened, path)
    if as_json:
        write_json_list({**head("ls"), "path": path}, "entries", map(entry, entries))
    elif long:
        rows = (
            (
                _name(item),
                None if item.size is None else Size(item.size),
                item.format,
                item.stored,
                None if item.time is None else Time(item.time),
                item.digest,
            )
            for item in entries
        )
        write_table(COLUMNS, rows, flexible=("name",))
    else:
        _write_names(entries)


def _write_names(entries: "Iterable[Entry]") -> None:
    from consist.cli.output import write_line
    from consist.cli.text import escape
    from consist.store.listing import BLOB, INLINE

    for item in entries:
        mark = f"\t{INLINE}" if item.kind == BLOB and item.stored == INLINE else ""
        write_line(escape(_name(item)) + mark)


def _name(item: "Entry") -> str:
    return item.name + "/" if item.is_folder else item.name
