"""A second machine, with an index, a home and a cache folder of its own, finds in a bucket what the first one ran.

Requests are counted beneath everything that consist does, so that not one more than needed goes unnoticed.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest
from servers import BUCKET

from consist import Tracker
from consist.blobs.wrappers import Counting
from consist.store import opening

RUNS = 60
MIB = 1 << 20
LARGE = os.urandom(3 * MIB)


def small(number):
    return {"square": number**2}


def medium(number):
    return {"text": f"{number} " * 5000}


def large(number):
    path = Path(f"large-{number}.bin").absolute()
    path.write_bytes(LARGE[:MIB] + bytes([number]) * 1000 + LARGE[MIB:])
    return path


STEPS = [(fn, number) for number in range(RUNS // 3) for fn in (small, medium, large)]


@pytest.fixture(params=["obstore", "s3fs", "gcs"])
def place(request):
    if request.param == "gcs":
        return f"gs://{BUCKET}/{uuid.uuid4().hex}", request.getfixturevalue("fake_gcs").options()
    options = request.getfixturevalue("ministack").options(consist_driver=request.param)
    return f"s3://{BUCKET}/{uuid.uuid4().hex}", options


@pytest.fixture
def machine(place, tmp_path, monkeypatch):
    """Start a machine by name: its tracker, and what it asks of the bucket."""
    url, options = place
    counters = []

    def counted(*args, **kwargs):
        counters.append(Counting(open_backend(*args, **kwargs)))
        return counters[-1]

    open_backend = opening.open_backend
    monkeypatch.setattr(opening, "open_backend", counted)

    def start(name):
        home = tmp_path / name
        home.mkdir(exist_ok=True)
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        monkeypatch.chdir(home)
        tracker = Tracker(run_dir=home / "runs", db_path=home / "index.lmdb", store=url, storage_options=options)
        tracker.store.index.sync()
        return tracker, counters[-1].calls

    return start


def run_all(tracker):
    return [tracker.run(fn, config={"number": number}) for fn, number in STEPS]


def test_a_second_machine_hits_everything_with_no_request_too_many(machine):
    first, _ = machine("first")
    with first:
        assert not any(result.cache_hit for result in run_all(first))
    second, calls = machine("second")
    with second:
        calls.clear()
        results = run_all(second)
        assert all(result.cache_hit for result in results)
        assert dict(calls) == {"get": RUNS}, "one request a record, and nothing else"
        calls.clear()
        for (fn, number), result in zip(STEPS, results, strict=True):
            if fn is large:
                assert Path(result.value).read_bytes() == LARGE[:MIB] + bytes([number]) * 1000 + LARGE[MIB:]
            else:
                assert result.value == fn(number)
        assert calls["list"] == 0
        assert calls["stat"] == 0
        calls.clear()
        assert all(result.cache_hit for result in run_all(second))
        assert dict(calls) == {}, "what was asked for today is not asked for again"
