"""Which store and which index a verb is about, and opening them. Nothing is made here unless a verb says so."""

# Paths are plain strings: pathlib would be imported for this alone.
# ruff: noqa: PTH100, PTH112

from __future__ import annotations

import contextlib
import os
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.errors import ConsistWarning, NotFoundError, SettingsError
from consist.store.places import known_store
from consist.store.settings import resolve

if TYPE_CHECKING:
    from consist.store.settings import Setting
    from consist.store.store import Store


class Place(NamedTuple):
    """Where to look.

    Attributes
    ----------
    db_path : str
        The index's file.
    store : str
        The store: a folder or a URL.
    storage_options : dict
        For the store's filesystem.
    """

    db_path: str
    store: str
    storage_options: dict[str, Any]


def find_place(db_path: str | None, store: str | None) -> Place:
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
    settings = resolve(db_path=db_path, store=store)
    index = os.path.abspath(os.fspath(settings["db_path"].value))
    if os.path.isdir(index):
        raise SettingsError(f"{index} is a folder; an index is one file", hint=f"see {_origin(settings['db_path'])}")
    given = settings["store"].value
    options = dict(settings["storage_options"].value or {})
    return Place(index, known_store(index) if given is None else os.fspath(given), options)


def _origin(setting: Setting) -> str:
    """Say where a wrong path came from, for a hint."""
    return "--db-path" if setting.origin == "argument" else f"db_path: {setting.origin}"


def open_to_read(place: Place) -> Store:
    """Open a store and its index, both of which must be there; a remote store that is known here is not asked.

    Raises
    ------
    NotFoundError
        If either is not.
    """
    from consist.store.opening import open_known

    require_index(place)
    known = open_known(place.store, place.db_path, storage_options=place.storage_options)
    return open_existing(place) if known is None else _complete(known, place)


def open_existing(place: Place) -> Store:
    """Open a store and its index, both of which must be there.

    Raises
    ------
    NotFoundError
        If either is not.
    """
    require_index(place)
    return _complete(open_place(place), place)


def _complete(store: Store, place: Place) -> Store:
    """Warn if the index lacks runs of the store."""
    if store.index.needs_rebuild:
        warnings.warn(
            f"the index {place.db_path} may lack runs of the store (run `consist index rebuild`)",
            ConsistWarning,
            stacklevel=3,
        )
    return store


def require_index(place: Place) -> None:
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
    hint = "check --db-path; a Tracker makes the index with its first run"
    others = indexes_in(".")
    if os.path.isdir(place.store):
        hint = f"`consist index rebuild --db-path {place.db_path} --store {place.store}` makes it from the store"
    elif others:
        hint = " or ".join(f"try --db-path ./{other}" if n == 0 else f"./{other}" for n, other in enumerate(others))
    raise NotFoundError(f"there is no index {place.db_path}", hint=hint)


def require_store(place: Place) -> None:
    """Raise unless there is a store at its place, of a format that is known and with a config that can be read.

    Raises
    ------
    NotFoundError, FormatError, DamagedError
        As `open_place`, which looks at the index as well.
    """
    from consist.blobs.opening import open_backend
    from consist.store.config import load

    backend = open_backend(place.store, storage_options=place.storage_options)
    if load(backend) is None:
        raise NotFoundError(f"there is no store at {backend.url}", hint="check the place; a Tracker makes a store")


def open_place(place: Place, *, create: bool = False) -> Store:
    """Open a store with an index that may be new.

    Parameters
    ----------
    place : Place
        Which.
    create : bool
        Make the store if there is none.
    """
    from consist.blobs.urls import is_remote, normalise_url
    from consist.cli.progress import WAITING, progress
    from consist.store.opening import open_store

    url = normalise_url(place.store)
    waiting = progress(f"asking {url}", unit=WAITING) if is_remote(url) else contextlib.nullcontext()
    with waiting:
        return open_store(place.store, place.db_path, storage_options=place.storage_options, create=create)
