"""What two drivers do alike that are asked request by request: s3fs for S3 and gcsfs for GCS.

A condition is a parameter of a request: that the key be free, or hold a version. What a request looks like is the
driver's; when which one is sent, and what its refusal means, is here.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, ClassVar

from consist.blobs.remote.errors import answer_of
from consist.blobs.remote.plain import Plain
from consist.errors import BlobNotFoundError, ChangedError, StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from consist.blobs.backend import Versioned

_PAST_THE_END = 416


class Conditional(Plain):
    """A driver whose requests take conditions.

    Attributes
    ----------
    if_free : mapping of str to str
        The condition that a key be free.
    if_version : str
        The parameter of the condition that a key hold a version.
    """

    exclusive_create = True
    compare_and_swap = True
    probed = True
    if_free: ClassVar[Mapping[str, str]]
    if_version: ClassVar[str]

    def put(self, key: str, data: bytes) -> None:
        """Publish an object whole, in one request."""
        self.change("put", key, self.run, self._put, key, data)

    def put_many(self, items: Sequence[tuple[str, bytes]]) -> None:
        """Publish many objects in parallel."""

        async def put(item: tuple[str, bytes]) -> None:
            await self.answer("put", item[0], self._put(*item))

        self.change_many("put_many", put, items)

    def create(self, key: str, data: bytes) -> None:
        """Publish if the key is free."""
        self.change("create", key, self.run, self._put, key, data, self.if_free)

    def replace(self, key: str, data: bytes, version: str) -> None:
        """Publish if the key holds a version."""
        try:
            self.change("replace", key, self.run, self._put, key, data, {self.if_version: version})
        except BlobNotFoundError as error:
            raise ChangedError(f"{key} in {self.url} is gone") from error

    def delete(self, key: str) -> None:
        """Remove an object, if it is there."""
        with contextlib.suppress(BlobNotFoundError):
            self.change("delete", key, self.run, self._delete, key)

    def delete_version(self, key: str, version: str) -> None:
        """Remove an object if the key holds a version."""
        try:
            self.change("delete", key, self.run, self._delete, key, {self.if_version: version})
        except BlobNotFoundError as error:
            raise ChangedError(f"{key} in {self.url} is gone") from error

    def get(self, key: str) -> bytes:
        """Return an object whole."""
        return self.get_versioned(key).data

    async def _get_range(self, wanted: tuple[str, int, int]) -> bytes:
        key, start, length = wanted
        if not length:
            await self.answer("get", key, self._head(key))
            return b""
        try:
            found = await self.answer("get", key, self._get(key, {"Range": f"bytes={start}-{start + length - 1}"}))
        except StorageError as error:
            if answer_of(error).status == _PAST_THE_END:
                return b""
            raise
        return bytes(found.data)

    # Requests, which the driver makes -------------------------------------------------------------------------------

    async def _put(self, key: str, data: bytes, condition: Mapping[str, str] | None = None) -> None:
        raise NotImplementedError

    async def _delete(self, key: str, condition: Mapping[str, str] | None = None) -> None:
        raise NotImplementedError

    async def _get(self, key: str, headers: Mapping[str, str] | None = None) -> Versioned:
        raise NotImplementedError

    async def _head(self, key: str) -> Any:
        raise NotImplementedError
