"""Which store and which index is meant: the settings, and what an index remembers. For whoever reads and makes nothing.

Nothing is opened here for writing, and no request is made.
"""

# Paths are plain strings: a command line has no other need of pathlib.
# ruff: noqa: PTH100, PTH112

from __future__ import annotations

import os
from typing import Any, NamedTuple

from consist.blobs.urls import clean_url, strip_user_info
from consist.errors import DamagedError, NotFoundError, UsageError
from consist.store.settings import default_store, resolve, warn_of_unknown_variables


class StorePlace(NamedTuple):
    """Where to look.

    Attributes
    ----------
    db_path : str
        The index's file, as an absolute path.
    store : str or None
        The store: an absolute path or a URL; None where it is the one that the index was used with.
    storage_options : dict
        For the store's filesystem.
    cache_limit : int or None
        Bytes that copies of what is read may take; None for the usual number.
    """

    db_path: str
    store: str | None
    storage_options: dict[str, Any]
    cache_limit: int | None = None

    def located(self) -> Located:
        """Return the same with the store that is meant where none was named.

        Raises
        ------
        UsageError
            If the index was used with several stores, and nobody says which is meant.
        DamagedError, FormatError
            If the index cannot be asked.
        """
        store = known_store(self.db_path) if self.store is None else self.store
        return Located(self.db_path, store, self.storage_options, self.cache_limit)


class Located(NamedTuple):
    """Where an index and its store are: as a `StorePlace`, with the store known."""

    db_path: str
    store: str
    storage_options: dict[str, Any]
    cache_limit: int | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """The same as what `open_store` takes."""
        return {
            "url": self.store,
            "db_path": self.db_path,
            "storage_options": self.storage_options,
            "cache_limit": self.cache_limit,
        }


def find_place(
    *,
    store: str | os.PathLike[str] | None = None,
    db_path: str | os.PathLike[str] | None = None,
    storage_options: dict[str, Any] | None = None,
    cache_limit: int | None = None,
) -> StorePlace:
    """Choose index and store: the arguments, the environment, a settings file, the default.

    Relative paths are made absolute, so that the place stays the same wherever the process goes.

    Raises
    ------
    SettingsError
        If a settings file is wrong, or something cannot be the place of a store.
    """
    warn_of_unknown_variables()
    settings = resolve(store=store, db_path=db_path, storage_options=storage_options, cache_limit=cache_limit)
    given = settings["store"].value
    return StorePlace(
        os.path.abspath(os.fspath(settings["db_path"].value)),
        None if given is None else clean_url(given),
        dict(settings["storage_options"].value or {}),
        settings["cache_limit"].value,
    )


def require_index(place: Located, hint: str = "check db_path, or CONSIST_DB; a Tracker makes the index") -> None:
    """Raise unless there is an index at its place.

    Parameters
    ----------
    place : Located
        Where it should be.
    hint : str
        What to do if there is none and no store to make it from.

    Raises
    ------
    NotFoundError
        With what to do: make it from the store, or correct the path.
    FormatError
        If there is another kind of file.
    """
    from consist.index.filekind import Kind, file_kind

    db_path, store = place.db_path, place.store
    if file_kind(db_path) is not Kind.NEW:
        return
    if "://" in store or os.path.isdir(store):
        spelt = strip_user_info(store)
        hint = f"`consist index rebuild --db-path {db_path} --store {spelt}` makes it from the store"
    raise NotFoundError(f"there is no index {db_path}", hint=hint)


def known_store(db_path: str) -> str:
    """Return the store beside an index, or the only one that it was used with.

    Raises
    ------
    UsageError
        If the index was used with several stores, and nobody says which is meant.
    DamagedError, FormatError
        If the index cannot be asked.
    """
    beside = default_store(db_path)
    if os.path.isdir(beside):
        return beside
    from consist.index.environment import Environment
    from consist.index.filekind import Kind, file_kind
    from consist.index.stores import known

    try:
        if file_kind(db_path) is Kind.NEW:
            return beside
        # Another store may have come to lie where one was: the place is what is asked for, and it is named once.
        places = list(dict.fromkeys(store.location for store in known(Environment(db_path)) if store.location))
    except DamagedError as error:
        raise DamagedError(error.message, hint="name the store: `consist index rebuild --store PLACE`") from error
    if len(places) > 1:
        raise UsageError(
            f"the index {db_path} was used with {len(places)} stores: {', '.join(places)}",
            hint="name one: store=…, --store or CONSIST_STORE",
        )
    return places[0] if places else beside
