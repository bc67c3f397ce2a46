"""``consist diff``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, StorePlace, complete_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.cli.text import Cell
    from consist.identity.explain import Difference
    from consist.index.records import ArtifactRecord, RunRecord

COLUMNS = ("part", "name", "change", "before", "after")


def command() -> Any:
    """Make the verb."""
    return make_verb(
        diff,
        name="diff",
        examples=("consist diff 3f2a 9ab1", "consist diff old.png new.png", "consist diff 3f2a 9ab1 --json"),
    )


def diff(
    before: Annotated[
        str,
        typer.Argument(
            metavar="BEFORE", help="A run, or what a run made.", show_default=False, autocompletion=complete_target
        ),
    ],
    after: Annotated[
        str,
        typer.Argument(metavar="AFTER", help="Another.", show_default=False, autocompletion=complete_target),
    ],
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """Compare two runs: what went in, what came out, and how long it took.

    Runs are named as for `consist show`. A line is a difference: of code, config, inputs and contract, as `consist why`
    tells them; of facets; of the runs that the functions asked for; of outputs, which differ if their content does; of
    the status. Of an output the value is shown, if it is plain and has at most 64 bytes. What is equal is left out, so
    that two runs of the same result show no line of an output. The execution times are shown in any case.
    """
    from consist.cli.opening import find_place, open_to_read
    from consist.cli.output import write_json, write_table
    from consist.cli.seeking import find_shown
    from consist.cli.shapes import head, seconds_of

    opened = open_to_read(find_place(db_path, store))
    one, other = (find_shown(opened, name).run for name in (before, after))
    found = list(_differences(one, other))
    if as_json:
        times = [seconds_of(run) for run in (one, other)]
        about = {"before": one.id, "after": other.id, "execution_times": times}
        write_json({**head("diff"), **about, "differences": [_document(*each) for each in found]})
        return
    rows = [_row(*each) for each in found]
    write_table(COLUMNS, [*rows, _times(one, other)], flexible=("name", "before", "after"))


def _differences(one: "RunRecord", other: "RunRecord") -> "Iterator[tuple[str, str, str, Any, Any]]":
    """Yield part, name, change and both sides of what differs."""
    from consist.runs.comparison import compare_runs
    from consist.runs.run import Run

    compared = compare_runs(Run(one), Run(other))
    for found in compared.differences:
        yield found.part, _name(found), found.change, found.before, found.after
    for key in dict.fromkeys((*one.facet, *other.facet)):
        if one.facet.get(key) != other.facet.get(key):
            yield "facet", key, _change(key, one.facet, other.facet), one.facet.get(key), other.facet.get(key)
    removed, added = compared.asked
    for run_id in (*removed, *added):
        yield "asked_for", run_id, "removed" if run_id in removed else "added", None, None
    for output in compared.outputs:
        change = "added" if output.before is None else "removed" if output.after is None else "changed"
        yield "output", output.key, change, output.before, output.after
    if one.status != other.status:
        yield "status", "", "changed", one.status, other.status


def _name(found: "Difference") -> str:
    """Say which thing differs; where it is not named by itself, of what kind it is."""
    return found.name or (found.kind if found.kind != found.part else "")


def _change(key: str, one: dict[str, Any], other: dict[str, Any]) -> str:
    if key not in one:
        return "added"
    return "changed" if key in other else "removed"


def _document(part: str, name: str, change: str, before: Any, after: Any) -> dict[str, Any]:
    from consist.runs.readable import json_ready

    if part == "output":
        before, after = _content(before), _content(after)
    return {"part": part, "name": name, "change": change, "before": json_ready(before), "after": json_ready(after)}


def _content(output: "ArtifactRecord | None") -> dict[str, Any] | None:
    if output is None:
        return None
    return {"digest": output.digest.hex, "size": output.content_size, "format": output.format}


def _row(part: str, name: str, change: str, before: Any, after: Any) -> "tuple[Cell, ...]":
    from consist.runs.comparison import told
    from consist.runs.readable import one_line

    if part == "output":
        sides = told(before, after, one_line) or (_described(before), _described(after))
        return (part, name, change, *sides)
    return part, name, change, _side(part, before), _side(part, after)


def _described(output: "ArtifactRecord | None") -> "Cell":
    from consist.runs.sizes import human_size

    return None if output is None else f"{output.digest.hex[:12]} {output.format} {human_size(output.content_size)}"


def _side(part: str, value: Any) -> "Cell":
    from consist.hashing.digest import SIZE, Digest
    from consist.runs.readable import one_line

    if value is None:
        return None
    if part == "inputs" and isinstance(value, str) and len(value) == 2 * SIZE and set(value) <= set("0123456789abcdef"):
        return Digest.parse(value)
    return one_line(value)


def _times(one: "RunRecord", other: "RunRecord") -> "tuple[Cell, ...]":
    from consist.cli.shapes import seconds_of
    from consist.cli.text import Seconds

    return ("time", "execution_time", None, *(Seconds(seconds_of(run)) for run in (one, other)))
