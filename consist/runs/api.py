"""The functions of the package: on the current tracker, in the run that is under way; `define_step` for any tracker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consist.runs.context import current_run
from consist.runs.current import current_tracker
from consist.runs.options import CodeOptions
from consist.runs.request import check_names
from consist.runs.step import define

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import Never, ParamSpec, TypeVar, Unpack, overload

    from consist.runs.artifact import Artifact
    from consist.runs.context import RunContext
    from consist.runs.request import RunArguments
    from consist.runs.run import RunResult
    from consist.runs.scenario import Scenario
    from consist.runs.step import Step

    P = ParamSpec("P")
    T = TypeVar("T")


def run(fn: Callable[..., Any], *nameless: Never, **given: Unpack[RunArguments]) -> RunResult:
    """Run a function on the current tracker: `Tracker.run`, which documents the arguments.

    Parameters
    ----------
    fn : callable or Step
        What to run.
    **given
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
    check_names(given, nameless)
    return current_tracker().run(fn, **given)


if TYPE_CHECKING:

    @overload
    def define_step(fn: Callable[P, T], /) -> Step[P, T]: ...
    @overload
    def define_step(
        *,
        version: str | None = None,
        code: Sequence[Any] = (),
        ignore: Sequence[Any] = (),
        **declared: Unpack[RunArguments],
    ) -> Callable[[Callable[P, T]], Step[P, T]]: ...


def define_step(
    fn: Callable[..., Any] | None = None,
    *,
    version: str | None = None,
    code: Sequence[Any] = (),
    ignore: Sequence[Any] = (),
    **declared: Unpack[RunArguments],
) -> Any:
    """Give a function defaults for its runs, without a tracker: for libraries of steps. See `Tracker.define_step`.

    Parameters
    ----------
    fn : callable, optional
        The function; as a decorator it can be used with and without parentheses.
    version, code, ignore : optional
        What counts as its code, as in `CodeOptions`.
    **declared
        As `Tracker.run` takes them.

    Returns
    -------
    Step
        Or, without `fn`, what makes one of a function. Its `run` runs it on the tracker that is current then.

    Raises
    ------
    UsageError
        If something declared cannot be used.

    Examples
    --------
    >>> import consist
    >>> @consist.define_step(outputs=["doubled"])
    ... def double(x):
    ...     return 2 * x
    >>> double, double(4)
    (<Step double>, 8)
    """
    return define(fn, _Current(), declared, CodeOptions(version=version, code=code, ignore=ignore))


class _Current:
    """Runs steps on the tracker that is current then."""

    def run(self, fn: Callable[..., Any], /, **given: Unpack[RunArguments]) -> RunResult:
        return current_tracker().run(fn, **given)


def trace(name: str, **options: Any) -> AbstractContextManager[RunContext]:
    """Record a ``with`` block as a run of the current tracker: `Tracker.trace`, which documents the options.

    Raises
    ------
    UsageError
        If no tracker is current, or something given cannot be used.
    """
    return current_tracker().trace(name, **options)


def start_run(name: str, **options: Any) -> AbstractContextManager[RunContext]:
    """Do the same as `trace`."""
    return current_tracker().trace(name, **options)


def scenario(name: str, **options: Any) -> AbstractContextManager[Scenario]:
    """Record a ``with`` block as a scenario of the current tracker: `Tracker.scenario`, which documents the options.

    Raises
    ------
    UsageError
        If no tracker is current, or something given cannot be used.
    """
    return current_tracker().scenario(name, **options)


def log_input(source: str | os.PathLike[str] | Artifact, key: str | None = None) -> Path | Artifact:
    """Say that the run that is under way reads a file, a folder or an artifact: `RunContext.log_input`.

    Raises
    ------
    UsageError
        If no run is under way here, or it is a function that is cached.
    """
    return current_run().log_input(source, key)


def log_output(path: str | os.PathLike[str], key: str | None = None) -> Artifact:
    """Store a file or a folder as an output of the run that is under way: `RunContext.log_output`.

    In a function that is cached it belongs to the outputs of the run, and is there again on a hit.

    Raises
    ------
    UsageError
        If no run is under way here.

    Examples
    --------
    >>> import consist, tempfile
    >>> from pathlib import Path
    >>> def simulate(days):
    ...     log = consist.current_run().run_dir / "log.txt"
    ...     _ = log.write_text(f"{days} days")
    ...     _ = consist.log_output(log)
    ...     return days * 2
    >>> folder = tempfile.mkdtemp()
    >>> with consist.Tracker(run_dir=folder, db_path=f"{folder}/index.lmdb") as tracker:
    ...     results = [tracker.run(simulate, config={"days": 3}) for _ in range(2)]
    >>> [(result.cache_hit, result.value, result.outputs["log"].read_bytes()) for result in results]
    [(False, 6, b'3 days'), (True, 6, b'3 days')]
    """
    return current_run().log_output(path, key)


def log_artifact(item: Any, key: str | None = None, *, direction: str = "output") -> Artifact | Path:
    """Store a value as an output of the run that is under way: `RunContext.log_artifact`.

    Raises
    ------
    UsageError
        If no run is under way here.
    """
    return current_run().log_artifact(item, key, direction=direction)


def log_dataframe(table: Any, key: str) -> Artifact:
    """Store a table as an output of the run that is under way: `RunContext.log_dataframe`.

    Raises
    ------
    UsageError
        If no run is under way here.
    """
    return current_run().log_dataframe(table, key)


def log_meta(*nameless: Never, **values: Any) -> None:
    """Record plain values of the run that is under way: `RunContext.log_meta`.

    Raises
    ------
    UsageError
        If no run is under way here.
    """
    current_run().log_meta(*nameless, **values)
