"""`Tracker`: a store, an index and a folder for runs, opened when first used; `run` on top, the queries beneath."""

from __future__ import annotations

import os
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from consist.arguments import COUNT, FLAG, check, check_unknown, instance_of, one_of
from consist.blobs.encoding import AUTO, COMPRESSIONS
from consist.blobs.sharing import PRIVATE, SHARINGS
from consist.blobs.urls import normalise_url
from consist.runs.blocks import Blocks
from consist.runs.execute import execute
from consist.runs.hooks import NO_HOOKS, Hooks
from consist.runs.library import Library
from consist.runs.options import CodeOptions
from consist.runs.perform import Workshop
from consist.runs.queries import Queries
from consist.runs.request import check_names
from consist.runs.step import define, requested
from consist.store.opening import open_store
from consist.store.settings import default_store, resolve, warn_of_unknown_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Never, ParamSpec, TypeVar, Unpack, overload

    from consist.hashing.digest import Digest
    from consist.runs.explanation import Explanation
    from consist.runs.options import CacheOptions, ExecutionOptions, OutputPolicyOptions
    from consist.runs.request import RunArguments
    from consist.runs.run import RunResult
    from consist.runs.step import Step
    from consist.store.store import Store

    P = ParamSpec("P")
    T = TypeVar("T")


class Tracker(Blocks, Queries):
    """Runs functions once, and remembers.

    Parameters
    ----------
    run_dir : path, optional
        Where runs write files, and where copies of file outputs go. Default: ``.consist/runs``.
    db_path : path, optional
        The index's file; any name will do. Default: ``.consist/index.lmdb``.
    store : path or URL, optional
        Where results go: a folder or the URL of any fsspec filesystem. Default: the folder beside the index that is
        called as the index, with ``.store`` for its suffix.
    storage_options : mapping, optional
        Handed to the filesystem of a URL; never stored.
    durable : bool
        Wait until every write has reached the disk (default). False is faster, and a crash of the machine may then
        cost the last runs. What is in the store already is as safe as whoever wrote it made it.
    compression : {"auto", "none"}
        Whether chunks of large content (from 1 MiB) are compressed where a probe says that it pays.
    cache_limit : int, optional
        Bytes that copies of what is read from remote stores may take in your cache folder (``~/.cache/consist``), all
        stores together; 0 keeps none. Default: the environment's ``CONSIST_CACHE_LIMIT``, a settings file, or 10 GiB.
    sharing : str
        Who may use a store in a folder that is made by this tracker: ``private`` (default), you alone; ``group-read``,
        the folder's group too, but only to read; ``group``, to write as well. A store that is there keeps what it was
        made with.
    strict : bool
        Make it an error, not a warning, that a function cannot be cached.
    verbose : bool, optional
        Say on the logger ``consist``, at the level INFO, why a step runs that was not found; on standard error, if the
        program has set up no logging. Default: whether the environment's ``CONSIST_EXPLAIN`` is set to anything but 0.
    hooks : Hooks, optional
        Functions that are told when something is executed.

    allow_pickle : bool
        Pickle outputs that have no format, and load what was pickled. To load a pickle is to run what it says: only
        for a store that nobody writes to whom you would not let run programs here.

    Raises
    ------
    UsageError
        If something given cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with Tracker(run_dir=f"{folder}/runs", db_path=f"{folder}/index.lmdb") as tracker:
    ...     first = tracker.run(pow, name="power", config={"base": 2, "exp": 5})
    ...     again = tracker.run(pow, name="power", config={"base": 2, "exp": 5})
    >>> first.value, first.cache_hit, again.value, again.cache_hit
    (32, False, 32, True)
    """

    def __init__(  # noqa: PLR0913 - where things are, and seven choices by name
        self,
        run_dir: str | os.PathLike[str] | None = None,
        db_path: str | os.PathLike[str] | None = None,
        store: str | os.PathLike[str] | None = None,
        *,
        storage_options: Mapping[str, Any] | None = None,
        durable: bool = True,
        compression: str = AUTO,
        cache_limit: int | None = None,
        sharing: str = PRIVATE,
        strict: bool = False,
        verbose: bool | None = None,
        allow_pickle: bool = False,
        hooks: Hooks | None = None,
        **unknown: Never,
    ) -> None:
        check_unknown(Tracker, unknown)
        flags = {"durable": durable, "strict": strict, "verbose": verbose, "allow_pickle": allow_pickle}
        for name, value in flags.items():
            check(name, value, FLAG)
        check("compression", compression, one_of(*COMPRESSIONS), required=True)
        check("cache_limit", cache_limit, COUNT)
        check("sharing", sharing, one_of(*SHARINGS))
        check("hooks", hooks, instance_of(Hooks))
        warn_of_unknown_variables()
        settings = resolve(
            run_dir=run_dir, db_path=db_path, store=store, storage_options=storage_options, cache_limit=cache_limit
        )
        self.run_dir = Path(os.path.abspath(settings["run_dir"].value))  # noqa: PTH100 - links are kept
        self.db_path = Path(os.path.abspath(settings["db_path"].value))  # noqa: PTH100 - the same
        given = settings["store"].value
        self.store_url = normalise_url(default_store(str(self.db_path)) if given is None else given)
        self._storage_options = dict(settings["storage_options"].value or {})
        self._durable = durable
        self._compression = compression
        self._cache_limit = settings["cache_limit"].value
        self._sharing = sharing or PRIVATE
        self._strict = strict
        self._verbose = os.environ.get("CONSIST_EXPLAIN", "0") not in {"", "0"} if verbose is None else verbose
        self._allow_pickle = allow_pickle
        self._hooks = hooks or NO_HOOKS
        self._lock = threading.Lock()
        self._workshop: Workshop | None = None

    @property
    def store(self) -> Store:
        """The store, opened by the first use."""
        return self._open().store

    def run(  # noqa: PLR0913 - what a run is made of, said once; how it is done is in the option values
        self,
        fn: Callable[..., Any],
        *nameless: Never,
        name: str | None = None,
        config: Any = None,
        inputs: Mapping[str, Any] | Sequence[Any] | None = None,
        outputs: Sequence[str] | None = None,
        output_paths: Mapping[str, str | os.PathLike[str]] | None = None,
        depends_on: Sequence[str | os.PathLike[str]] | None = None,
        runtime_kwargs: Mapping[str, Any] | None = None,
        execution_options: ExecutionOptions | None = None,
        cache_options: CacheOptions | None = None,
        code_options: CodeOptions | None = None,
        output_policy: OutputPolicyOptions | None = None,
        tags: Iterable[str] = (),
        facet: Mapping[str, Any] | None = None,
        description: str = "",
        **unknown: Never,
    ) -> RunResult:
        """Run a function, or return what it returned for the same code, config and inputs.

        Parameters
        ----------
        fn : callable or Step
            What to run. Its arguments come by name from `config`, `inputs` and `runtime_kwargs`. An asynchronous
            function is run to its end. Of a `Step`, what it declared holds where nothing is given here.
        name : str, optional
            The step's name; part of the signature. Default: the function's.
        config : mapping, dataclass or pydantic model, optional
            Hashed; items that are named as parameters are passed. Others are hashed only, and noted in the record.
        inputs : mapping or sequence, optional
            Files, folders and artifacts, by name; hashed by content, wherever they lie.
        outputs : sequence of str, optional
            Names for what is returned. Default: a dict's keys, else ``value``.
        output_paths : mapping, optional
            Names and paths of files and folders that the function writes without returning them.
        depends_on : sequence of path, optional
            Files and folders that the function reads by itself; they count as its code, by content.
        runtime_kwargs : mapping, optional
            Arguments that are passed but not hashed: handles, verbosity, a number of workers.
        execution_options : ExecutionOptions, optional
            How else the function is called.
        cache_options : CacheOptions, optional
            How the cache is used.
        code_options : CodeOptions, optional
            What counts as the function's code beside, or instead of, what is found.
        output_policy : OutputPolicyOptions, optional
            How outputs are collected.
        tags, facet, description : optional
            What the run is found by; no part of the signature. A hit adds tags to the run that it found; facet and
            description stay what that one was recorded with, of which a warning tells once a step.

        Returns
        -------
        RunResult
            With `run`, `outputs`, `cache_hit` and `value`.

        Raises
        ------
        UsageError
            If something given cannot be used; nothing was run.
        OutputError
            If a declared output was not made; the run is recorded as failed, with what was made.
        StorageError
            If store or index cannot be used. Once the function has returned, that is a warning only.
        Exception
            Whatever `fn` raises, unchanged; the run is recorded as failed and not cached.
        """
        if nameless or unknown:
            check_names(unknown, nameless)  # only what is wrong costs time: this is on the path of every hit
        given: RunArguments = {
            "name": name,
            "config": config,
            "inputs": inputs,
            "outputs": outputs,
            "output_paths": output_paths,
            "depends_on": depends_on,
            "runtime_kwargs": runtime_kwargs,
            "execution_options": execution_options,
            "cache_options": cache_options,
            "code_options": code_options,
            "output_policy": output_policy,
            "tags": tags,
            "facet": facet,
            "description": description,
        }
        return execute(requested(fn, given), self._workshop or self._open())

    if TYPE_CHECKING:

        @overload
        def define_step(self, fn: Callable[P, T], /) -> Step[P, T]: ...
        @overload
        def define_step(
            self,
            *,
            version: str | None = None,
            code: Sequence[Any] = (),
            ignore: Sequence[Any] = (),
            **declared: Unpack[RunArguments],
        ) -> Callable[[Callable[P, T]], Step[P, T]]: ...

    def define_step(
        self,
        fn: Callable[..., Any] | None = None,
        *,
        version: str | None = None,
        code: Sequence[Any] = (),
        ignore: Sequence[Any] = (),
        **declared: Unpack[RunArguments],
    ) -> Any:
        """Give a function defaults for its runs, as a decorator, with or without parentheses.

        The result is called as the function is, and then nothing is cached. It is run by its `run`, by `Tracker.run`
        of any tracker, and by `consist.run`; what they are given wins over what is declared here.

        Parameters
        ----------
        fn : callable, optional
            The function.
        version, code, ignore : optional
            What counts as its code, as in `CodeOptions`.
        **declared
            As `run` takes them.

        Returns
        -------
        Step
            Or, without `fn`, what makes one of a function.

        Raises
        ------
        UsageError
            If something declared cannot be used.

        Examples
        --------
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> tracker = Tracker(run_dir=folder, db_path=f"{folder}/index.lmdb")
        >>> @tracker.define_step(outputs=["total"], version="1")
        ... def add(a, b):
        ...     return a + b
        >>> add(1, 2), add.run(config={"a": 1, "b": 2}).outputs["total"].load()
        (3, 3)
        >>> tracker.close()
        """
        return define(fn, self, declared, CodeOptions(version=version, code=code, ignore=ignore))

    def explain(self, fn: Callable[..., Any], *nameless: Never, **given: Unpack[RunArguments]) -> Explanation:
        """Say whether `run` would find a result, and if not, what differs from the nearest earlier run of the step.

        Nothing is executed, recorded or restored. A hit is looked at as closely as ``validate_cached_outputs`` says,
        and files that ``cache_hydration`` would put in place are read; inputs that ``inputs-missing`` would restore
        count as if they were. The nearest run is the one with the fewest differing parts (code, config, inputs,
        contract) among the newest of the step; of several, one with the same config, then one with the same
        inputs, then the newest.

        Parameters
        ----------
        fn : callable or Step
            What would be run.
        **given
            As `run` takes them.

        Returns
        -------
        Explanation
            Printed, it is text.

        Raises
        ------
        UsageError
            If something given cannot be used.
        RefusedError
            If ``cache_hydration`` would be refused, as by `run`.
        StorageError
            If store or index cannot be used.

        Examples
        --------
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with Tracker(run_dir=folder, db_path=f"{folder}/index.lmdb") as tracker:
        ...     print(tracker.explain(pow, name="power", config={"base": 2, "exp": 5}))
        step 'power' runs: no earlier run of step 'power'
        """
        from consist.runs.explain import explain

        check_names(given, nameless)
        workshop = self._open()
        return explain(requested(fn, given), workshop.store, workshop.library)

    def close(self) -> None:
        """Write what is still in memory (counts of hits). The tracker opens again when it is used again."""
        with self._lock:
            if self._workshop is not None:
                self._workshop.store.close()
                self._workshop = None

    def _digest(self, path: str) -> Digest:
        """Return the digest of a file, for `consist.exec`.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        return self.store.files.digest(path).digest

    def _tell(self, read: Callable[[int], object], moved: Callable[[int], object]) -> None:
        """Tell, for `consist exec`, what is read of files that are looked up, and what is stored or restored: bytes."""
        workshop = self._open()
        workshop.store.files.told, workshop.library.told = read, moved

    def _open(self) -> Workshop:
        with self._lock:
            if self._workshop is None:
                store = open_store(
                    self.store_url,
                    str(self.db_path),
                    storage_options=self._storage_options,
                    durable=self._durable,
                    sharing=self._sharing,
                    compression=self._compression,
                    cache_limit=self._cache_limit,
                )
                library = Library(partial(getattr, self, "store"), self.run_dir, allow_pickle=self._allow_pickle)
                self._workshop = Workshop(store, library, self.run_dir, self._strict, self._verbose, self._hooks)
            return self._workshop

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        """Travel to another process as paths and choices; everything is opened anew there."""
        return {**self.__dict__, "_lock": None, "_workshop": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Tracker {self.store_url}>"
