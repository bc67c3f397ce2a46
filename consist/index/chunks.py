"""The chunk table of a store: which pack has a chunk, as far as this machine knows. Only hints, but checked ones.

An entry that does not match its check counts as none: a manifest made from a wrong place could not be read.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from consist.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from consist.index.bound import Bound
    from consist.index.view import View

    Entry = tuple[bytes, int, int, int, int, int]

_BATCH = 2000
"""Entries written in one transaction: a full pack has about 200."""


class Chunks:
    """Keeps, by chunk digest: pack, size of the pack, encoding, offset, stored and raw length.

    Parameters
    ----------
    bound : Bound
        The store's tables.
    """

    __slots__ = ("_bound",)

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def find_many(self, digests: Sequence[bytes]) -> list[Entry | None]:
        """Return what is known of each chunk, in their order, from one snapshot."""
        if not digests:
            return []
        return self._bound.read(lambda view: [_entry(view, digest) for digest in digests])

    def add(self, entries: Iterable[tuple[bytes, Entry]]) -> None:
        """Remember where chunks lie, over what was known of them."""
        coming = iter(entries)
        while batch := [*islice(coming, _BATCH)]:
            self._bound.write(lambda view, batch=batch: _put(view, batch))  # type: ignore[misc]  # bound now


def _entry(view: View, digest: bytes) -> Entry | None:
    try:
        found = view.get_sealed("chunks", digest)
    except DamagedError:
        return None
    return None if found is None else tuple(found)


def _put(view: View, entries: Sequence[tuple[bytes, Entry]]) -> None:
    for digest, entry in entries:
        view.put_sealed("chunks", digest, list(entry))
