"""``consist get``."""

from typing import Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, StorePlace


def command() -> Any:
    """Make the verb."""
    return make_verb(
        get,
        name="get",
        examples=(
            "consist get steps/clean/table",
            "consist get runs/3f2a/table old/table.csv",
            "consist get steps/plots/charts",
            "consist get blobs/9afe02 /tmp/",
        ),
    )


def get(  # noqa: PLR0913, PLR0917 - the options; nobody calls it but Typer
    path: Annotated[str, typer.Argument(metavar="PATH", help="What to restore.", show_default=False)],
    target: Annotated[
        str, typer.Argument(metavar="[TARGET]", help="A new name, or a folder that is there.", show_default=False)
    ] = ".",
    force: Annotated[
        bool, typer.Option("--force", help="Replace what is there: a file by a file, a folder by a folder.")
    ] = False,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """Restore an output or a blob, byte for byte, and print the path of the file or folder that was made.

    In a folder it is called as it was when it was made; other outputs by their key, blobs by their digest. It appears
    whole, or not at all. With --force a file replaces a regular file, and a folder a folder with all that is in it;
    nothing else is ever replaced.

    A plain value is written as it is stored, which is msgpack, so that the file has the digest that is recorded. For
    one to be read, use `consist cat PATH > FILE`.
    """
    from consist.cli.opening import find_place, open_existing
    from consist.cli.output import write_json, write_line
    from consist.cli.progress import progress
    from consist.cli.shapes import head
    from consist.cli.text import escape
    from consist.store.names import find_output
    from consist.store.restore import restore, target_of

    opened = open_existing(find_place(db_path, store))
    found = find_output(opened, path)
    file = target_of(found, target)
    with progress(f"getting {path}", total=found.size) as seen:
        restore(opened, found, file, force=force, seen=seen)
    if as_json:
        write_json({**head("get"), "path": path, "target": file, "digest": found.digest.hex, "size": found.size})
    else:
        write_line(escape(file))
