"""`Memo`: decoded values kept beside the bytes that they were decoded from; bounded."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")

MAX_ENTRIES = 10_000
MAX_BYTES = 64 << 20
"""Of encoded bytes; the values decoded from them take a few times as much."""


class Memo(Generic[T]):
    """Decoded values by key, valid only for exactly the bytes that they came from.

    So a memo is never wrong, whatever other processes write, and saves the check and the decoding (some 10 µs) of
    what has not changed. The oldest entries go first: on a hot path, moving an entry costs more than decoding it
    once more.

    Examples
    --------
    >>> memo = Memo()
    >>> memo.put(b"key", b"1", 1)
    1
    >>> memo.get(b"key", b"1"), memo.get(b"key", b"2")
    (1, None)
    """

    __slots__ = ("_bytes", "_entries", "_max_bytes", "_max_entries")

    def __init__(self, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self._entries: dict[bytes, tuple[bytes, T]] = {}
        self._bytes = 0
        self._max_entries = max_entries
        self._max_bytes = max_bytes

    def get(self, key: bytes, data: bytes) -> T | None:
        """Return the value of `key`, if it was decoded from these very bytes; else None."""
        entry = self._entries.get(key)
        return entry[1] if entry is not None and entry[0] == data else None

    def put(self, key: bytes, data: bytes, value: T) -> T:
        """Keep a value with the bytes that it was decoded from, and return it."""
        old = self._entries.pop(key, None)
        self._bytes += len(data) - (len(old[0]) if old is not None else 0)
        self._entries[key] = (data, value)
        while self._bytes > self._max_bytes or len(self._entries) > self._max_entries:
            # Two threads may come here at once: each step is atomic, and a count that is off by one entry is harmless.
            try:
                dropped = self._entries.pop(next(iter(self._entries)), None)
            except (StopIteration, RuntimeError):
                break
            self._bytes -= len(dropped[0]) if dropped is not None else 0
        return value

    def __len__(self) -> int:
        return len(self._entries)
