"""The program in a real terminal: tables at two widths, Tab in bash and zsh, Ctrl-C, a question that is asked."""

import os
import re
import shutil
import sys
from pathlib import Path

import pexpect
import pytest

import consist

_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[=>])")
PROMPT = "READY> "


def environment(**variables):
    kept = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "NO_COLOR", "FORCE_COLOR"}}
    return {**kept, "TERM": "xterm", "PYTHONPATH": str(Path(consist.__file__).parents[1]), **variables}


def spawn(*arguments, width=80):
    return pexpect.spawn(
        sys.executable,
        ["-m", "consist", *map(str, arguments)],
        env=environment(),
        dimensions=(40, width),
        encoding="utf-8",
        timeout=60,
    )


def text_of(child):
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    return _ESCAPE.sub("", child.before).replace("\r\n", "\n")


@pytest.mark.parametrize("width", [60, 200])
@pytest.mark.parametrize(
    "verb",
    [
        ("runs",),
        ("artifacts",),
        ("summary",),
        ("du",),
        ("search", "clean"),
        ("scenarios",),
        ("ls", "-l", "steps/clean"),
    ],
)
def test_tables_fit_both_widths(world, verb, width):
    lines = text_of(spawn(*verb, "--db-path", world.db_path, width=width)).splitlines()
    assert lines
    assert max(map(len, lines)) <= width
    if width == 200:  # where there is room, nothing is cut
        assert not any("…" in line for line in lines)


def shell(name, folder):
    """Start a shell in which `consist` is the program, and completed as the program itself says."""
    (folder / "bin").mkdir(exist_ok=True)
    program = folder / "bin" / "consist"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m consist "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    arguments = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"]}[name]
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    variables = {"PS1": PROMPT, "PATH": path, "CONSIST_DB": str(folder / "provenance.duckdb"), "INPUTRC": "/dev/null"}
    child = pexpect.spawn(
        name, arguments, env=environment(**variables), dimensions=(40, 200), encoding="utf-8", timeout=60
    )
    child.expect_exact(PROMPT)
    if name == "bash":
        child.sendline("bind 'set enable-bracketed-paste off'; bind 'set bell-style none'")
        child.expect_exact(PROMPT)
    else:
        child.sendline("autoload -Uz compinit && compinit -u -D; unsetopt zle_bracketed_paste")
        child.expect_exact(PROMPT)
    child.sendline(f'eval "$(_CONSIST_COMPLETE=source_{name} consist)"; echo lo"ad"ed')
    child.expect_exact("loaded")
    child.expect_exact(PROMPT)
    return child


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_tab_completes_verbs_paths_and_run_ids(world, name):
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    child = shell(name, world.folder)
    run = world.runs["clean"].id
    for typed, completed in (
        ("consist summ", "consist summary"),
        ("consist cat steps/cl", "consist cat steps/clean/"),
        ("consist cat steps/clean/no", "consist cat steps/clean/note"),
        ("consist cat steps/su", "consist cat steps/summarise/summary"),
        (f"consist show {run[:10]}", f"consist show {run}"),
        (f"consist ls runs/{run[:10]}", f"consist ls runs/{run}/"),
    ):
        child.send(typed + "\t")
        child.expect_exact(completed)
        child.sendcontrol("u")
        child.sendline("echo on'e'")
        child.expect_exact("one")
        child.expect_exact(PROMPT)
    child.sendline("exit")
    child.expect(pexpect.EOF)
    child.close()


def test_ctrl_c_ends_a_command_with_130_and_harms_nothing(world, ask):
    child = spawn("exec", "--name", "slow", "--db-path", world.db_path, "sh", "-c", "echo up; sleep 60")
    child.expect_exact("up")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert [row["status"] for row in ask("runs", "--step", "slow").rows()] == ["failed"]
    assert ask("verify", "--read-data").out.endswith("no problem found\n")


def test_ctrl_c_at_a_question_ends_with_130_and_does_nothing(world, ask):
    child = spawn("forget", world.runs["clean"].id, "--db-path", world.db_path)
    child.expect_exact("forget it? [y/N] ")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert [row["status"] for row in ask("runs", "--step", "clean").rows()] == ["completed"]


def test_forget_asks_and_does_what_is_answered(world, ask):
    for answer, status in (("n", "completed"), ("y", "forgotten")):
        child = spawn("forget", world.runs["clean"].id, "--db-path", world.db_path)
        child.expect_exact("forget it? [y/N] ")
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == (0 if answer == "y" else 5)
        assert [row["status"] for row in ask("runs", "--step", "clean").rows()] == [status]
