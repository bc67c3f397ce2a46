"""Who may only read a store finishes what can be finished, and is told how."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import consist
from consist import CacheOptions, errors, fileops

READONLY = CacheOptions(cache_mode="readonly")

PROGRAM = """
import warnings

import consist
from consist import CacheOptions, Tracker, errors

READONLY = CacheOptions(cache_mode="readonly")


def numbers(limit):
    return list(range(limit))


def total(numbers):
    return sum(numbers)


def told(call):
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            ended = call()
        except errors.StoragePermissionError as error:
            ended = f"{type(error).__name__} {error.hint}"
    ways = ["scenario(…, cache_options=CacheOptions(cache_mode=" in str(each.message) for each in warned]
    return f"{ended} {ways}"


def scenario(**given):
    with t.scenario("s", **given) as s:
        s.run(numbers, config={"limit": 2000}, outputs=["numbers"])
    return "ended"


t = Tracker("mine/runs", "mine/index.lmdb", store="team.store", durable=False)
print(t.run(numbers, config={"limit": 2000}, outputs=["numbers"], cache_options=READONLY).cache_hit)
print(told(lambda: t.run(numbers, config={"limit": 3}).value))
print(told(scenario))
print(told(lambda: scenario(cache_options=READONLY)))
with t.scenario("s", cache_options=READONLY, require_outputs=["total", "top"]) as s:
    hit = s.run(numbers, config={"limit": 2000}, outputs=["numbers"])
    miss = s.run(total, inputs=["numbers"], outputs=["total"], cache_options=CacheOptions(cache_version=1))
    with s.trace("look", inputs=["total"]) as look:
        look.log_artifact({"text": look.load("total")}, key="top")
print(hit.cache_hit, miss.cache_hit, s.coupler["top"].load(), [run.step for run in t.find_runs()])
with t.start_run("alone", cache_options=READONLY) as alone:
    alone.log_artifact(b"x" * 9000, key="blob")
t.close()
"""


def as_nobody_special():
    """Return what begins a command without the rights that root has over the permissions of files."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may do anything, and there is no setpriv")
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


def test_a_scenario_on_a_store_that_may_only_be_read(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    prepare = PROGRAM[: PROGRAM.index("t = Tracker")]
    prepare += 'with Tracker("r", "first.lmdb", store="team.store", durable=False) as t:\n    scenario()\n'
    (tmp_path / "program_before.py").write_text(prepare)
    environment = {**os.environ, "PYTHONPATH": str(Path(consist.__file__).parents[1])}

    def ran(*command):
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    ran(sys.executable, "program_before.py")
    store = tmp_path / "team.store"
    folders = [path for path in (store, *store.rglob("*")) if path.is_dir()]
    before = sorted(store.rglob("*"))
    for path in folders:
        path.chmod(0o500)
    try:
        said = ran(*as_nobody_special(), sys.executable, "program.py")
    finally:
        for path in folders:
            path.chmod(0o700)
    way = 'who may only read it: CacheOptions(cache_mode="readonly"); else choose another folder, or get rights'
    assert said == [
        "True",
        f"StoragePermissionError {way} []",
        "ended [True]",
        "ended []",
        "True False {'text': 1999000} ['numbers']",
    ]
    assert sorted(store.rglob("*")) == before


def test_what_a_readonly_block_does_is_recorded_nowhere(tracker):
    def boom():
        raise ValueError("as told")

    def log_and_fail(scenario):
        scenario.log_artifact(1, key="one")
        scenario.run(boom)

    with pytest.raises(ValueError, match="as told"), tracker.scenario("s", cache_options=READONLY) as scenario:
        log_and_fail(scenario)
    with pytest.raises(ValueError, match="here"), tracker.trace("t", cache_options=READONLY):
        raise ValueError("here")
    assert tracker.find_runs() == []
    with tracker.scenario("s", cache_options=READONLY) as scenario:
        done = scenario.run(pow, name="power", config={"base": 2, "exp": 3}, cache_options=CacheOptions("reuse"))
    assert [run.id for run in tracker.find_runs()] == [done.run.id]


def test_a_readonly_block_is_nobodys_parent(tracker):
    """Nobody could find it; what is called round it is recorded as ever, and found again without a word in the log."""
    made = tracker.run(pow, name="power", config={"base": 2, "exp": 3})
    with tracker.scenario("s", cache_options=READONLY) as scenario:
        assert tracker.run(pow, name="power", config={"base": 2, "exp": 3}).cache_hit
        other = tracker.run(pow, name="power", config={"base": 2, "exp": 4})
        with tracker.trace("look") as look:
            pass
    assert other.run.parent_id is None
    assert tracker.get_run(look.run_id).parent_id is None
    assert tracker.find_runs(parent_id=scenario.run_id) == []
    assert tracker.find_latest_run(step="power").id == other.run.id != made.run.id


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (CacheOptions(cache_mode="overwrite"), r"a trace is always executed.*cache_mode=.readonly.*is what it takes"),
        (CacheOptions(cache_version=1), "a trace is always executed"),
        ("readonly", r"cache_options is 'readonly'"),
    ],
)
def test_other_options_of_a_cache_do_not_fit_a_block(tracker, options, match):
    with pytest.raises(errors.UsageError, match=match):
        tracker.trace("t", cache_options=options)


def test_a_tracker_that_is_disabled_takes_the_same(tmp_path):
    with (
        consist.create_tracker(enabled=False, run_dir=tmp_path) as disabled,
        disabled.scenario("s", cache_options=READONLY) as scenario,
    ):
        assert scenario.run(pow, name="power", config={"base": 2, "exp": 3}).value == 8


def test_who_cannot_lock_finds_what_is_in_the_store_and_else_is_told(tmp_path, tracker):
    first = tracker.run(pow, name="power", config={"base": 2, "exp": 5})
    other = consist.Tracker(run_dir=tmp_path / "runs", db_path=tmp_path / "other.lmdb", store=tracker.store_url)

    def refuse(moment, operation, path):
        if "/locks" in path and operation in {"open", "mkdir"}:
            raise OSError(errno.EACCES, "Permission denied", path)

    with other:
        other.store  # noqa: B018 - opened while it may be written
        fileops.set_tap(refuse)
        try:
            found = other.run(pow, name="power", config={"base": 2, "exp": 5})
            with pytest.raises(errors.StoragePermissionError, match="Permission denied"):
                other.run(pow, name="power", config={"base": 2, "exp": 6})
        finally:
            fileops.set_tap(None)
    assert (found.cache_hit, found.run.id, found.value) == (True, first.run.id, 32)
