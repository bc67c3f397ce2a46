"""S3 by s3fs: the driver that knows every way of giving credentials and works in a forked child.

Requests are made through s3fs's own caller of botocore rather than its file-like methods: those send a HEAD before
many a GET, have no compare-and-swap, and drop the ETag that a read came with.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import math
from typing import TYPE_CHECKING, Any, ClassVar

from consist.blobs import layout
from consist.blobs.backend import ObjectStat, Versioned
from consist.blobs.remote import bounds
from consist.blobs.remote.batches import AT_ONCE, gather
from consist.blobs.remote.conditional import Conditional
from consist.blobs.remote.s3 import PARTS_AT_ONCE, SHARING, S3Strategy
from consist.errors import BlobNotFoundError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from consist.blobs.backend import Range
    from consist.blobs.remote.strategy import Place

CONNECTIONS = 4 * AT_ONCE
"""More than are on their way at once. Of botocore's own 10 all may be busy, and waiting for one counts as silence."""


@functools.cache
def _once_only() -> type:
    """Return botocore's HTTP session, with the one retry taken away that aiohttp makes on a connection that broke.

    After it a creation that had happened would be refused, and look like somebody else's.
    """
    from aiobotocore.httpsession import AIOHTTPSession

    class OnceOnly(AIOHTTPSession):  # type: ignore[misc]
        async def _get_session(self, proxy_url: str | None) -> Any:
            session = await super()._get_session(proxy_url)
            session._retry_connection = False
            return session

    return OnceOnly


def _each_bounded(call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Bound each request of a driver's caller, those of an upload in parts too.

    Of 64 MiB all parts together had 17 minutes, and a server that was silent from the first request on had them too.
    """

    async def call_bounded(method: str, *more: Any, **asked: Any) -> Any:
        sharing = SHARING if method == "upload_part" else 1  # one line
        return await bounds.bounded(call(method, *more, **asked), sharing * len(asked.get("Body", b"")))

    return call_bounded


@functools.cache
def _shared_session() -> Any:
    """Return one session of this process, with the description of S3 that takes 0.2 s to read.

    For those who give key and secret: a session keeps credentials that it found by itself.
    """
    from aiobotocore.session import AioSession

    return AioSession()


class _Body(io.BytesIO):
    """A part as driver and aiohttp read it, piece by piece, without a copy.

    To make a `BytesIO` of it in earnest would copy it, and every `read` of that again; a `bytearray` goes to asyncio in
    one piece, which copies that twice. A put of 1 GiB took 284 MiB of memory so, and takes 240.
    """

    def __init__(self, part: bytes | bytearray) -> None:
        super().__init__()
        self._part = memoryview(part)
        self._position = 0

    def __len__(self) -> int:
        return len(self._part)

    def read(self, size: int | None = -1, /) -> memoryview:  # type: ignore[override]  # all that read it take both
        start = self._position
        stop = len(self._part) if size is None or size < 0 else min(start + size, len(self._part))
        self._position = stop
        return self._part[start:stop]

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._position = offset + (0, self._position, len(self._part))[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def getbuffer(self) -> memoryview:
        return self._part[:]


class S3ByS3fs(S3Strategy, Conditional):
    """One bucket, by s3fs."""

    if_free: ClassVar[Mapping[str, str]] = {"IfNoneMatch": "*"}
    if_version = "IfMatch"
    lists_in_order = True

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.fs.retries = 1  # retries are the wrapper's: a driver's own would multiply, and hide lost answers
        self.fs._call_s3 = _each_bounded(self.fs._call_s3)

    def settings(self) -> Mapping[str, Any]:
        """Insist on no retries of botocore's, and on bounds for a request."""
        config = {
            "retries": {"total_max_attempts": 1},
            "connect_timeout": bounds.CONNECT_SECONDS,
            "read_timeout": bounds.SILENT_SECONDS,
            "max_pool_connections": CONNECTIONS,
        }
        config["http_session_cls"] = _once_only()
        options = self.place.options
        settings = {"config_kwargs": {**config, **(options.get("config_kwargs") or {})}}
        if options.get("key") and options.get("secret") and not {"session", "profile"} & set(options):
            settings["session"] = _shared_session()
        return settings

    def put_parts(self, key: str, parts: Iterator[bytes | bytearray]) -> None:
        """Publish in parts."""
        self.change("put", key, self.run, self._put_parts, key, parts)

    # Reading -------------------------------------------------------------------------------------------------------

    def get_versioned(self, key: str) -> Versioned:
        """Return an object whole, with its ETag."""
        return self.read("get", key, lambda: self.ask("get", key, self.run, self._get, key))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return a range, in one request."""
        return self.read("get", key, lambda: self.run(self._get_range, (key, start, length)))

    def get_ranges(self, ranges: Sequence[Range]) -> Sequence[bytes | memoryview]:
        """Return many ranges in parallel."""
        return self.ranges_of(ranges, self.run(gather, self._get_range, ranges))

    def stat(self, key: str) -> ObjectStat | None:
        """Return what is known of an object, or None."""
        try:
            return self.read("stat", key, lambda: self.ask("stat", key, self.run, self._head, key))
        except BlobNotFoundError:
            return None

    def stat_many(self, keys: Sequence[str]) -> Sequence[ObjectStat | None]:
        """Return what is known of many objects."""

        async def stat(key: str) -> Any:
            return await self.answer("stat", key, self._head(key))

        return self.stats_of(keys, self.run(gather, stat, keys))

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        """Yield the objects in a folder and below, page by page."""
        return self._pages(prefix, self.name(f"{prefix}/" if prefix else ""))

    def left_over(self) -> Iterator[ObjectStat]:
        """Yield the probes of killed processes."""
        return self._pages("", self.name(f"{layout.TEMP}-"))

    # Requests ------------------------------------------------------------------------------------------------------

    async def _send(self, method: str, key: str, more: Mapping[str, Any] | None = None) -> Any:
        return await self.fs._call_s3(method, Bucket=self.bucket, Key=self.name(key), **(more or {}))

    async def _put(self, key: str, data: bytes, condition: Mapping[str, str] | None = None) -> None:
        await self._send("put_object", key, {"Body": data, **(condition or {})})

    async def _delete(self, key: str, condition: Mapping[str, str] | None = None) -> None:
        await self._send("delete_object", key, condition)

    async def _put_parts(self, key: str, parts: Iterator[bytes | bytearray]) -> None:
        upload = {"UploadId": (await self._send("create_multipart_upload", key))["UploadId"]}
        try:
            sent = await self._send_parts(key, upload, parts)
            await self._send("complete_multipart_upload", key, {**upload, "MultipartUpload": {"Parts": sent}})
        except BaseException:
            with contextlib.suppress(Exception):  # what went wrong counts; the parts go with the bucket's own rules
                await self._send("abort_multipart_upload", key, upload)
            raise

    async def _send_parts(
        self, key: str, upload: Mapping[str, str], parts: Iterator[bytes | bytearray]
    ) -> Sequence[dict[str, Any]]:
        """Send parts, some at once: as soon as one is there the next is taken. The driver sends them in batches."""
        numbered = enumerate(parts, start=1)
        sent: dict[int, str] = {}

        async def send() -> None:
            for number, part in numbered:
                found = await self._send("upload_part", key, {**upload, "PartNumber": number, "Body": _Body(part)})
                sent[number] = found["ETag"]

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(PARTS_AT_ONCE):
                    group.create_task(send())
        except ExceptionGroup as several:
            first = several.exceptions[0]
            raise first from first.__cause__  # which says what the server answered
        return [{"PartNumber": number, "ETag": sent[number]} for number in sorted(sent)]

    async def _get(self, key: str, headers: Mapping[str, str] | None = None) -> Versioned:
        found = await self._send("get_object", key, headers)
        async with found["Body"] as stream:
            return Versioned(await stream.read(), found["ETag"])

    async def _head(self, key: str) -> ObjectStat:
        found = await self._send("head_object", key)
        return ObjectStat(key, found["ContentLength"], math.floor(found["LastModified"].timestamp()))

    def _look(self, key: str) -> None:
        self.ask("get", key, self.run, self._get, key)

    def _pages(self, prefix: str, begins: str) -> Iterator[ObjectStat]:
        more: dict[str, str] = {}
        start = len(self.name(""))
        while True:
            page = self.ask("list", prefix, self.run, self._page, begins, more)
            for item in page.get("Contents", []):
                # Whole seconds, as a HEAD gives them: some servers list fractions.
                modified = math.floor(item["LastModified"].timestamp())
                if not item["Key"].endswith("/"):
                    yield ObjectStat(item["Key"][start:], item["Size"], modified)
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    async def _page(self, begins: str, more: Mapping[str, str]) -> Any:
        return await self.fs._call_s3("list_objects_v2", Bucket=self.bucket, Prefix=begins, **more)
