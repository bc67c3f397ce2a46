"""``consist put``."""

import contextlib
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, StorePlace, complete_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.index.records import RunRecord
    from consist.store.places import Located

_STANDARD_INPUT = "-"
_NAME_OF_INPUT = "stdin"


def command() -> Any:
    """Make the verb."""
    return make_verb(
        put,
        name="put",
        examples=(
            "consist put model.bin",
            "consist put charts/",
            "curl -s https://example.org/data.csv | consist put - --name data.csv",
        ),
    )


def put(  # noqa: PLR0913, PLR0917 - the options; nobody calls it but Typer
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="A regular file, a folder, or - for standard input.", show_default=False),
    ],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What to call it. Default: the file's name.", show_default=False)
    ] = None,
    follow_symlinks: Annotated[
        bool, typer.Option("--follow-symlinks", help="Store what links in a folder lead to; else they are refused.")
    ] = False,
    create: Annotated[bool, typer.Option("--create", help="Make the store if there is none.")] = False,
    sharing: Annotated[
        str | None,
        typer.Option(
            metavar="private|group-read|group",
            help="With --create: whether the folder's group may read the store, or use it, too. Default: private.",
            show_default=False,
            autocompletion=complete_words("private|group-read|group"),
        ),
    ] = None,
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> None:
    """Store a file or a folder, pin it, and print its digest.

    It is found again as blobs/DIGEST, and as steps/put/NAME until something else is put under that name. A file's
    digest is what b3sum prints; a folder's is that of its tree, the list of its files. A file that keeps changing while
    it is read is refused; of what comes through a pipe nobody can tell.
    """
    from consist.cli.opening import find_place
    from consist.cli.output import write_json, write_line
    from consist.cli.shapes import head

    making = _sharing_of_new(sharing, create=create)
    record = _put(find_place(db_path, store), file, name, making=making, follow=follow_symlinks)
    kept = record.outputs[0]
    if as_json:
        document = {"digest": kept.digest.hex, "size": kept.content_size, "name": kept.key, "run_id": record.id}
        write_json({**head("put"), **document})
    else:
        write_line(kept.digest.hex)


def _put(place: "Located", file: str, name: str | None, *, making: str | None, follow: bool) -> "RunRecord":
    from consist.cli.opening import open_place
    from consist.cli.progress import progress
    from consist.errors import UsageError
    from consist.identity.names import check_name
    from consist.runs.machine import machine_facts
    from consist.store.put import put as put_in_store
    from consist.store.put import put_file, put_folder

    is_input = file == _STANDARD_INPUT
    path = Path(file).absolute()
    if not file:
        raise UsageError("FILE is empty", hint="name a file or a folder, or - for standard input")
    chosen = check_name("output", name if name is not None else _NAME_OF_INPUT if is_input else path.name)
    if making is None:
        _require_index(place)
    if not is_input and _is_folder(path, file):
        symlinks = "follow" if follow else "refuse"
        store = open_place(place, making=making)
        with progress(f"putting {chosen}") as seen:
            return put_folder(store, str(path), chosen, machine=machine_facts(), symlinks=symlinks, seen=seen)
    with _reading(file):
        size = None if is_input else _size(path)
        store = open_place(place, making=making)
        with progress(f"putting {chosen}", total=size) as seen:
            if is_input:
                return put_in_store(store, sys.stdin.buffer, chosen, machine=machine_facts(), seen=seen)
            return put_file(store, str(path), chosen, machine=machine_facts(), seen=seen)


def _size(path: Path) -> int:
    """Return the bytes of a file that can be read: else no store is opened, let alone made."""
    with path.open("rb", buffering=0):
        return path.stat().st_size


def _require_index(place: "Located") -> None:
    """Raise if there is no index yet, and say that this verb may make one where no store lies either."""
    from consist.cli.opening import require_index
    from consist.errors import NotFoundError

    try:
        require_index(place)
    except NotFoundError as error:
        if "://" in place.store or Path(place.store).is_dir():  # the hint says how to make the index of that store
            raise
        raise NotFoundError(error.message, hint=f"--create makes it, and a store; else {error.hint}") from None


def _sharing_of_new(sharing: str | None, *, create: bool) -> str | None:
    """Return the sharing of a store that may be made; None if none may.

    Raises
    ------
    UsageError
        If it is none that there is, or no store may be made.
    """
    from consist.arguments import check, one_of
    from consist.blobs.sharing import PRIVATE, SHARINGS
    from consist.errors import UsageError

    check("--sharing", sharing, one_of(*SHARINGS))
    if sharing is not None and not create:
        raise UsageError("--sharing is about a store that is made", hint="give --create as well")
    return (sharing or PRIVATE) if create else None


def _is_folder(path: Path, file: str) -> bool:
    """Tell a folder from a regular file, and refuse anything else before it is opened.

    That may block for ever (a FIFO), or do something (a device).

    Raises
    ------
    NotFoundError
        If there is nothing.
    InputError
        If it is something else, with what to do.
    """
    from consist.errors import InputError

    with _reading(file):
        mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        return True
    if not stat.S_ISREG(mode):
        raise InputError(
            f"{file} is not a regular file", hint="what a pipe or a device gives: `consist put - --name NAME < FILE`"
        )
    return False


@contextlib.contextmanager
def _reading(file: str) -> "Iterator[None]":
    """Say of an `OSError` that it was the file: the storage's errors are errors of our own tree."""
    from consist.errors import ConsistError, InputError, NotFoundError

    try:
        yield
    except ConsistError:
        raise
    except FileNotFoundError:
        if (link := Path(file)).is_symlink():
            raise NotFoundError(
                f"{file} is a link to {link.readlink()}, which is not there", hint="correct the link, or remove it"
            ) from None
        raise NotFoundError(
            f"there is no file {file}", hint="check the path; a relative one starts at the working folder"
        ) from None
    except OSError as error:
        raise InputError(
            f"cannot read {file}: {error.strerror or error}", hint="see to it that it can be read"
        ) from error
