"""``consist verify``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, StorePlace

if TYPE_CHECKING:
    from consist.cli.opening import Place
    from consist.store.verify import Verified


def command() -> Any:
    """Make the verb."""
    return make_verb(verify, name="verify", examples=("consist verify", "consist verify --read-data --json"))


def verify(
    read_data: Annotated[
        bool, typer.Option("--read-data", help="Read all content and compare it with its digests.")
    ] = False,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> int:
    """Check that everything in the store is there, and is what it says. Exits 1 if something is not.

    The store itself is read, not the index; a store without an index can be checked too. What is damaged heals when
    the step that made it runs again.
    """
    from consist.cli.codes import OK, PROBLEM
    from consist.cli.opening import find_place
    from consist.cli.output import write_json
    from consist.cli.shapes import head

    checked = _verify(find_place(db_path, store), read_data=read_data)
    if as_json:
        findings = [{"key": found.key, "problem": found.problem} for found in checked.findings]
        counts = {"records": checked.records, "blobs": checked.blobs, "packs": checked.packs, "bytes": checked.bytes}
        write_json({**head("verify"), **counts, "read_data": read_data, "findings": findings})
    else:
        _write(checked)
    return PROBLEM if checked.findings else OK


def _verify(place: "Place", *, read_data: bool) -> "Verified":
    """Check a store; where it has no index, with one that is thrown away."""
    import tempfile

    from consist.cli.opening import open_place
    from consist.index.filekind import Kind, file_kind
    from consist.store.verify import verify as verify_store

    if file_kind(place.db_path) is not Kind.NEW:
        return verify_store(open_place(place), read_data=float(read_data))
    with tempfile.TemporaryDirectory(prefix="consist-verify-") as folder:
        store = open_place(place._replace(db_path=f"{folder}/index.lmdb"))
        try:
            return verify_store(store, read_data=float(read_data))
        finally:
            store.index.close()


def _write(checked: "Verified") -> None:
    from consist.cli.output import write_line
    from consist.cli.text import counted, escape
    from consist.runs.artifact import human_size

    for found in checked.findings:
        write_line(f"{escape(found.key)}\t{escape(found.problem)}")
    checked_things = (
        f"{counted(checked.records, 'record')}, {counted(checked.blobs, 'blob')}, {human_size(checked.bytes)}"
    )
    write_line(f"{checked_things} checked: {counted(len(checked.findings), 'problem')} found")
