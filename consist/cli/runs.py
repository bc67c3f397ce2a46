"""``consist runs``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.options import (
    AsJson,
    DbPath,
    StorePlace,
    With,
    checked_limit,
    complete_run,
    complete_step,
    complete_tag,
    complete_words,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consist.cli.columns import Chosen
    from consist.cli.text import Cell
    from consist.index.outline import Outline
    from consist.index.records import RunRecord
    from consist.store.store import Store

_STATES = "completed|failed|forgotten"
_KINDS = "run|trace|scenario"
COLUMNS = ("run_id", "model", "status", "started", "execution_time", "hits")
SPARE = ("hits", "execution_time", "started", "status")
"""Columns that give way on a narrow terminal to those that were asked for."""
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
            "consist runs --step fit --with config.alpha --with output.rmse",
            "consist runs --pinned",
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
    kind: Annotated[
        str | None,
        typer.Option(metavar=_KINDS, help="Only runs of this kind.", autocompletion=complete_words(_KINDS)),
    ] = None,
    tag: Annotated[
        str | None, typer.Option(metavar="TAG", help="Only runs that have this tag now.", autocompletion=complete_tag)
    ] = None,
    pinned: Annotated[bool, typer.Option("--pinned", help="Only runs that are pinned, with the reasons.")] = False,
    parent: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Only runs in this one: a scenario.", autocompletion=complete_run),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only runs that began then or later; 2h: in the last two hours.")
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", help="At most so many.")] = None,
    with_: With = None,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """List runs, the newest first.

    The model, on a terminal called step, is the step's name; the execution time is in seconds; hits say how often the
    run was found again; the kind is run, trace (a block that always runs) or scenario (it holds others).

    A run that completed and is found by no call is completed (uncached), on a terminal uncached: something could not be
    stored or hashed, cache_mode was off, or a later run took its place. `consist show RUN` says which.

    --with adds columns: config.KEY, facet.KEY, meta.KEY and output.KEY, with more dots for what is nested, or one of
    those four alone for all of it. Of an output, a plain value that is small enough to lie in the record is shown, and
    of any other the format, as <parquet>. The option may be repeated, or have several with commas between. On
    a terminal numbers have six digits, and where it is narrow hits, times and status are left out for these columns.

    On a terminal times are local, without a zone; elsewhere they are UTC, and end in Z. --since takes both as they
    stand, and a number with one of the letters s, m, h, d, w: so many seconds to weeks ago.
    """
    from consist.cli.columns import Chosen, parse_columns
    from consist.cli.nearby import or_hint
    from consist.cli.opening import find_place, open_to_read
    from consist.cli.output import write_json_list
    from consist.cli.shapes import head, listed_run
    from consist.store.finding import moment
    from consist.store.names import find_run

    limit = checked_limit(limit)
    _refuse_others("status", status, _STATES)
    _refuse_others("kind", kind, _KINDS)
    columns = Chosen(parse_columns(with_ or ()))
    begin = None if since is None else moment(since)
    opened = open_to_read(find_place(db_path, store))
    inside = None if parent is None else find_run(opened, parent).id
    chosen: dict[str, Any] = {
        "step": step,
        "status": status,
        "kind": kind,
        "tag": tag,
        "parent": inside,
        "since": begin,
    }
    if as_json or pinned or columns.columns:
        found = _pinned(opened, chosen, limit) if pinned else opened.index.runs(**chosen, limit=limit)
        records = columns.noted(or_hint(opened, found, step=step, tag=tag))
        if as_json:
            write_json_list(head("runs"), "runs", (listed_run(opened, run, columns.document(run)) for run in records))
        else:
            _write(opened, records, columns, pinned=pinned)
    else:
        _write(opened, or_hint(opened, opened.index.rows(**chosen, limit=limit), step=step, tag=tag), columns)


def _refuse_others(name: str, value: str | None, words: str) -> None:
    from consist.errors import UsageError

    if value not in {None, *words.split("|")}:
        first, second, last = words.split("|")
        raise UsageError(f"no run has the {name} {value!r:.60}", hint=f"write {first}, {second} or {last}")


def _pinned(store: "Store", chosen: dict[str, Any], limit: int | None) -> "Iterator[RunRecord]":
    from itertools import islice

    from consist.store.marking import pinned_runs

    return islice(pinned_runs(store, **chosen), limit)


def _write(store: "Store", records: "Iterable[Any]", columns: "Chosen", *, pinned: bool = False) -> None:
    """Write the table; the records are outlines, unless columns were chosen or pins are shown."""
    from consist.cli.output import on_terminal, write_table

    people = on_terminal()
    names = (*COLUMNS, *(() if people else (KIND,)), *columns.names, *(("pinned",) if pinned else ()))
    flexible = ("model", "pinned", *columns.names) if people else ()
    spare = SPARE if columns.columns else ()
    rows = (_row(store, record, columns, pinned, people) for record in records)
    write_table(names, rows, flexible=flexible, spare=spare)


def _row(store: "Store", record: Any, columns: "Chosen", pinned: bool, people: bool) -> "tuple[Cell, ...]":
    from consist.cli.shapes import seconds_of
    from consist.cli.text import RunId, Seconds, Time

    hits = store.index.hits(record.id).count
    times = Time(record.started), Seconds(seconds_of(record))
    name, kind = (_named(record), ()) if people else (record.step, (record.kind,))
    more = columns.cells(record) if columns.columns else ()
    pins = (_reasons(store, record),) if pinned else ()
    return (RunId(record.id), name, _status(record, people), *times, hits, *kind, *more, *pins)


def _status(record: "Outline | RunRecord", people: bool) -> str:
    from consist.index.outline import is_uncached

    if not is_uncached(record):
        return record.status
    return "uncached" if people else f"{record.status} (uncached)"  # in 80 columns the rest would cost the time of day


def _named(record: "Outline | RunRecord") -> str:
    from consist.index.records import RUN

    return record.step if record.kind == RUN else f"{record.step} ({record.kind})"


def _reasons(store: "Store", record: "RunRecord") -> str:
    from consist.cli.text import NO_REASON

    return "; ".join(mark.text or NO_REASON for mark in store.index.marks(record.id, "pin"))
