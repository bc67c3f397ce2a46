"""``consist lineage``."""

import os
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, StorePlace, complete_target

if TYPE_CHECKING:
    from consist.runs.lineage import Lineage
    from consist.store.store import Store

    Direction = Literal["up", "down", "both"]


def command() -> Any:
    """Make the verb."""
    return make_verb(
        lineage,
        name="lineage",
        examples=(
            "consist lineage steps/summarise/summary",
            "consist lineage raw.csv --down",
            "consist lineage 3f2a --both --depth 2",
            "consist lineage steps/summarise/summary --dot | dot -Tsvg > lineage.svg",
        ),
    )


def lineage(  # noqa: PLR0913, PLR0917 - the options; nobody calls it but Typer
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="An output, a run, or a file here.",
            show_default=False,
            autocompletion=complete_target,
        ),
    ],
    down: Annotated[bool, typer.Option("--down", help="What was made from it, not what it was made from.")] = False,
    both: Annotated[bool, typer.Option("--both", help="Both.")] = False,
    depth: Annotated[int | None, typer.Option(metavar="N", help="So many runs away at most.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", help="So many runs and outputs at most.")] = 1000,
    dot: Annotated[bool, typer.Option("--dot", help="Print a graph for Graphviz.")] = False,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print a flowchart for Mermaid.")] = False,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """Show what something was made from, as a tree: its run, what that read, the runs that made it, to the raw files.

    TARGET is a path of the store, the beginning of a run id, or a file; ./NAME is always a file. Of a file in a folder
    that a run made it is the folder's. With --down it is the other way: which runs read it, and what they made. What is
    reached twice is written out once. Content that is the same, although nobody recorded that it went this way, is
    marked so.
    """
    from consist.cli.opening import find_place, open_to_read
    from consist.cli.output import write_json, write_line
    from consist.cli.shapes import head
    from consist.errors import UsageError

    if sum((dot, mermaid, as_json)) > 1:
        raise UsageError("--dot, --mermaid and --json are three forms", hint="choose one")
    if (depth is not None and depth < 0) or limit < 1:
        raise UsageError("--depth and --limit are counts", hint="give 0 or more, and 1 or more")
    opened = open_to_read(find_place(db_path, store))
    found = _found(opened, target, "both" if both else "down" if down else "up", depth, limit)
    if as_json:
        write_json({**head("lineage"), **_document(found)})
    else:
        write_line(found.to_dot() if dot else found.to_mermaid() if mermaid else _tree(found))


def _tree(found: "Lineage") -> str:
    """Return the tree; on a terminal no line is wider than that, which would break what is drawn."""
    from consist.cli.output import terminal_width

    width = terminal_width()
    if not width:
        return str(found)
    from consist.cli.terminal import fitted

    return "\n".join(fitted(line, width) for line in str(found).splitlines())


def _found(store: "Store", target: str, direction: "Direction", depth: int | None, limit: int) -> "Lineage":
    """Look for a run or a path of the store, then for a file."""
    from functools import partial

    from consist.cli.progress import HASHED, progress
    from consist.errors import NotFoundError, RunNotFoundError, UsageError
    from consist.runs.reference import lineage_of, node_of_file
    from consist.store.names import is_store_path
    from consist.store.origin import no_such

    try:
        return lineage_of(store, target, direction, depth=depth, most=limit)
    except (NotFoundError, UsageError) as error:
        if not os.path.lexists(target):
            if isinstance(error, RunNotFoundError) and not is_store_path(target) and not target.startswith("/"):
                raise no_such(store, target) from None
            raise
    with progress(f"looking for {target}", unit=HASHED) as seen:
        file = node_of_file(target, partial(store.files.digest, seen=seen))
    found = lineage_of(store, file, direction, depth=depth, most=limit)
    folder = _folder_of(store, target) if len(found.nodes) == 1 else None
    return found if folder is None else lineage_of(store, folder, direction, depth=depth, most=limit)


def _folder_of(store: "Store", target: str) -> str | None:
    """Return the path in the store of the folder that a file lies in, if a run made that folder and not the file."""
    from consist.cli.seeking import find_meant
    from consist.errors import NotFoundError

    try:
        origin = find_meant(store, os.path.join(".", target))  # noqa: PTH118 - as it was typed
    except NotFoundError:
        return None
    return f"runs/{origin.run.id}/{origin.output}" if origin.inner else None


def _document(found: "Lineage") -> dict[str, Any]:
    from consist.runs.readable import json_ready

    nodes = [
        {
            "id": node.id,
            "kind": node.kind,
            "name": node.name,
            "run_id": node.run_id or None,
            "status": node.status or None,
            "digest": None if node.digest is None else node.digest.hex,
            "size": node.size,
            "format": node.format or None,
        }
        for node in found.nodes
    ]
    edges = [json_ready(edge._asdict()) for edge in found.edges]
    about = {"root": found.root.id, "direction": found.direction, "cut": found.cut}
    return {**about, "nodes": nodes, "edges": edges}
