"""The public names: whole, sorted, and cheap to import."""

import ast
import builtins
import subprocess
import sys
from pathlib import Path

import pytest

import consist

HEAVY = {"fsspec", "typer", "rich", "numpy", "pandas", "asyncio", "logging", "ssl", "hashlib", "decimal"}


def test_all_is_sorted_and_every_name_is_there():
    assert consist.__all__ == sorted(consist.__all__)
    for name in consist.__all__:
        assert getattr(consist, name).__module__.startswith("consist.")


def test_all_is_whole():
    tree = ast.parse(Path(consist.__file__).read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("consist.")
        for alias in node.names
    }
    assert imported - {"VERSION"} == set(consist._HOMES)
    assert set(consist.__all__) == set(consist._HOMES) - {"exec"}


def test_no_builtin_is_shadowed():
    assert not set(consist.__all__) & set(dir(builtins))
    assert consist.exec.__module__ == "consist.runs.shell"
    assert "exec" in dir(consist)


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="module 'consist' has no attribute 'nothing'"):
        consist.nothing  # noqa: B018 - the access is the test


def test_import_is_light():
    """What takes long to import, or pulls in an event loop, comes with the first use only."""
    loaded = loaded_after("import consist")
    assert not loaded & {"lmdb", "blake3", "msgpack", "fsspec", "typer", "rich", "numpy", "typing", "dataclasses"}


def test_a_run_imports_no_library_that_it_does_not_need(tmp_path):
    loaded = loaded_after(
        "import consist\n"
        f"t = consist.Tracker(run_dir={str(tmp_path)!r}, db_path={str(tmp_path / 'i.lmdb')!r})\n"
        "t.run(pow, config={'base': 2, 'exp': 3}); t.close()"
    )
    assert not loaded & {
        "fsspec",
        "typer",
        "rich",
        "numpy",
        "pandas",
        "asyncio",
        "logging",
        "ssl",
        "hashlib",
        "decimal",
        "consist.store.names",  # and with it all about folders
        "consist.blobs.treeget",
    }


def loaded_after(code: str) -> set[str]:
    """Names of our modules, and of others' top-level ones, that a fresh process has after running some code."""
    code += "\nimport sys; print(*(name for name in sys.modules if '.' not in name or name.startswith('consist.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_tracker_has_the_methods_that_were_decided_on():
    """A method more needs a reason: docs/decisions/0024-nineteen-methods-of-a-tracker.md."""
    assert sorted(name for name in dir(consist.Tracker) if not name.startswith("_")) == [
        "close",
        "define_step",
        "diff_runs",
        "explain",
        "find_latest_run",
        "find_runs",
        "forget",
        "get_artifact",
        "get_run",
        "lineage",
        "load_run_output",
        "outputs_of",
        "run",
        "run_set",
        "scenario",
        "start_run",
        "store",
        "tag",
        "trace",
        "untag",
    ]
