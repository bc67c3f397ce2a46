"""`RemoteBackend`: a bucket, or any other fsspec filesystem, as a `Backend`.

What differs between drivers is in their strategies. A strategy is made lazily, once per process, since drivers do not
survive a fork. It asks once and gives up: who wants patience puts ``wrappers.Retrying`` round it.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Any

from consist.blobs import layout
from consist.blobs.backend import Capabilities, LazyCapabilities, ObjectStat, Versioned, require_range
from consist.blobs.remote import probe
from consist.blobs.remote.choose import choose
from consist.blobs.remote.drivers import refuse_likely_slips, require_driver
from consist.blobs.remote.s3 import DRIVER, UNORDERED
from consist.blobs.remote.strategy import Place, Strategy
from consist.blobs.urls import strip_user_info
from consist.errors import ConsistWarning, UnsupportedError, warn_once

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from consist.blobs.backend import Range


_inexact: dict[str, str] = {}
"""Stores of which it was said that they do not create exclusively."""


class RemoteBackend:
    """Objects under a URL, through the fsspec filesystem of its protocol.

    Parameters
    ----------
    url : str
        ``protocol://place/folder``. User-info in it reaches the driver and is shown nowhere.
    storage_options : mapping, optional
        For the driver; may hold secrets, which are shown nowhere. ``consist_driver`` in it (``"s3fs"`` or
        ``"obstore"``) is for consist.
    memory : mapping-like, optional
        Remembers what was found out about each store; without it the process does.

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

    def __init__(
        self, url: str, storage_options: Mapping[str, Any] | None = None, *, memory: probe.Memory | None = None
    ) -> None:
        options = dict(storage_options or {})
        driver = options.pop(DRIVER, None)
        self._place = Place(url, strip_user_info(url), options, driver)
        require_driver(self._place.protocol)
        refuse_likely_slips(self._place)
        self._memory = memory
        self._able: dict[str, bool] = {}
        self._made: tuple[int, Strategy] | None = None

    @property
    def url(self) -> str:
        """Where it is, without user-info."""
        return self._place.url

    @property
    def endpoint(self) -> str:
        """Which server is asked, for messages."""
        return self._place.endpoint

    @property
    def capabilities(self) -> Capabilities:
        """What the place does. On a server that has to be tried, looking at `create` or `replace` may write.

        With credentials that may not try it, and nothing remembered, neither is relied on.
        """
        driver = choose(self._place)
        if driver.probed:
            return LazyCapabilities(self._can)
        return Capabilities(create=driver.exclusive_create, replace=driver.compare_and_swap, files=False)

    @property
    def lists_in_order(self) -> bool:
        """Whether listings are in the order of keys, so that one that broke off can go on behind the last."""
        bucket = self._place.url.split("/")[2]
        return choose(self._place).lists_in_order and not bucket.endswith(UNORDERED)

    def __repr__(self) -> str:
        return f"RemoteBackend({self.url!r})"

    def __getstate__(self) -> dict[str, Any]:
        """Travel to another process with what was found out, but without driver and memory, which are this one's."""
        return {**self.__dict__, "_made": None, "_memory": None}

    # Writing -------------------------------------------------------------------------------------------------------

    def put(self, key: str, data: bytes) -> None:
        """Publish a small content-named object, replacing what may be there."""
        self._strategy().put(key, data)

    def put_many(self, items: Sequence[tuple[str, bytes]]) -> None:
        """Publish many small content-named objects, in parallel where the driver can."""
        self._strategy().put_many(items)

    def upload(self) -> RemoteUpload:
        """Begin a content-named object of any size: it is spooled here, since its key is not known before its end."""
        return RemoteUpload(self._strategy())

    def create(self, key: str, data: bytes) -> None:
        """Publish a control object if the key is free, otherwise `AlreadyExistsError`."""
        strategy = self._strategy()
        if self._can("create"):
            strategy.create(key, data)
        else:  # a condition that a server ignores would replace what is there
            Strategy.create(strategy, key, data)
            self._warn_of_inexact_creation()

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

    def sweep(self, older_than: float) -> int:
        """Remove what killed probes left. Nothing else stays behind: an object is sent whole or not at all."""
        strategy = self._strategy()
        left = list(strategy.left_over())
        now = self._now(strategy) if left else 0.0
        old = [found for found in left if now - found.modified >= older_than]
        for found in old:
            strategy.delete(found.key)
        return len(old)

    # Reading -------------------------------------------------------------------------------------------------------

    def get(self, key: str) -> bytes:
        """Return an object whole."""
        return self._strategy().get(key)

    def get_versioned(self, key: str) -> Versioned:
        """Return an object whole, with its version."""
        return self._strategy().get_versioned(key)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return `length` bytes from `start`; fewer, or none, where the object ends before."""
        require_range(start, length)
        return self._strategy().get_range(key, start, length)

    def get_ranges(self, ranges: Sequence[Range]) -> Sequence[bytes | memoryview]:
        """Return what `get_range` does of each."""
        for _, start, length in ranges:
            require_range(start, length)
        return self._strategy().get_ranges(ranges)

    def stat(self, key: str) -> ObjectStat | None:
        """Return what is known of an object, or None if the key is free."""
        return self._strategy().stat(key)

    def stat_many(self, keys: Sequence[str]) -> Sequence[ObjectStat | None]:
        """Return what `stat` does of each."""
        return self._strategy().stat_many(keys)

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        """Yield the objects in the folder `prefix` and below, in any order; hidden ones are passed over."""
        for found in self._strategy().list(prefix):
            if not layout.is_own(found.key):
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
            made = self._made = (process, choose(self._place)(self._place))
        return made[1]

    def _can(self, name: str) -> bool:
        """Tell whether the place can `create` or `replace`; what these credentials may not try is not relied on."""
        if name not in self._able:
            memory = probe.process_memory if self._memory is None else self._memory
            self._able[name] = bool(probe.can(self._strategy(), name, memory))
        return self._able[name]

    def _warn_of_inexact_creation(self) -> None:
        """Say it once a process, when something was created: who may only read need not hear of it."""
        warn_once(
            f"{self.url} has no exclusive creation that consist knows of, or its credentials may not try it: two"
            " machines that run the same at one moment may both publish (`consist doctor` says what the place can do)",
            ConsistWarning,
            self.url,
            _inexact,
        )

    def _require_compare_and_swap(self) -> None:
        if not self._can("replace"):
            raise UnsupportedError(
                f"{self.url} has no compare-and-swap that consist knows of, or its credentials may not try it",
                hint="use a store on a local folder, or a server that has it, for this",
            )

    def _now(self, strategy: Strategy) -> float:
        """Return the time by the store's clock: the date of an object that is written for it."""
        key = f"{layout.TEMP}-clock-{secrets.token_hex(16)}"
        strategy.put(key, b"")
        try:
            found = strategy.stat(key)
        finally:
            strategy.delete(key)
        return 0.0 if found is None else found.modified


class RemoteUpload:
    """An object on its way to a `RemoteBackend`: spooled, then sent whole."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy
        self._spool = strategy.spool()
        self._is_read = False
        """Perhaps: a request that was given up may go on sending."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add the next piece."""
        self._spool.write(data)

    def publish(self, key: str) -> None:
        """Send it."""
        path = self._spool.path
        try:
            if path is None:
                self._strategy.put_large(key, self._spool.pieces())
            else:
                self._strategy.put_file(key, path)
        except BaseException:
            self._is_read = True
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spool.close(again=not self._is_read)
