"""Opening a store together with an index of it; what is not there is made, what cannot be trusted is made anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consist.blobs import layout
from consist.blobs.blobstore import BlobStore
from consist.blobs.encoding import AUTO
from consist.blobs.opening import open_backend
from consist.blobs.sharing import PRIVATE
from consist.blobs.urls import is_remote, normalise_url
from consist.errors import (
    ConsistWarning,
    SettingsError,
    StoragePermissionError,
    UnreachableError,
    notice,
    warn,
)
from consist.hashing.chunker import Chunking
from consist.index.environment import Environment, UntrustedIndexError
from consist.index.findings import Findings
from consist.index.index import Index
from consist.store import config as store_config
from consist.store.events import EventLog
from consist.store.files import FileDigests
from consist.store.settings import index_above
from consist.store.store import Store
from consist.store.trees import Trees

if TYPE_CHECKING:
    from consist.blobs.backend import Backend
    from consist.blobs.readcache import ReadCache
    from consist.store.config import StoreConfig


def open_store(  # noqa: PLR0913 - all but two are keywords with defaults
    url: str,
    db_path: str,
    *,
    storage_options: dict[str, Any] | None = None,
    durable: bool = True,
    sharing: str = PRIVATE,
    create: bool = True,
    compression: str = AUTO,
    cache_limit: int | None = None,
) -> Store:
    """Open a store and an index of it; make what is not there.

    Parameters
    ----------
    url : str
        A folder, or the URL of any fsspec filesystem.
    db_path : str
        The index's file.
    storage_options : dict, optional
        Handed to the filesystem, never kept.
    durable : bool
        Wait until every write has reached the disk. False leaves the fsyncs out: a crash of the machine may then
        lose the last runs, or leave damage that `consist verify` finds.
    sharing : str
        For a store that is made by this call: ``private``, ``group-read`` or ``group``.
    create : bool
        Make the store if there is none. Without it nothing is made where there is no store; where there is one, the
        index still is.
    compression : {"auto", "none"}
        Whether chunks of large content are compressed where a probe says that it pays.
    cache_limit : int, optional
        Bytes that copies of what is read from remote stores may take in the user's cache folder, all stores together.
        0 keeps none. Default: 10 GiB.

    Raises
    ------
    SettingsError
        If `cache_limit` is negative.
    NotFoundError
        If there is no store, and `create` is False.
    FormatError
        If a newer consist wrote the store or the index, or `db_path` is another kind of file.
    UnreachableError
        If the store does not answer, and this machine has not opened it before.
    StorageError
        If the place cannot be used.
    """
    if cache_limit is not None and cache_limit < 0:
        raise SettingsError(f"cache_limit is {cache_limit}", hint="give a number of bytes; 0 turns the cache off")
    environment = Environment(db_path, durable=durable)
    place: dict[str, Any] = {"storage_options": storage_options, "durable": durable, "memory": Findings(environment)}
    backend = open_backend(url, **place, sharing=sharing)
    if not create and _is_missing(backend):
        raise store_config.no_store(backend)
    trusted = _open_index(environment)  # before anything is made: a wrong db_path must leave no store behind
    try:
        _refuse_unwritable(environment, backend)
        config, is_new, has_content = store_config.load_or_create(backend, sharing=sharing)
    except UnreachableError as error:
        from consist.store.offline import kept_config

        config, is_new, has_content = kept_config(url, environment, error), False, False
    if config.sharing != sharing:
        backend = open_backend(url, **place, sharing=config.sharing)
    index = Index(environment, config.id)
    if not environment.is_read_only:
        index.remember_store(normalise_url(url))
    if has_content:
        warn(
            f"a new {layout.CONFIG} was made in {url}, which has the content of a store (take it into the index by"
            " `consist index rebuild`)",
            ConsistWarning,
        )
    elif is_new:
        index.mark_rebuilt()
        _tell_of_others(index, normalise_url(url))
    store = _assembled(config, backend, index, compression=compression, cache_limit=cache_limit)
    if not trusted:
        from consist.store.rebuild import rebuild

        rebuild(store)
    return store


def open_known(
    url: str, db_path: str, *, storage_options: dict[str, Any] | None = None, cache_limit: int | None = None
) -> Store | None:
    """Open a remote store that this machine knows, to read from, without asking it for anything.

    What is in the index needs no network then, and a server that does not answer keeps nobody waiting. A folder is as
    near as its copy would be, and is opened by `open_store`.

    Parameters
    ----------
    url, db_path, storage_options, cache_limit
        As for `open_store`.

    Returns
    -------
    Store or None
        None if the store must be asked: it is a folder, this machine has no copy of its config, or the index must be
        made anew.
    """
    if not is_remote(normalise_url(url)):
        return None
    from consist.store.offline import known_config

    environment = Environment(db_path)
    try:
        config = known_config(url, environment)
    except UntrustedIndexError:
        return None
    if config is None:
        return None
    backend = open_backend(url, storage_options=storage_options, memory=Findings(environment))
    return _assembled(config, backend, Index(environment, config.id), compression=AUTO, cache_limit=cache_limit)


def _assembled(
    config: StoreConfig, backend: Backend, index: Index, *, compression: str, cache_limit: int | None
) -> Store:
    blobs = BlobStore(
        backend,
        suspects=index.suspects,
        table=index.chunks,
        chunking=Chunking.parse(config.chunking),
        compression=compression,
        cache=_read_cache(backend, config, cache_limit),
    )
    return Store(
        config=config,
        backend=backend,
        blobs=blobs,
        index=index,
        files=FileDigests(index, own=(*((backend.url,) if backend.capabilities.files else ()), index.environment.path)),
        events=EventLog(backend, index),
        locks=_lock_folder(backend, config.id),
        trees=Trees(blobs),
    )


def _tell_of_others(index: Index, place: str) -> None:
    """Say of a store that was made by this call which other one may have been meant.

    One that the index knows at this very place may have been moved, or its disk not be mounted (decision 61). Of a
    cache that a folder above has, a line is enough: to begin one of its own may be meant.
    """
    stores = index.stores()
    own = next(known.location for known in stores if known.store_id == index.store_id)
    gone = [known for known in stores if known.location == own and known.store_id != index.store_id]
    if gone:
        has_runs = any(True for known in gone for _ in Index(index.environment, known.store_id).runs(limit=1))
        warn(
            f"a new store was made at {place}, where the index knows another one{', with runs' if has_runs else ''}:"
            " was that moved or deleted, or is its disk not mounted? If it lies elsewhere now, name its place by"
            " store=…, --store or CONSIST_STORE: what the index has of it stays",
            ConsistWarning,
        )
    elif (above := index_above(index.environment.path)) is not None:
        notice(
            f"a cache of its own is begun at {place}; there is one above, with the index {above} (one consist.toml for"
            " both, in the folder above, makes them share it)"
        )


def _open_index(environment: Environment) -> bool:
    """Open the index's file; drop one that a crash of the machine may have torn, and return False for it."""
    try:
        environment.read(lambda _transaction, _tables: None)
    except UntrustedIndexError:
        environment.delete()
        return False
    return True


def _refuse_unwritable(environment: Environment, backend: Backend) -> None:
    """Refuse to make a store where its index can only be read, and could never say that there is one."""
    if environment.is_read_only and store_config.load(backend) is None:
        raise StoragePermissionError(
            f"there is no store at {backend.url}, and none is made: its index {environment.path} can only be read",
            hint="name an index elsewhere, by db_path=…, --db-path or CONSIST_DB",
        )


def _lock_folder(backend: Backend, store_id: str) -> str:
    """Return where locks are: in a local store itself, so that all its users meet; else in the user's cache folder."""
    inside = backend.path_of(layout.LOCKS)
    if inside is not None:
        return inside
    from consist.store.offline import cache_folder

    return f"{cache_folder()}/locks/{store_id}"


def _is_missing(backend: Backend) -> bool:
    """Tell whether there is no store; one that does not answer may be there."""
    try:
        return store_config.load(backend) is None
    except UnreachableError:
        return False


def _read_cache(backend: Backend, config: StoreConfig, limit: int | None) -> ReadCache | None:
    """Make the cache of what is read from a store; a local store is as near as its cache would be."""
    if backend.capabilities.files or limit == 0:
        return None
    from consist.blobs.readcache import DEFAULT_LIMIT, ReadCache
    from consist.store.offline import cache_folder, keep_config

    keep_config(config)
    return ReadCache(cache_folder(), config.id, DEFAULT_LIMIT if limit is None else limit)
