"""Values of the standard library and of packages that hold more than their type says, or than they say themselves."""

import array
import collections
import datetime as dt
import io
import json
import operator
import os
import random
import struct
import subprocess
import sys
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


def test_a_method_caller_counts_by_all_its_arguments():
    makers = [
        lambda: operator.methodcaller("split"),
        lambda: operator.methodcaller("split", ","),
        lambda: operator.methodcaller("split", sep=","),
        lambda: operator.methodcaller("split", sep=";"),
        lambda: operator.methodcaller("rsplit", sep=";"),
        lambda: operator.methodcaller("rsplit", ",", maxsplit=1),
        lambda: operator.methodcaller("rsplit", ";", maxsplit=1),
    ]
    assert [_identity(make()) for make in makers] == [_identity(make()) for make in makers]
    assert len({_identity(make()) for make in makers}) == len(makers)


DISPATCHING = """
import collections.abc
from functools import singledispatch
class A: pass
class B: pass
@singledispatch
def g(x): return 0
{}
def f():
    return g(1), g("a"), g([]), g(A()), g(B())
"""
PLAIN = ("int, lambda x: 1", "str, lambda x: 2", "A, lambda x: 3", "B, lambda x: 4", "list, lambda x: 5")
ABSTRACT = ("collections.abc.Sized, lambda x: 6", "collections.abc.Iterable, lambda x: 7")


def _dispatching(project, *handlers):
    lines = "\n".join(f"g.register({handler})" for handler in handlers)
    found = fresh_code_identity(project(job=DISPATCHING.format(lines)).f)
    assert not found.uncacheable
    assert not found.warnings
    return found.digest


def test_the_order_in_which_handlers_are_registered(project):
    before = _dispatching(project, *PLAIN)
    assert _dispatching(project, *PLAIN[::-1]) == before
    assert _dispatching(project, *PLAIN[2:], *PLAIN[:2]) == before
    assert _dispatching(project, *PLAIN[1:]) != before
    assert _dispatching(project, *PLAIN[1:], "int, lambda x: 0") != before
    assert _dispatching(project, *PLAIN[:2], "A, lambda x: 4", "B, lambda x: 3", PLAIN[4]) != before
    assert _dispatching(project, *PLAIN, ABSTRACT[0]) == _dispatching(project, ABSTRACT[0], *PLAIN)
    # Which of two abstract classes goes first may be a matter of the order.
    assert _dispatching(project, *ABSTRACT) != _dispatching(project, *ABSTRACT[::-1])


GENERATORS = """
import json, random
import numpy as np
import scipy.stats
from scipy.stats import norm
from consist.identity.code import code_identity
OURS, PYTHONS = np.random.mtrand._rand, random._inst
FROZEN = scipy.stats.norm(1, 2)
class Ours:
    def __init__(self, rng):
        self.rng = rng
HOLDER = Ours(OURS)
def global_generator(): return OURS.random()
def of_python(): return PYTHONS.random()
def held(): return HOLDER.rng.random()
def by_name(): return norm.cdf(0)
def by_module(): return scipy.stats.norm.cdf(0), scipy.stats.poisson.pmf(1, 2)
def frozen(): return FROZEN.cdf(0)
def drawn(): return norm.rvs(size=2)
def seeded(): return norm.rvs(size=2, random_state=3)
names = ["global_generator", "of_python", "held", "by_name", "by_module", "frozen", "drawn", "seeded"]
found = [{name: code_identity(globals()[name]) for name in names}]
np.random.rand(), random.random()
found.append({name: code_identity(globals()[name]) for name in names})
assert not any(each.uncacheable for one in found for each in one.values())
print(json.dumps([{name: [each.digest.hex, each.warnings] for name, each in one.items()} for one in found]))
"""


def test_the_generators_behind_the_functions_of_a_library_count_by_name():
    """`scipy.stats` and scikit-learn hand numpy's own generator on, which has another state in each process."""
    answers = []
    for _ in range(2):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", GENERATORS], env=environment, check=True, capture_output=True, text=True
        )
        answers += json.loads(done.stdout)
    first, *others = answers
    assert others == [first] * 3
    noted = {name for name, (_, warnings) in first.items() if any("draws random" in warning for warning in warnings)}
    assert noted == {"global_generator", "of_python", "held", "drawn"}


def test_a_generator_of_the_projects_own_counts_by_its_state():
    import numpy as np
    from scipy import stats

    for make in (random.Random, np.random.RandomState):
        assert _identity(make(1)) == _identity(make(1)) != _identity(make(2))
    seeded = [stats.norm(0, 1) for _ in range(3)]
    for frozen, seed in zip(seeded, (1, 1, 2), strict=True):
        frozen.random_state = seed
    one, same, other = map(_identity, seeded)
    assert one == same != other
    assert _identity(stats.norm(0, 1)) not in {one, other}


@pytest.mark.parametrize(
    "makers",
    [
        [
            lambda: typing.TypeVar("T"),
            lambda: typing.TypeVar("T", bound=int),
            lambda: typing.TypeVar("T", bound=str),
            lambda: typing.TypeVar("T", int, str),
            lambda: typing.TypeVar("T", str, int),
            lambda: typing.TypeVar("S"),
        ],
        [lambda: collections.deque([1]), lambda: collections.deque([1], 1), lambda: collections.deque([1], 2)],
    ],
    ids=["type variable", "deque"],
)
def test_what_a_value_allows_counts(makers):
    assert [_identity(make()) for make in makers] == [_identity(make()) for make in makers]
    assert len({_identity(make()) for make in makers}) == len(makers)
