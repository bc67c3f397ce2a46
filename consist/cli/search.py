"""``consist search``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, StorePlace, checked_limit, complete_search

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consist.cli.text import Cell
    from consist.index.records import RunRecord
    from consist.store.search import Match

COLUMNS = ("run_id", "model", "status", "started", "found")


def command() -> Any:
    """Make the verb."""
    return make_verb(
        search,
        name="search",
        examples=(
            "consist search draft",
            "consist search threshold=0.5",
            "consist search model.depth=3 --limit 10",
            'consist search "out of memory" --json',
        ),
    )


def search(
    text: Annotated[
        str,
        typer.Argument(
            metavar="TEXT",
            help="A text or a number, or KEY=VALUE.",
            show_default=False,
            autocompletion=complete_search,
        ),
    ],
    limit: Annotated[int | None, typer.Option(metavar="N", help="At most so many.", show_default=False)] = None,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """List the runs that say something, the newest first, with where they say it.

    A text is looked for in the names of steps, inputs, outputs and their files, in tags, descriptions, errors and the
    reasons of what was forgotten, and in the keys and values of config and facet; letters from A to Z are found in
    either case. A number is found where it is a value.

    KEY=VALUE finds the runs in whose config or facet just this value lies under the key, however deep; KEY may be
    several with dots between.
    """
    import itertools

    from consist.cli.nearby import or_hint
    from consist.cli.opening import find_place, open_to_read
    from consist.cli.output import write_json_list, write_table
    from consist.cli.progress import WAITING, until_first
    from consist.cli.shapes import head, run_line
    from consist.store.search import SearchTerm
    from consist.store.search import search as search_store

    limit = checked_limit(limit)
    opened = open_to_read(find_place(db_path, store))
    runs_found = until_first(f"searching for {text}", lambda _seen: search_store(opened, text), unit=WAITING)
    found = or_hint(opened, itertools.islice(runs_found, limit), key=SearchTerm.of(text).key)
    if as_json:
        runs = ({**run_line(opened, run), "found": [_place(each) for each in places]} for run, places in found)
        write_json_list({**head("search"), "text": text}, "runs", runs)
    else:
        write_table(COLUMNS, _rows(found), flexible=("model", "found"))


def _place(found: "Match") -> dict[str, Any]:
    from consist.runs.readable import json_ready

    return {"name": found.name, "value": json_ready(found.value)}


def _rows(found: "Iterable[tuple[RunRecord, tuple[Match, ...]]]") -> "Iterator[tuple[Cell, ...]]":
    from consist.cli.text import RunId, Time
    from consist.runs.readable import one_line

    for run, places in found:
        said = "; ".join(f"{place.name}: {one_line(place.value)}" for place in places)
        yield (RunId(run.id), run.step, run.status, Time(run.started), said)
