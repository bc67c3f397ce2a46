"""Writes cli.md, the page of every command and its options, from the command line itself.

    python docs/reference/generate.py            write docs/reference/cli.md
    python docs/reference/generate.py --check    exit with 1 if the page is not what would be written

The text is put together here and not taken from ``--help``, whose looks change with the version of the library below.
"""

from __future__ import annotations

import enum
import inspect
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PAGE = Path(__file__).with_name("cli.md")

_BUILT_IN = {"--help", "--install-completion", "--show-completion"}  # every command has them

HEAD = """\
# Command line

<!-- Written by docs/reference/generate.py from the commands themselves: change their help texts, then run it. -->

`python -m consist` and `python -m consist.cli` are the same as `consist`.
"""


def render_page(program: Any, name: str, codes: dict[int, str]) -> str:
    """Render a program of Typer and the exit codes of its verbs as Markdown."""
    rows = [(str(code), meaning) for code, meaning in sorted(codes.items())]
    return (
        HEAD + "".join(_render_command(program, (name,))) + "\n## Exit codes\n" + "".join(_render_table("code", rows))
    )


def _render_command(command: Any, path: tuple[str, ...]) -> Iterator[str]:
    verbs = list(_verbs(command, path[-1]))
    parameters = [each for each in command.params if not getattr(each, "hidden", False)]
    arguments = [each for each in parameters if each.param_type_name == "argument"]
    options = [each for each in parameters if each.param_type_name == "option" and not _BUILT_IN & {*each.opts}]
    usage = [*path, *(["[OPTIONS]"] if options else []), *map(_argument, arguments), *(["VERB"] if verbs else [])]
    yield f"\n{'#' * min(len(path) + 1, 4)} `{' '.join(path)}`\n"
    yield f"\n```text\n{' '.join(usage)}\n```\n"
    yield from map(_render_paragraph, _paragraphs(command.help or ""))
    yield from _render_table("argument", [(_argument(each), _help(each)) for each in arguments])
    yield from _render_table("option", [(_option(each), _help(each)) for each in options])
    for name, verb in verbs:
        yield from _render_command(verb, (*path, name))


def _verbs(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """List the verbs of a program, asking it as its own help does: they may be loaded on demand."""
    if hasattr(command, "list_commands"):
        context = command.context_class(command, info_name=name)
        for verb in command.list_commands(context):
            found = command.get_command(context, verb)
            if not found.hidden:
                yield verb, found


def _paragraphs(text: str) -> list[str]:
    """Take a help text apart; a form feed hides what comes after it."""
    return [each for each in inspect.cleandoc(text.partition("\f")[0]).split("\n\n") if each.strip()]


def _render_paragraph(paragraph: str) -> str:
    """Keep the lines of a paragraph that is marked with a backspace, as the help does."""
    if not paragraph.startswith("\b\n"):
        return f"\n{paragraph}\n"
    head, *lines = paragraph.removeprefix("\b\n").splitlines()
    return f"\n{head}\n\n```text\n{textwrap.dedent(chr(10).join(lines))}\n```\n"


def _render_table(title: str, rows: list[tuple[str, str]]) -> Iterator[str]:
    if rows:
        yield f"\n| {title} | meaning |\n| --- | --- |\n"
        yield from (f"| `{name}` | {meaning} |\n" for name, meaning in rows)


def _argument(argument: Any) -> str:
    name = argument.name.upper() + ("..." if argument.nargs != 1 else "")
    return name if argument.required else f"[{name}]"


def _option(option: Any) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    if (option.metavar or "").startswith("[="):  # a value that may be left out
        return names + option.metavar
    return names if option.is_flag or option.count else f"{names} {option.name.upper()}"


def _help(parameter: Any) -> str:
    """Put together what a parameter means, the variable that sets it, and its default."""
    parts = [" ".join((parameter.help or "").split())]
    if isinstance(parameter.default, enum.Enum):
        parts.append(f"One of {_list(choice.value for choice in type(parameter.default))}.")
    if parameter.envvar:
        parts.append(
            f"Environment: {_list([parameter.envvar] if isinstance(parameter.envvar, str) else parameter.envvar)}."
        )
    default = getattr(parameter.default, "value", parameter.default)
    if isinstance(default, str | int | float) and default not in {"", False, True}:
        parts.append(f"Default: {_list([default])}.")
    return " ".join(part for part in parts if part).replace("|", "\\|")


def _list(values: Iterable[Any]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def main() -> int:
    """Write the page, or check it."""
    from consist.cli import app, codes  # noqa: PLC0415 - the test of this file has a program of its own

    page = render_page(app.program(), "consist", codes.MEANINGS)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
        sys.stderr.write(f"{PAGE} is not what the commands say; run: python docs/reference/generate.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
