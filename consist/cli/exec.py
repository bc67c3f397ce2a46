"""``consist exec``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, StorePlace, complete_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from consist.cli.around import Around
    from consist.errors import StoragePermissionError
    from consist.runs.run import RunResult
    from consist.runs.shell import Command, Watch
    from consist.runs.tracker import Tracker
    from consist.store.places import Located

_SIGNALLED = 128
_MODES = "reuse|overwrite|readonly|off"


def command() -> Any:
    """Make the verb."""
    verb = make_verb(
        exec_,
        name="exec",
        examples=(
            "consist exec --input raw.csv --output out.parquet -- python model.py --n 5",
            "consist exec --output plots -- Rscript draw.R",
            "consist exec --input old=a/x.csv --input new=b/x.csv --output diff.txt -- ./compare.sh",
            "consist exec --env MODEL_SIZE --name train --output weights.bin -- make weights.bin",
        ),
    )
    verb.context_settings["allow_interspersed_args"] = False  # what follows the command is the command's
    return verb


def exec_(  # noqa: PLR0913, PLR0917 - the options; nobody calls it but Typer
    argv: Annotated[
        list[str],
        typer.Argument(metavar="COMMAND [ARGS]...", help="The program and its arguments.", show_default=False),
    ],
    inputs: Annotated[
        list[str],
        typer.Option(
            "--input", "-i", metavar="[NAME=]PATH", help="A file or folder that it reads.", show_default=False
        ),
    ] = [],  # noqa: B006 - as Typer wants it
    outputs: Annotated[
        list[str],
        typer.Option(
            "--output", "-o", metavar="[NAME=]PATH", help="A file or folder that it writes.", show_default=False
        ),
    ] = [],  # noqa: B006 - the same
    env: Annotated[
        list[str],
        typer.Option("--env", metavar="VARIABLE", help="A variable whose value counts.", show_default=False),
    ] = [],  # noqa: B006 - the same
    name: Annotated[
        str | None,
        typer.Option(metavar="STEP", help="The step's name. Default: the program's or script's.", show_default=False),
    ] = None,
    tag: Annotated[
        list[str], typer.Option(metavar="TAG", help="A tag of the run; may be repeated.", show_default=False)
    ] = [],  # noqa: B006 - the same
    cache_mode: Annotated[
        str,
        typer.Option(metavar=_MODES, help="How the cache is used.", autocompletion=complete_words(_MODES)),
    ] = "reuse",
    as_json: AsJson = False,
    db_path: DbPath = None,
    store: StorePlace = None,
) -> int:
    """Run a command once, and bring back what it made the next time: a step of the pipeline that is no Python.

    It is found again if the program, its arguments, every file that an argument names, the inputs, and the variables
    given by --env are the same, by content. Then its outputs are restored to their paths, and what it printed is
    printed again; else it runs, and what it prints is shown while it comes. Other variables, the folder and the
    program's libraries do not count.

    The exit code is the command's; 1 if it ends well and has not written an output. A command that fails, in either
    way, is recorded, and runs again the next time. Ctrl-C and other
    signals are passed on to it. It gets nothing from standard input. What it leaves running is not waited for:
    its output is read for half a second more, with a warning. With --json what it prints is kept and not shown; of one
    that fails no document is printed, but the end of its standard error (2,000 bytes).
    """
    import subprocess

    from consist.cli.around import Around
    from consist.cli.codes import OK, PROBLEM, with_hint
    from consist.cli.opening import find_place
    from consist.cli.output import complain
    from consist.errors import StoragePermissionError, UsageError
    from consist.runs.shell import Watch, look_at

    place = find_place(db_path, store)
    named = _named("input", inputs), _named("output", outputs)
    with Around(name or argv[0], place) as around, _tracker(place) as tracker:
        show = None if as_json else _shown_by(around)
        try:
            result = _run(
                tracker,
                look_at(argv, *named, env),
                Watch(show, around.command, around.read, around.moved),
                name=name,
                tags=tag,
                cache_mode=cache_mode,
            )
        except subprocess.CalledProcessError as error:
            if as_json:  # there is no document of what failed, but why must not be lost
                _shown_by(around)("stderr", error.stderr)
            return error.returncode if error.returncode > 0 else _SIGNALLED - error.returncode
        except UsageError as error:
            if not around.has_run:
                raise
            around.quiet()
            complain(with_hint(error))
            return PROBLEM  # the call was right, and the command has run
        except StoragePermissionError as error:
            raise _with_the_flag(error) from error
    if as_json:
        _write(result)
    return OK


def _with_the_flag(error: "StoragePermissionError") -> "StoragePermissionError":
    """Name the option where the hint names what it is in Python."""
    from consist.errors import StoragePermissionError
    from consist.store.flight import READ_ONLY

    hint = error.hint and error.hint.replace(READ_ONLY, "--cache-mode readonly")
    return StoragePermissionError(error.message, hint=hint)


def _tracker(place: "Located") -> "Tracker":
    from consist.runs.tracker import Tracker

    return Tracker(
        db_path=place.db_path,
        store=place.store,
        storage_options=place.storage_options or None,
        cache_limit=place.cache_limit,
    )


def _run(tracker: "Tracker", command: "Command", watch: "Watch", **options: Any) -> "RunResult":
    from consist.runs.current import use_tracker
    from consist.runs.shell import run_watched

    with use_tracker(tracker):
        return run_watched(command, watch, **options)


def _named(kind: str, given: list[str]) -> dict[str, str]:
    """Take names and paths apart; a file whose own name holds an equals sign needs a name before it."""
    import os

    from consist.errors import UsageError

    found: dict[str, str] = {}
    for text in given:
        name, sign, path = text.partition("=")
        if not sign or "/" in name:
            name, path = os.path.basename(text.rstrip("/")), text  # noqa: PTH119 - plain strings throughout
        if name in found:
            raise UsageError(f"two {kind}s would be called {name!r:.80}", hint=f"name them: --{kind} NAME=PATH")
        found[name] = path
    return found


def _shown_by(around: "Around") -> "Callable[[str, bytes], None]":
    """Return what shows a piece of what the command printed, where nothing else is drawn meanwhile."""
    import sys

    def show(stream: str, piece: bytes) -> None:
        around.quiet()
        out = getattr(sys, stream)
        out.flush()
        out.buffer.write(piece)
        out.buffer.flush()

    return show


def _write(result: "RunResult") -> None:
    from consist.cli.output import write_json
    from consist.cli.shapes import head, output

    run = {"run_id": result.run.id, "model": result.run.step, "cache_hit": result.cache_hit}
    write_json({**head("exec"), **run, "outputs": [output(item) for item in result.run.record.outputs]})
