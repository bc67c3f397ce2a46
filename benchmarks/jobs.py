"""What ``large.py`` measures in processes of their own: `python benchmarks/jobs.py JOB ARGUMENT...` prints JSON.

A job prepares, times one call with `timed`, and says what that cost and whatever else the table needs. What is imported
at first use was used before, so that a figure is of the work alone.
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measure import MIB, size_on_disk, timed

if TYPE_CHECKING:
    from consist.blobs.blobstore import BlobStore
    from consist.store.store import Store


def open_it(root: str, *, durable: bool, compression: str = "auto") -> Store:
    """Open a store with an index beside it, as a tracker does."""
    from consist.store.opening import open_store

    return open_store(root, f"{root}.lmdb", durable=durable, compression=compression)


def plain_blobs(root: str) -> BlobStore:
    """Open blobs alone, uncompressed and unsynced: for counting bytes."""
    from consist.blobs.blobstore import BlobStore
    from consist.blobs.local import LocalBackend

    return BlobStore(LocalBackend(root, durable=False), compression="none")


def warm(blobs: BlobStore) -> None:
    """Put and read a large blob, so that all is imported."""
    blobs.read(blobs.put_bytes(b"consist " * (MIB // 4)).digest)


def put(root: str, path: str, durable: str) -> dict[str, Any]:
    """Put a file; say what `get` needs."""
    blobs = open_it(root, durable=durable == "durable").blobs
    warm(blobs)
    stored = []
    cost = timed(lambda: stored.append(blobs.put_file(path)))
    return {"cost": cost, "digest": stored[0].digest.hex}


def get(root: str, digest: str, target: str) -> dict[str, Any]:
    """Write a blob to a file."""
    from consist.hashing.digest import Digest

    blobs = open_it(root, durable=False).blobs
    warm(blobs)
    return {"cost": timed(lambda: blobs.get(Digest.parse(digest), target))}


def read_at_random(root: str, digest: str, original: str, count: str) -> dict[str, Any]:
    """Read so many pieces of 1 MiB anywhere, and compare each with the original."""
    from consist.hashing.digest import Digest

    blobs = open_it(root, durable=False).blobs
    size = Path(original).stat().st_size
    choose = random.Random(9)  # noqa: S311 - no secret

    def read() -> None:
        with blobs.open(Digest.parse(digest)) as stream, Path(original).open("rb") as same:
            for _ in range(int(count)):
                start = choose.randrange(max(1, size - MIB))
                stream.seek(start)
                same.seek(start)
                assert stream.read(MIB) == same.read(MIB)

    return {"cost": timed(read)}


def blobs_at(url: str, options: str) -> BlobStore:
    """Open blobs in a bucket, its settings given as JSON; a small and a large one are put and read, to import all."""
    from consist.blobs.blobstore import BlobStore
    from consist.blobs.opening import open_backend

    blobs = BlobStore(open_backend(url, storage_options=json.loads(options)))
    blobs.read(blobs.put_bytes(b"small").digest)
    warm(blobs)
    return blobs


def put_remote(url: str, options: str, path: str) -> dict[str, Any]:
    """Put a file into a bucket; say what `get_remote` needs."""
    blobs = blobs_at(url, options)
    stored = []
    cost = timed(lambda: stored.append(blobs.put_file(path)))
    return {"cost": cost, "digest": stored[0].digest.hex}


def get_remote(url: str, options: str, digest: str, target: str) -> dict[str, Any]:
    """Write a blob of a bucket to a file."""
    from consist.hashing.digest import Digest

    blobs = blobs_at(url, options)
    return {"cost": timed(lambda: blobs.get(Digest.parse(digest), target))}


def verify_remote(url: str, options: str, digest: str) -> dict[str, Any]:
    """Read a blob of a bucket and compare it with its name."""
    from consist.hashing.digest import Digest

    blobs = blobs_at(url, options)
    return {"cost": timed(lambda: blobs.verify(Digest.parse(digest)))}


def hash_it(path: str) -> dict[str, Any]:
    """Hash a file by as many threads as there are cores: what `b3sum` does."""
    from consist.hashing.steady import hash_steadily

    return {"cost": timed(lambda: hash_steadily(path))}


def copy(path: str, target: str) -> dict[str, Any]:
    """Copy by reading and writing 1 MiB at a time: what a program without `copy_file_range` must do."""

    def copy_all() -> None:
        room = memoryview(bytearray(MIB))
        with Path(path).open("rb", buffering=0) as source, Path(target).open("wb", buffering=0) as sink:
            while count := source.readinto(room):
                sink.write(room[:count])

    return {"cost": timed(copy_all)}


def add_versions(root: str, *paths: str) -> dict[str, Any]:
    """Put files or folders one after the other; say how many bytes the store had after each."""
    from consist.blobs.treeput import put_tree

    blobs = plain_blobs(root)
    sizes = []
    for path in paths:
        if Path(path).is_dir():
            put_tree(blobs, path)
        else:
            blobs.put_file(path)
        sizes.append(size_on_disk(Path(root)))
    return {"sizes": sizes}


def new_array(size: str) -> Any:
    """Random numbers, so that nothing is gained by compressing them."""
    import numpy as np

    return np.random.default_rng(5).integers(0, 1 << 63, int(size) // 8)


def give(number: int, array: Any) -> Any:  # noqa: ARG001 - it is what the result is remembered by
    """Return the array: a function whose result is all there is to it."""
    return array


def array_by_consist(root: str, size: str) -> dict[str, Any]:
    """Run a function that returns an array, for the first time; one of another value came before."""
    from consist import ExecutionOptions, Tracker

    tracker = Tracker(run_dir=f"{root}/runs", db_path=f"{root}/index.lmdb", durable=False)

    def run(number: int, array: Any) -> None:
        options = ExecutionOptions(runtime_kwargs={"array": array}, runtime_only=["array"])
        tracker.run(give, name="give", config={"number": number}, execution_options=options)

    run(0, new_array(str(2 * MIB)))
    array = new_array(size)
    return {"cost": timed(lambda: run(1, array))}


def array_by_joblib(root: str, size: str) -> dict[str, Any]:
    """Do the same with joblib's Memory."""
    from joblib import Memory

    cached = Memory(root, verbose=0).cache(give, ignore=["array"])
    cached(0, new_array(str(2 * MIB)))
    array = new_array(size)
    return {"cost": timed(lambda: cached(1, array))}


def block(number: int) -> bytes:
    """4 KiB that depend on a number."""
    return number.to_bytes(8, "big") * 512


def small_by_consist(root: str, count: str) -> dict[str, Any]:
    """Run a function for many values; each result has 4 KiB."""
    from consist import Tracker

    with Tracker(run_dir=f"{root}/runs", db_path=f"{root}/index.lmdb", durable=False) as tracker:

        def run_all(numbers: range) -> None:
            for number in numbers:
                tracker.run(block, name="block", config={"number": number})

        run_all(range(int(count), int(count) + 10))
        return {"cost": timed(lambda: run_all(range(int(count))))}


def small_by_joblib(root: str, count: str) -> dict[str, Any]:
    """Do the same with joblib's Memory."""
    from joblib import Memory

    cached = Memory(root, verbose=0).cache(block)

    def run_all(numbers: range) -> None:
        for number in numbers:
            cached(number)

    run_all(range(int(count), int(count) + 10))
    return {"cost": timed(lambda: run_all(range(int(count))))}


def small_by_put_many(root: str, count: str) -> dict[str, Any]:
    """Put the same results as blobs, in one batch."""
    blobs = open_it(root, durable=False).blobs
    contents = [block(number) for number in range(int(count))]
    return {"cost": timed(lambda: blobs.put_many(contents))}


def changed(original: str, target: str, seed: str) -> dict[str, Any]:
    """Write a copy of a file with 1 MiB changed at a random place."""
    choose = random.Random(int(seed))  # noqa: S311 - no secret
    with Path(original).open("rb") as source, Path(target).open("wb") as sink:
        while piece := source.read(MIB):
            sink.write(piece)
        size = os.fstat(source.fileno()).st_size
        sink.seek(choose.randrange(size - MIB))
        sink.write(choose.randbytes(MIB))
    return {}


def parts(path: str, target: str) -> dict[str, Any]:
    """Time, one after the other and on one thread, all that a put of a file does: where its CPU time goes."""
    from consist.blobs.encoding import encode_chunk
    from consist.hashing.chunker import Chunker, Chunking
    from consist.hashing.hasher import Hasher, hash_raw

    window = 4 * MIB
    room = memoryview(bytearray(Path(path).stat().st_size))
    with Path(path).open("rb", buffering=0) as source:
        read = timed(lambda: [source.readinto(room[start : start + window]) for start in range(0, len(room), window)])
    windows = [room[start : start + window] for start in range(0, len(room), window)]
    chunker = Chunker(Chunking())
    ends: list[list[int]] = []
    cut = timed(lambda: ends.extend(chunker.cut(piece, is_last=True) for piece in windows))
    chunks = [
        piece[start:end]
        for piece, of_it in zip(windows, ends, strict=True)
        for start, end in zip([0, *of_it[:-1]], of_it, strict=True)
    ]
    whole = Hasher(threads=1)
    sink = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    costs = {
        "read": read,
        "cut": cut,
        "probe whether to compress": timed(lambda: [encode_chunk(chunk) for chunk in chunks]),
        "digest the chunks": timed(lambda: [hash_raw(chunk) for chunk in chunks]),
        "digest the whole": timed(lambda: [whole.update(piece) for piece in windows]),
        "write": timed(lambda: [os.write(sink, chunk) for chunk in chunks]),
        "sync": timed(lambda: os.fsync(sink)),
    }
    os.close(sink)
    return {"parts": costs}


def pair_names() -> dict[str, Any]:
    """Name the pairs, without this process's parent importing what they need."""
    from pairs import PAIRS

    return {"names": list(PAIRS)}


def write_pair(name: str, size: str, folder: str) -> dict[str, Any]:
    """Write both versions of a pair."""
    import pairs

    pairs.write_pair(name, int(size), Path(folder))
    return {}


JOBS = {
    job.__name__: job
    for job in (
        put,
        get,
        put_remote,
        get_remote,
        verify_remote,
        read_at_random,
        hash_it,
        copy,
        add_versions,
        array_by_consist,
        array_by_joblib,
        small_by_consist,
        small_by_put_many,
        small_by_joblib,
        changed,
        pair_names,
        write_pair,
        parts,
    )
}

if __name__ == "__main__":
    print(json.dumps(JOBS[sys.argv[1]](*sys.argv[2:])))
