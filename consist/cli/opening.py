"""Which store and which index a verb is about, and opening them, in the words of the command line's options.

What is done is ``store/places.py``'s and ``store/reading.py``'s. Nothing is made here unless a verb says so.
"""

# Paths are plain strings: pathlib would be imported for this alone.
# ruff: noqa: PTH100, PTH112

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from consist.errors import SettingsError
from consist.store import places
from consist.store.settings import DEFAULTS, index_above, resolve

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from consist.store.places import Located
    from consist.store.store import Store


def find_place(db_path: str | None, store: str | None) -> Located:
    """Choose index and store: the options, the environment, a settings file; for the store then what the index knows.

    Parameters
    ----------
    db_path, store : str or None
        As the options gave them.

    Raises
    ------
    SettingsError
        If a settings file is wrong, or the index's path is a folder's.
    UsageError
        If the index was used with several stores, and nobody says which is meant.
    FormatError
        If the index's file is another kind of file.
    """
    place = places.find_place(db_path=db_path, store=store)
    if os.path.isdir(place.db_path):
        origin = "--db-path" if db_path is not None else f"db_path: {resolve()['db_path'].origin}"
        raise SettingsError(f"{place.db_path} is a folder; an index is one file", hint=f"see {origin}")
    return place.located()


def open_to_read(place: Located) -> Store:
    """Open a store and its index, both of which must be there; a remote store that is known here is not asked.

    Raises
    ------
    NotFoundError
        If either is not.
    """
    from consist.store import reading

    require_index(place)
    heed_interrupts(place)
    known = reading.open_to_read(place)
    return open_existing(place) if known is None else known


def open_existing(place: Located) -> Store:
    """Open a store and its index, both of which must be there.

    Raises
    ------
    NotFoundError
        If either is not.
    """
    from consist.store import reading

    require_index(place)
    return reading.open_existing(place, waiting=_waiting(place))


def require_index(place: Located) -> None:
    """Raise unless there is an index at its place.

    Raises
    ------
    NotFoundError
        With what to do: make it from the store, or correct the path.
    FormatError
        If there is another kind of file.
    """
    from consist.cli.nearby import indexes_in
    from consist.index.filekind import Kind, file_kind

    if file_kind(place.db_path) is not Kind.NEW:
        return
    others = indexes_in(".")
    above = index_above(place.db_path)
    if resolve()["db_path"].origin == "default" and place.db_path == os.path.abspath(DEFAULTS["db_path"]):
        missing = "no consist.toml here or above says where the index is; check --db-path or CONSIST_DB"
    else:
        missing = "check --db-path"
    if above is not None:
        missing = f"there is one above: --db-path {above}; a consist.toml beside its folder with db_path shares it"
    hint = " or ".join(f"try --db-path ./{other}" if n == 0 else f"./{other}" for n, other in enumerate(others))
    places.require_index(place, hint or f"{missing}; a Tracker makes the index with its first run")


def require_store(place: Located) -> None:
    """Raise unless there is a store at its place, of a format that is known and with a config that can be read.

    Raises
    ------
    NotFoundError, FormatError, DamagedError
        As `open_place`, which looks at the index as well.
    """
    from consist.blobs.opening import open_backend
    from consist.store.config import load, no_store

    heed_interrupts(place)
    backend = open_backend(place.store, storage_options=place.storage_options)
    if load(backend) is None:
        raise no_store(backend)


def open_place(place: Located, *, making: str | None = None) -> Store:
    """Open a store with an index that may be new.

    Parameters
    ----------
    place : Located
        Which.
    making : str, optional
        Make the store if there is none, shared so: ``private``, ``group-read`` or ``group``.
    """
    from consist.blobs.sharing import PRIVATE
    from consist.store.opening import open_store

    with _waiting(place):
        return open_store(**place.arguments, sharing=making or PRIVATE, create=making is not None)


def heed_interrupts(place: Located) -> None:
    """Let Ctrl-C end the process also while a remote store's driver waits."""
    from consist.blobs.urls import is_remote, normalise_url

    if is_remote(normalise_url(place.store)):
        from consist.cli import interrupting

        interrupting.watch()


def _waiting(place: Located) -> AbstractContextManager[Any]:
    """Say on a terminal that a remote store is asked."""
    from consist.blobs.urls import is_remote, normalise_url
    from consist.cli.progress import WAITING, progress

    heed_interrupts(place)
    url = normalise_url(place.store)
    return progress(f"asking {url}", unit=WAITING) if is_remote(url) else contextlib.nullcontext()
