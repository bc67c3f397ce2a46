"""The canonical encoding of the standard library's plain values: dates and times, decimals, fractions, UUIDs.

Only the exact types: a subclass (``pandas.Timestamp`` is one of `datetime`) is somebody else's.
"""

from __future__ import annotations

import datetime as dt
import decimal
import fractions
import uuid
import zoneinfo
from typing import TYPE_CHECKING, Any

from consist.hashing.canonical import Encoder, described, digits

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[[Encoder, Any], bytes]


def handler_for(cls: type) -> Handler | None:
    """Return what encodes values of one of these types, or None if the type is none of them."""
    return _HANDLERS.get(cls)


def _moment(encoder: Encoder, value: dt.datetime | dt.time) -> bytes:
    return described(value, f"{value.isoformat()} fold={value.fold}") + encoder.encode(value.tzinfo)


def _zone(encoder: Encoder, value: zoneinfo.ZoneInfo) -> bytes:
    if not value.key:  # made from a file: nothing names its rules
        return encoder.unknown(value)
    return described(value, value.key)


def _timedelta(value: dt.timedelta) -> str:
    return f"{value.days}d{value.seconds}s{value.microseconds}us"


def _timezone(value: dt.timezone) -> str:
    return f"{_timedelta(value.utcoffset(None))} {value!s}"  # the free text last, so that it cannot mislead


def _fraction(value: fractions.Fraction) -> str:
    whole = value.denominator == 1
    return digits(value.numerator) if whole else f"{digits(value.numerator)}/{digits(value.denominator)}"


_TEXTS: dict[type, Callable[[Any], str]] = {
    dt.date: dt.date.isoformat,
    dt.timedelta: _timedelta,
    dt.timezone: _timezone,
    decimal.Decimal: str,
    fractions.Fraction: _fraction,
    uuid.UUID: str,
}


def _by_text(describe: Callable[[Any], str]) -> Handler:
    return lambda _, value: described(value, describe(value))


_HANDLERS: dict[type, Handler] = {
    dt.datetime: _moment,
    dt.time: _moment,
    zoneinfo.ZoneInfo: _zone,
    **{cls: _by_text(describe) for cls, describe in _TEXTS.items()},
}
