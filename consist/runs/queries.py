"""`Queries`: what a tracker answers about runs that were. Thin methods; the work is done in the functions they call.

A base class of `Tracker`, and of nothing else: it has what `Tracker` has, an open store and a library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from consist.arguments import check_no_more, shown
from consist.errors import UsageError
from consist.runs.filters import check_run_id, check_runs, nothing_found, wanted
from consist.runs.run import Run, RunResult, artifacts_of
from consist.store.lookup import forgettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import Literal, Never

    from consist.index.records import RunRecord
    from consist.runs.artifact import Artifact
    from consist.runs.comparison import RunDiff
    from consist.runs.filters import RunFilters
    from consist.runs.lineage import Lineage
    from consist.runs.perform import Workshop
    from consist.runs.runset import RunSet
    from consist.store.store import Store


class Queries:
    """The questions that a `Tracker` answers."""

    def _open(self) -> Workshop:
        raise NotImplementedError

    def find_runs(self, *nameless: Never, **filters: Unpack[RunFilters]) -> list[Run]:
        """Return runs, newest first; none, if there are none like that, also of a step that never ran.

        A program may ask before the first run of a step, so that is no error here and no warning. `find_latest_run`,
        which must find one, names the step that was perhaps meant.

        Other Parameters
        ----------------
        step, model : str, optional
            Only those of this step; `model` is another word for it.
        status : str, optional
            ``completed``, ``failed``, or ``forgotten`` (by `forget`).
        tags : str or iterable of str, optional
            Only those that have all of these tags now, whether they were given with the run or later.
        facet : mapping, optional
            Only those whose facet has these values: ``{"year": 2030, "loss": consist.at_most(0.5)}``. See also
            `at_least` and `between`. A record is looked at for each run that fits otherwise.
        parent_id : str, Run or RunResult, optional
            Only those that were executed in this run, or found again in it (a scenario).
        since, until : datetime, date, timedelta or str, optional
            Only those that were started then or later, then or earlier. A span, also as text (``"2h"``; s, m, h, d,
            w), means so long ago; a time without a zone is this machine's.
        signature : Digest, optional
            Only the run that this signature leads to.
        limit : int, optional
            At most so many.

        Raises
        ------
        UsageError
            If there is no such filter, or it cannot be used.

        Examples
        --------
        >>> import consist, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with consist.Tracker(run_dir=folder, db_path=f"{folder}/index.lmdb") as tracker:
        ...     for exp in (2, 3, 4):
        ...         _ = tracker.run(pow, name="power", config={"base": 2, "exp": exp}, facet={"exp": exp})
        ...     [run.config["exp"] for run in tracker.find_runs(step="power", facet={"exp": consist.at_least(3)})]
        [4, 3]
        """
        check_no_more("find_runs", nameless, 'step="clean", tags=["draft"]')
        return list(_found(self._open().store, filters))

    def find_latest_run(self, **filters: Unpack[RunFilters]) -> Run:
        """Return the newest run that `find_runs` finds.

        Raises
        ------
        RunNotFoundError
            If there is none; of a step that never ran, the message names the one that is called most like it.
        """
        store = self._open().store
        run = next(_found(store, {**filters, "limit": 1}), None)
        if run is None:
            raise nothing_found(filters, (step for step, _ in store.index.steps()))
        return run

    def get_run(self, run_id: str) -> Run:
        """Return the run with an id, or the only one whose id begins so.

        Raises
        ------
        RunNotFoundError, AmbiguousPrefixError
            If there is none, or more than one.
        UsageError
            If it is no text.
        """
        from consist.store.names import find_run

        check_run_id(run_id)
        store = self._open().store
        return run_now(store, find_run(store, run_id))

    def outputs_of(self, run: Run | RunResult | str) -> dict[str, Artifact]:
        """Return the outputs of a run by key.

        Raises
        ------
        RunNotFoundError
            If there is no such run.
        """
        return artifacts_of(self._run(run).record, self._open().library)

    def get_artifact(self, run: Run | RunResult | str, key: str | None = None) -> Artifact:
        """Return an output.

        Parameters
        ----------
        run : Run, RunResult or str
            The run or the beginning of its id; or, without a key, a path of the store: ``steps/clean/table`` is the
            newest run's, ``runs/3f2a/table`` that run's, with or without ``consist://``.
        key : str, optional
            Which output. Default: the only one.

        Raises
        ------
        RunNotFoundError
            If there is no such run or output.
        UsageError
            If several outputs could be meant.

        Examples
        --------
        >>> import consist, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with consist.Tracker(run_dir=folder, db_path=f"{folder}/index.lmdb") as tracker:
        ...     _ = tracker.run(pow, name="power", config={"base": 2, "exp": 5}, outputs=["n"])
        ...     tracker.get_artifact("steps/power/n").load()
        32
        """
        from consist.runs.reference import artifact_named

        return artifact_named(self._open().store, self._open().library, run, key)

    def load_run_output(self, run: Run | RunResult | str, key: str | None = None) -> Any:
        """Return the value of an output: `get_artifact` and `Artifact.load`."""
        return self.get_artifact(run, key).load()

    def lineage(
        self,
        target: Artifact | Run | RunResult | str | Path,
        direction: Literal["up", "down", "both"] = "up",
        *,
        depth: int | None = None,
        most: int = 1000,
    ) -> Lineage:
        """Tell what something was made from, or what was made from it.

        Parameters
        ----------
        target : Artifact, Run, RunResult, str or Path
            What is asked about; text is a path of the store or a run's id, a `Path` is a file here.
        direction : {"up", "down", "both"}
            To what it was made from, to what was made from it, or both.
        depth : int, optional
            So many runs away at most. Default: to the raw files, to the last result.
        most : int
            Stop after so many runs and artifacts; the value says that it did.

        Returns
        -------
        Lineage
            Printed, it is a tree.

        Raises
        ------
        NotFoundError
            If there is no such thing.
        UsageError
            If what is given cannot be looked for.
        """
        from consist.runs.reference import lineage_of

        return lineage_of(self._open().store, target, direction, depth=depth, most=most)

    def diff_runs(self, a: Run | RunResult | str, b: Run | RunResult | str) -> RunDiff:
        """Tell in what two runs differ: config, code, inputs, contract; and in what they made.

        Raises
        ------
        RunNotFoundError
            If there is no such run.
        """
        from consist.runs.comparison import compare_runs

        return compare_runs(self._run(a), self._run(b))

    def run_set(self, runs: Iterable[Run | RunResult | str] | None = None, **filters: Unpack[RunFilters]) -> RunSet:
        """Return runs as a sequence that becomes a table of pandas or polars.

        Parameters
        ----------
        runs : iterable of Run, RunResult or str, optional
            These runs, in their order: such as the results of a sweep, whether they were executed or found. Default:
            those that `find_runs` finds, newest first.
        **filters
            As `find_runs` takes them.

        Raises
        ------
        UsageError
            If both are given, or a filter cannot be used.
        RunNotFoundError
            If there is no run of an id.

        Examples
        --------
        >>> import consist, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with consist.Tracker(run_dir=folder, db_path=f"{folder}/index.lmdb") as tracker:
        ...     for exp in (2, 3):
        ...         _ = tracker.run(pow, name="power", config={"base": 2, "exp": exp})
        ...     found = tracker.run_set(step="power").to_pandas(values=["value"])
        >>> found[["config.exp", "value"]].sort_values("config.exp").values.tolist()
        [[2, 4], [3, 8]]
        """
        from consist.runs.runset import RunSet, Shelf

        check_runs(runs, filters)
        store, library = self._open().store, self._open().library
        if runs is None:
            return RunSet(tuple(_found(store, filters)), Shelf(store, library))
        return RunSet(tuple(run_now(store, self._run(run).record) for run in runs), Shelf(store, library))

    def tag(self, run: Run | RunResult | str, *tags: str) -> Run:
        """Give a run tags, on every machine; return it as it is now."""
        from consist.store import marking

        return self._marked(run, marking.tag, tags)

    def untag(self, run: Run | RunResult | str, *tags: str) -> Run:
        """Take tags from a run, also those that it was recorded with; return it as it is now."""
        from consist.store import marking

        return self._marked(run, marking.untag, tags)

    def forget(self, run: Run | RunResult | str, reason: str = "") -> Run:
        """Say that the result of a run is wrong: no call finds it any more, on any machine.

        The next call of the step executes it and publishes anew. The run stays listed, as ``forgotten``. With it go the
        runs whose functions asked for it, as far as this machine's index knows them: they would be found again with a
        result that was made from it. What read its outputs as inputs is not touched: once they are made anew, it is
        found for them no more. `lineage` with ``direction="down"`` tells what both are.

        A machine that uses the store over a network, and has looked at the run within the last day, believes in it
        until the day is over.

        Parameters
        ----------
        run : Run, RunResult or str
            A completed run.
        reason : str
            Why it is wrong.

        Returns
        -------
        Run
            As it is known now.

        Raises
        ------
        RunNotFoundError
            If there is no such run.
        UsageError
            If it failed: then nothing leads to it.
        """
        from consist.store import marking

        store = self._open().store
        return run_now(store, marking.forget(store, self._run(run).record, reason))

    def _run(self, run: Run | RunResult | str) -> Run:
        if isinstance(run, RunResult):
            return run.run
        if isinstance(run, Run):
            return run
        if not isinstance(run, str):
            raise UsageError(f"{shown(run)} names no run", hint="give a run, a result of run, or a run's id")
        return self.get_run(run)

    def _marked(self, run: Run | RunResult | str, mark: Any, tags: tuple[str, ...]) -> Run:
        store, record = self._open().store, self._run(run).record
        for text in tags:
            mark(store, record, text)
        return run_now(store, record)


def run_now(store: Store, record: RunRecord) -> Run:
    """Return a run with the tags that it has now, and why it was forgotten."""
    store.events.write_tags()  # a hit may have given it one
    return Run(record, store.index.tags_of(record), tuple(mark.text for mark in forgettings(store, record)))


def _found(store: Store, filters: RunFilters) -> Iterator[Run]:
    from consist.store.finding import find_records

    return (run_now(store, record) for record in find_records(store, wanted(filters)))
