"""``consist artifacts``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, Human, StorePlace, checked_limit, complete_run, complete_step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consist.cli.text import Cell
    from consist.index.records import ArtifactRecord, RunRecord
    from consist.store.store import Store

    Made = tuple[RunRecord, ArtifactRecord]

COLUMNS = ("run_id", "model", "key", "size", "format", "started", "digest")


def command() -> Any:
    """Make the verb."""
    return make_verb(
        artifacts,
        name="artifacts",
        examples=(
            "consist artifacts --limit 20",
            "consist artifacts --step clean --key table",
            "consist artifacts --format parquet --json",
            "consist artifacts --run 3f2a",
        ),
    )


def artifacts(  # noqa: PLR0913, PLR0917 - the options; nobody calls it but Typer
    step: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Only of runs of this step.", show_default=False, autocompletion=complete_step
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Only of this run.", show_default=False, autocompletion=complete_run),
    ] = None,
    key: Annotated[str | None, typer.Option(metavar="KEY", help="Only with this key.", show_default=False)] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="Only of this format: plain, bytes, file, tree, parquet, npy.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", help="At most so many.", show_default=False)] = None,
    human: Human = False,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """List the outputs of runs, those of the newest run first.

    The path of an output is runs/RUN/KEY, and steps/MODEL/KEY for that of the step's newest run; `consist cat`, `get`,
    `preview` and `lineage` take it.
    """
    from itertools import islice

    from consist.cli.nearby import or_hint
    from consist.cli.opening import find_place, open_to_read
    from consist.cli.output import write_json_list, write_table
    from consist.cli.shapes import head

    limit = checked_limit(limit)
    opened = open_to_read(find_place(db_path, store))
    made = (
        (record, output)
        for record in _runs(opened, run, step, [text for text in (key, form) if text is not None])
        for output in record.outputs
        if (key is None or output.key == key) and (form is None or output.format == form)
    )
    found = or_hint(opened, islice(made, limit), step=step)
    if as_json:
        write_json_list(head("artifacts"), "artifacts", map(_document, found))
    else:
        write_table(COLUMNS, _rows(found), flexible=("model", "key"), human=human)


def _runs(store: "Store", run: str | None, step: str | None, texts: list[str]) -> "Iterable[RunRecord]":
    """Return the runs whose outputs may be meant: with these texts in their records."""
    from consist.store.names import find_run

    if run is None:
        return store.index.runs(step=step, holding=[(text.encode("utf-8", "surrogateescape"),) for text in texts])
    record = find_run(store, run)
    return [record] if step in {None, record.step} else []


def _document(made: "Made") -> dict[str, Any]:
    from consist.cli.shapes import output
    from consist.cli.text import iso_time

    record, item = made
    about = {"run_id": record.id, "model": record.step, "started": iso_time(record.started)}
    return {**about, "path": f"runs/{record.id}/{item.key}", **output(item)}


def _rows(found: "Iterable[Made]") -> "Iterator[tuple[Cell, ...]]":
    from consist.cli.text import RunId, Size, Time

    for record, item in found:
        size = Size(item.content_size)
        yield (RunId(record.id), record.step, item.key, size, item.format, Time(record.started), item.digest)
