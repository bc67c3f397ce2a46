"""`Strategy`: what the adapter asks of a driver. One class for each way of driving a place; none knows of retries.

To teach consist another protocol: write a `Strategy`, prove it with `consist.testing.BackendSuite`, and enter it in
``drivers.py``. Every call of a driver passes through `Strategy.ask`, which turns what it raises into our own errors.
"""

from __future__ import annotations

import abc
import os
import re
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from consist.blobs.remote.errors import Doing, raise_ours
from consist.blobs.spool import IN_MEMORY, Spool
from consist.errors import AlreadyExistsError, ConsistError, UnsupportedError
from consist.fileops import perform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import ParamSpec, TypeVar

    from consist.blobs.backend import ObjectStat, Range, Versioned

    P = ParamSpec("P")
    T = TypeVar("T")


_SERVERS = {
    "s3": (("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"), "AWS"),
    "s3a": (("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"), "AWS"),
    "gs": (("STORAGE_EMULATOR_HOST",), "Google"),
    "gcs": (("STORAGE_EMULATOR_HOST",), "Google"),
}
"""Where the drivers look for an endpoint if no option has one, and whose they ask if nothing has."""


@dataclass(frozen=True)
class Place:
    """Where a store is.

    Attributes
    ----------
    full_url : str
        As the driver needs it; may hold user-info.
    url : str
        For messages.
    options : mapping
        The driver's settings; may hold secrets.
    driver : str, optional
        Which driver to take, where a protocol has two.
    """

    full_url: str = field(repr=False)
    url: str
    options: Mapping[str, Any] = field(repr=False)
    driver: str | None = None

    @property
    def protocol(self) -> str:
        """What is before the ``://``."""
        return self.url.partition("://")[0]

    @property
    def endpoint(self) -> str:
        """Which server is asked, for messages: nothing but scheme and host; ``""`` where it cannot be said."""
        client = self.options.get("client_kwargs")
        given = self.options.get("endpoint_url") or (
            client.get("endpoint_url") if isinstance(client, Mapping) else None
        )
        variables, usual = _SERVERS.get(self.protocol, ((), ""))
        given = given or next((os.environ[name] for name in variables if os.environ.get(name)), None)
        if isinstance(given, str):
            scheme, _, rest = given.rpartition("://")
            host = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
            return f"the endpoint is {scheme}://{host}" if scheme else f"the endpoint is {host}"
        return usual and f"no endpoint is set, so {usual} was asked"


class Strategy(abc.ABC):
    """One driver, opened on one place, in one process.

    Attributes
    ----------
    exclusive_create, compare_and_swap : bool
        What the protocol has.
    probed : bool
        Whether servers of the protocol differ in that, so that it is tried before it is relied on.
    lists_in_order : bool
        Whether listings are in the order of keys, by their bytes: the protocol promises it.
    no_version : str
        What is well formed as a version, and is the version of nothing.
    in_memory : int
        Bytes of an upload that are kept in memory, and not in a file: a whole pack, unless the driver copies what it
        sends.
    """

    exclusive_create: ClassVar[bool] = False
    compare_and_swap: ClassVar[bool] = False
    probed: ClassVar[bool] = False
    lists_in_order: ClassVar[bool] = False
    in_memory: ClassVar[int] = IN_MEMORY
    no_version: ClassVar[str] = '"00000000000000000000000000000000"'

    def __init__(self, place: Place) -> None:
        self.place = place
        self.url = place.url
        _living.add(self)

    @property
    def server(self) -> str:
        """Which server it is, where the URL does not say; with no secret in it."""
        return ""

    # Writing -------------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def put(self, key: str, data: bytes) -> None:
        """Publish an object whole, replacing what may be there."""

    def spool(self) -> Spool:
        """Return what gathers an upload until it is sent."""
        return Spool(self.in_memory)

    def put_large(self, key: str, pieces: Sequence[bytes | bytearray]) -> None:
        """Publish an object out of what `spool` had in memory; in several requests at once where that is quicker."""
        self.put(key, b"".join(pieces))

    @abc.abstractmethod
    def put_file(self, key: str, path: str) -> None:
        """Publish the content of a local file whole."""

    def put_many(self, items: Sequence[tuple[str, bytes]]) -> None:
        """Publish many objects."""
        for key, data in items:
            self.put(key, data)

    def create(self, key: str, data: bytes) -> None:
        """Publish if the key is free; here two writers at once may both succeed."""
        if self.stat(key) is not None:
            raise AlreadyExistsError(f"{key} is there already in {self.url}")
        self.put(key, data)

    def replace(self, key: str, data: bytes, version: str) -> None:  # noqa: ARG002 - for those that can
        """Publish if the key holds a version."""
        raise UnsupportedError(f"{self.url} has no compare-and-swap")

    @abc.abstractmethod
    def delete(self, key: str) -> None:
        """Remove an object, if it is there."""

    def delete_version(self, key: str, version: str) -> None:  # noqa: ARG002 - for those that can
        """Remove an object if the key holds a version."""
        raise UnsupportedError(f"{self.url} has no conditional delete")

    # Reading -------------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def get(self, key: str) -> bytes:
        """Return an object whole."""

    @abc.abstractmethod
    def get_versioned(self, key: str) -> Versioned:
        """Return an object whole, with its version."""

    @abc.abstractmethod
    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return `length` bytes from `start`, or what there is of them."""

    def get_ranges(self, ranges: Sequence[Range]) -> Sequence[bytes | memoryview]:
        """Return many ranges."""
        return [self.get_range(*wanted) for wanted in ranges]

    @abc.abstractmethod
    def stat(self, key: str) -> ObjectStat | None:
        """Return what is known of an object, or None."""

    def stat_many(self, keys: Sequence[str]) -> Sequence[ObjectStat | None]:
        """Return what is known of many objects."""
        return [self.stat(key) for key in keys]

    @abc.abstractmethod
    def list(self, prefix: str) -> Iterable[ObjectStat]:
        """Return the objects in a folder and below."""

    def left_over(self) -> Iterable[ObjectStat]:
        """Return what killed probes left, by their hidden keys."""
        return ()

    # Parts ---------------------------------------------------------------------------------------------------------

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
            raise_ours(Doing(operation, key, self.url), error)


_living: weakref.WeakSet[Strategy] = weakref.WeakSet()
_inherited: list[Strategy] = []


def _keep_inherited() -> None:
    """Keep a parent's drivers alive, unused, in its forked child.

    Collected there, one would wait a second for an event loop whose thread stayed behind, and take connections out of
    the epoll set that the child has in common with its parent.
    """
    _inherited.extend(_living)


os.register_at_fork(after_in_child=_keep_inherited)
