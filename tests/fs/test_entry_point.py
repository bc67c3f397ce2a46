"""As it is installed: fsspec and universal_pathlib find the protocol by themselves, and importing it costs little."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import consist

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with what an installation would put there: the package, and the metadata with the entry points."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "consist").symlink_to(ROOT / "consist")
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    lines = [line for group, names in groups.items() for line in (f"[{group}]", *map(" = ".join, names.items()))]
    about = folder / "consist-0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: consist\nVersion: 0\n")
    (about / "entry_points.txt").write_text("\n".join(lines))
    return folder


def run(code, folder, **more):
    environment = {**os.environ, "PYTHONPATH": str(folder), **more}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/", check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_fsspec_finds_it(installed, tracker, home):
    tracker.run(lambda: b"content", name="make", outputs=["out"])
    code = "import fsspec; print(fsspec.open('consist://steps/make/out').open().read())"
    assert run(code, installed, CONSIST_DB=str(home / "index.lmdb")) == "b'content'"


def test_universal_pathlib_finds_it(installed, tracker, home):
    tracker.run(lambda: b"content", name="make", outputs=["out"])
    code = "from upath import UPath; p = UPath('consist://steps/make/out'); print(type(p).__name__, p.read_bytes())"
    assert run(code, installed, CONSIST_DB=str(home / "index.lmdb")) == "ConsistPath b'content'"


def test_importing_it_imports_nothing_that_reading_a_small_value_does_not_need(installed):
    code = "import sys, consist.fs; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = set(run(code, installed).split())
    assert not loaded & {"typer", "rich", "numpy", "pandas", "pyarrow", "s3fs", "obstore", "upath", "aiohttp"}
    assert "fsspec" in loaded


def test_nothing_that_only_runs_imports_it():
    code = "import sys, consist; consist.Tracker; print('fsspec' in sys.modules)"
    assert run(code, Path(consist.__file__).parents[1]) == "False"
