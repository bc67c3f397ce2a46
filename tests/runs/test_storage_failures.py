"""A disk that is full once the function has returned: its value is the caller's, and nothing half written is left."""

from __future__ import annotations

import errno
import re
import warnings
from pathlib import Path

import pytest

from consist import CacheOptions, ExecutionOptions, errors, fileops

LARGE = "x" * 5000


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def disk():
    """A disk that is full as soon as it is told so: every file operation beneath consist then fails as the system's."""
    disk = Disk()
    fileops.set_tap(disk.tap)
    yield disk
    fileops.set_tap(None)


class Disk:
    def __init__(self):
        self.full = False
        self.fails_from = 0
        self.done = 0

    def tap(self, moment, operation, path):
        if not self.full or moment != "before" or operation == "unlink":
            return
        self.done += 1
        if self.done > self.fails_from:
            raise OSError(errno.ENOSPC, "No space left on device", path)


def make(n, disk=None):
    with Path("calls").open("a") as file:
        file.write("x")
    Path("table.csv").write_text(LARGE * n)
    if disk is not None:
        disk.full = True
    return {"large": LARGE * n, "small": n, "table": Path("table.csv")}


def run(tracker, disk=None):
    """Run it; `disk` is a handle that has no say in the result."""
    tracker.store  # noqa: B018 - opened while there is room
    options = ExecutionOptions(runtime_kwargs={"disk": disk}, runtime_only=["disk"])
    return tracker.run(make, config={"n": 2}, execution_options=options)


def objects(tracker) -> set[str]:
    root = Path(tracker.store_url)
    names = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    return {name for name in names if name.startswith(("blobs/", "results/", "runs/", "packs/"))}


def test_the_value_is_the_callers_and_the_next_call_computes_again(tracker, disk):
    with pytest.warns(errors.UncacheableWarning) as said:
        result = run(tracker, disk)
    text = " ".join(str(warning.message) for warning in said)
    assert "output 'large': " in text
    assert "output 'table': " in text
    assert "No space left" in text
    assert "is not recorded in full, so it may be computed again" in text
    assert result.value == {"large": LARGE * 2, "small": 2, "table": Path("table.csv").absolute()}
    assert {key: made.load() for key, made in result.outputs.items()} == {"small": 2}
    assert result.run.signature is None
    for key in ("large", "table"):
        with pytest.raises(KeyError, match=rf"there is no output '{key}': it could not be stored: .*No space left"):
            result.outputs[key]
    disk.full = False
    assert objects(tracker) == set()
    assert not run(tracker).cache_hit
    assert run(tracker).cache_hit
    assert Path("calls").read_text() == "xx"


@pytest.mark.parametrize("survives", range(0, 40, 3))
def test_wherever_the_disk_fills_the_value_comes_back_and_what_is_there_is_whole(tracker, disk, survives):
    disk.fails_from = survives
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = run(tracker, disk)
    assert result.value == {"large": LARGE * 2, "small": 2, "table": Path("table.csv").absolute()}
    disk.full = False
    found = run(tracker)
    assert found.value["large"] == LARGE * 2
    assert found.value["table"].read_text() == LARGE * 2
    assert found.outputs["table"].read_bytes() == (LARGE * 2).encode()


@pytest.mark.parametrize("survives", range(6))
@pytest.mark.parametrize("size", [3, 5000], ids=["inline", "blob"])
def test_a_hit_that_finds_no_room_for_its_files_leaves_what_was_there(tracker, disk, size, survives):
    def write(size):
        Path("out").mkdir(exist_ok=True)
        Path("out/table.csv").write_text("x" * size)

    def found(**cache):
        options = CacheOptions(**cache)
        return tracker.run(write, config={"size": size}, output_paths={"t": "out/table.csv"}, cache_options=options)

    found()
    Path("out/table.csv").write_text("mine")
    disk.full, disk.fails_from = True, survives
    try:
        assert found(cache_hydration="outputs-requested").cache_hit
        expected = "x" * size
    except errors.StorageFullError:
        expected = "mine"
    assert [path.name for path in Path("out").iterdir()] == ["table.csv"]
    assert Path("out/table.csv").read_text() == expected


def test_what_the_function_raised_passes_through_though_the_failure_cannot_be_recorded(tracker, disk):
    def fail(disk):
        disk.full = True
        raise KeyError("no luck")

    tracker.store  # noqa: B018 - opened while there is room
    options = ExecutionOptions(runtime_kwargs={"disk": disk}, runtime_only=["disk"])
    with pytest.warns(errors.ConsistWarning, match="could not be recorded"), pytest.raises(KeyError, match="no luck"):
        tracker.run(fail, execution_options=options)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("mode", ["reuse", "off"])
def test_a_record_that_could_not_be_read_back_is_not_published(tracker, mode, fails, monkeypatch):
    """It was, and each look-up said that it is damaged."""

    def make(names):
        if fails:
            raise KeyError(len(names))
        return len(names)

    tracker.store  # noqa: B018 - opened while limits are as they are
    monkeypatch.setattr("consist.hashing.codec.MAX_BYTES", 10_000)
    names = [f"name {n}" for n in range(2000)]
    said = "is too large to be read back: .* of them its config \\(large data belongs into an input or an output"
    options = CacheOptions(cache_mode=mode)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if fails:
            with pytest.raises(KeyError):
                tracker.run(make, config={"names": names}, cache_options=options)
        else:
            assert tracker.run(make, config={"names": names}, cache_options=options).value == 2000
    assert re.search(said, str(caught[-1].message))
    assert objects(tracker) == set()
    monkeypatch.undo()
    assert tracker.find_runs() == []
    if not fails:
        assert not tracker.run(make, config={"names": names}, cache_options=options).cache_hit
