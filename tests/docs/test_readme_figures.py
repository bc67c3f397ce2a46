"""What README.md says of consist beside others is what docs/performance.md has measured, figure by figure."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NUMBER = re.compile(r"\d+\.\d+|\d+,\d+|\d+(?= of \d)|(?<=\d of )\d+")
"""What was measured; not "5 versions", "a GiB" and other words of a row's name."""


def beside_others():
    """Return the rows of the table."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Beside others\n")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| ") and NUMBER.search(line)]


@pytest.mark.parametrize("row", beside_others())
def test_figures_are_those_of_the_measurements(row):
    """Some row of the other page has them all, with the four below it, where each program has a row."""
    measured = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8").splitlines()
    beside = [set(NUMBER.findall(" ".join(measured[at : at + 5]))) for at in range(len(measured))]
    assert any(set(NUMBER.findall(row)) <= figures for figures in beside)


def test_there_is_a_table():
    assert len(beside_others()) >= 8
