"""All runs, the newest first: as outlines, for sums, and those whose bytes pass a test, for a search.

An outline costs a third of a whole record, and a test of the bytes a tenth (measured on 100,000 runs). What an outline
leaves out is not looked at: identity, config, inputs. A record that is damaged, or whole but not what a writer makes,
is passed over, as `Index.runs` does.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from consist.errors import DamagedError, FormatError
from consist.hashing.codec import unpack
from consist.hashing.digest import SIZE
from consist.hashing.frame import Kind, decode_frame
from consist.index.records import TREE, decode_record
from consist.index.schema import BY_SIGNATURE, RUN_ID_SIZE, SUFFIX_SIZE, name, suffix, suffix_run

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from consist.index.bound import Bound
    from consist.index.records import RunRecord
    from consist.index.view import View

_FIRST_PAGE = 16
_PAGE = 1024
_PAGE_BYTES = 8 << 20
_ID, _STEP, _STATUS, _STARTED, _ENDED, _OUTPUTS = 1, 3, 4, 5, 6, 12
"""Where the fields stand in a record's array, which ``docs/format.md`` lists; new ones come after all of them."""


class OutputOutline(NamedTuple):
    """What of an output is summed up.

    Attributes
    ----------
    key : str
        Its name within the run.
    digest : bytes
        The 32 bytes of its content's digest.
    size : int
        Bytes of what the digest names.
    content : int
        Bytes of content, as people count them: of a folder, of its files together.
    format : str
        How it is read back.
    inline : bool
        Whether it lies in the record.
    """

    key: str
    digest: bytes
    size: int
    content: int
    format: str
    inline: bool


class Outline(NamedTuple):
    """What of a run is summed up.

    Attributes
    ----------
    id, step, status : str
        As of the record.
    started, ended : int
        Microseconds since 1970.
    outputs : tuple of OutputOutline
        In order.
    framed : int
        Bytes of the record as it is stored.
    """

    id: str
    step: str
    status: str
    started: int
    ended: int
    outputs: tuple[OutputOutline, ...]
    framed: int


def outlines(bound: Bound, step: str | None) -> Iterator[Outline]:
    """Yield the outlines of all runs, or of those of a step, the newest first."""
    for end, data in _entries(bound, step):
        found = outline_of(data)
        if found is not None and suffix(found.started, found.id) == end:
            yield found


def passing(bound: Bound, test: Callable[[bytes], object], also: Collection[str]) -> Iterator[RunRecord]:
    """Yield the runs whose framed bytes pass a test, and those of the ids in `also`, the newest first."""
    for end, data in _entries(bound, None):
        if not test(data) and suffix_run(end) not in also:
            continue
        try:
            record = decode_record(data)
        except (DamagedError, FormatError):
            continue
        if suffix(record.started, record.id) == end:
            yield record


def outline_of(data: bytes) -> Outline | None:
    """Read an outline from the framed bytes of a record; None if they are damaged or not what a writer makes."""
    try:
        fields = unpack(decode_frame(data, Kind.RECORD, None).payload)
        outputs = tuple(
            OutputOutline(key, raw, size, _content_size(size, kind, media), kind, inline is not None)
            for key, raw, size, kind, inline, media in fields[_OUTPUTS]
        )
        found = Outline(
            fields[_ID], fields[_STEP], fields[_STATUS], fields[_STARTED], fields[_ENDED], outputs, len(data)
        )
        return found if _is_sound(found) else None
    except (DamagedError, FormatError, TypeError, ValueError, LookupError, AttributeError):
        return None


def _content_size(size: int, kind: str, media: dict[str, object]) -> int:
    total = media.get("total") if kind == TREE else None
    return total if type(total) is int and total >= 0 else size


def _is_sound(found: Outline) -> bool:
    """Tell whether the fields are of their types: a record that is whole may have been written by anybody."""
    texts, numbers = (found.id, found.step, found.status), (found.started, found.ended)
    return (
        all(type(text) is str for text in texts)
        and all(type(number) is int for number in numbers)
        and all(
            type(output.key) is str
            and type(output.format) is str
            and type(output.digest) is bytes
            and len(output.digest) == SIZE
            and type(output.size) is int
            and output.size >= 0
            for output in found.outputs
        )
    )


def _entries(bound: Bound, step: str | None) -> Iterator[tuple[bytes, bytes]]:
    """Yield start and id of each run, as keys end, and its framed bytes; a page a transaction."""
    place = ("by_time", b"") if step is None else ("by_step", name(step))
    before: bytes | None = None
    size = _FIRST_PAGE
    while True:
        page, before = bound.read(partial(_page, place=place, before=before, count=size))
        yield from page
        if before is None:
            return
        size = min(size * 4, _PAGE)


def _page(
    view: View, place: tuple[str, bytes], before: bytes | None, count: int
) -> tuple[list[tuple[bytes, bytes]], bytes | None]:
    """Return some entries, and the key to go on from; None at the end.

    What `lookup.framed` does, without its checks of what was typed: a third of the time of a search.
    """
    get, prefix, (runs, results) = view.txn.get, view.prefix, (view.tables.runs, view.tables.results)
    page: list[tuple[bytes, bytes]] = []
    read = 0
    for looked_at, (key, _) in enumerate(view.scan_back(*place, before=before), start=1):
        found = get(prefix + key[-RUN_ID_SIZE:], b"", runs)
        data = get(prefix + found[1:], None, results) if found[:1] == BY_SIGNATURE else found[1:]
        if data:
            page.append((key[-SUFFIX_SIZE:], data))
            read += len(data)
        if looked_at == count or read > _PAGE_BYTES:
            return page, key
    return page, None
