"""What starting the program loads; the time that it takes is measured in benchmarks/."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from consist.cli.app import VERBS

HEAVY = {"fsspec", "lmdb", "rich", "numpy", "pandas", "pydantic", "blake3", "msgpack", "asyncio"}
_PROBE = """
import contextlib, io, json, sys
from consist.cli.app import run
with contextlib.redirect_stdout(io.StringIO()):
    code = run(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]))
"""


def loaded(*arguments):
    done = subprocess.run([sys.executable, "-c", _PROBE, *map(str, arguments)], capture_output=True, check=True)
    code, modules = json.loads(done.stdout)
    assert code == 0, done.stderr
    return set(modules)


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), ("version",), ("version", "--json"), ("runs", "--help")]
)
def test_help_and_version_load_nothing_heavy(arguments):
    allowed = {"blake3", "msgpack"} if "version" in arguments else set()
    assert loaded(*arguments) & HEAVY <= allowed


@pytest.mark.parametrize(
    "arguments", [("runs",), ("ls",), ("cat", "steps/clean/rows"), ("du",), ("show", ""), ("why", "")]
)
def test_a_verb_loads_only_what_it_uses(world, arguments):
    arguments = [arguments[0], world.runs["clean"].id] if arguments[0] in {"show", "why"} else arguments
    modules = loaded(*arguments, "--db-path", world.db_path)
    assert modules & HEAVY == {"lmdb", "blake3", "msgpack"}
    others = VERBS.keys() - {arguments[0]}
    assert not modules & {f"consist.cli.{verb}" for verb in others}


def test_the_page_of_the_command_line_is_what_the_commands_say():
    script = Path(__file__).parents[2] / "docs" / "reference" / "generate.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
