"""The command line on a store of many runs, as whole processes: `python benchmarks/many.py [--runs N] [--folder DIR]`.

The store is made once and kept in the folder: 50 steps, each the pipeline of 2,000 runs; three outputs a run, of which
the first is the input of the same run of the next step; a hundredth of the outputs are objects of their own. In every
thousand runs is a scenario, which holds the 50 that follow it. Runs go straight to the store's objects and the index,
so that 100,000 of them take a minute or two and not an hour.

Each command is measured in turn with a bare start of Python, round by round. Printed are the medians of the time to the
second line of its output (the first names the columns) and to its end, and of the processor time that it took; the last
as a multiple of the bare start's in the same round, which holds where other work makes the times long.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from consist.blobs import layout
from consist.hashing.hasher import hash_bytes
from consist.index.records import (
    COMPLETED,
    FAILED,
    SCENARIO,
    ArtifactRecord,
    InputRecord,
    RunRecord,
    encode_record,
)
from consist.store.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.store.store import Store

STEPS = 50
OUTPUTS = 3
SCENARIO_EVERY = 1000
BEGAN = 1_700_000_000_000_000
_BATCH = 2000
_ROOT = Path(__file__).parents[1]


class Timed(NamedTuple):
    """How long a process took, in seconds: to its second line, to its end, and of a processor."""

    first: float
    end: float
    cpu: float


def records(count: int) -> Iterator[tuple[RunRecord, bytes]]:
    """Yield runs, the oldest first, with the content of their outputs that are no inline values."""
    dice = random.Random(count)  # noqa: S311 - any numbers
    made: dict[int, tuple[str, ArtifactRecord]] = {}
    holds = ""
    for number in range(count):
        step = number % STEPS
        if number % SCENARIO_EVERY == 0:
            scenario = _scenario(number)
            holds = scenario.id
            yield scenario, b""
        large = number.to_bytes(8, "big") * 1024
        outputs = tuple(_output(number, place, large) for place in range(OUTPUTS))
        run_id = _run_id(number)
        inputs = tuple(_inputs(made.get(step - 1)))
        made[step] = run_id, outputs[0]
        config = {"seed": number, "rate": dice.random(), "model": {"name": f"m{number % 7}", "depth": number % 11}}
        fails = number % 200 == STEPS
        yield (
            RunRecord(
                id=run_id,
                signature=None if fails else hash_bytes(f"signature {number}".encode()),
                step=f"step-{step:02d}",
                status=FAILED if fails else COMPLETED,
                started=BEGAN + number * 1_000_000,
                ended=BEGAN + number * 1_000_000 + dice.randrange(2_000_000),
                parts={part: hash_bytes(f"{part} {number}".encode()) for part in ("code", "config", "contract")},
                code={f"job.step_{step}": hash_bytes(b"code")},
                config=config,
                config_parts={name: hash_bytes(repr(value).encode()) for name, value in config.items()},
                inputs=inputs,
                outputs=() if fails else outputs,
                returns="dict",
                parent=holds if number % SCENARIO_EVERY < STEPS else "",
                tags=(f"sweep-{number % 20}",),
                description="the needle" if number == count // 2 else "",
                facet={"loss": dice.random()},
                error=("ValueError", "too deep") if fails else (),
                machine={"host": "a", "python": "3.11"},
            ),
            large,
        )


def _run_id(number: int) -> str:
    return f"{number * 0x9E3779B97F4A7C15 & (1 << 80) - 1:020x}"


def _scenario(number: int) -> RunRecord:
    """Return the scenario that holds the runs from a number on."""
    began = BEGAN + number * 1_000_000 - 1
    name = f"scenario-{number // SCENARIO_EVERY % 7}"
    return RunRecord(_run_id(-number - 1), None, name, COMPLETED, began, began + STEPS * 1_000_000, kind=SCENARIO)


def _inputs(before: tuple[str, ArtifactRecord] | None) -> Iterator[InputRecord]:
    """Yield the first output of the run of the step before."""
    if before is not None:
        run_id, output = before
        yield InputRecord("before", "artifact", output.digest, output.size, f"runs/{run_id}/{output.key}")


def _output(number: int, place: int, large: bytes) -> ArtifactRecord:
    if place == 1 and number % 33 == 0:  # a hundredth of all outputs
        return ArtifactRecord("table", hash_bytes(large), len(large), "file", None, {"path": "table.csv"})
    content = b"\xa8" + f"{place}{number:07d}".encode()
    return ArtifactRecord(("model", "table", "score")[place], hash_bytes(content), len(content), "plain", content)


def make(folder: Path, count: int) -> None:
    """Make the store and its index, unless the folder has them."""
    if (folder / "made").exists():
        return
    start = time.perf_counter()
    store = open_store(str(folder / "index.store"), str(folder / "index.lmdb"), durable=False)
    store.index.put_runs(_stored(store, count))
    store.index.close()
    (folder / "made").touch()
    print(f"made {count} runs in {time.perf_counter() - start:.0f} s", file=sys.stderr)


def _stored(store: Store, count: int) -> Iterator[tuple[RunRecord, bytes]]:
    """Put the objects of runs into the store, and yield what the index is to get."""
    batch: list[tuple[str, bytes]] = []
    for record, large in records(count):
        framed = encode_record(record)
        if record.signature is not None:
            batch.append((layout.digest_key(layout.RESULTS, record.signature), framed))
        else:
            batch.append((layout.run_key(record.id), framed))
        if any(output.inline is None for output in record.outputs):
            batch.append((layout.digest_key(layout.BLOBS, hash_bytes(large)), large))
        if len(batch) >= _BATCH:
            store.backend.put_many(batch)
            batch = []
        yield record, framed
    store.backend.put_many(batch)


def commands(folder: Path, count: int) -> dict[str, list[str]]:
    """Return the commands that are measured, by the name that they are shown with."""
    last = next(record for record, _ in records(STEPS * 2) if record.outputs)
    path = f"runs/{last.id}"
    place = ["--db-path", str(folder / "index.lmdb")]
    lines = {
        "--help": [],
        "version": [],
        "runs --limit 5": place,
        "runs": place,
        "runs --step step-07 --status failed": place,
        "scenarios": place,
        "scenarios --limit 5": place,
        "ls": place,
        "ls steps": place,
        "ls runs": place,
        "ls blobs": place,
        "ls steps/step-07": place,
        f"ls {path}": place,
        f"cat {path}/score": place,
        f"show {last.id}": place,
        "artifacts --limit 5": place,
        "artifacts": place,
        "search needle": place,
        "search seed=777": place,
        "search step-07": place,
        f"lineage {path}/model": place,
        "lineage steps/step-49/model": place,
        "summary": place,
        "du": place,
        "du steps/step-07": place,
    }
    del count
    return {line: [*line.split(), *more] for line, more in lines.items()}


def timed(arguments: list[str], environment: dict[str, str], *, only_first: bool = False) -> Timed:
    """Run a process and read all that it prints, or the first two lines, as ``head`` does: then it ends soon after."""
    start = time.perf_counter()
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.readline()
        first = time.perf_counter() - start
        if only_first:
            process.stdout.close()
        while not only_first and process.stdout.read(1 << 16):
            pass
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    return Timed(first, time.perf_counter() - start, used.ru_utime + used.ru_stime)


def measure(lines: dict[str, list[str]], rounds: int, *, only_first: bool) -> None:
    """Measure each command in turn with a bare start, and print a row."""
    left_out = {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    environment["PYTHONPATH"] = str(_ROOT)
    bare = [sys.executable, "-c", "print()"]
    print("| command | first result, s | end, s | processor, s | x bare start |\n| --- | --- | --- | --- | --- |")
    for name, arguments in lines.items():
        found, ratios = [], []
        for _ in range(rounds):
            floor = timed(bare, environment)
            took = timed([sys.executable, "-m", "consist", *arguments], environment, only_first=only_first)
            found.append(took)
            ratios.append(took.cpu / floor.cpu)
        first, end, cpu = (statistics.median(each[n] for each in found) for n in range(3))
        ratio = statistics.median(ratios)
        print(f"| `{name}` | {first:.2f} | {end:.2f} | {cpu:.2f} | {ratio:.0f} |", flush=True)


def main() -> None:
    """Make the store and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "consist-many")
    parser.add_argument("--only", action="append", default=[], help="measure only commands that begin so")
    parser.add_argument("--first", action="store_true", help="read no more than the first two lines of each")
    options = parser.parse_args()
    folder = options.folder / str(options.runs)
    folder.mkdir(parents=True, exist_ok=True)
    make(folder, options.runs)
    print(f"{options.runs} runs, {options.runs * OUTPUTS} artifacts; Python {platform.python_version()}\n")
    lines = commands(folder, options.runs)
    chosen = {name: line for name, line in lines.items() if not options.only or name.startswith(tuple(options.only))}
    measure(chosen, options.rounds, only_first=options.first)


if __name__ == "__main__":
    main()
