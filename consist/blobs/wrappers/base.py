"""`Wrapper`: a backend that passes every call on. It changes nothing; what derives from it says what it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from consist.blobs.backend import Backend, Capabilities, ObjectStat, Range, Upload, Versioned


class Wrapper:
    """A backend round another.

    Parameters
    ----------
    inner : Backend
        What is wrapped.
    """

    def __init__(self, inner: Backend) -> None:
        self.inner = inner

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.inner!r})"

    @property
    def url(self) -> str:
        """As the port has it."""
        return self.inner.url

    @property
    def capabilities(self) -> Capabilities:
        """As the port has it."""
        return self.inner.capabilities

    def put(self, key: str, data: bytes) -> None:
        """As the port has it."""
        self.inner.put(key, data)

    def put_many(self, items: Sequence[tuple[str, bytes]]) -> None:
        """As the port has it."""
        self.inner.put_many(items)

    def upload(self) -> Upload:
        """As the port has it."""
        return self.inner.upload()

    def create(self, key: str, data: bytes) -> None:
        """As the port has it."""
        self.inner.create(key, data)

    def replace(self, key: str, data: bytes, *, if_match: str) -> None:
        """As the port has it."""
        self.inner.replace(key, data, if_match=if_match)

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """As the port has it."""
        self.inner.delete(key, if_match=if_match)

    def sweep(self, older_than: float) -> int:
        """As the port has it."""
        return self.inner.sweep(older_than)

    def get(self, key: str) -> bytes:
        """As the port has it."""
        return self.inner.get(key)

    def get_versioned(self, key: str) -> Versioned:
        """As the port has it."""
        return self.inner.get_versioned(key)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """As the port has it."""
        return self.inner.get_range(key, start, length)

    def get_ranges(self, ranges: Sequence[Range]) -> Sequence[bytes | memoryview]:
        """As the port has it."""
        return self.inner.get_ranges(ranges)

    def stat(self, key: str) -> ObjectStat | None:
        """As the port has it."""
        return self.inner.stat(key)

    def stat_many(self, keys: Sequence[str]) -> Sequence[ObjectStat | None]:
        """As the port has it."""
        return self.inner.stat_many(keys)

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        """As the port has it."""
        return self.inner.list(prefix)

    def path_of(self, key: str) -> str | None:
        """As the port has it."""
        return self.inner.path_of(key)
