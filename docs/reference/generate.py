"""Writes what is told by the code itself: cli.md, the page of every command, and the modules in architecture.md.

    python docs/reference/generate.py            write both
    python docs/reference/generate.py --check    exit with 1 if one is not what would be written

The text of cli.md is put together here and not taken from ``--help``, whose looks change with the version of the
library below; but it names arguments, options and their values as ``--help`` does. Of a module the first sentence is
told.
"""

from __future__ import annotations

import ast
import enum
import inspect
import re
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PAGE = Path(__file__).with_name("cli.md")
MAP = Path(__file__).parents[1] / "architecture.md"
PACKAGE = Path(__file__).parents[2] / "consist"

_BEGIN, _END = "<!-- modules: written by docs/reference/generate.py -->\n", "<!-- end of modules -->\n"

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


def _render_command(command: Any, path: tuple[str, ...], above: Any = None) -> Iterator[str]:
    context = command.context_class(command, info_name=path[-1], parent=above, **command.context_settings)
    verbs = list(_verbs(command, context))
    parameters = [each for each in command.get_params(context) if not getattr(each, "hidden", False)]
    arguments = [each for each in parameters if each.param_type_name == "argument"]
    options = [each for each in parameters if each.param_type_name == "option"]
    usage = [*path, *(["[OPTIONS]"] if options else []), *map(_argument, arguments), *(["VERB"] if verbs else [])]
    yield f"\n{'#' * min(len(path) + 1, 4)} `{' '.join(path)}`\n"
    yield f"\n```text\n{' '.join(usage)}\n```\n"
    yield from map(_render_paragraph, _paragraphs(command.help or ""))
    yield from _render_table("argument", [(_argument(each), _help(each)) for each in arguments])
    yield from _render_table("option", [(_option(each), _help(each)) for each in options])
    for name, verb in verbs:
        yield from _render_command(verb, (*path, name), context)


def _verbs(command: Any, context: Any) -> Iterator[tuple[str, Any]]:
    """List the verbs of a program, asking it as its own help does: they may be loaded on demand."""
    if hasattr(command, "list_commands"):
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
        yield from (f"| `{_in_table(name)}` | {_in_table(meaning)} |\n" for name, meaning in rows)


def _in_table(text: str) -> str:
    return text.replace("|", "\\|")


def _argument(argument: Any) -> str:
    name = _value(argument)
    if argument.nargs != 1 and "..." not in name:
        name += "..."
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _option(option: Any) -> str:
    names = ", ".join(sorted([*option.opts, *option.secondary_opts], key=len))
    if option.is_flag or option.count:
        return names
    value = _value(option)
    return names + value if value.startswith("[=") else f"{names} {value}"  # one that may be left out


def _value(parameter: Any) -> str:
    """Name the value of a parameter as the help does: by its own word, by what it may be, else by its name."""
    if parameter.metavar:
        return str(parameter.metavar)
    if isinstance(parameter.default, enum.Enum):
        return "|".join(choice.value for choice in type(parameter.default))
    return str(parameter.name).upper()


def _help(parameter: Any) -> str:
    """Put together what a parameter means, the variable that sets it, and its default."""
    parts = [" ".join((parameter.help or "").split())]
    if parameter.envvar:
        parts.append(
            f"Environment: {_list([parameter.envvar] if isinstance(parameter.envvar, str) else parameter.envvar)}."
        )
    default = getattr(parameter.default, "value", parameter.default)
    if isinstance(default, str | int | float) and default not in {"", False, True}:
        parts.append(f"Default: {_list([default])}.")
    return " ".join(part for part in parts if part)


def _list(values: Iterable[Any]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def render_modules(page: str, package: Path) -> str:
    """Return a page in which the modules of a package are told anew, a table for each folder."""
    head, begin, rest = page.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"the page has no place for modules: {_BEGIN.strip()} … {_END.strip()}")
    folders: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(package.rglob("*.py")):
        if not path.name.startswith("__"):
            folder = path.relative_to(package).parent.as_posix()
            folders.setdefault("" if folder == "." else f"{folder}/", []).append((path.name, _first_sentence(path)))
    tables = "".join(
        "".join(_render_table(f"`{folder or package.name}`", rows)) for folder, rows in sorted(folders.items())
    )
    return f"{head}{begin}{tables}\n{end}{tail}"


def _first_sentence(module: Path) -> str:
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    sentence = re.split(r"(?<=[.!?])\s", " ".join(text.split()), maxsplit=1)[0]
    return sentence.replace("``", "`")


def main() -> int:
    """Write the pages, or check them."""
    from consist.cli import app, codes  # noqa: PLC0415 - the test of this file has a program of its own

    pages = {
        PAGE: render_page(app.program(), "consist", codes.MEANINGS),
        MAP: render_modules(MAP.read_text(encoding="utf-8"), PACKAGE),
    }
    if "--check" not in sys.argv[1:]:
        for path, page in pages.items():
            path.write_text(page, encoding="utf-8")
        return 0
    stale = [path for path, page in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != page]
    for path in stale:
        sys.stderr.write(f"{path} is not what the code says; run: python docs/reference/generate.py\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
