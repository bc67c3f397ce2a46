"""`LatencyBackend`: a place that is near, made as slow as one far away; for benchmarks of what requests cost.

Only waiting is added: nothing is limited, lost or reordered. Requests of several threads wait side by side, as they
do over a network.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from consist.blobs.backend import Versioned
from consist.testing.passing import Call, PassingBackend

if TYPE_CHECKING:
    from collections.abc import Callable

    from consist.blobs.backend import Backend

T = TypeVar("T")

PARALLEL = 16
"""Requests of a batch that are under way at once."""

_AT_HOME = frozenset({"upload", "upload.write", "sweep"})
"""What asks nothing of a place far away: content is gathered here until its key is known."""


class LatencyBackend(PassingBackend):
    """Hands everything on, and takes longer over it. Objects have no local paths, as far away.

    Parameters
    ----------
    backend : Backend
        Does the work.
    seconds : float
        Added to every request; to a batch for every `PARALLEL` of them.
    per_byte : float
        Seconds added for every byte of content, sent or received.
    sleep : callable
        Waits so many seconds.

    Examples
    --------
    >>> from consist.blobs.opening import open_backend
    >>> slept = []
    >>> backend = LatencyBackend(open_backend("memory://far"), 0.02, 0.001, sleep=slept.append)
    >>> backend.put("blobs/ab/cd", b"content")
    >>> backend.stat_many(["blobs/ab/cd"] * 17)[0].size
    7
    >>> [round(seconds, 3) for seconds in slept]
    [0.027, 0.04]
    """

    def __init__(
        self,
        backend: Backend,
        seconds: float,
        per_byte: float = 0.0,
        *,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        super().__init__(backend)
        self._seconds = seconds
        self._per_byte = per_byte
        self._sleep = sleep

    def around(self, call: Call, do: Callable[[], T]) -> T:
        """Do it, then wait: as long if it raises."""
        received = 0
        try:
            result = do()
            received = _size(result)
        finally:
            if call.operation not in _AT_HOME:
                rounds = -(-len(call.keys) // PARALLEL)
                self._sleep(rounds * self._seconds + (call.sent + received) * self._per_byte)
        return result


def _size(result: object) -> int:
    """Count the bytes of content in what an operation returned."""
    if isinstance(result, bytes | memoryview):
        return len(result)
    if isinstance(result, Versioned):
        return len(result.data)
    return sum(len(item) for item in result if isinstance(item, bytes | memoryview)) if isinstance(result, list) else 0
