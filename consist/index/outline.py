"""All runs, the newest first, as outlines: what is summed up of them.

What an outline leaves out is not looked at: identity, config, inputs. A record that is damaged, or whole but not what a
writer makes, is passed over, as `Index.runs` does.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.errors import DamagedError, FormatError
from consist.hashing.codec import unpack
from consist.hashing.digest import SIZE
from consist.hashing.frame import Kind, decode_frame
from consist.index.records import COMPLETED, RUN, TREE
from consist.index.schema import BY_SIGNATURE, RUN_ID_SIZE, SUFFIX_SIZE, name, suffix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.index.bound import Bound
    from consist.index.records import RunRecord
    from consist.index.view import View

_FIRST_PAGE = 16
_PAGE = 1024
_PAGE_BYTES = 8 << 20
ID, SIGNATURE, STEP, STATUS, STARTED, ENDED, PARTS, OUTPUTS, KIND = 1, 2, 3, 4, 5, 6, 7, 12, 22
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
    kind : str
        As of the record.
    signature : bytes or None
        As of the record.
    parts : dict
        As of the record, the digests as bytes.
    """

    id: str
    step: str
    status: str
    started: int
    ended: int
    outputs: tuple[OutputOutline, ...]
    framed: int
    kind: str
    signature: bytes | None
    parts: dict[str, bytes]


def outlines(bound: Bound, step: str | None) -> Iterator[Outline]:
    """Yield the outlines of all runs, or of those of a step, the newest first."""
    for end, data in entries(bound, step):
        found = outline_of(data)
        if found is not None and suffix(found.started, found.id) == end:
            yield found


def outline_of(data: bytes) -> Outline | None:
    """Read an outline from the framed bytes of a record; None if they are damaged or not what a writer makes."""
    try:
        fields = unpack(decode_frame(data, Kind.RECORD, None).payload)
        outputs = tuple(_output(each) for each in fields[OUTPUTS])
        run_id, step, status, started, ended = (fields[place] for place in (ID, STEP, STATUS, STARTED, ENDED))
        kind = fields[KIND] if len(fields) > KIND else RUN  # the first version has no kinds
    except (DamagedError, FormatError, TypeError, ValueError, LookupError, AttributeError):
        return None
    is_sound = type(run_id) is type(step) is type(status) is type(kind) is str and type(started) is type(ended) is int
    if not is_sound:
        return None
    return Outline(run_id, step, status, started, ended, outputs, len(data), kind, fields[SIGNATURE], fields[PARTS])


def is_uncached(run: Outline | RunRecord) -> bool:
    """Tell whether a function completed a run, and yet no call finds it; what `put` keeps has no parts."""
    return run.status == COMPLETED and run.kind == RUN and run.signature is None and bool(run.parts)


def _output(fields: list[Any]) -> OutputOutline:
    """Return an output's outline, if its fields are of their types: a record that is whole may be by anybody."""
    key, raw, size, kind, inline, media = fields
    if not (type(key) is type(kind) is str and type(raw) is bytes and len(raw) == SIZE and type(size) is int):
        raise TypeError("not an output")
    if size < 0:
        raise ValueError("a size below nothing")
    return OutputOutline(key, raw, size, _content_size(size, kind, media), kind, inline is not None)


def _content_size(size: int, kind: str, media: dict[str, object]) -> int:
    total = media.get("total") if kind == TREE else None
    return total if type(total) is int and total >= 0 else size


def entries(bound: Bound, step: str | None) -> Iterator[tuple[bytes, bytes]]:
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

    What `lookup.framed` does, without its checks of what was typed.
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
