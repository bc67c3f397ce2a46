"""The runs that are under way in this context, and what the code within one may ask and say of it.

A context is what `contextvars` has: a thread begins with an empty one, a task of asyncio with a copy of the one that
started it. So in a thread no run is under way until one is named: `RunContext`'s methods work in any thread, the
functions of the package (`consist.log_output`, …) where the run was begun. What is logged is kept in ``logbook.py``.
"""

from __future__ import annotations

import contextlib
import os
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any

from consist.arguments import PATH, TEXT, Kind, check, check_no_more
from consist.errors import ConsistWarning, OutputError, UsageError, warn
from consist.fileops import make_folders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Never

    from consist.index.records import RunRecord
    from consist.runs.artifact import Artifact
    from consist.runs.capture import Capture
    from consist.runs.logbook import Logbook
    from consist.store.store import Store

_run: ContextVar[tuple[RunContext, ...]] = ContextVar("consist_run", default=())


class RunContext:
    """A run that is under way: what `trace` and `start_run` give, and what a function gets that asks for it.

    A function asks with `ExecutionOptions(inject_context=True)`. All methods may be called from any thread, until the
    run has ended. What is logged is stored at once; the record of the run is written when it ends.

    Attributes
    ----------
    run_id : str
        Its id.
    step : str
        The step's name.
    signature : bytes
        The signature's 32 bytes; empty if the run has none.
    """

    __slots__ = ("_folder", "_logbook", "run_id", "signature", "step")

    def __init__(self, logbook: Logbook, folder: Path, signature: bytes = b"") -> None:
        self.run_id = logbook.draft.id
        self.step = logbook.draft.step
        self.signature = signature
        self._folder = folder
        self._logbook = logbook

    @property
    def run_dir(self) -> Path:
        """A folder of the run's own for its files, made when it is first asked for."""
        folder = self._folder / self.step / self.run_id  # put together here: 13 µs, which most runs need not pay
        make_folders(str(folder))
        return folder

    def log_input(self, source: str | os.PathLike[str] | Artifact, key: str | None = None) -> Path | Artifact:
        """Say that the run reads a file, a folder or an artifact; return what was given.

        Parameters
        ----------
        source : path or Artifact
            A file or folder is recorded by its content now; if it is another one when the run ends, the run says so.
        key : str, optional
            Its name. Default: as in a list of `inputs`, the file's name or the artifact's key.

        Raises
        ------
        UsageError
            In a function that is cached, where what it reads must be known before: give it in `inputs`. Or if the run
            has another input of this name.
        InputError
            If it is missing, unreadable, or no kind of input.
        """
        return self._logbook.add_input(source, key)

    def log_output(self, path: str | os.PathLike[str], key: str | None = None) -> Artifact:
        """Store a file or a folder as an output of the run.

        Parameters
        ----------
        path : path
            As it is now; what is written to it later does not count.
        key : str, optional
            The output's name. Default: the file's name without its suffix.

        Raises
        ------
        OutputError
            If it is missing or cannot be read, or the run has another output of this name.
        """
        return self._logbook.add_output(path_of(path), key)

    def log_artifact(self, item: Any, key: str | None = None, *, direction: str = "output") -> Artifact | Path:
        """Store a value as an output of the run, as if it had been returned.

        Parameters
        ----------
        item : object
            A value that has a format; a path for a file or a folder, also as text, so that a text is never a value; or
            an `Artifact` of an earlier run, whose content becomes an output of this one.
        key : str, optional
            Its name. Only a path and an artifact have one of their own.
        direction : str
            ``output``; with ``input`` it is `log_input`.

        Raises
        ------
        OutputError
            If the value has no format, a text is no path of anything, or the run has another output of this name.
        """
        if direction not in {"input", "output"}:
            raise UsageError(f"direction is {direction!r:.60}", hint="it is 'output' or 'input'")
        if direction == "input":
            return self.log_input(item, key)
        if isinstance(item, str):
            _look_at_text(item, key)
        return self._logbook.add_output(path_of(item) if isinstance(item, (str, os.PathLike)) else item, key)

    def log_dataframe(self, table: Any, key: str) -> Artifact:
        """Store a table (of pandas, polars or Arrow) as an output of the run.

        Raises
        ------
        OutputError
            If it is no table, cannot be stored, or the run has another output of this name.
        """
        return self._logbook.add_table(table, key)

    def log_meta(self, *nameless: Never, **values: Any) -> None:
        """Record plain values of the run itself, by name: a score, a count, a version; the last of a name stays.

        They are no part of what the run is, and nothing is found by them: `facet` is for that.

        Raises
        ------
        UsageError
            If a name cannot be one, or a value has none.
        """
        check_no_more("log_meta", nameless, "rows=3, or **values")
        self._logbook.add_meta(values)

    def load(self, what: Artifact | str) -> Any:
        """Return the value of an artifact, or of the run's input or output that is called so.

        Parameters
        ----------
        what : Artifact or str
            A file and a folder come as a path.

        Raises
        ------
        NotFoundError
            If the run has no such input or output.
        DamagedError, BlobNotFoundError
            If the content is damaged or missing.
        """
        return self._logbook.load(what)

    def capture_outputs(
        self, folder: str | os.PathLike[str], pattern: str = "*", *, symlinks: str | None = None
    ) -> Capture:
        """Make outputs of the files that appear or change below a folder.

        ``with run.capture_outputs("out", "*.csv"):`` captures what its block writes. Without ``with`` it holds from the
        call to the end of the run; so call it before the files are written.

        Parameters
        ----------
        folder : path
            It need not be there yet. Files in its folders count too.
        pattern : str
            Which of the files, by the end of their path: ``*.csv`` in any folder, ``tables/*.csv`` in one called so.
            ``**`` is any number of folders, also none.
        symlinks : str, optional
            What to do about symbolic links, as in `OutputPolicyOptions`. Default: what the run was told; in a trace
            ``refuse``.

        Returns
        -------
        Capture
            After the block it has the `outputs`. ``out/tables/by_year.csv`` is the output ``tables__by_year``.

        Raises
        ------
        OutputError
            At the end of the block: if two files would have one name, one cannot be read, or one is a link.
        """
        check_captured(folder, pattern)
        return self._logbook.capture(folder, pattern, symlinks)

    def _asked_for(self, run_id: str) -> bool:
        """Take down a run that was asked for within this one; False if this is a block, which is no function's call."""
        return self._logbook.add_asked(run_id)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.run_id} {self.step}>"


@contextlib.contextmanager
def running(context: RunContext) -> Iterator[None]:
    """Mark a run as under way: runs that start within it are its children."""
    token = begin(context)
    try:
        yield
    finally:
        end(token)


def begin(context: RunContext) -> Token[tuple[RunContext, ...]]:
    """Mark a run as under way until `end`; by themselves for a miss, as `running` costs it 3 us."""
    return _run.set((*_run.get(), context))


def end(token: Token[tuple[RunContext, ...]]) -> None:
    """Mark the run as under way no more that `begin` gave this for."""
    try:  # noqa: SIM105 - on the way of every miss
        _run.reset(token)
    except ValueError:  # it ends in another context than it began in: nothing to undo there
        pass


def runs_under_way() -> tuple[RunContext, ...]:
    """Return the runs that this call is within, outermost first."""
    return _run.get()


def parent_under_way() -> str:
    """Return the id of the innermost run that this call is within and that will be recorded; empty if there is none.

    A run of who must not write is nobody's parent, since nobody could find it.
    """
    return next((run.run_id for run in reversed(_run.get()) if run._logbook.is_recorded), "")  # noqa: SLF001


def current_run() -> RunContext:
    """Return the run that this call is within; of several, the innermost.

    Raises
    ------
    UsageError
        If there is none.

    Examples
    --------
    >>> import consist, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with consist.Tracker(run_dir=folder, db_path=f"{folder}/index.lmdb") as tracker:
    ...     with tracker.trace("report") as run:
    ...         consist.current_run() is run
    True
    """
    around = _run.get()
    if not around:
        raise UsageError(
            "no run is under way here",
            hint="write `with tracker.trace(name) as run:` round it; in a thread, use run.log_output(…) and the like",
        )
    return around[-1]


def note_found(record: RunRecord, store: Store | None) -> None:
    """Let a run that was found, not executed, belong to the run that it was asked for in.

    Parameters
    ----------
    record : RunRecord
        The run.
    store : Store or None
        Hears of it; None if the call must write nothing.
    """
    if not _run.get():  # on the way of every hit
        return
    parent = parent_under_way()
    if store is not None and parent not in {"", record.parent}:
        store.events.member(record.id, parent)
    note_asked(record)


def note_asked(record: RunRecord) -> None:
    """Let the innermost function that is under way name a run that was asked for, also in a block within it."""
    for run in reversed(_run.get()):
        if run._asked_for(record.id):  # noqa: SLF001 - of this module
            return


def check_captured(folder: object, pattern: object) -> None:
    """Refuse what cannot be captured.

    Raises
    ------
    UsageError
        If the folder is no path, or the pattern no text.
    """
    check("folder", folder, PATH, required=True)
    check("pattern", pattern, TEXT, required=True)


def path_of(path: str | os.PathLike[str]) -> Path:
    """Return what is to be logged as a path.

    Raises
    ------
    UsageError
        If it is none.
    """
    from pathlib import Path

    check("path", path, _WRITTEN, required=True)
    return Path(path)


_WRITTEN = Kind(PATH.fits, "give the path of what was written; log_artifact takes values")
_TO_LOG_A_TEXT = "to log a text, put it into a file or a dict: log_artifact({'text': …}, key=…)"


def _look_at_text(text: str, key: str | None) -> None:
    """Refuse a text that is logged and no path; say which folder is stored for a word that might have been meant."""
    if not os.path.lexists(text):
        raise OutputError(
            f"output {key or text!r:.80}: a text is taken as a path, and there is no file {text!r:.80}",
            hint=f"write the file before it is logged; {_TO_LOG_A_TEXT}",
        )
    if key is not None and not os.path.dirname(text) and os.path.isdir(text):  # noqa: PTH112, PTH120 - a text
        told = f"output {key!r:.80}: a text is taken as a path, so the folder {text!r:.80} is stored"
        warn(f"{told} (say so with Path({text!r:.80}); {_TO_LOG_A_TEXT})", ConsistWarning)
