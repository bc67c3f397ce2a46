"""The generator of docs/reference/cli.md and of the modules in docs/architecture.md, on small things of its own.

And what it made of consist's: the names of arguments and options are those of ``--help``.
"""

import enum
import importlib.util
import re
from pathlib import Path

import pytest
import typer

from consist.cli import app

ROOT = Path(__file__).parents[2]
GENERATOR = ROOT / "docs" / "reference" / "generate.py"


def load_generator():
    spec = importlib.util.spec_from_file_location("generate", GENERATOR)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


def make_program():
    app = typer.Typer(add_completion=False)
    index = typer.Typer(help="The index.")
    app.add_typer(index, name="index")

    @app.callback()
    def top():
        """Paint things."""

    @app.command()
    def paint(  # noqa: PLR0913, PLR0917 - an option of each kind
        what: str,
        more: list[str] = typer.Argument(None, help="What else."),  # noqa: B008 - as Typer wants it
        colour: Colour = typer.Option(Colour.RED, help="Which | colour.", envvar="PAINT_COLOUR"),  # noqa: B008
        where: list[str] = typer.Argument(..., metavar="WHERE... [LAST]", help="Where."),  # noqa: B008
        coats: int = typer.Option(2, "--coats", "-c", metavar="N", help="How many."),
        dry: bool = typer.Option(False, "--dry", help="Only say so."),
        share: str = typer.Option("", "--share", metavar="[=SHARE]", help="How much."),
    ):
        """Paint a thing.

        It takes a while.

        \b
        Examples:
          paint wall
          paint door --dry
        """

    @app.command(hidden=True)
    def secret():
        """Nobody sees this."""

    @index.command()
    def rebuild():
        """Build it again."""

    return typer.main.get_command(app)


EXPECTED = """
## `paint`

```text
paint [OPTIONS] VERB
```

Paint things.

| option | meaning |
| --- | --- |
| `--help` | Show this message and exit. |

### `paint paint`

```text
paint paint [OPTIONS] WHAT [MORE...] WHERE... [LAST]
```

Paint a thing.

It takes a while.

Examples:

```text
paint wall
paint door --dry
```

| argument | meaning |
| --- | --- |
| `WHAT` |  |
| `[MORE...]` | What else. |
| `WHERE... [LAST]` | Where. |

| option | meaning |
| --- | --- |
| `--colour red\\|blue` | Which \\| colour. Environment: `PAINT_COLOUR`. Default: `red`. |
| `-c, --coats N` | How many. Default: `2`. |
| `--dry` | Only say so. |
| `--share[=SHARE]` | How much. |
| `--help` | Show this message and exit. |

### `paint index`

```text
paint index [OPTIONS] VERB
```

The index.

| option | meaning |
| --- | --- |
| `--help` | Show this message and exit. |

#### `paint index rebuild`

```text
paint index rebuild [OPTIONS]
```

Build it again.

| option | meaning |
| --- | --- |
| `--help` | Show this message and exit. |

## Exit codes

| code | meaning |
| --- | --- |
| `0` | Painted. |
| `1` | Not painted. |
"""


def test_every_command_is_rendered():
    generator = load_generator()
    assert (
        generator.render_page(make_program(), "paint", {1: "Not painted.", 0: "Painted."}) == generator.HEAD + EXPECTED
    )


def contexts(command, name, above=None):
    """Yield the contexts of a command and of all verbs below it, in the order of the page."""
    context = command.context_class(command, info_name=name, parent=above, **command.context_settings)
    context.max_content_width = context.terminal_width = 1000
    yield context
    for verb in command.list_commands(context) if hasattr(command, "list_commands") else ():
        yield from contexts(command.get_command(context, verb), verb, context)


def told_by_help(context, title):
    """Return the names in a part of what ``--help`` prints, without the type that the library puts behind some."""
    _, _, part = context.get_help().partition(f"\n{title}:\n")
    lines = [line[2:] for line in part.partition("\n\n")[0].splitlines() if re.match("  [^ ]", line)]
    return [re.sub(r" <.*>$", "", re.split(" {2,}", line)[0]) for line in lines]


def bare(names):
    """Leave out what says that one may be missing, or there several times: the help says it above only."""
    return [re.sub(r"[\[\]]|\.\.\.", "", name) for name in names]


def told_by_the_page(chapter, title):
    _, _, table = chapter.partition(f"\n| {title} | meaning |\n| --- | --- |\n")
    return re.findall(r"^\| `(.*?)` \|", table.partition("\n\n")[0].replace("\\|", "|"), re.MULTILINE)


COMMANDS = [pytest.param(each, id=each.command_path) for each in contexts(app.program(), "consist")]


@pytest.mark.parametrize("context", COMMANDS)
def test_the_page_names_what_help_names(context):
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    (chapter,) = re.findall(rf"^#+ `{context.command_path}`\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
    options = told_by_help(context, "Options")
    assert told_by_the_page(chapter, "option") == options
    assert any("--help" in option for option in options)
    assert bare(told_by_the_page(chapter, "argument")) == bare(told_by_help(context, "Arguments"))


def test_the_words_that_once_were_missing():
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    for words in (
        "| `--as csv\\|json\\|text` |",
        "consist get [OPTIONS] PATH... [TARGET]\n",
        "| `--cache-mode reuse\\|overwrite\\|readonly\\|off` |",
        "| `--install-completion` |",
    ):
        assert words in page


def test_modules_are_told_by_their_first_sentence(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "__init__.py").write_text('"""Not told."""')
    (tmp_path / "one.py").write_text('"""`One`: what ``it`` is\n| and more. Not this."""\n')
    (tmp_path / "inner" / "two.py").write_text('"""Two."""\n')
    begin, end = "<!-- modules: written by docs/reference/generate.py -->\n", "<!-- end of modules -->\n"
    generator = load_generator()
    page = generator.render_modules(f"before\n{begin}old\n{end}after\n", tmp_path)
    one = f"\n| `{tmp_path.name}` | meaning |\n| --- | --- |\n| `one.py` | `One`: what `it` is \\| and more. |\n"
    two = "\n| `inner/` | meaning |\n| --- | --- |\n| `two.py` | Two. |\n"
    assert page == f"before\n{begin}{one}{two}\n{end}after\n"
    with pytest.raises(ValueError, match="no place for modules"):
        generator.render_modules("before", tmp_path)


def test_every_module_is_on_the_map():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    chapter = page.partition("\n## Every module\n")[2]
    told, folder = set(), ""
    for line in chapter.splitlines():
        if head := re.match(r"\| `([a-z/]+)` \| meaning \|", line):
            folder = head[1].removesuffix("consist")
        elif row := re.match(r"\| `([a-z_0-9]+\.py)` \| [A-Z`a-z]", line):
            told.add(folder + row[1])
    there = {path.relative_to(ROOT / "consist").as_posix() for path in (ROOT / "consist").rglob("*.py")}
    assert told == {path for path in there if not path.rpartition("/")[2].startswith("__")}
