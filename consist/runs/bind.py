"""From config, inputs and runtime_kwargs to the arguments of a function, and to its contract."""

from __future__ import annotations

import builtins
import functools
import inspect
import re
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, ForwardRef, NamedTuple, Union

from consist.arguments import an
from consist.errors import UnencodableError, UsageError
from consist.hashing.canonical import encode
from consist.identity.annotations import annotations_of, is_annotated
from consist.identity.signature import contract_digest
from consist.index.records import TREE
from consist.runs.artifact import Artifact
from consist.runs.formats.registry import FILE
from consist.runs.inputs import FOLDER, is_given_as, is_path_of
from consist.runs.taken import GATHERING, near_parameter, taken_by

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from consist.hashing.digest import Digest
    from consist.runs.inputs import ResolvedInput
    from consist.runs.options import ExecutionOptions
    from consist.runs.taken import Taken

CONTEXT_PARAMETER = "_consist_ctx"

AS_ARTIFACT, AS_PATH, AS_TEXT, AS_VALUE = "artifact", "path", "text", "value"


class Bound(NamedTuple):
    """What a function is called with.

    Attributes
    ----------
    args, kwargs : tuple and dict
        By place, and by name.
    named : dict of str to object
        All of them by name.
    taken : Taken
        What the function takes.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    named: dict[str, Any]
    taken: Taken


_ANNOTATIONS = {
    Artifact: AS_ARTIFACT,
    "Artifact": AS_ARTIFACT,
    "consist.Artifact": AS_ARTIFACT,
    Path: AS_PATH,
    "Path": AS_PATH,
    "pathlib.Path": AS_PATH,
    str: AS_TEXT,
    "str": AS_TEXT,
}
_TABLES = {"pandas": "pd", "polars": "pl", "pyarrow": "pa"}
"""Libraries whose tables are loaded, and what people call them."""
_TABLE_NAMES = frozenset({"DataFrame", "LazyFrame", "Series", "Table"})
_OPTIONAL = re.compile(r"(?:\w+\.)*Optional\[(.*)\]\Z")
_ANNOTATED = re.compile(r"(?:\w+\.)*Annotated\[([^,]+),.*\]\Z", re.DOTALL)


def input_modes(
    fn: Callable[..., Any], inputs: tuple[ResolvedInput, ...], *, load: bool | None
) -> tuple[tuple[str, str], ...]:
    """Say how each input is handed over: as artifact, path, text or value. Part of the contract.

    Parameters
    ----------
    fn : callable
        Its annotations are asked.
    inputs : tuple of ResolvedInput
        What was given.
    load : bool or None
        `ExecutionOptions.load_inputs`.
    """
    if not inputs:
        return ()
    annotations = asked_by(fn)
    asked = {item.record.key: _meant(fn, annotations.get(item.record.key)) for item in inputs}
    return tuple((item.record.key, _mode(item, asked[item.record.key], load=load)) for item in inputs)


def function_of(fn: Any) -> Any:
    """Return what is called in the end: of a partial its function, of a class ``__init__``, of others ``__call__``."""
    if type(fn) is types.FunctionType:
        return fn
    while isinstance(fn, functools.partial):
        fn = fn.func
    if isinstance(fn, type):
        return fn.__init__  # type: ignore[misc]  # the class itself is what is called
    if not hasattr(fn, "__name__") or not is_annotated(fn):
        return getattr(fn, "__call__", fn)  # noqa: B004 - not whether it can be called, but what is
    return fn


def asked_by(fn: Any) -> Mapping[str, Any]:
    """Return the annotations of what is called in the end; what they name that is not there is its text."""
    found = annotations_of(function_of(fn))
    return {name: asked.__forward_arg__ if type(asked) is ForwardRef else asked for name, asked in found.items()}


def named_in(fn: Any, name: str) -> Any:
    """Return what a name with or without dots stands for where a function was written; None if nothing is called so."""
    called = function_of(fn)
    written = getattr(called, "__func__", called)
    if hasattr(written, "__wrapped__"):  # a wrapper has the annotations of what it wraps
        written = inspect.unwrap(written)
    first, *rest = name.split(".")
    found = getattr(written, "__globals__", {}).get(first, getattr(builtins, first, None))
    for part in rest:
        found = getattr(found, part, None) if isinstance(found, (types.ModuleType, type)) else None
    return found


def _meant(fn: Any, annotation: Any) -> Any:
    """Return what an annotation asks for: an object if it can be known, else the text as it is written."""
    bare = _bare(annotation)
    found = named_in(fn, bare) if isinstance(bare, str) else None  # one imported for type checkers only is not there
    return bare if found is None else _bare(found)


def _mode(item: ResolvedInput, annotation: Any, *, load: bool | None) -> str:
    asked = _ANNOTATIONS.get(annotation) if isinstance(annotation, (type, str)) else None
    if item.form in {FILE, FOLDER, TREE} and load is not False and _is_table(annotation):
        raise UsageError(
            f"parameter {item.record.key!r} asks for a table, but the input is {an(item.form)}, which is handed over as"
            " its path",
            hint="annotate it as Path and read it in the function, or return the table itself from the step before",
        )
    if not isinstance(item.source, Artifact):
        return asked if asked == AS_TEXT else AS_PATH
    if load is not None:
        return AS_VALUE if load else AS_PATH if asked == AS_PATH else AS_ARTIFACT
    if asked == AS_TEXT and item.source.format in {FILE, TREE}:
        return AS_TEXT
    return asked if asked in {AS_ARTIFACT, AS_PATH} else AS_VALUE


def _bare(annotation: Any) -> Any:
    """Return ``X`` of ``X | None``, ``Optional[X]`` and ``Annotated[X, …]``, an object or a text; else the same."""
    if isinstance(annotation, str):
        return _bare_text(annotation)
    if hasattr(annotation, "__metadata__"):
        return _bare(annotation.__origin__)
    members = [member for member in getattr(annotation, "__args__", None) or () if member is not type(None)]
    is_union = isinstance(annotation, types.UnionType) or getattr(annotation, "__origin__", None) is Union
    return _bare(members[0]) if is_union and len(members) == 1 else annotation


@functools.lru_cache(maxsize=1024)  # on the way of every hit: 0.1 us instead of 2
def _bare_text(annotation: str) -> str:
    text = annotation.strip(" \"'")
    within = _OPTIONAL.match(text) or _ANNOTATED.match(text)
    if within is not None:
        return _bare_text(within[1])
    rest = [part for part in map(str.strip, text.split("|")) if part != "None"]
    return _bare_text(rest[0]) if len(rest) == 1 and rest[0] != text else text


def _is_table(annotation: Any) -> bool:
    """Tell whether an annotation is a table's or column's class of pandas, polars or pyarrow."""
    if isinstance(annotation, str):
        library, _, name = annotation.rpartition(".")
        return name in _TABLE_NAMES and library in {*_TABLES, *_TABLES.values()}
    if not isinstance(annotation, type):
        return False
    return annotation.__module__.partition(".")[0] in _TABLES and annotation.__name__ in _TABLE_NAMES


@functools.lru_cache(maxsize=1024)
def contract(
    outputs: tuple[str, ...],
    paths: tuple[str, ...],
    modes: tuple[tuple[str, str], ...],
    terms: tuple[tuple[str, str | int], ...] = (),
) -> Digest:
    """Digest what shapes a result beside code, config and inputs.

    Parameters
    ----------
    outputs : tuple of str
        Declared output keys.
    paths : tuple of str
        Keys of declared output paths, and what is captured.
    modes : tuple of (str, str)
        How each input is handed over.
    terms : tuple of (str, str or int)
        `cache_version`, `cache_epoch`, the parameter of `inject_context` and `capture_dir`, as far as they were given.

    Notes
    -----
    `outputs` count in their order, by which a tuple is taken apart. The others are mappings, whose order is free.
    """
    return contract_digest({"outputs": outputs, "paths": sorted(paths), "inputs": sorted(modes), **dict(terms)})


def check_agreement(
    config: Mapping[str, Any], inputs: tuple[ResolvedInput, ...], runtime_kwargs: Mapping[str, Any]
) -> None:
    """Refuse an argument that runtime_kwargs give another value for than config or inputs.

    Raises
    ------
    UsageError
        The value in config, or the input's content, would be hashed and the other one used.
    """
    check_same(config, runtime_kwargs, ("config", "runtime_kwargs"))
    for item in inputs:
        name = item.record.key
        if name in runtime_kwargs and not is_given_as(runtime_kwargs[name], item):
            raise UsageError(
                f"{name!r} is {item.source!r:.200} in inputs and {runtime_kwargs[name]!r:.60} in runtime_kwargs",
                hint="give it in inputs only, whose content counts; load_inputs in ExecutionOptions says how it comes",
            )


def check_same(one: Mapping[str, Any], other: Mapping[str, Any], places: tuple[str, str]) -> None:
    """Refuse an argument that is given in two places with different values.

    Raises
    ------
    UsageError
        If there is one.
    """
    for name, value in other.items():
        if name in one and one[name] is not value and not _are_equal(one[name], value):
            raise UsageError(
                f"{name!r} is {one[name]!r:.60} in {places[0]} and {value!r:.60} in {places[1]}",
                hint="give it once: of two values one would count, and the other be used",
            )


def _are_equal(one: object, other: object) -> bool:
    try:
        return encode(one) == encode(other)
    except UnencodableError:  # a handle or the like: the same one, or another
        return False


def bind(
    fn: Callable[..., Any],
    config: Mapping[str, Any],
    inputs: tuple[ResolvedInput, ...],
    options: ExecutionOptions,
    context: Callable[[], Any],
) -> Bound:
    """Bind the arguments of a function.

    Parameters
    ----------
    fn : callable
        What will be called.
    config : mapping
        Items whose names are parameters are passed; all of them to a function that takes ``**anything``.
    inputs : tuple of ResolvedInput
        Those whose names are parameters are passed, as their modes say.
    options : ExecutionOptions
        `runtime_kwargs` are all passed.
    context : callable
        Makes the `RunContext`, if it is asked for.

    Raises
    ------
    UsageError
        If the function does not take what it is given, or lacks something.
    """
    taken = taken_by(fn)
    arguments = {name: value for name, value in config.items() if taken.takes_any or name in taken.names}
    if inputs:
        modes = dict(input_modes(fn, inputs, load=options.load_inputs))
        for item in inputs:
            if taken.takes_any or item.record.key in taken.names:
                arguments[item.record.key] = _hand_over(item, modes[item.record.key])
    arguments.update(options.runtime_kwargs)
    if (parameter := context_parameter(options)) is not None:
        arguments[parameter] = context()
    if taken.by_name and taken.needed <= arguments.keys() <= taken.names:
        return Bound((), arguments, arguments, taken)  # as of most functions: `Signature.bind` takes ten times as long
    try:
        return _bound(taken, arguments)
    except TypeError as error:
        called = getattr(fn, "__qualname__", repr(fn))
        raise UsageError(
            f"{called}{taken.signature} cannot be called: {error}",
            hint=_hint_at_a_name(taken.signature.parameters, config, [item.record.key for item in inputs], options),
        ) from None


def _bound(taken: Taken, arguments: dict[str, Any]) -> Bound:
    by_name = dict(arguments)
    positional = [
        by_name.pop(name)
        for name, parameter in taken.signature.parameters.items()
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY and name in by_name
    ]
    bound = taken.signature.bind(*positional, **by_name)
    return Bound(bound.args, bound.kwargs, arguments, taken)


def handed_paths(arguments: Bound, inputs: tuple[ResolvedInput, ...]) -> dict[str, str]:
    """Return the paths that stand for artifacts among the arguments, by the input's name."""
    return {
        item.record.key: str(arguments.named[item.record.key])
        for item in inputs
        if isinstance(item.source, Artifact) and is_path_of(arguments.named.get(item.record.key), item.source)
    }


def context_parameter(options: ExecutionOptions) -> str | None:
    """Return the parameter that the run is passed as, if that is asked for."""
    asked = options.inject_context
    if not asked:
        return None
    return asked if isinstance(asked, str) else CONTEXT_PARAMETER


def _hint_at_a_name(
    parameters: Mapping[str, inspect.Parameter], config: Collection[str], inputs: list[str], options: ExecutionOptions
) -> str:
    """Say which name was perhaps meant for a parameter that got nothing; files of a list are called as they are."""
    given = {*config, *inputs, *options.runtime_kwargs}
    needed = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and parameter.kind not in GATHERING and name not in given
    ]
    if needed[:1] == ["self"]:
        return "it is a method: give that of an object, such as Model().fit"
    if (name := context_parameter(options)) is not None and name not in parameters:
        return f"inject_context passes the run as {name!r:.60}, so a parameter must be called so"
    passed = next((name for name in options.runtime_kwargs if name not in parameters), None)
    if passed is not None:
        return f"runtime_kwargs are all passed, and {passed!r:.60} is no parameter"
    stray = next((name for name in inputs if name not in parameters), None)
    if needed and stray is not None:
        return f"no parameter is called {stray!r:.60}, as the input is; write inputs={{{needed[0]!r}: …}}"
    for key in config:
        near = None if key in parameters else near_parameter(key, needed)
        if near is not None:
            return f"config has {key!r:.60}, which is no parameter: call it {near!r}"
    return "arguments come from config, inputs and runtime_kwargs, by name"


def _hand_over(item: ResolvedInput, mode: str) -> Any:
    source = item.source
    if isinstance(source, Artifact):
        if mode == AS_ARTIFACT:
            return source
        if mode == AS_TEXT:
            return str(source.path)
        return source.path if mode == AS_PATH else source.load()
    return str(source) if mode == AS_TEXT else source
