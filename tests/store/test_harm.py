"""A bit flipped at every byte of a small store, and every object cut, gone, or swapped with another of its kind.

Reading never gives wrong bytes, and `verify` names the objects that were harmed and no others. The store is made by a
tracker, with every kind of object in it: small blobs, packs and manifests that versions share, a folder, records of
completed and failed runs, log batches, pointers to the newest content, ``consist.json``.

Of packs' bodies and whole blobs every 97th byte is tried, of records, manifests and the like all bytes of the smallest
and every 29th of the others; with ``CONSIST_TESTS_EVERY_BYTE=1`` every byte of everything.
"""

import contextlib
import json
import os
import random
import shutil
import warnings
from pathlib import Path

import blake3
import pytest

from consist import Tracker
from consist.blobs import blobsource, blobstore, large, packing
from consist.errors import DamagedError, DamagedWarning, FormatError, NotFoundError
from consist.hashing.digest import Digest
from consist.store import config as store_config
from consist.store import contents, latest
from consist.store.opening import open_store
from consist.store.rebuild import rebuild
from consist.store.verify import verify

EVERY_BYTE = os.environ.get("CONSIST_TESTS_EVERY_BYTE", "0") not in {"", "0"}
STRIDE = 1 if EVERY_BYTE else 97
AREAS = ("blobs", "packs", "manifests", "results", "runs", "log", "latest")

KIB = 1 << 10
CHUNKING = {"algorithm": "fastcdc-2020", "min": 256, "average": 512, "max": 1024, "normalisation": 1}


def noise(seed, size):
    return random.Random(seed).randbytes(size)  # noqa: S311 - any bytes that do not compress


BASE = noise(1, 9 * KIB)


# What runs: what each returns is written down here, for every argument ----------------------------------------------


def some(n):
    return {"inline": n, "blob": bytes([n]) * 5000}


def version(n):
    return BASE + bytes([n]) * 100


def folder(n):
    path = Path("folder")
    shutil.rmtree(path, ignore_errors=True)
    (path / "sub").mkdir(parents=True)
    (path / "sub" / "small").write_bytes(b"%d" % n)
    (path / "large").write_bytes(version(n)[::-1])
    return path


def fails():
    raise ZeroDivisionError


def files_of(path):
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def run_all(tracker):
    """Run everything, hit or not, and check all that comes back."""
    for n in (1, 2):
        result = tracker.run(some, config={"n": n})
        assert result.value == {"inline": n, "blob": bytes([n]) * 5000}
        result = tracker.run(version, config={"n": n})
        assert result.value == version(n)
        with result.outputs["value"].open() as stream:
            assert b"".join(iter(lambda: stream.read(1000), b"")) == version(n)
    path = tracker.run(folder, config={"n": 1}).outputs["value"].path
    assert files_of(path) == {"sub/small": b"1", "large": version(1)[::-1]}
    with pytest.raises(ZeroDivisionError):
        tracker.run(fails)


CONTENTS = {
    Digest(blake3.blake3(data).digest()): data
    for data in (bytes([1]) * 5000, bytes([2]) * 5000, version(1), version(2), b"1", version(1)[::-1])
}


# The store, made once ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def _tiny():
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in (
            (blobsource, "LARGE", 6 * KIB),
            (blobstore, "LARGE", 6 * KIB),
            (contents, "LARGE", 6 * KIB),
            (latest, "LARGE", 6 * KIB),
            (packing, "PACK_SIZE", 4 * KIB),
            (large, "WINDOW", 6 * KIB),
        ):
            assert hasattr(module, name)
            patch.setattr(module, name, value)
        yield


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    """Make the store; return its objects."""
    root = tmp_path_factory.mktemp("made")
    open_store(str(root / "store"), str(root / "first.lmdb"), durable=False).index.close()
    config = json.loads((root / "store/consist.json").read_text())
    (root / "store/consist.json").chmod(0o600)
    del config["check"]  # which need not be there
    (root / "store/consist.json").write_text(json.dumps({**config, "chunking": CHUNKING}, indent=2))
    with contextlib.chdir(root):
        for _ in range(3):  # after the first time all are hits, which go to the log
            with Tracker("runs", "index.lmdb", "store", durable=False) as tracker:
                run_all(tracker)
            tracker.store.index.close()
            for left in ("runs", "folder"):  # or paths would lead there, and nothing would be read
                shutil.rmtree(left, ignore_errors=True)
    found = {
        str(path.relative_to(root / "store")): path.read_bytes()
        for path in (root / "store").rglob("*")
        if path.is_file()
    }
    kept = {key: data for key, data in found.items() if key.startswith((*AREAS, "consist.json"))}
    assert {key.partition("/")[0] for key in kept} == {*AREAS, "consist.json"}
    assert sum(key.startswith("packs/") for key in kept) >= 4
    return kept


class Scene:
    """A copy of the store, open for reading, of which objects can be harmed and mended; its index is empty."""

    def __init__(self, root, objects):
        self.root, self.objects = root, objects
        for key in objects:
            self.set(key, objects[key])
        self.store = open_store(str(root / "store"), str(root / "index.lmdb"), durable=False)

    def set(self, key, data):
        path = self.root / "store" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if data is not None:
            path.write_bytes(data)

    @contextlib.contextmanager
    def harmed(self, **changes):
        """Put other bytes under some keys, and what was there back afterwards."""
        for key, data in changes.items():
            self.set(key, data)
        yield
        for key in changes:
            self.set(key, self.objects[key])
        for digest in list(self.store.blobs.suspects):
            self.store.blobs.suspects.discard(digest)

    def named(self):
        found = verify(self.store, read_data=1)
        return {finding.key for finding in (*found.findings, *found.unneeded)}

    def read_all(self):
        """Read all content; nothing wrong may come. Return what could not be read."""
        failed = set()
        for digest, data in CONTENTS.items():
            try:
                assert self.store.blobs.read(digest) == data
                with self.store.blobs.open(digest, size=len(data)) as stream:
                    assert b"".join(iter(lambda stream=stream: stream.read(2000), b"")) == data
            except (DamagedError, FormatError, NotFoundError):
                failed.add(digest)
        return failed


@pytest.fixture
def scene(tmp_path, objects):
    """Make a copy of the store, with an index that knows all runs."""
    scene = Scene(tmp_path, objects)
    rebuild(scene.store)
    yield scene
    scene.store.index.close()


def of_area(objects, area):
    return {key: data for key, data in objects.items() if key.startswith(area + "/")}


def positions(area, data, *, is_smallest):
    """Say which bytes are tried: of content some, of what describes it all in one object and some in the others."""
    stride = 1 if is_smallest or EVERY_BYTE else 29
    if area == "blobs":
        return range(0, len(data), STRIDE)
    if area == "packs":
        directory = len(data) - 8 - int.from_bytes(data[-8:-4], "big")
        return [*range(0, directory, STRIDE), *range(directory, len(data), stride)]
    return range(0, len(data), stride)


def flipped(data, position):
    return data[:position] + bytes([data[position] ^ 1 << position % 8]) + data[position + 1 :]


# Harm --------------------------------------------------------------------------------------------------------------


def test_a_whole_store_has_no_findings(scene):
    assert scene.named() == set()
    assert scene.read_all() == set()


@pytest.mark.slow
@pytest.mark.timeout(0 if EVERY_BYTE else 300)  # all bytes of packs took 20 minutes
@pytest.mark.parametrize("area", AREAS)
def test_a_bit_flipped_anywhere(scene, objects, area):
    ordered = sorted(of_area(objects, area).items(), key=lambda item: len(item[1]))
    for number, (key, data) in enumerate(ordered):
        for position in positions(area, data, is_smallest=not number):
            with scene.harmed(**{key: flipped(data, position)}):
                if area in {"blobs", "packs", "manifests"}:
                    scene.read_all()
                assert scene.named() == {key}, position
    assert scene.named() == set()


def test_a_bit_flipped_anywhere_in_consist_json(scene, objects, tmp_path):
    """It has no check of its own: what still says the same is no damage; whoever has it open sees the rest."""
    good = objects["consist.json"]
    for position in range(len(good)):
        with scene.harmed(**{"consist.json": flipped(good, position)}):
            try:
                same = store_config.load(scene.store.backend) == scene.store.config
            except (DamagedError, FormatError):
                same = False
            assert scene.named() == (set() if same else {"consist.json"})
            assert scene.read_all() == set()
    assert scene.named() == set()


CUTS = {
    "nothing": lambda _data: b"",
    "half": lambda data: data[: len(data) // 2],
    "all but one": lambda data: data[:-1],
}


@pytest.mark.parametrize("left", CUTS)
@pytest.mark.parametrize("area", [*AREAS, "consist.json"])
def test_an_object_cut_short(scene, objects, area, left):
    for key, data in objects.items():
        if key.startswith(area):
            with scene.harmed(**{key: CUTS[left](data)}):
                scene.read_all()
                assert scene.named() == {key}


@pytest.mark.parametrize("area", [*AREAS, "consist.json"])
def test_an_object_that_is_gone(scene, objects, area):
    """The index misses records and batches of events. A pointer that is gone leaves nothing that could miss it."""
    for key in objects:
        if key.startswith(area):
            with scene.harmed(**{key: None}):
                failed = scene.read_all()
                findings = verify(scene.store, read_data=1).findings
                assert {finding.key for finding in findings} == (set() if area == "latest" else {key})
                if area in {"results", "runs"}:
                    (finding,) = findings
                    assert finding.problem.startswith("missing; the index knows it as the record of run ")
                if area in {"blobs", "manifests"}:
                    assert all("missing" in finding.problem and "needs it" in finding.problem for finding in findings)
                if area == "packs":
                    (finding,) = findings
                    assert failed
                    assert all(digest.short in finding.problem for digest in failed)


@pytest.mark.parametrize("area", AREAS)
def test_two_objects_swapped(scene, objects, area):
    keys = sorted(of_area(objects, area))
    assert len(keys) > 1
    for one, other in zip(keys, keys[1:] + keys[:1], strict=True):
        with scene.harmed(**{one: objects[other], other: objects[one]}):
            scene.read_all()
            assert scene.named() == {one, other}


def test_a_damaged_pack_names_the_blobs_in_it(scene, objects):
    for key, data in of_area(objects, "packs").items():
        with scene.harmed(**{key: flipped(data, 0)}):
            (finding,) = verify(scene.store, read_data=1).findings
            affected = {
                "/".join(name.split("/")[1:]).replace("/", "")[:12]
                for name, manifest in of_area(objects, "manifests").items()
                if bytes.fromhex(key[6:].replace("/", "")) in manifest
            }
            assert affected
            assert all(name in finding.problem for name in affected)


HARMS = {
    "flipped at the start": lambda data: flipped(data, 0),
    "flipped in its fifth byte": lambda data: flipped(data, min(4, len(data) - 1)),  # of a frame, its version
    "flipped in the middle": lambda data: flipped(data, len(data) // 2),
    "flipped at the end": lambda data: flipped(data, len(data) - 1),
    "gone": lambda _data: None,
    **CUTS,
}


@pytest.mark.slow
@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("area", AREAS)
def test_a_tracker_gets_right_values_whatever_is_harmed_and_the_store_heals(tmp_path, objects, area, harm, monkeypatch):
    """On a machine with an empty index: what is not whole is computed again; nothing that is needed stays damaged."""
    for number, (key, data) in enumerate(of_area(objects, area).items()):
        root = tmp_path / str(number)
        root.mkdir()
        monkeypatch.chdir(root)
        scene = Scene(root, {**objects, key: HARMS[harm](data)})
        scene.store.index.close()
        with Tracker("runs", "mine.lmdb", "store", durable=False) as tracker, warnings.catch_warnings():
            warnings.simplefilter("ignore", DamagedWarning)
            with contextlib.suppress(DamagedError):  # noticed by the reader of a value: then the next run heals it
                run_all(tracker)
            run_all(tracker)
            verify(tracker.store, read_data=1)  # what no reader comes by, such as a pack's directory, it notes too
            run_all(tracker)
            left = {
                finding.key
                for finding in verify(tracker.store, read_data=1).findings
                if not finding.key.startswith("packs/") or "needed by" in finding.problem
            }
            assert left <= ({key} if area in {"runs", "log", "latest"} else set()), "what is left is what nothing needs"
        tracker.store.index.close()
