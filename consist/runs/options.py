"""Options of a run, as small values: what to do goes into `run`, how to do it in here.

A field that is left out is None or empty, and means its default; or, for a step, what the step declared (`merged`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from consist.arguments import ANYTHING, FLAG, PATH, TEXT, Kind, Named, check, check_each, check_values, one_of
from consist.errors import UsageError

if TYPE_CHECKING:
    import os

SYMLINKS = ("refuse", "follow")
CACHE_MODES = ("reuse", "overwrite", "readonly", "off")
HYDRATIONS = METADATA, INPUTS_MISSING, OUTPUTS_REQUESTED, OUTPUTS_ALL = (
    "metadata",
    "inputs-missing",
    "outputs-requested",
    "outputs-all",
)
VALIDATIONS = (False, True, "lazy", "eager")
POLICIES = ERROR, WARN, IGNORE = ("error", "warn", "ignore")

_FLAG_OR_NAME = Kind(
    lambda value: isinstance(value, bool) or (isinstance(value, str) and value != ""),
    "give True or False, or a parameter's name",
)

_Options = TypeVar("_Options", bound=Any)


@dataclass(frozen=True, slots=True)
class ExecutionOptions(Named):
    """How the function is called.

    Parameters
    ----------
    runtime_kwargs : mapping, optional
        Arguments that are passed but not hashed: handles, verbosity, a number of workers.
    load_inputs : bool, optional
        True: artifacts that are inputs arrive as their values. False: as `Artifact`, or as `Path` where the
        annotation says so. None: as the annotation asks, else values as values and files as paths.
    inject_context : bool or str, optional
        Pass a `RunContext` as the parameter ``_consist_ctx``, or as the one that is named.
    runtime_only : sequence of str
        Names in `runtime_kwargs` that are meant to have no say in the result; they are not warned of.
    capture_dir : path, optional
        Every file that appears or changes below this folder while the function runs becomes an output: ``a/b.csv`` is
        called ``a__b``. A relative path is one of the working folder, as everywhere. Part of the signature as it is
        written: another folder holds other outputs.
    capture_pattern : str, optional
        Which of the files, by the end of their path below `capture_dir`: ``*.csv`` in any folder, ``tables/*.csv`` in
        one called so; ``**`` is any number of folders, also none. Part of the signature, as declared outputs are.
        Default: all.

    Raises
    ------
    UsageError
        If a value is of another type.

    Examples
    --------
    >>> ExecutionOptions(runtime_kwargs={"workers": 4}, runtime_only=["workers"]).load_inputs is None
    True
    """

    runtime_kwargs: Mapping[str, Any] = field(default_factory=dict)
    load_inputs: bool | None = None
    inject_context: bool | str | None = None
    runtime_only: Sequence[str] = ()
    capture_dir: str | os.PathLike[str] | None = None
    capture_pattern: str | None = None

    def __post_init__(self) -> None:
        if self.runtime_kwargs:  # options are made on the path of every hit
            check_values("runtime_kwargs", self.runtime_kwargs, ANYTHING)
        if self.runtime_only:
            check_each("runtime_only", self.runtime_only, TEXT)
        check("load_inputs", self.load_inputs, FLAG)
        check("inject_context", self.inject_context, _FLAG_OR_NAME)
        check("capture_dir", self.capture_dir, PATH)
        check("capture_pattern", self.capture_pattern, TEXT)

    @property
    def pattern(self) -> str:
        """`capture_pattern`, or its default."""
        return "*" if self.capture_pattern is None else self.capture_pattern


@dataclass(frozen=True, slots=True)
class CacheOptions(Named):
    """How the cache is used.

    Parameters
    ----------
    cache_mode : str, optional
        ``reuse`` (default): a hit is returned, a miss is executed and published. ``overwrite``: always executed, and
        what was published is replaced. ``readonly``: a hit is returned; a miss is executed, and nothing is written to
        the store. ``off``: always executed; the run is kept, but no signature leads to it.
    cache_version, cache_epoch : str or int, optional
        Part of the signature, if given: another value is another run. One is meant for a step whose meaning changed
        though its code did not, the other for a whole project.
    validate_cached_outputs : bool or str, optional
        What must be true of a hit's outputs; else the call is a miss, and the store heals. False or ``lazy``
        (default): as look-ups do, in a folder each output is there, over a network what was published is believed.
        True: each output is there, also over a network, and each file of a folder. ``eager``: each is read and has
        its digest.
    cache_hydration : str, optional
        What is put where files are expected. ``metadata`` (default): nothing. ``inputs-missing``: before the function
        runs, artifacts of files and folders that are inputs are restored where they were written, if nothing is there
        and that is within the working folder or `run_dir`; a file that is given by its path and is gone is restored
        there, if all that was ever recorded at the path is one content. ``outputs-requested``: on a hit, the files and
        folders of `output_paths` are restored to those paths, as the function would have written them: through a link
        that is there, to what it leads to. ``outputs-all``: on a hit, all files and folders are copied to
        ``run_dir/artifacts``.

    Raises
    ------
    UsageError
        If a value is none of these.

    Examples
    --------
    >>> CacheOptions(cache_hydration="outputs-all").cache_version is None
    True
    """

    cache_mode: str | None = None
    cache_version: str | int | None = None
    cache_epoch: str | int | None = None
    validate_cached_outputs: bool | str | None = None
    cache_hydration: str | None = None

    def __post_init__(self) -> None:
        check("cache_mode", self.cache_mode, one_of(*CACHE_MODES))
        check("cache_hydration", self.cache_hydration, one_of(*HYDRATIONS))
        check("validate_cached_outputs", self.validate_cached_outputs, one_of(*VALIDATIONS))
        for name in ("cache_version", "cache_epoch"):
            value = getattr(self, name)
            if value is not None and type(value) not in {str, int}:
                raise UsageError(f"{name} is {type(value).__name__}", hint="give a number or a text")


@dataclass(frozen=True, slots=True)
class CodeOptions(Named):
    """What counts as a function's code beside, or instead of, what is found by itself.

    Parameters
    ----------
    version : str, optional
        Takes the place of the walk over the code: the function counts as this text, until you change it.
    code : sequence
        What counts besides: functions, classes, modules; a `Path` by the file's content; anything else by value.
    ignore : sequence
        What is left out: names as ``consist show`` lists them (``"util.SCALE"``), or objects.
    depends_on : sequence of path
        Files and folders whose content counts, such as those that the function reads by itself.

    Raises
    ------
    UsageError
        If a value is of another type.

    Examples
    --------
    >>> CodeOptions(version="2").version
    '2'
    """

    version: str | None = None
    code: Sequence[Any] = ()
    ignore: Sequence[Any] = ()
    depends_on: Sequence[Any] = ()

    def __post_init__(self) -> None:
        check("version", self.version, TEXT)
        check_each("code", self.code, ANYTHING)
        check_each("ignore", self.ignore, ANYTHING)
        check_each("depends_on", self.depends_on, PATH)


@dataclass(frozen=True, slots=True)
class OutputPolicyOptions(Named):
    """How outputs are collected.

    Parameters
    ----------
    symlinks : str, optional
        What to do about symbolic links in a folder that is an output, and among the files of `capture_dir`. ``refuse``
        (default): a link is an error that names it. ``follow``: what it leads to is stored in its place, wherever that
        lies. A link itself is never stored.
    output_missing : str, optional
        What to do if a declared output was not made. ``error`` (default): the run has failed. ``warn``, ``ignore``:
        the run is completed without it, and found again by calls that allow as much.
    output_mismatch : str, optional
        What to do if outputs were returned that are not among the declared ones. ``error``: the run has failed.
        ``warn`` (default), ``ignore``: they are kept under their own names. What is no dict and cannot be taken apart
        into the declared outputs is kept as ``value``, and then these are missing. A run that is found is asked too:
        one that returned more is found by calls that allow it.

    Raises
    ------
    UsageError
        If a value is none of these.

    Examples
    --------
    >>> OutputPolicyOptions(symlinks="follow").symlinks
    'follow'
    """

    symlinks: str | None = None
    output_missing: str | None = None
    output_mismatch: str | None = None

    def __post_init__(self) -> None:
        check("symlinks", self.symlinks, one_of(*SYMLINKS))
        check("output_missing", self.output_missing, one_of(*POLICIES))
        check("output_mismatch", self.output_mismatch, one_of(*POLICIES))


def merged(given: _Options | None, declared: _Options | None) -> _Options | None:
    """Return the options that were given, with the fields that they leave out as they were declared.

    Parameters
    ----------
    given, declared : option values of one class, or None
        Mappings in them are put together, and what was given wins.

    Examples
    --------
    >>> both = merged(CacheOptions(cache_mode="off"), CacheOptions(cache_mode="reuse", cache_version=2))
    >>> both.cache_mode, both.cache_version
    ('off', 2)
    """
    if given is None or declared is None:
        return declared if given is None else given
    kept: dict[str, Any] = {}
    for known in fields(given):
        new, old = getattr(given, known.name), getattr(declared, known.name)
        if is_left_out(new):
            kept[known.name] = old
        elif isinstance(new, Mapping) and isinstance(old, Mapping):
            kept[known.name] = {**old, **new}
    return replace(given, **kept)


def is_left_out(value: object) -> bool:
    """Tell whether a value stands for none: None, or an empty text or collection."""
    return value is None or (isinstance(value, (str, Mapping, Sequence)) and not value)


DEFAULT_EXECUTION = ExecutionOptions()
DEFAULT_CACHE = CacheOptions()
DEFAULT_CODE = CodeOptions()
DEFAULT_OUTPUT_POLICY = OutputPolicyOptions()
