"""``consist get``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, StorePlace, complete_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consist.store.names import Found
    from consist.store.store import Store


def command() -> Any:
    """Make the verb."""
    return make_verb(
        get,
        name="get",
        examples=(
            "consist get steps/clean/table",
            "consist get runs/3f2a/table old/table.csv",
            "consist get steps/plots/charts steps/clean/table results/",
            "consist get steps/clean/table steps/clean/log --to .",
            "consist get runs/3f2a results/",
            "consist get blobs/9afe02 /tmp/",
        ),
    )


def get(  # noqa: PLR0913, PLR0917 - the options; nobody calls it but Typer
    path: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH... [TARGET]",
            help="What to restore; then a new name, or a folder; one with a slash is made. Default: this folder.",
            show_default=False,
            autocompletion=complete_path,
        ),
    ],
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="TARGET", help="The target; every argument is a path then.", show_default=False),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace what is there: a file or a link by a file, a folder by a folder."),
    ] = False,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """Restore outputs or blobs, byte for byte, and print the path of each file or folder that was made.

    Of several arguments the last is the target, unless --to names it. A target that ends in a slash is a folder, which
    is made if need be. Several paths go into a folder, as do a run and a step, which stand for all outputs that
    `consist ls` lists in them.

    In a folder it is called as it was when it was made; what was no file by its key with the suffix of its format, such
    as table.parquet, as the path of an artifact is in Python; blobs by their digest. What has a name that no file can
    have is called by its key or its digest, which is said. It appears whole, or not at all. With
    --force a file replaces a regular file, or a symbolic link to one or to nothing, whose end is left as it is; and a
    folder replaces a folder with all that is in it. Nothing else is ever replaced.

    A plain value is written as it is stored, which is msgpack, so that the file has the digest that is recorded. For
    one to be read, use `consist cat PATH > FILE`.
    """
    from consist.cli.interrupting import ended_in_order
    from consist.cli.opening import find_place, open_to_read
    from consist.cli.output import on_terminal, write_json_list, write_lines
    from consist.cli.progress import progress
    from consist.cli.shapes import head
    from consist.cli.text import escape
    from consist.store.names import find_output
    from consist.store.restore import restore

    paths, target = (path, to) if to is not None else (path[:-1] or path, path[-1] if len(path) > 1 else ".")
    opened = open_to_read(find_place(db_path, store))
    _refuse_target(target, said=to is not None)
    named = [(given, _outputs_of(opened, given)) for given in paths]
    paths = [each for _, several in named for each in several]
    found = [_with_suffix(find_output(opened, each)) for each in paths]
    _make_folder(target)
    if any(several != [given] for given, several in named):  # one output of a run goes into a folder, too
        _require_folder(target, len(paths))
    files = _targets(found, target)
    _say_renamed(paths, found, files, target)

    def restored(each: str, item: "Found", file: str) -> dict[str, Any]:
        shown = not (as_json and on_terminal())
        with ended_in_order(), progress(f"getting {each}", total=item.size, shown=shown) as seen:
            restore(opened, item, file, force=force, seen=seen)
        return {"path": each, "target": file, "digest": item.digest.hex, "size": item.size}

    done = map(restored, paths, found, files)
    if as_json:
        write_json_list(head("get"), "restored", done)
    else:
        write_lines(escape(document["target"]) for document in done)


def _outputs_of(store: "Store", path: str) -> list[str]:
    """Return the paths of all outputs of a run or a step; of anything else, the path itself."""
    from consist.store.listing import list_path
    from consist.store.names import RUNS, STEPS, parse_path

    place = parse_path(path)
    if place.area not in {RUNS, STEPS} or not place.name or place.key:
        return [path]
    return [entry.path for entry in list_path(store, path)]


def _with_suffix(found: "Found") -> "Found":
    """Name what was no file as `Artifact.path` does: by its key, with the suffix of its format."""
    from dataclasses import replace

    from consist.runs.formats.registry import suffix_of

    record = found.record
    if record is None or found.inner or found.name != record.key or "path" in record.media:
        return found
    suffix = suffix_of(record.format)
    return found if found.name.endswith(suffix) else replace(found, name=found.name + suffix)


def _refuse_target(target: str, *, said: bool) -> None:
    """Say what to do to whoever meant standard output, or named outputs only, of which the last was taken for a target.

    Raises
    ------
    UsageError
        If the target is empty, or spelt as a path of the store, and there is no folder here that it could lie in.
    """
    import os

    from consist.errors import UsageError
    from consist.store.names import is_store_path

    if target == "-":
        raise UsageError(
            "get makes files, and - is none", hint="`consist cat PATH --raw` writes to standard output; or name it ./-"
        )
    if not target:
        raise UsageError("the target has no name", hint="name a file or a folder; . is this folder")
    if not said and is_store_path(target) and not os.path.isdir(os.path.dirname(target) or "."):  # noqa: PTH112, PTH120 - plain strings
        raise UsageError(
            f"the last argument is the target, and there is no folder here for {target:.200}",
            hint="if that is a path of the store too, name the target by --to: --to . is this folder",
        )


def _targets(found: "Sequence[Found]", target: str) -> list[str]:
    """Choose the files and folders that are made, before the first of them is.

    Raises
    ------
    UsageError
        If several would have one name, or there is no folder for them.
    """
    from consist.errors import UsageError
    from consist.store.restore import target_of

    if len(found) > 1:
        _require_folder(target, len(found))
    files = [target_of(item, target) for item in found]
    for file in files:
        if files.count(file) > 1:
            raise UsageError(f"two of them would be called {file}", hint="get them one by one, each with a name")
    return files


def _make_folder(target: str) -> None:
    """Make the folder that a target names by the slash at its end, and those above it."""
    import os

    from consist.errors import StorageError, UsageError
    from consist.fileops import perform

    if target.endswith("/") and not os.path.isdir(target):  # noqa: PTH112 - plain strings throughout
        if os.path.lexists(target.rstrip("/")):
            raise UsageError(f"{target} is no folder", hint="choose another name")
        try:
            perform("mkdir", target, os.makedirs, target, exist_ok=True)
        except StorageError as error:  # no store's: the folder is the user's
            raise type(error)(error.message, hint="choose another folder to restore to") from error


def _require_folder(target: str, count: int) -> None:
    """Raise unless there is a folder that several outputs, or all of a run, can go into."""
    import os

    from consist.cli.text import counted
    from consist.errors import UsageError

    if not os.path.isdir(target):  # noqa: PTH112 - plain strings throughout
        raise UsageError(
            f"there is no folder {target} for {counted(count, 'path')}",
            hint=f"{target}/, with a slash at its end, makes it",
        )


def _say_renamed(paths: "Sequence[str]", found: "Sequence[Found]", files: "Sequence[str]", target: str) -> None:
    """Say of what is called otherwise in the folder than it was, since no file can have its name."""
    import os

    from consist.cli.output import complain

    for path, item, file in zip(paths, found, files, strict=True):
        name = os.path.basename(file)  # noqa: PTH119 - plain strings throughout
        if file != target and name != item.name:
            complain(f"{path:.200}: no file can have its name, {item.name!r:.80}, so it is called {name}")
