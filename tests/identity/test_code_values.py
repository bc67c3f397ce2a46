"""Values in reach of a function: equal ones have one identity, different ones two; nothing of a value raises."""

import collections
import dataclasses
import enum
import functools
import importlib.machinery
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consist.identity.code import code_identity, fresh_code_identity
from consist.identity.code.instances import state_of


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Bits(enum.Flag):
    A = 1
    B = 2


@dataclasses.dataclass
class Point:
    x: object
    y: object


class Slotted:
    __slots__ = ("a",)

    def __init__(self, a):
        self.a = a


class Words(dict):
    pass


def one(x):
    return x


def two(x):
    return x + 1


LEAVES = st.one_of(
    st.just(("none",)),
    st.booleans().map(lambda value: ("bool", value)),
    st.integers(-3, 3).map(lambda value: ("int", value)),
    st.integers(-(2**70), 2**70).map(lambda value: ("int", value)),
    st.floats(allow_nan=False).map(lambda value: ("float", value.hex())),
    st.text(max_size=2).map(lambda value: ("str", value)),
    st.binary(max_size=2).map(lambda value: ("bytes", value)),
    st.sampled_from([("enum", "RED"), ("enum", "BLUE"), ("flag", 1), ("flag", 3)]),
    st.sampled_from([("function", "one"), ("function", "two"), ("builtin", "len"), ("builtin", "abs")]),
    st.lists(st.integers(0, 3), max_size=3).map(lambda value: ("array", tuple(value))),
)


KEYS = st.one_of(st.text(max_size=1), st.integers(0, 2))
HASHABLE = st.sampled_from([("int", 1), ("str", "1"), ("none",), ("enum", "RED"), ("function", "one"), ("int", 5)])
BRANCHES = ["list", "tuple", "deque", "dict", "words", "ordered", "proxy", "space", "set", "frozenset"]


@st.composite
def descriptions(draw, depth=3):
    """Describe a value: its kind, and what it is built of."""
    kind = draw(st.sampled_from(["leaf", *BRANCHES, "point", "slotted", "partial"])) if depth else "leaf"
    inner = descriptions(depth - 1)
    if kind == "leaf":
        return draw(LEAVES)
    if kind in {"list", "tuple", "deque"}:
        return (kind, tuple(draw(st.lists(inner, max_size=3))))
    if kind in {"set", "frozenset"}:
        return (kind, draw(st.frozensets(HASHABLE, max_size=4)))
    if kind in BRANCHES:
        return (kind, tuple(draw(st.lists(st.tuples(KEYS, inner), max_size=3, unique_by=lambda pair: pair[0]))))
    return (kind, *(draw(inner) for _ in range(2 if kind == "point" else 1)))


BUILDERS = {
    "none": lambda: None,
    "bool": bool,
    "int": int,
    "float": float.fromhex,
    "str": "".join,
    "bytes": lambda value: b"".join([value]),
    "enum": lambda name: Color[name],
    "flag": Bits,
    "function": {"one": one, "two": two}.get,
    "builtin": {"len": len, "abs": abs}.get,
    "array": lambda value: np.array(value, dtype="int64"),
    "list": lambda items: [build(item) for item in items],
    "tuple": lambda items: tuple(build(item) for item in items),
    "deque": lambda items: collections.deque(build(item) for item in items),
    "dict": lambda pairs: {key: build(value) for key, value in pairs},
    "words": lambda pairs: Words({key: build(value) for key, value in pairs}),
    "ordered": lambda pairs: collections.OrderedDict((key, build(value)) for key, value in pairs),
    "proxy": lambda pairs: types.MappingProxyType({key: build(value) for key, value in pairs}),
    "space": lambda pairs: types.SimpleNamespace(items={key: build(value) for key, value in pairs}),
    "set": lambda items: {build(item) for item in sorted(items, key=str)},
    "frozenset": lambda items: frozenset(build(item) for item in sorted(items, key=str, reverse=True)),
    "point": lambda x, y: Point(build(x), build(y)),
    "slotted": lambda a: Slotted(build(a)),
    "partial": lambda a: functools.partial(one, build(a)),
}


def build(description):
    return BUILDERS[description[0]](*description[1:])


def _identity(value):
    namespace = {"V": value, "__name__": "job"}
    return fresh_code_identity(types.FunctionType(_reader.__code__, namespace))


def _reader():
    return V  # noqa: F821 - a global that each test sets


@given(descriptions(), descriptions())
def test_one_identity_for_equal_values_and_two_for_different_ones(left, right):
    first, again, other = _identity(build(left)), _identity(build(left)), _identity(build(right))
    assert not first.uncacheable
    assert first.digest == again.digest
    assert (first.digest == other.digest) == (left == right)


@pytest.mark.slow
def test_the_same_under_other_hash_seeds(tmp_path):
    described = [
        ("set", frozenset([("str", "1"), ("int", 1), ("function", "one"), ("enum", "RED"), ("none",)])),
        ("list", (("frozenset", frozenset([("function", "one"), ("str", "1"), ("int", 5)])), ("enum", "BLUE"))),
        ("dict", (("a", ("set", frozenset([("str", "1"), ("none",)]))), (1, ("point", ("int", 1), ("none",))))),
    ]
    program = (
        "import importlib.util, json, sys\n"
        f"spec = importlib.util.spec_from_file_location('values', {__file__!r})\n"
        "module = importlib.util.module_from_spec(spec); sys.modules['values'] = module\n"
        "spec.loader.exec_module(module)\n"
        f"print(json.dumps([module._identity(module.build(d)).digest.hex for d in {described!r}]))"
    )
    answers = set()
    for seed in ("0", "1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
        )
        answers.add(done.stdout)
    assert len(answers) == 1
    assert len(set(json.loads(answers.pop()))) == len(described)


class Hostile:
    """Raises at everything that can be asked."""

    def __getattribute__(self, name):
        raise RuntimeError(name)

    def __eq__(self, other):
        raise RuntimeError("eq")

    def __hash__(self):
        raise RuntimeError("hash")

    def __repr__(self):
        raise RuntimeError("repr")

    def __bool__(self):
        raise RuntimeError("bool")

    def __len__(self):
        raise RuntimeError("len")

    def __iter__(self):
        raise RuntimeError("iter")

    def __call__(self):
        raise RuntimeError("call")


@pytest.mark.parametrize(
    "wrap",
    [lambda v: v, lambda v: [v], lambda v: {"a": v}, lambda v: Point(v, v)],
    ids=["bare", "list", "dict", "dataclass"],
)
def test_a_hostile_object_is_asked_nothing(wrap):
    hostile = wrap(Hostile())
    assert _identity(hostile).digest == _identity(wrap(Hostile())).digest
    code_identity(types.FunctionType(_reader.__code__, {"V": hostile}))


@pytest.mark.parametrize(
    "module",
    [types, collections, functools, os, threading, pathlib, np, enum, json],
    ids=lambda module: module.__name__,
)
def test_any_object_of_the_interpreter_gets_an_answer(module):
    for value in list(vars(module).values()):
        found = _identity(value)
        assert found.digest == _identity(value).digest


def test_a_value_changed_by_another_thread_meanwhile():
    shared = {number: [number] for number in range(2000)}
    function = types.FunctionType(_reader.__code__, {"V": shared})
    stop = threading.Event()

    def change():
        number = 0
        while not stop.is_set():
            number += 1
            shared[10_000 + number % 50] = [number]
            shared.pop(10_000 + (number * 7) % 50, None)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        answers = [code_identity(function) for _ in range(20)]
    finally:
        stop.set()
        thread.join()
    assert all(answer.uncacheable or answer.digest for answer in answers)
    assert code_identity(function).digest == fresh_code_identity(function).digest


def test_threads_ask_at_the_same_time(project):
    module = project(job="\n".join(f"def f{n}(x, k={n}):\n    return x + k\n" for n in range(200)))
    functions = [getattr(module, f"f{n}") for n in range(200)]
    expected = [fresh_code_identity(function).digest for function in functions]
    failures = []

    def ask():
        for _ in range(3):
            found = [code_identity(function).digest for function in functions]
            failures.extend(["different"] * (found != expected))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(set(expected)) == len(expected)


def test_an_extension_of_the_project_counts_by_its_bytes(project, tmp_path, monkeypatch):
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    import _heapq

    if not getattr(_heapq, "__file__", None):
        pytest.skip("this Python has no extension in a file that could be copied")
    digests = []
    for number in (1, 2):
        folder = tmp_path / f"package{number}" / "native"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        target = folder / f"_heapq{suffix}"
        shutil.copy(_heapq.__file__, target)
        with target.open("ab") as stream:
            stream.write(b"\0" * number)
        monkeypatch.syspath_prepend(str(folder.parent))
        for name in [name for name in sys.modules if name.partition(".")[0] == "native"]:
            del sys.modules[name]
        module = project(job="from native import _heapq\ndef f(x):\n    return _heapq.heappush(x, 1)\n")
        found = code_identity(module.f)
        assert not found.uncacheable
        digests.append(found.digest)
    assert digests[0] != digests[1]
    for name in [name for name in sys.modules if name.partition(".")[0] == "native"]:
        del sys.modules[name]


class Place(type(pathlib.Path())):
    def inside(self, name):
        return self / name


def test_a_path_of_a_subclass_is_the_same_after_it_was_used():
    """A path remembers its text and its hash once it was asked for them."""

    def identity(place):
        return fresh_code_identity(lambda: place.inside("x")).digest

    used = Place("a/b")
    assert (str(used), hash(used), used.parts) == ("a/b", hash(Place("a/b")), ("a", "b"))
    assert identity(used) == identity(used) == identity(Place("a/b")) == identity(Place("a//b"))
    assert identity(Place("a/c")) != identity(used)


UNITS = """
    import numpy as np, pandas as pd, polars as pl
    class Quantity(np.ndarray):
        def __new__(cls, values, unit):
            made = np.asarray(values, float).view(cls)
            made.unit = unit
            return made
        def __array_finalize__(self, source):
            self.unit = getattr(source, "unit", None)
    class Frame(pd.DataFrame):
        _metadata = ["unit"]
        def __init__(self, values, unit=None):
            super().__init__({"a": values})
            self.unit = unit
    class Column(pd.Series):
        _metadata = ["unit"]
        def __init__(self, values, unit=None):
            super().__init__(values)
            self.unit = unit
    class Table(pl.DataFrame):
        def __init__(self, values, unit=None):
            super().__init__({"a": values})
            self.unit = unit
"""


@pytest.mark.parametrize("name", ["Quantity", "Frame", "Column", "Table"])
@pytest.mark.parametrize("installed", [True, False])
def test_what_a_subclass_of_an_array_or_table_adds_counts(name, installed, install, project):
    install("units", "1.0", UNITS) if installed else project(units=UNITS)
    job = "import units\nV = units.{}({}, {!r})\ndef f():\n    return V.unit\n"
    values = [([1.0, 2.0], "m"), ([1.0, 2.0], "km"), ([1.0, 3.0], "m")]
    modules = [project(job=job.format(name, *value)) for value in (*values, values[0])]
    found = [fresh_code_identity(module.f) for module in modules]
    assert not any(one.uncacheable for one in found)
    assert found[0].digest == found[3].digest
    assert len({one.digest for one in found}) == len(values)
    # What a library works out and keeps is no content.
    modules[0].V.sum()
    assert str(modules[0].V)
    assert fresh_code_identity(modules[0].f).digest == found[0].digest


@pytest.mark.parametrize("installed", [True, False])
def test_an_array_that_knows_what_holds_it_counts_by_its_content(installed, install, project):
    """What is beside its numbers leads back to it, as in a column of astropy's tables."""
    source = """
        import numpy as np
        class Info:
            pass
        class Column(np.ndarray):
            def __new__(cls, values):
                made = np.asarray(values).view(cls)
                made.info = Info()
                made.info.parent = made
                return made
    """
    install("columns", "1.0", source) if installed else project(columns=source)
    job = "import columns\nV = columns.Column({})\ndef f():\n    return V.sum()\n"
    found = [fresh_code_identity(project(job=job.format(values)).f) for values in ([1, 2], [1, 3], [1, 2])]
    assert not any(one.uncacheable for one in found)
    assert found[0].digest == found[2].digest != found[1].digest


SETS_BY_NAME = {
    "of object": 'object.__setattr__(self, "_hash", hash(getattr(self, "n")))',
    "of super": 'super().__setattr__("_hash", hash(getattr(self, "n")))',
    "keyword beside": 'object.__setattr__(self, "_hash", hash((getattr(self, "n"), "m")))',
}


@pytest.mark.parametrize("keeps", SETS_BY_NAME.values(), ids=SETS_BY_NAME)
def test_what_a_hash_method_only_names_counts(keeps, project):
    """The name of what it sets is left out, and no other text in it."""
    source = f"""
        class P:
            def __init__(self, n, m):
                object.__setattr__(self, "n", n)
                object.__setattr__(self, "m", m)
            def __hash__(self):
                if "_hash" not in self.__dict__:
                    {keeps}
                return self._hash
    """
    project(made_hash=source)
    job = "from made_hash import P\nX = P({}, {})\ndef f():\n    return X.n, X.m\n"
    modules = [project(job=job.format(n, m)) for n, m in ((1, 1), (2, 1), (1, 2))]
    assert len({fresh_code_identity(module.f).digest for module in modules}) == len(modules)
    before = fresh_code_identity(modules[0].f).digest
    hash(modules[0].X)
    assert "_hash" in vars(modules[0].X)
    assert fresh_code_identity(modules[0].f).digest == before


HASHED = {
    "in __dict__": """
        class P:
            def __init__(self, a):
                self.a, self.seed = a, 3
            def __hash__(self):
                if not hasattr(self, "_hash"):
                    self._hash = hash((self.a, self.seed))
                return self._hash
    """,
    "in a slot": """
        class P:
            __slots__ = ("_h", "a", "seed")
            def __init__(self, a):
                self.a, self.seed, self._h = a, 3, None
            def __hash__(self):
                if self._h is None:
                    self._h = hash((self.a, self.seed))
                return self._h
    """,
    "frozen": """
        import dataclasses
        @dataclasses.dataclass(frozen=True)
        class P:
            a: str
            seed: int = 3
            def __hash__(self):
                if "_hash" not in self.__dict__:
                    object.__setattr__(self, "_hash", hash((self.a, self.seed)))
                return self.__dict__["_hash"]
    """,
    "attrs": """
        import attrs
        @attrs.define(frozen=True, cache_hash=True)
        class P:
            a: str
            seed: int = 3
    """,
}


@pytest.mark.parametrize("where", HASHED)
def test_a_hash_that_an_object_keeps_does_not_count(where, project):
    """Of a text it is another in each process, so that nothing would be found again: as for sympy's expressions."""
    job = HASHED[where] + "\n        X = P({!r})\n        def f():\n            return X.a + str(X.seed)\n"
    fresh, used, other = (project(job=job.format(text)) for text in ("text", "text", "other"))
    hash(used.X)
    assert fresh_code_identity(used.f).digest == fresh_code_identity(fresh.f).digest
    assert fresh_code_identity(other.f).digest != fresh_code_identity(fresh.f).digest
    object.__setattr__(used.X, "seed", 4)  # what the hash is made of still counts
    assert fresh_code_identity(used.f).digest != fresh_code_identity(fresh.f).digest
    before = code_identity(fresh.f)
    hash(fresh.X)
    assert code_identity(fresh.f).digest == before.digest


def test_what_sympy_has_worked_out_of_an_expression_does_not_count(install, project):
    source = """
        class Basic:
            __slots__ = ("_args", "_assumptions")
            def __init__(self, *args):
                self._args, self._assumptions = args, {}
            def is_positive(self):
                return self._assumptions.setdefault("positive", True)
    """
    install("sympy", "1.14.0", source)
    module = project(job="import sympy\nX = sympy.Basic(1)\ndef f():\n    return X.is_positive()\n")
    before = code_identity(module.f)
    module.f()
    assert code_identity(module.f) is before
    assert fresh_code_identity(module.f).digest == before.digest
    module.X._args = (2,)
    assert code_identity(module.f).digest == fresh_code_identity(module.f).digest != before.digest


class _Partial(functools.partial):
    pass


def test_no_pointer_of_a_partial_is_part_of_it():
    """It would be another in each process; for a function of Python there is one in every version."""
    held = dict(state_of(_Partial(_Partial.mro)))
    held |= dict(state_of(_Partial(lambda: None)))
    assert [name for name, value in held.items() if type(value) is int and value] == []
    assert {"func", "args", "keywords"} <= held.keys()
