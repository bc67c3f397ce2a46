"""One function, one identity: as a script, imported, in workers, in a copied folder, in a shell, for any hash seed."""

import concurrent.futures
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import textwrap
import types

import pytest

from consist.identity.code import code_identity, forget_identities

UTIL = """
SCALE = 2
NAMES = {"a", "b", "c"}

class Model:
    '''A model.'''
    rate: float = 0.5
    def __init__(self, k):
        self.k = k
    def run(self, x):
        return x * self.k * self.rate

def norm(x):
    return x / SCALE
"""

JOB = """
import dataclasses, enum, functools, json, logging, sys
import numpy as np
import util
from util import Model, norm

log = logging.getLogger(__name__)
WEIGHTS = np.arange(3.0)
HANDLERS = {norm, abs, max}

class Color(enum.Enum):
    RED = 1

@dataclasses.dataclass
class Settings:
    k: int = 1
    tags: list = dataclasses.field(default_factory=list)

SETTINGS = Settings(2)
MODEL = Model(3)

def traced(fn):
    @functools.wraps(fn)
    def inner(*args):
        log.info("call")
        return fn(*args)
    return inner

@functools.lru_cache(maxsize=None)
def table(n: int):
    '''A table.'''
    return n * 2

@traced
def f(x, mode=Color.RED):
    here = [norm(y) for y in util.NAMES if y]
    return table(2) + MODEL.run(x) + SETTINGS.k + WEIGHTS.sum() + len(here) + len(HANDLERS)

def identity():
    from consist.identity.code import code_identity
    found = code_identity(f)
    assert not found.uncacheable, found.uncacheable
    return found.digest.hex

def worker(_):
    return identity()

if __name__ == "__main__":
    RESULTS = {"when": object()}
    if sys.argv[1:] == ["spawn"]:
        import multiprocessing
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            print(json.dumps(pool.map(worker, [1])[0]))
    else:
        print(json.dumps(identity()))
"""


def _folder(parent, name="project"):
    folder = parent / name
    folder.mkdir(parents=True)
    (folder / "util.py").write_text(textwrap.dedent(UTIL))
    (folder / "job.py").write_text(textwrap.dedent(JOB))
    return folder


def _ask(folder, *command, seed="random"):
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


IMPORTED = ("-c", "import sys, json; sys.path.insert(0, ''); import job; print(json.dumps(job.identity()))")
SHELL = ("-c", "import json; exec(open('job.py').read().split('if __name__')[0]); print(json.dumps(identity()))")


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return _ask(_folder(tmp_path_factory.mktemp("reference")), *IMPORTED, seed="0")


@pytest.mark.parametrize(
    "command",
    [("job.py",), ("-m", "job"), IMPORTED, SHELL, ("job.py", "spawn"), ("-O", "job.py")],
    ids=["script", "module", "imported", "shell", "spawned worker", "optimised"],
)
@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_same_everywhere(command, seed, reference, tmp_path):
    assert _ask(_folder(tmp_path), *command, seed=seed) == reference


def test_a_copied_folder(reference, tmp_path):
    first = _folder(tmp_path / "one" / "deep")
    shutil.copytree(first, tmp_path / "two")
    assert _ask(tmp_path / "two", "job.py") == _ask(first, *IMPORTED) == reference


def test_an_edit_makes_another(reference, tmp_path):
    folder = _folder(tmp_path)
    util = (folder / "util.py").read_text()
    (folder / "util.py").write_text(util.replace("x / SCALE", "x / SCALE + 1"))
    assert _ask(folder, "job.py") != reference
    (folder / "util.py").write_text(
        util.replace("A model.", "Another text.").replace("    rate", "\n    # why\n    rate")
    )
    assert _ask(folder, "job.py") == reference


def test_a_forked_worker(project):
    module = project(util=UTIL, job=JOB)
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        assert pool.submit(module.identity).result() == module.identity()


def test_the_file_on_disk_is_not_read(project, tmp_path):
    module = project(util=UTIL, job=JOB)
    before = module.identity()
    for path in tmp_path.glob("*/*.py"):
        path.write_text("raise SystemExit('somebody read me')")
    assert module.identity() == before


def test_a_cell_of_a_notebook_edited_and_run_again(tmp_path):
    session = textwrap.dedent(
        """
        import json, sys
        from consist.identity.code import code_identity
        shell = {"__name__": "__main__"}
        def cell(number, source):
            exec(compile(source, f"/tmp/ipykernel_1/{number}.py", "exec"), shell)
        cell(1, "K = 1\\ndef g(x):\\n    return x + K\\n")
        cell(2, "def f(x):\\n    return g(x)\\n")
        first = code_identity(shell["f"]).digest.hex
        cell(3, "def f(x):\\n    # the same again, further down\\n    return g(x)\\n")
        again = code_identity(shell["f"]).digest.hex
        cell(4, "def g(x):\\n    return x - K\\n")
        edited = code_identity(shell["f"]).digest.hex
        cell(5, "import sys\\nUNRELATED = open(sys.executable, 'rb')\\n_ = 5\\n")
        print(json.dumps([first, again, edited, code_identity(shell["f"]).digest.hex]))
        """
    )
    first, again, edited, later = _ask(tmp_path, "-W", "ignore", "-c", session)
    assert first == again != edited == later


def test_a_class_sent_by_value_to_a_worker_is_still_the_projects(project, monkeypatch):
    """As cloudpickle does it: the worker's ``__main__`` is a launcher in a site folder, and the class claims it."""
    source = "class A:\n    rate = {}\n    def m(self):\n        return self.rate\ndef f(x):\n    return A().m()\n"
    digests = []
    for rate in (1, 2):
        module = project(job=source.format(rate))
        expected = code_identity(module.f).digest
        monkeypatch.setattr(module.A, "__module__", "__main__")
        launcher = types.ModuleType("__main__")
        launcher.__file__ = pytest.__file__
        monkeypatch.setitem(sys.modules, "__main__", launcher)
        forget_identities()
        digests.append(code_identity(module.f).digest)
        assert digests[-1] == expected
        monkeypatch.undo()
    assert digests[0] != digests[1]
