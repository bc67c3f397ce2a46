"""From entries of the store to what fsspec calls info; and which names a filesystem shows.

A store's records can be written by anyone who may write to the store, so an output's key in one may be anything:
``../../x``, ``/etc/passwd``, a line of escape sequences. consist itself makes no such key (``identity/names.py``). Here
an output or a step whose name is none is not there: neither listed, nor found by that name. So nothing that a tool
joins to a folder of its own can lead out of it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from consist.blobs.damage import HINT
from consist.errors import BlobNotFoundError, DamagedError, FolderError, RunNotFoundError, UsageError
from consist.identity.names import is_name
from consist.store.listing import OUTPUT, STEP, look
from consist.store.names import RUNS, STEPS, find_output, parse_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.store.listing import Entry
    from consist.store.names import Found
    from consist.store.store import Store


def find_file(store: Store, path: str) -> Found:
    """Return what a path names, an output, a blob or what is in one.

    Raises
    ------
    FolderError
        If it is a folder; what lies in it must be named.
    NotFoundError
        If it names nothing.
    """
    with _not_there():
        _require_names(path)
        place = parse_path(path)
        if place.name and (place.key or place.area not in {RUNS, STEPS}):
            found = find_output(store, path)
            if not found.is_folder:
                return found
        else:
            look(store, path)
    raise FolderError(f"{path!r:.200} is a folder", hint="name a file in it; ls() lists them")


def find_entry(store: Store, path: str) -> tuple[Entry, Iterator[Entry]]:
    """Return what a path is, and what lies below it that has a name.

    Raises
    ------
    NotFoundError
        If it names nothing.
    """
    with _not_there():
        _require_names(path)
        entry, below = look(store, path)
    return entry, (each for each in below if each.kind not in {OUTPUT, STEP} or is_name(each.name))


def info_of(entry: Entry, name: str) -> dict[str, Any]:
    """Return an entry as fsspec describes one.

    Parameters
    ----------
    entry : Entry
        What it is.
    name : str
        Its path as it was asked for: tools take the beginnings of paths off that they gave.

    Returns
    -------
    dict
        ``name``, ``type`` and ``size`` in bytes; and as far as they are known ``digest`` (64 hexadecimal digits),
        ``format``, ``run``, ``step``, ``stored``, and ``created`` and ``mtime`` in seconds since 1970, which are the
        same, since content never changes. A folder of files has the size of all files below it.
    """
    created = None if entry.time is None else entry.time / 1_000_000
    known = {
        "digest": None if entry.digest is None else entry.digest.hex,
        "format": entry.format,
        "run": entry.run,
        "step": entry.step,
        "stored": entry.stored,
        "created": created,
        "mtime": created,
    }
    return {
        "name": name,
        "type": "directory" if entry.is_listed else "file",
        "size": entry.size or 0,
        **{key: value for key, value in known.items() if value is not None},
    }


@contextlib.contextmanager
def reading(found: Found) -> Iterator[None]:
    """Say of content that a record names, and that is not in the store, that this is damage.

    It would be a `FileNotFoundError` else, which some tools take for emptiness: zarr fills in what it does not find.

    Raises
    ------
    DamagedError
        For a `BlobNotFoundError` within.
    """
    try:
        yield
    except BlobNotFoundError as error:
        if found.run is None:
            raise
        raise DamagedError(error.message, hint=HINT) from error


@contextlib.contextmanager
def _not_there() -> Iterator[None]:
    """Say of what is no path of a store that it is not there: in a filesystem every text is a path."""
    try:
        yield
    except UsageError as error:
        raise RunNotFoundError(error.message, hint=error.hint) from None


def _require_names(path: str) -> None:
    area, name, key, _ = parse_path(path)
    for part in (key, name if area == STEPS else ""):
        if part and not is_name(part):
            raise RunNotFoundError(f"{path!r:.200} is not there: {part!r:.80} can be no name")
