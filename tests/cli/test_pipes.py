"""The program as others start it: entry points, pipes that close, no standard output, Ctrl-C."""

import os
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import consist
from consist.cli.app import run

BIG = bytes(range(256)) * (3 << 12)


def shell(line, **variables):
    """Run a line of bash, with the program as `consist`."""
    line = f'set -o pipefail; consist() {{ "{sys.executable}" -m consist "$@"; }}; {line}'
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, timeout=120, check=False, env={**os.environ, **variables}
    )


@pytest.mark.parametrize("module", ["consist", "consist.cli"])
def test_both_modules_are_the_program(world, start, module):
    done = start("runs", "--db-path", "./provenance.duckdb", "--limit", "5", module=module)
    assert (done.returncode, done.stderr) == (0, b"")
    head, *rows = [line.split("\t") for line in done.stdout.decode().splitlines()]
    assert head[:4] == ["run_id", "model", "status", "started"]
    assert [row[1] for row in rows] == ["fail", "big", "summarise", "clean"]
    assert b"\x1b" not in done.stdout


def test_the_installed_command_is_the_program(world):
    command = shutil.which("consist", path=Path(sys.executable).parent)
    if command is None:
        pytest.skip("consist is not installed here, only importable")
    done = subprocess.run(
        [command, "cat", "steps/clean/rows", "--db-path", world.db_path], capture_output=True, check=True
    )
    assert done.stdout == b"3\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_enough_is_no_failure(world, unbuffered):
    line = "consist cat steps/big/value --db-path provenance.duckdb | head -c 10"
    done = shell(line, PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stdout, done.stderr) == (0, BIG[:10], b"")


def test_a_list_into_a_closed_pipe_ends_quietly(world):
    done = shell(
        "for verb in runs 'ls blobs' 'runs --json' version; do consist $verb --db-path provenance.duckdb | true; done"
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_closed_standard_files_harm_nothing(world, ask):
    before = ask("runs").out
    done = shell(
        "consist runs --db-path provenance.duckdb <&- >&-; consist runs --db-path provenance.duckdb <&- >&- 2>&-"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert ask("runs").out == before
    assert ask("verify", "--read-data").code == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("verb", ["runs", "cat steps/big/value", "version", "runs --json"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written_exits_4(world, verb, unbuffered):
    done = shell(f"consist {verb} --db-path provenance.duckdb > /dev/full", PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 4
    assert done.stderr == b"consist: cannot write standard output: No space left on device\n"


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "latin-1"])
def test_names_pass_through_any_encoding(world, encoding):
    done = shell("consist cat steps/clean/note --db-path provenance.duckdb", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == "fine — all of it\n".encode(encoding, "backslashreplace")


def test_ctrl_c_exits_130_and_leaves_no_damage(world, ask):
    before = ask("runs").out
    command = [sys.executable, "-m", "consist", "put", "-", "--db-path", "provenance.duckdb"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(BIG)  # more than a pipe holds: when this returns, it is being read
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert (process.stdout.read(), process.stderr.read()) == (b"", b"")
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()
    assert ask("runs").out == before
    assert ask("verify", "--read-data").code == 0
    assert [path for path in (world.store / "tmp").iterdir() if path.is_file()] == []


_INTERRUPTING = """
import os, signal, sys

class Finder:
    def find_spec(name, path=None, target=None):
        if name == os.environ["INTERRUPTED_AT"]:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Finder)
"""


@pytest.mark.parametrize("module", ["consist", "consist.cli"])
@pytest.mark.parametrize("imported", ["consist.cli.app", "typer", "consist.cli.runs", "consist.index.index"])
def test_ctrl_c_while_the_program_is_imported_exits_130_and_says_nothing(world, module, imported):
    (world.folder / "sitecustomize.py").write_text(_INTERRUPTING, encoding="utf-8")
    path = f"{world.folder}:{Path(consist.__file__).parents[1]}"
    done = subprocess.run(
        [sys.executable, "-m", module, "runs", "--db-path", "provenance.duckdb"],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path, "INTERRUPTED_AT": imported},
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_ctrl_c_when_all_is_done_ends_it_without_a_word(world):
    """While Python ends, where it would print what it was doing."""
    (world.folder / "sitecustomize.py").write_text(
        "import atexit, signal\natexit.register(signal.raise_signal, signal.SIGINT)\n", encoding="utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-m", "consist", "cat", "steps/clean/rows", "--db-path", "provenance.duckdb"],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": f"{world.folder}:{Path(consist.__file__).parents[1]}"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"3\n", b"")


def test_the_command_begins_where_the_modules_do():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"consist": "consist.cli.entry:main"}


def test_the_shell_is_told_the_verbs(world):
    words = {"_CONSIST_COMPLETE": "complete_bash", "COMP_WORDS": "consist ve", "COMP_CWORD": "1"}
    done = shell("consist", **words)
    assert done.stdout.split() == [b"verify", b"version"]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("consist cat --as ", ["csv", "json", "text"]),
        ("consist runs --status f", ["failed", "forgotten"]),
        ("consist ls --sort n", ["name"]),
        ("consist exec --cache-mode re", ["reuse", "readonly"]),
    ],
)
def test_the_shell_is_told_the_words_that_an_option_takes(monkeypatch, capsys, words, offered):
    monkeypatch.setenv("_CONSIST_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    with pytest.raises(SystemExit):
        run([])
    assert capsys.readouterr().out.split() == offered


_SLOW = """
import sys
from consist.cli.output import write_json_list, write_table

def rows():
    yield ("one", 1)
    sys.stdin.readline()  # the next row takes as long as somebody wants
    yield ("two", 2)

write_table(("name", "n"), rows()) if sys.argv[1] == "table" else write_json_list({"a": 1}, "rows", rows())
"""


@pytest.mark.parametrize("form", ["table", "json"])
def test_a_row_comes_through_a_pipe_before_the_next_is_known(form):
    with subprocess.Popen(
        [sys.executable, "-c", _SLOW, form],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
    ) as process:
        seen = b""
        while b"one" not in seen:
            seen += os.read(process.stdout.fileno(), 100)
        assert b"two" not in seen
        process.stdin.write(b"\n")
        process.stdin.close()
        assert b"two" in process.stdout.read()
