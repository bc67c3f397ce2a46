"""`PassingBackend`: a backend that hands every operation to another one, and says of each what it is about to do.

The base of the wrappers of this package. It changes nothing by itself, so it passes `BackendSuite` wherever the inner
backend does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from consist.blobs.backend import Capabilities
from consist.blobs.wrappers.base import Wrapper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from consist.blobs.backend import Backend, ObjectStat, Range, Upload, Versioned

T = TypeVar("T")

READS = ("get", "get_versioned", "get_range", "get_ranges")
WRITES = ("put", "put_many", "upload.publish", "create", "replace")
OPERATIONS = (*READS, *WRITES, "delete", "stat", "stat_many", "list", "upload", "upload.write", "sweep")
"""What operations are called: the methods of `Backend`, and of `Upload` with a dot."""


class Call(NamedTuple):
    """One operation."""

    operation: str
    """One of `OPERATIONS`."""
    keys: tuple[str, ...]
    """The objects it is about; the prefix of a listing; nothing before an upload has its key."""
    sent: int = 0
    """Bytes of content that it takes there; of an upload, with its last step."""


class PassingBackend(Wrapper):
    """Hands everything on; `around` is where a subclass steps in.

    Parameters
    ----------
    backend : Backend
        Does the work.
    paths : bool
        Whether objects have local paths where the inner backend's have. A reader that is given a path reads by itself
        and never comes by here, so without it they are hidden, and the place looks like a remote one.
    """

    def __init__(self, backend: Backend, *, paths: bool = False) -> None:
        super().__init__(backend)
        self._paths = paths

    def around(self, call: Call, do: Callable[[], T]) -> T:  # noqa: ARG002 - for subclasses
        """Do an operation. Called from any thread, at the same time."""
        return do()

    @property
    def capabilities(self) -> Capabilities:
        """The inner backend's, but for `files` where paths are hidden."""
        able = self.inner.capabilities
        if self._paths or not able.files:
            return able  # as it is: a place far away may find out what it can do when it is asked
        return Capabilities(create=able.create, replace=able.replace, files=False)

    # Writing -------------------------------------------------------------------------------------------------------

    def put(self, key: str, data: bytes) -> None:
        """Hand it on."""
        self.around(Call("put", (key,), len(data)), lambda: self.inner.put(key, data))

    def put_many(self, items: Sequence[tuple[str, bytes]]) -> None:
        """Hand it on."""
        call = Call("put_many", tuple(key for key, _ in items), sum(len(data) for _, data in items))
        self.around(call, lambda: self.inner.put_many(items))

    def upload(self) -> PassingUpload:
        """Hand it on."""
        return PassingUpload(self, self.around(Call("upload", ()), self.inner.upload))

    def publish(self, upload: Upload, key: str, size: int) -> None:
        """Hand on the last step of an upload of so many bytes."""
        self.around(Call("upload.publish", (key,), size), lambda: upload.publish(key))

    def create(self, key: str, data: bytes) -> None:
        """Hand it on."""
        self.around(Call("create", (key,), len(data)), lambda: self.inner.create(key, data))

    def replace(self, key: str, data: bytes, *, if_match: str) -> None:
        """Hand it on."""
        call = Call("replace", (key,), len(data))
        self.around(call, lambda: self.inner.replace(key, data, if_match=if_match))

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Hand it on."""
        self.around(Call("delete", (key,)), lambda: self.inner.delete(key, if_match=if_match))

    def sweep(self, older_than: float) -> int:
        """Hand it on."""
        return self.around(Call("sweep", ()), lambda: self.inner.sweep(older_than))

    # Reading -------------------------------------------------------------------------------------------------------

    def get(self, key: str) -> bytes:
        """Hand it on."""
        return self.around(Call("get", (key,)), lambda: self.inner.get(key))

    def get_versioned(self, key: str) -> Versioned:
        """Hand it on."""
        return self.around(Call("get_versioned", (key,)), lambda: self.inner.get_versioned(key))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Hand it on."""
        return self.around(Call("get_range", (key,)), lambda: self.inner.get_range(key, start, length))

    def get_ranges(self, ranges: Sequence[Range]) -> Sequence[bytes | memoryview]:
        """Hand it on."""
        call = Call("get_ranges", tuple(wanted.key for wanted in ranges))
        return self.around(call, lambda: self.inner.get_ranges(ranges))

    def stat(self, key: str) -> ObjectStat | None:
        """Hand it on."""
        return self.around(Call("stat", (key,)), lambda: self.inner.stat(key))

    def stat_many(self, keys: Sequence[str]) -> Sequence[ObjectStat | None]:
        """Hand it on."""
        return self.around(Call("stat_many", tuple(keys)), lambda: self.inner.stat_many(keys))

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        """Hand it on when the first item is asked for; the listing is whole before that is given."""
        yield from self.around(Call("list", (prefix,)), lambda: [*self.inner.list(prefix)])

    def path_of(self, key: str) -> str | None:
        """Return the inner backend's path, unless paths are hidden."""
        return self.inner.path_of(key) if self._paths else None


class PassingUpload:
    """An object on its way through a `PassingBackend`."""

    def __init__(self, owner: PassingBackend, inner: Upload) -> None:
        self._owner = owner
        self._inner = inner
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Hand it on."""
        self._owner.around(Call("upload.write", ()), lambda: self._inner.write(data))
        self._size += len(data)

    def publish(self, key: str) -> None:
        """Hand it on."""
        self._owner.publish(self._inner, key, self._size)

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inner.__exit__(kind, error, trace)
