"""`exec`: a command of the shell as a step, run once for the same program, arguments, inputs and environment.

What counts: the arguments as they are typed, but for the place of the program; the content of the program and of each
file that an argument names; the inputs, by content; the environment variables that are named. What does not: the folder
that it runs in, all other variables, and what the program loads by itself, such as its libraries.

How its process is run, and what it prints kept, is ``process.py``'s.
"""

# Paths are plain strings: they are arguments of a command.
# ruff: noqa: PTH113, PTH119

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.arguments import FUNCTION, PATH, Kind, check, check_each, check_unknown, check_values, shown, texts
from consist.errors import InputError, NotFoundError, UncacheableWarning, UsageError, warn
from consist.identity.names import check_name
from consist.runs.context import current_run
from consist.runs.current import current_tracker
from consist.runs.options import OUTPUTS_REQUESTED, CacheOptions, CodeOptions
from consist.runs.places import is_in
from consist.runs.process import STREAMS, run_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path
    from typing import Never

    from consist.hashing.digest import Digest
    from consist.runs.process import Show
    from consist.runs.run import RunResult

    Digests = Callable[[str], Digest]
    Named = Mapping[str, str | os.PathLike[str]] | Sequence[str | os.PathLike[str]]

_WORD = Kind(lambda word: isinstance(word, (str, os.PathLike)), "a word is text or a path: write str(…)")
_VERSION = "consist exec 0"
"""Stands for the code of a step that is a command; what of it counts is in its config."""
_INTERPRETERS = ("python", "bash", "sh", "zsh", "Rscript", "julia", "node", "perl", "ruby")
_BLOCK = 1 << 16


class Watch(NamedTuple):
    """What is told to whoever has a command run.

    Attributes
    ----------
    show : callable, optional
        As of `exec`.
    during : callable
        Makes what is entered while the command itself runs, and prints.
    read, moved : callable, optional
        Told the bytes that are read of files to look the command up, and those of outputs that are stored or restored.
    """

    show: Show | None = None
    during: Callable[[], AbstractContextManager[object]] = nullcontext
    read: Callable[[int], object] | None = None
    moved: Callable[[int], object] | None = None


class Command(NamedTuple):
    """A command, looked at.

    Attributes
    ----------
    argv : tuple of str
        As typed.
    program : str
        The file that is executed.
    inputs, outputs : dict of str to str
        Paths by name.
    environment : tuple of str
        The variables that count.
    """

    argv: tuple[str, ...]
    program: str
    inputs: dict[str, str]
    outputs: dict[str, str]
    environment: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the step is called if nobody says: as the program, or as the script that an interpreter is given."""
        base = os.path.basename(self.argv[0])
        if base.startswith(_INTERPRETERS):
            return next((os.path.basename(word) for word in self.argv[1:] if os.path.isfile(word)), base)
        return base

    def files(self) -> dict[str, str]:
        """Return the paths of the files that arguments name, by argument; neither inputs nor outputs."""
        inputs, outputs = ({os.path.realpath(path) for path in paths.values()} for paths in (self.inputs, self.outputs))
        found = {}
        for word in self.argv[1:]:
            for path in (word, word.partition("=")[2]):
                if path and os.path.isfile(path):
                    place = os.path.realpath(path)
                    # What is in a folder that is an output was written by the command, or the run has failed.
                    if place not in inputs and not any(is_in(place, output) for output in outputs):
                        found[word] = path
        return found


def exec(  # noqa: A001, PLR0913 - as shells call it; what a command is made of, by name
    argv: Sequence[str | os.PathLike[str]],
    *,
    inputs: Named = (),
    outputs: Named = (),
    env: Iterable[str] = (),
    name: str | None = None,
    tags: Iterable[str] = (),
    description: str = "",
    cache_mode: str = "reuse",
    show: Show | None = None,
    **unknown: Never,
) -> RunResult:
    r"""Run a command, or bring back what it made for the same program, arguments, inputs and environment.

    Parameters
    ----------
    argv : sequence of str or path
        The program and its arguments; no shell looks at them.
    inputs : mapping or sequence of path
        Files and folders that it reads, with or without names. Files that `argv` names count by themselves.
    outputs : mapping or sequence of path
        Files and folders that it writes.
    env : iterable of str
        Environment variables that count; their values are recorded, so no secrets.
    name : str, optional
        The step's name. Default: the program's, or of an interpreter the script's.
    tags, description
        What the run is found by.
    cache_mode : str
        As of `CacheOptions`.
    show : callable, optional
        Gets ``"stdout"`` or ``"stderr"`` and what was printed there: while it comes, and again on a hit.

    Returns
    -------
    RunResult
        Its outputs are those named, ``stdout`` and ``stderr``. On a hit the named ones are restored to their paths, as
        the command would have written them: by the rules of ``cache_hydration="outputs-requested"``.

    Raises
    ------
    subprocess.CalledProcessError
        If the command ends with another code than 0: the run is recorded as failed, and not cached.
    NotFoundError
        If there is no such program.
    UsageError
        If something given cannot be used; nothing was run.
    OutputError
        If it did not write an output.
    RefusedError
        On a hit, if a folder that is an output holds files that are not the command's, which would be lost.

    Warns
    -----
    ConsistWarning
        If something that the command left running still holds its output: that is read for half a second more.

    Examples
    --------
    >>> import consist, sys, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with consist.use_tracker(consist.Tracker(run_dir=folder, db_path=f"{folder}/index.lmdb")):
    ...     first = consist.exec([sys.executable, "-c", "print(6 * 7)"])
    ...     again = consist.exec([sys.executable, "-c", "print(6 * 7)"])
    >>> again.cache_hit, again.outputs["stdout"].read_bytes()
    (True, b'42\n')
    """
    check_unknown(exec, unknown)
    check("show", show, FUNCTION)
    return run_watched(
        look_at(argv, inputs, outputs, env),
        Watch(show),
        name=name,
        tags=tags,
        description=description,
        cache_mode=cache_mode,
    )


def run_watched(  # noqa: PLR0913 - as of `exec`
    command: Command,
    watch: Watch,
    *,
    name: str | None = None,
    tags: Iterable[str] = (),
    description: str = "",
    cache_mode: str = "reuse",
) -> RunResult:
    """Do what `exec` does, whose parameters these are, and tell of it."""
    tracker = current_tracker()
    if watch.read is not None and watch.moved is not None:
        tracker._tell(watch.read, watch.moved)  # noqa: SLF001 - as below
    digest = tracker._digest  # noqa: SLF001 - one that is disabled has no store to ask, and runs the command
    before = _digests(digest, command)

    def call() -> dict[str, Path]:
        with watch.during():
            return run_process(command.argv, command.program, current_run().run_dir, watch.show)

    result = tracker.run(
        call,
        name=name or check_name("step", command.name),
        config=_config(digest, command, before),
        inputs=command.inputs,
        output_paths=command.outputs,
        cache_options=CacheOptions(cache_mode, cache_hydration=OUTPUTS_REQUESTED if command.outputs else None),
        code_options=CodeOptions(version=_VERSION),
        tags=tags,
        description=description,
    )
    if result.cache_hit:
        _show_again(result, watch.show)
    else:
        _warn_of_written(command, before, _digests(digest, command))
    return result


# Looking at a command ----------------------------------------------------------------------------------------------


def look_at(argv: Sequence[Any], inputs: Any, outputs: Any, env: Iterable[str]) -> Command:
    """Look at a command; parameters and errors as of `exec`."""
    if isinstance(argv, (str, bytes)) or not argv:
        raise UsageError(f"a command is a list of words, not {argv!r:.60}", hint='write ["sort", "data.csv"]')
    check_each("argv", argv, _WORD)
    if isinstance(env, (str, Mapping)):
        raise UsageError(f"env is {shown(env)}", hint='give a list of the names that count, such as ["MODEL_SIZE"]')
    words = tuple(os.fspath(word) for word in argv)
    program = shutil.which(words[0])
    if program is None:
        raise NotFoundError(f"there is no program {words[0]!r:.200}", hint="check its name and PATH")
    named = _named("output", outputs)
    for key in STREAMS:
        if key in named:
            raise UsageError(f"an output cannot be called {key!r}: what is printed is", hint="write NAME=PATH")
    return Command(words, program, _named("input", inputs), named, tuple(sorted(set(texts("env", env or ())))))


def _named(kind: str, given: Any) -> dict[str, str]:
    """Return paths by name; without one a path is called as its file."""
    if isinstance(given, Mapping):
        check_values(f"{kind}s", given, PATH)
        return {check_name(kind, name): os.fspath(path) for name, path in given.items()}
    check_each(f"{kind}s", given, PATH)
    found: dict[str, str] = {}
    for path in map(os.fspath, given or ()):
        name = check_name(kind, os.path.basename(path.rstrip("/")))
        if name in found:
            raise UsageError(f"two {kind}s would be called {name!r}", hint="name them: NAME=PATH, or a mapping")
        found[name] = path
    return found


def _config(digest: Digests, command: Command, files: Mapping[str, str]) -> dict[str, Any]:
    """Return what of a command counts; of the program its content, wherever it lies."""
    return {
        "argv": [os.path.basename(command.argv[0]), *command.argv[1:]],
        "program": _digest(digest, os.path.realpath(command.program)),
        "files": dict(files),
        "env": {name: os.environ.get(name) for name in command.environment},
    }


def _digests(digest: Digests, command: Command) -> dict[str, str]:
    return {word: _digest(digest, path) for word, path in command.files().items()}


def _digest(digest: Digests, path: str) -> str:
    """Digest a file; one that may only be executed counts by its name."""
    try:
        return digest(path).hex
    except InputError:
        return f"unreadable {os.path.basename(path)}"


def _warn_of_written(command: Command, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Warn of files that arguments name and the command wrote: the next call is not this one."""
    written = [word for word, digest in after.items() if before.get(word) != digest]
    if written:
        warn(
            f"the command {command.argv[0]!r} wrote {written[0]!r}, which an argument names, so that the next call is a"
            " miss: declare it as an output",
            UncacheableWarning,
        )


# On a hit ----------------------------------------------------------------------------------------------------------


def _show_again(result: RunResult, show: Show | None) -> None:
    """Show what was printed then."""
    for key in STREAMS if show is not None else ():
        with result.outputs[key].open() as source:
            while show is not None and (piece := source.read(_BLOCK)):
                show(key, piece)
