"""`Hooks`: what a tracker's owner wants to be told of its runs. They only listen: nothing they do changes a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from consist.arguments import FUNCTION, Named, check
from consist.errors import ConsistWarning, warn

if TYPE_CHECKING:
    from collections.abc import Callable

    from consist.runs.run import Run, RunResult


@dataclass(frozen=True, slots=True)
class Hooks(Named):
    """Functions that are called when a function is executed. A hit executes nothing, so it calls none of them.

    Neither does a block of `trace`, `start_run` or `scenario`, but what is executed in it. What a hook raises becomes
    one warning, and the run goes on. They are called in the thread of the run, and it waits for them. Of a tracker that
    travels to other processes they must be picklable: functions of a module.

    Parameters
    ----------
    on_run_start : callable, optional
        Gets the `Run`, whose status is ``running``, before the function is called.
    on_run_complete : callable, optional
        Gets the `RunResult`, when the run is recorded.
    on_run_failed : callable, optional
        Gets the `Run` and the exception, when the failure is recorded. The exception then passes through.

    Raises
    ------
    UsageError
        If one is no function.

    Examples
    --------
    >>> import consist, tempfile
    >>> folder, seen = tempfile.mkdtemp(), []
    >>> hooks = consist.Hooks(on_run_complete=lambda result: seen.append((result.run.step, result.value)))
    >>> with consist.Tracker(run_dir=folder, db_path=f"{folder}/index.lmdb", hooks=hooks) as tracker:
    ...     for _ in range(2):
    ...         _ = tracker.run(pow, config={"base": 2, "exp": 3})
    >>> seen
    [('pow', 8)]
    """

    on_run_start: Callable[[Run], object] | None = None
    on_run_complete: Callable[[RunResult], object] | None = None
    on_run_failed: Callable[[Run, BaseException], object] | None = None

    def __post_init__(self) -> None:
        check("on_run_start", self.on_run_start, FUNCTION)
        check("on_run_complete", self.on_run_complete, FUNCTION)
        check("on_run_failed", self.on_run_failed, FUNCTION)

    def tell(self, moment: str, *what: Any) -> None:
        """Call the hook of a moment, ``start``, ``complete`` or ``failed``, if there is one."""
        hook = getattr(self, f"on_run_{moment}")
        if hook is None:
            return
        try:
            hook(*what)
        except Exception as error:  # noqa: BLE001 - the user's own code; a run must not be lost for a listener
            warn(f"hook on_run_{moment} raised {type(error).__name__}: {error}", ConsistWarning)


NO_HOOKS = Hooks()
