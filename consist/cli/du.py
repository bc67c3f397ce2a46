"""``consist du``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, Human, StorePlace, complete_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from consist.cli.text import Cell
    from consist.store.usage import Measuring, StepUsage, Usage

COLUMNS = ("step", "runs", "logical", "inline", "unique", "saved", "stored")


def command() -> Any:
    """Make the verb."""
    return make_verb(
        du,
        name="du",
        examples=("consist du", "consist du steps/clean -h", "consist du runs/3f2a", "consist du --json | jq .ratio"),
    )


def du(
    path: Annotated[
        str,
        typer.Argument(metavar="[PATH]", help="What to measure.", show_default=False, autocompletion=complete_path),
    ] = "",
    human: Human = False,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """Show how much runs made, and how much room that takes, step by step and in sum.

    Of each step: logical bytes are those of all outputs of all its runs; inline are those of them that lie in the
    records; unique are those that differ, a large output counted by its chunks; saved are those that need not be
    stored since they are there already; stored is what its objects take, with the records. Then the same of all steps
    together, and how many logical bytes there are for each stored one (the ratio).

    Without a PATH, what is stored is all that lies in the store, referred to or not. Of a step, a run, an output or a
    blob it is what that needs, and may share with others.
    """
    from consist.cli.opening import find_place, open_existing
    from consist.cli.output import on_terminal, write_json_list
    from consist.cli.progress import progress, things
    from consist.cli.shapes import head
    from consist.store.usage import Measuring

    opened = open_existing(find_place(db_path, store))
    label = f"measuring {path or opened.backend.url}"
    with progress(label, unit=things("object"), shown=not on_terminal()) as seen:
        told = [seen]

        def tell(count: int) -> None:
            told[-1](count)

        measuring = Measuring(opened, path, seen=tell)
        if as_json:
            steps = (_step(step) for step in measuring.steps())
            write_json_list({**head("du"), "path": path}, "steps", steps, tail=lambda: _sums(measuring.sums()))
        elif on_terminal():
            _write_between(measuring, label, told)
        else:
            _write(measuring.steps(), measuring.sums, human=human)
    _warn(measuring.unreadable)


def _write_between(measuring: "Measuring", label: str, told: "list[Callable[[int], object]]") -> None:
    """Write to the terminal that progress is drawn on too: before the first step and before the sums, not between."""
    from consist.cli.progress import progress, things, until_first

    def steps(seen: "Callable[[int], object]") -> "Iterator[StepUsage]":
        told.append(seen)
        return measuring.steps()

    def sums() -> "Usage":
        with progress(label, unit=things("object")) as seen:
            told.append(seen)
            return measuring.sums()

    _write(until_first(label, steps, unit=things("object")), sums, human=True)


def _step(step: "StepUsage") -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(step), "saved": step.saved}


def _sums(found: "Usage") -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "runs": found.runs,
        "logical": found.logical,
        "inline": found.inline,
        "unique": found.unique,
        "saved": found.saved,
        "stored": {"total": found.stored.total, **asdict(found.stored)},
        "ratio": found.ratio,
        "unreadable": found.unreadable,
    }


def _write(steps: "Iterable[StepUsage]", sums: "Callable[[], Usage]", *, human: bool) -> None:
    from consist.cli.output import write_facts, write_line, write_table

    write_table(COLUMNS, map(_row, steps), flexible=("step",), human=human)
    found = sums()
    write_line("")
    write_facts(_facts(found), human=human)


def _row(step: "StepUsage") -> "tuple[Cell, ...]":
    from consist.cli.text import Size

    sizes = (step.logical, step.inline, step.unique, step.saved, step.stored)
    return (step.step, step.runs, *map(Size, sizes))


def _facts(found: "Usage") -> "Iterator[tuple[str, Cell]]":
    from dataclasses import asdict

    from consist.cli.text import Size

    yield "runs", found.runs
    yield "logical", Size(found.logical)
    yield "inline", Size(found.inline)
    yield "unique", Size(found.unique)
    yield "saved", Size(found.saved)
    yield "stored", Size(found.stored.total)
    for kind, size in asdict(found.stored).items():
        yield f"stored.{kind}", Size(size)
    yield "ratio", None if found.ratio is None else f"{found.ratio:.2f}"


def _warn(count: int) -> None:
    import warnings

    from consist.cli.text import counted
    from consist.errors import DamagedWarning

    if count:
        warnings.warn(
            f"{counted(count, 'blob')} could not be taken apart, and counted as one piece each (see `consist verify`)",
            DamagedWarning,
            stacklevel=2,
        )
