"""The generator of docs/reference/cli.md, on a small command line of its own."""

import enum
import importlib.util
from pathlib import Path

import typer

GENERATOR = Path(__file__).parents[2] / "docs" / "reference" / "generate.py"


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
        coats: int = typer.Option(2, "--coats", "-c", help="How many."),
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
paint VERB
```

Paint things.

### `paint paint`

```text
paint paint [OPTIONS] WHAT [MORE...]
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

| option | meaning |
| --- | --- |
| `--colour COLOUR` | Which \\| colour. One of `red`, `blue`. Environment: `PAINT_COLOUR`. Default: `red`. |
| `--coats, -c COATS` | How many. Default: `2`. |
| `--dry` | Only say so. |
| `--share[=SHARE]` | How much. |

### `paint index`

```text
paint index VERB
```

The index.

#### `paint index rebuild`

```text
paint index rebuild
```

Build it again.

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
