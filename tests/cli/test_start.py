"""What starting the program loads; the time that it takes is measured in benchmarks/."""

import json
import socket
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


def test_what_needs_the_index_alone_does_not_ask_a_remote_store(world, call):
    """A server that takes connections and never answers is not even connected to."""
    from consist.store.offline import keep_config

    store = world.open()
    store.index.remember_store("s3://bucket/team")
    keep_config(store.config)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        (world.folder / "consist.toml").write_text(
            'store = "s3://bucket/team"\ndb_path = "provenance.duckdb"\n'
            f'[storage_options]\nendpoint_url = "http://127.0.0.1:{port}"\nkey = "a"\nsecret = "b"\n'
        )
        run = world.runs["clean"].id
        for verb in (
            ("runs",),
            ("show", run),
            ("why", run),
            ("ls", "steps/clean"),
            ("cat", "steps/clean/note"),
            ("search", "clean"),
            ("artifacts",),
            ("summary",),
            ("scenarios",),
            ("lineage", run),
            ("diff", run, run),
        ):
            answer = call(*verb)
            assert (answer.code, answer.err) == (0, ""), verb
            with pytest.raises(BlockingIOError):
                server.accept()
