"""What the project added to the classes of tables counts where code uses an attribute of that name, whatever of."""

import operator
import sys

import pandas as pd
import polars as pl
import pytest
import xarray as xr

from consist.identity.code import code_identity, fresh_code_identity

CLASSES = [pd.DataFrame, pd.Series, pd.Index, pl.DataFrame, pl.LazyFrame, pl.Series, pl.Expr]
REGISTER = {
    pd.DataFrame: pd.api.extensions.register_dataframe_accessor,
    pd.Series: pd.api.extensions.register_series_accessor,
    pd.Index: pd.api.extensions.register_index_accessor,
    pl.DataFrame: pl.api.register_dataframe_namespace,
    pl.LazyFrame: pl.api.register_lazyframe_namespace,
    pl.Series: pl.api.register_series_namespace,
    pl.Expr: pl.api.register_expr_namespace,
}
ACCESSOR = """
K = {0}
def helper():
    return K
class Access:
    def __init__(self, held):
        self.held = held
    def go(self):
        return helper()
def method(self):
    return helper()
@property
def prop(self):
    return helper()
"""
USES = {
    "argument": "def f(df):\n    return df.zz.go()\n",
    "in a helper": "def g(df):\n    return [each.zz for each in df]\ndef f(df):\n    return g(df)\n",
    "in a method": "class C:\n    def m(self, df):\n        return df.zz\ndef f(df):\n    return C().m(df)\n",
    "by getattr": "def f(df):\n    return getattr(df, 'zz')\n",
    "in a subclass": (
        "class A:\n    pass\nclass B(A):\n    def m(self, df):\n        return df.zz\n"
        "def f(df):\n    return A.__subclasses__()[0]().m(df)\n"
    ),
    "of a value": "def f(df):\n    return (df + 1).zz\n",
    "agg": "def f(df):\n    return df.agg('zz')\n",
    "agg of columns": "def f(df):\n    return df.agg({'a': ['mean', 'zz']})\n",
    "agg by keyword": "def f(df):\n    return df.groupby('a').agg(b=('a', 'zz'))\n",
    "agg by a list in a global": "HOW = {'a': ['mean', 'zz']}\ndef f(df):\n    return df.agg(HOW)\n",
    "agg by a default": "def f(df, how='zz'):\n    return df.agg(how)\n",
    "agg by a default by keyword": "def f(df, *, how=('a', 'zz')):\n    return df.agg(how)\n",
    "agg by a variable of an enclosing function": (
        "def make(how):\n    return lambda df: df.agg(how)\nf = make(['zz'])\n"
    ),
    "apply": "def f(df):\n    return df.apply('zz')\n",
    "transform": "def f(df):\n    return df.transform(['zz'])\n",
    "pivot_table": "def f(df):\n    return df.pivot_table(index='a', aggfunc='zz')\n",
    "query": "def f(df):\n    return df.query('a . zz() > 1')\n",
    "hasattr": "def f(df):\n    return hasattr(df, 'zz')\n",
    "methodcaller": "import operator\ndef f(df):\n    return operator.methodcaller('zz')(df)\n",
    "methodcaller in a global": "import operator\nG = operator.methodcaller('zz')\ndef f(df):\n    return G(df)\n",
    "methodcaller with a keyword": (
        "from operator import methodcaller\nG = methodcaller('zz', a=1)\ndef f(df):\n    return G(df)\n"
    ),
    "attrgetter": "import operator\nG = [operator.attrgetter('a.zz', 'b')]\ndef f(df):\n    return G[0](df)\n",
}


def _label(cls):
    return f"{cls.__module__}.{cls.__qualname__}"


@pytest.fixture
def add(monkeypatch, project):
    """Return a function that registers an accessor, or sets a method, of the project's on a class of a library."""

    def add(cls, how, number=1, name="zz"):
        module = project(access=ACCESSOR.format(number))
        if how == "accessor":
            monkeypatch.setattr(cls, name, None, raising=False)
            monkeypatch.delattr(cls, name)
            monkeypatch.setattr(cls, "_accessors", set(getattr(cls, "_accessors", ())))
            REGISTER[cls](name)(module.Access)
            made = vars(cls)[name]
            monkeypatch.delattr(cls, name)
            monkeypatch.setattr(cls, name, made, raising=False)
        else:
            monkeypatch.setattr(cls, name, getattr(module, how), raising=False)
        return module

    return add


@pytest.mark.parametrize("how", ["accessor", "method", "prop"])
@pytest.mark.parametrize("cls", CLASSES, ids=_label)
def test_what_is_added_to_a_class_counts(cls, how, add, project):
    job = project(job=USES["argument"])
    digests = [code_identity(job.f).digest]
    for number in (1, 2):
        add(cls, how, number)
        digests.append(code_identity(job.f).digest)
        assert digests[-1] == fresh_code_identity(job.f).digest
    module = add(cls, how, 1)
    assert code_identity(job.f).digest == digests[1]
    module.K = 2  # the walk goes on behind it
    assert code_identity(job.f).digest == digests[2] == fresh_code_identity(job.f).digest
    assert len(set(digests)) == 3


@pytest.mark.parametrize("use", USES)
def test_wherever_the_name_is_used(use, add, project):
    job = project(job=USES[use])
    add(pd.DataFrame, "method", 1)
    before = code_identity(job.f).digest
    add(pd.DataFrame, "method", 2)
    assert code_identity(job.f).digest != before


@pytest.mark.parametrize("name", ["head", "query"])
def test_a_method_of_the_library_that_is_replaced_counts(name, add, project):
    job = project(job=f"def f(df):\n    return df.{name}\n")
    before = code_identity(job.f).digest
    add(pd.DataFrame, "method", 1, name)
    after = code_identity(job.f).digest
    assert after == fresh_code_identity(job.f).digest != before


def test_what_an_accessor_uses_in_its_turn(add, project):
    job = project(job=USES["argument"])
    module = add(pd.DataFrame, "accessor")
    module.Access.go = project(deep="def go(self):\n    return self.held.deeper\n").go
    before = code_identity(job.f).digest
    add(pd.Series, "method", 2, "deeper")
    assert code_identity(job.f).digest == fresh_code_identity(job.f).digest != before


def test_what_no_code_uses_by_name_does_not_count(add, project):
    job = project(job="zz = 1\ndef f(df):\n    return df.other, zz, 'zz'\n")
    before = code_identity(job.f)
    for cls in CLASSES:
        add(cls, "accessor")
    assert code_identity(job.f).digest == fresh_code_identity(job.f).digest == before.digest


def test_a_library_that_is_imported_later(add, project, monkeypatch):
    job = project(job=USES["argument"])
    with monkeypatch.context() as patched:
        patched.delitem(sys.modules, "pandas")
        before = code_identity(job.f).digest
        add(pd.DataFrame, "method")
        assert code_identity(job.f).digest == before
    assert code_identity(job.f).digest == fresh_code_identity(job.f).digest != before


def test_another_class_in_the_object_that_makes_an_accessor(add, project, monkeypatch):
    job = project(job=USES["argument"])
    add(pd.DataFrame, "accessor", 1)
    before = code_identity(job.f).digest
    monkeypatch.setattr(vars(pd.DataFrame)["zz"], "_accessor", project(access=ACCESSOR.format(2)).Access)
    assert code_identity(job.f).digest == fresh_code_identity(job.f).digest != before


@pytest.mark.parametrize("base", [pd.DataFrame.__base__, pd.Series.__mro__[1]], ids=_label)
@pytest.mark.parametrize("how", ["method", "prop"])
def test_what_is_set_on_what_a_class_of_tables_is_derived_from(base, how, add, project):
    """Before the first identity: afterwards only what is there by then is watched."""
    job = project(job=USES["argument"])
    digests = {fresh_code_identity(job.f).digest}
    for number in (1, 2):
        module = add(base, how, number)
        digests.add(fresh_code_identity(job.f).digest)
    before = code_identity(job.f)
    assert code_identity(job.f) is before
    module.K = 3
    assert code_identity(job.f).digest == fresh_code_identity(job.f).digest not in digests
    assert len(digests) == 3


@pytest.mark.parametrize("value", [2, "b", (1, [2]), {"a": 2}, [print], None], ids=repr)
def test_a_value_that_is_set_on_a_class_of_tables_counts(value, project, monkeypatch):
    job = project(job="def f(df):\n    return df.unit\n")
    digests = [code_identity(job.f).digest]
    for each in (1, value):
        monkeypatch.setattr(pd.DataFrame, "unit", each, raising=False)
        digests.append(code_identity(job.f).digest)
        assert digests[-1] == fresh_code_identity(job.f).digest
    assert len(set(digests)) == 3


def test_a_value_of_the_librarys_own_does_not_count(project):
    job = project(job="def f(df):\n    return df._typ, df.__doc__, df.ndim\n")
    assert not [label for label in code_identity(job.f).manifest if "pandas" in label]


def test_an_added_name_counts_though_another_was_deleted(add, project, monkeypatch):
    """Which leaves the class as long as it was."""
    job = project(job=USES["argument"])
    add(pd.DataFrame, "method", name="yy")
    before = code_identity(job.f)
    assert code_identity(job.f) is before
    monkeypatch.delattr(pd.DataFrame, "yy")
    add(pd.DataFrame, "method", name="zz")
    assert code_identity(job.f).digest == fresh_code_identity(job.f).digest != before.digest


def test_a_getter_that_is_the_function_itself(add):
    """No code leads to it: it is what is called."""
    getter = operator.attrgetter("zz")
    before = fresh_code_identity(getter).digest
    add(pd.DataFrame, "prop")
    assert fresh_code_identity(getter).digest != before


MET = [pd.api.typing.DataFrameGroupBy, pd.api.typing.SeriesGroupBy, pd.api.typing.Rolling, xr.Dataset, xr.DataArray]


@pytest.mark.parametrize("cls", MET, ids=_label)
def test_what_is_set_on_classes_that_tables_lead_to(cls, add, project):
    job = project(job="def f(df):\n    return df.groupby('a').zz()\n")
    digests = {fresh_code_identity(job.f).digest}
    for number in (1, 2):
        module = add(cls, "method", number)
        digests.add(fresh_code_identity(job.f).digest)
    assert len(digests) == 3
    before = code_identity(job.f)
    assert code_identity(job.f) is before
    module.K = 3
    assert code_identity(job.f).digest == fresh_code_identity(job.f).digest not in digests
