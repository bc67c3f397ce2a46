"""A store that the real tracker filled, and the filesystem on it; the protocol is known to fsspec as when installed."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
from pathlib import Path

import fsspec
import pytest
import upath.registry

import consist
from consist.fs import ConsistFileSystem
from consist.fs.upath import ConsistPath
from consist.store.opening import open_store


@pytest.fixture(scope="session", autouse=True)
def _protocol():
    """Register what the entry points name, where this checkout is not what is installed."""
    if not importlib.metadata.entry_points(group="fsspec.specs", name="consist"):
        fsspec.register_implementation("consist", ConsistFileSystem)
        upath.registry.register_implementation("consist", ConsistPath)


@pytest.fixture(autouse=True)
def _no_instances():
    """Keep no filesystem from one test for another: fsspec would for ever."""
    yield
    ConsistFileSystem.clear_instance_cache()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Go to an empty folder, whose settings say that index and store are in it."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CONSIST_DB", str(folder / "index.lmdb"))
    return folder


@pytest.fixture
def tracker(home):
    with consist.Tracker(run_dir=home / "runs", durable=False) as tracker:
        yield tracker


def as_written_now(value):
    """Return a value; a file, or the files of a folder, changed as if whoever returns it had written them."""
    if isinstance(value, Path):
        for path in (value, *value.rglob("*")):
            os.utime(path)
    return value


@pytest.fixture
def keep(tracker):
    """Give what makes a run of a step with an output of any value; returns the run's id."""

    def keep(value, *, step="make", key="out", number=0):
        def made(number):
            return as_written_now(value)

        return tracker.run(made, name=step, config={"number": number}, outputs=[key]).run.id

    return keep


@pytest.fixture
def keep_folder(keep, home):
    """Give what keeps a folder, made by a function that is given its path, as an output; returns the run's id."""

    def keep_folder(fill, *, step="make", key="out", number=0):
        folder = home / "made"
        folder.mkdir()
        fill(folder)
        run_id = keep(folder, step=step, key=key, number=number)
        shutil.rmtree(folder)
        return run_id

    return keep_folder


@pytest.fixture
def fs(tracker):
    """The filesystem on the tracker's store, by the environment's settings."""
    assert tracker.store.index.store_id  # opened, so made
    return fsspec.filesystem("consist")


@pytest.fixture
def files():
    """Give what lists a folder going round consist: path -> content, None for a folder."""

    def files(folder):
        found = {}
        for above, names, inside in os.walk(folder):
            for name in names + inside:
                path = Path(above, name)
                found[str(path.relative_to(folder))] = None if path.is_dir() else path.read_bytes()
        return found

    return files


@pytest.fixture
def open_here(home):
    """Give what opens the store that the environment names."""
    return lambda: open_store(str(home / "index.store"), str(home / "index.lmdb"))
