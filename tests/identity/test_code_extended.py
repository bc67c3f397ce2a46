"""What the project added to the classes of tables counts where code uses an attribute of that name, whatever of."""

import sys

import pandas as pd
import polars as pl
import pytest

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
