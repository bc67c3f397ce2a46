"""Reads through ``consist://`` beside bare reads: `python benchmarks/filesystem.py [--rounds N] [--runs N] [--s3 MIB]`.

Each case is measured in turn with its floor, round by round. Printed are the median of the rounds and the median of the
rounds' ratios. Of local reads it is the CPU time of this process, which a busy machine changes little. With `--s3` a
file of so many MiB is put into a bucket of a server that is started here, and parts of it are read: by consist, and
from an object of the same bytes by s3fs alone; beside the time stands the number of requests for content.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import fsspec

import consist
from consist.blobs.wrappers import Counting
from consist.fs import ConsistFileSystem
from consist.hashing.digest import Digest
from consist.hashing.hasher import hash_bytes
from consist.index.records import ArtifactRecord, RunRecord, encode_record
from consist.store import opening

KIB, MIB = 1 << 10, 1 << 20
PARTS = 100
PART = 64 * KIB


def timed(call, repeat, clock):
    start = clock()
    for _ in range(repeat):
        call()
    return (clock() - start) / repeat


def compare(name, floor, call, rounds, repeat, clock=time.process_time):  # noqa: PLR0913, PLR0917 - a row of a table
    """Measure a call and its floor in turn, and print a line."""
    floor(), call()
    pairs = [(timed(floor, repeat, clock), timed(call, repeat, clock)) for _ in range(rounds)]
    median = statistics.median(taken for _, taken in pairs)
    ratio = statistics.median(taken / bare for bare, taken in pairs)
    print(f"{name:52} {median * 1e3:10.3f} ms {ratio:9.1f} x", flush=True)


def fill(store, count):
    """Put so many runs of ten steps, each with three outputs, into the index of a store."""

    def record(number):
        outputs = tuple(
            ArtifactRecord(key, hash_bytes(data := f"{number} {key}".encode()), len(data), "bytes", data)
            for key in ("table", "plot", "summary")
        )
        signature = Digest(hash_bytes(b"signature %d" % number).raw)
        started = 1_700_000_000_000_000 + number
        config = {"number": number, "name": "n" * 20}
        return RunRecord(
            f"{number:020x}",
            signature,
            f"step{number % 10}",
            "completed",
            started,
            started,
            outputs=outputs,
            config=config,
        )

    store.index.put_runs((made, encode_record(made)) for made in map(record, range(count)))


def local(rounds, runs):
    """Compare reads of a folder store with reads of plain files."""
    sizes = {"1 KiB, in a record": KIB, "100 KiB, an object": 100 * KIB, "64 MiB, in chunks": 64 * MIB}
    with consist.Tracker(run_dir="runs", db_path="index.lmdb", durable=False) as tracker:
        for number, size in enumerate(sizes.values()):
            data = os.urandom(size)
            Path(f"bare{number}").write_bytes(data)
            tracker.run(lambda data=data: data, name=f"make{number}", outputs=["out"])
        fill(tracker.store, runs)
    fs = ConsistFileSystem(db_path="index.lmdb")
    for number, (name, size) in enumerate(sizes.items()):

        def bare(path=f"bare{number}"):
            with open(path, "rb") as stream:  # noqa: PTH123 - the floor
                return stream.read()

        def through(path=f"steps/make{number}/out"):
            with fs.open(path) as stream:
                return stream.read()

        assert bare() == through()
        compare(f"open and read {name}", bare, through, rounds, 3 if size > MIB else 200)
    print(f"with {runs:,} runs, beside a look at a plain file:")
    looks = {
        "info of an output": lambda: fs.info("steps/step3/plot"),
        "ls of a step": lambda: fs.ls("steps/step3"),
        "exists, of an output that no run of a step has": lambda: fs.exists("steps/step3/tabel"),
        "ls of all runs": lambda: fs.ls("runs"),
    }
    for name, look in looks.items():
        compare(name, lambda: os.stat("bare0"), look, rounds, 3 if "ls" in name else 100)  # noqa: PTH116 - the floor


def bucket(server, size, rounds):
    """Compare parts of a file in a bucket, on a machine that has none of it, with the same parts of one object."""
    options = server.options(consist_driver="s3fs")
    url, plain = "s3://cas/store", "cas/plain"
    path = Path("big").absolute()
    with path.open("wb") as stream:
        for _ in range(size):
            stream.write(os.urandom(MIB))
    with consist.Tracker(run_dir="runs2", db_path="far.lmdb", store=url, storage_options=options) as tracker:
        tracker.run(lambda: path, name="big", outputs=["out"])
    bare = fsspec.filesystem("s3", **server.options())
    bare.put_file(str(path), plain)
    counts = []
    open_backend = opening.open_backend

    def counted(*args, **kwargs):
        counts.append(Counting(open_backend(*args, **kwargs)))
        return counts[-1]

    opening.open_backend = counted
    starts = [random.randrange(size * MIB - PART) for _ in range(PARTS)]  # noqa: S311 - anywhere
    ends = [start + PART for start in starts]

    def floor():
        return bare.cat_ranges([plain] * PARTS, starts, ends)

    def through():
        with tempfile.TemporaryDirectory() as cache:
            os.environ["XDG_CACHE_HOME"] = cache
            fs = ConsistFileSystem(url, "far.lmdb", options, skip_instance_cache=True)
            return fs.cat_ranges(["steps/big/out"] * PARTS, starts, ends)

    assert through() == floor()
    reads = {name: count for name, count in counts[-1].calls.items() if name.startswith("get")}
    print(f"{PARTS} parts of 64 KiB of {size} MiB in a bucket: {reads} requests, {counts[-1].read / MIB:.0f} MiB read")
    compare("the same, opening the store included", floor, through, rounds, 1, time.perf_counter)


def main():
    """Read the arguments, and measure in a folder of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--s3", type=int, default=0, metavar="MIB")
    given = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "servers"))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        local(given.rounds, given.runs)
        if given.s3:
            import servers

            started = servers.start_seaweedfs(Path(folder))
            bucket(next(started), given.s3, given.rounds)
            started.close()
        os.chdir("/")


if __name__ == "__main__":
    main()
