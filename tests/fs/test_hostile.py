"""Records with harmful names, and paths of any kind: nothing outside the target, and no error but ours."""

from __future__ import annotations

import contextlib

import fsspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from consist.errors import UnsupportedError
from consist.hashing.hasher import hash_bytes
from consist.index.records import ArtifactRecord, RunRecord
from consist.store.publish import keep as keep_record

HARMFUL = [
    "../../escaped",
    "..",
    ".",
    "/etc/escaped",
    "a/../../escaped",
    "..\\escaped",
    "C:\\escaped",
    "new\nline",
    "red \x1b[31m",
    "\u202etxt.exe",
    "x" * 5_000,
    "nul\0",
    "",
    "a/b",
    "\ud800",
]
HARMLESS = ["plain", "раypal", "pаypal", "dot.", " space ", "*", "[a]", "..."]  # noqa: RUF001 - look-alikes are the point


@pytest.fixture
def hostile(fs, open_here):
    """A store to which somebody wrote records that consist would not write, of two steps; one has no proper name."""
    store = open_here()
    names = [name for name in HARMFUL if name != "\ud800"] + HARMLESS
    outputs = tuple(
        ArtifactRecord(name, hash_bytes(name.encode()), len(name.encode()), "bytes", name.encode()) for name in names
    )
    for number, step in enumerate(("good", "../../step", "..", "bad\nstep")):
        keep_record(store, RunRecord(f"{number:020x}", None, step, "completed", 1, 2, outputs=outputs))
    return fs


def test_only_names_are_listed(hostile):
    assert hostile.ls("steps", detail=False) == ["steps/good"]
    for folder in ("steps/good", f"runs/{0:020x}"):
        assert hostile.ls(folder, detail=False) == [f"{folder}/{name}" for name in HARMLESS]


def test_what_is_not_listed_is_not_there(hostile):
    for name in HARMFUL:
        path = f"steps/good/{name}"
        if path.strip("/") != "steps/good":
            assert not hostile.exists(path), name
            with pytest.raises((FileNotFoundError, IsADirectoryError)):
                hostile.open(path)
    assert not hostile.exists("steps/bad\nstep")


@pytest.mark.parametrize("source", ["steps/good", f"runs/{0:020x}", "steps", "runs", "", "steps/go*", "steps/good/*"])
def test_a_copy_stays_in_its_target(hostile, home, source, files):
    target = home / "deep" / "er" / "target"
    target.mkdir(parents=True)
    before = {name for name in files(home) if not name.startswith(("index", "runs"))}
    hostile.get(source, f"{target}/", recursive=True)
    after = {name for name in files(home) if not name.startswith(("index", "runs"))}
    assert all(name.startswith("deep/er/target/") for name in after - before)
    assert any(name.endswith("plain") for name in after)


def test_a_copy_of_everything_has_everything_that_is_listed(hostile, home, files):
    hostile.get("steps/good", str(home / "copy"), recursive=True)
    assert files(home / "copy") == {name: name.encode() for name in HARMLESS}


PARTS = st.sampled_from(
    [*HARMFUL, "steps", "runs", "blobs", "good", "plain", "tree", "a.csv", "*", "**", "consist:", "", "0", "f" * 20]
) | st.text(max_size=8)
PATHS = st.builds(str.join, st.sampled_from(["/", "//", "/", "/"]), st.lists(PARTS, max_size=5))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(path=PATHS, start=st.none() | st.integers(-9, 9), end=st.none() | st.integers(-9, 9))
@example(path="steps/good/plain", start=1, end=-1)
@example(path="consist://consist://steps", start=None, end=None)
def test_any_path_is_answered(hostile, path, start, end):
    """Either there is something, and then it is read; or the error is ours, and what a filesystem raises."""
    there = hostile.exists(path)
    assert there == (hostile.isfile(path) or hostile.isdir(path))
    for call in (hostile.info, hostile.ls, lambda path: hostile.cat_file(path, start, end), hostile.open, hostile.ukey):
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):
            call(path)
            assert there
    assert bool(hostile.find(path)) <= there
    if there:
        assert hostile.info(path)["name"].count("/") == hostile._strip_protocol(path).count("/")


def test_a_run_of_another_age_of_the_world(fs, open_here):
    for number, time in enumerate((-(1 << 62), 1 << 62)):
        output = ArtifactRecord("out", hash_bytes(b"x"), 1, "bytes", b"x", {"total": 1 << 62})
        record = RunRecord(f"{number:020x}", None, "step", "completed", time, time, outputs=(output,))
        keep_record(open_here(), record)
        path = f"runs/{number:020x}/out"
        assert (fs.info(path)["size"], fs.cat(path)) == (1, b"x")
        with pytest.raises(UnsupportedError):
            fs.created(path)
    assert len(fs.ls("runs")) == 2


def test_the_oracle_can_be_reached(hostile):
    assert hostile.cat_file("steps/good/plain", 1, -1) == b"lai"
    assert fsspec.open("consist://steps/good/раypal").open().read() == "раypal".encode()  # noqa: RUF001
