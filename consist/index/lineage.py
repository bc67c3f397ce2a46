"""Which run made a content, which read it or asked for its run; what is known of a blob; the digests found damaged."""

from __future__ import annotations

import time
from collections.abc import MutableSet
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from consist.errors import DamagedError
from consist.hashing.digest import Digest, parse_prefix
from consist.index import lookup
from consist.index.schema import is_run_id, run_key, suffix_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.index.bound import Bound
    from consist.index.view import View

_PAGE = 1024


class Edge(NamedTuple):
    """A run, and the name under which it made or read a content."""

    run_id: str
    key: str


class BlobEntry(NamedTuple):
    """What is known of a blob.

    Attributes
    ----------
    digest : Digest
        Of its content.
    size : int
        Bytes of content.
    inline : bool
        Whether it lies in records only, and is no object of its own.
    confirmed : int
        When it was last known to be there: microseconds since 1970.
    """

    digest: Digest
    size: int
    inline: bool
    confirmed: int


def edges(view: View, table: str, digest: Digest) -> list[Edge]:
    """Return the edges of a content, those of the newest run first, within a run in its order."""
    found: list[Edge] = []
    for key, data in view.scan_back(table, digest.raw):
        found.extend(Edge(suffix_run(key), name) for name in view.unseal(table, key, data))
    return found


def askers(view: View, run_id: str) -> list[str]:
    """Return the ids of the runs whose function asked for a run, the newest first."""
    return [suffix_run(key) for key, _ in view.scan_back("by_asked", run_key(run_id))] if is_run_id(run_id) else []


def blob(view: View, digest: Digest) -> BlobEntry | None:
    """Return what is known of a blob, or None."""
    found = view.get_sealed("blobs", digest.raw)
    return None if found is None else BlobEntry(digest, *found)


def blobs(bound: Bound, prefix: str) -> Iterator[BlobEntry]:
    """Yield the blobs whose digest begins with these hexadecimal digits, in order, a page a transaction."""
    wanted = parse_prefix(prefix) if prefix else ""
    begin: bytes | None = None
    while True:
        page = bound.read(partial(_blob_page, wanted=wanted, begin=begin))
        yield from page
        if len(page) < _PAGE:
            return
        begin = page[-1].digest.raw


def inline_blob(view: View, digest: Digest) -> bytes | None:
    """Return content that is inline in the record of a run which made it, or None; damaged records are passed over."""
    for key, _ in view.scan_back("producers", digest.raw):
        try:
            record = lookup.get_run(view, suffix_run(key))
        except DamagedError:
            continue
        for output in record.outputs if record is not None else ():
            if output.digest == digest and output.inline is not None:
                return output.inline
    return None


class Suspects(MutableSet[Digest]):
    """The digests of blobs that a reader found damaged or missing, until they are put again.

    A set that is kept in the index: each change is a transaction. It outlives a rebuild.
    """

    __slots__ = ("_bound",)

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def __contains__(self, digest: object) -> bool:
        return isinstance(digest, Digest) and self._bound.has_hint("suspects", digest.raw)

    def __iter__(self) -> Iterator[Digest]:
        return iter(self._bound.read(lambda view: [Digest(key) for key, _ in view.scan("suspects")]))

    def __len__(self) -> int:
        return self._bound.read(lambda view: sum(1 for _ in view.scan("suspects")))

    def add(self, value: Digest) -> None:
        """Suspect a blob."""
        now = time.time_ns() // 1000
        self._bound.write(lambda view: view.put_sealed("suspects", value.raw, [now]))

    def discard(self, value: Digest) -> None:
        """Suspect a blob no more."""
        if value in self:
            self._bound.write(lambda view: view.delete("suspects", value.raw))


def _blob_page(view: View, wanted: str, begin: bytes | None) -> list[BlobEntry]:
    whole = bytes.fromhex(wanted[: len(wanted) // 2 * 2])
    if begin is None and len(wanted) % 2:
        begin = bytes.fromhex(wanted + "0")  # shorter than any digest, so none is left out
    page = []
    for key, data in islice(view.scan("blobs", whole, begin=begin), _PAGE):
        digest = Digest(key)
        if not digest.startswith(wanted):
            break
        page.append(BlobEntry(digest, *view.unseal("blobs", key, data)))
    return page
