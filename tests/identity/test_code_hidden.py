"""What a module hides: a library's own instances behind its functions, parts loaded late, state that a thread has."""

import multiprocessing
import random
import re
import subprocess
import sys
import threading
import types
import warnings

import numpy as np
import pytest

from consist import Tracker
from consist.identity.code import code_identity, fresh_code_identity

EVERYDAY = """
import asyncio, collections, concurrent.futures, datetime, decimal, functools, itertools, json, logging, math
import multiprocessing, operator, os, pathlib, random, re, subprocess, sys, tempfile, threading, time, uuid, warnings
from multiprocessing import Pool
from random import shuffle
import numpy as np
LOCK, LOG = threading.Lock(), logging.getLogger(__name__)

def seeded(): random.seed(42); return random.random()
def seeded_numpy(): np.random.seed(42); return float(np.random.rand() + np.random.normal())
def shuffled(): x = [1, 2]; shuffle(x); return len(x)
def pool(): multiprocessing.get_start_method(); return Pool.__name__ + multiprocessing.Pool.__name__
def pool_of_context(): return multiprocessing.get_context("fork").Pool.__name__
def decimals(): decimal.getcontext().prec = 20; return str(decimal.Decimal(1) / 3)
def logs(): logging.getLogger("a").info("x"); LOG.info("y"); logging.info("z"); return 1
def warned():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.warn("x")
    return 1
def environment(): return os.environ.get("HOME")
def streams(): sys.stdout.write("x"); print("a", file=sys.stderr); return 1
def errstate():
    with np.errstate(all="ignore"): return 1
def clock(): return time.time()
def now(): return str(datetime.datetime.now())
def dumped(): return json.loads(json.dumps({"a": 1}))
def compiled(): return bool(re.compile("a").match("a")) and bool(re.match("b", "b"))
def cached():
    import fnmatch
    return fnmatch._compile_pattern("a") is not None and functools.lru_cache(abs)(-1)
async def _later(): await asyncio.sleep(0); return 1
def awaited(): return asyncio.run(_later())
def locked():
    with threading.Lock(), LOCK: return 1
def folder(): return str(pathlib.Path.cwd())
def program(): return subprocess.run([sys.executable, "-c", ""]).returncode
def unique(): return str(uuid.uuid4())
def temporary(): return len(tempfile.mkdtemp(dir=os.getcwd()))
def workers():
    with concurrent.futures.ThreadPoolExecutor(1) as made: return made.submit(abs, -1).result()
def processes(): return concurrent.futures.ProcessPoolExecutor.__name__
def iterated(): return list(itertools.chain([1], itertools.islice(itertools.count(), 2)))
def operated(): return operator.itemgetter(0)([1]) + operator.add(1, 2)
def mathematics(): return math.sqrt(2) + math.pi
def counted(): return dict(collections.Counter("aab"))
"""
NAMES = re.findall(r"^def (\w+)", EVERYDAY, flags=re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_everyday_functions_hit(name, project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state = random.getstate(), np.random.get_state()  # noqa: NPY002 - the one that is seeded
    module = project(everyday=EVERYDAY)
    tracker = Tracker(run_dir=tmp_path / "runs", db_path=tmp_path / "index.lmdb", durable=False)
    try:
        with warnings.catch_warnings(record=True) as given:
            warnings.simplefilter("always")
            first = tracker.run(getattr(module, name))
            second = tracker.run(getattr(module, name))
    finally:
        tracker.close()
        random.setstate(state[0])
        np.random.set_state(state[1])  # noqa: NPY002 - the same
    assert (first.cache_hit, second.cache_hit) == (False, True)
    assert not [str(one.message) for one in given if "changed what its own identity" in str(one.message)]


def _digest(value):
    def reader():
        return V  # noqa: F821 - a global that is given below

    return fresh_code_identity(types.FunctionType(reader.__code__, {"V": value, "__name__": "job"})).digest


def test_methods_that_a_library_shows_are_told_apart():
    shown = [random.seed, random.shuffle, random.random, np.random.normal, np.random.uniform, multiprocessing.Pool]
    shown += [multiprocessing.Queue, random.Random.seed, random.Random(3).seed]  # noqa: S311 - no secret
    assert len({_digest(value) for value in shown}) == len(shown)


def test_chance_is_still_reported(project):
    job = "import random\nfrom random import shuffle\nfrom numpy.random import normal\nimport numpy as np\n"
    for use in ("random.seed(1)", "shuffle([])", "normal()", "np.random.seed(1)"):
        module = project(job=f"{job}def f():\n    {use}\n")
        assert any("draws random numbers" in warning for warning in code_identity(module.f).warnings), use


@pytest.mark.parametrize("base", ["Random", "SystemRandom"])
@pytest.mark.parametrize("made", ["self.k + 2", "self.k + 1"], ids=["code", "attribute"])
def test_a_generator_of_the_projects_counts_with_code_and_attributes(base, made, project):
    """A generator of the system's has no state; what a subclass has beside it decides what is drawn."""
    source = (
        "import random\nclass Dice(random.{base}):\n    k = 0\n    def roll(self):\n        return {made}\n"
        "DICE = Dice()\nDICE.k = {k}\ndef f():\n    return DICE.roll()\n"
    )
    before = project(job=source.format(base=base, made="self.k + 1", k=1))
    if base == "Random":
        before.DICE.seed(1)
    identity = code_identity(before.f).digest
    after = project(job=source.format(base=base, made=made, k=2 if made == "self.k + 1" else 1))
    if base == "Random":
        after.DICE.seed(1)
    assert code_identity(after.f).digest != identity


TOKENS = ["logging.Handler", "logging.Formatter", "threading.Event", "queue.Queue", "concurrent.futures.Executor"]
DERIVED = """
import concurrent.futures, logging, queue, threading
class Own({base}):
    def __init__(self, k, level):
        super().__init__()
        self.k, self.level, self.me = k, level, self
        self.thread = threading.Thread()
X = Own({k}, 10)
def f():
    return X.k
"""


@pytest.mark.parametrize("base", TOKENS)
def test_what_a_class_of_the_project_adds_to_a_token_counts(base, project):
    """Loggers, locks and executors count by their type, but not what the project's own class keeps beside them."""
    first, second, again = (project(job=DERIVED.format(base=base, k=k)) for k in (1, 2, 1))
    before = code_identity(first.f)
    assert before.digest == code_identity(again.f).digest != code_identity(second.f).digest
    assert not before.uncacheable
    first.X.level = 20  # which the project's own method sets, too
    assert code_identity(first.f).digest == fresh_code_identity(first.f).digest != before.digest


@pytest.mark.parametrize("deed", [lambda event: event.set(), lambda event: event.wait(0)], ids=["set", "wait"])
def test_what_a_token_keeps_itself_does_not_count(deed, project):
    source = "import threading\nclass Own(threading.Event):\n    k = 1\nX = Own()\ndef f():\n    return X.k\n"
    module = project(job=source)
    before = fresh_code_identity(module.f).digest
    deed(module.X)
    assert fresh_code_identity(module.f).digest == before


@pytest.mark.parametrize("make", [random.Random, np.random.default_rng, np.random.RandomState])
def test_a_generator_of_the_project_counts_by_its_state(make):
    assert _digest(make(3)) == _digest(make(3)) != _digest(make(4))
    name = "random" if hasattr(make(3), "random") else "rand"
    assert _digest(getattr(make(3), name)) == _digest(getattr(make(3), name)) != _digest(getattr(make(4), name))


def test_a_method_of_the_project_in_a_librarys_module_counts(project, monkeypatch):
    module = project(job="import random\ndef f():\n    return random.gauss(0, 1)\n")
    digests = [code_identity(module.f).digest]
    for seed in (1, 2):
        monkeypatch.setattr(random, "gauss", random.Random(seed).gauss)  # noqa: S311 - no secret
        digests.append(code_identity(module.f).digest)
    for step in (1, 2):
        patch = project(patch=f"def gauss(self, mean, sigma):\n    return {step}\n").gauss
        monkeypatch.setattr(random, "gauss", types.MethodType(patch, random._inst))
        digests.append(code_identity(module.f).digest)
    assert len(set(digests)) == 5


def test_a_patched_class_behind_a_librarys_method_counts(project, monkeypatch):
    module = project(job="import random\ndef f(x):\n    return random.shuffle(x)\n")
    before = code_identity(module.f).digest
    monkeypatch.setattr(random.Random, "_randbelow", project(patch="def p(self, n):\n    return 0\n").p)
    assert code_identity(module.f).digest == fresh_code_identity(module.f).digest != before


@pytest.mark.parametrize("use", ["concurrent.futures.ProcessPoolExecutor", "np.random.normal"])
def test_what_a_module_loads_when_asked_is_the_same_before_and_after(use, tmp_path):
    (tmp_path / "job.py").write_text(f"import concurrent.futures\nimport numpy as np\ndef f():\n    return {use}\n")
    script = (
        "import job\nfrom consist.identity.code import fresh_code_identity as identity\n"
        "before = identity(job.f)\njob.f()\nafter = identity(job.f)\n"
        "assert not [label for label in before.manifest if 'missing' in label]\nassert before == after\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)


LOCALS = """
import contextvars, threading
class Mine(threading.local):
    default = 0
    def __init__(self):
        self.seen = 0
D, M = threading.local(), Mine()
D.x = [1]
V = contextvars.ContextVar("v")
W = contextvars.ContextVar("w", default=1)
get = V.get
def of_thread(): return D.x
def of_subclass(): return M.seen, M.default
def of_context(): return V.get(None)
def of_bound(): return get(None)
def of_default(): return W.get()
"""


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("of_thread", lambda m: setattr(m.D, "x", [2])),
        ("of_thread", lambda m: m.D.x.append(2)),
        ("of_thread", lambda m: delattr(m.D, "x")),
        ("of_subclass", lambda m: setattr(m.M, "seen", 2)),
        ("of_subclass", lambda m: setattr(m.Mine, "default", 2)),
        ("of_context", lambda m: m.V.set(2)),
        ("of_bound", lambda m: m.V.set(2)),
        ("of_default", lambda m: m.W.set(2)),
    ],
)
def test_the_state_of_this_thread_and_context_counts(name, change, project):
    module = project(job=LOCALS)
    fn = getattr(module, name)
    before = code_identity(fn)
    assert not before.uncacheable
    assert code_identity(fn) is before
    change(module)
    assert code_identity(fn).digest == fresh_code_identity(fn).digest != before.digest


def test_another_thread_sees_its_own_state(project):
    module = project(job=LOCALS)
    found = [code_identity(module.of_thread).digest]

    def other():
        found.append(code_identity(module.of_thread).digest)
        module.D.x = [1]
        found.append(code_identity(module.of_thread).digest)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert found[0] == found[2] != found[1]
