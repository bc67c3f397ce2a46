"""A writer is killed between any two of its file operations, and at random times.

What is promised, and looked at after each kill, first in the bare files by the words of docs/format.md, then through
new handles:

1. Every run whose call had returned is there, in store and index, and its outputs are the right bytes.
2. No other run is visible: of the records in the store, under ``results/`` and ``runs/``, each is of a run whose call
   had returned, but for at most one, which is of the very call that was under way when the writer died; and that one
   is whole: its record passes its check, and every output that it names is there with its digest. The index shows no
   run that the store does not have.
3. Nothing else lies in the store but whole blobs, packs, manifests and log batches, and what is in ``tmp`` and
   ``locks``; `verify` finds no damage.
4. The next writer goes on: what was published is a hit with the same run id, and only what was not is executed.
5. After `sweep` no temporary file is left, and an index that is made anew from the store is the same, byte for byte,
   but for the run under way, which a killed writer may have brought to the store and not to the index.
"""

# ruff: noqa: PTH208, S311 - names are listed as strings; memory is a disk here; kills are drawn, not hidden

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import struct
import tempfile
import time
from collections import Counter
from functools import cache
from pathlib import Path

import lmdb
import msgpack
import pytest
import zstandard
from blake3 import blake3

from consist import CacheOptions, Tracker
from consist.index.records import Event
from consist.store.rebuild import rebuild
from consist.store.verify import verify
from consist.testing import faults
from consist.testing.together import fork
from tests.packpage import check_pack

PARTS = 8
RANDOM_KILLS = 200
SEED = 20261123
MUST_OCCUR = {"open", "write", "fsync", "link", "rename", "chmod", "unlink", "mkdir", "commit", "lock"}
LARGE = bytes(range(256)) * 256  # 64 KiB: a blob, written at once
FILE = b"a line of a file output\n" * 50_000  # 1.2 MB: chunks in a pack, and a manifest
CACHED = ("one", "two", "large", "file")
RECORD_KINDS = {"results", "runs"}


# The writer ------------------------------------------------------------------------------------------------------


def count(name):
    descriptor = os.open("calls", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, f"{name}\n".encode())
    os.close(descriptor)


def tiny(value):
    count({1: "one", 2: "two"}[value])
    return {"doubled": value * 2, "text": "x" * value}


def large():
    count("large")
    return LARGE


def write_file():
    count("file")
    path = Path("out.bin")
    path.write_bytes(FILE)
    return path


def failing():
    count("failing")
    raise ValueError("on purpose")


def write(folder: str, answers: int) -> None:
    """Do all that a writer does, and say what is about to be done, and what was."""

    def say(*words):
        os.write(answers, json.dumps(words).encode() + b"\n")

    def run(name, fn, **options):
        say("begin", name)
        result = tracker.run(fn, **options)
        say("done", name, result.run.id, result.cache_hit)

    os.chdir(folder)
    with Tracker(run_dir="runs", db_path="index.lmdb") as tracker:
        run("one", tiny, config={"value": 1})
        run("two", tiny, config={"value": 2}, tags=["early"])
        run("large", large)
        run("file", write_file)
        say("begin", "failing")
        try:
            tracker.run(failing)
        except ValueError:
            say("done", "failing", tracker.find_runs(step="failing", limit=1)[0].id, False)
        run("again", tiny, config={"value": 1})
        run("overwrite", tiny, config={"value": 1}, cache_options=CacheOptions(cache_mode="overwrite"))
        tracker.store.events.add(Event("tag", tracker.find_runs(step="large", limit=1)[0].id, 7, text="late"))
        tracker.store.events.flush()
        run("again", tiny, config={"value": 2})
    say("begin", "nothing")
    tracker.store.index.close()


EXPECTED = {
    "one": {"doubled": 2, "text": "x"},
    "two": {"doubled": 4, "text": "xx"},
    "large": {"value": LARGE},
    "file": {"value": FILE},
    "failing": {},
}


# Looking at what is left, without the code under test ------------------------------------------------------------


def unframe(data: bytes, kind: int, key: bytes) -> list:
    magic, version, found_kind, key_size, size, _ = struct.unpack(">4sBBHI16s", data[:28])
    body = data[: 28 + key_size + size]
    assert (magic, version, found_kind, body[28 : 28 + key_size]) == (b"CNST", 0, kind, key)
    assert data[len(body) :] == blake3(body).digest()
    return msgpack.unpackb(body[28 + key_size :])


class Left:
    """The store as a killed writer left it."""

    def __init__(self, folder: str) -> None:
        self.root = Path(folder, "index.store")
        self.published: dict[str, str] = {}
        """Which of the writer's steps -> id of the run that its signature leads to."""
        self.runs: dict[str, str] = {}
        """Run id -> which of the writer's steps."""
        files = [path for path in self.root.rglob("*") if not path.is_dir()] if self.root.exists() else []
        for path in files:
            self._look_at(path.relative_to(self.root).parts, path)
        assert not self.runs or (self.root / "consist.json").exists()

    def _look_at(self, parts, path):
        if parts[0] == "blobs":
            assert blake3(path.read_bytes()).hexdigest() == "".join(parts[1:])
        elif parts[0] == "packs":
            check_pack(path.read_bytes(), bytes.fromhex("".join(parts[1:])))
        elif parts[0] == "manifests":
            name = "".join(parts[1:])
            assert blake3(self._reassembled(name)).hexdigest() == name
        elif parts[0] == "latest":
            assert unframe(path.read_bytes(), 6, bytes.fromhex("".join(parts[1:])))[0] == 0
        elif parts[0] in RECORD_KINDS:
            self._record(parts, path.read_bytes())
        elif parts[0] == "log":
            assert unframe(path.read_bytes(), 3, "/".join(parts).encode())[0] == 0
        elif parts == ("consist.json",):
            assert json.loads(path.read_bytes())["format"] == 0
        elif parts[0] == "locks":
            assert path.stat().st_size == 0
        else:
            assert parts in {("CACHEDIR.TAG",), ("lock",)} or parts[0].startswith("tmp")

    def _record(self, parts, data):
        area, *names = parts
        signature = bytes.fromhex("".join(names)) if area == "results" else None
        fields = unframe(data, 1, signature or names[0].encode())
        assert fields[2] == signature
        step = {"tiny": {1: "one", 2: "two"}, "large": "large", "write_file": "file", "failing": "failing"}[fields[3]]
        step = step[fields[9]["value"]] if isinstance(step, dict) else step
        assert fields[4] == ("failed" if step == "failing" else "completed")
        self._outputs(step, fields[12])
        self.runs[fields[1]] = step
        if signature is not None:
            assert step != "failing"
            self.published[step] = fields[1]

    def _outputs(self, step, outputs):
        found = {}
        for key, digest, size, form, inline, _ in outputs:
            blob = self._object("blobs", digest.hex())
            data = inline if inline is not None else None
            if data is None:
                data = blob.read_bytes() if blob.exists() else self._reassembled(digest.hex())
            assert (blake3(data).digest(), len(data)) == (digest, size)
            found[key] = msgpack.unpackb(data) if form == "plain" else data
        assert found == EXPECTED[step]

    def _object(self, area, name):
        return self.root / area / name[:2] / name[2:]

    def _reassembled(self, name):
        manifest = unframe(self._object("manifests", name).read_bytes(), 2, bytes.fromhex(name))
        version, size, packs, chunks = manifest
        packs = [self._object("packs", pack.hex()).read_bytes() for pack, _ in struct.iter_unpack(">32sI", packs)]
        pieces = []
        for _, encoding, pack, offset, stored, _ in struct.iter_unpack(">32sBIIII", chunks):
            piece = packs[pack][offset : offset + stored]
            pieces.append(zstandard.ZstdDecompressor().decompress(piece) if encoding else piece)
        data = b"".join(pieces)
        assert (version, size) == (0, len(data))
        return data


def dump(store) -> dict[str, dict[bytes, bytes]]:
    """Return the tables of an index as LMDB has them, but for what is the machine's own."""
    store.index.close()
    tables = {}
    with lmdb.open(store.index.environment.path, subdir=False, readonly=True, lock=False, max_dbs=64) as env:
        with env.begin() as transaction:
            names = [name for name, _ in transaction.cursor()]
        for name in set(names) - {b"meta", b"files", b"blobs", b"chunks"}:
            table = env.open_db(name, create=False)
            with env.begin(db=table) as transaction:
                tables[name.decode()] = {bytes(key): bytes(value) for key, value in transaction.cursor()}
    return tables


class Said:
    """What a writer said before it died."""

    def __init__(self, lines: list[list]) -> None:
        self.returned = [(name, run_id, hit) for word, name, *more in lines if word == "done" for run_id, hit in [more]]
        self.under_way = lines[-1][1] if lines and lines[-1][0] == "begin" else "nothing"

    @property
    def runs(self) -> set[str]:
        return {run_id for _, run_id, _ in self.returned}


# Killing and checking --------------------------------------------------------------------------------------------


@pytest.fixture
def folders():
    """Give out folders in memory, where a sync costs nothing; they go at the end."""
    above = tempfile.mkdtemp(prefix="consist-crash-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    yield lambda: tempfile.mkdtemp(dir=above)
    shutil.rmtree(above)


def with_answers(start) -> tuple[object, Said]:
    """Call `start` with a descriptor to say things to; return what it returned, and what was said."""
    reader, writer = os.pipe()
    try:
        outcome = start(writer)
    finally:
        os.close(writer)
        with os.fdopen(reader, "rb") as stream:
            lines = stream.read().splitlines()
    return outcome, Said([json.loads(line) for line in lines])


def write_on(folder: str) -> Said:
    """Let the next writer do all, undisturbed."""
    return with_answers(lambda answers: fork(lambda: write(folder, answers)).result())[1]


def calls(folder: str) -> Counter:
    path = Path(folder, "calls")
    return Counter(path.read_text().split()) if path.exists() else Counter()


def check(folder: str, said: Said) -> None:
    left = Left(folder)
    in_flight = set(left.runs) - said.runs
    assert said.runs <= set(left.runs)
    assert len(in_flight) <= 1
    under_way = {"overwrite": "one"}.get(said.under_way, said.under_way)
    assert {left.runs[run_id] for run_id in in_flight} <= {under_way}
    _check_through_the_door(folder, said, left)
    _check_next_writer(folder, left)
    _check_ends(folder, said, in_flight)


def _check_through_the_door(folder: str, said: Said, left: Left) -> None:
    tracker = Tracker(run_dir=f"{folder}/runs", db_path=f"{folder}/index.lmdb")
    assert verify(tracker.store, read_data=True).findings == ()
    known = {run.id for run in tracker.find_runs()}
    assert said.runs <= known <= set(left.runs)
    for run_id in said.runs:
        outputs = tracker.outputs_of(run_id)
        loaded = {key: item.read_bytes() if item.format == "file" else item.load() for key, item in outputs.items()}
        assert loaded == EXPECTED[left.runs[run_id]]
    tracker.close()
    tracker.store.index.close()


def _check_next_writer(folder: str, left: Left) -> None:
    before = calls(folder)
    answers = {name: (run_id, hit) for name, run_id, hit in reversed(write_on(folder).returned)}
    for name in CACHED:
        run_id, hit = answers[name]
        assert hit == (name in left.published)
        assert not hit or run_id == left.published[name]
    executed = [name for name in CACHED if name not in left.published] + ["failing", "one"]
    assert calls(folder) - before == Counter(executed)


def _check_ends(folder: str, said: Said, in_flight: set[str]) -> None:
    tracker = Tracker(run_dir=f"{folder}/runs", db_path=f"{folder}/index.lmdb")
    store = tracker.store
    store.backend.sweep(0)
    assert [path for path in Path(folder, "index.store").glob("tmp*") if path.name != "tmp" or os.listdir(path)] == []
    assert store.index.pending_events() == []
    before = dump(store)
    rebuild(store)
    after = dump(store)
    unheard = {key[4:].decode() for key in after["runs"].keys() - before["runs"].keys()}
    assert unheard <= in_flight
    for run_id in unheard:
        store.index.remove_run(run_id)
        after = dump(store)
    assert after == before
    assert len(Left(folder).published) == len(CACHED)
    tracker.close()


@cache
def kill_points() -> tuple[tuple[int, str], ...]:
    """Return every (operation, moment) of a clean run, which must have every kind of operation in it."""

    def names():
        with faults.recorded() as operations, tempfile.TemporaryDirectory() as folder:
            write(folder, os.open(os.devnull, os.O_WRONLY))
        return {operation.name for operation in operations}

    missing = MUST_OCCUR - fork(names).result()
    assert not missing, f"these never occur: {missing}"
    with tempfile.TemporaryDirectory() as folder:
        points = faults.every_state(lambda: write(folder, os.open(os.devnull, os.O_WRONLY)))
        Left(folder)
    return tuple(points)


@pytest.fixture(scope="module", autouse=True)
def _warm():
    """Import and identify once, before anything is forked, so that the children need not."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        write(folder, os.open(os.devnull, os.O_WRONLY))
        os.chdir(here)


def test_a_clean_run_leaves_what_is_expected(folders):
    folder = folders()
    said = write_on(folder)
    left = Left(folder)
    assert said.under_way == "nothing"
    assert [name for name, _, _ in said.returned] == [*CACHED, "failing", "again", "overwrite", "again"]
    assert set(left.runs) == said.runs
    assert Counter(left.runs.values()) == {"one": 2, "two": 1, "large": 1, "file": 1, "failing": 1}
    assert calls(folder) == {"one": 2, "two": 1, "large": 1, "file": 1, "failing": 1}
    check(folder, said)


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_between_any_two_operations(folders, part):
    for at, moment in kill_points()[part::PARTS]:
        folder = folders()
        killed, said = with_answers(
            lambda answers, folder=folder, at=at, moment=moment: faults.run_killed(
                lambda: write(folder, answers), at=at, moment=moment
            )
        )
        assert killed
        try:
            check(folder, said)
        except BaseException as error:
            error.add_note(f"killed {moment} operation {at}")
            raise
        shutil.rmtree(folder)


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_random_times(folders, part):
    rng = random.Random(SEED + part)
    started = time.monotonic()
    write_on(folders())
    duration = time.monotonic() - started
    killed = 0
    for _ in range(RANDOM_KILLS // PARTS):
        folder, delay = folders(), rng.uniform(0, duration)

        def kill_late(answers, folder=folder, delay=delay):
            child = fork(lambda: write(folder, answers))
            time.sleep(delay)
            os.kill(child.process, signal.SIGKILL)
            return child.wait() == -signal.SIGKILL

        was_killed, said = with_answers(kill_late)
        killed += was_killed
        try:
            check(folder, said)
        except BaseException as error:
            error.add_note(f"killed after {delay:.4f} s of {duration:.4f} s")
            raise
        shutil.rmtree(folder)
    assert killed
