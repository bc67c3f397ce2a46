"""``consist scenarios``."""

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, StorePlace, With, checked_limit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consist.cli.columns import Chosen
    from consist.cli.text import Cell
    from consist.index.records import RunRecord
    from consist.store.store import Store

COLUMNS = ("run_id", "name", "status", "started", "execution_time", "runs", "found")


class _Scenario(NamedTuple):
    """A scenario, and how many runs are in it: those executed in it, and those found again."""

    record: "RunRecord"
    runs: int
    found: int


def command() -> Any:
    """Make the verb."""
    return make_verb(
        scenarios,
        name="scenarios",
        examples=("consist scenarios", "consist scenarios --name growth --limit 5", "consist runs --parent 3f2a"),
    )


def scenarios(  # noqa: PLR0913, PLR0917 - the options; nobody calls it but Typer
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Only of this name.", show_default=False)] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", help="At most so many.", show_default=False)] = None,
    with_: With = None,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """List scenarios, the newest first: runs that hold others.

    Runs are those that were executed in it, and those that it found again; found says how many of them are of the
    latter kind. `consist runs --parent RUN` lists them. --with adds columns as it does in `consist runs`.
    """
    from itertools import islice

    from consist.cli.columns import Chosen, parse_columns
    from consist.cli.nearby import or_hint
    from consist.cli.opening import find_place, open_to_read
    from consist.cli.output import write_json_list, write_table
    from consist.cli.shapes import head

    limit = checked_limit(limit)
    columns = Chosen(parse_columns(with_ or ()))
    opened = open_to_read(find_place(db_path, store))
    found = columns.noted(or_hint(opened, islice(_scenarios(opened, name), limit), step=name))
    if as_json:
        write_json_list(head("scenarios"), "scenarios", (_document(opened, each, columns) for each in found))
    else:
        write_table((*COLUMNS, *columns.names), _rows(found, columns), flexible=("name", *columns.names))


def _scenarios(store: "Store", name: str | None) -> "Iterator[_Scenario]":
    from consist.index.records import SCENARIO

    for record in store.index.runs(kind=SCENARIO, step=name):
        executed = [run.parent == record.id for run in store.index.runs(parent=record.id)]
        yield _Scenario(record, len(executed), executed.count(False))


def _document(store: "Store", scenario: _Scenario, columns: "Chosen") -> dict[str, Any]:
    from consist.cli.shapes import listed_run

    run = listed_run(store, scenario.record, columns.document(scenario.record))
    return {**run, "runs": scenario.runs, "found": scenario.found}


def _rows(found: "Iterable[_Scenario]", columns: "Chosen") -> "Iterator[tuple[Cell, ...]]":
    from consist.cli.shapes import seconds_of
    from consist.cli.text import RunId, Seconds, Time

    for record, runs, again in found:
        time = Time(record.started)
        more = columns.cells(record)
        yield (RunId(record.id), record.step, record.status, time, Seconds(seconds_of(record)), runs, again, *more)
