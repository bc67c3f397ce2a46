"""S3 by obstore: the fast driver, in native code. It is not ``obstore.fsspec``, which ignores exclusive creation.

Two things it lacks: a conditional delete, for which s3fs is asked, and working in a forked child, where it hangs
(``choose.py`` then takes s3fs).
"""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from consist.blobs import layout
from consist.blobs.backend import ObjectStat, Versioned
from consist.blobs.remote import bounds
from consist.blobs.remote.batches import AT_ONCE, settle, spread
from consist.blobs.remote.drivers import installed
from consist.blobs.remote.errors import answer_of
from consist.blobs.remote.parts import PART
from consist.blobs.remote.s3 import PARTS_AT_ONCE, S3Strategy, obstore_config
from consist.errors import (
    BlobNotFoundError,
    ChangedError,
    ConsistError,
    StorageError,
    UnreachableError,
    UnsupportedError,
)
from consist.fileops import perform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import ParamSpec, TypeVar

    from consist.blobs.backend import Range
    from consist.blobs.remote.s3_by_s3fs import S3ByS3fs
    from consist.blobs.remote.strategy import Place

    P = ParamSpec("P")
    T = TypeVar("T")

REQUEST = timedelta(hours=1)
PAGE = 1000


class S3ByObstore(S3Strategy):
    """One bucket, by obstore."""

    lists_in_order = True

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        import obstore

        config = obstore_config(place)
        if config is None:
            raise UnsupportedError(
                f"obstore cannot do what these storage_options for {place.url} ask",
                hint="leave consist_driver out, and s3fs does",
            )
        self._obstore = obstore
        self._store = self.ask("open", "the store", self._open, dict(config), bounds.SILENT_SECONDS)
        self._slow = self.ask("open", "the store", self._open, dict(config), bounds.SENDING_SECONDS)
        """The same for what is large: how long an answer is waited for counts while the request is sent, too."""
        self._heard = -math.inf  # opening asks nobody
        self._second: S3ByS3fs | None = None
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="consist-obstore")

    def _open(self, config: dict[str, Any], silent: float) -> Any:
        from obstore.store import S3Store

        client: Any = {"connect_timeout": timedelta(seconds=bounds.CONNECT_SECONDS), "timeout": REQUEST}
        client |= {"read_timeout": timedelta(seconds=silent), "allow_http": True}
        # No retries of its own: they would multiply, and hide lost answers from the wrapper that retries.
        retries: Any = {"max_retries": 0, "retry_timeout": timedelta(seconds=1)}
        return S3Store(self.bucket, config=config, client_options=client, retry_config=retries)  # type: ignore[arg-type]

    # Writing -------------------------------------------------------------------------------------------------------

    def put(self, key: str, data: bytes) -> None:
        """Publish an object whole, in one request."""
        store = self._sender(key, len(data))
        self.change("put", key, self._obstore.put, store, self.name(key), data, use_multipart=False)

    def put_many(self, items: Sequence[tuple[str, bytes]]) -> None:
        """Publish many objects in parallel."""
        store = self._sender(items[0][0], sum(len(data) for _, data in items)) if items else self._store

        def put(item: tuple[str, bytes]) -> None:
            key, data = item
            self.ask("put", key, self._obstore.put, store, self.name(key), data, use_multipart=False)

        settle(perform("put_many", f"{len(items)} objects", spread, self._pool, put, items))

    def put_parts(self, key: str, parts: Iterator[bytes | bytearray]) -> None:
        """Publish in parts, of which obstore makes no copy. What it is given as one object it copies twice."""
        put, name, store = self._obstore.put, self.name(key), self._sender(key, PART)
        self.change("put", key, put, store, name, parts, chunk_size=PART, max_concurrency=PARTS_AT_ONCE)

    def create(self, key: str, data: bytes) -> None:
        """Publish if the key is free."""
        self.change("create", key, self._obstore.put, self._store, self.name(key), data, mode="create")

    def replace(self, key: str, data: bytes, version: str) -> None:
        """Publish if the key holds a version."""
        try:
            mode: Any = {"e_tag": version}
            self.change("replace", key, self._obstore.put, self._store, self.name(key), data, mode=mode)
        except BlobNotFoundError as error:
            raise ChangedError(f"{key} in {self.url} is gone") from error

    def delete(self, key: str) -> None:
        """Remove an object, if it is there."""
        try:
            self.change("delete", key, self._obstore.delete, self._store, self.name(key))
        except BlobNotFoundError:
            return

    def delete_version(self, key: str, version: str) -> None:
        """Remove an object if the key holds a version: by s3fs, since obstore has no such request."""
        if self._second is None:
            if not installed("s3fs"):
                raise UnsupportedError("a conditional delete needs the package s3fs", hint="pip install s3fs")
            from consist.blobs.remote.s3_by_s3fs import S3ByS3fs

            self._second = S3ByS3fs(self.place)
        self._second.delete_version(key, version)

    # Reading -------------------------------------------------------------------------------------------------------

    def get(self, key: str) -> bytes:
        """Return an object whole."""
        return self.get_versioned(key).data

    def get_versioned(self, key: str) -> Versioned:
        """Return an object whole, with its ETag."""
        return self.read("get", key, lambda: self.ask("get", key, self._get, key))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return a range, in one request."""
        return bytes(self.read("get", key, lambda: self._get_range((key, start, length))))

    def get_ranges(self, ranges: Sequence[Range]) -> Sequence[bytes | memoryview]:
        """Return many ranges in parallel."""
        return self.ranges_of(ranges, spread(self._pool, self._get_range, ranges))

    def stat(self, key: str) -> ObjectStat | None:
        """Return what is known of an object, or None."""
        try:
            return self.read("stat", key, lambda: self._head(key))
        except BlobNotFoundError:
            return None

    def stat_many(self, keys: Sequence[str]) -> Sequence[ObjectStat | None]:
        """Return what is known of many objects."""
        return self.stats_of(keys, spread(self._pool, self._head, keys))

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        """Yield the objects in a folder and below, page by page."""
        folder = self.name(prefix).rstrip("/") or None
        start = len(self.name(""))
        pages = iter(self.ask("list", prefix, self._obstore.list, self._store, folder, chunk_size=PAGE))
        while True:
            page = self.ask("list", prefix, next, pages, None)
            if page is None:
                return
            for meta in page:
                yield self._stat(meta["path"][start:], meta)

    def left_over(self) -> Iterator[ObjectStat]:
        """Yield the probes of killed processes."""
        start = len(self.name(""))
        top = self.ask("list", "", self._obstore.list_with_delimiter, self._store, self.folder or None)
        for meta in top["objects"]:
            if meta["path"][start:].startswith(f"{layout.TEMP}-"):
                yield self._stat(meta["path"][start:], meta)

    # Requests ------------------------------------------------------------------------------------------------------

    def ask(self, operation: str, key: str, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do as the base does, and note when somebody answered last, be it by a refusal."""
        try:
            found = super().ask(operation, key, call, *args, **kwargs)
        except UnreachableError:
            raise
        except ConsistError:
            self._heard = time.monotonic()
            raise
        self._heard = time.monotonic()
        return found

    def _sender(self, key: str, size: int) -> Any:
        """Return the client that sends so many bytes.

        Before many of them, look quickly whether somebody answers, unless somebody did just now: a request more for
        each pack would be a round trip more.
        """
        if size <= bounds.QUICK:
            return self._store
        if time.monotonic() - self._heard > bounds.SILENT_SECONDS:
            try:
                self._head(key)
            except UnreachableError:
                raise
            except ConsistError:  # an answer, too
                pass
        return self._slow

    def _get(self, key: str) -> Versioned:
        found = self._obstore.get(self._store, self.name(key))
        return Versioned(found.bytes().to_bytes(), found.meta["e_tag"] or "")

    def _get_range(self, wanted: tuple[str, int, int]) -> bytes | memoryview:
        key, start, length = wanted
        if not length:
            self._head(key)
            return b""
        try:
            found = self.ask(
                "get", key, self._obstore.get_range, self._store, self.name(key), start=start, length=length
            )
        except StorageError as error:
            if answer_of(error).status == 416:  # noqa: PLR2004 - it begins past the end
                return b""
            raise
        return memoryview(found)  # not copied: a large blob is read an eighth faster

    def _head(self, key: str) -> ObjectStat:
        return self._stat(key, self.ask("stat", key, self._obstore.head, self._store, self.name(key)))

    def _look(self, key: str) -> None:
        self.ask("get", key, self._get, key)

    def _stat(self, key: str, meta: Any) -> ObjectStat:
        # Whole seconds, as a HEAD gives them: some servers list fractions.
        return ObjectStat(key, meta["size"], math.floor(meta["last_modified"].timestamp()))
