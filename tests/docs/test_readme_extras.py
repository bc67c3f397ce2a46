"""The README names every extra that can be installed."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_all_extras_are_named():
    (line,) = re.findall(r"^All extras: (.*)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert set(re.findall(r"`(\w+)`", line)) == set(extras)
