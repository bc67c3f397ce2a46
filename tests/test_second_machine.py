"""A second machine, with an index, a home and a cache folder of its own, finds in a bucket what the first one ran.

Requests are counted beneath everything that consist does, so that not one more than needed goes unnoticed. Where this
process may make one, the second machine has a mount namespace too, in which all that the first one wrote is covered by
an empty filesystem: what it finds can come from the bucket alone.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from blake3 import blake3
from servers import BUCKET

from consist import Tracker
from consist.blobs.wrappers import Counting
from consist.store import opening

RUNS = 60
MIB = 1 << 20
LARGE = blake3(b"the same in every process").digest(length=3 * MIB)


def small(number):
    return {"square": number**2}


def medium(number):
    return {"text": f"{number} " * 5000}


def large(number):
    path = Path(f"large-{number}.bin").absolute()
    path.write_bytes(LARGE[:MIB] + bytes([number]) * 1000 + LARGE[MIB:])
    return path


STEPS = [(fn, number) for number in range(RUNS // 3) for fn in (small, medium, large)]


READING = {"get": 2 * RUNS // 3, "get_range": RUNS // 3}
"""Of what is read: each medium content, of each large one the manifest, and one range: they share all other chunks."""


def machine(home, url, options, monkeypatch):
    """Be a machine: return its tracker, and what it asks of the bucket."""
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.chdir(home)
    counters = []

    def counted(*args, **kwargs):
        counters.append(Counting(open_backend(*args, **kwargs)))
        return counters[-1]

    open_backend = opening.open_backend
    with monkeypatch.context() as patch:
        patch.setattr(opening, "open_backend", counted)
        tracker = Tracker(run_dir=home / "runs", db_path=home / "index.lmdb", store=url, storage_options=options)
        tracker.store.index.sync()
    return tracker, counters[-1].calls


def run_all(tracker):
    return [tracker.run(fn, config={"number": number}) for fn, number in STEPS]


def be_the_second(home, url, options):
    """Hit everything, read everything, and hit everything again."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        tracker, calls = machine(home, url, options, monkeypatch)
        with tracker:
            calls.clear()
            results = run_all(tracker)
            assert all(result.cache_hit for result in results)
            assert dict(calls) == {"get": RUNS}, "one request a record, and nothing else"
            calls.clear()
            for (fn, number), result in zip(STEPS, results, strict=True):
                if fn is large:
                    assert Path(result.value).read_bytes() == LARGE[:MIB] + bytes([number]) * 1000 + LARGE[MIB:]
                else:
                    assert result.value == fn(number)
            assert dict(calls) == READING, "nothing is listed or looked at"
            calls.clear()
            assert all(result.cache_hit for result in run_all(tracker))
            assert dict(calls) == {}, "what was asked for today is not asked for again"


CHILD = """
import json, os, sys
from pathlib import Path
import test_second_machine
first, second, url, options = json.load(sys.stdin)
assert os.listdir(first) == []
test_second_machine.be_the_second(Path(second), url, options)
"""


def in_a_namespace(first, second, url, options):
    """Let a process be the second machine, to which the folder of the first is empty; False where that cannot be."""
    covered = ["unshare", "--mount", "sh", "-ec", 'mount -t tmpfs tmpfs "$0"; exec "$@"', str(first)]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*covered, "true"], capture_output=True, check=False).returncode
    ):
        return False
    here = Path(__file__).parent
    done = subprocess.run(
        [*covered, sys.executable, "-c", CHILD],
        input=json.dumps([str(first), str(second), url, options]),
        env={**os.environ, "PYTHONPATH": f"{here.parent}:{here}:{here / 'servers'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return True


@pytest.mark.parametrize("kind", ["obstore", "s3fs", "gcs"])
def test_a_second_machine_hits_everything_with_no_request_too_many(request, tmp_path, monkeypatch, kind):
    if kind == "gcs":
        url, options = f"gs://{BUCKET}/{uuid.uuid4().hex}", request.getfixturevalue("fake_gcs").options()
    else:
        url = f"s3://{BUCKET}/{uuid.uuid4().hex}"
        options = request.getfixturevalue("ministack").options(consist_driver=kind)
    first, second = tmp_path / "first", tmp_path / "second"
    tracker, _ = machine(first, url, options, monkeypatch)
    with tracker:
        assert not any(result.cache_hit for result in run_all(tracker))
    if kind != "obstore" and in_a_namespace(first, second, url, options):
        return
    first.rename(tmp_path / "away")  # a file that is where it was is not fetched
    be_the_second(second, url, options)
    if kind != "obstore":
        pytest.skip("passed, but for a mount namespace of its own: `unshare --mount` and `mount` need root")
