"""Events, and the log objects that they are kept in, as values and as bytes.

A log object is a framed msgpack array: the version of its schema, then the events. Sizes are capped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from consist.errors import DamagedError, FormatError, UsageError
from consist.hashing.codec import pack, unpack
from consist.hashing.frame import Kind, decode_frame, encode_frame

if TYPE_CHECKING:
    from collections.abc import Iterable

EVENTS_VERSION = 0
EVENT_KINDS = frozenset({"hit", "tag", "untag", "pin", "unpin", "member", "forget"})
MAX_EVENTS = 1_000_000
MAX_EVENT_TEXT = 4096
_RUN_ID = re.compile(r"[0-9a-f]{20}\Z")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a run and is no run.

    Attributes
    ----------
    kind : str
        ``hit``, ``tag``, ``untag``, ``pin``, ``unpin``, ``member`` (of a scenario that found it again) or ``forget``
        (it is wrong).
    run_id : str
        The run that it happened to.
    at : int
        When: microseconds since 1970. Of two events that contradict each other the later one holds.
    count : int
        How many of it, for ``hit``.
    text : str
        The tag, the reason of the pin, the id of the scenario's run.
    """

    kind: str
    run_id: str
    at: int
    count: int = 1
    text: str = ""


def encode_events(log_key: str, events: Iterable[Event]) -> bytes:
    """Return the framed bytes of a log object.

    Parameters
    ----------
    log_key : str
        The name that it will have in the store: its frame is about that.
    events : iterable of Event
        What is in it, at most `MAX_EVENTS`.

    Raises
    ------
    UsageError
        If there are too many, or one is malformed.

    Examples
    --------
    >>> event = Event("hit", "0" * 20, 1_700_000_000_000_000, count=3)
    >>> decode_events(encode_events("log/2026-01-01/here-1", [event]), "log/2026-01-01/here-1") == (event,)
    True
    """
    items = tuple(events)
    try:
        _check_events(items)
    except (TypeError, ValueError) as error:
        raise UsageError(f"a log object cannot hold this: {error}") from error
    rows = [[event.kind, event.run_id, event.at, event.count, event.text] for event in items]
    return encode_frame(Kind.LOG, log_key.encode(), pack([EVENTS_VERSION, rows]))


def decode_events(data: bytes, log_key: str | None = None) -> tuple[Event, ...]:
    """Read a log object back.

    Parameters
    ----------
    data : bytes
        The whole object.
    log_key : str, optional
        The name that it was found under.

    Raises
    ------
    FormatError
        If a newer consist wrote it.
    DamagedError
        If it is not what it should be.
    """
    fields = unpack(decode_frame(data, Kind.LOG, log_key.encode() if log_key is not None else None).payload)
    if not isinstance(fields, list) or not fields or type(fields[0]) is not int:
        raise DamagedError("a log object has no version")
    if fields[0] > EVENTS_VERSION:
        raise FormatError(
            f"a log object of version {fields[0]}; this consist reads up to {EVENTS_VERSION}", hint="upgrade consist"
        )
    try:
        _, rows = fields
        events = tuple(Event(*row) for row in rows)
        _check_events(events)
    except (TypeError, ValueError) as error:
        raise DamagedError(f"a log object does not have the fields of version {EVENTS_VERSION}: {error}") from error
    return events


def _check_events(events: tuple[Event, ...]) -> None:
    if len(events) > MAX_EVENTS:
        raise ValueError(f"{len(events):,} events are over the limit of {MAX_EVENTS:,}")
    for event in events:
        if event.kind not in EVENT_KINDS:
            raise ValueError(f"no kind of event: {event.kind!r:.40}")
        if type(event.run_id) is not str or not _RUN_ID.match(event.run_id):
            raise ValueError(f"not a run id: {event.run_id!r:.40}")
        if type(event.at) is not int or type(event.count) is not int or not 1 <= event.count < 1 << 62:
            raise ValueError("time or count of an event is of another type or out of range")
        if type(event.text) is not str or len(event.text) > MAX_EVENT_TEXT:
            raise ValueError(f"the text of an event is no text of at most {MAX_EVENT_TEXT} characters")
