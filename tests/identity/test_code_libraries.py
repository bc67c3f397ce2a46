"""A library's functions that it decorated itself are its names; what the project put into one of them counts."""

import contextlib
import functools
import importlib
import random

import pytest

from consist.identity.code import code_identity, fresh_code_identity

LIBRARY = """
import functools

import pytest
SETTING = {}
def lazily(function):
    calls = []
    @functools.wraps(function)
    def wrapper(*args):
        if not calls:  # compiled when it is first called, as networkx does
            wrapper.__kwdefaults__ = {"compiled": True}
            wrapper.compiled = function
        calls.append(args)
        return function(*args)
    return wrapper
def scaled(factor):
    def scale(x):
        return factor * x
    return scale
@lazily
def double(x):
    return 2 * x
"""


def test_what_a_library_decorated_is_its_name(install, project):
    install("lazy_library", "1.0", LIBRARY)
    job = project(job="import lazy_library\ndef f(x):\n    return lazy_library.double(x)\n")
    before = code_identity(job.f)
    assert job.f(2) == 4
    assert code_identity(job.f) == before
    assert [label for label in before.manifest if "lazy" in label] == [
        "lazy_library.double (used by job.f)",
        "lazy-library 1.0",
    ]


def test_what_the_project_put_into_it_counts(install, project, monkeypatch):
    install("lazy_library", "1.0", LIBRARY)
    job = project(job="import lazy_library\ndef f(x):\n    return lazy_library.double(x)\n")
    digests = {code_identity(job.f).digest}
    for number in (3, 4):
        patch = project(**{f"patch{number}": f"def triple(x):\n    return {number} * x\n"}).triple
        # It says that it is the library's own, in every way that there is.
        patched = functools.wraps(job.lazy_library.double)(job.lazy_library.lazily(patch))
        monkeypatch.setattr(job.lazy_library, "double", patched)
        digests.add(code_identity(job.f).digest)
        assert code_identity(job.f).digest == fresh_code_identity(job.f).digest
    assert len(digests) == 3


def test_what_a_library_made_for_the_project_counts_by_its_setting(install, project):
    install("lazy_library", "1.0", LIBRARY)
    source = "import lazy_library\nscale = lazy_library.scaled({})\ndef f(x):\n    return scale(x)\n"
    two, three = (code_identity(project(job=source.format(factor)).f).digest for factor in (2, 3))
    assert two != three


TABLES = """
class Table:
    def __init__(self):
        self.rows = [[number, (number / 2, "x")] for number in range(3000)]
        self.ready = False
    def __call__(self, place):
        self.ready = True  # made ready when it is first used, as matplotlib's colour maps are
        return self.rows[place][0]
table = Table()
"""


@pytest.fixture
def asking_a_table(install, project):
    install("large_tables", "1.0", TABLES)
    return project(job="def f(x):\n    import large_tables\n    return large_tables.table(x)\n")


def test_an_object_of_a_library_is_its_name_however_large_it_is(asking_a_table):
    before = code_identity(asking_a_table.f)
    assert asking_a_table.f(2) == 2
    assert code_identity(asking_a_table.f) == fresh_code_identity(asking_a_table.f) == before


def test_what_the_project_put_into_a_large_object_counts(asking_a_table, project):
    digests = {code_identity(asking_a_table.f).digest}
    import large_tables

    for number in (3, 4):
        large_tables.table.rows[2999][1] = project(**{f"own{number}": f"def g(x):\n    return {number}\n"}).g
        digests.add(fresh_code_identity(asking_a_table.f).digest)
    assert len(digests) == 3


@pytest.mark.parametrize(
    "held", ["MINE = Mine({0})\ndef made():\n    return MINE\n", "def made():\n    return Mine({0})\n"]
)
def test_a_method_of_the_projects_own_in_a_librarys_module_counts_with_its_state(held, project, monkeypatch):
    source = "import random\nclass Mine(random.Random):\n    pass\n" + held
    job = project(job="import random\ndef f(x):\n    return random.choice(x)\n")
    digests = [code_identity(job.f).digest]
    for seed in (1, 2):
        monkeypatch.setattr(random, "choice", project(mine=source.format(seed)).made().choice)
        digests.append(code_identity(job.f).digest)
        assert digests[-1] == fresh_code_identity(job.f).digest
    assert len(set(digests)) == 3


COMPILED = ["duckdb.connect", "duckdb.DuckDBPyConnection.execute", "transforms.c2c"]
TRANSFORMS = ("scipy.fft._duccfft.pyduccfft", "scipy.fft._pocketfft.pypocketfft")  # from scipy 1.18 on, and before it


def module_of_transforms():
    for name in TRANSFORMS:
        with contextlib.suppress(ModuleNotFoundError):
            return importlib.import_module(name).__name__
    raise AssertionError(TRANSFORMS)


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("use", ["{}", "HELD"])
def test_a_function_that_nanobind_or_pybind_made_is_its_name(name, use, project):
    source = f"import duckdb\nimport {module_of_transforms()} as transforms\nHELD = {name}\n"
    job = project(job=f"{source}def f():\n    return {use.format(name)}\n")
    found = code_identity(job.f)
    assert not found.uncacheable
    assert code_identity(job.f) is found
    assert any(label.startswith(("duckdb ", "scipy ")) for label in found.manifest)
    other = project(job=f"{source}HELD = transforms.r2c\ndef f():\n    return HELD\n")
    assert code_identity(other.f).digest != found.digest


SETTINGS = """
import collections
OWN = "own"
LISTED = ["own"]
MADE = "-".join(["a", "b"])
from setting_parts import *
def __getattr__(name):
    raise AttributeError(name)
"""
SET = {"new": '"{}"', "OWN": '"{}"', "listed": '["{}"]', "kept": '{{"a": ("{}",)}}'}


@pytest.mark.parametrize("name", SET)
@pytest.mark.parametrize("use", ["settings.{}", "read({!r})"])
def test_a_text_or_container_that_the_project_set_on_a_librarys_module_counts(name, use, install, project):
    install("setting_parts", "1.0", "PART = 'part'\n")
    install("settings", "1.0", SETTINGS)
    read = f"def read(_):\n    from settings import {name}\n    return {name}\n"
    digests = set()
    for value in "xy":
        source = f"import settings\nsettings.{name} = {SET[name].format(value)}\n{read}"
        job = project(job=f"{source}def f():\n    return {use.format(name)}\n")
        digests.add(code_identity(job.f).digest)
        assert code_identity(job.f).digest == fresh_code_identity(job.f).digest
    setattr(job.settings, name, "z")
    digests.add(code_identity(job.f).digest)
    assert len(digests) == 3


@pytest.mark.parametrize("name", ["OWN", "LISTED", "MADE", "PART"])
def test_a_text_or_container_of_its_own_is_its_name(name, install, project):
    install("setting_parts", "1.0", "PART = 'part'\n")
    install("settings", "1.0", SETTINGS)
    job = project(job=f"import settings\ndef f():\n    return settings.{name}\n")
    before = code_identity(job.f)
    if name == "LISTED":
        job.settings.LISTED.append("more")  # which nobody can see
    elif name == "MADE":
        job.settings.MADE = "c"  # nor this
    assert fresh_code_identity(job.f) == before
