"""What `code_identity` says beside the digest, its options, and consist's own objects."""

import itertools
import sys
import types

import pytest

from consist.errors import InputError
from consist.hashing.digest import Digest
from consist.hashing.hasher import hash_bytes
from consist.identity.code import CodeIdentity, code_identity, fresh_code_identity


def _changed(before, after):
    labels = before.manifest.keys() | after.manifest.keys()
    return {label for label in labels if before.manifest.get(label) != after.manifest.get(label)}


def test_the_manifest_names_the_parts(project):
    project(util="SCALE = 2\ndef norm(x):\n    return x / SCALE\n")
    module = project(job="import util\nimport numpy as np\ndef f(x, y=1):\n    return util.norm(np.sqrt(x)) + y\n")
    manifest = code_identity(module.f).manifest
    assert {"job.f", "job.f (defaults)", "util.norm", "util:SCALE (used by util.norm)"} <= manifest.keys()
    assert f"python {sys.version_info[0]}.{sys.version_info[1]}" in manifest
    assert any(label.startswith("numpy ") for label in manifest)
    assert all(isinstance(digest, Digest) for digest in manifest.values())


@pytest.mark.parametrize(
    ("change", "labels"),
    [
        (lambda util: setattr(util, "SCALE", 3), {"util:SCALE (used by util.norm)"}),
        (lambda util: setattr(util.norm, "__code__", (lambda x: x).__code__), {"util.norm"}),
        (lambda util: setattr(util.Model, "rate", 2), {"util.Model.rate"}),
        (lambda util: setattr(util.Model.run, "__code__", (lambda _self: 3).__code__), {"util.Model.run"}),
        (lambda util: util.TABLE["a"].append(3), {"util:TABLE (used by util.norm)"}),
    ],
    ids=["global", "helper", "class attribute", "method", "table"],
)
def test_a_change_shows_where_it_is(change, labels, project):
    util = project(
        util="""
        SCALE = 2
        TABLE = {"a": [1]}
        class Model:
            rate = 1
            def run(self):
                return self.rate
        def other():
            return SCALE
        def norm(x):
            return x / SCALE + Model().run() + TABLE["a"][0]
        """
    )
    module = project(job="import util\ndef f(x):\n    return util.norm(x)\n")
    before = code_identity(module.f)
    change(util)
    changed = _changed(before, code_identity(module.f))
    if "util.norm" in labels:
        # Its globals go with its code, but f and the rest are as they were.
        assert {label for label in changed if "used by" not in label} - {"util.Model", "util.Model.run"} >= labels
        assert "job.f" not in changed
    else:
        assert changed == labels


def test_consist_objects_are_a_token(project):
    source = "from consist.errors import UsageError\nKEY = UsageError(str({}))\ndef f(x):\n    return KEY, UsageError\n"
    one = code_identity(project(job=source.format(1)).f)
    two = code_identity(project(job=source.format(2)).f)
    assert one.digest == two.digest
    assert not one.uncacheable
    assert not any("Digest" in label and "(bases)" in label for label in one.manifest), "nothing of consist is walked"


@pytest.fixture
def step_module(monkeypatch):
    """Install a module of consist that wraps functions as a step does."""
    module = types.ModuleType("consist.pretended")
    source = """
import functools
class Step:
    def __init__(self, fn):
        self.__wrapped__ = fn
        self.runs = []
    def __call__(self, *args):
        self.runs.append(args)
        return self.__wrapped__(*args)
def step(fn):
    @functools.wraps(fn)
    def inner(*args):
        return fn(*args)
    inner.history = []
    return inner
class Tracker:
    def __init__(self):
        self.lock = iter(())
    def run(self, fn):
        return fn
    def define_step(self, fn):
        return Step(fn)
"""
    exec(source, vars(module))  # noqa: S102 - a module without a file
    monkeypatch.setitem(sys.modules, "consist.pretended", module)
    return module


@pytest.mark.parametrize("wrapper", ["Step", "step", "tracker.define_step"])
def test_a_step_counts_as_the_function_that_it_wraps(wrapper, step_module, project):
    source = """
    from consist.pretended import Step, step, Tracker
    tracker = Tracker()
    def plain(x):
        return x + {n}
    wrapped = {wrapper}(plain)
    def f(x):
        return wrapped(x)
    """
    one = project(job=source.format(n=1, wrapper=wrapper))
    two = project(job=source.format(n=2, wrapper=wrapper))
    assert fresh_code_identity(one.wrapped).digest == fresh_code_identity(one.plain).digest
    assert fresh_code_identity(one.wrapped).digest != fresh_code_identity(two.wrapped).digest
    assert fresh_code_identity(one.f).digest != fresh_code_identity(two.f).digest
    before = code_identity(one.f)
    one.f(1)
    assert code_identity(one.f) is before


def test_a_tracker_in_reach_changes_nothing(step_module, project):
    source = """
    from consist.pretended import Tracker
    import consist
    tracker = Tracker()
    result = [tracker.run(1)]
    run = tracker.run
    def f(x):
        return tracker.run(x), run, consist, Tracker
    class Mine(Tracker):
        def extra(self):
            return {n}
    mine = Mine()
    def g(x):
        return mine.extra()
    """
    one, two = project(job=source.format(n=1)), project(job=source.format(n=2))
    assert not code_identity(one.f).uncacheable
    assert not code_identity(one.g).uncacheable
    assert code_identity(one.f).digest == code_identity(two.f).digest
    assert code_identity(one.g).digest != code_identity(two.g).digest, "the subclass is the project's code"


def test_version_takes_the_place_of_the_walk(project):
    one = project(job="K = 1\ndef f(x):\n    return K\n")
    two = project(job="K = 2\ndef f(x):\n    return K * 2\ndef g(x):\n    return 1\n")
    assert code_identity(one.f, version="1").digest == code_identity(two.f, version="1").digest
    assert code_identity(one.f, version="1").digest != code_identity(one.f, version="2").digest
    assert code_identity(one.f, version="1").digest != code_identity(one.f).digest
    assert code_identity(two.f, version="1").digest != code_identity(two.g, version="1").digest
    assert code_identity(one.f, version="1", code=[two.g]).digest != code_identity(one.f, version="1").digest


def test_code_adds_to_what_counts(project, tmp_path):
    helper = project(helper="def g(x):\n    return 1\n")
    module = project(job="def f(x):\n    return x\n")
    plain = code_identity(module.f)
    file = tmp_path / "table.csv"
    file.write_text("a")
    for extra in (helper, helper.g, file, "a text"):
        assert code_identity(module.f, code=[extra]).digest != plain.digest
    by_module, by_file = code_identity(module.f, code=[helper]), code_identity(module.f, code=[file])
    helper.g.__code__ = (lambda _x: 2).__code__
    file.write_text("b")
    assert code_identity(module.f, code=[helper]).digest != by_module.digest
    assert code_identity(module.f, code=[file]).digest != by_file.digest
    assert code_identity(module.f, code=["a text"]).digest != code_identity(module.f, code=["b text"]).digest


@pytest.mark.parametrize("ignored", ["util.SCALE", "SCALE"])
def test_ignore_leaves_a_value_out(ignored, project):
    project(util="SCALE = 2\nOTHER = 1\n")
    module = project(job="from util import SCALE\nimport util\ndef f(x):\n    return util.SCALE, util.OTHER\n")
    if ignored == "SCALE":
        module.f.__code__ = (lambda _x: SCALE).__code__  # noqa: F821 - a global of the module
    before = code_identity(module.f, ignore=[ignored])
    module.util.SCALE = module.SCALE = 3
    assert code_identity(module.f, ignore=[ignored]).digest == before.digest
    assert code_identity(module.f).digest != before.digest
    module.util.OTHER = 5
    assert (code_identity(module.f, ignore=[ignored]).digest == before.digest) == (ignored == "SCALE")


def test_ignore_takes_objects_functions_and_class_attributes(project):
    module = project(
        job="""
        BIG = [1]
        class A:
            cache = {}
            def m(self):
                return len(self.cache)
        def helper(x):
            return x
        def f(x):
            return BIG, A().m(), helper(x)
        """
    )
    options = {"ignore": [module.BIG, "job.A.cache", "job.helper"]}
    before = code_identity(module.f, **options)
    module.BIG.append(2)
    module.A.cache["a"] = 1
    module.helper.__code__ = (lambda x: x + 1).__code__
    assert code_identity(module.f, **options).digest == before.digest == fresh_code_identity(module.f, **options).digest


def test_ignore_of_nothing_is_told(project):
    module = project(job="def f(x):\n    return x\n")
    assert any("job.TYPO" in warning for warning in code_identity(module.f, ignore=["job.TYPO"]).warnings)


def test_files_of_one_name_are_told_apart(project, tmp_path):
    module = project(job="def f():\n    return 1\n")
    files = [tmp_path / name / "t.txt" for name in ("a", "b", "c")]
    for file in files:
        file.parent.mkdir()
        file.write_text("1")
    before = code_identity(module.f, code=files[:1], depends_on=files[1:]).manifest
    for file, label in zip(files, ("file t.txt", "file t.txt #2", "file t.txt #3"), strict=True):
        file.write_text("2")
        after = code_identity(module.f, code=files[:1], depends_on=files[1:]).manifest
        assert [name for name in after if after[name] != before[name]] == [label]
        file.write_text("1")


def test_depends_on_counts_content(project, tmp_path):
    module = project(job="def f(x):\n    return open('d').read()\n")
    file, folder = tmp_path / "d.txt", tmp_path / "data"
    folder.mkdir()
    file.write_text("a")
    (folder / "x").write_text("1")
    before = code_identity(module.f, depends_on=[str(file), folder])
    assert code_identity(module.f, depends_on=[file, folder]).digest == before.digest
    assert "file d.txt" in before.manifest
    (folder / "x").rename(folder / "y")
    renamed = code_identity(module.f, depends_on=[file, folder])
    assert _changed(before, renamed) == {"file data"}
    file.write_text("b")
    assert code_identity(module.f, depends_on=[file, folder]).digest not in {before.digest, renamed.digest}
    with pytest.raises(InputError, match=r"missing\.txt"):
        code_identity(module.f, depends_on=[tmp_path / "missing.txt"])


@pytest.mark.parametrize(
    ("setup", "use", "named"),
    [
        ("LOG = open(__import__('os').devnull)", "LOG.name", "job:LOG"),
        ("G = (i for i in range(3))", "list(G)", "job:G"),
        ("import itertools\nN = itertools.count()", "next(N)", "job:N"),
        ("import socket\nS = socket.socket()\nS.close()", "S", "job:S"),
        ("D = {'a': [1, (i for i in ())]}", "D", 'job:D (used by job.f)["a"][1]'),
        ("class P:\n    pass\nP.o = P()\nP.o.it = iter([1])", "P.o.it", "job.P.o.it"),
        ("import numpy as np\nU = np.frompyfunc(lambda x: x, 1, 1)", "U(x)", "job:U"),
    ],
    ids=["file", "generator", "counter", "socket", "nested", "attribute", "ufunc"],
)
def test_what_cannot_be_hashed_is_named_with_the_ways_out(setup, use, named, project):
    module = project(job=f"{setup}\ndef f(x):\n    return {use}\n")
    (message,) = code_identity(module.f).uncacheable
    getattr(getattr(module, "LOG", None), "close", int)()
    assert named in message
    for way_out in ("argument", "ignore=", "version="):
        assert way_out in message
    if named.startswith("job:"):
        name = named[4:].partition(" ")[0]
        assert not code_identity(module.f, ignore=[f"job.{name}"]).uncacheable


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("eval('1')", "eval"),
        ("exec('1')", "exec"),
        ("__import__('math')", "__import__"),
        ("importlib.import_module('math')", "import_module"),
        ("sys.modules['math']", "sys.modules"),
        ("os.environ['HOME']", "environ"),
        ("os.getenv('HOME')", "getenv"),
        ("open('a')", "open"),
        ("pathlib.Path('a').read_text()", "read_text"),
        ("time.time()", "time.time"),
        ("time.perf_counter()", "perf_counter"),
        ("datetime.datetime.now()", "now"),
        ("random.random()", "random"),
        ("np.random.rand()", "numpy.random"),
        ("uuid.uuid4()", "uuid4"),
        ("subprocess.run(['a'])", "subprocess"),
        ("pathlib.Path('a').open()", "reads or writes files (open)"),
        ("io.open('a')", "reads or writes files (open)"),
        ("gzip.open('a')", "reads or writes files (open)"),
        ("unzip('a')", "reads or writes files (open)"),
        ("pd.read_pickle('a')", "reads files (read_pickle)"),
        ("pd.read_table('a')", "reads files (read_table)"),
        ("pd.read_feather('a')", "reads files (read_feather)"),
        ("pd.read_hdf('a')", "reads files (read_hdf)"),
        ("pd.read_sql('a', 'b')", "reads files (read_sql)"),
        ("pq.read_table('a')", "reads files (read_table)"),
        ("sqlite3.connect('a')", "sqlite3.connect"),
        ("os.walk('a')", "lists files (os.walk)"),
        ("os.stat('a')", "looks at files (os.stat)"),
        ("inspect.stack()", "looks at its caller (inspect.stack)"),
        ("inspect.getsource(x)", "looks at source text (getsource)"),
        ("x.__code__.co_firstlineno", "looks at line numbers (co_firstlineno)"),
        ("x.f_lineno", "looks at line numbers (f_lineno)"),
        ("runpy.run_path('a')", "runs files as code"),
        ("os.environb[b'HOME']", "reads the environment (os.environb)"),
        ("np.random.default_rng().random()", "draws random numbers (numpy.random.default_rng)"),
        ("np.random.default_rng(None).random()", "draws random numbers (numpy.random.default_rng)"),
        ("np.random.default_rng(seed=None).random()", "draws random numbers (numpy.random.default_rng)"),
        ("np.random.RandomState(None).rand()", "draws random numbers (numpy.random.RandomState)"),
        ("random.Random().random()", "draws random numbers (random.Random)"),
        ("random.Random(None).random()", "draws random numbers (random.Random)"),
        ("SYSTEM.random()", "draws random numbers (random.SystemRandom)"),
        ("SCENARIO.coupler.keys()", "reads what other steps made (coupler)"),
        ("TRACKER.find_runs()", "asks for earlier runs (find_runs)"),
        ("[Random().random() for _ in x]", "draws random numbers (job.Random)"),
    ],
)
def test_dynamic_features_are_reported(body, word, project):
    imports = (
        "import datetime, gzip, importlib, inspect, io, os, pathlib, random, runpy, sqlite3, subprocess, sys, time\n"
        "import uuid\n"
        "from gzip import open as unzip\nfrom random import Random\n"
        "import numpy as np\nimport pandas as pd\nimport pyarrow.parquet as pq\nSYSTEM = random.SystemRandom()\n"
        "SCENARIO, TRACKER = [], []\n"
    )
    direct = project(job=f"{imports}def f(x):\n    return {body}\n")
    warnings = code_identity(direct.f).warnings
    assert any(word in warning and warning.startswith("job.f ") for warning in warnings), warnings
    behind = project(job=f"{imports}def g(x):\n    return {body}\ndef f(x):\n    return g(x)\n")
    assert any(word in warning and warning.startswith("job.g ") for warning in code_identity(behind.f).warnings)


@pytest.mark.parametrize("body", ["pl.scan_parquet('a')", "pl.read_ipc('a')"])
def test_what_polars_reads_is_reported(body, project):
    pytest.importorskip("polars")
    (warning,) = code_identity(project(job=f"import polars as pl\ndef f(x):\n    return {body}\n").f).warnings
    assert warning == f"job.f reads files ({body[3:].partition('(')[0]})"


def test_what_a_package_reads_that_is_not_imported_yet_is_reported(project, monkeypatch):
    pytest.importorskip("networkx")
    module = project(job="def f(x):\n    import networkx as nx\n    return nx.read_gml(x)\n")
    monkeypatch.delitem(sys.modules, "networkx")
    assert code_identity(module.f).warnings == ("job.f reads files (read_gml)",)
    assert "networkx" not in sys.modules


def test_what_a_session_of_requests_asks_is_reported(project):
    pytest.importorskip("requests")
    module = project(job="import requests\ndef f(x):\n    return requests.Session().get(x)\n")
    assert code_identity(module.f).warnings == ("job.f talks to the network (requests)",)
    module = project(
        job="import requests\nclass Ours(requests.Session):\n    pass\nS = Ours()\ndef f(x):\n    S.get(x)\n"
    )
    assert code_identity(module.f).warnings == ("job.f talks to the network (requests)",)


@pytest.mark.parametrize(
    "body",
    [
        "x + 1",
        "np.random.default_rng([None]).random()",
        "str(np.random.default_rng(1).choice(None))",
        "len(HEADERS)",
        "np.random.default_rng(1).random()",
        "np.random.default_rng(seed=1).random()",
        "random.Random(1).random()",
        "isinstance(x, (random.Random, np.random.Generator))",
        "time.sleep(0)",
        "print(x)",
        "read_row(x) + scan_row(x) + open(x)",
        "x.read_count + x.scan_lines() + x.opened",
        "ast.walk(x)",
        "signal.connect(x)",
    ],
)
def test_what_is_harmless_is_not_reported(body, project):
    module = project(
        job="import ast, random, time\nimport numpy as np\ndef read_row(x):\n    return x\n"
        "from requests.structures import CaseInsensitiveDict\nHEADERS = CaseInsensitiveDict()\n"
        f"scan_row = open = read_row\ndef f(x, signal=None):\n    return {body}\n"
    )
    assert code_identity(module.f).warnings == ()
    assert code_identity(module.f).uncacheable == ()
    assert not any("cython" in label for label in code_identity(module.f).manifest)


def test_a_large_global_gets_a_word(project):
    module = project(job="import numpy as np\nW = np.zeros(1 << 20)\ndef f(x):\n    return W[0]\n")
    (warning,) = code_identity(module.f).warnings
    assert "job:W" in warning
    assert "8 MiB" in warning


@pytest.mark.parametrize(
    "thing",
    [len, int, "".join, [1].append, print, dict.fromkeys, type, itertools.chain, str.upper, object, lambda x: x],
    ids=["len", "int", "join", "append", "print", "fromkeys", "type", "chain", "upper", "object", "lambda"],
)
def test_any_callable_has_an_identity(thing):
    found = code_identity(thing)
    assert isinstance(found, CodeIdentity)
    assert found.digest == fresh_code_identity(thing).digest


def test_deep_and_circular_values_end(project):
    module = project(
        job="""
        DEEP = []
        for _ in range(100_000):
            DEEP = [DEEP]
        LOOP = {}
        LOOP["me"] = LOOP
        class Node:
            pass
        A, B = Node(), Node()
        A.next, B.next = B, A
        SETS = [set()]
        def member():
            return SETS
        SETS[0].add(member)
        def deep(x):
            return DEEP
        def f(x):
            return LOOP, A, SETS
        """
    )
    assert not code_identity(module.f).uncacheable
    (message,) = code_identity(module.deep).uncacheable
    assert "job:DEEP" in message
    module.DEEP = None


def test_a_digest_is_of_code_and_not_of_hashing(project):
    """Guard against an identity that is constant, or random."""
    sources = [f"def f(x):\n    return x + {n}\n" for n in range(50)]
    first = [fresh_code_identity(project(job=source).f).digest for source in sources]
    again = [fresh_code_identity(project(job=source).f).digest for source in sources]
    assert first == again
    assert len(set(first)) == len(sources)
    assert hash_bytes(b"") not in first
