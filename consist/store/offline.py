"""Opening a remote store that does not answer, by what this machine knows of it: its index, and its cache folder.

Only the config is needed to open a store; what else is read afterwards is in the index and the read cache, or is not to
be had. A copy of ``consist.json`` lies beside the cached objects, behind its digest. It is used when the store does
not answer, and never otherwise.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from consist.blobs import layout
from consist.blobs.cachefiles import lock_file, read_kept, reading
from consist.blobs.urls import normalise_url
from consist.errors import ConsistWarning, DamagedError, StorageError, UnreachableError, warn
from consist.hashing.hasher import hash_bytes
from consist.index.stores import known
from consist.store import config as store_config

if TYPE_CHECKING:
    from consist.index.environment import Environment
    from consist.store.config import StoreConfig


def cache_folder() -> str:
    """Return the folder of all that consist keeps for the user and can do without."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - strings throughout
    return f"{cache}/consist"


def keep_config(config: StoreConfig) -> None:
    """Keep a copy of a store's config in the cache folder; where that cannot be written, do without."""
    data = json.dumps(config._asdict()).encode()
    data = hash_bytes(data).hex.encode() + b"\n" + data
    path = _path(config.id)
    if _read(path) == data:
        return
    try:
        file = lock_file(path)
    except StorageError:  # the read cache says so when it first keeps something
        return
    if file is None:
        return
    try:
        file.replace(data)
    except StorageError:
        return
    finally:
        file.release()


def known_config(url: str, environment: Environment) -> StoreConfig | None:
    """Return the copy of a store's config that this machine has, without asking the store; None if it has none.

    Parameters
    ----------
    url : str
        Where the store is.
    environment : Environment
        The index, which remembers the stores that it was used with.
    """
    place = normalise_url(url)
    ids = [store.store_id for store in known(environment) if store.location == place]
    return _parsed(ids[-1]) if ids else None  # the last, if a store was made anew at this place


def kept_config(url: str, environment: Environment, error: UnreachableError) -> StoreConfig:
    """Return the config of a store that does not answer, with a warning.

    Parameters
    ----------
    url : str
        Where the store is.
    environment : Environment
        The index, which remembers the stores that it was used with.
    error : UnreachableError
        What opening the store raised.

    Raises
    ------
    UnreachableError
        The same, if this machine has no copy.
    """
    config = known_config(url, environment)
    if config is None:
        raise error
    warn(f"the store does not answer, so what this machine has of it is used: {error.message}", ConsistWarning)
    return config


def _path(store_id: str) -> str:
    return f"{cache_folder()}/{store_id}/{layout.CONFIG}"


def _read(path: str) -> bytes | None:
    with reading(path) as file:
        return None if file is None else read_kept(file, 0, file.size)


def _parsed(store_id: str) -> StoreConfig | None:
    path = _path(store_id)
    check, _, data = (_read(path) or b"").partition(b"\n")
    if hash_bytes(data).hex.encode() != check:
        return None
    try:
        config = store_config.parse(data, path)
    except DamagedError:
        return None
    return config if config.id == store_id else None
