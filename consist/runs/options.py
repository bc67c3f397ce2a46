"""Options of a run, as small values: what to do goes into `run`, how to do it in here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from consist.errors import UsageError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

SYMLINKS = ("refuse", "follow")
CACHE_MODES = ("reuse", "overwrite", "readonly", "off")


@dataclass(frozen=True, slots=True)
class ExecutionOptions:
    """How the function is called.

    Parameters
    ----------
    runtime_kwargs : mapping, optional
        Arguments that are passed but not hashed: handles, verbosity, a number of workers.
    load_inputs : bool, optional
        True: artifacts that are inputs arrive as their values. False: as `Artifact`. None: as the parameter's
        annotation asks, else values as values and files as paths.
    inject_context : bool or str
        Pass a `RunContext` as the parameter ``_consist_ctx``, or as the one that is named.
    runtime_only : sequence of str
        Names in `runtime_kwargs` that are meant to have no say in the result; they are not warned of.
    capture_dir : path, optional
        Every file that appears or changes below this folder while the function runs becomes an output: ``a/b.csv`` is
        called ``a__b``. A relative path is one of the working folder, as everywhere.
    capture_pattern : str
        Which of the files, as `pathlib.PurePath.match` reads it; part of the signature, as declared outputs are.

    Examples
    --------
    >>> ExecutionOptions(runtime_kwargs={"workers": 4}, runtime_only=["workers"]).load_inputs is None
    True
    """

    runtime_kwargs: Mapping[str, Any] = field(default_factory=dict)
    load_inputs: bool | None = None
    inject_context: bool | str = False
    runtime_only: Sequence[str] = ()
    capture_dir: str | os.PathLike[str] | None = None
    capture_pattern: str = "*"


@dataclass(frozen=True, slots=True)
class CacheOptions:
    """How the cache is used.

    Parameters
    ----------
    cache_mode : str
        ``reuse``: a hit is returned, a miss is executed and published. ``overwrite``: always executed, and what was
        published is replaced. ``readonly``: a hit is returned; a miss is executed, and nothing is written to the
        store. ``off``: always executed; the run is kept, but no signature leads to it.

    Raises
    ------
    UsageError
        If the mode is none of these.
    """

    cache_mode: str = "reuse"

    def __post_init__(self) -> None:
        if self.cache_mode not in CACHE_MODES:
            raise UsageError(f"cache_mode is {self.cache_mode!r}", hint=f"it is one of {', '.join(CACHE_MODES)}")


@dataclass(frozen=True, slots=True)
class CodeOptions:
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

    Examples
    --------
    >>> CodeOptions(version="2").version
    '2'
    """

    version: str | None = None
    code: Sequence[Any] = ()
    ignore: Sequence[Any] = ()
    depends_on: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class OutputPolicyOptions:
    """How outputs are collected.

    Parameters
    ----------
    symlinks : str
        What to do about symbolic links in a folder that is an output. ``refuse``: a link is an error that names it.
        ``follow``: what it leads to is stored in its place, wherever that lies. A link itself is never stored.

    Raises
    ------
    UsageError
        If it is none of these.

    Examples
    --------
    >>> OutputPolicyOptions(symlinks="follow").symlinks
    'follow'
    """

    symlinks: str = "refuse"

    def __post_init__(self) -> None:
        if self.symlinks not in SYMLINKS:
            raise UsageError(f"symlinks is {self.symlinks!r}", hint=f"it is one of {', '.join(SYMLINKS)}")


DEFAULT_EXECUTION = ExecutionOptions()
DEFAULT_CACHE = CacheOptions()
DEFAULT_CODE = CodeOptions()
DEFAULT_OUTPUT_POLICY = OutputPolicyOptions()
