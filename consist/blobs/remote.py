"""Any other fsspec filesystem as a `Backend`; what differs between protocols is one row of a table each.

A driver is made lazily, once per process, since those that hold connections do not survive a fork. What a protocol
can do beyond storing is what its `Strategy` really does: a protocol that nobody wrote one for stores and reads, and
has neither exclusive creation nor compare-and-swap.

In this release ``memory://`` has a strategy (for tests, and for stores that need not outlive their process).
"""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, Any

from consist.blobs import layout
from consist.blobs.backend import Capabilities, ObjectStat, Versioned
from consist.blobs.spool import Spool
from consist.blobs.strategies import STRATEGIES, Plain, Strategy
from consist.blobs.urls import strip_user_info
from consist.errors import SettingsError, UnsupportedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from consist.blobs.backend import Range

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
"""Protocols whose driver one of consist's extras installs."""


class RemoteBackend:
    """Objects under a URL, through the fsspec filesystem of its protocol.

    Parameters
    ----------
    url : str
        ``protocol://place/folder``. User-info in it reaches the driver and is shown nowhere.
    storage_options : mapping, optional
        For the driver; may hold secrets, which are shown nowhere.

    Raises
    ------
    SettingsError
        If fsspec does not know the protocol, or the package that drives it is not installed.

    Examples
    --------
    >>> backend = RemoteBackend("memory://doctest")
    >>> backend.create("results/ab/cd", b"first")
    >>> backend.get("results/ab/cd")
    b'first'
    """

    def __init__(self, url: str, storage_options: Mapping[str, Any] | None = None) -> None:
        self._protocol = url.partition("://")[0]
        _require_driver(self._protocol)
        self._full_url = url
        self._url = strip_user_info(url)
        self._options = dict(storage_options or {})
        self._strategy_class: type[Strategy] = STRATEGIES.get(self._protocol, Plain)
        self._made: tuple[int, Strategy] | None = None

    @property
    def url(self) -> str:
        """Where it is, without user-info."""
        return self._url

    @property
    def capabilities(self) -> Capabilities:
        """What the protocol's strategy does."""
        able = self._strategy_class
        return Capabilities(create=able.exclusive_create, replace=able.compare_and_swap, files=False)

    def __repr__(self) -> str:
        return f"RemoteBackend({self._url!r})"

    def __getstate__(self) -> dict[str, Any]:
        """Travel to another process without the driver, which is made anew there."""
        return {**self.__dict__, "_made": None}

    # Writing -------------------------------------------------------------------------------------------------------

    def put(self, key: str, data: bytes) -> None:
        """Publish a small content-named object, replacing what may be there."""
        self._strategy().put(key, data)

    def put_many(self, items: Sequence[tuple[str, bytes]]) -> None:
        """Publish many small content-named objects, one after the other."""
        for key, data in items:
            self.put(key, data)

    def upload(self) -> RemoteUpload:
        """Begin a content-named object of any size: it is spooled here, since its key is not known before its end."""
        return RemoteUpload(self._strategy())

    def create(self, key: str, data: bytes) -> None:
        """Publish a control object if the key is free, otherwise `AlreadyExistsError`."""
        self._strategy().create(key, data)

    def replace(self, key: str, data: bytes, *, if_match: str) -> None:
        """Publish a control object if the key still holds the version `if_match`, otherwise `ChangedError`."""
        self._require_compare_and_swap()
        self._strategy().replace(key, data, if_match)

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Remove an object; with `if_match` only that version of it, otherwise `ChangedError`."""
        if if_match is None:
            self._strategy().delete(key)
        else:
            self._require_compare_and_swap()
            self._strategy().delete_version(key, if_match)

    def sweep(self, older_than: float) -> int:  # noqa: ARG002 - the port's signature
        """Nothing to do: an object is sent whole or not at all, and spool files are unnamed or the system's."""
        return 0

    # Reading -------------------------------------------------------------------------------------------------------

    def get(self, key: str) -> bytes:
        """Return an object whole."""
        return self._strategy().get(key)

    def get_versioned(self, key: str) -> Versioned:
        """Return an object whole, with its version."""
        return self._strategy().get_versioned(key)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return `length` bytes from `start`; fewer, or none, where the object ends before."""
        if start < 0 or length < 0:
            raise UsageError(f"a range begins and ends at or after 0, not {start}+{length}")
        return self._strategy().get_range(key, start, length)

    def get_ranges(self, ranges: Sequence[Range]) -> Sequence[bytes]:
        """Return what `get_range` does of each."""
        return [self.get_range(*wanted) for wanted in ranges]

    def stat(self, key: str) -> ObjectStat | None:
        """Return what is known of an object, or None if the key is free."""
        return self._strategy().stat(key)

    def stat_many(self, keys: Sequence[str]) -> Sequence[ObjectStat | None]:
        """Return what `stat` does of each."""
        return [self.stat(key) for key in keys]

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        """Yield the objects in the folder `prefix` and below, in any order; hidden ones are passed over."""
        for found in self._strategy().list(prefix):
            parts = found.key.split("/")
            if parts[0] != layout.TEMP and not any(part.startswith(".") for part in parts):
                yield found

    def path_of(self, key: str) -> str | None:  # noqa: ARG002 - the port's signature
        """Return None: nothing here is a local file."""
        return None

    # Parts ---------------------------------------------------------------------------------------------------------

    def _strategy(self) -> Strategy:
        """Return this process's strategy with its driver.

        Two threads may both make one at the start: either will do, and there is no lock that a fork could leave held.
        """
        made, process = self._made, os.getpid()
        if made is None or made[0] != process:
            made = self._made = (process, self._strategy_class(self._full_url, self._url, self._options))
        return made[1]

    def _require_compare_and_swap(self) -> None:
        if not self._strategy_class.compare_and_swap:
            raise UnsupportedError(
                f"{self._protocol}:// has no compare-and-swap that consist knows of",
                hint="use a store on a local folder for this",
            )


class RemoteUpload:
    """An object on its way to a `RemoteBackend`: spooled, then sent whole."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy
        self._spool = Spool()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add the next piece."""
        self._spool.write(data)

    def publish(self, key: str) -> None:
        """Send it."""
        path = self._spool.path
        if path is None:
            self._strategy.put(key, self._spool.data())
        else:
            self._strategy.put_file(key, path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spool.close()


def _require_driver(protocol: str) -> None:
    """Check that fsspec knows a protocol and that its package is here, without importing the package."""
    import fsspec
    from fsspec.registry import known_implementations

    if protocol in fsspec.registry:
        return
    known = known_implementations.get(protocol)
    if known is None:
        raise SettingsError(
            f"no filesystem is known for {protocol}://",
            hint="give a folder, or a URL whose protocol fsspec knows, such as s3:// or gs://",
        )
    extra = EXTRAS.get(protocol)
    package = known["class"].partition(".")[0]
    if importlib.util.find_spec(package) is None:
        install = f"pip install 'consist[{extra}]'" if extra else f"pip install {package}"
        raise SettingsError(f"{protocol}:// needs the package {package}, which is not installed", hint=install)
