"""Times consist beside floors, in one run: `python benchmarks/run.py [--rounds N] [--only TEXT]`.

Each case is measured in turn with its floor, round by round, so that a machine that slows down slows both. Printed are
the median of the rounds and the median of the rounds' ratios. With `--against CHECKOUT` the cases are measured in turn
with those of another checkout of consist instead (`against.py`).
"""

from __future__ import annotations

import argparse
import os
import platform
import runpy
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Clock = Callable[[], float]

ROOT = Path(__file__).parents[1]
QUICKSTART = """
from consist import ExecutionOptions, Tracker
tracker = Tracker(run_dir="./runs", db_path="./provenance.duckdb")
def process_data(value):
    return {"squared": value ** 2}
result = tracker.run(process_data, name="square", config={"value": 5},
                     execution_options=ExecutionOptions(runtime_kwargs={"value": 5}))
"""


@dataclass(frozen=True)
class Case:
    """Something to time by a clock, and the floor that it is compared with."""

    floor_name: str
    measure: Callable[[Clock], float]
    floor: Callable[[Clock], float]
    unit: str


def process_data(value: int) -> dict:
    return {"squared": value**2}


def timed(call: Callable[[], object], repeat: int) -> Callable[[Clock], float]:
    """Return what measures the seconds per call by a clock, over `repeat` calls."""

    def measure(clock: Clock) -> float:
        start = clock()
        for _ in range(repeat):
            call()
        return (clock() - start) / repeat

    return measure


def whole_process(arguments: list[str], folder: Path) -> None:
    """Run a process from start to end, with bytecode kept as on a user's machine."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)


def hit_case(folder: Path) -> Case:
    """Time a warm hit of the quickstart's function, beside a bare LMDB get of a value of the same size."""
    import lmdb

    from consist import ExecutionOptions, Tracker

    tracker = Tracker(run_dir=folder / "runs", db_path=folder / "hit.lmdb")
    options = ExecutionOptions(runtime_kwargs={"value": 5})

    def hit() -> None:
        tracker.run(process_data, name="square", config={"value": 5}, execution_options=options)

    hit()
    bare = lmdb.open(str(folder / "bare.lmdb"), subdir=False)
    with bare.begin(write=True) as txn:
        txn.put(b"k" * 32, b"v" * 600)

    def get() -> None:
        with bare.begin() as txn:
            txn.get(b"k" * 32)

    return Case("bare lmdb get", timed(hit, 500), timed(get, 2000), "us")


def module_text(number: int, value: str = "{n}", use: str = "", setup: str = "") -> str:
    """Write a module whose `work` reaches that many globals, each through a helper: `value` of n, used as `use`."""
    text = "".join(f"G{n} = {value.format(n=n)}\ndef h{n}(x): return x + G{n}{use}\n" for n in range(number))
    calls = " + ".join(f"h{n}(x)" for n in range(number)) or "x ** 2"
    return f"{setup}\n{text}def work(x): return {calls}\n"


def identity_case(text: str) -> Case:
    """Time the identity of unchanged code, beside an empty call."""
    from consist.identity.code import code_identity

    scope: dict[str, object] = {"__name__": "job"}
    exec(compile(text, "job", "exec", dont_inherit=True), scope)  # noqa: S102 - a module, written for what it holds
    work = scope["work"]

    def identify() -> None:
        code_identity(work)  # type: ignore[arg-type]

    def nothing() -> None:
        return

    identify()
    return Case("an empty call", timed(identify, 2000), timed(nothing, 2000), "us")


def identity_cases() -> dict[str, Callable[[], Case]]:
    """Functions and numbers are looked at; what may have changed in place is read again, so values cost more."""
    point = "import dataclasses\n@dataclasses.dataclass\nclass P:\n    a: int"
    arrays, frames = "import numpy as np", "import pandas as pd"
    texts = {
        "0 objects": module_text(0),
        "50 objects": module_text(25),
        "25 lists": module_text(25, "[{n}, 1, 2]", "[0]"),
        "25 dicts": module_text(25, "{{'a': {n}, 'b': [1]}}", "['a']"),
        "25 instances of a dataclass": module_text(25, "P({n})", ".a", point),
        "25 arrays of 10 numbers": module_text(25, "np.arange(10)", "[0]", arrays),
        "a DataFrame": module_text(1, "pd.DataFrame({{'a': [1, 2]}})", ".a.sum()", frames),
        "a cached function": "import functools\n@functools.lru_cache\ndef h(x): return x\ndef work(x): return h(x)\n",
    }
    return {
        f"code identity, {reached} reached, unchanged": partial(identity_case, text) for reached, text in texts.items()
    }


PACKAGES = ("pandas", "pydantic", "requests", "sklearn", "networkx")
FIRST_IDENTITY = """
import time
from consist.identity.code import code_identity
import job
start = time.perf_counter()
code_identity(job.f)
print(time.perf_counter() - start)
"""
IMPORTED = "import time; start = time.perf_counter(); import {package}; print(time.perf_counter() - start)"


def first_identity_case(folder: Path, package: str, source: str) -> Case:
    """Time the first identity of a function that uses a package, beside the package's import, each in a new process."""
    home = folder / package
    home.mkdir()
    (home / "job.py").write_text(textwrap.dedent(source))

    def printed(program: str, _clock: Clock) -> float:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(home), *sys.path])}
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=home, env=environment, check=True, capture_output=True, text=True
        )
        return float(done.stdout)

    imported = IMPORTED.format(package=package)
    return Case("its import", partial(printed, FIRST_IDENTITY), partial(printed, imported), "ms")


def first_identity_cases(folder: Path) -> dict[str, Callable[[], Case]]:
    """Functions that use large packages; the same ones whose identity is tested to be one in every process."""
    steps = runpy.run_path(str(ROOT / "tests/identity/test_code_packages.py"))["STEPS"]
    return {
        f"first identity, {package}": partial(first_identity_case, folder, package, steps[package])
        for package in PACKAGES
    }


def miss_case(folder: Path, *, durable: bool) -> Case:
    """Time a miss of a function that does nothing, beside a file written and renamed (and synced, if durable)."""
    from consist import Tracker

    tracker = Tracker(run_dir=folder / "runs", db_path=folder / f"miss-{durable}.lmdb", durable=durable)
    numbers = iter(range(10**9))

    def miss() -> None:
        tracker.run(process_data, name="square", config={"value": next(numbers)})

    def write() -> None:
        temp, final = folder / "temp", folder / f"final-{next(numbers)}"
        descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT)
        os.write(descriptor, b"v" * 600)
        if durable:
            os.fsync(descriptor)
        os.close(descriptor)
        temp.rename(final)

    miss()
    return Case(
        "write, fsync, rename" if durable else "write, rename",
        timed(miss, 100),
        timed(write, 100),
        "us",
    )


def process_case(folder: Path, *arguments: str) -> Case:
    """Time a whole process, beside a bare start of Python."""
    (folder / "quickstart.py").write_text(QUICKSTART)
    whole_process(["quickstart.py"], folder)
    whole, bare = (partial(whole_process, list(given), folder) for given in (arguments, ("-c", "pass")))
    return Case("bare Python start", timed(whole, 1), timed(bare, 1), "ms")


def process_cases(folder: Path) -> dict[str, Callable[[], Case]]:
    """Whole processes: those that begin, and two commands."""
    arguments = {
        "hit in a new process": ("quickstart.py",),
        "import consist": ("-c", "import consist"),
        "import all that a run needs": ("-c", "from consist import ExecutionOptions, Tracker, run, use_tracker"),
        "consist version": ("-m", "consist.cli", "version"),
        "consist runs": ("-m", "consist.cli", "runs", "--db-path", "./provenance.duckdb", "--limit", "5"),
    }
    return {name: partial(process_case, folder, *given) for name, given in arguments.items()}


def cases(folder: Path) -> dict[str, Callable[[], Case]]:
    """Return what makes each case, by name; some of them import much, so each is made when its turn has come."""
    return {
        "hit in process": partial(hit_case, folder),
        **identity_cases(),
        **first_identity_cases(folder),
        "miss, durable": partial(miss_case, folder, durable=True),
        "miss, durable=False": partial(miss_case, folder, durable=False),
        **process_cases(folder),
    }


def row(name: str, case: Case, rounds: int) -> str:
    """Measure a case and its floor in turn, and say it as a row of the table."""
    clock = time.perf_counter
    pairs = [(case.measure(clock), case.floor(clock)) for _ in range(rounds)]
    scale = {"us": 1e6, "ms": 1e3}[case.unit]
    figure = statistics.median(pair[0] for pair in pairs) * scale
    floor = statistics.median(pair[1] for pair in pairs) * scale
    ratio = statistics.median(pair[0] / pair[1] for pair in pairs)
    return f"| {name} | {figure:.2f} {case.unit} | {case.floor_name} | {floor:.2f} {case.unit} | {ratio:.1f} |"


def beside_floors(rounds: int, only: str) -> None:
    """Print the table of the cases and their floors."""
    print("| what | median | floor | median | ratio |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        for what, make in cases(Path(name)).items():
            if only in what:
                print(row(what, make(), rounds), flush=True)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11, help="rounds of each pair (default 11)")
    parser.add_argument("--only", default="", help="only the cases whose names have this in them")
    parser.add_argument("--against", metavar="CHECKOUT", help="compare with another checkout, not with floors")
    given = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in ("lmdb", "blake3", "msgpack", "typer"))
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores; {packages}\n")
    if given.against is None:
        beside_floors(given.rounds, given.only)
    else:
        from against import compare

        compare(ROOT, Path(given.against).resolve(), rounds=given.rounds, only=given.only)


if __name__ == "__main__":
    main()
