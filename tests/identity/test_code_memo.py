"""The memo agrees with a fresh walk after every kind of change inside the process."""

import abc
import builtins
import contextlib
import math
import types

import pytest

from consist.identity.code import code_identity, fresh_code_identity

HELPER = """
K = 2
def norm(x, by=2, *, scale=1):
    return x / by * scale * K
def other(x):
    return x
_LATER = [5]
def __getattr__(name):
    if name == "LAZY":
        return _LATER[0] + 2 ** 70
    raise AttributeError(name)
"""

JOB = """
import abc, collections, contextvars, dataclasses, enum, functools, math, types
import numpy as np
import pydantic
import helper
from helper import norm

NUMBER = 1
LIST = [1, 2]
NESTED = {"a": {"b": [1, [2]]}, "c": [1]}
SET = {1, 2}
QUEUE = collections.deque([1])
ARRAY = np.arange(4)
OBJECTS = np.array([1, [2]], dtype=object)
BYTES = bytearray(b"ab")
SPACE = types.SimpleNamespace(a=1)
VARIABLE = contextvars.ContextVar("v", default=[1])
TABLE = {"norm": norm, "k": 1}

class Base:
    limit = 3
    shared = []
    def step(self, x):
        return x + 1

class Child(Base):
    def run(self, x):
        return self.step(x)

class Kind(abc.ABC):
    pass

class Color(enum.Enum):
    RED = [1]
    def __init__(self, _):
        self.weight = 1

class Params(pydantic.BaseModel):
    a: int = 1

@dataclasses.dataclass
class Point:
    x: int = 0
    def size(self):
        return self.x

POINT = Point(1)
PARTIAL = functools.partial(norm, by=4)

def closure():
    value = 1
    seen = [1]
    def inner(x):
        return x + value + len(seen)
    return inner

INNER = closure()

@functools.singledispatch
def single(x):
    return x

def f(x, factor=[1], *, extra={"a": 1}):
    "text"
    y = norm(x) + helper.norm(x) + NUMBER + sum(LIST) + NESTED["c"][0] + len(SET) + len(QUEUE) + int(ARRAY[0])
    y += OBJECTS[0] + len(BYTES) + SPACE.a + len(VARIABLE.get()) + TABLE["k"] + Child().run(x) + POINT.size()
    y += helper.LAZY + len(dataclasses.fields(Point)) + Color.RED.weight + len(Params.model_fields)
    y += PARTIAL(x) + INNER(x) + single(x) + math.floor(x) + abs(x) + isinstance(x, Kind) + len(Color.RED.value)
    return y + f.bonus + factor[0] + extra["a"]

f.bonus = 0

def reader(x):
    return f.__doc__, Point.__annotations__, norm.__annotations__, Base.__subclasses__()
"""


def _set_code(module):
    module.norm.__code__ = module.helper.other.__code__.replace(co_varnames=("x",))


def _replace_in_nested(module):
    module.NESTED["a"]["b"][1][0] = 3


def _alias_in_nested(module):
    module.NESTED["c"] = module.NESTED["a"]["b"][1]
    module.NESTED["a"]["b"][1][:] = [1]


def _set_cell(module):
    names = module.INNER.__code__.co_freevars
    module.INNER.__closure__[names.index("value")].cell_contents = 5


class Bigger(float):
    pass


CHANGES = {
    "global rebound": lambda m: setattr(m, "NUMBER", 2),
    "global rebound to an equal value of another type": lambda m: setattr(m, "NUMBER", 1.0),
    "global rebound to a bool": lambda m: setattr(m, "NUMBER", True),
    "global deleted": lambda m: delattr(m, "NUMBER"),
    "list appended to": lambda m: m.LIST.append(3),
    "list item replaced": lambda m: m.LIST.__setitem__(0, 7),
    "list item replaced by an equal float": lambda m: m.LIST.__setitem__(0, 1.0),
    "list reordered": lambda m: m.LIST.reverse(),
    "nested list changed": _replace_in_nested,
    "nested parts made one object": _alias_in_nested,
    "dict key added": lambda m: m.NESTED.update(z=1),
    "dict order changed": lambda m: m.NESTED.__setitem__("a", m.NESTED.pop("a")),
    "set element added": lambda m: m.SET.add(9),
    "deque appended to": lambda m: m.QUEUE.append(2),
    "array element set": lambda m: m.ARRAY.__setitem__(0, 9),
    "array reshaped in place": lambda m: setattr(m, "ARRAY", m.ARRAY.reshape(2, 2)),
    "object array element changed in place": lambda m: m.OBJECTS[1].append(3),
    "bytearray changed": lambda m: m.BYTES.__setitem__(0, 120),
    "namespace attribute set": lambda m: setattr(m.SPACE, "a", 2),
    "context variable set": lambda m: m.VARIABLE.set([1, 2]),
    "context variable's default changed in place": lambda m: m.VARIABLE.get().append(2),
    "function in a dict replaced": lambda m: m.TABLE.__setitem__("norm", m.helper.other),
    "helper rebound in its module": lambda m: setattr(m.helper, "norm", m.helper.other),
    "helper rebound here": lambda m: setattr(m, "norm", m.helper.other),
    "helper's code swapped": _set_code,
    "helper's default changed": lambda m: setattr(m.norm, "__defaults__", (3,)),
    "helper's keyword default changed in place": lambda m: m.norm.__kwdefaults__.update(scale=2),
    "helper's keyword defaults replaced": lambda m: setattr(m.norm, "__kwdefaults__", {"scale": 3}),
    "helper's global set": lambda m: setattr(m.helper, "K", 3),
    "helper's name set": lambda m: setattr(m.norm, "__name__", "n"),
    "helper given an attribute": lambda m: setattr(m.norm, "note", 1),
    "own attribute set": lambda m: setattr(m.f, "bonus", 1),
    "own default changed in place": lambda m: m.f.__defaults__[0].append(1),
    "own keyword default changed in place": lambda m: m.f.__kwdefaults__["extra"].update(a=2),
    "own code swapped": lambda m: setattr(m.f, "__code__", m.helper.other.__code__),
    "class attribute set": lambda m: setattr(m.Child, "limit", 4),
    "base class attribute set": lambda m: setattr(m.Base, "limit", 4),
    "class attribute deleted": lambda m: delattr(m.Base, "limit"),
    "class attribute changed in place": lambda m: m.Base.shared.append(1),
    "method overridden in the subclass": lambda m: setattr(m.Child, "step", lambda _self, x: x),
    "method's code swapped": lambda m: setattr(m.Base.step, "__code__", (lambda _self, x: x + 5).__code__),
    "bases replaced": lambda m: setattr(m.Child, "__bases__", (type("Between", (m.Base,), {}),)),
    "subclass registered": lambda m: m.Kind.register(Bigger),
    "enum value changed in place": lambda m: m.Color.RED.value.append(2),
    "enum member's attribute set": lambda m: setattr(m.Color.RED, "weight", 5),
    "enum member's attribute set to an equal float": lambda m: setattr(m.Color.RED, "weight", 1.0),
    "field's default set": lambda m: setattr(m.Point.__dataclass_fields__["x"], "default", 9),
    "field's default set to an equal bool": lambda m: setattr(m.Point.__dataclass_fields__["x"], "default", False),
    "field taken out": lambda m: m.Point.__dataclass_fields__.clear(),
    "pydantic field's default set": lambda m: setattr(m.Params.model_fields["a"], "default", 9),
    "what a module answers when it is asked": lambda m: m.helper._LATER.__setitem__(0, 6),
    "instance attribute set": lambda m: setattr(m.POINT, "x", 2),
    "instance attribute added": lambda m: setattr(m.POINT, "y", 2),
    "instance's class replaced": lambda m: setattr(m.POINT, "__class__", m.Child),
    "partial's keywords changed in place": lambda m: m.PARTIAL.keywords.update(by=5),
    "closure cell set": _set_cell,
    "closed-over list changed": lambda m: m.INNER.__closure__[
        m.INNER.__code__.co_freevars.index("seen")
    ].cell_contents.append(1),
    "implementation registered": lambda m: m.single.register(int)(lambda x: x + 1),
    "library function patched": lambda m: setattr(m.math, "floor", lambda _x: 0),
    "builtin patched": lambda _m: setattr(builtins, "abs", lambda x: x),
    "builtin shadowed": lambda m: setattr(m, "abs", lambda x: x),
    "module replaced": lambda m: setattr(m, "helper", types.SimpleNamespace(norm=abs)),
}


@pytest.fixture
def undo():
    """Put back what a change does to the interpreter itself."""
    floor, absolute = math.floor, builtins.abs
    yield
    math.floor, builtins.abs = floor, absolute


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen(name, project, undo):
    module = project(helper=HELPER, job=JOB)
    before = code_identity(module.f)
    assert before == fresh_code_identity(module.f)
    assert code_identity(module.f) is before, "nothing changed, so the memo answers"
    assert not before.uncacheable

    CHANGES[name](module)

    after = code_identity(module.f)
    assert after.digest == fresh_code_identity(module.f).digest
    assert after.digest != before.digest


def test_there_are_enough_kinds_of_change():
    assert len(CHANGES) >= 30


@pytest.mark.parametrize(
    "change",
    [
        lambda m: setattr(m.f, "__doc__", "other"),
        lambda m: m.Point.__annotations__.update(x=float),
        lambda m: setattr(m.norm, "__annotations__", {"x": float}),
        lambda m: type("Late", (m.Base,), {}),
    ],
    ids=["docstring", "annotation", "annotations replaced", "subclass"],
)
def test_what_is_read_about_code_is_watched_too(change, project):
    module = project(helper=HELPER, job=JOB)
    before = code_identity(module.reader)
    kept = change(module)
    after = code_identity(module.reader)
    assert after.digest == fresh_code_identity(module.reader).digest
    assert after.digest != before.digest
    del kept


@pytest.mark.parametrize(
    ("source", "change"),
    [
        ("LOG = [1]\ndef f(x):\n    LOG.append(x)\n    return x\n", lambda m: m.f(1)),
        ("OTHER = 1\ndef f(x):\n    return x\n", lambda m: setattr(m, "OTHER", 2)),
        ("import functools\n@functools.cache\ndef g(x):\n    return x\ndef f(x):\n    return g(x)\n", lambda m: m.f(1)),
        ("import logging\nL = logging.getLogger('a')\ndef f(x):\n    L.info(1)\n", lambda m: m.L.setLevel(30)),
        ("def f(x):\n    return x\n", lambda m: setattr(m.f, "__doc__", "text")),
    ],
    ids=["written", "unrelated", "cache filled", "logger", "docstring"],
)
def test_what_does_not_count_costs_no_walk(source, change, project):
    module = project(job=source)
    before = code_identity(module.f)
    change(module)
    assert code_identity(module.f) is before


def test_a_patched_library_class_is_seen(project):
    module = project(job="import fractions\ndef f(x):\n    return fractions.Fraction(x)\n")
    before = code_identity(module.f)
    original = module.fractions.Fraction.limit_denominator
    try:
        module.fractions.Fraction.limit_denominator = project(patch="def p(self, n):\n    return self\n").p
        after = code_identity(module.f)
        assert after.digest == fresh_code_identity(module.f).digest != before.digest
    finally:
        module.fractions.Fraction.limit_denominator = original
    assert code_identity(module.f).digest == before.digest


def test_bound_methods_are_remembered_by_function_and_instance(project):
    module = project(
        job="class A:\n    def __init__(self, k):\n        self.k = k\n    def m(self, x):\n        return self.k\n"
    )
    one, two = module.A(1), module.A(2)
    first = code_identity(one.m)
    assert code_identity(one.m) is first
    assert code_identity(two.m).digest != first.digest
    one.k = 2
    assert code_identity(one.m).digest == fresh_code_identity(two.m).digest


def test_options_are_remembered_apart(project):
    module = project(job="K = 1\ndef f(x):\n    return K\n")
    plain = code_identity(module.f)
    ignoring = code_identity(module.f, ignore=["job.K"])
    assert ignoring.digest != plain.digest
    module.K = 2
    assert code_identity(module.f, ignore=["job.K"]) is ignoring
    assert code_identity(module.f).digest != plain.digest


def test_an_uncacheable_identity_is_walked_each_time(project):
    module = project(job="import itertools\nN = itertools.count()\ndef f(x):\n    return next(N)\n")
    assert code_identity(module.f).uncacheable
    module.N = 1
    with contextlib.suppress(TypeError):
        module.f(1)
    assert not code_identity(module.f).uncacheable


def test_abc_import_is_not_needed(project):
    module = project(job="def f(x):\n    return x\n")
    before = code_identity(module.f)
    abc.ABC.register(type("Unrelated", (), {}))
    assert code_identity(module.f) is before
