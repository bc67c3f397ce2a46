"""What the runs of each step come to, kept beside their number, so that a summary reads no record.

The sums are changed where the number is, by what the record of the run says. An index that an older consist filled has
the number alone, and keeps it so until it is rebuilt; then, and where sums are damaged or beyond 64 bits, the records
are asked instead.
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.errors import ConsistError, DamagedError
from consist.hashing.codec import unpack
from consist.hashing.frame import Kind, decode_frame
from consist.index import lookup
from consist.index.memo import Memo
from consist.index.outline import ENDED, STARTED, STEP
from consist.index.schema import name, start_of, suffix_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.index.bound import Bound
    from consist.index.records import RunRecord
    from consist.index.view import View

_PAGE = 1024
_MOST = 1 << 63

_counted: Memo[list[Any]] = Memo(max_entries=1000)
"""What is kept of a step, by its key with the store's number: a run mostly finds what the last one left."""


class StepSums(NamedTuple):
    """What the runs of a step come to.

    Attributes
    ----------
    step : str
        Its name.
    runs : int
        How many there are.
    ended : dict of str to int
        How many by status.
    outputs, bytes : int
        How many outputs they have, and what those are as plain files.
    spent : int
        Microseconds that executing took.
    newest : int
        When the newest began: microseconds since 1970.
    """

    step: str
    runs: int
    ended: dict[str, int]
    outputs: int
    bytes: int
    spent: int
    newest: int


def count(view: View, record: RunRecord, change: int) -> None:
    """Count a run in (1) whose entries were put, or out (-1) whose entries were deleted."""
    key = name(record.step)
    try:
        step, runs, *sums = _known(view, key) or [record.step, 0, {}, 0, 0, 0]
        runs += change
    except DamagedError:
        step, runs, sums = record.step, sum(1 for _ in view.scan("by_step", key)), []
    if runs <= 0:
        view.delete("steps", key)
        return
    value = [step, runs, *_changed(sums, record, change)]
    _counted.put(view.prefix + key, view.put_sealed("steps", key, value), value)


def _known(view: View, key: bytes) -> list[Any] | None:
    """Return the value of a step, not to be changed."""
    data = view.get("steps", key)
    if data is None:
        return None
    known = _counted.get(view.prefix + key, data)
    return known if known is not None else view.unseal("steps", key, data)


def _changed(sums: list[Any], record: RunRecord, change: int) -> list[Any]:
    """Return the sums of a step with a run more or less; none, if they are not known or too large."""
    if not sums:
        return []
    ended, outputs, size, spent = sums
    ended = {**ended, record.status: ended.get(record.status, 0) + change}
    if not ended[record.status]:
        del ended[record.status]
    for output in record.outputs:
        outputs += change
        size += change * output.content_size
    spent += change * (record.ended - record.started)
    fits = -_MOST < outputs < _MOST and -_MOST < size < _MOST and -_MOST < spent < _MOST
    return [ended, outputs, size, spent] if fits else []


def steps(view: View) -> list[tuple[str, StepSums | None]]:
    """Return the names of all steps, with what is kept of each; None where that is no more than the number."""
    return [_kept(view, key, view.unseal("steps", key, data)) for key, data in view.scan("steps")]


def _kept(view: View, key: bytes, value: list[Any]) -> tuple[str, StepSums | None]:
    step, runs, *sums = value
    if not sums:
        return step, None
    ended, outputs, size, spent = sums
    newest = next((start_of(entry) for entry, _ in view.scan_back("by_step", key)), 0)
    return step, StepSums(step, runs, ended, outputs, size, spent, newest)


def found_again(bound: Bound) -> Iterator[tuple[str, int, int]]:
    """Yield (step, how often it was found again, microseconds that it had taken) of the runs that were."""
    begin: bytes | None = None
    while True:
        page, begin = bound.read(partial(_hits, begin=begin))
        yield from page
        if begin is None:
            return


def _hits(view: View, begin: bytes | None) -> tuple[list[tuple[str, int, int]], bytes | None]:
    page: list[tuple[str, int, int]] = []
    last: bytes | None = None
    looked_at = 0
    for last, data in islice(view.scan("hits", begin=begin), _PAGE):
        looked_at += 1
        try:
            framed = lookup.framed(view, suffix_run(last)) or b""
            fields = unpack(decode_frame(framed, Kind.RECORD, None).payload)
            page.append((fields[STEP], int(view.unseal("hits", last, data)[0]), fields[ENDED] - fields[STARTED]))
        except (ConsistError, TypeError, LookupError):
            continue  # of a run that is not known here, or damaged: `rebuild` and `verify` say so
    return page, last if looked_at == _PAGE else None
