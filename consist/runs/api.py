"""The functions of the package: `run` on the current tracker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consist.runs.current import current_tracker

if TYPE_CHECKING:
    from collections.abc import Callable

    from consist.runs.run import RunResult


def run(fn: Callable[..., Any], **options: Any) -> RunResult:
    """Run a function on the current tracker: `Tracker.run`, which documents the options.

    Parameters
    ----------
    fn : callable
        What to run.
    **options
        As `Tracker.run` takes them.

    Raises
    ------
    UsageError
        If no tracker is current (`use_tracker` makes one so), or something given cannot be used.

    Examples
    --------
    >>> import consist, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with consist.use_tracker(consist.Tracker(run_dir=folder, db_path=f"{folder}/index.lmdb")):
    ...     consist.run(fn=pow, name="power", config={"base": 2, "exp": 3}).value
    8
    """
    return current_tracker().run(fn, **options)
