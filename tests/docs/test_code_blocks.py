"""The harness that runs the code blocks of README.md and docs/ is right. The pages themselves run in `make check`."""

import hashlib
from pathlib import Path

import blocks
import pytest

ROOT = Path(__file__).parents[2]


def test_the_quickstart_is_the_one_that_was_asked_for():
    """The program was given by its users, and is to run as they wrote it, character for character."""
    text = blocks.find_saved((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8"), "quickstart.py")
    assert hashlib.sha256(text.encode()).hexdigest() == QUICKSTART


QUICKSTART = "4a41f939fdbf89bbd2cfdb161a71fbda88ad3d4c45ea550e866fb76af5f6b1ee"


# --- the harness itself ------------------------------------------------------------------------------------------

PAGE = """\
# A page

Save the following as `greet.py`. It greets.

``` python title="greet.py"
print("hello")
```

Some words.

```bash
python greet.py
echo "$PWD" > folder.txt
```

1. In a list:

    ```console
    $ python greet.py
    hello
    $ echo one; \\
    > echo two
    one
    …
    $ true
    ```

<!-- no-run: it would take a year -->

```bash
sleep 31536000
```

```toml
[not.run]
```
"""


def test_blocks_are_found_with_what_is_said_of_them():
    found = blocks.read_blocks(PAGE)
    assert [(block.line, block.language, block.save_as, block.no_run) for block in found] == [
        (5, "python", "greet.py", None),
        (11, "bash", None, None),
        (18, "console", None, None),
        (30, "bash", None, "it would take a year"),
        (34, "toml", None, None),
    ]
    assert found[0].text == 'print("hello")\n'
    assert found[2].text.startswith("$ python greet.py\nhello\n")


def test_a_page_runs_in_its_folder(tmp_path):
    assert blocks.run_page(PAGE, tmp_path) == 2
    assert (tmp_path / "folder.txt").read_text().strip() == str(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".home", "folder.txt", "greet.py"]


def page(language, text, before=""):
    return f"{before}\n\n```{language}\n{text}\n```\n"


@pytest.mark.parametrize(
    ("markdown", "message"),
    [
        (page("python", "1 / 0"), "ZeroDivisionError"),
        (page("python", "import sys; sys.exit(3)"), "code 3"),
        (page("python", ">>> 1 + 1\n3"), "Expected:"),
        (page("bash", "false\ntrue"), "code 1"),
        (page("bash", "false | cat"), "code 1"),
        (page("bash", "echo $UNSET_NAME"), "UNSET_NAME"),
        (page("console", "$ echo one\ntwo"), "the page says:\ntwo"),
        (page("console", "$ echo one"), "it printed:\none"),
        (page("console", "$ true\nsomething"), "the page says:\nsomething"),
        (page("console", "echo one"), "begins with a command"),
        (page("py", "1"), "write python or bash or console, not py"),
        (page("bash", "true", "<!-- no-run -->"), "no-run needs a reason"),
        (page("python", "1", "Save the following as `../x.py`"), "outside"),
        (page("python", "1", "Save the following as `/x.py`"), "outside"),
        ("```python\n1\n", "never closed"),
    ],
)
def test_a_block_that_fails_is_shown(markdown, message, tmp_path):
    with pytest.raises(blocks.BlockError) as caught:
        blocks.run_page(markdown, tmp_path)
    assert message in str(caught.value)
    assert "line " in str(caught.value)


def test_a_block_that_hangs_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "SECONDS", 0.2)
    with pytest.raises(blocks.BlockError, match="longer than"):
        blocks.run_page(page("python", "while True: pass"), tmp_path)


def test_only_the_paragraph_and_the_comments_right_before_a_block_count(tmp_path):
    markdown = page("bash", "touch ran", "Save the following as `x.py`.\n\nAnother paragraph.")
    assert blocks.run_page(markdown, tmp_path) == 1
    assert (tmp_path / "ran").exists()


def test_a_no_run_for_another_block_does_not_count(tmp_path):
    markdown = page("bash", "touch too", "<!-- no-run: for the other block -->\n\nAnother paragraph.")
    assert blocks.run_page(markdown, tmp_path) == 1
    assert (tmp_path / "too").exists()


def test_a_saved_block_can_carry_a_comment_and_lie_in_a_folder(tmp_path):
    markdown = page("toml", "a = 1", "Save the following as `conf/consist.toml`:\n\n<!-- no-run: a setting -->")
    assert blocks.run_page(markdown, tmp_path) == 0
    assert (tmp_path / "conf" / "consist.toml").read_text() == "a = 1\n"


def test_a_program_can_go_on_in_another_block(tmp_path):
    one = page("python", "x = 1")
    (tmp_path / "apart").mkdir()
    with pytest.raises(blocks.BlockError, match="NameError"):
        blocks.run_page(one + page("python", "assert x == 1"), tmp_path / "apart")
    assert blocks.run_page(one + page("python", "assert x == 1", "<!-- continues -->"), tmp_path) == 2


def test_what_the_user_has_set_up_does_not_count(tmp_path, monkeypatch):
    monkeypatch.setenv("CONSIST_STORE", "/elsewhere")
    markdown = page("console", "$ echo ${CONSIST_STORE:-unset} ${HOME##*/}\nunset .home")
    assert blocks.run_page(markdown, tmp_path) == 1


def test_a_session_is_compared(tmp_path):
    assert blocks.run_page(page("python", ">>> 1 + 1\n2"), tmp_path) == 1


def test_programs_find_the_files_of_their_page(tmp_path):
    markdown = page("python", "answer = 42", "Save the following as `helper.py`.") + page(
        "python", "import helper; assert helper.answer == 42"
    )
    assert blocks.run_page(markdown, tmp_path) == 1


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("one\ntwo", "one\ntwo\n", True),
        ("one", "one  \n\n", True),
        ("one", "one\ntwo\n", False),
        ("took … s", "took 1.5 s\n", True),
        ("took … s", "took\n1.5 s\n", False),
        ("one\n…\nfour", "one\ntwo\nthree\nfour\n", True),
        ("one\n…\nfour", "one\nfour\n", True),
        ("one\n…\nfour", "one\ntwo\n", False),
        ("a.c", "abc\n", False),
        ("", "", True),
        ("…", "", True),
    ],
)
def test_an_ellipsis_stands_for_any_text(expected, printed, same):
    assert blocks.matches(expected, printed) == same


def test_a_fence_inside_a_longer_fence_is_text():
    found = blocks.read_blocks("````text\n```python\n1/0\n```\n````\n")
    assert [(block.language, block.text) for block in found] == [("text", "```python\n1/0\n```\n")]


def test_a_saved_block_is_found_by_its_name():
    assert blocks.find_saved(PAGE, "greet.py") == 'print("hello")\n'
    with pytest.raises(blocks.BlockError):
        blocks.find_saved(PAGE, "none.py")
