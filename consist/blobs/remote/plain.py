"""Any fsspec filesystem, driven by what all of them have; nothing here is of one protocol.

It stores and reads. It has neither exclusive creation nor compare-and-swap, since fsspec has neither.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any, TypeVar

from consist.blobs.backend import ObjectStat, Versioned
from consist.blobs.remote.batches import Failed, gather, settle
from consist.blobs.remote.drivers import make_filesystem
from consist.blobs.remote.errors import Doing, raise_ours
from consist.blobs.remote.strategy import Strategy
from consist.errors import BlobNotFoundError, ConsistError
from consist.fileops import perform
from consist.hashing.hasher import hash_bytes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from consist.blobs.backend import Range
    from consist.blobs.remote.strategy import Place

A = TypeVar("A")
B = TypeVar("B")

_DATES = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")
"""Where drivers put the date of an object; the first that is there counts."""


class Plain(Strategy):
    """A filesystem that nobody has looked at.

    Batches are in parallel where the filesystem is asynchronous. Where it is not, they are one after the other: nobody
    knows whether its connection (FTP has one) can be used by two threads.
    """

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.fs, self.root = make_filesystem(place, self.settings(), self.ask)

    def settings(self) -> Mapping[str, Any]:
        """Return what the driver is made with whatever the user says; merged with it where it is a mapping."""
        return {}

    # Writing -------------------------------------------------------------------------------------------------------

    def put(self, key: str, data: bytes) -> None:
        """Publish an object whole, replacing what may be there."""
        self.change("put", key, self.fs.pipe_file, self.path(key), data)

    def put_many(self, items: Sequence[tuple[str, bytes]]) -> None:
        """Publish many objects, in parallel if the filesystem is asynchronous."""
        if not self.fs.async_impl:
            super().put_many(items)
            return

        async def put(item: tuple[str, bytes]) -> None:
            await self.answer("put", item[0], self.fs._pipe_file(self.path(item[0]), item[1]))

        self.change_many("put_many", put, items)

    def put_file(self, key: str, path: str) -> None:
        """Publish the content of a local file whole."""
        self.change("put", key, self.fs.put_file, path, self.path(key))

    def delete(self, key: str) -> None:
        """Remove an object, if it is there."""
        try:
            self.change("delete", key, self.fs.rm_file, self.path(key))
        except BlobNotFoundError:
            return

    # Reading -------------------------------------------------------------------------------------------------------

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

    def get_ranges(self, ranges: Sequence[Range]) -> Sequence[bytes | memoryview]:
        """Return many ranges: their sizes first, then their bytes."""
        if not self.fs.async_impl:
            return super().get_ranges(ranges)
        keys = list(dict.fromkeys(wanted.key for wanted in ranges))
        sizes = {key: found and found.size for key, found in zip(keys, self.stat_many(keys), strict=True)}
        for key, size in sizes.items():
            if size is None:
                raise BlobNotFoundError(f"no object {key} in {self.url}")

        async def get(wanted: Range) -> bytes:
            key, start, length = wanted
            end = min(start + length, sizes[key] or 0)
            if start >= end:
                return b""
            return bytes(await self.answer("get", key, self.fs._cat_file(self.path(key), start=start, end=end)))

        return self.ask_many(get, ranges)

    def stat(self, key: str) -> ObjectStat | None:
        """Return what is known of an object, or None."""
        try:
            info = self.ask("stat", key, self.fs.info, self.path(key))
        except BlobNotFoundError:
            return None
        return None if info.get("type") == "directory" else object_stat(key, info)

    def stat_many(self, keys: Sequence[str]) -> Sequence[ObjectStat | None]:
        """Return what is known of many objects."""
        if not self.fs.async_impl:
            return super().stat_many(keys)

        async def stat(key: str) -> ObjectStat | None:
            try:
                info = await self.answer("stat", key, self.fs._info(self.path(key)))
            except BlobNotFoundError:
                return None
            return None if info.get("type") == "directory" else object_stat(key, info)

        return self.ask_many(stat, keys)

    def list(self, prefix: str) -> Iterable[ObjectStat]:
        """Return the objects in a folder and below."""
        folder = self.path(prefix) if prefix else self.root
        try:
            infos = self.ask("list", prefix, self.fs.find, folder, detail=True)
        except BlobNotFoundError:
            return []
        start = len(self.root) + 1
        return [object_stat(name[start:], infos[name]) for name in infos if name.startswith(f"{folder}/")]

    # Parts ---------------------------------------------------------------------------------------------------------

    def path(self, key: str) -> str:
        """Return the driver's name for a key."""
        return f"{self.root}/{key}"

    async def answer(self, operation: str, key: str, awaited: Awaitable[Any]) -> Any:
        """Await an asynchronous driver; whatever it raises becomes one of our errors."""
        try:
            return await awaited
        except ConsistError:
            raise
        except Exception as error:  # noqa: BLE001 - drivers raise what they like, also what is no OSError
            raise_ours(Doing(operation, key, self.url), error)

    def run(self, call: Callable[..., Awaitable[B]], *args: Any) -> B:
        """Run a coroutine of ours on the driver's own loop, and wait for it."""
        from fsspec.asyn import sync

        return sync(self.fs.loop, call, *args)  # type: ignore[no-any-return]

    def ask_many(self, call: Callable[[A], Awaitable[B]], items: Sequence[A]) -> Sequence[B]:
        """Make many calls in parallel; their answers, or one error for all."""
        answers: Sequence[B | Failed] = self.run(gather, call, items)
        return settle(answers)

    def change_many(self, operation: str, call: Callable[[A], Awaitable[B]], items: Sequence[A]) -> Sequence[B]:
        """Make many calls that change objects, as one operation of the seam."""
        return perform(operation, f"{len(items)} objects", self.ask_many, call, items)


def object_stat(key: str, info: Mapping[str, Any]) -> ObjectStat:
    """Read what a driver tells of an object."""
    return ObjectStat(
        key, int(info["size"]), next((seconds(info[name]) for name in _DATES if info.get(name)), math.inf)
    )


def seconds(date: Any) -> float:
    """Read a date as drivers give it; one that cannot be read counts as just now, so that nothing is too old."""
    if isinstance(date, str):
        try:
            date = dt.datetime.fromisoformat(date)
        except ValueError:
            return math.inf
    if isinstance(date, dt.datetime):
        return date.timestamp() if date.tzinfo else date.replace(tzinfo=dt.UTC).timestamp()
    return float(date) if isinstance(date, int | float) else math.inf
