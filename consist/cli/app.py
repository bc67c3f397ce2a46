"""The program: finds the verb, calls it, and turns whatever it raises into one line and an exit code.

``entry.py`` starts it.

Nothing is loaded that the verb does not need: ``consist --help`` and ``consist version`` open nothing and import
neither LMDB nor fsspec, numpy or rich.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

import typer
import typer.main

from consist.arguments import closest, nearest
from consist.cli import interrupting
from consist.cli.building import Group
from consist.cli.codes import BUG, INTERRUPTED, OK, STORAGE, USAGE, exit_code, with_hint
from consist.cli.output import complain, write_line
from consist.errors import ConsistError, ConsistWarning, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VERBS = {
    "runs": "List runs, the newest first.",
    "show": "Show what is recorded of a run, or of the run that made a file.",
    "search": "List the runs that say something: a name, a tag, a config value.",
    "scenarios": "List scenarios: runs that hold others.",
    "artifacts": "List the outputs of runs.",
    "lineage": "Show what something was made from, or what was made from it.",
    "why": "Say why a run was not found as an earlier one: what differs.",
    "diff": "Compare two runs: what went in, and what came out.",
    "ls": "List what the store holds, as folders.",
    "cat": "Write content to standard output.",
    "preview": "Show what a content is, and its first rows.",
    "get": "Restore outputs or blobs to files.",
    "put": "Store a file, and keep it.",
    "exec": "Run a command once, and bring back what it made the next time.",
    "tag": "Give a run tags.",
    "untag": "Take tags from a run.",
    "pin": "Keep what a run made.",
    "unpin": "Take the pins from a run.",
    "forget": "Say that the result of a run is wrong, on every machine.",
    "export": "Write what is recorded as tables for other tools.",
    "summary": "Show what all runs come to: how many, how long, what hits saved.",
    "du": "Show how much there is, and how much room it takes.",
    "verify": "Check that everything is there, and is what it says.",
    "doctor": "Check settings, versions, index and store, and say what to do.",
    "index": "Make this machine's index anew.",
    "version": "Show the versions that matter.",
}
"""Every verb with its short help; the module of that name in this package has the rest."""

_ABOUT = """\
Look into a store of consist: which runs there are, what made them, and what they made.

Paths name what is in a store: blobs/DIGEST, runs/RUN/OUTPUT, steps/STEP/OUTPUT (the newest run's). Any beginning of a
digest, with blake3: before it or without, or of a run id will do, if nothing else begins so.

On a terminal lists are tables, and times are local. Elsewhere they are plain text for other programs: a line that
names the columns, then a record a line, tabs between, sizes in bytes, times in UTC. With --json every verb prints JSON
instead.
"""

_CLICK_USAGE_ERROR: type[Any] = typer.BadParameter.__bases__[0]


class Verbs(Group):
    """The group of verbs, each imported when it is named."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature is click's
        """Return the names of the verbs, in the order of `VERBS`."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the same
        """Load a verb."""
        if cmd_name not in VERBS:
            return None
        if cmd_name not in self.commands:
            self.commands[cmd_name] = importlib.import_module(f"consist.cli.{cmd_name}").command()
        return self.commands[cmd_name]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the verb; of one that there is not, say which was perhaps meant."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            hint = nearest(args[0], VERBS, otherwise="`consist --help` lists them")
            raise UsageError(f"there is no verb {args[0]!r:.60}", hint=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the same
        """Write the list of verbs without loading them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


def program() -> Any:
    """Make the root command."""
    app = typer.Typer(
        cls=Verbs,
        help=_ABOUT,
        subcommand_metavar="VERB [ARGS]...",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback(invoke_without_command=True)(_root)
    return typer.main.get_command(app)


def _root(
    ctx: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print consist's version."),
) -> None:
    if version:
        import consist

        write_line(f"consist {consist.__version__}")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        write_line(ctx.get_help())


def run(arguments: Sequence[str]) -> int:
    """Run the program.

    Parameters
    ----------
    arguments : sequence of str
        What was typed after the program's name.

    Returns
    -------
    int
        The exit code, of the table in ``codes.py``.
    """
    _fill_standard_files()
    try:
        with _warnings_as_lines():
            code = _call(list(arguments))
            sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        return OK
    except KeyboardInterrupt:
        _drop_output()
        return INTERRUPTED
    except ConsistError as error:
        complain(with_hint(error))
        return exit_code(error)
    except OSError as error:  # those of the storage are ConsistErrors: what is left is our own output
        _drop_output()
        complain(f"cannot write {error.filename or 'standard output'}: {error.strerror or error}")
        return STORAGE
    except Exception as error:
        if os.environ.get("CONSIST_DEBUG"):
            raise
        complain(f"a bug: {type(error).__name__}: {error} (please report it; CONSIST_DEBUG=1 shows where)")
        return BUG
    finally:
        interrupting.rest()
    return code


def _call(arguments: list[str]) -> int:
    root = program()
    if "_CONSIST_COMPLETE" in os.environ:  # the shell asks what could come next
        root.main(arguments, prog_name="consist")
    try:
        # What `root.main` does, but for its handling of errors: that would print and exit in its own way.
        with root.make_context("consist", arguments) as context:
            return root.invoke(context) or OK
    except typer.Exit as end:
        return end.exit_code
    except typer.Abort:
        return INTERRUPTED
    except _CLICK_USAGE_ERROR as error:
        complain(_said_of_call(error))
        return USAGE


_OTHER_WORDS = {"--model": "--step"}
"""Options that people try, and the one that a verb may have for it."""


def _said_of_call(error: Any) -> str:
    """Say what is wrong with a call; of an option that there is not, where it stands or which was perhaps meant."""
    context = error.ctx
    path = context.command_path if context is not None else "consist"
    option = getattr(error, "option_name", None)
    if context is None or option is None:
        return f"{error.format_message().rstrip('.')} (see `{path} --help`)"
    if context.parent is None:
        hint = f"options stand after the verb: `{path} VERB {option} …`"
    else:
        hint = _meant(option, [name for each in context.command.get_params(context) for name in each.opts])
    return f"no such option: {option} ({hint}{'; ' if hint else ''}see `{path} --help`)"


def _meant(option: str, known: Sequence[str]) -> str:
    other = _OTHER_WORDS.get(option)
    if other not in known:  # the dashes would make any two of them alike
        near = closest(option.strip("-"), [name.strip("-") for name in known])
        other = None if near is None else f"--{near}"
    return "" if other is None else f"did you mean {other}?"


@contextlib.contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Print consist's own warnings as one line each; those of others as Python has it."""

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, ConsistWarning):
            complain(f"warning: {message}")
        else:
            usual(message, category, *where, **more)

    with warnings.catch_warnings():
        warnings.simplefilter("always", ConsistWarning)
        usual = warnings.showwarning
        warnings.showwarning = show
        yield


def _fill_standard_files() -> None:
    """Open /dev/null for standard files that are closed.

    Else the next file that is opened, perhaps the index, would get the number of standard output or error, and what
    somebody prints would be written into it.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - for good
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Send what is still to be written nowhere: Python writes it when it ends, and would complain then."""
    with contextlib.suppress(OSError, ValueError):
        number = sys.stdout.fileno()
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, number)
        os.close(descriptor)
