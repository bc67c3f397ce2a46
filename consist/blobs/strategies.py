"""How each protocol publishes, creates exclusively and swaps: one class each, over its fsspec driver.

Every call of a driver passes through `Strategy.ask`, which turns what drivers raise into our own errors. To teach
consist another protocol: write a `Strategy`, prove it with `consist.testing.BackendSuite`, and enter it in
`STRATEGIES`.
"""

from __future__ import annotations

import datetime as dt
import inspect
import math
import os
import threading
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from consist.blobs.backend import ObjectStat, Versioned, require_version
from consist.errors import (
    AlreadyExistsError,
    BlobNotFoundError,
    ConsistError,
    SettingsError,
    StorageError,
    StoragePermissionError,
    UnreachableError,
    UnsupportedError,
)
from consist.fileops import perform, storage_error
from consist.hashing.hasher import hash_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import ParamSpec, TypeVar

    P = ParamSpec("P")
    T = TypeVar("T")

_DATES = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")
"""Where drivers put the date of an object; the first that is there counts."""

_FRESH = {"use_listings_cache": False, "skip_instance_cache": True}
"""With the defaults a driver may not see what another process wrote, and may still see what it deleted."""


class Strategy:
    """What every driver does alike: whole writes, reads, listings. Without exclusive creation or swaps.

    Parameters
    ----------
    full_url : str
        Where, as the driver needs it.
    url : str
        Where, for messages.
    options : mapping
        The driver's settings.
    """

    exclusive_create: ClassVar[bool] = False
    compare_and_swap: ClassVar[bool] = False

    def __init__(self, full_url: str, url: str, options: Mapping[str, Any]) -> None:
        self.url = url
        self.fs, self.root = _make_driver(full_url, options, self.ask)

    # What a protocol may do better ---------------------------------------------------------------------------------

    def put(self, key: str, data: bytes) -> None:
        """Publish an object whole, replacing what may be there."""
        self.change("put", key, self.fs.pipe_file, self.path(key), data)

    def put_file(self, key: str, path: str) -> None:
        """Publish the content of a local file whole."""
        self.change("put", key, self.fs.put_file, path, self.path(key))

    def create(self, key: str, data: bytes) -> None:
        """Publish if the key is free; here two writers at once may both succeed."""
        if self.stat(key) is not None:
            raise AlreadyExistsError(f"{key} is there already in {self.url}")
        self.put(key, data)

    def replace(self, key: str, data: bytes, version: str) -> None:  # noqa: ARG002 - for those that can
        """Publish if the key holds a version."""
        raise UnsupportedError(f"{self.url} has no compare-and-swap")

    def delete(self, key: str) -> None:
        """Remove an object, if it is there."""
        try:
            self.change("delete", key, self.fs.rm_file, self.path(key))
        except BlobNotFoundError:
            return

    def delete_version(self, key: str, version: str) -> None:  # noqa: ARG002 - for those that can
        """Remove an object if the key holds a version."""
        raise UnsupportedError(f"{self.url} has no conditional delete")

    def get(self, key: str) -> bytes:
        """Return an object whole."""
        return bytes(self.ask("get", key, self.fs.cat_file, self.path(key)))

    def get_versioned(self, key: str) -> Versioned:
        """Return an object whole; its version is the digest of its bytes, which hold a nonce."""
        data = self.get(key)
        return Versioned(data, hash_bytes(data).hex)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return `length` bytes from `start`, or what there is of them.

        The size is asked first: drivers answer a range past the end, or of an empty object, with an error, and the
        range from 0 to 0 with the whole object.
        """
        found = self.stat(key)
        if found is None:
            raise BlobNotFoundError(f"no object {key} in {self.url}")
        end = min(start + length, found.size)
        if start >= end:
            return b""
        return bytes(self.ask("get", key, self.fs.cat_file, self.path(key), start=start, end=end))

    def stat(self, key: str) -> ObjectStat | None:
        """Return what is known of an object, or None."""
        try:
            info = self.ask("stat", key, self.fs.info, self.path(key))
        except BlobNotFoundError:
            return None
        return None if info.get("type") == "directory" else _object_stat(key, info)

    def list(self, prefix: str) -> list[ObjectStat]:
        """Return the objects in a folder and below."""
        folder = self.path(prefix) if prefix else self.root
        try:
            infos = self.ask("list", prefix, self.fs.find, folder, detail=True)
        except BlobNotFoundError:
            return []
        start = len(self.root) + 1
        return [_object_stat(name[start:], infos[name]) for name in infos if name.startswith(f"{folder}/")]

    # Parts ---------------------------------------------------------------------------------------------------------

    def path(self, key: str) -> str:
        """Return the driver's name for a key."""
        return f"{self.root}/{key}"

    def change(self, operation: str, key: str, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the driver for something that changes an object, through the seam that crash tests stop at."""
        return perform(operation, key, self.ask, operation, key, call, *args, **kwargs)

    def ask(self, operation: str, key: str, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the driver; whatever it raises becomes one of our errors."""
        try:
            return call(*args, **kwargs)
        except ConsistError:
            raise
        except Exception as error:  # noqa: BLE001 - drivers raise what they like, also what is no OSError
            _raise_ours(f"cannot {operation} {key} in {self.url}", error)


class Plain(Strategy):
    """A protocol that nobody has looked at."""


class Memory(Strategy):
    """``memory://``: objects of this process alone, under one lock.

    A forked child has a copy of its own from then on.
    """

    exclusive_create = True
    compare_and_swap = True

    def put_file(self, key: str, path: str) -> None:
        """Publish in one step: the driver's own `put_file` shows an object that grows."""
        with open(path, "rb") as stream:  # noqa: PTH123 - a plain path
            self.put(key, stream.read())

    def create(self, key: str, data: bytes) -> None:
        """Publish if the key is free."""
        with _memory_lock:
            super().create(key, data)

    def replace(self, key: str, data: bytes, version: str) -> None:
        """Publish if the key holds a version."""
        with _memory_lock:
            require_version(self, key, version)
            self.put(key, data)

    def delete(self, key: str) -> None:
        """Remove an object, if it is there; not between the look and the write of a `replace`."""
        with _memory_lock:
            super().delete(key)

    def delete_version(self, key: str, version: str) -> None:
        """Remove an object if the key holds a version."""
        with _memory_lock:
            require_version(self, key, version)
            super().delete(key)


STRATEGIES: dict[str, type[Strategy]] = {"memory": Memory}
"""What is known to work, by protocol; every other protocol is `Plain`."""

_memory_lock = threading.Lock()


def _renew_memory_lock() -> None:
    """Give a forked child a lock that no thread of its parent holds."""
    global _memory_lock  # noqa: PLW0603 - one lock for the one memory filesystem of a process
    _memory_lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_memory_lock)


def _make_driver(full_url: str, options: Mapping[str, Any], ask: Callable[..., Any]) -> tuple[Any, str]:
    """Make the filesystem of a URL and its own name for the store's root."""
    import fsspec

    protocol = full_url.partition("://")[0]
    try:
        cls = fsspec.get_filesystem_class(protocol)
    except (ImportError, ValueError) as error:
        raise SettingsError(f"{protocol}:// has no working driver here: {error}") from error
    taken = inspect.signature(cls.__init__).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values())
    fresh = {name: value for name, value in _FRESH.items() if takes_all or name in taken or name.startswith("skip")}
    from_url = cls._get_kwargs_from_urls(full_url)
    try:
        driver = ask("open", "the store", cls, **{**fresh, **from_url, **options})
    except StorageError as error:
        if isinstance(error.__cause__, TypeError | ValueError):
            names = ", ".join(sorted(options)) or "none"
            raise SettingsError(f"{protocol}:// does not take these storage_options: {names}") from error
        raise
    return driver, str(cls._strip_protocol(full_url)).rstrip("/")


def _object_stat(key: str, info: Mapping[str, Any]) -> ObjectStat:
    return ObjectStat(
        key, int(info["size"]), next((_seconds(info[name]) for name in _DATES if info.get(name)), math.inf)
    )


def _seconds(date: Any) -> float:
    """Read a date as drivers give it; one that cannot be read counts as just now, so that nothing is too old."""
    if isinstance(date, str):
        try:
            date = dt.datetime.fromisoformat(date)
        except ValueError:
            return math.inf
    if isinstance(date, dt.datetime):
        return date.timestamp() if date.tzinfo else date.replace(tzinfo=dt.UTC).timestamp()
    return float(date) if isinstance(date, int | float) else math.inf


def _raise_ours(doing: str, error: Exception) -> NoReturn:
    """Say what a driver raised in our own words; its text stays in the cause, since it may quote a signed URL."""
    if isinstance(error, FileNotFoundError):
        raise BlobNotFoundError(f"{doing}: it is not there") from error
    if isinstance(error, FileExistsError):
        raise AlreadyExistsError(f"{doing}: it is there already") from error
    if isinstance(error, PermissionError):
        raise StoragePermissionError(f"{doing}: not allowed", hint="check the credentials and their rights") from error
    if isinstance(error, TimeoutError | ConnectionError):
        raise UnreachableError(f"{doing}: no answer", hint="check the network, then call again") from error
    if isinstance(error, NotImplementedError):
        raise UnsupportedError(f"{doing}: the filesystem cannot") from error
    if isinstance(error, OSError) and error.errno is not None:
        ours = storage_error("reach", "it", error)
        raise type(ours)(f"{doing}: {os.strerror(error.errno)}", hint=ours.hint) from error
    raise StorageError(f"{doing}: {type(error).__name__}") from error
