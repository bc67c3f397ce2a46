"""What the project put into a class of a library counts, in whatever it is; what the library has there does not."""

import re
import sys

import pandas as pd
import pytest

from consist.identity.code import code_identity, fresh_code_identity
from consist.identity.code.watch import Watch

LIBRARY = """
import functools
def wrapped(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper
def kept(function):
    def wrapper(*args):
        return wrapper.function(*args)
    wrapper.function = function
    return wrapper
class Slotted:
    __slots__ = ("function",)
    def __init__(self, function):
        self.function = function
    def __get__(self, instance, owner):
        return self.function
class Accessor:
    def __init__(self, *held):
        self.held = held
    def __get__(self, instance, owner):
        return self.held
class Table:
    table = {}
    listed = []
    size = 2
    @functools.singledispatchmethod
    def kind(self, x):
        return "any"
    @wrapped
    def own(self):
        return 1
class Loader:
    makers = {}
    asked = []
class Kept:
    def __init__(self):
        self.makers = {}
kept = Kept()
def load(x):
    return [make(x) for make in (*Loader.makers.values(), *kept.makers.values())]
Table.later = Accessor(Table, [Table.own], functools.partial(Table.own, 1))
"""
ELSEWHERE = LIBRARY.partition("class Table")[0]
MINE = """
import functools
import wrapt
import elsewhere
import tables
from tables import Table
K = {0}
def g(*args):
    return K
class Described:
    def __init__(self, k):
        self.k = k
    def __get__(self, instance, owner):
        return self.k
class Owner:
    k = {0}
    def m(self):
        return self.k
@wrapt.decorator
def around(wrapped, instance, args, kwargs):
    return wrapped(*args, **kwargs)
{1}
"""
PUT = {
    "function": "Table.zz = g",
    "static method": "Table.zz = staticmethod(g)",
    "class method": "Table.zz = classmethod(g)",
    "static method of a partial": "Table.zz = staticmethod(functools.partial(g, 1))",
    "property": "Table.zz = property(g)",
    "property of a wrapper": "Table.zz = property(elsewhere.wrapped(g))",
    "cached property": "Table.zz = functools.cached_property(g)\nTable.zz.__set_name__(Table, 'zz')",
    "partial method": "Table.zz = functools.partialmethod(g, 1)",
    "argument of a partial method": "Table.zz = functools.partialmethod(print, g)",
    "number in a partial method": "Table.zz = functools.partialmethod(g, {0})\nK = 0",
    "single dispatch": "Table.zz = functools.singledispatchmethod(g)",
    "registered": "Table.__dict__['kind'].register(int, g)",
    "partial of a partial": "Table.zz = functools.partial(functools.partial(print, g), 1)",
    "argument of a partial": "Table.zz = functools.partial(print, [g])",
    "cache": "Table.zz = functools.cache(g)",
    "descriptor": "Table.zz = Described({0})",
    "descriptor of a library": "Table.zz = elsewhere.Accessor(1, [g])",
    "setting of another library's descriptor": "Table.zz = elsewhere.Accessor({0}, print, g)\nK = 0",
    "slot of a descriptor": "Table.zz = elsewhere.Slotted(g)",
    "accessor of the library": "Table.zz = tables.Accessor([g])",
    "wrapper of another library": "Table.zz = elsewhere.wrapped(g)",
    "wrapper with an attribute": "Table.zz = elsewhere.kept(g)",
    "wrapper of the library": "Table.zz = tables.wrapped(g)",
    "wrapper of wrapt": "Table.zz = around(g)",
    "bound method": "Table.zz = Owner().m",
    "instance": "Table.zz = Owner()",
    "class": "Table.zz = Owner",
    "in a registry": "Table.table['zz'] = g",
    "partial in a registry": "Table.table['zz'] = functools.partial(g, 1)",
    "in a list": "Table.listed.append(elsewhere.wrapped(g))",
}
JOB = "from tables import Table\ndef f(x):\n    return Table().zz, Table().kind(x)\n"


@pytest.fixture
def tables(install):
    install("tables", "1.0", LIBRARY)
    install("elsewhere", "1.0", ELSEWHERE)


@pytest.fixture
def put(tables, project):
    """Return a function that puts something of the project's into a class of a library."""

    def put(how, number):
        job = project(job=JOB)
        before = code_identity(job.f)
        assert code_identity(job.f) is before
        mine = project(mine=MINE.format(number, PUT[how].format(number)))
        return job, mine, before.digest

    return put


@pytest.mark.parametrize("how", PUT)
def test_what_the_project_put_into_a_class_counts(how, put):
    digests = set()
    for number in (1, 2):
        job, _, before = put(how, number)
        found = code_identity(job.f)
        assert found.digest == fresh_code_identity(job.f).digest
        assert not found.uncacheable
        digests |= {before, found.digest}
        del sys.modules["tables"], sys.modules["elsewhere"]
    assert len(digests) == 3


@pytest.mark.parametrize("how", [how for how in PUT if not re.search("number|setting", how)])
def test_what_it_does_counts_while_the_program_runs(how, put):
    job, mine, _ = put(how, 1)
    before = code_identity(job.f)
    assert code_identity(job.f) is before
    mine.K = mine.Owner.k = 2
    if how == "descriptor":
        vars(mine.Table)["zz"].k = 2
    assert code_identity(job.f).digest == fresh_code_identity(job.f).digest != before.digest


def test_what_a_library_has_itself_does_not_count(tables, project):
    """Wrappers, accessors and registries of its own are its version."""
    job = project(job=JOB)
    before = code_identity(job.f)
    assert not [label for label in before.manifest if "own" in label or "wrapper" in label]
    job.Table.table["a"] = job.Table.listed.append
    assert code_identity(job.f) == before


def test_what_a_class_holds_in_masses_is_the_librarys(tables, project):
    job = project(job=JOB)
    before = code_identity(job.f)
    job.Table.large = type(vars(job.Table)["later"])([[object()] for _ in range(2000)])
    assert code_identity(job.f).digest == before.digest


def test_each_class_of_a_library_is_watched_once():
    watch = Watch()
    for cls in (pd.DataFrame, pd.Series, pd.DataFrame, pd.Index):
        watch.intruders(cls)
    proxies = [proxy for proxy, _ in watch.libraries]
    assert vars(pd.DataFrame) in proxies
    assert all(proxies.count(proxy) == 1 for proxy in proxies)


@pytest.mark.parametrize("where", ["Loader", "kept"])
@pytest.mark.parametrize("key", ["'a'", "int", "(1, Owner)", "Described"])
@pytest.mark.parametrize("held", ["g", "functools.partial(print, g)", "Owner()"])
def test_a_registry_in_what_a_function_of_the_library_uses(where, key, held, tables, project):
    job = project(job="import tables\ndef f(x):\n    return tables.load(x)\n")
    makers = getattr(job.tables, where).makers
    digests = {fresh_code_identity(job.f).digest}
    for number in (1, 2):
        mine = project(mine=MINE.format(number, f"tables.{where}.makers[{key}] = {held}"))
        digests.add(fresh_code_identity(job.f).digest)
        makers.popitem()
    assert len(digests) == 3

    makers["a"] = mine.g
    before = code_identity(job.f)
    assert code_identity(job.f) is before
    makers["b"] = mine.Owner
    assert code_identity(job.f).digest == fresh_code_identity(job.f).digest != before.digest


def test_what_the_projects_function_is_registered_under_counts(tables, project):
    job = project(job=JOB)
    digests = set()
    for key in ("'a'", "Owner", "Described", "(1, Owner)", "(2, Owner)"):
        project(mine=MINE.format(1, f"Table.table[{key}] = g"))
        digests.add(fresh_code_identity(job.f).digest)
        job.Table.table.popitem()
    assert len(digests) == 5
