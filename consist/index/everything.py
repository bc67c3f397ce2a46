"""All that an index has of a store's records and log: what is kept aside while the index is made anew."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from consist.errors import DamagedError
from consist.index.events import HIT
from consist.index.logobject import Event
from consist.index.marks import Change
from consist.index.outline import entries
from consist.index.schema import APPLIED, PENDING, RUN_ID_SIZE, name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.index.bound import Bound
    from consist.index.view import View

_PAGE = 4096


class Everything:
    """Reads the whole tables of a store, a page a transaction.

    Parameters
    ----------
    bound : Bound
        The store's tables.
    """

    __slots__ = ("_bound",)

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def records(self) -> Iterator[bytes]:
        """Yield the framed bytes of all runs, unchecked."""
        return (data for _, data in entries(self._bound, None))

    def events(self) -> Iterator[Event]:
        """Yield what the log has come to: a run's hits as one event, and of each mark the last change.

        What is damaged is passed over.
        """
        for key, found in _values(self._bound, "hits"):
            count, last = found
            yield Event(HIT, _run_id(key), last, count)
        for key, found in _values(self._bound, "marks"):
            change = Change(*found)
            yield Event(change.kind if change.given else f"un{change.kind}", _run_id(key), change.at, text=change.text)

    def batches(self) -> set[str]:
        """Return the keys of the log objects that were applied and that the store has had, in one transaction."""
        return self._bound.read(_delivered)


def _run_id(key: bytes) -> str:
    return key[:RUN_ID_SIZE].decode("ascii", "replace")


def _delivered(view: View) -> set[str]:
    end = name("")
    pending = {key[len(PENDING) :] for key, _ in view.scan("events", PENDING)}
    applied = (key[len(APPLIED) :] for key, _ in view.scan("events", APPLIED))
    # A name that was too long for a key is cut there; no writer makes such a one.
    return {key[: -len(end)].decode() for key in applied if key.endswith(end) and key not in pending}


def _values(bound: Bound, table: str) -> Iterator[tuple[bytes, Any]]:
    begin: bytes | None = None
    while True:
        page = bound.read(partial(_page, table=table, begin=begin))
        yield from ((key, value) for key, value in page if value is not None)
        if len(page) < _PAGE:
            return
        begin = page[-1][0]


def _page(view: View, table: str, begin: bytes | None) -> list[tuple[bytes, Any]]:
    return [(key, _whole(view, table, key, data)) for key, data in islice(view.scan(table, begin=begin), _PAGE)]


def _whole(view: View, table: str, key: bytes, data: bytes) -> Any:
    try:
        return view.unseal(table, key, data)
    except DamagedError:
        return None
