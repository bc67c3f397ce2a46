"""`Counting`: a backend that counts what is asked of it, for tests of how many requests a thing takes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from consist.blobs.wrappers.base import Wrapper

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType
    from typing import Self, TypeVar

    from consist.blobs.backend import Backend, ObjectStat, Range, Upload, Versioned

    B = TypeVar("B", bytes, bytes | memoryview)


class Counting(Wrapper):
    """A backend that counts. A batch counts as its items, since each is a request.

    Attributes
    ----------
    calls : Counter of str
        How often each method was called.
    written, read : int
        Bytes of content.

    Examples
    --------
    >>> from consist.blobs.opening import open_backend
    >>> backend = Counting(open_backend("memory://docs-counting"))
    >>> backend.put("blobs/ab/cd", b"four")
    >>> backend.stat("blobs/ab/cd").size
    4
    >>> dict(backend.calls), backend.written, backend.read
    ({'put': 1, 'stat': 1}, 4, 0)
    """

    def __init__(self, inner: Backend) -> None:
        super().__init__(inner)
        self.calls: Counter[str] = Counter()
        self.written = 0
        self.read = 0

    def put(self, key: str, data: bytes) -> None:
        """Count and pass on."""
        self._wrote("put", data)
        self.inner.put(key, data)

    def put_many(self, items: Sequence[tuple[str, bytes]]) -> None:
        """Count each and pass on."""
        for _, data in items:
            self._wrote("put", data)
        self.inner.put_many(items)

    def upload(self) -> Upload:
        """Count what is published through it."""
        return _CountedUpload(self, self.inner.upload())

    def create(self, key: str, data: bytes) -> None:
        """Count and pass on."""
        self._wrote("create", data)
        self.inner.create(key, data)

    def replace(self, key: str, data: bytes, *, if_match: str) -> None:
        """Count and pass on."""
        self._wrote("replace", data)
        self.inner.replace(key, data, if_match=if_match)

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Count and pass on."""
        self.calls["delete"] += 1
        self.inner.delete(key, if_match=if_match)

    def get(self, key: str) -> bytes:
        """Count and pass on."""
        return self._got("get", self.inner.get(key))

    def get_versioned(self, key: str) -> Versioned:
        """Count and pass on."""
        found = self.inner.get_versioned(key)
        self._got("get", found.data)
        return found

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Count and pass on."""
        return self._got("get_range", self.inner.get_range(key, start, length))

    def get_ranges(self, ranges: Sequence[Range]) -> Sequence[bytes | memoryview]:
        """Count each and pass on."""
        return [self._got("get_range", data) for data in self.inner.get_ranges(ranges)]

    def stat(self, key: str) -> ObjectStat | None:
        """Count and pass on."""
        self.calls["stat"] += 1
        return self.inner.stat(key)

    def stat_many(self, keys: Sequence[str]) -> Sequence[ObjectStat | None]:
        """Count each and pass on."""
        self.calls["stat"] += len(keys)
        return self.inner.stat_many(keys)

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        """Count and pass on; a long listing is several requests, and counts as one."""
        self.calls["list"] += 1
        return self.inner.list(prefix)

    def _wrote(self, method: str, data: bytes) -> None:
        self.calls[method] += 1
        self.written += len(data)

    def _got(self, method: str, data: B) -> B:
        self.calls[method] += 1
        self.read += len(data)
        return data


class _CountedUpload:
    """An upload that counts when it is published."""

    def __init__(self, counts: Counting, inner: Upload) -> None:
        self._counts = counts
        self._inner = inner
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._size += len(data)
        self._inner.write(data)

    def publish(self, key: str) -> None:
        self._counts.calls["upload"] += 1
        self._counts.written += self._size
        self._inner.publish(key)

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inner.__exit__(kind, error, trace)
