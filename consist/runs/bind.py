"""From config, inputs and runtime_kwargs to the arguments of a function, and to its contract."""

from __future__ import annotations

import functools
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consist.errors import UsageError
from consist.hashing.canonical import encode
from consist.identity.signature import contract_digest
from consist.runs.artifact import Artifact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from consist.hashing.digest import Digest
    from consist.runs.inputs import ResolvedInput
    from consist.runs.options import ExecutionOptions

CONTEXT_PARAMETER = "_consist_ctx"

AS_ARTIFACT, AS_PATH, AS_TEXT, AS_VALUE = "artifact", "path", "text", "value"

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
    annotations = getattr(fn, "__annotations__", {}) if inputs else {}
    return tuple((item.record.key, _mode(item, annotations.get(item.record.key), load=load)) for item in inputs)


def _mode(item: ResolvedInput, annotation: Any, *, load: bool | None) -> str:
    asked = _ANNOTATIONS.get(annotation) if isinstance(annotation, (type, str)) else None
    if not isinstance(item.source, Artifact):
        return asked if asked == AS_TEXT else AS_PATH
    if load is not None:
        return AS_VALUE if load else AS_ARTIFACT
    return asked if asked in {AS_ARTIFACT, AS_PATH} else AS_VALUE


@functools.lru_cache(maxsize=1024)
def contract(outputs: tuple[str, ...], paths: tuple[str, ...], modes: tuple[tuple[str, str], ...]) -> Digest:
    """Digest what shapes a result beside code, config and inputs.

    Parameters
    ----------
    outputs : tuple of str
        Declared output keys.
    paths : tuple of str
        Keys of declared output paths, and what is captured.
    modes : tuple of (str, str)
        How each input is handed over.

    Notes
    -----
    `outputs` count in their order, by which a tuple is taken apart. The others are mappings, whose order is free.
    """
    return contract_digest({"outputs": outputs, "paths": sorted(paths), "inputs": sorted(modes)})


def check_agreement(config: Mapping[str, Any], options: ExecutionOptions) -> None:
    """Refuse an argument that config and runtime_kwargs give different values for.

    Raises
    ------
    UsageError
        The config's value would be hashed and the other one used.
    """
    for name, value in options.runtime_kwargs.items():
        if name in config and config[name] is not value and encode(config[name]) != encode(value):
            raise UsageError(
                f"{name!r} is {config[name]!r:.60} in config and {value!r:.60} in runtime_kwargs",
                hint="the result would be cached under a value that was not used; give it once",
            )


def bind(
    fn: Callable[..., Any],
    config: Mapping[str, Any],
    inputs: tuple[ResolvedInput, ...],
    options: ExecutionOptions,
    context: Callable[[], Any],
) -> inspect.BoundArguments:
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
    signature = _signature(fn)
    parameters = signature.parameters
    takes_any = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())
    arguments = {name: value for name, value in config.items() if name in parameters or takes_any}
    modes = dict(input_modes(fn, inputs, load=options.load_inputs))
    for item in inputs:
        if item.record.key in parameters or takes_any:
            arguments[item.record.key] = _hand_over(item, modes[item.record.key])
    arguments.update(options.runtime_kwargs)
    if options.inject_context:
        name = options.inject_context if isinstance(options.inject_context, str) else CONTEXT_PARAMETER
        arguments[name] = context()
    positional = [
        arguments.pop(name)
        for name, parameter in parameters.items()
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY and name in arguments
    ]
    try:
        return signature.bind(*positional, **arguments)
    except TypeError as error:
        called = getattr(fn, "__qualname__", repr(fn))
        raise UsageError(
            f"{called}{signature} cannot be called: {error}",
            hint="arguments come from config, inputs and runtime_kwargs, by name",
        ) from None


def _signature(fn: Callable[..., Any]) -> inspect.Signature:
    """Return a function's signature; some of C have none that can be read, and take whatever they take."""
    try:
        return inspect.signature(fn)
    except ValueError:
        return inspect.Signature([inspect.Parameter("arguments", inspect.Parameter.VAR_KEYWORD)])


def _hand_over(item: ResolvedInput, mode: str) -> Any:
    source = item.source
    if isinstance(source, Artifact):
        if mode == AS_ARTIFACT:
            return source
        return source.path if mode == AS_PATH else source.load()
    return str(source) if mode == AS_TEXT else source
