"""`FaultyBackend`: a backend on which things go wrong as planned, at exactly the operation that a test wants.

``faults`` fails the file operations beneath a `LocalBackend`; this fails the operations of any backend, in the ways in
which disks, networks and buckets do.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar, cast

from consist.blobs.backend import Versioned
from consist.testing.faultplan import CUT, DELAY, FLIPPED, LOST, STALE, TORN
from consist.testing.passing import Call, PassingBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consist.blobs.backend import Backend, Upload
    from consist.errors import ConsistError
    from consist.testing.faultplan import Fault

T = TypeVar("T")


class FaultyBackend(PassingBackend):
    """Hands everything on, but for what the plan says.

    Parameters
    ----------
    backend : Backend
        Does the work.
    plan : sequence of Fault
        What goes wrong. A fault counts operations from when it was made: give each backend its own.
    paths : bool
        As for `PassingBackend`.
    sleep : callable
        Waits so many seconds, for a delay.

    Attributes
    ----------
    calls : list of Call
        Every operation so far, in the order in which they were begun.
    struck : list of Call
        Those that a fault befell: empty if nobody came so far.

    Examples
    --------
    >>> from consist.blobs.opening import open_backend
    >>> from consist.testing.faultplan import LOST, Fault
    >>> backend = FaultyBackend(open_backend("memory://faulty"), [Fault(LOST, at=1)])
    >>> backend.put("blobs/ab/cd", b"one")
    >>> backend.put("blobs/ab/ef", b"two")
    Traceback (most recent call last):
    consist.errors.UnreachableError: put of blobs/ab/ef failed on purpose
    >>> backend.get("blobs/ab/ef")
    b'two'
    >>> [call.operation for call in backend.calls], [call.keys for call in backend.struck]
    (['put', 'put', 'get'], [('blobs/ab/ef',)])
    """

    def __init__(
        self,
        backend: Backend,
        plan: Sequence[Fault],
        *,
        paths: bool = False,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        super().__init__(backend, paths=paths)
        self._plan = plan
        self._sleep = sleep
        self._before = [*backend.list("")] if any(fault.effect == STALE for fault in plan) else []
        self.calls: list[Call] = []
        self.struck: list[Call] = []

    def around(self, call: Call, do: Callable[[], T], torn: Callable[[float], object] | None = None) -> T:
        """Do an operation, or what the plan says instead; `torn` does so much of it."""
        self.calls.append(call)
        for fault in [fault for fault in self._plan if fault.strikes(call.operation)]:
            self.struck.append(call)
            if fault.effect == DELAY:
                self._sleep(fault.seconds)
                continue
            if fault.effect == STALE:
                return cast(
                    "T", [found for found in self._before if found.key.startswith(f"{call.keys[0]}/".lstrip("/"))]
                )
            if fault.effect in {FLIPPED, CUT}:
                return _spoilt(fault, do())
            if fault.effect == TORN and torn is not None:
                torn(fault.where)
            elif fault.effect == LOST:
                do()
            raise _failure(fault, call)
        return do()

    # What can be torn ----------------------------------------------------------------------------------------------

    def put(self, key: str, data: bytes) -> None:
        """Put an object, or a part of it."""
        call = Call("put", (key,), len(data))
        self.around(call, lambda: self.inner.put(key, data), lambda where: self.inner.put(key, _part(data, where)))

    def put_many(self, items: Sequence[tuple[str, bytes]]) -> None:
        """Put objects; those before the torn one are whole, those after it are not there."""

        def torn(where: float) -> None:
            whole = int(where * len(items))
            self.inner.put_many(items[:whole])
            for key, data in items[whole : whole + 1]:
                self.inner.put(key, _part(data, where))

        call = Call("put_many", tuple(key for key, _ in items), sum(len(data) for _, data in items))
        self.around(call, lambda: self.inner.put_many(items), torn)

    def publish(self, upload: Upload, key: str, size: int) -> None:
        """Publish an upload, or a part of it."""

        def torn(where: float) -> None:
            upload.publish(key)  # what was written is known to the inner backend alone
            self.inner.put(key, _part(self.inner.get(key), where))

        self.around(Call("upload.publish", (key,), size), lambda: upload.publish(key), torn)

    def create(self, key: str, data: bytes) -> None:
        """Create an object, or a part of it."""
        self.around(
            Call("create", (key,), len(data)),
            lambda: self.inner.create(key, data),
            lambda where: self.inner.create(key, _part(data, where)),
        )

    def replace(self, key: str, data: bytes, *, if_match: str) -> None:
        """Replace an object, by a part of the other one if it is torn."""
        self.around(
            Call("replace", (key,), len(data)),
            lambda: self.inner.replace(key, data, if_match=if_match),
            lambda where: self.inner.replace(key, _part(data, where), if_match=if_match),
        )


def _failure(fault: Fault, call: Call) -> ConsistError:
    return fault.error(f"{call.operation} of {call.keys[0] if call.keys else 'a new object'} failed on purpose")


def _part(data: bytes, where: float) -> bytes:
    return data[: int(where * len(data))]


def _spoilt(fault: Fault, result: T) -> T:
    """Spoil what was read: bytes, or bytes with their version, or one of a list of bytes."""
    if isinstance(result, bytes | memoryview):
        data = bytes(result)
        return cast("T", _flipped(data, fault.where) if fault.effect == FLIPPED else _part(data, fault.where))
    if isinstance(result, Versioned):
        return cast("T", Versioned(_spoilt(fault, result.data), result.version))
    assert isinstance(result, list)
    number = _place(len(result), fault.where)
    return cast("T", [_spoilt(fault, data) if at == number else data for at, data in enumerate(result)])


def _flipped(data: bytes, where: float) -> bytes:
    at = _place(len(data), where)
    return data[:at] + bytes(byte ^ 1 << at % 8 for byte in data[at : at + 1]) + data[at + 1 :]


def _place(count: int, where: float) -> int:
    return min(int(where * count), count - 1)
