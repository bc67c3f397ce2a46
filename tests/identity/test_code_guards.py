"""Changes that the memo could overlook: behind an object that cannot change itself, or beside what is watched."""

import functools
import os
import sys
import types

import pandas as pd
import pytest

from consist.identity.code import code_identity, fresh_code_identity

SHARED = """
class Items(list):
    pass
x = [1]
A, B = Items([x]), Items([x])
def f():
    A[0].append(2)
    return list(B[0])
"""
MODULE = "import sys\ndef f():\n    m = sys.modules.get('plugz')\n    return m.x() if m else 0\n"
ATTRIBUTE = "def h():\n    return 1\nh.a = 1\ndef f():\n    return h.a\n"
META = """
class One(type):
    pass
class Two(type):
    def __len__(cls):
        return 2
class C(metaclass=One):
    pass
def f():
    return C
"""
CACHED = """
import functools
class C:
    @functools.cached_property
    def p(self):
        return 1
def f():
    return C().p
"""
ENUM = "import enum\nclass E(enum.Enum):\n    A = 1\ndef f():\n    return E['A']\n"
GETTER = """
import operator
class K:
    n = 1
    def __index__(self):
        return self.n
k = K()
GET = operator.itemgetter(k)
def f():
    return GET([1, 2])
"""
ALIAS = "class K:\n    pass\nk = K()\nk.n = 1\nT = list[k]\ndef f():\n    return T.__args__\n"
LRU = "import functools\n@functools.lru_cache\ndef h():\n    return 1\ndef f():\n    return h.__wrapped__()\n"
FIELD = (
    "import dataclasses\n@dataclasses.dataclass\nclass C:\n    x: int = 1\ndef f():\n    return dataclasses.fields(C)\n"
)
ATTRS = "import attrs\n@attrs.define\nclass C:\n    x: int = 1\ndef f():\n    return repr(C())\n"


def _put_module(module):
    sys.modules["plugz"] = types.ModuleType("plugz")
    exec("def x():\n    return 5\n", vars(sys.modules["plugz"]))  # noqa: S102 - a module of the project, made of text


def _other(*_):
    return 2


CHANGES = {
    "shared item replaced by an equal one": (SHARED, lambda m: m.A.__setitem__(0, [1])),
    "module appears": (MODULE, _put_module),
    "function's attributes replaced": (ATTRIBUTE, lambda m: setattr(m.h, "__dict__", {"a": 2})),
    "metaclass replaced": (META, lambda m: setattr(m.C, "__class__", m.Two)),
    "cached property's function": (CACHED, lambda m: setattr(m.C.__dict__["p"], "func", _other)),
    "enum member added": (ENUM, lambda m: m.E._member_map_.update(B=m.E.A)),
    "instance in a getter": (GETTER, lambda m: setattr(m.k, "n", 0)),
    "instance in an alias": (ALIAS, lambda m: setattr(m.k, "n", 0)),
    "what a cache wraps": (LRU, lambda m: setattr(m.h, "__wrapped__", _other)),
    "attribute of a cached function": (LRU, lambda m: setattr(m.h, "k", 1)),
    "field's name": (FIELD, lambda m: setattr(m.C.__dataclass_fields__["x"], "name", "y")),
    "attrs' method": (ATTRS, lambda m: setattr(m.C.__repr__, "__code__", _other.__code__)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_hidden_change_is_seen(name, project):
    source, change = CHANGES[name]
    module = project(job=source)
    before = code_identity(module.f)
    assert code_identity(module.f) is before, "nothing changed, so the memo answers"
    try:
        change(module)
        assert code_identity(module.f).digest == fresh_code_identity(module.f).digest != before.digest
    finally:
        sys.modules.pop("plugz", None)


REGISTRY = "REG = {}\ndef look(k):\n    return REG[k]\n"
KEEPER = "class P:\n    pass\np = P()\np.n = 1\nimport lib\nlib.REG['p'] = p\ndef f():\n    return lib.look('p')\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda m: setattr(m.lib, "REG", {"p": m.P}),
        lambda m: setattr(m.p, "n", 2),
        lambda m: setattr(m.lib.look, "note", 2),
    ],
    ids=["rebound", "instance", "attribute"],
)
def test_a_change_behind_a_librarys_function_is_seen(change, install, project):
    install("lib", "1.0", REGISTRY)
    module = project(job=KEEPER)
    before = code_identity(module.f)
    assert code_identity(module.f) is before
    change(module)
    assert code_identity(module.f).digest == fresh_code_identity(module.f).digest != before.digest


def test_a_patch_under_another_name_is_seen(project, monkeypatch):
    module = project(job="import pandas as pd\ndef f():\n    return pd.DataFrame\n")
    patch = project(patch="def p(self):\n    return 1\n").p
    monkeypatch.setattr(pd.DataFrame, "zz1", patch, raising=False)
    before = code_identity(module.f).digest
    monkeypatch.delattr(pd.DataFrame, "zz1")
    monkeypatch.setattr(pd.DataFrame, "zz2", patch, raising=False)
    assert code_identity(module.f).digest == fresh_code_identity(module.f).digest != before


ACCESSOR = """
import pandas as pd
class A:
    def __init__(self, table):
        self.k = 1
class B(A):
    def n(self):
        return 2
def f():
    return pd.DataFrame().zzz.k
"""


def test_another_class_in_an_accessor_is_seen(project, monkeypatch):
    module = project(job=ACCESSOR)
    monkeypatch.setattr(pd.DataFrame, "zzz", None, raising=False)
    monkeypatch.setattr(pd.DataFrame, "_accessors", pd.DataFrame._accessors | {"zzz"})
    del pd.DataFrame.zzz
    pd.api.extensions.register_dataframe_accessor("zzz")(module.A)
    before = code_identity(module.f).digest
    vars(pd.DataFrame)["zzz"]._accessor = module.B
    assert code_identity(module.f).digest == fresh_code_identity(module.f).digest != before


def test_what_is_added_and_what_is_left_out_are_remembered_apart(project):
    module = project(job="def f():\n    return 1\n")
    added = code_identity(module.f, code=[None])
    assert code_identity(module.f, ignore=[None]).digest != added.digest


def test_a_value_that_is_made_to_be_looked_at_costs_no_walk(project):
    module = project(
        job="import numpy as np, collections\nclass L(list):\n    pass\nR = np.random.default_rng(1)\n"
        "A = L([[1], {'a': [2]}])\nQ = type('Q', (collections.deque,), {})([[1]])\ndef f():\n    return R, A, Q\n"
    )
    assert code_identity(module.f) is code_identity(module.f)


def test_a_cached_method_costs_no_walk(project):
    module = project(job="import functools\n@functools.cache\ndef h(x):\n    return x\ndef f(x):\n    return h(x)\n")
    assert isinstance(module.h, type(functools.lru_cache(abs)))
    before = code_identity(module.f)
    module.f(1)
    assert code_identity(module.f) is before


class Changing(dict):
    """Globals in which a name stands for something else the second time that it is looked up."""

    def get(self, name, default=None):
        if name == "K":
            self["asked"] = self["asked"] + 1
            return self["asked"] > 1
        return dict.get(self, name, default)


def test_globals_that_change_between_the_walk_and_its_guard_are_walked_again():
    module = Changing(__name__="job", asked=0)
    reader = types.FunctionType((lambda: K).__code__, module)  # noqa: F821 - found in there
    before = code_identity(reader)
    assert module["asked"], "which the walk asked"
    assert code_identity(reader).digest != before.digest


class Answering(dict):
    def __missing__(self, name):
        return 1


def test_globals_that_answer_for_themselves_are_looked_up_as_the_walk_does(project):
    module = Answering(__name__="job", K=1)
    reader = types.FunctionType((lambda: K).__code__, module)  # noqa: F821 - found in there
    before = code_identity(reader)
    assert code_identity(reader) is before
    del module["K"]
    assert code_identity(reader).digest == fresh_code_identity(reader).digest != before.digest


@pytest.mark.parametrize(
    "change",
    [
        lambda h: setattr(h, "__code__", _other.__code__),
        lambda h: setattr(h, "__defaults__", (1,)),
        lambda h: setattr(h, "__kwdefaults__", {"x": 1}),
        lambda h: setattr(h, "__name__", "g"),
        lambda h: setattr(h, "__dict__", {"a": 1}),
    ],
    ids=["code", "defaults", "keyword defaults", "name", "attributes"],
)
def test_a_change_of_a_function_that_had_no_more_than_code_is_seen(change, project):
    module = project(job="def h(x=None):\n    return x\nh.__defaults__ = None\ndef f():\n    return h(1)\n")
    before = code_identity(module.f)
    assert code_identity(module.f) is before
    change(module.h)
    assert code_identity(module.f).digest == fresh_code_identity(module.f).digest != before.digest


@pytest.mark.parametrize("ignored", ["first.SCALE", "first.scale"])
def test_what_is_left_out_is_another_thing_now(ignored, project, monkeypatch):
    """By the name of where it was found, or by what it calls itself: another module's is not left out."""
    name = ignored.partition(".")[2]
    source = "SCALE = {0}\ndef scale():\n    return {0}\n"
    first = project(first=source.format(1))
    second = project(second=source.format(2))
    job = project(job="import first as m\nfrom first import scale as s\ndef f():\n    return m.SCALE, s()\n")
    options = {"ignore": [ignored]}
    before = code_identity(job.f, **options).digest
    monkeypatch.setattr(job, "m", second) if name == "SCALE" else monkeypatch.setattr(job, "s", second.scale)
    after = code_identity(job.f, **options).digest
    assert after == fresh_code_identity(job.f, **options).digest != before
    assert first.SCALE == 1


def test_a_package_upgraded_before_anybody_has_imported_it(install, project, tmp_path):
    install("upgradable", "1.0", "def g():\n    return 1\n")
    job = project(job="def f():\n    import upgradable\n    return upgradable.g()\n")
    before = code_identity(job.f)
    assert code_identity(job.f) is before
    install("upgradable", "2.0", "def g():\n    return 2\n")
    site = tmp_path / "site-packages"
    os.utime(
        site, ns=(0, site.stat().st_mtime_ns + 1_000_000)
    )  # the clock of a file system may stand still for a while
    after = code_identity(job.f)
    assert after.digest != before.digest
    assert "upgradable 2.0" in after.manifest
    assert "upgradable" not in sys.modules


METADATA = (
    "import dataclasses\nM = {}\n@dataclasses.dataclass\nclass C:\n    x: int = dataclasses.field(metadata=M)\n"
    "def f():\n    return dataclasses.fields(C)\n"
)
OBJECTS = "import numpy as np\nM = {}\nA = np.array([M, 1], object)\ndef f():\n    return A[0]\n"
FIELDS = "import numpy as np\nM = {}\nA = np.zeros(1, [('a', object)])\nA['a'] = M\ndef f():\n    return A[0]\n"


@pytest.mark.parametrize("source", [METADATA, OBJECTS, FIELDS], ids=["metadata", "array of objects", "with a field"])
def test_an_empty_dict_filled_behind_what_cannot_tell(source, project):
    job = project(job=source)
    before = code_identity(job.f)
    assert not before.uncacheable
    job.M["a"] = 1
    assert code_identity(job.f).digest == fresh_code_identity(job.f).digest != before.digest


def test_a_class_that_is_called_otherwise_now(project):
    job = project(job="class C:\n    pass\ndef f():\n    return C.__name__\n")
    before = code_identity(job.f).digest
    job.C.__name__ = "D"
    assert code_identity(job.f).digest == fresh_code_identity(job.f).digest != before
