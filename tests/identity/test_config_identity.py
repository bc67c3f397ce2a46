"""Configs: what the record shows of them, and the code of the classes that they hold."""

import collections
import datetime as dt
import enum
import fractions
import json
import pathlib
import re
import sys

import numpy as np
import pandas as pd
import pydantic
import pytest

from consist import Tracker
from consist.errors import UnencodableError, UsageError
from consist.identity.code import code_identity
from consist.identity.config import config_identity, readable

HUGE = 10**5000


class Name(str):
    __slots__ = ()


class Kind(enum.StrEnum):
    A = "a"


@pytest.fixture
def tracker(tmp_path):
    made = Tracker(run_dir=tmp_path / "runs", db_path=tmp_path / "index.lmdb", durable=False)
    yield made
    made.close()


@pytest.mark.parametrize(
    "value",
    [
        HUGE,
        -HUGE,
        [HUGE],
        {HUGE, 3},
        {HUGE: 1, (HUGE, 1): 2},
        fractions.Fraction(HUGE),
        fractions.Fraction(1, HUGE),
        range(HUGE),
        np.array(HUGE),
    ],
    ids=["int", "negative", "list", "set", "key", "fraction", "denominator", "range", "array"],
)
def test_huge_integers_are_kept_by_type_and_digest(value, tracker):
    def work(**given):
        return len(given)

    shown = config_identity({"q": value}).readable()
    assert len(json.dumps(shown)) < 500
    assert not tracker.run(work, config={"q": value}).cache_hit
    assert tracker.run(work, config={"q": value}).cache_hit


def test_huge_integers_are_told_apart():
    values = [HUGE, HUGE + 1, -HUGE, fractions.Fraction(HUGE), fractions.Fraction(1, HUGE), range(HUGE), str(2**64)]
    values += [2**64, fractions.Fraction(2**64), range(HUGE + 1)]
    assert len({config_identity({"q": value}).digest.hex for value in values}) == len(values)
    assert readable(2**64) == "18446744073709551616"
    assert readable(HUGE)["$type"] == "int"


def test_a_huge_key_in_the_way_to_what_cannot_be_hashed():
    with pytest.raises(UnencodableError, match="object"):
        config_identity({"q": {HUGE: object()}})
    with pytest.raises(UsageError, match="no string"):
        config_identity({HUGE: 1})


@pytest.mark.parametrize("key", [np.str_("a"), Name("a"), Kind.A])
def test_keys_are_plain_strings(key, tracker):
    def work(a, **others):
        return len(a), len(others)

    identity = config_identity({key: {key: 1}})
    given = identity.values  # noqa: PD011 - no table
    for names in (given, identity.parts(), identity.readable(), identity.readable()["a"]):
        assert [(type(name), name) for name in names] == [(str, "a")]
    assert identity.digest == config_identity({"a": {key: 1}}).digest
    assert not tracker.run(work, config={key: {key: 1}}).cache_hit
    assert tracker.run(work, config={key: {key: 1}}).cache_hit


def test_two_keys_of_one_text_are_refused():
    class Odd(str):
        __slots__ = ()

        def __eq__(self, other):
            return self is other

        def __hash__(self):
            return 1

    with pytest.raises(UsageError, match="two keys"):
        config_identity({"a": 1, Odd("a"): 2})


@pytest.mark.parametrize(
    "config",
    [
        {"\ud800": 1},
        {"a": "\ud800"},
        {"a": {"\ud800": ["\udfff"]}},
        {"a": {Name("\ud800"): 1}},
        {"a": pathlib.PurePosixPath("\udcff")},
        {"a": {pathlib.PurePosixPath("\udcff"): 1}},
        {"a": np.str_("\ud800")},
        {"a": enum.Enum("E", {"\ud800": 1})["\ud800"]},
    ],
    ids=["key", "value", "nested", "subclass", "path", "path as key", "numpy", "member"],
)
def test_lone_surrogates_can_be_recorded(config, tracker):
    def work(**given):
        return len(given)

    identity = config_identity(config)
    for shown in (identity.readable(), list(identity.parts())):
        json.dumps(shown, ensure_ascii=False).encode()
    assert not tracker.run(work, config=config).cache_hit
    assert tracker.run(work, config=config).cache_hit


def test_lone_surrogates_count():
    configs = [{"a": text} for text in ("\ud800", "\ud801", "?", "\ufffd")] + [{text: 1} for text in ("\ud800", "?")]
    assert len({config_identity(config).digest.hex for config in configs}) == len(configs)


SETTINGS = """
import collections, dataclasses, enum, typing
import pydantic

def helper(x):
    return x * {factor}

@dataclasses.dataclass
class Scale:
    by: int = 2
    def apply(self, x):
        return x * self.by * {factor}

class Way(enum.Enum):
    UP = 1
    def apply(self, x):
        return x * {factor}

class Pair(typing.NamedTuple):
    a: int
    def apply(self, x):
        return x * {factor}

class Text(str):
    def apply(self, x):
        return x * {factor}

class Default(dict):
    def __missing__(self, key):
        return {factor}
    def apply(self, x):
        return x * self["k"]

class Model(pydantic.BaseModel):
    by: int = 2
    def apply(self, x):
        return x * {factor}

class Base:
    def apply(self, x):
        return x * {factor}

@dataclasses.dataclass
class Derived(Base):
    by: int = 2

@dataclasses.dataclass
class Helped:
    by: int = 2
    def apply(self, x):
        return helper(x)

@dataclasses.dataclass
class Outer:
    inner: typing.Any
"""
MADE = {
    "dataclass": lambda m: m.Scale(),
    "in a list": lambda m: [m.Scale()],
    "in a dataclass in a list": lambda m: [m.Outer([m.Scale()])],
    "as a key": lambda m: {m.Pair(1): 1},
    "enum": lambda m: m.Way.UP,
    "named tuple": lambda m: m.Pair(1),
    "str": lambda m: m.Text("x"),
    "dict": lambda m: m.Default(),
    "pydantic": lambda m: m.Model(),
    "base class": lambda m: m.Derived(),
    "helper": lambda m: m.Helped(),
}


def _first(value):
    while not hasattr(value, "apply"):
        value = next(iter(value)) if isinstance(value, list | dict) else value.inner
    return value


def _apply(thing):
    return _first(thing).apply(10)


@pytest.mark.parametrize("made", MADE)
def test_an_edited_method_of_a_class_in_the_config_is_a_miss(made, project, tracker):
    values = []
    for factor in (1, 1, 3):
        module = project(settings=SETTINGS.replace("{factor}", str(factor)))
        ran = tracker.run(_apply, config={"thing": MADE[made](module)})
        values.append((ran.cache_hit, ran.value))
    assert [hit for hit, _ in values] == [False, True, False]
    assert values[2][1] == 3 * values[1][1]


@pytest.mark.parametrize("made", ["dataclass", "pydantic"])
def test_a_config_that_is_itself_of_a_class(made, project):
    digests = []
    for factor in (1, 3):
        module = project(settings=SETTINGS.replace("{factor}", str(factor)))
        classes = config_identity(MADE[made](module)).classes
        digests.append(code_identity(_apply, code=classes).digest)
    assert digests[0] != digests[1]


def test_extra_fields_of_a_model_count_and_are_passed(tracker):
    class Open(pydantic.BaseModel, extra="allow"):
        a: int = 1

    def work(a, b=0):
        return a + b

    assert config_identity(Open(a=1, b=2)).digest == config_identity({"a": 1, "b": 2}).digest
    assert [tracker.run(work, config=Open(b=b)).value for b in (2, 3, 2)] == [3, 4, 3]


@pytest.mark.parametrize(
    "value",
    [
        np.arange(3),
        np.float64(1),
        np.dtype("f8"),
        pd.DataFrame({"a": [1]}),
        pd.Series([1]),
        dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
        dt.timedelta(1),
        pathlib.Path("a"),
        fractions.Fraction(1, 2),
        re.IGNORECASE,
        sys.float_info,
        collections.Counter("a"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_objects_of_libraries_add_nothing_to_the_code(value):
    identity = config_identity({"v": value})
    assert identity.classes == ()
    assert code_identity(_apply, code=identity.classes).manifest == code_identity(_apply).manifest


def test_how_a_dataclass_is_made_counts(project):
    made = ["", "eq=False", "order=True", "frozen=True", "unsafe_hash=True", "repr=False", "kw_only=True", "slots=True"]
    made += ["match_args=False", "init=False"]
    field = ["int = 2", "int = field(default=2, compare=False)", "int = field(default=2, metadata={'unit': 'm'})"]
    field += [
        "int = field(default=2, repr=False)",
        "int",
        "float = 2",
        "int = field(default=2, metadata={'unit': 'k'})",
    ]
    ways = [(way, field[0]) for way in made] + [("", way) for way in field[1:]]
    digests = set()
    for options, declared in ways:
        source = f"from dataclasses import *\n@dataclass({options})\nclass C:\n    by: {declared}\n"
        digests.add(code_identity(_apply, code=(project(job=source).C,)).digest)
    assert len(digests) == len(ways)
