"""``consist index rebuild``."""

from typing import TYPE_CHECKING, Any

from consist.cli.building import make_group
from consist.cli.options import AsJson, DbPath, StorePlace

if TYPE_CHECKING:
    from consist.index.environment import Environment
    from consist.store.places import Located
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

    The index's file is made if there is none. One that is damaged is replaced, and kept as FILE.damaged-1 (or the next
    number that is free); a file of another program is refused.

    What the store has lost and the index had is written anew, and said: records that are damaged, events (tags, pins,
    counts of hits) that are damaged or gone. Exits 1 if something in the store is damaged still, or cannot be read.
    """
    from dataclasses import asdict

    from consist.cli.codes import OK, PROBLEM
    from consist.cli.opening import find_place
    from consist.cli.output import write_json, write_line
    from consist.cli.shapes import head
    from consist.cli.text import counted

    rebuilt = _rebuild(find_place(db_path, store))
    if as_json:
        write_json({**head("index-rebuild"), **asdict(rebuilt)})
    else:
        events = f"{rebuilt.batches} {'batch' if rebuilt.batches == 1 else 'batches'} of events"
        mended = f", {rebuilt.mended} written anew" if rebuilt.mended else ""
        write_line(f"{counted(rebuilt.runs, 'run')} and {events} indexed, {rebuilt.damaged} damaged{mended}")
    return PROBLEM if rebuilt.damaged else OK


def _rebuild(place: "Located") -> "Rebuilt":
    from consist.cli.opening import open_place, require_store
    from consist.cli.progress import progress, things
    from consist.errors import DamagedError
    from consist.index.environment import Environment
    from consist.store.rebuild import rebuild as rebuild_index

    def made() -> "Rebuilt":
        store = open_place(place)
        with progress(f"reading {store.backend.url}", unit=things("object")) as seen:
            return rebuild_index(store, seen=seen)

    require_store(place)  # before the index is touched: without a store nothing replaces it
    environment = Environment(place.db_path)
    damage = _damage(environment)
    if damage is None:
        try:
            if environment.exists():
                environment.read(lambda _transaction, _tables: None)  # raises for one that a crash may have torn
            return made()
        except DamagedError as error:  # of the index: the store says what is damaged, and goes on
            damage = error.message
    _move_aside(environment, damage)
    return made()


def _damage(environment: "Environment") -> str | None:
    """Say what is wrong with an index as a file, or None."""
    from consist.errors import DamagedError, FormatError

    try:
        return environment.damage()
    except DamagedError as error:
        return error.message
    except FormatError as error:
        try:
            environment.check_remains()
        except FormatError:
            raise error from None  # which says what it is
        return error.message


def _move_aside(environment: "Environment", damage: str) -> None:
    import warnings

    from consist.errors import DamagedWarning

    aside = environment.move_aside()
    warnings.warn(
        f"the index is replaced, and the damaged file kept as {aside} (delete it when you like): {damage}",
        DamagedWarning,
        stacklevel=2,
    )
