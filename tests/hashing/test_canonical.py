"""The canonical encoding: equal values have one encoding, different values two.

What "different" means is written here a second time, as a plain comparison by type and content (`same`).
"""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import functools
import pathlib
import struct
import threading
import types
import zoneinfo
from typing import Any, NamedTuple

import pydantic
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from consist.errors import UnencodableError, UsageError
from consist.hashing.canonical import Encoder, canonical_digest, encode


def same(one, other):  # noqa: C901, PLR0911 - one case a kind of value
    """Compare two values by type and content, all the way down."""
    if type(one) is not type(other):
        return False
    match one:
        case float():
            return struct.pack("d", one) == struct.pack("d", other) or (one != one and other != other)  # noqa: PLR0124
        case complex():
            return same(one.real, other.real) and same(one.imag, other.imag)
        case list() | tuple():
            return len(one) == len(other) and all(map(same, one, other))
        case dict():
            return matched(list(one.items()), list(other.items()))
        case set() | frozenset():
            return matched(list(one), list(other))
        case types.MappingProxyType():
            return same(dict(one), dict(other))
        case decimal.Decimal():
            return one.as_tuple() == other.as_tuple()
        case range() | slice():
            return all(same(getattr(one, name), getattr(other, name)) for name in ("start", "stop", "step"))
        case dt.datetime() | dt.time():
            return one.replace(tzinfo=None) == other.replace(tzinfo=None) and same(one.tzinfo, other.tzinfo)
    return one == other


def matched(ones, others):
    """Tell whether each of `ones` has a partner of its own among `others`."""
    if len(ones) != len(others):
        return False
    for one in ones:
        partner = next((position for position, other in enumerate(others) if same(one, other)), None)
        if partner is None:
            return False
        others = others[:partner] + others[partner + 1 :]
    return True


def rebuilt(value):
    """Build an equal value anew, its dicts and sets in the opposite order."""
    match value:
        case list() | tuple():
            return type(value)(map(rebuilt, value))
        case dict():
            return {rebuilt(key): rebuilt(item) for key, item in reversed(value.items())}
        case set() | frozenset():
            return type(value)(rebuilt(item) for item in reversed(list(value)))
    return value


# Values that encodings are known to mix up, so that two draws often meet.
ALIKE = [
    *(
        None,
        False,
        True,
        0,
        1,
        -1,
        255,
        -256,
        2**63,
        2**64,
        0.0,
        -0.0,
        1.0,
        float("nan"),
        float("inf"),
        1j,
        complex(1, 0),
    ),
    *("", "0", "1", "None", "\0", "é", "e\u0301", "\udcff", b"", b"1", b"\0", "N", b"N"),
    *(decimal.Decimal("1.0"), decimal.Decimal("1.00"), decimal.Decimal("NaN"), pathlib.PurePosixPath("1"), range(3)),
    *(range(0, 3, 2), range(0, 4, 2), dt.date(2026, 1, 1), dt.datetime(2026, 1, 1), dt.timedelta(1)),  # noqa: DTZ001
    *(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 1, 1, tzinfo=zoneinfo.ZoneInfo("UTC")), dt.UTC),
    *(int, float, bool, str, list, type(None), Ellipsis),
]
hashable = st.recursive(
    st.sampled_from(ALIKE) | st.integers() | st.floats() | st.text(max_size=3) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=4,
)
values = st.recursive(
    hashable | st.builds(bytearray, st.binary(max_size=2)) | st.builds(slice, st.none() | st.integers(0, 2)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(hashable, inner, max_size=3)
        | st.dictionaries(hashable, inner, max_size=2).map(types.MappingProxyType)
        | st.sets(hashable, max_size=3)
    ),
    max_leaves=8,
)
alike = st.sampled_from(ALIKE)
close = st.recursive(
    alike,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.lists(inner, max_size=2).map(tuple)
        | st.dictionaries(alike, inner, max_size=2)
        | st.frozensets(alike, max_size=2)
    ),
    max_leaves=3,
)


@given(values)
def test_an_equal_value_has_the_same_encoding(value):
    again = rebuilt(value)
    assume(same(value, again))  # a set of 1 and 1.0 keeps whichever came first
    assert encode(again) == encode(value)


@given(close, close)
def test_close_values_share_an_encoding_only_if_they_are_the_same(one, other):
    assert (encode(one) == encode(other)) == same(one, other)


@given(values, values)
def test_values_share_an_encoding_only_if_they_are_the_same(one, other):
    assert (encode(one) == encode(other)) == same(one, other)


def test_no_two_values_that_look_alike_share_an_encoding():
    for position, one in enumerate(ALIKE):
        for other in ALIKE[:position]:
            assert encode(one) != encode(other), (one, other)


@given(st.lists(close, max_size=3), st.lists(close, max_size=3))
def test_encodings_are_prefix_free(ones, others):
    joined, joined_others = b"".join(map(encode, ones)), b"".join(map(encode, others))
    assert (joined == joined_others) == (len(ones) == len(others) and all(map(same, ones, others)))


@given(close)
def test_a_value_differs_from_every_wrapping_of_it(value):
    wrapped = [[value], (value,), {"x": value}, [[value]], [value, value], [value, "other"]]
    assert len({encode(each) for each in [value, *wrapped]}) == 1 + len(wrapped)


# --- objects -----------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Point:
    x: Any
    y: Any = 0


class Moved(Point):
    """A subclass of a dataclass that adds what is no field."""

    def __init__(self, x, offset):
        super().__init__(x)
        self.offset = offset


class Lazy(Point):
    @functools.cached_property
    def norm(self):
        return abs(self.x)


class SlottedPoint(Point):
    __slots__ = ("__secret", "label")

    def __init__(self, x, secret):
        super().__init__(x)
        self.__secret = secret


@dataclasses.dataclass
class Settings(dict):
    limit: int = 0


class Pair(NamedTuple):
    left: Any
    right: Any


class Tagged(Pair):
    def __new__(cls, left, right, tag):
        self = super().__new__(cls, left, right)
        self.tag = tag
        return self


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    x: int
    label: str = "a"
    _cache: Any = pydantic.PrivateAttr(None)


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


class Number(enum.IntEnum):
    ONE = 1


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Attributes(dict):
    """A dict with attributes beside its items, as many config libraries have."""


class Slotted(list):
    __slots__ = ("unit",)


class Liar(dict):
    """Answers for its content with something else."""

    def __iter__(self):
        return iter(["lie"])

    def keys(self):
        return ["lie"]

    def items(self):
        return [("lie", 1)]

    def __getitem__(self, key):
        return key


class LyingSet(set):
    def __iter__(self):
        return iter(["lie"])


class LyingText(str):
    __slots__ = ()

    def __str__(self):
        return "lie"

    def encode(self, *_):
        return b"lie"


class LyingInt(int):
    def __int__(self):
        return 7

    def bit_length(self):
        return 3

    def to_bytes(self, *_, **__):
        return b"\7"


def with_attribute(value, **attributes):
    for name, attribute in attributes.items():
        setattr(value, name, attribute)
    return value


def filled(value, **items):
    dict.update(value, items)
    return value


DIFFERENT = {
    "dataclass field": (Point(1), Point(2)),
    "dataclass and tuple": (Point(1, 0), (1, 0)),
    "attribute that is no field": (Moved(1, 2), Moved(1, 3)),
    "attribute set from outside": (Point(1), with_attribute(Point(1), z=3)),
    "private slot": (SlottedPoint(1, 2), SlottedPoint(1, 3)),
    "slot unset and set": (SlottedPoint(1, 2), with_attribute(SlottedPoint(1, 2), label="x")),
    "items of a dataclass that is a dict": (filled(Settings(1), a=1), filled(Settings(1), a=2)),
    "field of a dataclass that is a dict": (Settings(1), Settings(2)),
    "named tuple and tuple": (Pair(1, 2), (1, 2)),
    "named tuple field": (Pair(1, 2), Pair(2, 1)),
    "attribute of a named tuple": (Tagged(1, 2, "a"), Tagged(1, 2, "b")),
    "model field": (Model(x=1), Model(x=2)),
    "model extra": (Model(x=1), Model(x=1, y=2)),
    "model field given and left to its default": (Model(x=1, label="a"), Model(x=1)),
    "model private attribute": (Model(x=1), with_attribute(Model(x=1), _cache=5)),
    "enum members": (Colour.RED, Colour.GREEN),
    "int enum and int": (Number.ONE, 1),
    "flags": (Access.READ, Access.READ | Access.WRITE),
    "dict subclass and dict": (Attributes(a=1), {"a": 1}),
    "attribute of a dict": (Attributes(a=1), with_attribute(Attributes(a=1), source="cli")),
    "item of a dict subclass": (Attributes(a=1), Attributes(a=2)),
    "slot of a list": (with_attribute(Slotted([1]), unit="m"), with_attribute(Slotted([1]), unit="s")),
    "lying dicts": (Liar(a=1), Liar(a=2)),
    "lying sets": (LyingSet({1}), LyingSet({2})),
    "lying texts": (LyingText("a"), LyingText("b")),
    "lying integers": (LyingInt(1), LyingInt(2)),
    "order of an ordered dict": (collections.OrderedDict(a=1, b=2), collections.OrderedDict(b=2, a=1)),
    "default factory": (collections.defaultdict(int), collections.defaultdict(float)),
    "counter": (collections.Counter("aab"), collections.Counter("abb")),
    "counter and dict": (collections.Counter("a"), {"a": 1}),
    "kinds of path": (pathlib.PurePosixPath("a"), pathlib.PosixPath("a")),
    "paths of two systems": (pathlib.PureWindowsPath("a/b"), pathlib.PurePosixPath("a\\b")),
    "fold": (dt.time(1), dt.time(1, fold=1)),
    "zones of the same offset": (
        dt.datetime(2026, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Paris")),
        dt.datetime(2026, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    ),
    "name and offset of a zone": (
        dt.timezone(dt.timedelta(hours=23), "A -1 day,"),
        dt.timezone(dt.timedelta(hours=-1), "A"),
    ),
}


@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=DIFFERENT)
def test_objects_that_differ_have_two_encodings(pair):
    one, other = pair
    assert encode(one) != encode(other)


EQUAL = {
    "dataclass": lambda: Point({"b": 1, "a": 2}, [3]),
    "subclass with attributes": lambda: Moved(1, 2),
    "named tuple": lambda: Pair(1, [2]),
    "model": lambda: Model(x=1, z=2, y=3),
    "dict with attributes": lambda: with_attribute(Attributes(a=1), source="cli", other=2),
    "counter": lambda: collections.Counter("abca"),
    "default dict": lambda: collections.defaultdict(list, a=[1]),
    "lying dict": lambda: Liar(a=1),
}


@pytest.mark.parametrize("make", EQUAL.values(), ids=EQUAL)
def test_objects_made_alike_have_one_encoding(make):
    assert encode(make()) == encode(make())


def test_what_a_cached_property_left_behind_does_not_count():
    fresh, used = Lazy(-3), Lazy(-3)
    assert used.norm == 3
    assert encode(fresh) == encode(used)


def test_the_order_in_which_attributes_were_set_does_not_count():
    one = with_attribute(Attributes(), a=1, b=2)
    other = with_attribute(Attributes(), b=2, a=1)
    assert encode(one) == encode(other)


def test_a_field_that_was_never_set_is_left_out():
    @dataclasses.dataclass
    class Late:
        x: int = dataclasses.field(init=False)

    assert encode(Late()) != encode(with_attribute(Late(), x=None))


def test_a_class_is_named_without_its_module():
    here = dataclasses.make_dataclass("Job", ["x"])
    there = dataclasses.make_dataclass("Job", ["x"])
    there.__module__ = "__main__"
    assert encode(here(1)) == encode(there(1))


# --- errors ------------------------------------------------------------------------------------------------------


class Opaque:
    pass


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (Opaque(), ""),
        ({"model": {"sigma": Opaque()}}, '["model"]["sigma"]'),
        ([1, (2, Opaque())], "[1][1]"),
        ({1: Opaque()}, "[1]"),
        (Point(1, [Opaque()]), ".y[0]"),
        ({"job": Moved(1, Opaque())}, '["job"].offset'),
        (Model(x=1, extra={"deep": Opaque()}), '.model_extra["extra"]["deep"]'),
        (collections.defaultdict(Opaque), ".default_factory"),
        (Pair(1, threading.Lock()), ".right"),
    ],
)
def test_an_error_says_where_the_culprit_sits(value, path):
    with pytest.raises(UnencodableError) as caught:
        encode(value)
    assert caught.value.path == path
    assert str(caught.value).startswith(f"{path}: an object" if path else "an object")
    assert "runtime_kwargs" in caught.value.hint


@pytest.mark.parametrize(
    "value", [len, lambda: 1, Opaque, Point, object(), iter([]), types, {1: memoryview(b"")}, {Opaque()}]
)
def test_what_has_no_stable_encoding_is_refused(value):
    with pytest.raises(UnencodableError):
        encode(value)


def test_a_class_that_pretends_to_be_builtin_is_refused():
    pretender = type("int", (), {"__module__": "builtins"})
    with pytest.raises(UnencodableError):
        encode(pretender)


def test_a_zone_without_a_name_is_refused(tmp_path):
    zone_file = tmp_path / "zone"
    zone_file.write_bytes(b"TZif" + b"\0" * 16 + struct.pack(">6l", 0, 0, 0, 0, 1, 4) + b"\0" * 6 + b"UTC\0")
    with zone_file.open("rb") as stream:
        nameless = zoneinfo.ZoneInfo.from_file(stream)
    with pytest.raises(UnencodableError):
        encode(nameless)


def test_a_value_that_contains_itself_is_refused():
    loop: list[Any] = []
    loop.append({"again": loop})
    with pytest.raises(UnencodableError, match="contains itself"):
        encode(loop)


def test_the_error_is_a_usage_error_and_a_type_error():
    with pytest.raises(UsageError) as caught:
        encode(Opaque())
    assert isinstance(caught.value, TypeError)


# --- the encoder's choices ---------------------------------------------------------------------------------------


def test_an_encoder_can_keep_the_order_of_dicts():
    ordered = Encoder(keep_order=True)
    assert ordered.encode([{"a": 1, "b": 2}]) != ordered.encode([{"b": 2, "a": 1}])
    assert ordered.encode({1, 2, 3}) == ordered.encode({3, 2, 1})
    assert ordered.encode(Point(1)) == encode(Point(1))


def test_a_fallback_encodes_what_is_not_known():
    encoder = Encoder(fallback=lambda _, value: b"?" + type(value).__name__.encode())
    assert encoder.encode([Opaque()]) == b"l" + (1).to_bytes(8, "big") + b"?Opaque"
    assert encoder.encode(3) == encode(3)


def test_an_encoder_can_look_at_every_class_that_it_names():
    class Looking(Encoder):
        def __init__(self):
            super().__init__()
            self.seen = []

        def class_name(self, cls):
            self.seen.append(cls)
            return super().class_name(cls)

    looking = Looking()
    value = [Point(Pair(1, 2)), Colour.RED, Attributes(), Model(x=1), 5]
    assert looking.encode(value) == encode(value)
    assert looking.seen == [Point, Pair, Colour, Attributes, Model]


def test_digests_of_two_domains_differ():
    assert canonical_digest("consist test a", [1]) != canonical_digest("consist test b", [1])
    assert canonical_digest("consist test a", [1]) == canonical_digest("consist test a", [1])
