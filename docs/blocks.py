"""Runs the code blocks of the documentation, so that the documentation cannot rot.

    python docs/blocks.py run README.md docs/tutorial.md     run every block of these pages
    python docs/blocks.py extract docs/tutorial.md FILE.py   print the block that the page says to save as FILE.py

The blocks of one page run in order, in one fresh folder, each in a process of its own:

- ``python``: a program; it must exit with 0. With ``<!-- continues -->`` before it, the program begins with the page's
  previous Python block. A block that begins with ``>>>`` is a session, compared as doctest does.
- ``bash``: a script that stops at the first command that fails.
- ``console``: commands after ``$ `` (``> `` goes on with one), each followed by exactly what it prints. ``…`` stands
  for any text within a line, and on a line of its own for any lines.

A paragraph that says "Save the following as `NAME`" saves the next block, of any language, instead of running it. A
block that must not run has ``<!-- no-run: the reason -->`` before it.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

SECONDS = 120
"""How long one block may take."""

HOME = ".home"
"""The home folder of the programs, in the page's folder: what this machine's user has set up does not count."""

RUNNABLE = ("python", "bash", "console")
_MISSPELT = {"py", "python3", "pycon", "sh", "shell", "shell-session", "zsh"}
_FENCE = re.compile(r"(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*\{?\.?(?P<language>[\w-]*)[^`]*$")
_COMMENT = re.compile(r"<!--\s*(?P<word>no-run|continues)\s*(?::\s*(?P<reason>.*?))?\s*-->")
_SAVE = re.compile(r"[Ss]ave the following as `(?P<name>[^`]+)`")


class BlockError(Exception):
    """A block is written wrongly, or did not do what the page says."""


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    line: int
    language: str
    text: str
    save_as: str | None = None
    no_run: str | None = None
    continues: bool = False


def read_blocks(markdown: str) -> list[Block]:
    """Find the fenced blocks of a page, each with what the paragraph and the comments before it say."""
    blocks, lines, start = [], markdown.splitlines(), 0
    position = 0
    while position < len(lines):
        opening = _FENCE.match(lines[position])
        if opening is None:
            position += 1
            continue
        end = _find_end(lines, position, opening["fence"])
        text = textwrap.dedent("\n".join(lines[position + 1 : end])) + "\n"
        blocks.append(_block(position + 1, opening["language"], text, "\n".join(lines[start:position])))
        position = start = end + 1
    return blocks


def _find_end(lines: list[str], opening: int, fence: str) -> int:
    for position in range(opening + 1, len(lines)):
        line = lines[position].strip()
        if line.startswith(fence) and not line.strip(fence[0]):
            return position
    raise BlockError(f"line {opening + 1}: the block is never closed")


def _block(line: int, language: str, text: str, before: str) -> Block:
    """Make a block of its text and of what stands between it and the block before."""
    if language in _MISSPELT:
        raise BlockError(f"line {line}: write {' or '.join(RUNNABLE)}, not {language}")
    comments = _COMMENT.findall(_last_comments(before))
    reasons = [reason for word, reason in comments if word == "no-run"]
    if reasons and not reasons[-1]:
        raise BlockError(f"line {line}: no-run needs a reason")
    saves = _SAVE.findall(_COMMENT.sub("", before).rstrip().rpartition("\n\n")[2])
    if saves and (PurePosixPath(saves[-1]).is_absolute() or ".." in PurePosixPath(saves[-1]).parts):
        raise BlockError(f"line {line}: {saves[-1]} is outside of the page's folder")
    return Block(
        line=line,
        language=language,
        text=text,
        save_as=saves[-1] if saves else None,
        no_run=reasons[-1] if reasons else None,
        continues=any(word == "continues" for word, _ in comments),
    )


def _last_comments(before: str) -> str:
    """Take the comments that stand right before a block, with nothing but white space between."""
    match = re.search(r"(?:<!--(?:(?!-->).)*-->\s*)*\Z", before, re.DOTALL)
    return match[0] if match else ""


def run_page(markdown: str, folder: Path) -> int:
    """Run the blocks of a page in a folder and return how many ran; raise `BlockError` at the first that fails."""
    ran, program = 0, ""
    (folder / HOME).mkdir()
    for block in read_blocks(markdown):
        if block.save_as is not None:
            target = folder / block.save_as
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
        elif block.no_run is None and block.language in RUNNABLE:
            if block.language == "python":
                program = (program if block.continues else "") + block.text
            try:
                _run_block(block, program, folder)
            except BlockError as error:
                shown = textwrap.indent(block.text, "    ")
                raise BlockError(f"line {block.line}: {error}\n\nthe block:\n{shown}") from None
            ran += 1
    return ran


def _run_block(block: Block, program: str, folder: Path) -> None:
    if block.language == "console":
        for command, expected in read_session(block.text):
            printed = _run(["bash", "-euo", "pipefail", "-c", command], folder)
            if not matches(expected, printed):
                raise BlockError(f"$ {command}\n\nthe page says:\n{expected}\n\nit printed:\n{printed}")
    elif block.language == "bash":
        _run(["bash", "-euo", "pipefail", "-c", block.text], folder)
    else:
        session = program.lstrip().startswith(">>>")
        script = folder / (".block.txt" if session else ".block.py")  # hidden, so that a later `ls` does not show it
        script.write_text(program, encoding="utf-8")
        _run([sys.executable, *(["-m", "doctest"] if session else []), script.name], folder)
        script.unlink()


def _run(command: list[str], folder: Path) -> str:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CONSIST_")},
        "HOME": str(folder / HOME),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "COLUMNS": "160",
    }
    try:
        done = subprocess.run(  # noqa: S603 - the blocks of our own pages
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
            encoding="utf-8",
        )
    except subprocess.TimeoutExpired:
        raise BlockError(f"it took longer than {SECONDS} s") from None
    if done.returncode:
        raise BlockError(f"it ended with code {done.returncode} and printed:\n{done.stdout}")
    return done.stdout


def read_session(text: str) -> list[tuple[str, str]]:
    """Take a console block apart: each command with the output that is shown below it."""
    session: list[tuple[list[str], list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            session.append(([line[2:]], []))
        elif not session:
            raise BlockError("a console block begins with a command: $ …")
        elif line.startswith("> ") and not session[-1][1]:
            session[-1][0].append(line[2:])
        else:
            session[-1][1].append(line)
    return [("\n".join(command), "\n".join(output)) for command, output in session]


def matches(expected: str, printed: str) -> bool:
    """Compare what a page shows with what was printed; white space at the ends of lines does not count."""
    pattern = []
    for line in expected.strip().splitlines():
        if line.strip() == "…":
            pattern.append(r"(?:.*\n)*")
        else:
            pattern.append(".*".join(map(re.escape, line.rstrip().split("…"))) + "\n")
    lines = [line.rstrip() + "\n" for line in printed.strip().splitlines()]
    return re.fullmatch("".join(pattern), "".join(lines)) is not None


def find_saved(markdown: str, name: str) -> str:
    """Return the block that the page says to save under a name."""
    for block in read_blocks(markdown):
        if block.save_as == name:
            return block.text
    raise BlockError(f"no block is to be saved as {name}")


def main() -> int:
    """Run or extract, as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run").add_argument("pages", nargs="+", type=Path)
    extract = commands.add_parser("extract")
    extract.add_argument("page", type=Path)
    extract.add_argument("name")
    options = parser.parse_args()
    if options.command == "extract":
        sys.stdout.write(find_saved(options.page.read_text(encoding="utf-8"), options.name))
        return 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        good = list(pool.map(_report_page, options.pages))
    return 0 if all(good) else 1


def _report_page(page: Path) -> bool:
    """Run a page in a folder of its own, print how it went, and tell whether it went well."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            print(f"{page}: {run_page(page.read_text(encoding='utf-8'), Path(folder))} blocks")
        except BlockError as error:
            print(f"{page}: {error}", file=sys.stderr)
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
