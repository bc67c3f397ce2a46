"""docs/concepts/identity.md names every note that the identity can give, and the bound that it speaks of."""

import re
from pathlib import Path

import pytest

from consist.cli.why import why
from consist.identity.code import code_identity, features
from consist.store.nearest import LOOKED_AT

PAGE = (Path(__file__).parents[2] / "docs" / "concepts" / "identity.md").read_text(encoding="utf-8")
TABLES = (features._BY_NAME, features._BY_MODULE, features._BY_ATTRIBUTE, features._BY_FUNCTION)
NOTES = sorted({note.partition(" (")[0] for table in TABLES for note in table.values()})


@pytest.mark.parametrize("note", [*NOTES, "reads sys.modules", "reads sys.argv", "reads sys.path"])
def test_every_note_is_on_the_page(note):
    assert re.search(rf"`{re.escape(note)}( \(|`)", PAGE), note


def test_the_example_of_a_note_is_a_note():
    namespace = {"__name__": "job"}
    exec("import pandas as pd\ndef load(path):\n    return pd.read_csv(path)", namespace)  # noqa: S102 - our own
    (note,) = code_identity(namespace["load"]).warnings
    assert note == "job.load reads files (read_csv)"
    assert note in " ".join(PAGE.split())


def test_the_number_of_runs_that_are_compared_is_the_codes_own():
    assert f"newest {LOOKED_AT} " in PAGE
    assert f"newest {LOOKED_AT} " in " ".join(why.__doc__.split())
