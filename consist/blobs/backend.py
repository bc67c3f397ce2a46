"""The `Backend` port: what consist asks of a place that keeps objects. Nothing else touches one.

An adapter implements `Backend` for one kind of place (``local.py``, ``remote/``); a wrapper implements it on top of
another backend. ``consist.testing.BackendSuite`` is the port's contract as a test.

What holds for every method
---------------------------
- A *key* is relative to the store's root, uses ``/``, and comes from ``layout.py``; keys are trusted. No part of one
  begins with a dot, and none begins with ``layout.TEMP`` or is ``layout.LOCK``: those names are the backend's
  (`layout.is_own`).
- *Atomic*: an object appears under its key whole or not at all, for every other process; a call that raises has left
  either the old state or the whole new one, and no reader ever sees anything between.
- *Read your writes*: once a call returned, every process sees its effect, in `get`, `stat` and `list`.
- *Durable*: once a call returned, its effect survives a crash of the machine, unless the backend was opened with
  ``durable=False``.
- Methods are safe to call from threads, and from a process forked after the backend was made.
- Errors are our own. `BlobNotFoundError`, `AlreadyExistsError`, `ChangedError`, `UnsupportedError` and
  `StoragePermissionError` are answers: calling again changes nothing. `UnreachableError` may be retried.
  `StorageFullError` and other `StorageError` want somebody to act first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from consist.errors import BlobNotFoundError, ChangedError, UnreachableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType
    from typing import Self


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a place can do beyond storing; a feature that needs what is missing is off, never faked.

    Attributes
    ----------
    create : bool
        Put-if-absent is exclusive: of many writers exactly one wins.
    replace : bool
        Compare-and-swap and conditional delete work.
    files : bool
        Objects are local files: `Backend.path_of` gives their paths.
    """

    create: bool
    replace: bool
    files: bool


class LazyCapabilities(Capabilities):
    """What a place can do, found out by trying when `create` or `replace` is first looked at.

    Trying writes, so whoever only reads must not cause it: `files` is known, and nothing else is looked at for reading.

    Parameters
    ----------
    find_out : callable
        Tries, or remembers, the one of the two that it is given the name of; called at every look.

    Examples
    --------
    >>> able = LazyCapabilities(lambda name: name == "create")
    >>> able.files, able.create, able.replace
    (False, True, False)
    """

    __slots__ = ("_find_out",)
    _find_out: Callable[[str], bool]

    def __init__(self, find_out: Callable[[str], bool]) -> None:
        object.__setattr__(self, "files", False)
        object.__setattr__(self, "_find_out", find_out)

    @property
    def create(self) -> bool:
        """As `Capabilities.create`; may ask the place."""
        return self._find_out("create")

    @property
    def replace(self) -> bool:
        """As `Capabilities.replace`; may ask the place."""
        return self._find_out("replace")

    def __repr__(self) -> str:
        return "LazyCapabilities(files=False)"


class ObjectStat(NamedTuple):
    """What is known of an object without reading it."""

    key: str
    size: int
    """Bytes."""
    modified: float
    """Seconds since 1970 by the *store's* clock, the only one that ages are reckoned by.

    Infinite where the place does not tell: such an object is never old.
    """


class Versioned(NamedTuple):
    """An object's bytes, and the version to hand to `Backend.replace` or `Backend.delete`."""

    data: bytes
    version: str


class Range(NamedTuple):
    """A part of an object: `length` bytes from `start`."""

    key: str
    start: int
    length: int


class Upload(Protocol):
    """An object on its way, whose key may not be known before its last byte.

    A context manager: leaving it without `publish` discards what was written.
    """

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add the next piece."""

    def publish(self, key: str) -> None:
        """Make it visible under `key`, whole, replacing what may be there.

        For content-named objects only: whoever writes the key writes the same bytes.
        """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Backend(Protocol):
    """A place that keeps objects under keys."""

    @property
    def url(self) -> str:
        """Where it is, for people and messages; never with a secret in it."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""

    def put(self, key: str, data: bytes) -> None:
        """Publish a small content-named object, replacing what may be there (same bytes, or damaged ones)."""

    def put_many(self, items: Sequence[tuple[str, bytes]]) -> None:
        """Publish many small content-named objects, as `put` does each: in parallel where requests take long.

        If it raises, some of them may be there, each of those whole. Where only the answers to some are lost it may
        raise `BatchError`, as may `get_ranges` and `stat_many`.
        """

    def upload(self) -> Upload:
        """Begin a content-named object of any size."""

    def create(self, key: str, data: bytes) -> None:
        """Publish a control object if the key is free.

        Where `capabilities.create` is false two writers can both succeed; the caller has been told.

        Raises
        ------
        AlreadyExistsError
            If the key is taken, also by ourselves: callers that must know compare nonces.
        """

    def replace(self, key: str, data: bytes, *, if_match: str) -> None:
        """Publish a control object if the key still holds the version `if_match`.

        Raises
        ------
        ChangedError
            If it holds another version, or nothing.
        UnsupportedError
            If `capabilities.replace` is false.
        """

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Remove an object; a key that is free already is no error without `if_match`.

        Raises
        ------
        ChangedError
            If `if_match` is given and the key holds another version, or nothing.
        UnsupportedError
            If `if_match` is given and `capabilities.replace` is false.
        """

    def get(self, key: str) -> bytes:
        """Return an object whole.

        Raises
        ------
        BlobNotFoundError
            If the key is free.
        """

    def get_versioned(self, key: str) -> Versioned:
        """Return an object whole, with its version; for control objects.

        Raises
        ------
        BlobNotFoundError
            If the key is free.
        """

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return `length` bytes from `start`; fewer, or none, where the object ends before.

        Raises
        ------
        BlobNotFoundError
            If the key is free.
        UsageError
            If one of them is negative.
        """

    def get_ranges(self, ranges: Sequence[Range]) -> Sequence[bytes | memoryview]:
        """Return what `get_range` does of each, in their order: in parallel where requests take long.

        A driver's own memory may be handed out, so what comes need not be `bytes`.

        Raises
        ------
        BlobNotFoundError
            If one of the keys is free.
        UsageError
            If a start or a length is negative.
        """

    def stat(self, key: str) -> ObjectStat | None:
        """Return what is known of an object, or None if the key is free."""

    def stat_many(self, keys: Sequence[str]) -> Sequence[ObjectStat | None]:
        """Return what `stat` does of each, in their order: in parallel where requests take long."""

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        """Yield the objects whose keys begin with the folder `prefix` (``blobs``, ``blobs/ab``), in any order.

        The prefix ``""`` is the whole place. Objects that come or go meanwhile may or may not be yielded; temporary
        and hidden files never are.
        """

    def path_of(self, key: str) -> str | None:
        """Return the local path of a key, or None where `capabilities.files` is false."""

    def sweep(self, older_than: float) -> int:
        """Remove what killed writers left behind, if it is older than so many seconds by the store's clock.

        Returns
        -------
        int
            How many left-overs went.
        """


class BatchError(UnreachableError):
    """Some requests of a batch had no answer, and the others are done.

    Attributes
    ----------
    answers : list
        What each request gave, in order; None where there was no answer.
    undone : list of int
        The positions of those that had none.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        answers: Sequence[object] = (),
        undone: Sequence[int] = (),
    ) -> None:
        super().__init__(message, hint=hint)
        self.answers = list(answers)
        self.undone = list(undone)


def require_range(start: int, length: int) -> None:
    """Make sure that a range can be one.

    Raises
    ------
    UsageError
        If its start or its length is negative.
    """
    if start < 0 or length < 0:
        raise UsageError(f"a range begins and ends at or after 0, not {start}+{length}")


class _HasVersions(Protocol):
    @property
    def url(self) -> str: ...

    def get_versioned(self, key: str) -> Versioned: ...


def require_version(place: _HasVersions, key: str, version: str) -> None:
    """Make sure that a key holds a version, for an adapter that compares under a lock of its own.

    Raises
    ------
    ChangedError
        If it holds another one, or nothing.
    """
    try:
        found = place.get_versioned(key).version
    except BlobNotFoundError:
        raise ChangedError(f"{key} in {place.url} is gone") from None
    if found != version:
        raise ChangedError(f"{key} in {place.url} was changed meanwhile", hint="read it again")
