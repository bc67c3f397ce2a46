"""Annotations that are text: what their names stand for counts where the annotations do, as it would without quotes."""

import sys

import pytest

from consist.identity.code import code_identity, fresh_code_identity

UNIT = """
class Unit:
    def __init__(self, v=1):
        self.v = v
    def go(self):
        return self.v * FACTOR
"""
READ = {
    "hints of a dataclass": """
        @dataclass
        class P:
            x: Unit
        def f():
            return typing.get_type_hints(P)["x"](1).go()
    """,
    "hints of a function": """
        def g(u: Unit):
            return u.go()
        def f():
            return g(**{name: kind() for name, kind in typing.get_type_hints(g).items()})
    """,
    "signature that is evaluated": """
        def g(u: Unit):
            pass
        def f():
            return inspect.signature(g, eval_str=True).parameters["u"].annotation().go()
    """,
    "hints of a named tuple": """
        class P(typing.NamedTuple):
            x: Unit
        def f():
            return typing.get_type_hints(P)["x"]().go()
    """,
    "hints of a typed dict": """
        class P(typing.TypedDict):
            x: Unit
        def f():
            return typing.get_type_hints(P)["x"]().go()
    """,
    "by a field of a dataclass": """
        @dataclass
        class P:
            x: Unit
        def f():
            kind = fields(P)[0].type
            return (globals()[kind] if isinstance(kind, str) else kind)().go()
    """,
    "resolved by attrs": """
        @attrs.define
        class P:
            x: Unit
        def f():
            attrs.resolve_types(P)
            return attrs.fields(P).x.type().go()
    """,
    "validated call": """
        class Model(pydantic.BaseModel):
            z: int = 1
            def go(self):
                return Unit().go()
        @pydantic.validate_call
        def g(u: Model):
            return u.go()
        def f():
            return g({"z": 1})
    """,
    "adapter of nested dataclasses": """
        @dataclass
        class Inner:
            z: int = 1
            def go(self):
                return Unit().go()
        @dataclass
        class P:
            x: Inner
        def f():
            return pydantic.TypeAdapter(P).validate_python({"x": {"z": 1}}).x.go()
    """,
    "adapter of nested typed dicts": """
        class Inner(typing_extensions.TypedDict):
            x: typing.Annotated[int, pydantic.AfterValidator(lambda v: Unit(v).go())]
        class P(typing_extensions.TypedDict):
            x: Inner
        def f():
            return pydantic.TypeAdapter(P).validate_python({"x": {"x": 1}})
    """,
    "text in the text": """
        @dataclass
        class P:
            x: list["Unit | None"]
        def f():
            return typing.get_args(typing.get_args(typing.get_type_hints(P)["x"])[0])[0]().go()
    """,
    "alias that is text": """
        Alias = "Unit"
        @dataclass
        class P:
            x: Alias
        def f():
            return typing.get_type_hints(P)["x"]().go()
    """,
    "attribute of a module": """
        import units
        units.Kind = Unit
        def g(u: units.Kind):
            pass
        def f():
            return typing.get_type_hints(g)["u"]().go()
    """,
    "wrapped function": """
        import wrapping
        @wrapping.twice
        def g(u: Unit):
            pass
        def f():
            return typing.get_type_hints(g)["u"]().go()
    """,
    "read by a class that only an annotation names": """
        def g(u: Unit):
            pass
        class Reader:
            def read(self, function):
                return typing.get_type_hints(function)["u"]().go()
        @dataclass
        class P:
            x: Reader
        def f():
            kind = fields(P)[0].type
            return (eval(kind) if isinstance(kind, str) else kind)().read(g)
    """,
}
INNER = {
    "model in the function": """
        class Model(pydantic.BaseModel):
            z: int = 1
            def go(self):
                return Unit().go()
        def f():
            class P(pydantic.BaseModel):
                x: list[Model]
            return P(x=[{"z": 1}]).x[0].go()
    """,
    "dataclass in the function": """
        def f():
            @dataclass
            class P:
                x: Unit
            return typing.get_type_hints(P)["x"]().go()
    """,
    "decorated function in the function": """
        def call(fn):
            return fn(inspect.signature(fn, eval_str=True).parameters["u"].annotation())
        def f(k=1):
            @call
            def g(u: Unit, n: int = 3, *, m: int = 2):
                return u.go() * k
            return g
    """,
    "function in the function": """
        def f(k=1):
            def g(u: Unit, n: int = 3):
                return k
            return typing.get_type_hints(g)["u"]().go()
    """,
    "method in the function": """
        def f(k=1):
            class P:
                def g(self, u: Unit, n: int = 3):
                    return k
            return typing.get_type_hints(P.g)["u"]().go()
    """,
}
HEAD = """
import inspect, typing
from dataclasses import dataclass, fields
import attrs, pydantic, typing_extensions
"""
WRAPPING = """
import functools
def twice(fn):
    @functools.wraps(fn)
    def wrapper(*args):
        return fn(*args)
    return wrapper
"""


def _loaded(project, future, factor, source, name="job"):
    import textwrap

    project(units="", wrapping=WRAPPING)
    start = "from __future__ import annotations\n" if future else ""
    text = start + HEAD + UNIT.replace("FACTOR", str(factor)) + textwrap.dedent(source)
    return project(**{name: text})


@pytest.mark.parametrize("future", [True, False], ids=["text", "objects"])
@pytest.mark.parametrize("source", (READ | INNER).values(), ids=READ | INNER)
def test_what_an_annotation_names_counts(source, future, project):
    digests, results = [], []
    for factor in (2, 3, 2):
        module = _loaded(project, future, factor, source)
        digests.append(fresh_code_identity(module.f).digest)
        results.append(module.f())
        assert fresh_code_identity(module.f).digest == digests[-1], "what reading left behind counts"
    assert results[0] == results[2] != results[1]
    assert digests[0] == digests[2] != digests[1]


@pytest.mark.parametrize("future", [True, False], ids=["text", "objects"])
def test_what_nobody_reads_and_nobody_names_hits(future, project):
    source = """
        class Named:
            pass
        def g(u: Unit, n: Named):
            def inner(u: Unit):
                return 1
            return inner(u)
        class Plain:
            u: Unit
        @dataclass
        class P:
            u: typing.Literal["Unit"]
            n: typing.Annotated[int, "Unit"]
        def f():
            return g(1, 2), Plain, P
    """
    one, two = (fresh_code_identity(_loaded(project, future, factor, source).f) for factor in "23")
    assert one.digest == two.digest


SELF = """
    @dataclass
    class Node:
        parent: Node | None
        children: list["Node"]
        other: Missing
    def f():
        return Node
"""


def test_a_class_that_names_itself_and_what_is_not_there(project):
    identity = fresh_code_identity(_loaded(project, True, 2, SELF).f)
    assert "job.Node" in identity.manifest
    assert "Missing" in " ".join(identity.manifest)
    assert not identity.uncacheable


TYPED = """
    class P(typing.TypedDict):
        x: Unit
        y: list["Unit"]
    class Q(typing.NamedTuple):
        x: Unit
    def f():
        return P, Q
"""


@pytest.mark.parametrize("future", [True, False], ids=["text", "objects"])
def test_the_module_s_name_does_not_count(future, project):
    """A ForwardRef keeps it, and it is ``__main__`` in a script."""
    found = [fresh_code_identity(_loaded(project, future, 2, TYPED, name=name).f) for name in ("job", "other")]
    assert found[0].digest == found[1].digest


INHERITED = """
    import fields_of
    class Mine(fields_of.Base):
        y: int
    def f():
        return typing.get_type_hints(Mine)["x"]().go()
"""


@pytest.mark.parametrize("base", ["typing.TypedDict", "object"])
def test_inherited_text_is_looked_up_where_it_was_written(base, project):
    source = "from __future__ import annotations\nimport typing\n" + UNIT + f"class Base({base}):\n    x: Unit\n"
    found = []
    for factor in "23":
        project(fields_of=source.replace("FACTOR", factor))
        module = _loaded(project, True, 1, INHERITED)
        del module.Unit  # `typing` would find it first
        found.append((module.f(), fresh_code_identity(module.f).digest))
    assert found[0][0] != found[1][0]
    assert found[0][1] != found[1][1]


@pytest.mark.parametrize(
    "change",
    [
        lambda m: setattr(m, "Unit", type("Unit", (), {"go": lambda _self: 5})),
        lambda m: setattr(m.Unit, "go", lambda _self: 5),
        lambda m: delattr(m, "Unit"),
        lambda m: m.P.__annotations__.update(x="Other"),
    ],
    ids=["rebound", "method replaced", "deleted", "annotation"],
)
@pytest.mark.parametrize("kind", ["hints of a dataclass", "hints of a named tuple", "resolved by attrs"])
def test_a_change_of_what_is_named_is_seen(kind, change, project):
    module = _loaded(project, True, 2, READ[kind])
    before = code_identity(module.f)
    assert code_identity(module.f) is before
    change(module)
    after = code_identity(module.f)
    assert after.digest == fresh_code_identity(module.f).digest != before.digest


def test_what_comes_to_be_there_is_seen(project):
    module = _loaded(project, True, 2, SELF)
    before = code_identity(module.f)
    module.Missing = int
    after = code_identity(module.f)
    assert after.digest == fresh_code_identity(module.f).digest != before.digest


def test_a_name_that_is_left_out_is_left_out_of_text_too(project):
    found = [
        fresh_code_identity(_loaded(project, True, factor, READ["hints of a dataclass"]).f, ignore=["job.Unit"])
        for factor in "23"
    ]
    assert found[0].digest == found[1].digest
    assert not found[0].warnings


@pytest.mark.parametrize("future", [True, False], ids=["text", "objects"])
def test_what_an_annotation_names_need_not_have_an_encoding(future, project):
    source = "import itertools\nN = itertools.count()\n@dataclass\nclass P:\n    x: N\n    y: int = 1\n"
    module = _loaded(
        project, future, 2, source + "def g(n: N):\n    pass\ndef f():\n    return typing.get_type_hints(g), P\n"
    )
    assert not fresh_code_identity(module.f).uncacheable


def test_a_name_in_an_annotation_does_nothing(project):
    """It is not run: a class whose instances draw random numbers, or talk, gets no note."""
    source = "import random\n@dataclass\nclass P:\n    x: random.SystemRandom\n    y: open\ndef f():\n    return P\n"
    assert fresh_code_identity(_loaded(project, True, 2, source).f).warnings == ()


def test_the_annotations_of_a_module_that_are_text(project):
    source = "def f():\n    return typing.get_type_hints(notes)\n"
    digests = set()
    for kind in ("int", "float"):
        job = project(notes=f"T = {kind}\nSCALE: 'T' = 1\n", job=f"import typing\nimport notes\n{source}")
        found = code_identity(job.f)
        assert not found.uncacheable
        digests.add(found.digest)
    assert len(digests) == 2


ODD_HOMES = """
import sys, typing
class Meta(type):
    @property
    def __module__(cls):
        raise RuntimeError("asked")
class Text:
    def __str__(self):
        raise RuntimeError("asked")
class A(metaclass=Meta):
    x: "T" = 1
class B:
    __module__ = Text()
    x: "T" = 1
sys.modules["no_module"] = Text()
class C:
    __module__ = "no_module"
    x: "T" = 1
    def m(self):
        pass
T = int
HELD = [A, B, C]
def f():
    return [typing.get_type_hints(each) for each in HELD]
"""


def test_where_a_class_says_that_it_is_asks_no_code_of_a_user(project, monkeypatch):
    monkeypatch.setitem(sys.modules, "no_module", None)  # forgets it afterwards
    found = code_identity(project(job=ODD_HOMES).f)
    assert not found.uncacheable
