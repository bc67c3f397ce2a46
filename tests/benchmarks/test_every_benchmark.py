"""Every script of benchmarks/ still runs: once each, with the smallest sizes that it takes; its figures say nothing.

`remote.py` is left out but for its arguments: what it counts is counted in tests/store/test_requests.py, and what it
times needs a server of its own.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
SMALLEST = {
    "filesystem.py": "--rounds 1 --runs 20",
    "finding.py": "--rounds 1 --runs 200 --folder here",
    "large.py": "--rounds 1 --size 1 --only get --only small --only parts",
    "many.py": "--rounds 1 --runs 200 --folder here --only show",
    "readcache.py": "1 2",
    "remote.py": "--help",
    "run.py": "--rounds 1 --only hit",
    "tables.py": "--rows 2000 --only a",
}
PARTS = {"against.py", "jobs.py", "measure.py", "pairs.py", "peers.py"}  # which the others run or import


def test_all_are_run():
    assert {path.name for path in BENCHMARKS.glob("*.py")} == SMALLEST.keys() | PARTS


@pytest.mark.parametrize("name", SMALLEST)
def test_a_benchmark_runs(name, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(BENCHMARKS / name), *SMALLEST[name].split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"\d", done.stdout)
