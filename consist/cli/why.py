"""``consist why``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, StorePlace, complete_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.cli.text import Cell
    from consist.index.records import RunRecord
    from consist.runs.explanation import Explanation
    from consist.store.store import Store


def command() -> Any:
    """Make the verb."""
    return make_verb(
        why,
        name="why",
        examples=(
            "consist why",
            "consist why 3f2a",
            "consist why 3f2a 9ab1",
            "consist why plot.png",
            "consist why 3f2a --json | jq -r .differences[].text",
        ),
    )


def why(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN",
            help="A run, or what a run made. Default: the newest run that was executed.",
            show_default=False,
            autocompletion=complete_target,
        ),
    ] = None,
    other: Annotated[
        str | None,
        typer.Argument(
            metavar="OTHER", help="The run to compare it with.", show_default=False, autocompletion=complete_target
        ),
    ] = None,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """Say why a run was not found as an earlier one: what differs in code, config, inputs and contract.

    RUN is named as for `consist show`: by the beginning of its id, by an output, a digest or a file that it made,
    or, of the newest run of a step, by the step.
    Without it, it is the newest run that is neither a trace nor a scenario nor was put.

    It is compared with the nearest earlier run of its step: its counterpart in an earlier execution of the same sweep
    (the same config, and inputs from the same places or from counterparts); else the one with the fewest differing
    parts, of several one with the same config, then one with the same inputs, then the one in which the fewest single
    things differ, then the newest, among the newest 200 and the newest 200 with its config. A trace or a scenario,
    which is executed each time, is compared with an earlier one. With OTHER, the two are compared, and what is said
    leads from the earlier to the later, in whatever order they are named.

    A line is a fact: run_id, model, compared_with, then a line for each difference, and remarks; a tab between.
    """
    from consist.cli.opening import find_place, open_to_read
    from consist.cli.output import write_json
    from consist.cli.shapes import difference, head

    opened = open_to_read(find_place(db_path, store))
    record, found = _explained(opened, run, other)
    if as_json:
        near = found.run.id if found.run is not None else None
        facts = {"run_id": record.id, "model": record.step, "compared_with": near}
        differences = [difference(each) for each in found.differences]
        write_json({**head("why"), **facts, "differences": differences, "remarks": list(found.remarks)})
    else:
        _write(record, found)


def _explained(store: "Store", run: str | None, other: str | None) -> "tuple[RunRecord, Explanation]":
    """Return the run that is explained, which is the later of two, and the explanation."""
    from consist.cli.seeking import find_shown
    from consist.runs.explanation import explain_run

    record = _newest(store) if run is None else find_shown(store, run).run
    if other is None:
        return record, explain_run(store, record)
    earlier, later = sorted((find_shown(store, other).run, record), key=lambda found: (found.started, found.id))
    return later, explain_run(store, later, earlier)


def _newest(store: "Store") -> "RunRecord":
    """Return the newest run of a step that was executed: what was put has no parts to compare."""
    from consist.errors import RunNotFoundError
    from consist.index.records import RUN
    from consist.store.unknown import or_elsewhere

    found = next((run for run in store.index.runs(kind=RUN) if run.parts), None)
    if found is None:
        raise RunNotFoundError("no step was executed yet", hint=or_elsewhere(store, "`consist runs` lists the runs"))
    return found


def _write(record: "RunRecord", found: "Explanation") -> None:
    from consist.cli.output import write_facts

    write_facts(_facts(record, found))


def _facts(record: "RunRecord", found: "Explanation") -> "Iterator[tuple[str, Cell]]":
    from consist.cli.text import RunId

    yield "run_id", record.id
    yield "model", record.step
    if found.run is not None:
        yield "compared_with", RunId(found.run.id)
    for difference in found.differences:
        yield "difference", str(difference)
    for remark in found.remarks:
        yield "remark", remark
