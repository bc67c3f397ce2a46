"""``consist show``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, StorePlace, complete_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.cli.text import Cell
    from consist.index.records import RunRecord
    from consist.store.origin import Origin
    from consist.store.store import Store


def command() -> Any:
    """Make the verb."""
    return make_verb(
        show,
        name="show",
        examples=(
            "consist show 3f2a",
            "consist show plot.png",
            "consist show steps/clean/table",
            "consist show clean",
            "consist show 3f2a --json | jq .run.config",
        ),
    )


def show(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="A run, what a run made (output, digest, file), or a step.",
            show_default=False,
            autocompletion=complete_target,
        ),
    ],
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """Show all that is recorded of a run, or of the run that made a file: config, inputs, outputs, code.

    TARGET is looked for as a run id or the beginning of one; then as a path of the store (runs/RUN, runs/RUN/OUTPUT,
    steps/STEP/OUTPUT for the newest run, blobs/DIGEST) or a digest, which has 16 digits or more, or fewer after
    blake3:; then as a file or folder here, which is hashed: ./NAME is always one. If several runs made that content
    the newest is shown, and the others are named as also_made_by. A file that is no output of its own is looked for in
    the folders that runs made. Of what was found as an output found_as says which, in a folder found_in. The name of a
    step, where no run and no file is called so, and steps/STEP are the newest run of the step.

    A line is a fact: what it is about, a tab, and its values.
    """
    from consist.cli.opening import find_place, open_to_read
    from consist.cli.output import write_json
    from consist.cli.seeking import find_shown
    from consist.cli.shapes import head, run_in_full

    opened = open_to_read(find_place(db_path, store))
    origin = find_shown(opened, target)
    if as_json:
        meant = {"output": origin.output, "inner": origin.inner or None, "also_made_by": list(origin.also)}
        write_json({**head("show"), **meant, "run": run_in_full(opened, origin.run)})
    else:
        _write(opened, origin)


def _write(store: "Store", origin: "Origin") -> None:
    from consist.cli.output import write_facts

    write_facts(_facts(store, origin))


def _facts(store: "Store", origin: "Origin") -> "Iterator[tuple[Any, ...]]":
    """Yield name and cells of each fact; of what a run has several of, one after the other."""
    from consist.cli.text import RunId, Size
    from consist.runs.readable import one_line

    record = origin.run
    yield from _course(store, record)
    yield from _place(origin)
    yield from _labels(store, record)
    yield from _named("config", record.config)
    yield from _named("facet", record.facet)
    yield from _named("meta", record.meta)
    for item in record.inputs:
        yield f"input.{item.key}", item.kind, Size(item.size), item.digest, item.location
    for run_id in record.asked:
        yield "asked_for", RunId(run_id)
    for output in record.outputs:
        stored = "object" if output.inline is None else "inline"
        yield (
            f"output.{output.key}",
            output.format,
            Size(output.content_size),
            output.digest,
            stored,
            *_origin(output.media),
        )
    yield from _contract(record)
    for note in record.notes:
        yield "note", note
    yield "signature", record.signature, *_why_none(store, record)
    for name, digest in record.parts.items():
        yield f"part.{name}", digest
    for name, digest in record.code.items():
        yield f"code.{name}", digest
    for name, value in record.machine.items():
        yield f"machine.{name}", one_line(value)


def _place(origin: "Origin") -> "Iterator[tuple[Any, ...]]":
    """Yield what of a run was meant, and who else made it."""
    from consist.cli.text import RunId

    if origin.inner:
        yield "found_in", f"{origin.output}/{origin.inner}"
    elif origin.output is not None:
        yield "found_as", origin.output
    for run_id in origin.also:
        yield "also_made_by", RunId(run_id)


def _course(store: "Store", record: "RunRecord") -> "Iterator[tuple[Any, ...]]":
    """Yield how a run went."""
    from consist.cli.shapes import seconds_of
    from consist.cli.text import Seconds, Time
    from consist.index.records import RUN

    hits = store.index.hits(record.id)
    yield "run_id", record.id
    yield "model", record.step
    if record.kind != RUN:
        yield "kind", record.kind
    yield "status", record.status
    if record.error:
        yield "error", *record.error
    yield "started", Time(record.started)
    yield "ended", Time(record.ended)
    yield "execution_time", Seconds(seconds_of(record))
    yield "hits", hits.count
    if hits.last:
        yield "last_hit", Time(hits.last)


def _why_none(store: "Store", record: "RunRecord") -> tuple[str, ...]:
    """Say why no signature leads to a run, as one cell; nothing of a run that has one."""
    from consist.index.records import FAILED, FORGOTTEN, RUN

    if record.signature is not None:
        return ()
    if record.kind != RUN:
        return (f"a {record.kind} is executed each time",)
    if not record.parts:
        return ("it was put, not computed",)
    if record.status in {FAILED, FORGOTTEN}:
        return ("a failure is not cached" if record.status == FAILED else "somebody said that its result is wrong",)
    instead = _found_instead(store, record)
    if instead is None:
        return ("it was not cached, or another run took its place",)
    return (f"run {instead} is found instead: it is equal, and was published before, or took its place",)


def _found_instead(store: "Store", record: "RunRecord") -> str | None:
    """Return the id of the run that the signature of an equal call leads to, as far as the index can say."""
    from consist.errors import DamagedError
    from consist.identity.signature import signature

    try:
        found = store.index.find(signature(record.step, record.parts))
    except (KeyError, DamagedError):  # a record of another make, or one that cannot be read
        return None
    return None if found is None else found.id


def _labels(store: "Store", record: "RunRecord") -> "Iterator[tuple[Any, ...]]":
    """Yield what people said of a run."""
    from consist.cli.text import Time
    from consist.store.lookup import forgettings

    if record.description:
        yield "description", record.description
    if record.parent:
        yield "parent", record.parent
    for parent in store.index.parents(record.id):
        if parent != record.parent:
            yield "found_in", parent
    for tag in store.index.tags(record.id):
        yield "tag", tag
    for mark in store.index.marks(record.id, "pin"):
        yield "pin", mark.text, Time(mark.at)
    for mark in forgettings(store, record):
        yield "forgotten", mark.text, Time(mark.at)


def _contract(record: "RunRecord") -> "Iterator[tuple[str, ...]]":
    """Yield what was declared, and how each input was handed over."""
    for name in record.contract.outputs:
        yield "contract.output", name
    for name in record.contract.paths:
        yield "contract.path", name
    for name, mode in record.contract.inputs.items():
        yield f"contract.input.{name}", mode


def _named(name: str, value: Any) -> "Iterator[tuple[str, Cell]]":
    from consist.runs.readable import one_line

    if isinstance(value, dict):
        for key, item in value.items():
            yield f"{name}.{key}", one_line(item)
    elif value is not None:
        yield name, one_line(value)


def _origin(media: dict[str, Any]) -> tuple[str, ...]:
    path = media.get("path")
    return (path,) if isinstance(path, str) else ()
