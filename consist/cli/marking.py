"""What the verbs that say something of a run have in common: which run is meant, and what is printed afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from consist.cli.options import complete_tag, complete_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consist.index.records import RunRecord
    from consist.store.store import Store

RunTarget = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run, or what a run made.", show_default=False, autocompletion=complete_target
    ),
]
Tags = Annotated[
    list[str],
    typer.Argument(metavar="TAG...", help="One tag or several.", show_default=False, autocompletion=complete_tag),
]


def opened_run(db_path: str | None, store: str | None, target: str) -> tuple[Store, RunRecord]:
    """Open the store to write to, and find a run as `consist show` does."""
    from consist.cli.opening import find_place, open_existing
    from consist.cli.seeking import find_meant

    opened = open_existing(find_place(db_path, store))
    return opened, find_meant(opened, target).run


def write_marks(verb: str, store: Store, run: RunRecord, changed: Sequence[str], *, as_json: bool) -> None:
    """Write what a run has now.

    Parameters
    ----------
    verb : str
        Which verb it was.
    store, run
        The run.
    changed : sequence of str
        The tags or pins that were given or taken; those that there was nothing to do about are left out.
    as_json : bool
        Whether to write JSON.
    """
    from consist.cli.output import write_facts, write_json
    from consist.cli.shapes import head
    from consist.cli.text import NO_REASON

    tags = list(store.index.tags(run.id))
    pins = [mark.text for mark in store.index.marks(run.id, "pin")]
    if as_json:
        about: dict[str, Any] = {"run_id": run.id, "model": run.step, "changed": list(changed)}
        write_json({**head(verb), **about, "tags": tags, "pins": pins})
        return
    facts = [("run_id", run.id), ("model", run.step)]
    write_facts([*facts, *(("tag", tag) for tag in tags), *(("pin", text or NO_REASON) for text in pins)])
