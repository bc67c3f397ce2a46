"""``consist summary``."""

from typing import TYPE_CHECKING, Any

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, StorePlace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consist.cli.text import Cell
    from consist.store.summary import StepSummary

COLUMNS = ("step", "completed", "failed", "forgotten", "hits", "outputs", "bytes", "spent", "saved", "newest")


def command() -> Any:
    """Make the verb."""
    return make_verb(summary, name="summary", examples=("consist summary", "consist summary --json | jq .total.saved"))


def summary(
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """Show what all runs come to, step by step and in sum.

    Of each step: how many runs completed, failed, and were forgotten; how often one was found again (hits), how many
    outputs there are and how large they are as plain files, how long executing took, and how much time the hits saved:
    each as long as its run took. Seconds, where nobody looks.
    """
    from consist.cli.nearby import or_hint
    from consist.cli.opening import find_place, open_to_read
    from consist.cli.output import write_facts, write_json_list, write_line, write_table
    from consist.cli.shapes import head
    from consist.store.summary import summaries, total

    opened = open_to_read(find_place(db_path, store))
    told: list[StepSummary] = []
    steps = _kept(or_hint(opened, summaries(opened)), told)
    if as_json:
        write_json_list(head("summary"), "steps", map(_document, steps), tail=lambda: {"total": _sums(total(told))})
        return
    write_table(COLUMNS, (tuple(_cells(step)) for step in steps), flexible=("step",))
    write_line("")
    write_facts(zip(COLUMNS[1:], _cells(total(told))[1:], strict=True))


def _kept(steps: "Iterable[StepSummary]", told: "list[StepSummary]") -> "Iterator[StepSummary]":
    for step in steps:
        told.append(step)
        yield step


def _cells(step: "StepSummary") -> "tuple[Cell, ...]":
    from consist.cli.text import Seconds, Size, Time

    times = (Seconds(step.spent / 1e6), Seconds(step.saved / 1e6), Time(step.newest) if step.newest else None)
    return (step.step, step.completed, step.failed, step.forgotten, step.hits, step.outputs, Size(step.bytes), *times)


def _sums(step: "StepSummary") -> dict[str, Any]:
    from consist.cli.text import iso_time

    return {
        "completed": step.completed,
        "failed": step.failed,
        "forgotten": step.forgotten,
        "hits": step.hits,
        "outputs": step.outputs,
        "bytes": step.bytes,
        "spent": step.spent / 1e6,
        "saved": step.saved / 1e6,
        "newest": iso_time(step.newest) if step.newest else None,
    }


def _document(step: "StepSummary") -> dict[str, Any]:
    return {"step": step.step, **_sums(step)}
