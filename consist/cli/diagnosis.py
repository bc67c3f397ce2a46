"""What `consist doctor` looks at: settings, versions, the index, and the store; how a place behaves is ``probe.py``'s.

Nothing is made and nothing is changed here. A check that fails is one that says so, and the others go on.
"""

# Paths are plain strings: they come from settings, and go to the system as they are.
# ruff: noqa: PTH100, PTH112, PTH113, PTH116, PTH118, PTH120

from __future__ import annotations

import os
import stat
import time
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from consist.cli.opening import find_place, heed_interrupts
from consist.errors import ConsistError, DamagedError, FormatError, SettingsError, StorageError
from consist.store import places
from consist.store.checks import BYTES, OK, PROBLEM, WARNING, Check, failed, tried
from consist.store.settings import default_store, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from consist.blobs.backend import Backend
    from consist.index.environment import Environment
    from consist.index.index import Index
    from consist.store.config import StoreConfig
    from consist.store.places import Located
    from consist.store.settings import Setting

SETTINGS, VERSIONS, INDEX, STORE = "settings", "versions", "index", "store"

_NEEDED = ("blake3", "fsspec", "lmdb", "msgpack", "pyfastcdc", "rich", "typer", "zstandard")
_DRIVERS = {"s3fs": "s3://", "obstore": "s3://", "gcsfs": "gs://"}
_ROOM = 1 << 30
"""Bytes free on a disk below which a store has too little room to work with: a few packs on their way."""


class Found(NamedTuple):
    """A store that is there."""

    backend: Backend
    config: StoreConfig


def diagnose(db_path: str | None, store: str | None, *, write: bool) -> Iterator[Check]:
    """Look at everything, and yield each check as it is done.

    Parameters
    ----------
    db_path, store : str or None
        As the options gave them.
    write : bool
        Whether to try what writes into the store.
    """
    pages = cache(_pages)
    place = yield from _settings(db_path, store, pages)
    yield from _versions()
    if place is None:
        return
    found = yield from _store(place, write=write)
    yield from _index(place, found, pages)


# Settings and versions ---------------------------------------------------------------------------------------------


def _settings(
    db_path: str | None, store: str | None, pages: Callable[[str], Check]
) -> Generator[Check, None, Located | None]:
    """Say where each setting comes from; return the place that they name, if they do."""
    try:
        settings = resolve(db_path=db_path, store=store)
    except SettingsError as error:
        yield failed(SETTINGS, "settings file", error)
        return None
    try:
        place: Located | None = _place(db_path, store, pages)
        trouble = None
    except ConsistError as error:
        place, trouble = None, error
    for name, setting in settings.items():
        yield tried(SETTINGS, name, lambda name=name, setting=setting: _setting(name, setting, place))  # type: ignore[misc]
    if trouble is not None:
        yield failed(SETTINGS, "place", trouble)
    return place


def _place(db_path: str | None, store: str | None, pages: Callable[[str], Check]) -> Located:
    """Choose index and store; an index that must be asked for its store is first known to be sound.

    LMDB believes what is in its pages, and damage can end the process there.
    """
    path, named, *_ = places.find_place(db_path=db_path, store=store)
    if named is None and not os.path.isdir(default_store(path)) and os.path.isfile(path):
        found = pages(path)
        if found.level == PROBLEM:
            raise DamagedError(str(found.value), hint="name the store: `consist index rebuild --store PLACE`")
    return find_place(db_path, store)


def _setting(name: str, setting: Setting, place: Located | None) -> Check:
    """Show a setting without a secret in it: of a URL no user-info, of storage_options the names only."""
    from consist.blobs.urls import normalise_url

    value, origin = setting
    if name == "store":
        if value is None and place is not None:
            beside = place.store == default_store(place.db_path)
            value, origin = place.store, "beside the index" if beside else "what the index was used with"
        value = None if value is None else normalise_url(value)
    elif name == "storage_options":
        value = f"{', '.join(sorted(value))} (values are not shown)" if value else None
    elif name != "cache_limit":
        value = os.path.abspath(os.fspath(value))
    return Check(SETTINGS, name, OK, value, origin=origin)


def _versions() -> Iterator[Check]:
    import platform

    import consist

    yield Check(VERSIONS, "consist", OK, consist.__version__)
    yield Check(VERSIONS, "python", OK, platform.python_version())
    yield Check(VERSIONS, "platform", OK, f"{platform.system()} {platform.release()} {platform.machine()}")
    for name in _NEEDED:
        found = _version_of(name)
        level = OK if found else PROBLEM
        yield Check(VERSIONS, name, level, found, advice=None if found else f"pip install {name}")
    yield tried(VERSIONS, "cutting", _cutting)
    for name, scheme in _DRIVERS.items():
        yield Check(VERSIONS, name, OK, _version_of(name) or f"not installed; for {scheme} only")


def _version_of(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cutting() -> Check:
    """Tell the compiled cutter from the slow one, which makes the same cuts."""
    from pyfastcdc import FastCDC

    if FastCDC.__module__.startswith("pyfastcdc.cy"):
        return Check(VERSIONS, "cutting", OK, "compiled")
    advice = "install a wheel of pyfastcdc: large content is cut some 100 times as fast"
    return Check(VERSIONS, "cutting", WARNING, "pure Python", advice=advice)


# The store ---------------------------------------------------------------------------------------------------------


def _store(place: Located, *, write: bool) -> Generator[Check, None, Found | None]:
    """Look at the store and try its place; return it with its config, if it has one that can be read."""
    from consist.blobs.opening import open_backend
    from consist.store.config import load
    from consist.store.probe import probe

    heed_interrupts(place)
    try:
        backend = open_backend(place.store, storage_options=place.storage_options)
    except ConsistError as error:
        yield failed(STORE, "place", error)
        return None
    try:
        config = load(backend)
    except (DamagedError, FormatError) as error:
        yield failed(STORE, "config", error)
        config = None
    except ConsistError as error:
        yield failed(STORE, "reach", error)
        return None
    else:
        yield from _known(backend, config)
    is_local = backend.capabilities.files
    if is_local:
        yield from _folder(backend.url, config)
    if config is not None or not is_local:  # a folder that is not there is not made for a trial
        yield from probe(backend, write=write)
    return None if config is None else Found(backend, config)


def _known(backend: Backend, config: StoreConfig | None) -> Iterator[Check]:
    from consist.store.config import lost_config

    if config is None:
        lost = lost_config(backend)
        if lost is not None:
            yield failed(STORE, "config", lost)
            return
        advice = "check the place, if there should be one; a Tracker or `consist put --create` makes it"
        yield Check(STORE, "config", WARNING, f"there is no store at {backend.url} yet", advice=advice)
        return
    yield Check(STORE, "config", OK, f"a store at {backend.url}")
    yield Check(STORE, "format", OK, config.format)
    yield Check(STORE, "id", OK, config.id)
    yield Check(STORE, "sharing", OK, config.sharing)


def _folder(root: str, config: StoreConfig | None) -> Iterator[Check]:
    """Look at the folder of a store, or at where it would be made."""
    import shutil

    from consist.index.filekind import network_filesystem

    there = os.path.realpath(root)
    while not os.path.isdir(there):
        there = os.path.dirname(there)
    if config is not None:
        yield _permissions(there, config)
        yield tried(STORE, "leftovers", lambda: _leftovers(there))
    elif not os.access(there, os.W_OK | os.X_OK):
        yield Check(STORE, "permissions", PROBLEM, f"{there} cannot be written", advice="choose another folder")
    free = shutil.disk_usage(there).free
    is_little = free < _ROOM
    advice = "make room: what cannot be written is lost" if is_little else None
    yield Check(STORE, "free space", WARNING if is_little else OK, free, BYTES, advice=advice)
    yield Check(STORE, "filesystem", OK, network_filesystem(there) or "local")


def _permissions(root: str, config: StoreConfig) -> Check:
    from consist.blobs.sharing import GROUP, GROUP_READ

    mode = stat.S_IMODE(os.stat(root).st_mode)
    reads = stat.S_ISGID | stat.S_IRGRP | stat.S_IXGRP
    advice = None
    if mode & stat.S_IWOTH:
        advice = f"anybody here can change what is in it: chmod o-w {root}"
    elif config.sharing == GROUP and mode & (reads | stat.S_IWGRP) != reads | stat.S_IWGRP:
        advice = f"its group cannot use it: chmod g+rwxs {root}"
    elif config.sharing == GROUP_READ and mode & (reads | stat.S_IWGRP) != reads:
        advice = f"its group is to read it, and no more: chmod g=rxs {root}"
    return Check(STORE, "permissions", WARNING if advice else OK, f"{mode:04o}", advice=advice)


def _leftovers(root: str) -> Check:
    """Count what killed writers left in the folder of temporary files, and how much room that takes."""
    from consist.blobs.layout import TEMP
    from consist.store.store import SWEEP_AGE

    try:
        with os.scandir(os.path.join(root, TEMP)) as entries:
            found = [entry.stat(follow_symlinks=False) for entry in entries]
    except FileNotFoundError:
        found = []
    now = max([time.time(), *(each.st_mtime for each in found)])  # a file server's clock may be ahead
    old = [each for each in found if now - each.st_mtime >= SWEEP_AGE]
    if not old:
        said = f"none of more than a day ago, {len(found)} newer" if found else "none"
        return Check(STORE, "leftovers", OK, said)
    size = sum(each.st_size for each in old)
    advice = "nothing is lost by them; the next Tracker that closes removes them"
    return Check(STORE, "leftovers", WARNING, f"{len(old)} temporary files, {size} bytes", advice=advice)


# The index ---------------------------------------------------------------------------------------------------------


def _index(place: Located, store: Found | None, pages: Callable[[str], Check]) -> Iterator[Check]:
    from consist.index.filekind import Kind, file_kind, network_filesystem

    path = place.db_path
    try:
        kind = file_kind(path)
    except ConsistError as error:
        yield failed(INDEX, "kind", error)
        return
    if kind is Kind.NEW:
        advice = "a Tracker makes it with its first run"
        if store is not None:
            advice = f"{_rebuild(place)} makes it from the store"
        yield Check(INDEX, "kind", WARNING, f"there is no index {path} yet", advice=advice)
        return
    yield Check(INDEX, "kind", OK, "LMDB")
    yield Check(INDEX, "size", OK, os.stat(path).st_size, BYTES)
    yield _index_permissions(path, store)
    network = network_filesystem(os.path.realpath(path))
    away = None if network is None else "LMDB must not be there: put the index on a local disk, with --db-path"
    yield Check(INDEX, "filesystem", OK if network is None else WARNING, network or "local", advice=away)
    found = pages(path)
    if found.level == PROBLEM:
        yield found._replace(advice=f"{_rebuild(place)} makes it anew from the store")
        return  # LMDB would believe it
    yield found
    yield from _trust(place, store)


def _pages(path: str) -> Check:
    """Look at every page of an index that is in use, the lists of free ones included, without LMDB."""
    from consist.cli.progress import WAITING, progress
    from consist.index.environment import Environment

    try:
        with progress(f"looking at the pages of {path}", unit=WAITING):
            found = Environment(path).damage()
    except (DamagedError, StorageError) as error:
        return failed(INDEX, "pages", error)
    if found is None:
        return Check(INDEX, "pages", OK, "sound")
    return Check(INDEX, "pages", PROBLEM, f"the index {path} is damaged: {found}")


def _index_permissions(path: str, store: Found | None) -> Check:
    """Look at who may read the index: it tells as much as the records of its store."""
    from consist.blobs.sharing import PRIVATE

    mode = stat.S_IMODE(os.stat(path).st_mode)
    shared = store is not None and store.config.sharing != PRIVATE
    level, advice = OK, None
    if mode & (stat.S_IRWXO if shared else stat.S_IRWXG | stat.S_IRWXO):
        said, who = ("is for its group", "o=") if shared else ("is private", "go=")
        level, advice = WARNING, f"others may read or change it, and its store {said}: chmod {who} {path}"
    return Check(INDEX, "permissions", level, f"{mode:04o}", advice=advice)


def _trust(place: Located, store: Found | None) -> Iterator[Check]:
    """Open the index as every verb does, and ask whether it has all that its store has."""
    from consist.index.environment import Environment, UntrustedIndexError
    from consist.index.index import Index

    environment = Environment(place.db_path)
    try:
        environment.read(lambda _transaction, _tables: None)
    except UntrustedIndexError as error:
        yield Check(INDEX, "trusted", WARNING, error.message, advice=f"{_rebuild(place)} makes it anew")
        return
    except ConsistError as error:
        yield failed(INDEX, "trusted", error)
        return
    yield Check(INDEX, "trusted", OK, "yes")
    yield tried(INDEX, "values", lambda: _values(place, environment))
    if store is not None:
        yield tried(INDEX, "complete", lambda: _complete(place, store, Index(environment, store.config.id)))


def _values(place: Located, environment: Environment) -> Check:
    """Compare every value with its check; a run whose record does not match is left out of lists."""
    from consist.cli.progress import WAITING, progress
    from consist.index.soundness import damaged_values

    with progress(f"looking at the values of {place.db_path}", unit=WAITING):
        found = damaged_values(environment)
    if not found:
        return Check(INDEX, "values", OK, "match their checks")
    said = ", ".join(f"{count} in the table {table}" for table, count in found.items())
    return Check(INDEX, "values", PROBLEM, f"damaged: {said}", advice=f"{_rebuild(place)} makes it anew from the store")


def _complete(place: Located, store: Found, index: Index) -> Check:
    """Compare the index with the store's records, which other machines that use the store write as well."""
    from consist.cli.text import counted
    from consist.store.unknown import unknown

    if index.needs_rebuild:
        advice = f"{_rebuild(place)} fills it from the store"
        return Check(INDEX, "complete", WARNING, "it may lack runs of this store", advice=advice)
    lacking, records, is_all = unknown(store.backend, index)
    looked_at = f"{'' if is_all else 'the first '}{counted(records, 'record')}"
    if lacking:
        said = f"{lacking} of {looked_at} in the store are not in it: runs of other machines, or damaged"
        advice = f"{_rebuild(place)} reads them in, to be listed; a call finds them as it is"
        return Check(INDEX, "complete", WARNING, said, advice=advice)
    runs = sum(count for _, count in index.steps())
    said = "yes" if is_all else f"as far as {looked_at} tell"
    return Check(INDEX, "complete", OK, f"{said}, with {counted(runs, 'run')}")


def _rebuild(place: Located) -> str:
    """Return the command that makes this index from this store, as it can be typed."""
    import shlex

    words = ("consist", "index", "rebuild", "--db-path", place.db_path, "--store", _spelt(place.store))
    return f"`{shlex.join(words)}`"


def _spelt(store: str) -> str:
    from consist.blobs.urls import normalise_url

    return normalise_url(store)
