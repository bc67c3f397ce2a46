"""The program in a real terminal: tables at two widths, Tab in bash and zsh, Ctrl-C, a question that is asked."""

import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pexpect
import pyarrow as pa
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


@pytest.fixture
def wide(world):
    """The world, with names and values that no terminal of 80 columns has room for."""
    with consist.Tracker(run_dir="runs", db_path=world.db_path) as tracker:
        with tracker.scenario("a scenario with a long name, of which there is one only"):
            tracker.run(_table, name="a step with a name that is long enough", config={"rows": 3, "note": "x" * 40})
        tracker.run(_table, name="a step with a name that is long enough", config={"rows": 4, "note": "y" * 40})
    return world


def _table(rows, note):
    return {"table": pa.table({f"column {n}": [note] * rows for n in range(3)}), "array": np.arange(200.0)}


LONG = "steps/a step with a name that is long enough"


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize(
    "verb",
    [
        ("runs",),
        ("artifacts",),
        ("summary",),
        ("du",),
        ("search", "long"),
        ("scenarios",),
        ("ls", "-l", "steps/clean"),
        ("ls", "-l", "blobs"),
        ("diff", f"{LONG}/table", "steps/clean/table"),
        ("preview", f"{LONG}/table"),
        ("cat", f"{LONG}/table", "--as", "text"),
    ],
)
def test_tables_fit_both_widths(wide, verb, width):
    lines = text_of(spawn(*verb, "--db-path", wide.db_path, width=width)).splitlines()
    assert lines
    assert max(map(len, lines)) <= width
    if width == 200:  # where there is room, nothing is cut
        assert not any("…" in line for line in lines)


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("verb", ["show", "why", "lineage"])
def test_what_is_no_table_says_all_of_it_at_both_widths(wide, verb, width):
    """Digests and values are there to be copied: they are not cut, and a line that is too long goes on below."""
    text = text_of(spawn(verb, f"{LONG}/table", "--db-path", wide.db_path, width=width))
    assert "a step with a name that is long enough" in text
    assert "…" not in text
    if verb == "show":
        assert "x" * 40 in text or "y" * 40 in text


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
    run, other = world.runs["clean"].id, world.runs["big"].id
    for typed, completed in (
        ("consist summ", "consist summary"),
        ("consist cat steps/cl", "consist cat steps/clean/"),
        ("consist cat steps/clean/no", "consist cat steps/clean/note"),
        ("consist cat steps/su", "consist cat steps/summarise/summary"),
        (f"consist show {run[:10]}", f"consist show {run}"),
        (f"consist ls runs/{run[:10]}", f"consist ls runs/{run}/"),
        ("consist get steps/clean/no", "consist get steps/clean/note"),
        ("consist get steps/clean/note steps/clean/ra", "consist get steps/clean/note steps/clean/raw"),
        ("consist show steps/su", "consist show steps/summarise/summary"),
        (f"consist why {run[:10]}", f"consist why {run}"),
        (f"consist why {run} {other[:10]}", f"consist why {run} {other}"),
        (f"consist diff {run[:10]}", f"consist diff {run}"),
        (f"consist diff {run} {other[:10]}", f"consist diff {run} {other}"),
        ("consist lineage steps/su", "consist lineage steps/summarise/summary"),
        (f"consist lineage {run[:10]}", f"consist lineage {run}"),
        (f"consist tag {run[:10]}", f"consist tag {run}"),
        (f"consist forget {run[:10]}", f"consist forget {run}"),
        (f"consist preview runs/{run}/no", f"consist preview runs/{run}/note"),
        ("consist runs --step summ", "consist runs --step summarise"),
        (f"consist runs --parent {run[:10]}", f"consist runs --parent {run}"),
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
    child = spawn("exec", "--name", "slow", "--db-path", world.db_path, "sh", "-c", "echo begun; sleep 60")
    child.expect_exact("begun")  # a word that no progress has: "looking up slow" ended it before it began
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
