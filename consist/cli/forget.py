"""``consist forget``."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.marking import RunTarget
from consist.cli.options import AsJson, DbPath, StorePlace

if TYPE_CHECKING:
    from consist.index.marks import Mark
    from consist.index.records import RunRecord
    from consist.store.store import Store


def command() -> Any:
    """Make the verb."""
    return make_verb(
        forget,
        name="forget",
        examples=(
            "consist forget 3f2a --dry-run",
            "consist forget 3f2a --yes --reason 'the sensor was upside down'",
            "consist forget plot.png",
        ),
    )


def forget(  # noqa: PLR0913, PLR0917 - the options; nobody calls it but Typer
    run: RunTarget,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why it is wrong.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> int:
    """Say that the result of a run is wrong: no call finds it any more, on any machine, and the step runs again.

    RUN is named as for `consist show`. The run stays listed, as forgotten, and what it made can be read by its id.
    So are the runs that asked for it in their functions, which would be found again as they are. Runs that read what it
    made as an input are named, and not forgotten with it: once it is made anew, they are not found for it. Nor are the
    runs in a scenario forgotten with it.

    What will be done is shown, and asked about on a terminal; elsewhere --yes is needed.
    """
    from consist.cli.codes import OK
    from consist.cli.marking import opened_run
    from consist.cli.output import write_json, write_line
    from consist.cli.shapes import forgetting, head
    from consist.errors import RefusedError
    from consist.store.asked import all_askers
    from consist.store.lookup import forgettings
    from consist.store.marking import forget as forget_run

    opened, record = opened_run(db_path, store, run)
    users, askers = _users(opened, record), [asker.id for asker in all_askers(opened, record)]
    before = forgettings(opened, record)
    if not as_json:
        for line in (*map(_earlier, before), *_plan(record, users, askers)):
            write_line(line)
    if not dry_run and not yes and not _agreed():
        raise RefusedError(f"run {record.id} was not forgotten", hint="say --yes")
    if not dry_run:
        record = forget_run(opened, record, reason)
    if as_json:
        about = {"run_id": record.id, "model": record.step, "status": record.status, "dry_run": dry_run}
        about["before"] = [forgetting(mark) for mark in before]
        write_json({**head("forget"), **about, "used_by": users, "asked_by": askers})
    elif not dry_run:
        write_line("forgotten")
    return OK


def _users(store: "Store", record: "RunRecord") -> list[str]:
    """Return the ids of the runs that read what a run made."""
    found = [edge.run_id for output in record.outputs for edge in store.index.consumers(output.digest)]
    return [run_id for run_id in dict.fromkeys(found) if run_id != record.id]


def _earlier(mark: "Mark") -> str:
    """Say that a run was forgotten before: what is added then is one more reason."""
    from consist.cli.text import Time, escape, plain

    return f"it was forgotten before, at {plain(Time(mark.at))}{': ' if mark.text else ''}{escape(mark.text)}"


def _plan(record: "RunRecord", users: list[str], askers: list[str]) -> list[str]:
    from consist.cli.text import counted

    lines = [
        _fate(record),
        f"its {counted(len(record.outputs), 'output')} can still be read by its id",
    ]
    if askers:
        lines.append(f"it was asked for in {counted(len(askers), 'run')}, forgotten with it: {_some(askers)}")
    if users:
        lines.append(f"what it made was read by {counted(len(users), 'run')}, which stay: {_some(users)}")
    return lines


def _some(run_ids: list[str]) -> str:
    return ", ".join(run_ids[:5]) + (f" and {len(run_ids) - 5} more" if len(run_ids) > 5 else "")  # noqa: PLR2004


def _fate(record: "RunRecord") -> str:
    """Say what becomes of a run: of one that no call would have found, no more than how it is listed."""
    from consist.cli.text import escape
    from consist.index.records import RUN, SCENARIO

    if record.kind == RUN and record.signature is not None:
        return f"run {record.id} of {escape(record.step)!r} will not be found any more: its next call runs again"
    why = "no call finds it as it is" if record.kind == RUN else f"a {record.kind} is executed each time"
    members = "; the runs in it stay" if record.kind == SCENARIO else ""
    return f"{escape(record.kind)} {record.id} of {escape(record.step)!r} will be listed as forgotten: {why}{members}"


def _agreed() -> bool:
    """Ask, if there is somebody to ask."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    sys.stdout.write("forget it? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
