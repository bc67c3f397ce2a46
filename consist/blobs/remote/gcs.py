"""Google Cloud Storage by gcsfs: preconditions are generations, and uploads are put together here.

Uploads are ours because gcsfs 2026.10.1 separates the parts of one with a fixed line, so that content which holds that
line is stored truncated. Here content has no such line around it, and control objects a random one; and what was
stored is compared in size with what was sent.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from consist.blobs import layout
from consist.blobs.backend import ObjectStat, Versioned
from consist.blobs.remote.batches import Failed, gather, is_missing, settle
from consist.blobs.remote.bounds import bounded
from consist.blobs.remote.conditional import Conditional
from consist.blobs.remote.errors import Doing, no_bucket
from consist.blobs.remote.plain import object_stat
from consist.blobs.remote.rights import is_forbidden, reads_but_does_not_list
from consist.errors import BlobNotFoundError, ConsistError, StorageError, StoragePermissionError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
    from typing import IO, TypeVar

    from consist.blobs.backend import Range
    from consist.blobs.remote.strategy import Place

    A = TypeVar("A")
    B = TypeVar("B")
    T = TypeVar("T")

_ZONAL = "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"


class Gcs(Conditional):
    """One bucket, by gcsfs."""

    if_free: ClassVar[Mapping[str, str]] = {"ifGenerationMatch": "0"}
    in_memory = 8 << 20
    """It copies what it sends: 2 GiB sent out of memory took 297 MiB of it."""
    if_version = "ifGenerationMatch"
    lists_in_order = True
    no_version = "1"

    def __init__(self, place: Place) -> None:
        with _plain_gcsfs():
            super().__init__(place)
        self.bucket, _, self.folder = place.url.partition("://")[2].partition("/")
        self._bucket_is_there = False
        self._reads_but_does_not_list = False
        # Six retries of gcsfs's own would multiply with the wrapper's, and hide lost answers from it.
        once = getattr(type(self.fs)._request, "__wrapped__", None)
        if once is not None:
            self.fs._request = once.__get__(self.fs)

    @property
    def server(self) -> str:
        """The endpoint, if it is not Google's."""
        endpoint = self.place.options.get("endpoint_url") or os.environ.get("STORAGE_EMULATOR_HOST") or ""
        return str(endpoint).rpartition("@")[2].rpartition("://")[2]

    def put_file(self, key: str, path: str) -> None:
        """Publish a large file, with little of it in memory."""
        self.change("put", key, self.run, self._put_file, key, path)

    # Reading -------------------------------------------------------------------------------------------------------

    def get_versioned(self, key: str) -> Versioned:
        """Return an object whole, with its generation."""
        return self._read(key, lambda: self.ask("get", key, self.run, self._get, key))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return a range, in one request."""
        wanted = key, start, length
        return self._read(key, lambda: self.run(self._get_range, wanted))

    def get_ranges(self, ranges: Sequence[Range]) -> Sequence[bytes | memoryview]:
        """Return many ranges in parallel."""
        return self._read("ranges", lambda: settle(self._answers(self._get_range, ranges, [r.key for r in ranges])))

    def stat(self, key: str) -> ObjectStat | None:
        """Return what is known of an object, or None."""
        try:
            return self._read(key, lambda: self.ask("stat", key, self.run, self._head, key))
        except BlobNotFoundError:
            return None

    def stat_many(self, keys: Sequence[str]) -> Sequence[ObjectStat | None]:
        """Return what is known of many objects."""

        async def stat(key: str) -> Any:
            return await self.answer("stat", key, self._head(key))

        answers = self._answers(stat, keys, keys)
        missing = [key for key, answer in zip(keys, answers, strict=True) if is_missing(answer)]
        if missing and not self._bucket_is_there:
            self._look_for_bucket("stat", missing[0])
        return settle([None if is_missing(answer) else answer for answer in answers])

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        """Yield the objects in a folder and below, page by page."""
        return self._pages(prefix, self.name(f"{prefix}/" if prefix else ""))

    def left_over(self) -> Iterator[ObjectStat]:
        """Yield the probes of killed processes."""
        return self._pages("", self.name(f"{layout.TEMP}-"))

    # Requests ------------------------------------------------------------------------------------------------------

    def name(self, key: str) -> str:
        """Return the name of a key in the bucket."""
        return f"{self.folder}/{key}" if self.folder else key

    async def _call(self, method: str, path: str, *args: str, size: int = 0, **more: Any) -> Any:
        await self.fs._set_session()
        self.fs.session._retry_connection = False  # aiohttp's own, once for a connection that broke
        return await bounded(self.fs._call(method, path, *args, **more), size)

    async def _send(self, method: str, key: str, more: Mapping[str, Any] | None = None) -> Any:
        return await self._call(method, "b/{}/o/{}", self.bucket, self.name(key), **(more or {}))

    async def _put(self, key: str, data: bytes, condition: Mapping[str, str] | None = None) -> None:
        if condition is not None:
            await self._put_if(key, data, condition)
        else:
            await self._upload(key, io.BytesIO(data), len(data), uploadType="media", name=self.name(key))

    async def _delete(self, key: str, condition: Mapping[str, str] | None = None) -> None:
        await self._send("DELETE", key, condition)

    async def _put_file(self, key: str, path: str) -> None:
        with open(path, "rb") as stream:  # noqa: ASYNC230, PTH123 - a plain path; aiohttp reads it in threads
            size = os.fstat(stream.fileno()).st_size
            await self._upload(key, stream, size, uploadType="media", name=self.name(key))

    async def _put_if(self, key: str, data: bytes, condition: Mapping[str, Any]) -> None:
        """Upload in two parts, the first with the name: the emulator heeds conditions of such an upload only."""
        line = f"consist-{secrets.token_hex(24)}"
        about = json.dumps({"name": self.name(key)})
        head = f"--{line}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{about}\r\n--{line}\r\n"
        head += "Content-Type: application/octet-stream\r\n\r\n"
        body = io.BytesIO(head.encode() + data + f"\r\n--{line}--\r\n".encode())
        headers = {"Content-Type": f"multipart/related; boundary={line}"}
        await self._upload(key, body, len(data), headers=headers, uploadType="multipart", **condition)

    async def _upload(self, key: str, body: IO[bytes], size: int, **more: Any) -> None:
        url = f"{self.fs._location}/upload/storage/v1/b/{quote(self.bucket, safe='')}/o"
        stored = await self._call("POST", url, data=body, size=size, json_out=True, **more)
        if int(stored["size"]) != size:
            raise StorageError(
                f"cannot put {key} in {self.url}: of {size} bytes {stored['size']} were stored", hint="call again"
            )

    async def _get(self, key: str, headers: Mapping[str, str] | None = None) -> Versioned:
        found, data = await self._send("GET", key, {"alt": "media", "headers": headers})
        return Versioned(data, found.get("X-Goog-Generation", ""))

    async def _head(self, key: str) -> ObjectStat:
        return object_stat(key, await self._send("GET", key, {"json_out": True}))

    def _pages(self, prefix: str, begins: str) -> Iterator[ObjectStat]:
        start = len(self.name(""))
        more: dict[str, str] = {}
        while True:
            try:
                page = self.ask("list", prefix, self.run, self._page, begins, more)
            except BlobNotFoundError as error:
                raise no_bucket(Doing("list", prefix, self.url)) from error
            for item in page.get("items", []):
                if not item["name"].endswith("/"):
                    yield object_stat(item["name"][start:], item)
            if "nextPageToken" not in page:
                return
            more = {"pageToken": page["nextPageToken"]}

    async def _page(self, begins: str, more: Mapping[str, Any]) -> Any:
        return await self._call("GET", "b/{}/o", self.bucket, prefix=begins, maxResults="1000", json_out=True, **more)

    def _read(self, key: str, call: Callable[[], T]) -> T:
        """Ask for an object; tell a missing one from a missing bucket (the same 404) and from a forbidden one."""
        try:
            found = call()
        except BlobNotFoundError:
            if not self._bucket_is_there:
                self._look_for_bucket("get", key)
            raise
        except StoragePermissionError as error:
            meant = self._meant(key, error)
            if meant is error:  # raised from itself, its chain of causes would have no end
                raise
            raise meant from error
        self._bucket_is_there = True
        return found

    def _answers(
        self, call: Callable[[A], Awaitable[B]], items: Sequence[A], keys: Sequence[str]
    ) -> Sequence[B | Failed]:
        """Ask about many objects at once; what is missing is told from what is forbidden."""
        answers: Sequence[B | Failed] = self.run(gather, call, items)
        return [
            Failed(self._meant(key, answer.error)) if isinstance(answer, Failed) else answer
            for key, answer in zip(keys, answers, strict=True)
        ]

    def _meant(self, key: str, error: ConsistError) -> ConsistError:
        """Return what an answer means: without the right to list, an object that is not there is answered by 403."""
        if not isinstance(error, StoragePermissionError) or not is_forbidden(error) or key == layout.CONFIG:
            return error
        if not self._reads_but_does_not_list:
            self._reads_but_does_not_list = reads_but_does_not_list(self._look)
        return BlobNotFoundError(f"no object {key} in {self.url}") if self._reads_but_does_not_list else error

    def _look(self, key: str) -> None:
        self.ask("stat", key, self.run, self._head, key)

    def _look_for_bucket(self, operation: str, key: str) -> None:
        """Raise if there is no bucket; credentials that may not look are believed."""
        try:
            self.ask("get", "the bucket", self.run, self._bucket)
        except BlobNotFoundError as error:
            raise no_bucket(Doing(operation, key, self.url)) from error
        except ConsistError:
            return
        self._bucket_is_there = True

    async def _bucket(self) -> Any:
        return await self._call("GET", "b/{}", self.bucket, json_out=True)


@contextlib.contextmanager
def _plain_gcsfs() -> Iterator[None]:
    """Import gcsfs without its experimental zonal buckets.

    With them it asks another service about each bucket first, and waits 60 seconds where there is none.
    """
    before = os.environ.get(_ZONAL)
    os.environ[_ZONAL] = "false"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_ZONAL, None)  # another thread may have been here at the same time
        else:
            os.environ[_ZONAL] = before
