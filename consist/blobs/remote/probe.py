"""What a place can do, found out by doing it: an object of our own is created, swapped, deleted under conditions.

Servers that speak S3 differ in this, and some take the header and ignore it, so that documentation is no help. What
was found is remembered: for the process, or as long as the caller's `Memory` lasts. An object that a killed probe
leaves is hidden from listings, and goes with the next sweep.
"""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Protocol

from consist.blobs import layout
from consist.errors import (
    AlreadyExistsError,
    ChangedError,
    RefusedError,
    StorageError,
    StoragePermissionError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from consist.blobs.remote.strategy import Strategy


class Memory(Protocol):
    """What keeps the findings about each store: a dict does, or a table on disk."""

    def get(self, key: str, /) -> str | None:
        """Return what was kept."""

    def __setitem__(self, key: str, value: str, /) -> None:
        """Keep it."""


process_memory: dict[str, str] = {}
"""The findings of this process, where the caller keeps none."""


def can(strategy: Strategy, name: str, memory: Memory) -> bool | None:
    """Tell whether a place can do something, trying it if it is not remembered.

    Parameters
    ----------
    strategy : Strategy
        The place.
    name : {"create", "replace"}
        What: each is tried by itself, since most who write never replace.
    memory : Memory
        Where the findings are kept.

    Returns
    -------
    bool or None
        None if these credentials may not try it.

    Raises
    ------
    StorageError
        If the place does not answer, or cannot be used at all.
    """
    if not strategy.probed:
        return {"create": strategy.exclusive_create, "replace": strategy.compare_and_swap}[name]
    entry = f"{strategy.url} at {strategy.server or 'its usual server'}: {name}"
    kept = memory.get(entry)
    if kept is None:
        try:
            kept = "yes" if _tried(strategy, {"create": _creates, "replace": _swaps}[name]) else "no"
        except StoragePermissionError:
            return None
        memory[entry] = kept
    return kept == "yes"


def _tried(strategy: Strategy, test: Callable[[Strategy, str], bool]) -> bool:
    """Try something with an object of its own, and clear it away."""
    key = f"{layout.TEMP}-probe-{secrets.token_hex(16)}"
    try:
        return test(strategy, key)
    except UnreachableError:
        raise
    except RefusedError:  # 405 or 501: the server says itself that it does not
        return False
    finally:
        with contextlib.suppress(StorageError, RefusedError):
            strategy.delete(key)


def _creates(strategy: Strategy, key: str) -> bool:
    """Tell whether of two writers the second is refused, and has changed nothing."""
    first, second = secrets.token_bytes(16), secrets.token_bytes(16)
    strategy.create(key, first)
    return _refused(strategy.create, key, second) and strategy.get(key) == first


def _swaps(strategy: Strategy, key: str) -> bool:
    """Tell whether a replace and a delete act on the version that they name and on no other."""
    strategy.put(key, secrets.token_bytes(16))
    first = strategy.get_versioned(key)
    if not _refused(strategy.replace, key, b"wrong", strategy.no_version) or strategy.get(key) != first.data:
        return False
    data = secrets.token_bytes(16)
    strategy.replace(key, data, first.version)
    second = strategy.get_versioned(key)
    if second.data != data or not _refused(strategy.delete_version, key, first.version):
        return False
    if strategy.stat(key) is None:
        return False
    strategy.delete_version(key, second.version)
    return strategy.stat(key) is None


def _refused(call: Callable[..., None], *args: object) -> bool:
    try:
        call(*args)
    except (AlreadyExistsError, ChangedError):
        return True
    return False
