"""Values of the standard library and of packages that hold more than their type says, or than they say themselves."""

import datetime as dt
import io
import struct
import types
import zoneinfo

import pytest
from dateutil import tz

from consist.identity.code import fresh_code_identity


def _reader():
    return V  # noqa: F821 - a global that is given below


def _identity(value):
    found = fresh_code_identity(types.FunctionType(_reader.__code__, {"V": value, "__name__": "job"}))
    assert not found.uncacheable
    return found.digest


class Named(zoneinfo.ZoneInfo):
    pass


class Fixed(dt.tzinfo):
    def __init__(self, hours):
        self.hours = hours

    def utcoffset(self, _moment):
        return dt.timedelta(hours=self.hours)


@pytest.mark.parametrize(
    "zones",
    [
        [lambda: tz.gettz("Europe/Paris"), lambda: tz.gettz("America/New_York"), lambda: tz.gettz("UTC")],
        [lambda: tz.tzoffset("a", 3600), lambda: tz.tzoffset("a", 7200), lambda: tz.tzoffset("b", 7200)],
        [lambda: tz.tzstr("EST5EDT"), lambda: tz.tzstr("CET-1CEST"), tz.tzutc],
        [lambda: Named("Europe/Paris"), lambda: Named("Europe/Rome"), lambda: zoneinfo.ZoneInfo("Europe/Rome")],
        [lambda: Fixed(1), lambda: Fixed(2), lambda: dt.timezone(dt.timedelta(hours=2))],
    ],
    ids=["file", "offset", "text", "subclass of ZoneInfo", "own class"],
)
def test_zones_are_told_apart(zones):
    moments = [lambda make=make: dt.datetime(2026, 1, 1, tzinfo=make()) for make in zones]
    for makers in (zones, moments):
        assert [_identity(make()) for make in makers] == [_identity(make()) for make in makers]
        assert len({_identity(make()) for make in makers}) == len(makers)


def test_a_zone_without_a_name_has_no_identity():
    smallest = b"TZif" + bytes(16) + struct.pack(">6l", 0, 0, 0, 0, 1, 4) + bytes(6) + b"UTC\0"
    zone = Named.from_file(io.BytesIO(smallest))
    assert fresh_code_identity(types.FunctionType(_reader.__code__, {"V": zone})).uncacheable
