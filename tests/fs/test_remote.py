"""Stores far away: how many requests a read makes, that many are made at once, and what is said when none succeeds."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import random
import tempfile
import threading
import uuid
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import fsspec
import pytest
from blake3 import blake3
from fsspec.implementations.memory import MemoryFileSystem
from servers import BUCKET, start_seaweedfs

import consist
from consist.blobs.wrappers import Counting
from consist.errors import UnreachableError
from consist.fs import ConsistFileSystem
from consist.store import opening
from consist.testing.together import in_threads
from tests.fs.callbacks import Steps

MIB = 1 << 20
WHOLE_GIB = os.environ.get("CONSIST_TESTS_GIB") == "1"


@pytest.fixture
def wrapped(monkeypatch):
    """Give a list of what the next stores' backends are wrapped in, and that is filled with the wrappers."""
    open_backend, chosen, made = opening.open_backend, [], []

    def wrap(*args, **kwargs):
        backend = open_backend(*args, **kwargs)
        if chosen:
            made.append(backend := chosen[-1](backend))
        return backend

    monkeypatch.setattr(opening, "open_backend", wrap)
    return chosen, made


@pytest.fixture
def far():
    """The URL of an empty store that is no folder."""
    name = f"/fs-{uuid.uuid4().hex}"
    yield f"memory:/{name}"
    for path in [path for path in MemoryFileSystem.store if path.startswith(name)]:
        del MemoryFileSystem.store[path]


def keep(store, value, **settings):
    """Let a step make a value in a store; its index is in the working folder."""
    with consist.Tracker(run_dir="runs", db_path="index.lmdb", store=store, durable=False, **settings) as tracker:
        return tracker.run(lambda: as_written_now(value), name="make", outputs=["out"]).run.id


def as_written_now(value):
    for path in (value, *value.rglob("*")) if isinstance(value, Path) else ():
        os.utime(path)
    return value


@pytest.fixture
def big(tmp_path):
    """A file of 64 MiB of any bytes: hundreds of chunks in two packs."""
    path = tmp_path / "big.bin"
    source = random.Random(5)  # noqa: S311 - any bytes
    with path.open("wb") as stream:
        for _ in range(64):
            stream.write(source.randbytes(MIB))
    return path


@pytest.fixture(params=["obstore", "s3fs"])
def bucket(request, ministack):
    """The URL of an empty store in a bucket, and the options by which one of the drivers gets there."""
    return f"s3://{BUCKET}/{uuid.uuid4().hex}", ministack.options(consist_driver=request.param)


def test_parts_of_a_big_file_on_s3_cost_a_request_each(bucket, big, home, wrapped, monkeypatch):
    chosen, made = wrapped
    url, options = bucket
    run = keep(url, big, storage_options=options)
    chosen.append(Counting)
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "empty"))  # as on another machine
    fs = ConsistFileSystem(url, "index.lmdb", options)
    path = f"runs/{run}/out"
    content = big.read_bytes()
    starts = [number * 7 * MIB + 12_345 for number in range(9)]
    assert fs.info(path)["size"] == len(content)
    calls = made[-1].calls
    calls.clear()
    assert fs.cat_ranges([path] * 9, starts, [start + 65_536 for start in starts]) == [
        content[start : start + 65_536] for start in starts
    ]
    assert dict(calls) == {"get": 1, "get_range": 9}, "the manifest, and a request a part"
    assert made[-1].read < 9 * 3 * MIB
    calls.clear()
    assert fs.cat_ranges([path] * 9, starts, [start + 65_536 for start in starts])[4] == content[starts[4] :][:65_536]
    assert dict(calls) == {}, "what was read once is on this machine"
    with fs.open(path) as stream:
        stream.seek(starts[3] + 100)
        assert stream.read(5_000) == content[starts[3] + 100 :][:5_000]
        assert dict(calls) == {}
        stream.seek(-100, os.SEEK_END)
        assert stream.read() == content[-100:]
    assert dict(calls) == {"get_range": 1}


@pytest.fixture(scope="module")
def gib(tmp_path_factory):
    """A store in a bucket with a file of a GiB: its server, its URL, and of each of its MiB which it is of `any_mib`.

    It is the same 128 MiB 8 times, whose chunks are stored once and lie in packs as those of any file do: what is asked
    for a part is the same as where nothing comes again, and both drivers read what one has put.
    """
    distinct = 1024 if WHOLE_GIB else 128
    # On a disk if it is large: the folder of temporary files may be in memory.
    with (
        tempfile.TemporaryDirectory(dir="/var/tmp" if WHOLE_GIB else None) as folder,
        pytest.MonkeyPatch.context() as at,
    ):
        at.chdir(folder)
        with Path("gib").open("wb") as stream:
            stream.writelines(any_mib(number % distinct) for number in range(1024))
        started = start_seaweedfs(Path(folder))
        server, url = next(started), f"s3://{BUCKET}/gib"
        run = keep(url, Path("gib").absolute(), storage_options=server.options(consist_driver="obstore"))
        Path("gib").unlink()
        yield server, url, run, Path(folder, "index.lmdb"), distinct
        started.close()


@pytest.mark.parametrize("driver", ["obstore", "s3fs"])
def test_parts_of_a_gib_on_s3_cost_a_request_each(gib, wrapped, monkeypatch, tmp_path, driver):
    chosen, made = wrapped
    server, url, run, db_path, distinct = gib
    chosen.append(Counting)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    path = f"runs/{run}/out"
    fs = ConsistFileSystem(url, str(db_path), server.options(consist_driver=driver))
    assert fs.info(path)["size"] == 1024 * MIB
    calls = made[-1].calls
    calls.clear()
    # From end to end, and 3 MiB or more from each other in the packs: neighbours would be one request.
    places = (
        [number * 25 for number in range(40)] if WHOLE_GIB else [number % 8 * 128 + number * 3 for number in range(40)]
    )
    starts = [place * MIB + 12_345 for place in places]
    found = fs.cat_ranges([path] * 40, starts, [start + 65_536 for start in starts])
    assert found == [any_mib(place % distinct)[12_345:][:65_536] for place in places]
    assert dict(calls) == {"get": 1, "get_range": 40}, "the manifest, and a request a part"
    assert made[-1].read < 40 * 2 * MIB
    with fs.open(path) as stream:
        for place in (122, 512 + 125, 1023):
            calls.clear()
            stream.seek(place * MIB + MIB // 2)
            assert stream.read(1000) == any_mib(place % distinct)[MIB // 2 :][:1000]
            assert dict(calls) == {"get_range": 1}
        stream.seek(-10, os.SEEK_END)
        assert stream.read() == any_mib(1023 % distinct)[-10:]


def any_mib(number):
    """Make a MiB that no chunk of another is like: faster than a disk writes it."""
    return blake3(number.to_bytes(8, "big")).digest(length=MIB)


def test_neighbouring_parts_are_one_request(big, home, far, wrapped):
    chosen, made = wrapped
    run = keep(far, big)
    chosen.append(Counting)
    fs = ConsistFileSystem(far, "index.lmdb")
    parts = [(start, start + 1000) for start in range(3 * MIB, 4 * MIB, 100_000)]
    starts, ends = (list(each) for each in zip(*parts, strict=True))
    content = big.read_bytes()
    assert fs.cat_ranges([f"runs/{run}/out"] * len(parts), starts, ends) == [content[start:end] for start, end in parts]
    assert made[-1].calls["get_range"] == 1


def test_a_look_asks_the_store_for_nothing(home, far, wrapped):
    """Runs and steps are in the index; only what lies in a folder is asked for, once."""
    chosen, made = wrapped
    folder = home / "made"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    run = keep(far, folder)
    chosen.append(Counting)
    fs = ConsistFileSystem(far, "index.lmdb")
    fs.ls("")
    calls = made[-1].calls
    calls.clear()
    for path in ("runs", "steps", f"runs/{run}", "steps/make", "steps/make/out"):
        assert fs.isdir(path)
    assert fs.find("steps/make", maxdepth=1, withdirs=True) == ["steps/make", "steps/make/out"]
    assert dict(calls) == {}
    assert fs.find("steps") == ["steps/make/out/a.txt"]
    assert fs.info("steps/make/out/a.txt")["size"] == 1
    assert sum(calls.values()) == 1
    assert fs.cat("steps/make/out/a.txt") == b"a"
    assert sum(calls.values()) == 2


class Meeting:
    """A backend whose reads wait for each other: alone, each would wait for ever."""

    together = threading.Barrier(4)

    def __init__(self, backend):
        self._inner = backend

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def get_range(self, key, start, length):
        if key.startswith("blobs/") and length > 1000:
            with suppress(threading.BrokenBarrierError):
                self.together.wait(60)
        return self._inner.get_range(key, start, length)


@pytest.mark.parametrize("read", ["cat", "cat_ranges", "get"])
def test_many_files_are_read_at_once(home, far, wrapped, files, read):
    chosen, _ = wrapped
    contents = {f"f{number}": bytes([number]) * 9_000 for number in range(8)}
    folder = home / "made"
    folder.mkdir()
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    keep(far, folder)
    with ConsistFileSystem(far, "index.lmdb", skip_instance_cache=True).open("steps/make/out/f0") as stream:
        stream.read()  # so that the tree is not what they wait for
    chosen.append(Meeting)
    Meeting.together.reset()
    fs = ConsistFileSystem(far, "index.lmdb", skip_instance_cache=True)
    fs.ls("steps/make/out")
    paths = [f"steps/make/out/{name}" for name in contents if name not in {"f0", "f1", "f2", "f3"}]
    if read == "cat":
        assert fs.cat(paths) == {path: contents[path[-2:]] for path in paths}
    elif read == "cat_ranges":
        assert fs.cat_ranges(paths, 1, 5) == [contents[path[-2:]][1:5] for path in paths]
    else:
        fs.get(paths, str(home / "copies") + "/")
        assert files(home / "copies") == {path[-2:]: contents[path[-2:]] for path in paths}
    assert not Meeting.together.broken


class Switched:
    """A backend that can be out of reach."""

    is_down = False

    def __init__(self, backend):
        self._inner = backend

    def __getattr__(self, name):
        if self.is_down and name != "capabilities":
            raise UnreachableError("out of reach on purpose")
        return getattr(self._inner, name)


def test_a_store_that_does_not_answer_is_no_empty_folder(home, far, wrapped):
    chosen, made = wrapped
    folder = home / "made"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    keep(far, folder, cache_limit=0)
    chosen.append(Switched)
    fs = ConsistFileSystem(far, "index.lmdb")
    assert fs.isdir("steps/make/out")
    made[-1].is_down = True
    assert fs.isdir("steps/make/out")  # as the index knows
    for look in (fs.exists, fs.isfile, fs.isdir, fs.info, fs.cat, fs.open):
        with pytest.raises(UnreachableError):
            look("steps/make/out/a.txt")
    for look in (fs.ls, fs.find, fs.du, lambda path: fs.glob(f"{path}/*")):
        with pytest.raises(UnreachableError):
            look("steps/make/out")
    made[-1].is_down = False
    assert fs.find("steps") == ["steps/make/out/a.txt"]


def test_the_limit_of_the_settings_holds_here_and_travels(home, far, monkeypatch):
    keep(far, b"x" * 100_000)
    kept = Path(os.environ["XDG_CACHE_HOME"], "consist")
    for given, setting in (({"cache_limit": 0}, ""), ({}, "0")):
        monkeypatch.setenv("CONSIST_CACHE_LIMIT", setting)
        fs = ConsistFileSystem(far, "index.lmdb", **given)
        monkeypatch.delenv("CONSIST_CACHE_LIMIT")
        fs = pickle.loads(pickle.dumps(fs))  # noqa: S301 - our own
        assert len(fs.cat("steps/make/out")) == 100_000
        assert [*kept.rglob("blobs/*/*")] == []
    assert len(ConsistFileSystem(far, "index.lmdb").cat("steps/make/out")) == 100_000
    assert len([*kept.rglob("blobs/*/*")]) == 1


def test_a_fork_reads_from_a_bucket(bucket, home):
    """What drivers hold open is of no use in a forked process, so it must not be used there."""
    url, options = bucket
    content = os.urandom(100_000)
    keep(url, content, storage_options=options)
    fs = ConsistFileSystem(url, "index.lmdb", options)
    assert fs.cat("steps/make/out") == content
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        answer = []
        try:
            os.environ["XDG_CACHE_HOME"] = str(home / "empty")
            answer = [fs.cat("steps/make/out") == content]
            own = fsspec.filesystem("consist", store=url, db_path="index.lmdb", storage_options=options)
            answer += [own is not fs, own.cat_file("steps/make/out", 10, 20) == content[10:20]]
        finally:
            os.write(writing, json.dumps(answer).encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        assert json.loads(stream.read()) == [True, True, True]
    os.waitpid(child, 0)


def test_the_url_of_an_object_in_a_bucket_is_read_by_who_knows_buckets(bucket, home):
    """By the driver alone, and by polars; the URL has no credentials, which each is given in its own words."""
    import polars as pl

    url, options = bucket
    folder = home / "made"
    folder.mkdir()
    pl.DataFrame({"x": range(20_000)}).write_parquet(folder / "t.parquet")
    keep(url, folder, storage_options=options)
    fs = ConsistFileSystem(url, "index.lmdb", options)
    found = fs.object_url("steps/make/out/t.parquet")
    digest = fs.ukey("steps/make/out/t.parquet")
    assert found == f"{url}/blobs/{digest[:2]}/{digest[2:]}"
    bare = {name: value for name, value in options.items() if name != "consist_driver"}
    with fsspec.open(found, **bare) as stream:
        assert stream.read() == (folder / "t.parquet").read_bytes()
    words = {
        "aws_access_key_id": options["key"],
        "aws_secret_access_key": options["secret"],
        "aws_endpoint_url": options["endpoint_url"],
        "aws_region": "us-east-1",
        "aws_allow_http": "true",
    }
    assert pl.scan_parquet(found, storage_options=words).filter(pl.col("x") > 19_997).collect()["x"].to_list() == [
        19_998,
        19_999,
    ]


def test_progress_of_what_is_read_from_a_bucket(bucket, big, home, monkeypatch):
    url, options = bucket
    keep(url, big, storage_options=options)
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "empty"))
    fs = ConsistFileSystem(url, "index.lmdb", options)
    for read in (fs.cat, partial(fs.get_file, lpath=str(home / "copy"))):
        seen = Steps()
        read("steps/make/out", callback=seen)
        assert (seen.size, sum(seen.told)) == (64 * MIB, 64 * MIB)
        assert max(seen.told) <= 16 * MIB


def test_a_pool_of_processes_and_threads_read_from_a_bucket(bucket, big, home):
    """By one instance, which is sent to the processes; without a read cache, so that each really reads."""
    url, options = bucket
    keep(url, big, storage_options=options)
    content = big.read_bytes()
    fs = ConsistFileSystem(url, "index.lmdb", options, cache_limit=0)
    starts = [number * 7 * MIB for number in range(8)]
    expected = [content[start : start + 999] for start in starts]

    def read(start):
        return fs.cat_file("steps/make/out", start, start + 999)

    assert in_threads([partial(read, start) for start in starts]) == expected
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        parts = pool.map(fs.cat_file, ["steps/make/out"] * 8, starts, [start + 999 for start in starts])
        assert list(parts) == expected
