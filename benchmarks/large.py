"""Times large content beside peers: `python benchmarks/large.py [--only NAME] [--size MIB] [--rounds N]`.

Every figure is of a process of its own (``jobs.py``, or a command). All ways of a table are measured in turn, round by
round, with the disk idle before each; a ratio is of two measurements of one round. Peers are optional: where one is
missing, its row says so. Nothing is asserted on a time.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import peers
from measure import (
    HERE,
    MIB,
    Cost,
    Missing,
    Way,
    call,
    child,
    command,
    compare,
    random_file,
    read_once,
    remove,
    size_on_disk,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from peers import Peer

os.environ["PYTHONPATH"] = str(HERE.parent)
"""For the commands: this checkout is measured, not what may be installed."""


class Setting(NamedTuple):
    """Where a benchmark works, how much, and how often."""

    folder: Path
    size: int
    """Bytes."""
    rounds: int


def put_a_file(setting: Setting) -> None:
    """First put of a random file: consist as a call and as a command, cp, borg, restic."""
    source = random_file(setting.folder / "source", setting.size, seed="file")
    read_once(source)
    target, store = setting.folder / "copy", setting.folder / "store"

    def copy(script: str) -> Cost:
        cost = command("sh", "-c", script, "sh", source, target)
        remove(target)
        return cost

    def put(durable: str) -> Cost:
        cost = call("put", store, source, durable)
        remove(store, *setting.folder.glob("store.lmdb*"))
        return cost

    def put_by_command() -> Cost:
        index = setting.folder / "cli.lmdb"
        cost = command(
            sys.executable, "-m", "consist.cli", "put", source, "--create", "--store", store, "--db-path", index
        )
        remove(store, *setting.folder.glob("cli.lmdb*"))
        return cost

    ways = [
        Way("cp, then fsync", lambda: copy('cp "$1" "$2" && sync "$2"')),
        Way("cp", lambda: copy('cp "$1" "$2"')),
        Way("consist, durable", lambda: put("durable")),
        Way("consist, durable=False", lambda: put("fast")),
        Way("`consist put`, durable, start included", put_by_command),
        *(Way(peer.name, lambda peer=peer: first_put(peer, setting.folder, source)) for peer in peers.PEERS),
    ]
    compare(f"first put of a random file of {setting.size >> 20} MiB", ways, rounds=setting.rounds, size=setting.size)


def first_put(peer: Peer, folder: Path, source: Path) -> Cost:
    repository = folder / f"{peer.name}-first"
    peer.init(repository)
    cost = peer.put(repository, source, "first")
    remove(repository, folder / f"{peer.name}-home")
    return cost


def put_again(setting: Setting) -> None:
    """Put what is there already, beside hashing it by all cores."""
    source = random_file(setting.folder / "source", setting.size, seed="file")
    read_once(source)
    store = setting.folder / "store"
    child("put", store, source, "fast")
    numbers = itertools.count()

    def again(peer: Peer) -> Cost:
        repository = setting.folder / f"{peer.name}-again"
        if not repository.exists():
            peer.init(repository)
            peer.put(repository, source, "first")
        source.touch()  # they would believe an unchanged date, and not look
        return peer.put(repository, source, f"again-{next(numbers)}")

    ways = [
        Way("hash it, all cores", lambda: call("hash_it", source)),
        Way("consist", lambda: call("put", store, source, "durable")),
        *(Way(peer.name, lambda peer=peer: again(peer)) for peer in peers.PEERS),
    ]
    compare(f"put of {setting.size >> 20} MiB that are there", ways, rounds=setting.rounds, size=setting.size)


def get_a_file(setting: Setting) -> None:
    """Write a blob to a file, beside copying a file; nothing is synced."""
    source = random_file(setting.folder / "source", setting.size, seed="file")
    store, target = setting.folder / "store", setting.folder / "copy"
    digest = child("put", store, source, "fast")["digest"]
    read_once(source)

    def and_remove(measure: Callable[[], Cost]) -> Cost:
        cost = measure()
        remove(target)
        return cost

    ways = [
        Way("cp", lambda: and_remove(lambda: command("cp", source, target))),
        Way("read and write", lambda: and_remove(lambda: call("copy", source, target))),
        Way("consist", lambda: and_remove(lambda: call("get", store, digest, target))),
    ]
    compare(f"get of {setting.size >> 20} MiB to a file", ways, rounds=setting.rounds, size=setting.size)


def put_an_array(setting: Setting) -> None:
    """Run a function that returns an array, beside joblib's Memory; neither syncs."""
    compare(
        f"first run of a function that returns an array of {setting.size >> 20} MiB, durable=False",
        [
            Way("joblib Memory", lambda: fresh(setting, "array_by_joblib", setting.size)),
            Way("consist", lambda: fresh(setting, "array_by_consist", setting.size)),
        ],
        rounds=setting.rounds,
        size=setting.size,
    )


def put_many(setting: Setting) -> None:
    """Run a function for so many values, each result of 4 KiB, beside joblib's Memory."""
    count = setting.size // 4096
    compare(
        f"{count:,} results of 4 KiB, durable=False",
        [
            Way("joblib Memory", lambda: fresh(setting, "small_by_joblib", count)),
            Way("consist, a run each", lambda: fresh(setting, "small_by_consist", count)),
            Way("consist, BlobStore.put_many", lambda: fresh(setting, "small_by_put_many", count)),
        ],
        rounds=setting.rounds,
        size=count * 4096,
    )


def fresh(setting: Setting, job: str, *arguments: object) -> Cost:
    """Run a job in an empty folder."""
    folder = setting.folder / "fresh"
    folder.mkdir()
    cost = call(job, folder / "store", *arguments)
    remove(folder)
    return cost


def edited_pairs(setting: Setting) -> None:
    """Count what a second version adds to a store or repository, as a share of its own size."""
    print(f"\n**bytes that a second version adds**, {setting.size >> 20} MiB each, % of its size\n")
    print(
        "| pair | MiB | consist | borg | restic | consist <= the better + 0.5 |\n| --- | --- | --- | --- | --- | --- |"
    )
    for name in child("pair_names")["names"]:  # type: ignore[attr-defined]
        folder = setting.folder / "pair"
        child("write_pair", name, setting.size, folder)
        size = size_on_disk(folder / "2")
        paths = [folder / "1", folder / "2"]
        files = [path / "data" if (path / "data").exists() else path for path in paths]
        ours = child("add_versions", folder / "store", *files)["sizes"]
        shares = [100 * (ours[1] - ours[0]) / size, *(added_by(peer, folder, paths, size) for peer in peers.PEERS)]
        least = min((share for share in shares[1:] if share is not None), default=None)
        verdict = "" if least is None else "yes" if shares[0] <= least + 0.5 else "NO"
        cells = ["missing" if share is None else f"{share:.1f}" for share in shares]
        print(f"| {name} | {size / MIB:.0f} | {' | '.join(cells)} | {verdict} |", flush=True)
        remove(folder)


def added_by(peer: Peer, folder: Path, paths: list[Path], size: int) -> float | None:
    """Put two versions into a fresh repository; return what the second added, in % of its size."""
    repository = folder / peer.name
    sizes = []
    try:
        peer.init(repository)
        for number, path in enumerate(paths):
            peer.put(repository, path, f"version-{number}")
            sizes.append(size_on_disk(repository))
    except Missing:
        return None
    return 100 * (sizes[1] - sizes[0]) / size


def five_versions(setting: Setting) -> None:
    """Count what five versions of a random file take, 1 MiB changed from each to the next."""
    paths = [random_file(setting.folder / "version-0", setting.size, seed="versions")]
    for number in range(1, 5):
        paths.append(setting.folder / f"version-{number}")
        child("changed", paths[-2], paths[-1], number)
    sizes = child("add_versions", setting.folder / "store", *paths)["sizes"]
    print(f"\n**5 versions of {setting.size >> 20} MiB, 1 MiB changed each time**: stored bytes / one version\n")
    print("| consist | borg | restic |\n| --- | --- | --- |")
    cells = [f"{sizes[-1] / setting.size:.3f}"]
    for peer in peers.PEERS:
        repository = setting.folder / peer.name
        try:
            peer.init(repository)
            for number, path in enumerate(paths):
                peer.put(repository, path, f"version-{number}")
            cells.append(f"{size_on_disk(repository) / setting.size:.3f}")
        except Missing:
            cells.append("missing")
    print(f"| {' | '.join(cells)} |", flush=True)


def most_memory(setting: Setting) -> None:
    """Put, get, and read 200 pieces of 1 MiB at random; print what memory each process had at the most."""
    source = random_file(setting.folder / "source", setting.size, seed="memory")
    store, target = setting.folder / "store", setting.folder / "copy"
    found = child("put", store, source, "fast")
    steps = {
        "put": Cost(*found["cost"]),  # type: ignore[misc]
        "200 reads of 1 MiB at random": call("read_at_random", store, found["digest"], source, 200),
    }
    source.unlink()  # room for the copy
    steps["get"] = call("get", store, found["digest"], target)
    print(f"\n**most memory**, {setting.size >> 20} MiB, one round\n\n| what | RSS MiB | s |\n| --- | --- | --- |")
    for name, cost in steps.items():
        print(f"| {name} | {cost.rss / MIB:.0f} | {cost.seconds:.1f} |", flush=True)


def where_time_goes(setting: Setting) -> None:
    """Time the parts of a put one after the other, each on one thread."""
    source = random_file(setting.folder / "source", setting.size, seed="file")
    target = setting.folder / "written"
    rounds = [child("parts", source, target)["parts"] for _ in range(setting.rounds)]
    scale = (1 << 30) / setting.size
    print(f"\n**the parts of a put**, seconds for a GiB, least of {setting.rounds} rounds\n")
    print("| part | s | CPU: user | system |\n| --- | --- | --- | --- |")
    for name in rounds[0]:
        least = [min(of_round[name][field] for of_round in rounds) * scale for field in range(3)]
        print(f"| {name} | {' | '.join(f'{seconds:.2f}' for seconds in least)} |", flush=True)


class Benchmark(NamedTuple):
    """What `--only` names."""

    run: Callable[[Setting], None]
    mib: int


BENCHMARKS = {
    "put": Benchmark(put_a_file, 1024),
    "again": Benchmark(put_again, 1024),
    "get": Benchmark(get_a_file, 1024),
    "array": Benchmark(put_an_array, 1024),
    "small": Benchmark(put_many, 40),
    "pairs": Benchmark(edited_pairs, 100),
    "versions": Benchmark(five_versions, 256),
    "memory": Benchmark(most_memory, 10240),
    "parts": Benchmark(where_time_goes, 256),
}


def machine(folder: Path) -> str:
    """Say what this is measured on; a filesystem in memory would make every sync free."""
    processor, filesystem = platform.processor() or platform.machine(), "unknown filesystem"
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line.split(": ")[1] for line in lines if line.startswith("model name")), processor)
        asked = ["stat", "-f", "-c", "%T", folder]
        filesystem = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    return f"{platform.platform()}, {processor}, {os.cpu_count()} cores, {filesystem}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=BENCHMARKS, action="append", help="default: all")
    parser.add_argument("--size", type=int, help="MiB; default: what the table is about, see benchmarks/README.md")
    parser.add_argument("--rounds", type=int, default=5, help="of what is timed (default 5)")
    parser.add_argument("--folder", help="where to work; default: the system's folder for temporary files")
    arguments = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in ("blake3", "pyfastcdc", "lmdb", "joblib", "numpy"))
    print(machine(Path(arguments.folder or tempfile.gettempdir())))
    print(f"{platform.python_implementation()} {platform.python_version()}, {packages}, {', '.join(peers.versions())}")
    print(f"settings: {peers.SETTINGS}")
    for name in arguments.only or BENCHMARKS:
        found = BENCHMARKS[name]
        size = (arguments.size or found.mib) * MIB
        with tempfile.TemporaryDirectory(prefix="consist-bench-", dir=arguments.folder) as folder:
            found.run(Setting(Path(folder), size, arguments.rounds))


if __name__ == "__main__":
    main()
