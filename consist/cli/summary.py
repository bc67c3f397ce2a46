"""``consist summary``."""

from typing import TYPE_CHECKING, Any

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, Human, StorePlace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consist.cli.text import Cell
    from consist.store.summary import StepSummary

COLUMNS = ("step", "completed", "failed", "forgotten", "hits", "outputs", "bytes", "spent", "saved", "newest")

NARROW = ("step", "completed/_failed/_forgotten", *COLUMNS[4:])
"""The same where a terminal is narrow: three numbers in one column, whose name goes on below at each slash."""
_WIDE = 104
"""Columns of a terminal from which all have one of their own: a step's name and each number as they usually are."""
_FITS = 80
"""Columns from which the narrow table fits; below, each step is a few lines, and each number has its own."""


def command() -> Any:
    """Make the verb."""
    return make_verb(summary, name="summary", examples=("consist summary", "consist summary --json | jq .total.saved"))


def summary(
    human: Human = False,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """Show what all runs come to, step by step and in sum.

    Of each step: how many runs completed, failed, and were forgotten; how often one was found again (hits), how many
    outputs there are and how large they are as plain files, how long executing took, and how much time the hits saved:
    each as long as its run took. Seconds, where nobody looks. What a scenario took is not spent a second time: the runs
    in it have their own line, and `consist scenarios` shows how long each was.
    """
    from consist.cli.nearby import or_hint
    from consist.cli.opening import find_place, open_to_read
    from consist.cli.output import terminal_width, write_facts, write_json_list, write_line, write_table
    from consist.cli.shapes import head
    from consist.store.summary import summaries, total

    opened = open_to_read(find_place(db_path, store))
    told: list[StepSummary] = []
    steps = _kept(or_hint(opened, summaries(opened)), told)
    if as_json:
        write_json_list(head("summary"), "steps", map(_document, steps), tail=lambda: {"total": _sums(total(told))})
        return
    if _FITS <= terminal_width() < _WIDE:
        write_table(NARROW, (_few_cells(step) for step in steps), flexible=("step",))
    else:
        write_table(COLUMNS, map(_cells, steps), flexible=("step",), human=human)
    write_line("")
    write_facts(zip(COLUMNS[1:], _cells(total(told))[1:], strict=True), human=human)


def _kept(steps: "Iterable[StepSummary]", told: "list[StepSummary]") -> "Iterator[StepSummary]":
    for step in steps:
        told.append(step)
        yield step


def _cells(step: "StepSummary") -> "tuple[Cell, ...]":
    from consist.cli.text import Seconds, Size, Time

    times = (Seconds(step.spent / 1e6), Seconds(step.saved / 1e6), Time(step.newest) if step.newest else None)
    return (step.step, step.completed, step.failed, step.forgotten, step.hits, step.outputs, Size(step.bytes), *times)


def _few_cells(step: "StepSummary") -> "tuple[Cell, ...]":
    name, completed, failed, forgotten, *others = _cells(step)
    return (name, f"{completed}/{failed}/{forgotten}", *others)


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
