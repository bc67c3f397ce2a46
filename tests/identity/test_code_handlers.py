"""Values of the standard library and of packages that hold more than their type says, or than they say themselves."""

import array
import datetime as dt
import io
import struct
import types
import typing
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


class Stream(io.BytesIO):
    def getvalue(self):
        return b""

    def tell(self):
        return 0


class Text(io.StringIO):
    def getvalue(self):
        return ""


class Numbers(array.array):
    typecode = "i"

    def tobytes(self):
        return b""


def _read(made):
    made.read(1)
    return made


@pytest.mark.parametrize(
    "makers",
    [
        [lambda: Stream(b"ab"), lambda: Stream(b"ac"), lambda: _read(Stream(b"ab")), lambda: io.BytesIO(b"ab")],
        [lambda: Text("ab"), lambda: Text("ac"), lambda: io.StringIO("ab")],
        [lambda: Numbers("i", [1]), lambda: Numbers("i", [2]), lambda: Numbers("f", [1]), lambda: Numbers("l", [1])],
    ],
    ids=["bytes", "text", "array"],
)
def test_a_subclass_is_not_believed_what_it_says_it_holds(makers):
    assert [_identity(make()) for make in makers] == [_identity(make()) for make in makers]
    assert len({_identity(make()) for make in makers}) == len(makers)


def test_a_new_type_counts_by_name_and_supertype():
    """As in a script and imported: the module is no part of it."""
    made = [typing.NewType("Id", int), typing.NewType("Id", str), typing.NewType("Key", int)]
    assert len({_identity(one) for one in made}) == len(made)
    before = _identity(made[0])
    made[0].__module__ = "__main__"
    assert _identity(made[0]) == before
