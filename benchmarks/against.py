"""Times this checkout of consist beside another, round by round: `python benchmarks/run.py --against CHECKOUT`.

Of each case and round both have a process of their own, with the checkout as the first of its PYTHONPATH. The two take
short turns, and which begins changes from round to round. What is compared is processor time, of the process and of
those that it waited for: a machine with other work distorts it least. A round's ratio is the median of its turns'. The
cases are those of `run.py` here, so they can measure only what both checkouts have; what one lacks is left out.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

TURNS = 15
"""Turns of both in each round, of what is short; a whole process is one turn."""


def compare(here: Path, there: Path, *, rounds: int, only: str) -> None:
    """Print a table of this checkout beside another: medians of the rounds, and the rounds' ratios."""
    from run import cases

    if not (there / "consist" / "__init__.py").is_file():
        sys.exit(f"{there} is no checkout of consist")
    chosen = [name for name in cases(here) if only in name]
    if not chosen or rounds < 1:
        sys.exit(f"nothing to measure: no case has {only!r} in its name, or there are no rounds")
    print(f"{here} beside {there}: processor time, {rounds} rounds of {TURNS} turns\n")
    print("| what | here | there | ratio | lowest | highest |\n| --- | --- | --- | --- | --- | --- |")
    for name in chosen:
        print(row(name, (here, there), rounds), flush=True)


def row(name: str, checkouts: tuple[Path, Path], rounds: int) -> str:
    """Measure a case in both, and say it as a row."""
    pairs, ratios = [], []
    for number in range(rounds):
        unit, turns = one_round(name, checkouts, swapped=number % 2 == 1)
        if not turns:
            return f"| {name} | | not there | | | |"
        pairs += turns
        ratios.append(statistics.median(here / there for here, there in turns))
    scale = {"us": 1e6, "ms": 1e3}[unit]
    here, there = (statistics.median(side) * scale for side in zip(*pairs, strict=True))
    spread = f"{statistics.median(ratios):.2f} | {min(ratios):.2f} | {max(ratios):.2f}"
    return f"| {name} | {here:.2f} {unit} | {there:.2f} {unit} | {spread} |"


def one_round(name: str, checkouts: tuple[Path, Path], *, swapped: bool) -> tuple[str, list[tuple[float, float]]]:
    """Measure a case in a new process of each checkout, in turns; return its unit and the turns' seconds."""
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        sides = [start(name, *one) for one in zip(checkouts, (first, second), strict=True)]
        try:
            units = [line(side) for side in sides]
            if not units[0]:
                sys.exit(f"{name} cannot be measured here: what it wrote says why")
            if not units[1]:
                return "", []
            turns = 1 if units[0] == "ms" else TURNS
            return units[0], [one_turn(sides, swapped=(turn % 2 == 1) != swapped) for turn in range(turns)]
        finally:
            for side in sides:
                side.communicate("")


def one_turn(sides: list[subprocess.Popen[str]], *, swapped: bool) -> tuple[float, float]:
    """Ask both, one after the other."""
    if swapped:
        there = ask(sides[1])
        return ask(sides[0]), there
    return ask(sides[0]), ask(sides[1])


def start(name: str, checkout: Path, folder: str) -> subprocess.Popen[str]:
    """Start a process that measures a case of a checkout whenever it is asked to."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    return subprocess.Popen(
        [sys.executable, __file__, name, folder, str(checkout)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def line(side: subprocess.Popen[str]) -> str:
    """Read what a process says; nothing if it failed, as one does whose checkout lacks what is measured."""
    assert side.stdout is not None
    return side.stdout.readline().strip()


def ask(side: subprocess.Popen[str]) -> float:
    """Let a process measure once, and return the seconds."""
    assert side.stdin is not None
    side.stdin.write("again\n")
    side.stdin.flush()
    return float(line(side))


def processor_time() -> float:
    """Seconds of processor time of this process, and of those that it started and waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def serve(name: str, folder: Path, checkout: Path) -> None:
    """Make a case, say what its unit is, and measure it once for each line that is read."""
    from run import cases

    import consist

    if not Path(consist.__file__).is_relative_to(checkout):
        sys.exit(f"consist was imported from {consist.__file__}, not from {checkout}")
    case = cases(folder)[name]()
    print(case.unit, flush=True)
    for _ in sys.stdin:
        print(case.measure(processor_time), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
