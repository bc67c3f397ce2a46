"""What runs are looked for by, checked, and what is said where there are none. The looking is done by the store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypedDict

from consist.arguments import MAPPING, TEXT, Kind, check, check_known, nearest, shown, texts
from consist.errors import RunNotFoundError, UsageError
from consist.runs.run import Run, RunResult

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from consist.hashing.digest import Digest
    from consist.store.finding import Wanted

    Time = dt.datetime | dt.date | dt.timedelta | str


class RunFilters(TypedDict, total=False):
    """What `Queries.find_runs` takes, for those that hand it on; it says what each is."""

    step: str | None
    model: str | None
    status: str | None
    tags: str | Iterable[str]
    facet: Mapping[str, Any] | None
    parent_id: str | Run | RunResult | None
    since: Time | None
    until: Time | None
    signature: Digest | None
    limit: int | None


def wanted(filters: RunFilters) -> Wanted:
    """Check what a caller of `Queries.find_runs` gave.

    Raises
    ------
    UsageError
        If a filter is not known, or cannot be used.
    """
    from consist.hashing.digest import Digest
    from consist.store.conditions import FacetCondition
    from consist.store.finding import Wanted, moment

    check_known("find_runs", filters, RunFilters.__annotations__)
    step, model = filters.get("step"), filters.get("model")
    since, until = filters.get("since"), filters.get("until")
    check("step", step, _STEP)
    check("model", model, _STEP)
    check("facet", filters.get("facet"), MAPPING)
    check("signature", filters.get("signature"), Kind(lambda given: isinstance(given, Digest), "give run.signature"))
    if step is not None and model is not None and step != model:
        raise UsageError(f"step is {step!r:.60} and model is {model!r:.60}", hint="they are the same thing; give one")
    return Wanted(
        step=step if step is not None else model,
        status=filters.get("status"),
        tags=texts("tags", filters.get("tags") or ()),
        facet=tuple(FacetCondition.of(*item) for item in (filters.get("facet") or {}).items()),
        parent=_id_of_parent(filters.get("parent_id")),
        since=None if since is None else moment(since),
        until=None if until is None else moment(until),
        signature=filters.get("signature"),
        limit=filters.get("limit"),
    )


_STEP = Kind(TEXT.fits, "give the step's name, as text")


def _id_of_parent(parent: object) -> str | None:
    if isinstance(parent, (Run, RunResult)):
        return parent.id if isinstance(parent, Run) else parent.run.id
    check("parent_id", parent, Kind(TEXT.fits, "give a run, or its id: scenario.run_id"))
    return parent  # type: ignore[return-value]  # a text or None, as was seen


def check_run_id(run_id: object) -> None:
    """Refuse what is no text.

    Raises
    ------
    UsageError
        If it is something else, also None.
    """
    check("run_id", run_id, Kind(TEXT.fits, "give the id as text, such as result.run.id"), required=True)


def check_runs(runs: object, filters: RunFilters) -> None:
    """Refuse what `Queries.run_set` cannot make a set of.

    Raises
    ------
    UsageError
        If `runs` is no collection, or filters are given as well.
    """
    if isinstance(runs, (str, bytes)) or not isinstance(runs, (Iterable, type(None))):
        raise UsageError(f"runs is {shown(runs)}", hint='give a list of runs; those of a step: run_set(step="clean")')
    if runs is not None and filters:
        raise UsageError("run_set got runs and filters", hint="give the one or the other")


def nothing_found(filters: RunFilters, steps: Iterable[str]) -> RunNotFoundError:
    """Make the error of a caller who asked for the newest run, where there is none.

    Parameters
    ----------
    filters : RunFilters
        What was asked for.
    steps : iterable of str
        The steps that have runs.
    """
    asked = ", ".join(f"{name}={value!r}" for name, value in filters.items() if name != "limit")
    step = filters.get("step") or filters.get("model")
    hint = (
        "find_runs() with fewer filters shows what there is; of another machine's runs an index knows what it"
        " met, and `consist index rebuild` finds all"
    )
    known = list(steps)
    if step is not None and known and step not in known:
        return RunNotFoundError(f"no run has {asked}: no step is called so", hint=nearest(step, known, hint))
    return RunNotFoundError(f"no run has {asked}" if asked else "there is no run yet", hint=hint)
