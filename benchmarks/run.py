"""Times consist beside floors, in one run: `python benchmarks/run.py [--rounds N]`.

Each case is measured in turn with its floor, round by round, so that a machine that slows down slows both. Printed are
the median of the rounds and the median of the rounds' ratios.
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
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

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
    """Something to time, and the floor that it is compared with; each call does `repeat` of it."""

    name: str
    floor_name: str
    measure: Callable[[], float]
    floor: Callable[[], float]
    unit: str


def process_data(value: int) -> dict:
    return {"squared": value**2}


def timed(call: Callable[[], object], repeat: int) -> float:
    """Seconds per call, over `repeat` calls."""
    start = time.perf_counter()
    for _ in range(repeat):
        call()
    return (time.perf_counter() - start) / repeat


def whole_process(arguments: list[str], folder: Path) -> float:
    """Seconds that a process takes from start to end, with bytecode kept as on a user's machine."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


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

    return Case("hit in process", "bare lmdb get", lambda: timed(hit, 2000), lambda: timed(get, 2000), "us")


def module_text(number: int, value: str = "{n}", use: str = "", setup: str = "") -> str:
    """Write a module whose `work` reaches that many globals, each through a helper: `value` of n, used as `use`."""
    text = "".join(f"G{n} = {value.format(n=n)}\ndef h{n}(x): return x + G{n}{use}\n" for n in range(number))
    calls = " + ".join(f"h{n}(x)" for n in range(number)) or "x ** 2"
    return f"{setup}\n{text}def work(x): return {calls}\n"


def identity_case(reached: str, text: str) -> Case:
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
    name = f"code identity, {reached} reached, unchanged"
    return Case(name, "an empty call", lambda: timed(identify, 2000), lambda: timed(nothing, 2000), "us")


def identity_cases() -> list[Case]:
    """Functions and numbers are looked at; what may have changed in place is read again, so values cost more."""
    point = "import dataclasses\n@dataclasses.dataclass\nclass P:\n    a: int"
    return [
        identity_case("0 objects", module_text(0)),
        identity_case("50 objects", module_text(25)),
        identity_case("25 lists", module_text(25, "[{n}, 1, 2]", "[0]")),
        identity_case("25 dicts", module_text(25, "{{'a': {n}, 'b': [1]}}", "['a']")),
        identity_case("25 instances of a dataclass", module_text(25, "P({n})", ".a", point)),
        identity_case("25 arrays of 10 numbers", module_text(25, "np.arange(10)", "[0]", "import numpy as np")),
        identity_case(
            "a DataFrame", module_text(1, "pd.DataFrame({{'a': [1, 2]}})", ".a.sum()", "import pandas as pd")
        ),
    ]


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

    def printed(program: str) -> float:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(home), *sys.path])}
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=home, env=environment, check=True, capture_output=True, text=True
        )
        return float(done.stdout)

    imported = IMPORTED.format(package=package)
    return Case(
        f"first identity, {package}", "its import", lambda: printed(FIRST_IDENTITY), lambda: printed(imported), "ms"
    )


def first_identity_cases(folder: Path) -> list[Case]:
    """Functions that use large packages; the same ones whose identity is tested to be one in every process."""
    steps = runpy.run_path(str(ROOT / "tests/identity/test_code_packages.py"))["STEPS"]
    return [first_identity_case(folder, package, steps[package]) for package in PACKAGES]


def miss_case(folder: Path, *, durable: bool) -> Case:
    """Time a miss of a function that does nothing, beside a file written and renamed (and synced, if durable)."""
    from consist import Tracker

    kind = "durable" if durable else "durable=False"
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
        f"miss, {kind}",
        "write, fsync, rename" if durable else "write, rename",
        lambda: timed(miss, 100),
        lambda: timed(write, 100),
        "us",
    )


def process_cases(folder: Path) -> list[Case]:
    """Whole processes, beside a bare start of Python."""
    (folder / "quickstart.py").write_text(QUICKSTART)
    whole_process(["quickstart.py"], folder)

    def bare() -> float:
        return whole_process(["-c", "pass"], folder)

    def case(name: str, *arguments: str) -> Case:
        return Case(name, "bare Python start", lambda: whole_process(list(arguments), folder), bare, "ms")

    return [
        case("hit in a new process", "quickstart.py"),
        case("import consist", "-c", "import consist"),
        case("import all that a run needs", "-c", "from consist import ExecutionOptions, Tracker, run, use_tracker"),
        case("consist version", "-m", "consist.cli", "version"),
        case("consist runs", "-m", "consist.cli", "runs", "--db-path", "./provenance.duckdb", "--limit", "5"),
    ]


def row(case: Case, rounds: int) -> str:
    """Measure a case and its floor in turn, and say it as a row of the table."""
    pairs = [(case.measure(), case.floor()) for _ in range(rounds)]
    scale = {"us": 1e6, "ms": 1e3}[case.unit]
    figure = statistics.median(pair[0] for pair in pairs) * scale
    floor = statistics.median(pair[1] for pair in pairs) * scale
    ratio = statistics.median(pair[0] / pair[1] for pair in pairs)
    return f"| {case.name} | {figure:.2f} {case.unit} | {case.floor_name} | {floor:.2f} {case.unit} | {ratio:.1f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11, help="rounds of each pair (default 11)")
    rounds = parser.parse_args().rounds
    packages = ", ".join(f"{name} {version(name)}" for name in ("lmdb", "blake3", "msgpack", "typer"))
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores; {packages}\n")
    print("| what | median | floor | median | ratio |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases = [
            hit_case(folder),
            *identity_cases(),
            *first_identity_cases(folder),
            miss_case(folder, durable=True),
            miss_case(folder, durable=False),
        ]
        for case in [*cases, *process_cases(folder)]:
            print(row(case, rounds), flush=True)


if __name__ == "__main__":
    main()
