"""Content that is not what it was, or that cannot be read."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from consist.blobs import posix
from consist.fileops import storage_error

if TYPE_CHECKING:
    import pytest


def harmed(data: bytes) -> bytes:
    """Return content with a bit of its last byte turned: another byte for all, where a fixed one may be the same."""
    return data[:-1] + bytes([data[-1] ^ 1])


def refuse_to_read(monkeypatch: pytest.MonkeyPatch, *paths: Path, number: int = errno.EIO) -> None:
    """Let files not be read any more, as a disk with bad sectors does; what is written in their place is read."""
    refused = {str(path): path.stat() for path in paths}
    opened = posix.open_for_reading

    def open_for_reading(path: str) -> posix.OpenFile | None:
        if path in refused and Path(path).exists() and Path(path).stat() == refused[path]:
            error = OSError(number, os.strerror(number))
            raise storage_error("read", path, error) from error
        return opened(path)

    monkeypatch.setattr(posix, "open_for_reading", open_for_reading)
