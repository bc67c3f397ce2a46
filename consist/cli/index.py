"""``consist index rebuild``."""

from typing import TYPE_CHECKING, Any

from consist.cli.building import make_group
from consist.cli.options import AsJson, DbPath, StorePlace

if TYPE_CHECKING:
    from consist.cli.opening import Place
    from consist.store.rebuild import Rebuilt


def command() -> Any:
    """Make the verb."""
    return make_group(
        {
            "rebuild": (
                rebuild,
                ("consist index rebuild", "consist index rebuild --db-path ./provenance.duckdb --store ./team.store"),
            )
        },
        name="index",
        about="Make this machine's index anew.",
    )


def rebuild(
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> int:
    """Make the index of a store anew: every run, output and edge, and what was counted.

    The index's file is made if there is none, and replaced if it is damaged. Exits 1 if records in the store are
    damaged, and so left out.
    """
    from consist.cli.codes import OK, PROBLEM
    from consist.cli.opening import find_place
    from consist.cli.output import write_json, write_line
    from consist.cli.shapes import head
    from consist.cli.text import counted

    rebuilt = _rebuild(find_place(db_path, store))
    if as_json:
        counts = {"runs": rebuilt.runs, "batches": rebuilt.batches, "damaged": rebuilt.damaged}
        write_json({**head("index-rebuild"), **counts})
    else:
        events = f"{rebuilt.batches} {'batch' if rebuilt.batches == 1 else 'batches'} of events"
        write_line(f"{counted(rebuilt.runs, 'run')} and {events} indexed, {rebuilt.damaged} damaged")
    return PROBLEM if rebuilt.damaged else OK


def _rebuild(place: "Place") -> "Rebuilt":
    import warnings

    from consist.cli.opening import open_place
    from consist.errors import DamagedError, DamagedWarning
    from consist.index.environment import Environment
    from consist.store.rebuild import rebuild as rebuild_index

    environment = Environment(place.db_path)
    try:
        if environment.exists():
            environment.read(lambda _transaction, _tables: None)
            return rebuild_index(open_place(place))
    except DamagedError as error:
        warnings.warn(f"the index is replaced: {error.message}", DamagedWarning, stacklevel=2)
        environment.delete()
    return rebuild_index(open_place(place))
