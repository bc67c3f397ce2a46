"""``memory://``: objects of this process alone, for tests and for stores that need not outlive it."""

from __future__ import annotations

import os
import threading

from consist.blobs.backend import require_version
from consist.blobs.remote.plain import Plain


class Memory(Plain):
    """fsspec's memory filesystem under one lock. A forked child has a copy of its own from then on."""

    exclusive_create = True
    compare_and_swap = True

    def put_file(self, key: str, path: str) -> None:
        """Publish in one step: the driver's own `put_file` shows an object that grows."""
        with open(path, "rb") as stream:  # noqa: PTH123 - a plain path
            self.put(key, stream.read())

    def create(self, key: str, data: bytes) -> None:
        """Publish if the key is free."""
        with _lock:
            super().create(key, data)

    def replace(self, key: str, data: bytes, version: str) -> None:
        """Publish if the key holds a version."""
        with _lock:
            require_version(self, key, version)
            self.put(key, data)

    def delete(self, key: str) -> None:
        """Remove an object, if it is there; not between the look and the write of a `replace`."""
        with _lock:
            super().delete(key)

    def delete_version(self, key: str, version: str) -> None:
        """Remove an object if the key holds a version."""
        with _lock:
            require_version(self, key, version)
            super().delete(key)


_lock = threading.Lock()


def _renew_lock() -> None:
    """Give a forked child a lock that no thread of its parent holds."""
    global _lock  # noqa: PLW0603 - one lock for the one memory filesystem of a process
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)
