"""What benchmarks share: the cost of a command or a call, ways measured in turn, and the table of them.

Every measurement is a process of its own, so that its CPU time and its memory are its own too. This process stays
small: what a child's `ru_maxrss` says begins with what its parent had.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from blake3 import blake3

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MIB = 1 << 20
HERE = Path(__file__).parent


class Cost(NamedTuple):
    """What one measurement took."""

    seconds: float
    user: float
    system: float
    rss: int
    """The most memory that the process had, in bytes."""


class Missing(Exception):  # noqa: N818 - it is no error
    """A tool that is not installed; the row says so."""


class Way(NamedTuple):
    """One way to do the work, and what measures it once."""

    name: str
    measure: Callable[[], Cost]


def usage(who: int, before: resource.struct_rusage | None = None) -> tuple[float, float, int]:
    """User and system seconds, less those of before, and the most memory in bytes."""
    now = resource.getrusage(who)
    unit = 1 if sys.platform == "darwin" else 1024
    user, system = (before.ru_utime, before.ru_stime) if before else (0.0, 0.0)
    return now.ru_utime - user, now.ru_stime - system, now.ru_maxrss * unit


def timed(call: Callable[[], object]) -> Cost:
    """Time a call in this process."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    call()
    seconds = time.perf_counter() - start
    return Cost(seconds, *usage(resource.RUSAGE_SELF, before))


def command(*arguments: str | Path, env: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end, with what is dirty in memory written out before, so that it is not charged for it."""
    if shutil.which(str(arguments[0])) is None:
        raise Missing(f"{arguments[0]} is not installed")
    os.sync()
    start = time.perf_counter()
    with subprocess.Popen(
        arguments, env={**os.environ, **(env or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        said = process.stderr.read() if process.stderr else b""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(f"{arguments[0]} failed: {said.decode(errors='replace')}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(seconds, used.ru_utime, used.ru_stime, used.ru_maxrss * unit)


def child(job: str, *arguments: object) -> dict[str, object]:
    """Run a job of ``jobs.py`` in a process of its own; return what it says."""
    os.sync()
    found = subprocess.run(
        [sys.executable, HERE / "jobs.py", job, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": f"{HERE.parent}:{HERE}"},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(found.stdout)


def call(job: str, *arguments: object) -> Cost:
    """Run a job that times one call; what comes before the call is not counted, its memory is."""
    return Cost(*child(job, *arguments)["cost"])  # type: ignore[misc]  # four numbers


def random_file(path: Path, size: int, *, seed: str) -> Path:
    """Write random bytes, the same for a seed, at the speed of the disk; what is there with that size is kept."""
    if path.exists() and path.stat().st_size == size:
        return path
    stream = blake3(seed.encode())
    with path.open("wb", buffering=0) as file:
        for start in range(0, size, MIB):
            file.write(stream.digest(length=min(MIB, size - start), seek=start))
        os.fsync(file.fileno())
    return path


def read_once(path: Path) -> None:
    """Bring a file into memory, for the first way as for those that follow."""
    buffer = bytearray(MIB)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def size_on_disk(folder: Path) -> int:
    """Bytes of all files in a folder and below."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def remove(*paths: Path) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def compare(title: str, ways: list[Way], *, rounds: int, size: int) -> None:
    """Measure all ways once a round, one after the other, and print them beside the first.

    A ratio is of the same round. CPU is user and system seconds for a GiB.
    """
    print(f"\n**{title}**, {rounds} rounds\n")
    print("| way | s | ratio | lowest, highest | CPU s/GiB: user | system | RSS MiB |")
    print("| --- " * 7 + "|")
    costs: dict[str, list[Cost]] = {way.name: [] for way in ways}
    missing: dict[str, str] = {}
    for _ in range(rounds):
        for way in ways:
            if way.name not in missing:
                try:
                    costs[way.name].append(way.measure())
                except Missing as why:
                    missing[way.name] = str(why)
    floor = costs[ways[0].name]
    for name, found in costs.items():
        print(f"| {name} | {missing[name]} | | | | | |" if name in missing else _row(name, found, floor, size))
    sys.stdout.flush()


def _row(name: str, costs: list[Cost], floor: list[Cost], size: int) -> str:
    ratios = [mine.seconds / least.seconds for mine, least in zip(costs, floor, strict=True)]
    seconds, user, system = (statistics.median(cost[field] for cost in costs) for field in range(3))
    scale = (1 << 30) / size
    return (
        f"| {name} | {seconds:.2f} | {statistics.median(ratios):.2f} | {min(ratios):.2f}, {max(ratios):.2f} "
        f"| {user * scale:.2f} | {system * scale:.2f} | {max(cost.rss for cost in costs) / MIB:.0f} |"
    )
