"""``consist runs``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, StorePlace, checked_limit, complete_run, complete_step, complete_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.cli.text import Cell
    from consist.index.outline import Outline
    from consist.store.store import Store

_STATES = "completed|failed|forgotten"
COLUMNS = ("run_id", "model", "status", "started", "execution_time", "hits")
KIND = "kind"
"""The last column where programs read; people, whose terminal has 80 columns, are told it behind the model's name."""


def command() -> Any:
    """Make the verb."""
    return make_verb(
        runs,
        name="runs",
        examples=(
            "consist runs --limit 5",
            "consist runs --step clean --status failed",
            "consist runs --since 2026-11-26 --tag published",
            "consist runs --since 3d",
            "consist runs --db-path ./provenance.duckdb --json",
        ),
    )


def runs(  # noqa: PLR0913, PLR0917 - the options; nobody calls it but Typer
    step: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only runs of this step.", autocompletion=complete_step)
    ] = None,
    status: Annotated[
        str | None,
        typer.Option(metavar=_STATES, help="Only runs that are so now.", autocompletion=complete_words(_STATES)),
    ] = None,
    tag: Annotated[str | None, typer.Option(metavar="TAG", help="Only runs that have this tag now.")] = None,
    parent: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Only runs in this one: a scenario.", autocompletion=complete_run),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only runs that began then or later; 2h: in the last two hours.")
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", help="At most so many.")] = None,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """List runs, the newest first.

    The model is the step's name; the execution time is in seconds; hits say how often the run was found again; the
    kind is run, trace (a block that always runs) or scenario (it holds others).

    On a terminal times are local, without a zone; elsewhere they are UTC, and end in Z. --since takes both as they
    stand, and a number with one of the letters s, m, h, d, w: so many seconds to weeks ago.
    """
    from consist.cli.nearby import or_hint
    from consist.cli.opening import find_place, open_to_read
    from consist.cli.output import on_terminal, write_json_list, write_table
    from consist.cli.shapes import head, run_line
    from consist.errors import UsageError
    from consist.index.records import COMPLETED, FAILED, FORGOTTEN
    from consist.store.finding import moment
    from consist.store.names import find_run

    limit = checked_limit(limit)
    if status not in {None, COMPLETED, FAILED, FORGOTTEN}:
        raise UsageError(f"no run has the status {status!r:.60}", hint=f"write {COMPLETED}, {FAILED} or {FORGOTTEN}")
    begin = None if since is None else moment(since)
    opened = open_to_read(find_place(db_path, store))
    inside = None if parent is None else find_run(opened, parent).id
    chosen: dict[str, Any] = {"step": step, "status": status, "tag": tag, "parent": inside, "since": begin}
    if as_json:
        found = or_hint(opened, opened.index.runs(**chosen, limit=limit), step=step, tag=tag)
        write_json_list(head("runs"), "runs", (run_line(opened, record) for record in found))
        return
    records = or_hint(opened, opened.index.rows(**chosen, limit=limit), step=step, tag=tag)
    if on_terminal():
        rows = ((run_id, _named(record), *rest) for record, (run_id, _, *rest) in _rows(opened, records))
        write_table(COLUMNS, rows, flexible=("model",))
    else:
        write_table((*COLUMNS, KIND), ((*row, record.kind) for record, row in _rows(opened, records)))


def _named(record: "Outline") -> str:
    from consist.index.records import RUN

    return record.step if record.kind == RUN else f"{record.step} ({record.kind})"


def _rows(store: "Store", records: "Iterator[Outline]") -> "Iterator[tuple[Outline, tuple[Cell, ...]]]":
    from consist.cli.shapes import seconds_of
    from consist.cli.text import RunId, Seconds, Time

    for record in records:
        hits = store.index.hits(record.id).count
        times = Time(record.started), Seconds(seconds_of(record))
        yield record, (RunId(record.id), record.step, record.status, *times, hits)
