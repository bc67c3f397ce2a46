"""Looking runs up: by id, by prefix, and newest first by what they are. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from consist.errors import DamagedError
from consist.index.filekind import REBUILD_HINT
from consist.index.outline import outline_of
from consist.index.records import COMPLETED, RUN, decode_record
from consist.index.schema import (
    BY_RECORD,
    BY_SIGNATURE,
    SUFFIX_SIZE,
    is_run_id,
    name,
    run_key,
    stamp,
    start_of,
    suffix,
    suffix_run,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

    from consist.index.bound import Bound
    from consist.index.outline import Outline
    from consist.index.records import RunRecord
    from consist.index.view import View

R = TypeVar("R", "RunRecord", "Outline")

_FIRST_PAGE = 16
_PAGE = 256
_SCAN = 4096
"""Entries looked at in one transaction, so that a rare tag in a large index keeps no snapshot for long."""


@dataclass(frozen=True, slots=True)
class Query:
    """What runs must be: each of `places` is a table and the part of its key before start and run id.

    The first place is walked, the others are asked whether they have the same run. Of each of `holding` one must be
    among the bytes of a record: that is looked at before the record is checked and decoded, which takes six times as
    long.
    """

    places: tuple[tuple[str, bytes], ...]
    since: bytes
    step: str | None
    status: str | None
    kind: str | None
    holding: tuple[Sequence[bytes], ...] = ()

    @classmethod
    def of(  # noqa: PLR0913 - as `Index.runs`
        cls,
        *,
        step: str | None,
        status: str | None,
        tag: str | Sequence[str] | None = None,
        parent: str | None = None,
        kind: str | None = None,
        since: int | None = None,
        holding: Sequence[Sequence[bytes]] = (),
    ) -> Self:
        """Make a query; what is likely to fit fewer runs is walked before what fits more."""
        tags = (tag,) if isinstance(tag, str) else tag or ()
        parts = (
            ("by_parent", parent),
            *(("by_tag", each) for each in tags),
            ("by_kind", None if kind == RUN else kind),
            ("by_step", step),
            ("by_status", status),
        )
        places = tuple((table, name(text)) for table, text in parts if text is not None)
        begin = stamp(since) if since is not None else b""
        return cls(places or (("by_time", b""),), begin, step, status, kind, tuple(holding))

    def may_fit(self, data: bytes) -> bool:
        """Tell whether the bytes of a record can be those of one that fits."""
        return all(any(part in data for part in parts) for parts in self.holding)

    def fits(self, record: RunRecord | Outline) -> bool:
        """Tell whether a record is what the entry that led to it says; its tags and parents may have come later."""
        return (
            (self.step is None or record.step == self.step)
            and (self.status is None or record.status == self.status)
            and (self.kind is None or record.kind == self.kind)
        )


def end_of(place: RunRecord | int) -> bytes:
    """Return the end of the keys of a run; of a time, what sorts before the ends of all runs that started then."""
    return stamp(place) if isinstance(place, int) else suffix(place.started, place.id)


def framed(view: View, run_id: str) -> bytes | None:
    """Return the bytes of a run's record, unchecked, or None."""
    found = view.get("runs", run_key(run_id)) if is_run_id(run_id) else None
    if found is None:
        return None
    if found[:1] == BY_SIGNATURE:
        return view.get("results", found[1:])
    if found[:1] == BY_RECORD:
        return found[1:]
    raise DamagedError(f"the index's entry of run {run_id} is damaged", hint=REBUILD_HINT)


def get_run(view: View, run_id: str) -> RunRecord | None:
    """Return a run by its id, or None.

    Raises
    ------
    DamagedError
        If its record is damaged, or another run's.
    """
    data = framed(view, run_id)
    if data is None:
        return None
    try:
        record = decode_record(data)
    except DamagedError as error:
        raise DamagedError(
            f"the index's record of run {run_id} is damaged: {error.message}", hint=REBUILD_HINT
        ) from error
    if record.id != run_id:
        raise DamagedError(f"the index's entry of run {run_id} leads to run {record.id}", hint=REBUILD_HINT)
    return record


def match_runs(view: View, prefix: str, limit: int) -> list[str]:
    """Return the run ids that begin with a prefix, sorted."""
    if not prefix.isascii():
        return []
    return [key.decode("ascii", "replace") for key, _ in islice(view.scan("runs", prefix.encode()), limit)]


def steps(view: View) -> list[tuple[str, int]]:
    """Return the names of all steps, with the number of their runs."""
    return [tuple(view.unseal("steps", key, data)[:2]) for key, data in view.scan("steps")]


def tag_names(view: View) -> list[str]:
    """Return the tags that runs have now, in order: one seek a tag, whatever many runs have it.

    One that is too long for a key stands there cut, and is left out.
    """
    found: list[str] = []
    before: bytes | None = None
    while entry := next(view.scan("by_tag", begin=before), None):
        start = entry[0][:-SUFFIX_SIZE]
        text, _, rest = start.partition(b"\x00")
        if rest == b"\x00":
            found.append(text.decode("utf-8", "surrogatepass"))
        before = start + b"\xff" * SUFFIX_SIZE
    return found


def starts(bound: Bound) -> Iterator[tuple[str, int, str]]:
    """Yield id, start and step of every run, the newest first, some keys a transaction; no record is read.

    The tables' keys say all of it: those of each step are in order, and are merged.
    """
    ways = (_ends(bound, step, page, count) for step, page, count in bound.read(_first_ends))
    for end, step in merge(*ways, reverse=True):
        yield suffix_run(end), start_of(end), step


def _first_ends(view: View) -> list[tuple[str, list[bytes], int]]:
    """Return of each step the keys of some of its newest runs, and how many were asked for: a few if there are many."""
    known = steps(view)
    count = max(1, min(_FIRST_PAGE, _SCAN // max(1, len(known))))
    return [(step, _end_page(view, name(step), None, count), count) for step, _ in known]


def _ends(bound: Bound, step: str, page: list[bytes], count: int) -> Iterator[tuple[bytes, str]]:
    """Yield the ends of the keys of a step's runs, the newest first, after the page that is there."""
    start = name(step)
    while True:
        yield from ((key[-SUFFIX_SIZE:], step) for key in page)
        if len(page) < count:
            return
        count = min(count * 4, _SCAN)
        page = bound.read(partial(_end_page, start=start, before=page[-1], count=count))


def _end_page(view: View, start: bytes, before: bytes | None, count: int) -> list[bytes]:
    return [key for key, _ in islice(view.scan_back("by_step", start, before=before), count)]


def newest(bound: Bound, step: str, key: str | None) -> RunRecord | None:
    """Return the newest completed run of a step, with an output `key` if one is named."""
    if key is None:
        return next(runs(bound, Query.of(step=step, status=COMPLETED), 1, first_page=1), None)
    before: bytes | None = None
    while True:
        found, before = bound.read(partial(_newest_with, step=step, key=key, before=before))
        if found is not None or before is None:
            return found


def _newest_with(view: View, step: str, key: str, before: bytes | None) -> tuple[RunRecord | None, bytes | None]:
    """Return the newest completed run of a step with an output; or else the key to go on from, None at the end."""
    completed = name(COMPLETED)
    for looked_at, (entry, _) in enumerate(view.scan_back("by_step", name(step), before=before)):
        end = entry[-SUFFIX_SIZE:]
        record = _with_output(view, end, key) if view.has("by_status", completed + end) else None
        if record is not None and (record.step, record.status) == (step, COMPLETED):
            return record, None
        if looked_at == _SCAN:
            return None, entry
    return None, None


def _with_output(view: View, end: bytes, key: str) -> RunRecord | None:
    """Return the record that an entry leads to if it is whole and has an output.

    One that does not have the key's letters among its bytes is not checked and decoded, which takes three quarters of
    the time: of an output that no run of a step has, all must be looked at.
    """
    try:
        data = framed(view, suffix_run(end)) or b""
        record = decode_record(data) if key.encode("utf-8", "surrogatepass") in data else None
    except DamagedError:
        return None
    if record is None or suffix(record.started, record.id) != end:
        return None
    return record if any(output.key == key for output in record.outputs) else None


def runs(
    bound: Bound, query: Query, limit: int | None, *, below: bytes | None = None, first_page: int = _FIRST_PAGE
) -> Iterator[RunRecord]:
    """Yield what fits a query, the newest first, a page a transaction; from below an end of keys on, if given."""
    return _walk(bound, query, limit, decode_record, below=below, first_page=first_page)


def rows(bound: Bound, query: Query, limit: int | None) -> Iterator[Outline]:
    """Yield the same as outlines: a third of the time of whole records."""
    return _walk(bound, query, limit, outline_of)


def _walk(  # noqa: PLR0913 - what the two above are made of
    bound: Bound,
    query: Query,
    limit: int | None,
    read: Callable[[bytes], R | None],
    *,
    below: bytes | None = None,
    first_page: int = _FIRST_PAGE,
) -> Iterator[R]:
    """Yield what `read` makes of the bytes of records; of what is not whole it makes None, or raises `DamagedError`."""
    before = query.places[0][1] + below if below is not None else None
    size = first_page
    left = limit
    while left is None or left > 0:
        count = size if left is None else min(size, left)
        page, before = bound.read(partial(_page, query=query, before=before, count=count, read=read))
        yield from page
        if before is None:
            return
        left = None if left is None else left - len(page)
        size = min(size * 4, _PAGE)


def _page(
    view: View, query: Query, before: bytes | None, count: int, read: Callable[[bytes], R | None]
) -> tuple[list[R], bytes | None]:
    """Return at most `count` records, and the key to go on from; None at the end."""
    (table, start), others = query.places[0], query.places[1:]
    page: list[R] = []
    for looked_at, (key, _) in enumerate(view.scan_back(table, start, before=before)):
        end = key[-SUFFIX_SIZE:]
        if end < query.since:
            return page, None
        if all(view.has(other, part + end) for other, part in others):
            record = _record(view, end, query, read)
            if record is not None and query.fits(record):
                page.append(record)
        if len(page) == count or looked_at == _SCAN:
            return page, key
    return page, None


def _record(view: View, end: bytes, query: Query, read: Callable[[bytes], R | None]) -> R | None:
    """Return the record that an entry leads to; None if it cannot fit, is damaged, or the entry is a left-over."""
    try:
        data = framed(view, suffix_run(end))
        record = read(data) if data is not None and query.may_fit(data) else None
    except DamagedError:
        return None
    return record if record is not None and suffix(record.started, record.id) == end else None
