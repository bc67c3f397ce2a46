"""The functions of the package: `run` on the current tracker, `define_step` for whichever will be current."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consist.runs.current import current_tracker
from consist.runs.options import CodeOptions
from consist.runs.request import check_names
from consist.runs.step import define

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import ParamSpec, TypeVar, Unpack, overload

    from consist.runs.request import RunArguments
    from consist.runs.run import RunResult
    from consist.runs.step import Step

    P = ParamSpec("P")
    T = TypeVar("T")


def run(fn: Callable[..., Any], **given: Unpack[RunArguments]) -> RunResult:
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
    check_names(given)
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
