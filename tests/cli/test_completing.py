"""What a shell is offered goes into a command line as it stands, and other people's names are among it."""

import pytest

from consist.cli.completing import offered

SAFE = "steps/clean/table", "steps/größe-1.5/", "runs/3f2a/"
HOSTILE = (
    *("steps/$(touch x)/", "steps/`touch x`/", r"steps/\$(touch x)/", "steps/a;b/", "steps/a b/", "steps/it's/"),
    *('steps/"/', "steps/a\nb/", "steps/a|b/", "steps/~/", "steps/*/", "steps/!x/", "steps/\x1b[1m/", "steps/a&/"),
)


class Context:
    def __init__(self, db_path):
        self.params = {"db_path": db_path, "store": None}


@pytest.mark.filterwarnings("default")
def test_only_words_that_no_shell_takes_apart_are_offered(world):
    found = offered(Context(str(world.db_path)), "steps/", lambda _store, _begun: iter([*HOSTILE, *SAFE]))
    assert found == list(SAFE)


@pytest.mark.filterwarnings("default")
def test_names_that_are_left_out_do_not_use_up_what_may_be_offered(world):
    many = (f"steps/a b{number}/" for number in range(1000))
    assert offered(Context(str(world.db_path)), "steps/", lambda *_: iter([*many, *SAFE])) == list(SAFE)
