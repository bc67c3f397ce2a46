"""Objects that answer with something odd, or raise, whatever they are asked: an identity or a reason, no error."""

import importlib
import sys

import pytest

from consist import CodeOptions, Tracker
from consist.errors import UncacheableWarning, UsageError
from consist.identity.code import code_identity, fresh_code_identity

ODD = """
class Odd:
    def __init__(self, answer):
        self.__dict__["answer"] = answer
    def __getattr__(self, name):
        return Odd(name)
    def __bool__(self):
        raise TypeError("the truth of it is ambiguous")
    def __eq__(self, other):
        return Odd(other)
    __ne__ = __eq__
    __hash__ = None
    def __call__(self, name=""):
        return Odd(name)
col = Odd("col")
col.__dict__["__module__"] = "{module}"
"""


@pytest.mark.parametrize("body", ["from oddities import col\n    return col", "import oddities as o\n    return o.col"])
def test_what_answers_any_attribute_by_an_object_without_truth(body, install, project):
    """As ``col`` of polars does, whose every attribute is an expression."""
    install("oddities", "1.0", ODD.format(module="oddities"))
    job = project(job=f"def f():\n    {body}\n")
    before = code_identity(job.f)
    job.f()
    assert code_identity(job.f) == before
    assert not before.uncacheable


@pytest.mark.parametrize(
    "body", ["from polars import col\n    return col", "import polars as pl\n    return pl.col('a')"]
)
def test_polars_imported_in_the_function(body, project, monkeypatch):
    job = project(job=f"def f():\n    {body}\ndef g():\n    {body}\n")
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "polars", None)
        del sys.modules["polars"]
        before = fresh_code_identity(job.f)
    importlib.import_module("polars")
    assert fresh_code_identity(job.f) == before
    assert not before.uncacheable


def test_the_name_of_what_has_no_name_for_a_version(project):
    job = project(job=ODD.format(module="job"))
    assert fresh_code_identity(job.col, version="1").digest != fresh_code_identity(job.col, version="2").digest


@pytest.fixture
def _stands_in(project):
    """An object in the place of a module, gone again before `project` looks at the modules."""
    yield
    sys.modules.pop("stands_in", None)


STANDS_IN = """
import sys
class Settings:
    __slots__ = ("x",)
    {0}
settings = Settings()
settings.x = {1}
sys.modules["stands_in"] = settings
def f():
    {2}
"""


@pytest.mark.parametrize("extra", ["", "y = 1", "__getattr__ = lambda self, name: self", "__name__ = None"])
@pytest.mark.parametrize("body", ["from stands_in import x; return x", "import stands_in; return stands_in.x"])
@pytest.mark.usefixtures("_stands_in")
def test_an_object_in_the_place_of_a_module_counts(extra, body, project):
    one, same, other = (code_identity(project(job=STANDS_IN.format(extra, value, body)).f) for value in (1, 1, 2))
    assert not one.uncacheable
    assert one.digest == same.digest != other.digest


HOSTILE = """
import sys
class Odd:
    def __getattribute__(self, name):
        if name == "__spec__":
            raise AttributeError(name)  # from 3.14 on `import` asks for it
        raise OSError("asked")
    @property
    def __dict__(self):
        raise OSError("asked")
sys.modules["stands_in"] = Odd()
def f():
    import stands_in
    return 1
"""
META = """
class Odd(Exception):
    def __str__(self):
        raise OSError("asked")
class Meta(type):
    {0}
class C(metaclass=Meta):
    pass
def f():
    C
    return 1
"""
RAISES = {
    "an object in the place of a module": (
        r"stands_in \(used by job\.f\): looking at it raised OSError: asked",
        HOSTILE,
    ),
    "a key of a function": (
        r"job\.g: looking at it raised TypeError: '<' not supported",
        "def g():\n    return 1\ng.__dict__[1] = 1\ng.a = 1\ndef f():\n    return g()\n",
    ),
    "a key of a module": (
        r"job: looking at it raised TypeError: '<' not supported",
        "globals()[1] = 1\ndef f():\n    return globals()[1]\n",
    ),
    "a metaclass": (
        r"job\.f: looking at it raised OSError: asked",
        META.format("def __getattribute__(cls, name):\n        raise OSError('asked')"),
    ),
    "an error without a text": (
        r"job\.f: looking at it raised Odd: \(without a text\)",
        META.format("def __getattribute__(cls, name):\n        raise Odd"),
    ),
}


@pytest.mark.parametrize("case", RAISES)
@pytest.mark.usefixtures("_stands_in")
def test_what_raises_when_it_is_looked_at_is_named(case, project, tmp_path):
    told, source = RAISES[case]
    told = f"{told}.*ignore=.*version="
    job = project(job=source)
    with Tracker(run_dir=tmp_path / "runs", db_path=tmp_path / "db") as tracker:
        with pytest.warns(UncacheableWarning, match=told):
            assert tracker.run(job.f).value == 1
        assert tracker.run(job.f, code_options=CodeOptions(version="1")).value == 1
    with (
        Tracker(run_dir=tmp_path / "runs", db_path=tmp_path / "db", strict=True) as tracker,
        pytest.raises(UsageError, match=told),
    ):
        tracker.run(job.f)


def test_a_property_of_a_metaclass_is_not_asked_where_a_class_is_from(project):
    """The class says so itself, by `type`."""
    source = META.format("@property\n    def __module__(cls):\n        raise AttributeError")
    before = code_identity(project(job=source).f)
    assert not before.uncacheable
    assert code_identity(project(job=source.replace("pass", "x = 1")).f).digest != before.digest
