"""`Blocks`: the runs that are ``with`` blocks. Thin methods; the work is in ``active.py`` and ``scenario.py``.

A base class of `Tracker`, and of nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from typing import Never

    from consist.runs.context import RunContext
    from consist.runs.options import CacheOptions
    from consist.runs.perform import Workshop
    from consist.runs.run import RunResult
    from consist.runs.scenario import Scenario


class Blocks:
    """The ``with`` blocks that a `Tracker` records."""

    run: Callable[..., RunResult]

    def _open(self) -> Workshop:
        raise NotImplementedError

    def trace(  # noqa: PLR0913 - what a block is described by, as `run` takes it
        self,
        name: str,
        *,
        config: Any = None,
        inputs: Mapping[str, Any] | Sequence[Any] | None = None,
        tags: Iterable[str] = (),
        facet: Mapping[str, Any] | None = None,
        description: str = "",
        cache_options: CacheOptions | None = None,
        **unknown: Never,
    ) -> AbstractContextManager[RunContext]:
        """Record a ``with`` block as a run. It is always executed, and never found again: nobody looks at its code.

        Within it, inputs, outputs and values are logged, on what it gives or with `consist.log_output` and the like. An
        output is stored when it is logged; the record is written when the block ends. A run or a trace within it is its
        child.

        Parameters
        ----------
        name : str
            The step's name.
        config, inputs, tags, facet, description : optional
            As `run` takes them. Inputs are recorded; they are passed to nobody.
        cache_options : CacheOptions, optional
            Only ``CacheOptions(cache_mode="readonly")``: nothing of it is written, for who may only read the store.

        Returns
        -------
        context manager of RunContext
            With `run_id`, `run_dir`, `log_input`, `log_output`, `log_artifact`, `log_dataframe`, `log_meta`, `load` and
            `capture_outputs`.

        Raises
        ------
        UsageError
            If something given cannot be used.
        StorageError
            If store or index cannot be used.
        Exception
            Whatever the block raises, unchanged; the run is recorded as failed, with what it had logged.

        Examples
        --------
        >>> import consist, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with consist.Tracker(run_dir=f"{folder}/runs", db_path=f"{folder}/index.lmdb") as tracker:
        ...     with tracker.trace("report", config={"year": 2030}) as report:
        ...         table = report.log_artifact({"bikes": 12, "trains": 3}, key="counts")
        ...         report.log_meta(rows=2)
        ...     run = tracker.get_run(report.run_id)
        >>> run.kind, run.status, run.meta, table.load()
        ('trace', 'completed', {'rows': 2}, {'bikes': 12, 'trains': 3})
        """
        from consist.index.records import TRACE
        from consist.runs.active import trace
        from consist.runs.block import block, check_block
        from consist.runs.context import RunContext
        from consist.runs.unbegun import Unbegun

        check_block(TRACE, unknown)
        asked = block(
            TRACE,
            name,
            config=config,
            inputs=inputs,
            tags=tags,
            facet=facet,
            description=description,
            cache_options=cache_options,
        )
        return Unbegun(trace(self._open(), asked), f"trace({name!r})", RunContext)

    start_run = trace
    """The same as `trace`, by the name under which some know it."""

    def scenario(  # noqa: PLR0913 - what a block is described by, as `run` takes it
        self,
        name: str,
        *,
        config: Any = None,
        tags: Iterable[str] = (),
        facet: Mapping[str, Any] | None = None,
        require_outputs: Iterable[str] = (),
        description: str = "",
        cache_options: CacheOptions | None = None,
        **unknown: Never,
    ) -> AbstractContextManager[Scenario]:
        """Record a ``with`` block as a run that holds others, which hand artifacts on by name.

        Steps are run on what it gives: ``scenario.run(fn, …)`` and ``scenario.trace(name, …)``. What they make is in
        ``scenario.coupler``, and ``inputs=["key"]`` takes it from there. A step that is found again belongs to the
        scenario too: ``find_runs(parent_id=scenario.run_id)``. A scenario within another one is its child, and has a
        coupler of its own.

        Parameters
        ----------
        name : str
            What it is called, as a step is.
        config, tags, facet, description : optional
            As `run` takes them; they describe the scenario and are no part of its steps.
        require_outputs : iterable of str
            Keys that must be in the coupler at the end.
        cache_options : CacheOptions, optional
            Only ``CacheOptions(cache_mode="readonly")``: nothing of it is written to the store, nor of its steps and
            traces, unless their calls say otherwise; for who may only read the store.

        Returns
        -------
        context manager of Scenario
            With `run`, `trace`, `coupler` and all that `trace` gives.

        Raises
        ------
        UsageError
            If something given cannot be used.
        OutputError
            At the end, if a required output is missing; the scenario is recorded as failed.
        StorageError
            If store or index cannot be used.
        Exception
            Whatever the block raises, unchanged; the scenario is recorded as failed.

        Examples
        --------
        >>> import consist, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with consist.Tracker(run_dir=f"{folder}/runs", db_path=f"{folder}/index.lmdb") as tracker:
        ...     with tracker.scenario("baseline", require_outputs=["size"]) as baseline:
        ...         power = baseline.run(pow, config={"base": -2, "exp": 5}, outputs=["power"])
        ...         with baseline.trace("measure", inputs=["power"]) as measure:
        ...             size = measure.log_artifact(abs(measure.load("power")), key="size")
        ...     [run.step for run in tracker.find_runs(parent_id=baseline.run_id)]
        ['measure', 'pow']
        >>> baseline.coupler.require("size").load()
        32
        """
        from consist.index.records import SCENARIO
        from consist.runs.block import block, check_block
        from consist.runs.scenario import Scenario, scenario
        from consist.runs.unbegun import Unbegun

        check_block(SCENARIO, unknown)
        asked = block(
            SCENARIO,
            name,
            config=config,
            tags=tags,
            facet=facet,
            description=description,
            require_outputs=require_outputs,
            cache_options=cache_options,
        )
        return Unbegun(scenario(asked, self._open(), self.run), f"scenario({name!r})", Scenario)
