"""``consist doctor``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, StorePlace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consist.cli.text import Cell
    from consist.store.checks import Check

COLUMNS = ("area", "name", "level", "value", "unit", "origin", "advice")


def command() -> Any:
    """Make the verb."""
    return make_verb(
        doctor,
        name="doctor",
        examples=("consist doctor", "consist doctor --store s3://bucket/team", "consist doctor --no-write --json"),
    )


def doctor(
    no_write: Annotated[
        bool, typer.Option("--no-write", help="Leave out what writes into the store, for a role that only reads.")
    ] = False,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> int:
    """Check settings, versions, the store and the index, and say what to do. Exits 1 if there is a problem.

    Each setting is shown with where it comes from. What a store needs of its place is really done: listing, writing,
    reading, creating an object that only one of several writers may create, swapping, deleting; then small and large
    objects are timed. All of that is under keys of its own, which are removed; no secret is shown. Of the index all
    pages and values are looked at; `consist index rebuild` mends what is damaged.

    A line is a check: ok, a warning of what works but perhaps not as wanted, or a problem. The last is the verdict.
    """
    from consist.cli.codes import OK, PROBLEM
    from consist.cli.diagnosis import diagnose
    from consist.cli.output import on_terminal, write_json, write_table
    from consist.cli.shapes import head
    from consist.store import checks as levels

    checks = diagnose(db_path, store, write=not no_write)
    done: list[Check] = []
    if as_json:
        done.extend(checks)
        write_json({**head("doctor"), **_verdict(done), "checks": [each._asdict() for each in done]})
    elif on_terminal():
        _write_shown(_kept(checks, done))
        _write_verdict(done)
    else:
        write_table(COLUMNS, _rows(checks, done))
    return PROBLEM if levels.worst(each.level for each in done) == levels.PROBLEM else OK


def _verdict(checks: "list[Check]") -> dict[str, Any]:
    from consist.store.checks import PROBLEM, WARNING, worst

    levels = [each.level for each in checks]
    return {"verdict": worst(levels), "problems": levels.count(PROBLEM), "warnings": levels.count(WARNING)}


def _said(checks: "list[Check]") -> str:
    """Say the verdict in words."""
    from consist.cli.text import counted

    found = _verdict(checks)
    if not found["problems"] and not found["warnings"]:
        return "all is well"
    return f"{counted(found['problems'], 'problem')}, {counted(found['warnings'], 'warning')}"


def _kept(checks: "Iterable[Check]", done: "list[Check]") -> "Iterator[Check]":
    for each in checks:
        done.append(each)
        yield each


def _rows(checks: "Iterable[Check]", done: "list[Check]") -> "Iterator[tuple[Cell, ...]]":
    """Yield the line of each check, and at last that of the verdict."""
    for each in _kept(checks, done):
        yield (each.area, each.name, each.level, _text(each.value), each.unit, each.origin, each.advice)
    yield ("verdict", "all", _verdict(done)["verdict"], _said(done), None, None, None)


def _text(value: str | float | None) -> str | None:
    return None if value is None else str(value)


def _write_shown(checks: "Iterable[Check]") -> None:
    """Write checks for people, each as it is done: what is to be done about one stands below it."""
    import sys

    from consist.cli.output import write_line
    from consist.cli.text import escape

    area = ""
    for each in checks:
        if each.area != area:
            area = each.area
            write_line(escape(area))
        origin = f"  ({each.origin})" if each.origin else ""
        write_line(f"  {each.level:8} {escape(each.name):16} {escape(_people(each) + origin)}")
        if each.advice:
            write_line(f"  {'':8} {'':16} -> {escape(each.advice)}")
        sys.stdout.flush()


def _people(check: "Check") -> str:
    """Return the value of a check as people read it."""
    from consist.runs.sizes import human_seconds, human_size
    from consist.store.checks import SECONDS

    value = check.value
    if value is None:
        return "-"
    if check.unit is None or isinstance(value, str):
        return str(value)
    if check.unit == SECONDS:
        return human_seconds(value)
    return human_size(int(value)) + check.unit.removeprefix("bytes")


def _write_verdict(checks: "list[Check]") -> None:
    from consist.cli.output import write_line

    write_line(f"\n{_said(checks)}")
