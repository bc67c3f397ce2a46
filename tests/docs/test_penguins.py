"""The pipeline over real data: what an edit runs again, and what the command line then shows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from blake3 import blake3

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "penguins.py"


@pytest.fixture
def script(tmp_path):
    pytest.importorskip("palmerpenguins")
    path = tmp_path / "penguins.py"
    path.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    return path


def edit(script: Path, old: str, new: str) -> None:
    text = script.read_text(encoding="utf-8")
    assert text.count(old) == 1
    script.write_text(text.replace(old, new), encoding="utf-8")


def run(script: Path, *arguments: str) -> str:
    command = [sys.executable, *(arguments or [script.name])]
    return subprocess.run(command, cwd=script.parent, check=True, capture_output=True, text=True).stdout


def executed(script: Path) -> list[str]:
    return re.findall("cleaning|summarising", run(script))


def test_an_edit_runs_what_depends_on_it_and_nothing_else(script):
    assert executed(script) == ["cleaning", "summarising"]
    assert executed(script) == []
    edit(script, "HEAVY = 5000", "HEAVY = 4500")
    assert executed(script) == ["summarising"]
    edit(script, "MIN_MASS = 3000", "MIN_MASS = 3500")
    assert executed(script) == ["cleaning", "summarising"]
    edit(script, "MIN_MASS = 3500", "MIN_MASS = 3499")
    assert executed(script) == ["cleaning"]
    edit(script, '"""Count the birds of each species,', '"""Count all birds of each species,  # really')
    assert executed(script) == []


def test_the_numbers_are_those_of_the_data(script):
    import pandas as pd
    from palmerpenguins import load_penguins

    printed = run(script).splitlines()[-3:]
    birds = load_penguins().dropna()
    birds = birds[birds.body_mass_g >= 3000]
    for line, (species, group) in zip(printed, birds.groupby("species"), strict=True):
        name, _, numbers = line.partition(" ")
        assert name == species
        found = ast.literal_eval(numbers)
        assert (found["birds"], found["heavy"]) == (len(group), (group.body_mass_g >= 5000).sum())
        assert found["mean_mass_g"] == pytest.approx(group.body_mass_g.mean(), abs=0.051)
    assert isinstance(birds, pd.DataFrame)


def test_the_command_line_shows_what_was_made(script):
    run(script)
    consist = ("-m", "consist.cli")
    summary = run(script, *consist, "cat", "steps/summarise/summary", "--db-path", "penguins.lmdb")
    assert "Gentoo" in summary
    assert "67" in summary
    cleaned = (script.parent / "penguins-clean.csv").read_bytes()
    assert run(script, *consist, "cat", "steps/clean/cleaned", "--db-path", "penguins.lmdb") == cleaned.decode()
    listed = run(script, *consist, "ls", "-l", "steps/clean", "--db-path", "penguins.lmdb")
    assert blake3(cleaned).hexdigest() in listed
