"""``consist unpin``."""

from typing import Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.marking import RunTarget
from consist.cli.options import AsJson, DbPath, StorePlace


def command() -> Any:
    """Make the verb."""
    return make_verb(
        unpin,
        name="unpin",
        examples=("consist unpin 3f2a", "consist unpin 3f2a --reason 'paper, figure 3'"),
    )


def unpin(
    run: RunTarget,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only the pin of this reason.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """Take the pins from a run, and print those that are left.

    RUN is named as for `consist show`. Nothing is deleted by that. A pin that it does not have is no error, but said on
    standard error.
    """
    from consist.cli.marking import opened_run, write_marks
    from consist.cli.nearby import say_lacking
    from consist.cli.text import NO_REASON
    from consist.store import marking

    opened, record = opened_run(db_path, store, run)
    changed = marking.unpin(opened, record, reason)
    if reason is not None and not changed:
        kept = (mark.text or NO_REASON for mark in opened.index.marks(record.id, "pin"))
        say_lacking(f"{record.kind} {record.id[:12]} has no pin for the reason", reason, kept, "it has none")
    write_marks("unpin", opened, record, changed, as_json=as_json)
