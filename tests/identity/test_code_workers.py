"""Workers that people use: spawn, fork, loky and dask ask for the identity of the same function and get the same.

The function reaches a worker in one of two ways: by name, when the worker imports the same module, and by value, when
cloudpickle sends the code of a script's or a notebook's function along. Each case is a real script in a folder of its
own, which prints the driver's identity and then the workers'.
"""

import json
import os
import shutil
import subprocess
import sys
import textwrap

import pytest

STEPS = """
import dataclasses, enum, functools
import numpy as np
import util

SCALE = 2
TABLE = {"a": np.arange(3.0), "b": {"x", "y", "z"}}

class Way(enum.Enum):
    UP = 1

@dataclasses.dataclass
class Settings:
    k: int = 1
    tags: list = dataclasses.field(default_factory=list)
    def scaled(self, x):
        return x * self.k * SCALE

SETTINGS = Settings(2)

def made(factor):
    def inner(x):
        return util.norm(x) * factor
    return inner

INNER = made(3)

class Wrapper:
    def __init__(self, fn):
        functools.update_wrapper(self, fn)
        self.fn = fn
    def __call__(self, *args):
        return self.fn(*args)

@Wrapper
def table(n: "int") -> list[int]:
    '''A table.'''
    return util.cached(n)

def step(x, way=Way.UP):
    '''A step.'''
    return table(2) + SETTINGS.scaled(x) + INNER(x) + TABLE["a"].sum() + len(TABLE["b"])
"""
ASK = """
def identity(*_):
    from consist.identity.code import code_identity
    found = code_identity(step)
    assert not found.uncacheable, found.uncacheable
    return found.digest.hex
"""
POOLS = """
def in_processes(method):
    import concurrent.futures, multiprocessing
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool:
        return [pool.submit(identity).result()]

def in_loky():
    import loky
    with loky.ProcessPoolExecutor(2, timeout=60) as pool:
        return list(pool.map(identity, range(4)))

def in_dask():
    import dask, distributed
    dask.config.set({"distributed.worker.daemon": False})
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as cluster, distributed.Client(cluster) as client:
        return list(client.run(identity).values())

PLACES = {
    "spawn": lambda: in_processes("spawn"),
    "fork": lambda: in_processes("fork"),
    "loky": in_loky,
    "dask": in_dask,
}

def main():
    import json, sys
    print(json.dumps([identity(), *PLACES[sys.argv[1]]()]))
"""
MAIN = "\nif __name__ == '__main__':\n    main()\n"
BY_VALUE = STEPS + ASK + POOLS + MAIN
BY_NAME = "from steps import identity, step\n" + POOLS + MAIN
UTIL = """
import functools
SHIFT = 1

def norm(x):
    return x + SHIFT

@functools.lru_cache(maxsize=None)  # which cannot be sent by value
def cached(n: int):
    '''A number.'''
    return n * 2
"""

PLACES = ("spawn", "fork", "loky", "dask")


def _folder(parent, script, util=UTIL):
    parent.mkdir(parents=True, exist_ok=True)
    for name, text in {"util": util, "steps": STEPS + ASK, "script": script}.items():
        (parent / f"{name}.py").write_text(textwrap.dedent(text))
    return parent


def _ask(folder, place):
    """Run the script under one hash seed after another as its workers start; return the driver's and their answers."""
    environment = {**os.environ, "PYTHONHASHSEED": "random", "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    done = subprocess.run(
        [sys.executable, "script.py", place], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The identity in the plainest way: imported, in the process that asks."""
    folder = _folder(tmp_path_factory.mktemp("reference"), "import json, steps\nprint(json.dumps(steps.identity()))\n")
    return _ask(folder, "")


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("script", [BY_VALUE, BY_NAME], ids=["in the script", "imported"])
def test_one_identity_in_workers(place, script, reference, tmp_path):
    answers = _ask(_folder(tmp_path, script), place)
    assert len(answers) > 1
    assert set(answers) == {reference}


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_an_edit_in_a_copied_folder_shows_in_workers(place, reference, tmp_path):
    folder = shutil.copytree(_folder(tmp_path / "first", BY_VALUE), tmp_path / "second" / "deep")
    (folder / "util.py").write_text(UTIL.replace("x + SHIFT", "x - SHIFT"))
    edited = _ask(folder, place)
    assert len(set(edited)) == 1
    assert edited[0] != reference
    (folder / "util.py").write_text("# a comment\n" + UTIL)
    assert set(_ask(folder, place)) == {reference}
