"""Dataclasses, models, named tuples and enumerations: equal, of the same class, or refused with a reason."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import functools
import importlib
import sys
import typing

import msgpack
import pydantic
import pytest

from consist import errors
from consist.runs.formats import plain


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    name: str
    at: dt.date


@dataclasses.dataclass
class Counted:
    """Its construction has effects, and changes what it was given."""

    made: typing.ClassVar[list[int]] = []
    n: int
    twice: int = dataclasses.field(init=False)

    def __post_init__(self):
        self.made.append(self.n)
        self.twice = 2 * self.n

    @functools.cached_property
    def square(self):
        return self.n**2


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    size: int
    inner: Point | None = None
    _seen: int = pydantic.PrivateAttr(default=0)


class Frozen(pydantic.BaseModel, frozen=True):
    alias_of: int = pydantic.Field(alias="aliasOf")


class Pair(typing.NamedTuple):
    left: object
    right: object


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Colour(enum.StrEnum):
    RED = "red"


class Bits(enum.Flag):
    A = 1
    B = 2


VALUES = [
    Point(1, 2.5),
    Slotted("a", dt.date(2026, 1, 2)),
    Pair(1, (2, {3})),
    Level.HIGH,
    Colour.RED,
    Bits.A | Bits.B,
    Frozen(aliasOf=3),
    Model(size=1),
    Model(size=1, inner=Point(3), other="extra"),
    [Point(1), {"deep": (Slotted("b", dt.date(2026, 1, 2)), Level.LOW)}],
    Pair(Point(Pair(1, 2), 3), [Model(size=4)]),
    {Level.LOW: {Slotted("k", dt.date(2026, 1, 2))}},
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_it_comes_back_as_it_was(value):
    back = plain.decode(plain.encode(value))
    assert back == value
    assert type(back) is type(value)
    assert repr(back) == repr(value)


def test_equal_values_are_equal_bytes():
    assert plain.encode(Point(1, 2.0)) == plain.encode(Point(1, 2.0)) != plain.encode(Point(1, 2.5))


def test_the_bytes_are_those_of_the_format():
    """As docs/format.md has them, read by msgpack alone."""
    plainly = msgpack.unpackb(plain.encode([Point(1, 2.5), Level.LOW, Bits.A]), ext_hook=lambda *ext: ext)
    name = f"{__name__}:"
    assert [(code, msgpack.unpackb(data)) for code, data in plainly] == [
        (9, ["dataclass", f"{name}Point", {"x": 1, "y": 2.5}]),
        (9, ["enum", f"{name}Level", "LOW"]),
        (9, ["flag", f"{name}Bits", 1]),
    ]
    ((code, data),) = msgpack.unpackb(plain.encode([Model(size=1, more=2)]), ext_hook=lambda *ext: ext)
    kind, _, *held = msgpack.unpackb(data)
    assert (code, kind, held) == (
        9,
        "pydantic",
        [{"size": 1, "inner": None}, ["more", "size"], {"more": 2}, {"_seen": 0}],
    )


def test_nothing_of_the_class_runs():
    value = Counted(3)
    value.twice = 7
    assert value.square == 9
    before = list(Counted.made)
    back = plain.decode(plain.encode(value))
    assert (back, back.twice, Counted.made) == (value, 7, before)
    assert "square" not in vars(back)


def test_a_model_keeps_what_was_given_and_what_is_private():
    value = Model(size=1)
    value._seen = 5
    back = plain.decode(plain.encode(value))
    assert (back._seen, back.model_fields_set) == (5, {"size"})
    full = plain.decode(plain.encode(Model(size=1, inner=None, more=2)))
    assert (full.model_fields_set, full.model_extra) == ({"size", "inner", "more"}, {"more": 2})


def local():
    @dataclasses.dataclass
    class Local:
        x: int

    return Local(1)


class Derived(dict):
    pass


Table = dataclasses.make_dataclass("Table", [("x", int)], bases=(dict,), eq=False)
Table.__module__ = __name__


def with_more():
    value = Point(1)
    value.z = 3
    return value


def lacking():
    value = Point(1)
    del value.y
    return object.__new__(Slotted) if value else value


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (local, "made within a function"),
        (with_more, "holds 'z', which is none of its fields"),
        (lacking, "lacks a field"),
        (lambda: Table(1), "is more than its fields"),
        (lambda: Derived(a=1), "a value of type Derived has no format"),
        (lambda: Point(object()), "a value of type object has no format"),
        (lambda: [Point(bytearray(b"x"))], "a bytearray within another value would come back as bytes"),
    ],
)
def test_what_would_not_come_back_is_refused(make, match):
    with pytest.raises(errors.OutputError, match=match):
        plain.encode(make())


def test_a_class_that_was_defined_anew_is_another(monkeypatch):
    old = Point(1)
    monkeypatch.setattr(sys.modules[__name__], "Point", dataclasses.make_dataclass("Point", ["x", "y"]))
    with pytest.raises(errors.OutputError, match="Point is another one by now"):
        plain.encode(old)


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write and load a module, again and again."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(text):
        sys.modules.pop("things_of_a_test", None)
        importlib.invalidate_caches()
        (tmp_path / "things_of_a_test.py").write_text(text)
        import things_of_a_test

        return things_of_a_test

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield write
    sys.modules.pop("things_of_a_test", None)


HEAD = "import dataclasses\nimport enum\nimport typing\n\n"
CLASS = "@dataclasses.dataclass\nclass Thing:\n    a: int\n    b: int = 2\n"


@pytest.mark.parametrize(
    ("then", "match"),
    [
        ("", "there is no such class"),
        ("Thing = 7\n", "there is no such class"),
        ("class Thing: pass\n", "that is no dataclass now"),
        (CLASS.replace("b: int = 2", "c: int = 2"), "its fields were a, b, and are a, c now"),
        (CLASS.replace("    b: int = 2\n", ""), "its fields were a, b, and are a now"),
    ],
)
def test_a_class_that_changed_is_an_error_that_names_it(module, then, match):
    data = plain.encode(module(HEAD + CLASS).Thing(1))
    module(HEAD + then)
    with pytest.raises(errors.OutputError, match=rf"class things_of_a_test.Thing cannot be read: {match}"):
        plain.decode(data)


def test_a_module_that_is_gone_is_an_error_that_names_it(module, tmp_path):
    data = plain.encode([module(HEAD + CLASS).Thing(1)])
    (tmp_path / "things_of_a_test.py").unlink()
    sys.modules.pop("things_of_a_test")
    with pytest.raises(errors.OutputError, match=r"things_of_a_test.Thing cannot be read: its module cannot be"):
        plain.decode(data)


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ("raise KeyError('gone')", r"KeyError\('gone'\)"),
        ("import sys; sys.exit(3)", r"SystemExit\(3\)"),
        ("class", "SyntaxError"),
        ("def __getattr__(name): raise ValueError('mine')", r"ValueError\('mine'\)"),
    ],
)
def test_a_module_that_fails_is_an_error_that_names_it(module, tmp_path, then, said):
    data = plain.encode([module(HEAD + CLASS).Thing(1)])
    (tmp_path / "things_of_a_test.py").write_text(then)
    sys.modules.pop("things_of_a_test")
    importlib.invalidate_caches()
    with pytest.raises(errors.OutputError, match=f"Thing cannot be read: its module cannot be imported: {said}"):
        plain.decode(data)


def test_other_methods_and_defaults_are_no_change(module):
    data = plain.encode(module(HEAD + CLASS).Thing(1))
    thing = module(HEAD + CLASS.replace("= 2", "= 3") + "    def total(self): return self.a + self.b\n").Thing
    assert plain.decode(data) == thing(1, 2)
    assert plain.decode(data).total() == 3


def test_a_member_that_is_gone(module):
    data = plain.encode(module(HEAD + "class E(enum.Enum):\n    A = 1\n    B = 2\n").E.B)
    module(HEAD + "class E(enum.Enum):\n    A = 1\n")
    with pytest.raises(errors.OutputError, match="it has no member 'B' now"):
        plain.decode(data)


def test_a_record_cannot_make_anything_else():
    """Whoever writes to a store may name any class: only of these kinds, and nothing is called."""
    for kind, name in (
        ("dataclass", "subprocess:Popen"),
        ("namedtuple", "builtins:tuple"),
        ("enum", "os:system"),
        ("pydantic", "pathlib:Path"),
        ("dataclass", "os.path:"),
    ):
        data = plain.codec.pack(plain.codec.ExtType(9, plain.encode([kind, name, {}])))
        with pytest.raises(errors.OutputError, match="cannot be read"):
            plain.decode(data)
    for held in (["thing", "a:b", {}], ["dataclass"], [], ["dataclass", "a:b", 1, 2], 7):
        data = plain.codec.pack(plain.codec.ExtType(9, plain.encode(held)))
        with pytest.raises((errors.DamagedError, errors.OutputError)):
            plain.decode(data)
