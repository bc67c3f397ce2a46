"""``consist pin``."""

from typing import Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.marking import RunTarget
from consist.cli.options import AsJson, DbPath, StorePlace


def command() -> Any:
    """Make the verb."""
    return make_verb(
        pin,
        name="pin",
        examples=("consist pin 3f2a --reason 'paper, figure 3'", "consist pin steps/train/model"),
    )


def pin(
    run: RunTarget,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; each reason is a pin of its own.")] = "",
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """Keep what a run made, whatever is collected otherwise, and print the pins that it has.

    RUN is named as for `consist show`. A pin is seen by every machine that uses the store; what `consist put` stores
    is pinned already.
    """
    from consist.cli.marking import opened_run, write_marks
    from consist.store import marking

    opened, record = opened_run(db_path, store, run)
    changed = [reason] if marking.pin(opened, record, reason) else []
    write_marks("pin", opened, record, changed, as_json=as_json)
