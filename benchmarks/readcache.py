"""The read cache against the same reads without it: of a store that is far away, and of one that costs nothing.

    python benchmarks/readcache.py [ROUNDS [MIB]]

The far store is one in memory that waits for each batch of requests: 20 ms, and as long as its bytes take at 200 MB/s.
Cases take turns within a round; what is printed are medians, and ratios to the read without a cache.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time

from consist.blobs.blobstore import BlobStore
from consist.blobs.opening import open_backend
from consist.blobs.readcache import DEFAULT_LIMIT, ReadCache

LATENCY = 0.02
BANDWIDTH = 200e6
STORE = "0" * 32


class Slow:
    """A backend whose batches of requests take as long as a network does."""

    def __init__(self, inner):
        self._inner = inner
        self.url, self.capabilities = inner.url, inner.capabilities

    def __getattr__(self, name):
        call = getattr(self._inner, name)

        def waited(*arguments):
            answer = call(*arguments)
            pieces = answer if isinstance(answer, list) else [answer]
            time.sleep(LATENCY + sum(len(piece) for piece in pieces if isinstance(piece, bytes)) / BANDWIDTH)
            return answer

        return waited


def copy(blobs, stored):
    blobs.copy(stored.digest, len, size=stored.size)


def scattered(blobs, stored):
    with blobs.open(stored.digest, size=stored.size) as stream:
        for step in range(50):
            stream.seek(step * 7_919_999 % stored.size)
            stream.read(1000)


def timed(work, blobs, stored):
    start = time.perf_counter()
    work(blobs, stored)
    return time.perf_counter() - start


def measure(name, backend, stored, work, rounds):
    times = {"no cache": [], "first read": [], "read again": []}
    for _ in range(rounds):
        folder = tempfile.mkdtemp()
        cached = BlobStore(backend, cache=ReadCache(folder, STORE, DEFAULT_LIMIT))
        times["no cache"].append(timed(work, BlobStore(backend), stored))
        times["first read"].append(timed(work, cached, stored))
        times["read again"].append(timed(work, cached, stored))
        shutil.rmtree(folder)
    floor = statistics.median(times["no cache"])
    for case, found in times.items():
        median = statistics.median(found)
        print(f"{name:34} {case:12} {median:8.3f} s {median / floor:6.2f} x", flush=True)


def main() -> None:
    rounds, mib = [*map(int, sys.argv[1:3]), *(5, 256)[len(sys.argv) - 1 :]]
    near = open_backend("memory://benchmark/readcache")
    stored = BlobStore(near).put_bytes(os.urandom(mib << 20))
    measure(f"{mib} MiB in order, far", Slow(near), stored, copy, rounds)
    measure(f"{mib} MiB in order, in memory", near, stored, copy, rounds)
    measure("50 reads of 1 kB here and there, far", Slow(near), stored, scattered, rounds)


if __name__ == "__main__":
    main()
