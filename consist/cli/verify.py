"""``consist verify``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, StorePlace

if TYPE_CHECKING:
    from consist.store.places import Located
    from consist.store.store import Store
    from consist.store.verify import Verified

_ALL, _NONE = "100%", "0%"


def command() -> Any:
    """Make the verb."""
    return make_verb(
        verify,
        name="verify",
        examples=("consist verify", "consist verify --read-data", "consist verify --read-data=10% --json"),
        bare={"--read-data": _ALL},
    )


def verify(
    read_data: Annotated[
        str,
        typer.Option(
            "--read-data",
            metavar="[=SHARE]",
            help="Read content and compare it with its digests: all of it, or of a random share (10% or 0.1).",
            show_default=False,
        ),
    ] = _NONE,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> int:
    """Check that everything in the store is there, and is what it says. Exits 1 if something is not.

    Names, sizes, manifests and records are checked in any case; with --read-data the content is, too. A share is one of
    objects, chosen anew each time: 10% a night has read nine tenths of a store after three weeks.

    The store itself is read. The index is only asked which records and batches of events should be there: one that is
    gone is named, a record with its run. A store without an index can be checked too, but for that. Content that is
    damaged heals when the step that made it runs again; of a record or a batch the finding says what to do. What is
    damaged and only helped to share chunks, or is a pack that no blob needs any more, is named, and is no problem.
    What is there and cannot be read is named as well, and the rest is looked at; a place that does not answer ends it.
    """
    from consist.cli.codes import OK, PROBLEM
    from consist.cli.opening import find_place
    from consist.cli.output import write_json
    from consist.cli.shapes import head

    share = parse_share(read_data)
    checked = _verify(find_place(db_path, store), share)
    if as_json:
        findings, unneeded = (
            [{"key": found.key, "problem": found.problem} for found in some]
            for some in (checked.findings, checked.unneeded)
        )
        counts = {"records": checked.records, "blobs": checked.blobs, "packs": checked.packs, "bytes": checked.bytes}
        write_json({**head("verify"), **counts, "read_data": share, "findings": findings, "unneeded": unneeded})
    else:
        _write(checked, share)
    return PROBLEM if checked.findings else OK


def parse_share(text: str) -> float:
    """Read a share: a percentage, or a number from 0 to 1.

    Raises
    ------
    UsageError
        If it is neither.

    Examples
    --------
    >>> parse_share("10%"), parse_share("0.1"), parse_share("1")
    (0.1, 0.1, 1.0)
    """
    from consist.errors import UsageError

    number, percent = (text[:-1], 100) if text.endswith("%") else (text, 1)
    try:
        share = float(number) / percent
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:  # also what is no number (nan)
        raise UsageError(
            f"--read-data={text!r:.60} is no share", hint="write --read-data, --read-data=10% or --read-data=0.1"
        )
    return share


def _verify(place: "Located", share: float) -> "Verified":
    """Check a store; where it has no index, with one that is thrown away."""
    import tempfile

    from consist.cli.opening import open_place
    from consist.index.filekind import Kind, file_kind

    if file_kind(place.db_path) is not Kind.NEW:
        return _watched(open_place(place), share)
    with tempfile.TemporaryDirectory(prefix="consist-verify-") as folder:
        store = open_place(place._replace(db_path=f"{folder}/index.lmdb"))
        try:
            return _watched(store, share)
        finally:
            store.index.close()


def _watched(store: "Store", share: float) -> "Verified":
    """Check a store, and show how far that has come; how much there is to read is asked only if somebody looks."""
    from consist.cli.progress import is_shown, progress
    from consist.store.usage import stored_bytes
    from consist.store.verify import verify as verify_store

    total = stored_bytes(store).content if share and is_shown() else None
    with progress(f"checking {store.backend.url}", total=total) as seen:
        return verify_store(store, read_data=share, seen=seen)


def _write(checked: "Verified", share: float) -> None:
    from consist.cli.output import write_line
    from consist.cli.text import counted, escape
    from consist.runs.sizes import human_size

    for found in (*checked.findings, *checked.unneeded):
        write_line(f"{escape(found.key)}\t{escape(found.problem)}")
    things = [counted(checked.records, "record"), counted(checked.blobs, "blob"), human_size(checked.bytes)]
    write_line(f"{', '.join(things)} checked{_read(share)}: {counted(len(checked.findings), 'problem')} found")


def _read(share: float) -> str:
    """Say how much of the content was read: of bytes that were changed in place, sizes tell nothing."""
    if not share:
        return ", content not read (--read-data reads it)"
    return f", {share * 100:.3g}% of the content read" if share < 1 else ""
