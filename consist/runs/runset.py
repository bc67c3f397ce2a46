"""`RunSet`: runs as a sequence, and as a table of pandas or polars with config, facet and results side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from consist.arguments import nearest, texts
from consist.errors import UsageError
from consist.runs.formats.needs import needed
from consist.runs.run import artifacts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consist.runs.artifact import Artifact
    from consist.runs.library import Library
    from consist.runs.loose import LooseShelf
    from consist.runs.run import Run
    from consist.store.store import Store


class Shelf(NamedTuple):
    """Where a set of runs gets what their records do not hold: counts of hits, and the content of outputs."""

    store: Store
    library: Library

    def hits(self, run: Run) -> int:
        """Return how often a run was found again."""
        return self.store.index.hits(run.id).count

    def outputs(self, run: Run) -> dict[str, Artifact]:
        """Return the outputs of a run."""
        return artifacts_of(run.record, self.library)


class RunSet(Sequence["Run"]):
    """Runs, the newest first.

    Parameters
    ----------
    runs : tuple of Run
        The runs.
    shelf : Shelf or LooseShelf
        Where their outputs are.
    """

    __slots__ = ("_runs", "_shelf")

    def __init__(self, runs: tuple[Run, ...], shelf: Shelf | LooseShelf) -> None:
        self._runs = runs
        self._shelf = shelf

    @overload
    def __getitem__(self, place: int) -> Run: ...
    @overload
    def __getitem__(self, place: slice) -> RunSet: ...
    def __getitem__(self, place: int | slice) -> Run | RunSet:
        return RunSet(self._runs[place], self._shelf) if isinstance(place, slice) else self._runs[place]

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def counted(self) -> tuple[str, ...]:
        """What counts of it as code, where a step finds it in a global: which runs it holds."""
        return ("runs", *(run.id for run in self._runs))

    def rows(self, values: Iterable[str] = ()) -> Iterator[dict[str, Any]]:
        """Yield a dict for each run, which is a row of the tables.

        Parameters
        ----------
        values : iterable of str
            Keys of outputs whose values are loaded into columns of that name; meant for numbers and text. A run that
            made no such output has None. What is called as another column is, such as an output ``seconds``, is in
            ``output.seconds``.

        Raises
        ------
        UsageError
            If runs have outputs, and none has one of that key.
        DamagedError, BlobNotFoundError
            If the content of one is damaged or missing.
        """
        wanted = texts("values", values)
        if wanted:
            self._refuse_unknown(wanted)
        unclear = _unclear(self._runs)
        for run in self._runs:
            yield self._row(run, wanted, unclear)

    def to_pandas(self, values: Iterable[str] = ()) -> Any:
        """Return a DataFrame of pandas, a run a row.

        Columns are ``run_id``, ``step``, ``status``, ``started`` (UTC), ``seconds``, ``hits`` (how often the run was
        found again), ``tags``, ``config.<key>`` for each item of the configs (``config.model.size`` of a dict within),
        ``facet.<key>``, and one for each of `values`, as of `rows`. What a run does not have is missing. Where a key
        with a point in it would meet the path of another item (``"a.b"`` and ``{"a": {"b": …}}``), it is written as
        ``config["a.b"]``.

        Parameters
        ----------
        values : iterable of str
            Keys of outputs to load, as of `rows`.

        Raises
        ------
        OutputError
            If pandas is not installed.
        """
        pandas = needed("pandas", "a table of runs", "pandas")
        rows = list(self.rows(values))
        return pandas.DataFrame(rows, columns=_columns(rows, values))

    def to_polars(self, values: Iterable[str] = ()) -> Any:
        """Return a DataFrame of polars with the columns of `to_pandas`; one that mixes types has its values as text.

        Raises
        ------
        OutputError
            If polars is not installed.
        """
        polars = needed("polars", "a table of runs", "polars")
        rows = list(self.rows(values))
        columns = {name: [row.get(name) for row in rows] for name in _columns(rows, values)}
        return polars.DataFrame({name: _of_one_type(column) for name, column in columns.items()}, strict=False)

    def _refuse_unknown(self, wanted: tuple[str, ...]) -> None:
        """Refuse a key that no run has, unless no run has any: those may all have failed."""
        lacking, known = set(wanted), set[str]()
        for run in self._runs:
            made = self._shelf.outputs(run)
            known.update(made)
            lacking.difference_update(made)
            if not lacking:
                return
        if known:
            key = next(key for key in wanted if key in lacking)
            raise UsageError(f"no run of these has an output {key!r:.80}", hint=nearest(key, sorted(known)))

    def _row(self, run: Run, values: tuple[str, ...], unclear: frozenset[str]) -> dict[str, Any]:
        row = {
            "run_id": run.id,
            "step": run.step,
            "status": run.status,
            "started": run.started_at,
            "seconds": run.seconds,
            "hits": self._shelf.hits(run),
            "tags": list(run.tags),
            **_named("config", run.config, unclear),
            **_named("facet", run.facet, unclear),
        }
        outputs = self._shelf.outputs(run) if values else {}
        for key in values:
            row[_column_of(key)] = outputs[key].load() if key in outputs else None
        return row

    def __repr__(self) -> str:
        return f"<RunSet of {len(self._runs)}>"

    def _repr_html_(self) -> str:
        from consist.runs.html import runs_html

        return runs_html([(run.record, run.tags) for run in self._runs])


_FIRST = ("run_id", "step", "status", "started", "seconds", "hits", "tags")
_AREAS = ("config", "facet")
_TAKEN = ("config.", "config[", "facet.", "facet[", "output.")


def _columns(rows: list[dict[str, Any]], values: Iterable[str]) -> list[str]:
    """Return the columns of all rows in an order that does not depend on which run comes first."""
    named = dict.fromkeys(name for row in rows for name in row)
    last = map(_column_of, texts("values", values))
    config, facet = ([name for name in named if name.startswith((f"{area}.", f"{area}["))] for area in _AREAS)
    return list(dict.fromkeys((*_FIRST, *config, *facet, *last)))


def _column_of(key: str) -> str:
    """Return the column of an output: its key, if no other column may have that name.

    It must not depend on the runs, so all names of configs and facets count as taken.
    """
    return f"output.{key}" if key in _FIRST or key.startswith(_TAKEN) else key


def _flat(value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the items of a mapping by their path, those of mappings within too.

    Examples
    --------
    >>> list(_flat({"n": 1, "model": {"size": 2, "empty": {}}}))
    [(('n',), 1), (('model', 'size'), 2), (('model', 'empty'), {})]
    """
    for key, item in value.items() if isinstance(value, dict) else ():
        if isinstance(item, dict) and item:
            yield from (((key, *path), inner) for path, inner in _flat(item))
        else:
            yield (key,), item


def _unclear(runs: Iterable[Run]) -> frozenset[str]:
    """Return the names that two items of these runs would share: a key with a point in it, and a path."""
    seen: dict[str, tuple[str, ...]] = {}
    unclear = set()
    for run in runs:
        for area, held in zip(_AREAS, (run.config, run.facet), strict=True):
            for path, _ in _flat(held):
                name = ".".join((area, *path))
                if seen.setdefault(name, path) != path:
                    unclear.add(name)
    return frozenset(unclear)


def _named(area: str, value: Any, unclear: frozenset[str]) -> dict[str, Any]:
    """Return the items of a mapping by the names of their columns.

    Examples
    --------
    >>> _named("config", {"a.b": 1, "a": {"b": 2}}, frozenset(["config.a.b"]))
    {'config["a.b"]': 1, 'config.a.b': 2}
    """
    named = {}
    for path, item in _flat(value):
        name = ".".join((area, *path))
        if name in unclear:
            name = area + "".join(f'["{key}"]' if "." in key else f".{key}" for key in path)
        named[name] = item
    return named


def _of_one_type(column: list[Any]) -> list[Any]:
    """Return a column that polars can hold: as it is, or as text if it mixes what is no number with something else."""
    types = {float if isinstance(item, (int, float)) and not isinstance(item, bool) else type(item) for item in column}
    kinds = types - {type(None)}
    return column if len(kinds) <= 1 and dict not in kinds else [None if i is None else str(i) for i in column]
