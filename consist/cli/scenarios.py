"""``consist scenarios``."""

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, StorePlace, checked_limit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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


def scenarios(
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Only of this name.", show_default=False)] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", help="At most so many.", show_default=False)] = None,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """List scenarios, the newest first: runs that hold others.

    Runs are those that were executed in it, and those that it found again; found says how many of them are of the
    latter kind. `consist runs --parent RUN` lists them.
    """
    from itertools import islice

    from consist.cli.nearby import or_hint
    from consist.cli.opening import find_place, open_to_read
    from consist.cli.output import write_json_list, write_table
    from consist.cli.shapes import head

    limit = checked_limit(limit)
    opened = open_to_read(find_place(db_path, store))
    found = or_hint(opened, islice(_scenarios(opened, name), limit), step=name)
    if as_json:
        write_json_list(head("scenarios"), "scenarios", (_document(opened, each) for each in found))
    else:
        write_table(COLUMNS, _rows(found), flexible=("name",))


def _scenarios(store: "Store", name: str | None) -> "Iterator[_Scenario]":
    from consist.index.records import SCENARIO

    for record in store.index.runs(kind=SCENARIO, step=name):
        executed = [run.parent == record.id for run in store.index.runs(parent=record.id)]
        yield _Scenario(record, len(executed), executed.count(False))


def _document(store: "Store", scenario: _Scenario) -> dict[str, Any]:
    from consist.cli.shapes import run_line

    return {**run_line(store, scenario.record), "runs": scenario.runs, "found": scenario.found}


def _rows(found: "Iterable[_Scenario]") -> "Iterator[tuple[Cell, ...]]":
    from consist.cli.shapes import seconds_of
    from consist.cli.text import RunId, Seconds, Time

    for record, runs, again in found:
        time = Time(record.started)
        yield (RunId(record.id), record.step, record.status, time, Seconds(seconds_of(record)), runs, again)
