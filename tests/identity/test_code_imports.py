"""What a function imports while it runs: the same whether somebody imported it before, and never an older answer."""

import importlib
import json
import math
import os
import random
import subprocess
import sys

import pytest

from consist.identity.code import code_identity, fresh_code_identity

MODULE = """
def a_function():
    import colorsys
    return colorsys.rgb_to_hsv(1, 0, 0)
def an_alias():
    import colorsys as c
    return c.rgb_to_hsv(1, 0, 0)
def a_constant():
    import colorsys
    return colorsys.ONE_THIRD
def names():
    from http.client import HTTPConnection, OK
    return HTTPConnection, OK
def a_module():
    import http.client
    return http.client.HTTPConnection
def of_another():
    import statistics
    return statistics.mean([1]), statistics.NormalDist, statistics.sqrt
def whole():
    import wave
    return wave
def pandas():
    import pandas as pd
    return pd.DataFrame({"a": [1]}).sum(), pd.concat, pd.NA
def numpy():
    import numpy as np
    from numpy.linalg import svd
    return np.add, np.pi, np.nan, np.newaxis, np.array, np.mean, np.ndarray, svd, np.random.default_rng
def scipy():
    import scipy.optimize
    return scipy.optimize.brentq
def scipy_from():
    from scipy import optimize
    return optimize.brentq
def scipy_distribution():
    from scipy.stats import norm
    return norm.cdf(0)
def scipy_distributions():
    import scipy.stats as st
    return st.norm.cdf(0), st.poisson(2).pmf(1), st.t
def sklearn():
    import sklearn.linear_model as lm
    return lm.LogisticRegression()
def chance():
    import random
    return random.random()
def networkx():
    import networkx as nx
    return nx.path_graph(3)
def matplotlib():
    import matplotlib.pyplot as plt
    return plt.cm.viridis, plt.colormaps["viridis"], plt.rcParams["font.size"], plt.subplots()
"""
CASES = {
    "a_function": "colorsys",
    "an_alias": "colorsys",
    "a_constant": "colorsys",
    "names": "http.client",
    "a_module": "http.client",
    "of_another": "statistics",
    "whole": "wave",
    "pandas": "pandas",
    "numpy": "numpy.random",
    "scipy": "scipy.optimize",
    "scipy_from": "scipy.optimize",
    "scipy_distribution": "scipy.stats",
    "scipy_distributions": "scipy.stats",
    "sklearn": "sklearn.linear_model",
    "chance": "random",
    "networkx": "networkx",
    "matplotlib": "matplotlib.pyplot",
}
PROGRAM = """
import importlib, json, sys
sys.path.insert(0, ".")
import job
from consist.identity.code import code_identity
cases = json.loads(sys.argv[1])
if sys.argv[2] == "imported":
    for name in cases.values():
        importlib.import_module(name)
before = set(sys.modules)
found = {name: code_identity(getattr(job, name)) for name in cases}
roots = {name.partition(".")[0] for name in cases.values()}
imported = [name for name in sys.modules if name not in before and name.partition(".")[0] in roots]
print(json.dumps([imported, {name: [each.digest.hex, list(each.manifest)] for name, each in found.items()}]))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imports")
    (folder / "job.py").write_text(MODULE)
    found = []
    for order in ("imported", "not imported"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, json.dumps(CASES), order],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        )
        imported, identities = json.loads(done.stdout)
        assert not imported, "the walk imports no library"
        found.append(identities)
    return found


@pytest.mark.parametrize("case", CASES)
def test_what_was_imported_before_does_not_matter(case, answers):
    imported, not_imported = (answer[case] for answer in answers)
    assert imported == not_imported


def test_labels_are_as_written(answers):
    for labels in (answers[1][name][1] for name in ("scipy", "scipy_from")):
        assert "scipy.optimize.brentq (used by job." in " ".join(labels)
    assert "colorsys.rgb_to_hsv (used by job.an_alias)" in answers[0]["an_alias"][1]


@pytest.fixture
def fresh_colorsys(monkeypatch):
    """A `colorsys` that nobody has imported, and that is as it was afterwards."""
    known = sys.modules.pop("colorsys", None)
    yield
    sys.modules.pop("colorsys", None)
    if known is not None:
        sys.modules["colorsys"] = known


PATCHES = {
    "a function of the project": lambda module: setattr(module, "rgb_to_hsv", lambda *_: (0, 0, 77)),
    "another function of the library": lambda module: setattr(module, "rgb_to_hsv", module.rgb_to_hls),
    "a function of another library": lambda module: setattr(module, "rgb_to_hsv", math.hypot),
    "a number": lambda module: setattr(module, "ONE_THIRD", 0.3),
}


@pytest.mark.parametrize("patch", PATCHES)
@pytest.mark.usefixtures("fresh_colorsys")
def test_a_module_that_is_imported_and_patched_later(patch, project):
    job = project(
        job="def f(n):\n    import colorsys\n    return colorsys.rgb_to_hsv(n, 0, 0)[2], colorsys.ONE_THIRD\n"
    )
    before = code_identity(job.f).digest
    assert job.f(3) == (3, 1 / 3)
    import colorsys

    assert code_identity(job.f).digest == before
    PATCHES[patch](colorsys)
    after = code_identity(job.f).digest
    assert after == fresh_code_identity(job.f).digest
    assert after != before


@pytest.mark.parametrize(
    ("module", "name"), [("math", "pi"), ("numpy", "pi"), ("numpy", "nan"), ("http.client", "HTTP_PORT")]
)
def test_a_number_of_a_library_that_the_project_sets(module, name, project, monkeypatch):
    job = project(job=f"def f():\n    import {module} as m\n    return m.{name}\n")
    found = importlib.import_module(module)
    before = code_identity(job.f).digest
    assert code_identity(job.f).digest == before
    monkeypatch.setattr(found, name, 3)
    after = code_identity(job.f).digest
    assert after == fresh_code_identity(job.f).digest != before


def test_a_class_of_a_library_that_the_project_patches(project, monkeypatch):
    import http.client

    job = project(job="def f():\n    from http.client import HTTPConnection\n    return HTTPConnection\n")
    before = code_identity(job.f).digest
    patch = project(patch="def request(self):\n    return 1\n").request
    monkeypatch.setattr(http.client.HTTPConnection, "request", patch)
    after = code_identity(job.f).digest
    assert after == fresh_code_identity(job.f).digest != before


@pytest.mark.parametrize("body", ["import pkg", "import pkg\n    return getattr(pkg, 'fn')()"])
def test_submodules_that_somebody_imported_do_not_count(body, tmp_path, monkeypatch, project):
    def ask(init, *imported, mid=1):
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}" / "pkg"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(init)
        (folder / "other.py").write_text("A = 1\n")
        (folder / "mid.py").write_text(f"B = {mid}\n")
        monkeypatch.syspath_prepend(str(folder.parent))
        for name in [name for name in sys.modules if name.partition(".")[0] == "pkg"]:
            monkeypatch.delitem(sys.modules, name)
        job = project(job=f"def f():\n    {body}\n")
        for name in imported:
            importlib.import_module(name)
        return code_identity(job.f).digest

    init = "from . import mid\ndef fn():\n    return mid.B\n"
    before = ask(init)
    assert ask(init, "pkg.other") == before
    assert ask(init, "pkg.other", "pkg.mid") == before
    assert ask(init, mid=2) != before, "what the package itself imports counts"
    assert ask("from . import mid, other\ndef fn():\n    return mid.B\n") != before


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("body", ["from {}util import K; return K", "from {} import util; return util.K"])
@pytest.mark.usefixtures("project")  # which forgets the modules again
def test_a_relative_import_from_packages_further_up(body, level, tmp_path, monkeypatch):
    digests = []
    for number in (1, 1, 2):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        deep = folder / "top" / "mid" / "low"
        deep.mkdir(parents=True)
        for place in (deep, *deep.parents[:2]):
            (place / "__init__.py").touch()
        (deep, *deep.parents)[level - 1].joinpath("util.py").write_text(f"K = {number}\n")
        (deep / "job.py").write_text(f"def f():\n    {body.format('.' * level)}\n")
        monkeypatch.syspath_prepend(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == "top"]:
            del sys.modules[name]
        job = importlib.import_module("top.mid.low.job")
        digests.append(code_identity(job.f).digest)
        assert job.f() == number
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("body", ["import random\n    return random.choice(x)", "return random.choice(x)"])
def test_a_patched_class_behind_a_method_that_a_library_shows(body, project, monkeypatch):
    job = project(job=f"import random\ndef f(x):\n    {body}\n")
    before = code_identity(job.f).digest
    patch = project(patch="def below(self, n):\n    return 0\n").below
    monkeypatch.setattr(random.Random, "_randbelow", patch)
    after = code_identity(job.f).digest
    assert after == fresh_code_identity(job.f).digest != before


def test_a_number_that_a_library_binds_twice_and_the_project_binds_as_it_was_first(install, project):
    install("twice", "1.0", "X = 1\nX = 2\n")
    job = project(job="def f():\n    import twice\n    return twice.X\n")
    before = code_identity(job.f).digest
    assert job.f() == 2
    sys.modules["twice"].X = 1
    assert code_identity(job.f).digest == fresh_code_identity(job.f).digest != before
