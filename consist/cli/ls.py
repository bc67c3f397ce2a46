"""``consist ls``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, StorePlace, checked_limit, complete_path, complete_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from consist.cli.text import Cell
    from consist.store.listing import Entry

_ORDERS = "size|time|name"
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
            "consist ls blobs --sort size --limit 10 -h",
            'consist ls blobs --filter "size>1GB" --filter "time>2026-11-01"',
        ),
    )


def ls(  # noqa: PLR0913, PLR0917 - the options; nobody calls it but Typer
    path: Annotated[
        str, typer.Argument(metavar="[PATH]", help="What to list.", show_default=False, autocompletion=complete_path)
    ] = "",
    long: Annotated[bool, typer.Option("-l", "--long", help="Show size, format, time and digest.")] = False,
    human: Annotated[
        bool, typer.Option("-h", "--human", help="The same, with sizes as 3.0 MiB also where nobody looks.")
    ] = False,
    sort: Annotated[
        str | None,
        typer.Option(
            metavar=_ORDERS,
            help="The largest, the newest, or A first.",
            show_default=False,
            autocompletion=complete_words(_ORDERS),
        ),
    ] = None,
    only: Annotated[
        list[str],
        typer.Option(
            "--filter",
            metavar="FILTER",
            help='Only what fits: FIELD, < <= > >= = != or ~, VALUE, such as "size>1GB"; may be repeated.',
            show_default=False,
        ),
    ] = [],  # noqa: B006 - as Typer wants it
    limit: Annotated[int | None, typer.Option(metavar="N", help="At most so many.", show_default=False)] = None,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """List what the store holds, as folders: blobs, runs and steps.

    Names stand one a line, without a heading; what is a folder of files ends in a slash. Behind the digest of a blob
    stands whether it is an object of its own, or inline: content that lies in a record. With -l the columns are headed
    by their names; the time of a step is that of its newest run. What only scenarios are called is no step.

    In steps/STEP is the newest of each output: of the runs that were executed (a hit moves nothing), as far as this
    machine's index knows them. `consist index rebuild` reads in those of other machines. What a certain call gave is
    runs/ID/OUTPUT.

    Filters are on size, time, name, format, kind and stored; ~ means "holds". Sizes may have units, of ten (GB) and of
    two (GiB, G). Times without a zone are local, as a terminal shows them; elsewhere they are UTC, and end in Z. A list
    is shown as it is read; --sort waits for the end of it.
    """
    from consist.cli.choosing import chosen
    from consist.cli.nearby import or_hint
    from consist.cli.opening import find_place, open_to_read
    from consist.cli.output import write_json_list, write_table
    from consist.cli.progress import things, told, until_first
    from consist.cli.shapes import entry, head
    from consist.store.listing import list_path

    most = checked_limit(limit)
    opened = open_to_read(find_place(db_path, store))

    def listed(seen: "Callable[[int], object]") -> "Iterator[Entry]":
        return chosen(told(list_path(opened, path), seen), only, sort=sort, limit=most)

    entries = or_hint(opened, until_first(f"listing {path or 'the store'}", listed, unit=things("name")))
    if as_json:
        write_json_list({**head("ls"), "path": path}, "entries", map(entry, entries))
    elif long or human:
        write_table(COLUMNS, map(_row, entries), flexible=("name",), human=human)
    else:
        _write_names(entries)


def _row(item: "Entry") -> "tuple[Cell, ...]":
    from consist.cli.text import Size, Time

    return (
        _name(item),
        None if item.size is None else Size(item.size),
        item.format,
        item.stored,
        None if item.time is None else Time(item.time),
        item.digest,
    )


def _write_names(entries: "Iterable[Entry]") -> None:
    from consist.cli.output import write_lines
    from consist.cli.text import escape
    from consist.store.listing import BLOB

    write_lines(escape(_name(item)) + (f"\t{item.stored}" if item.kind == BLOB else "") for item in entries)


def _name(item: "Entry") -> str:
    return item.name + "/" if item.is_folder else item.name
