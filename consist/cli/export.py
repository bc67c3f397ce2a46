"""``consist export``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from consist.cli.building import make_group
from consist.cli.options import AsJson, DbPath, StorePlace

if TYPE_CHECKING:
    from consist.runs.export import Exported

COLUMNS = ("table", "rows", "file")


def command() -> Any:
    """Make the verb."""
    return make_group(
        {"parquet": (parquet, ("consist export parquet tables/", "consist export parquet tables/ --force --json"))},
        name="export",
        about="Write what is recorded as tables for other tools.",
    )


def parquet(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Where the files go.", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Replace the files that are there.")] = False,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """Write all runs, artifacts, edges and config values as Parquet: runs, artifacts, edges and config, a file each.

    A run is a row of runs; an output a row of artifacts, with its value as text and as a number where that is plain,
    small and can be read here; edges say which run read or made which content, by its
    digest; config has a row for each value in the config or facet of a run, under its keys with dots between. Run ids
    and digests lead from one to the other. pyarrow is needed.
    """
    from consist.cli.opening import find_place, open_to_read
    from consist.cli.output import write_json, write_table
    from consist.cli.progress import progress, things
    from consist.cli.shapes import head
    from consist.runs.export import export_parquet

    opened = open_to_read(find_place(db_path, store))
    with progress(f"exporting to {folder}", unit=things("run")) as seen:
        written = export_parquet(opened, folder, force=force, seen=seen)
    if as_json:
        write_json({**head("export-parquet"), "tables": [_document(each) for each in written]})
    else:
        write_table(COLUMNS, [(each.name, each.rows, each.file) for each in written], flexible=("file",))


def _document(written: "Exported") -> dict[str, Any]:
    return {"table": written.name, "rows": written.rows, "file": written.file}
