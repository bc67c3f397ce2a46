"""A call of `run`, checked and identified: what is asked for, and what it *is*."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from consist.arguments import (
    ANYTHING,
    PATH,
    Named,
    check_each,
    check_known,
    check_no_more,
    check_values,
    shown,
)
from consist.errors import IdentityWarning, UncacheableWarning, UnencodableError, UsageError, warn
from consist.identity.code import code_identity
from consist.identity.config import config_identity
from consist.identity.names import as_text
from consist.identity.signature import signature
from consist.runs import bind
from consist.runs.artifact import Artifact
from consist.runs.declared import declare
from consist.runs.described import checked_description, checked_facet, checked_tags, step_name
from consist.runs.inputs import digest_of_inputs, is_given_as, resolve_inputs
from consist.runs.options import (
    DEFAULT_CACHE,
    DEFAULT_CODE,
    DEFAULT_EXECUTION,
    DEFAULT_OUTPUT_POLICY,
    OUTPUTS_REQUESTED,
    CacheOptions,
    CodeOptions,
    ExecutionOptions,
    OutputPolicyOptions,
)
from consist.runs.outputs import Outputs
from consist.runs.run import RunResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from consist.hashing.digest import Digest
    from consist.identity.code import CodeIdentity
    from consist.identity.config import ConfigIdentity
    from consist.runs.declared import Declared
    from consist.runs.inputs import ResolvedInput
    from consist.store.files import FileDigests

_warned: set[tuple[str, ...]] = set()


class RunArguments(TypedDict, total=False):
    """What `Tracker.run` takes beside the function, for whatever hands it on; `Tracker.run` says what each means."""

    name: str | None
    config: Any
    inputs: Mapping[str, Any] | Sequence[Any] | None
    outputs: Sequence[str] | None
    output_paths: Mapping[str, str | os.PathLike[str]] | None
    depends_on: Sequence[str | os.PathLike[str]] | None
    runtime_kwargs: Mapping[str, Any] | None
    execution_options: ExecutionOptions | None
    cache_options: CacheOptions | None
    code_options: CodeOptions | None
    output_policy: OutputPolicyOptions | None
    tags: Iterable[str]
    facet: Mapping[str, Any] | None
    description: str


_NAMES = RunArguments.__annotations__.keys()


class Request(NamedTuple):
    """What a caller of `run` asked for, as given.

    Attributes
    ----------
    fn : callable
        What to run.
    step : str
        Its name.
    config, inputs : object
        As given.
    declared : Declared
        The outputs that were declared.
    execution : ExecutionOptions
        How to call it.
    cache : CacheOptions
        How to use the cache.
    code : CodeOptions
        What counts as its code.
    tags, facet, description : object
        What the run is found by; no part of its signature.
    """

    fn: Callable[..., Any]
    step: str
    config: Any
    inputs: Any
    declared: Declared
    execution: ExecutionOptions
    cache: CacheOptions
    code: CodeOptions
    tags: tuple[str, ...] = ()
    facet: Any = None
    description: str = ""

    @property
    def path_names(self) -> tuple[str, ...]:
        """What the contract calls the outputs that are not returned; with a slash, so that no output is called so."""
        declared, execution = self.declared.paths, self.execution
        if not declared and execution.capture_dir is None:
            return ()  # on the way of every hit
        named = tuple(key for key, _ in declared)
        return named if execution.capture_dir is None else (*named, f"capture_dir/{execution.capture_pattern or '*'}")


class Identified(NamedTuple):
    """A request with its identity.

    Attributes
    ----------
    request : Request
        What was asked for.
    code : CodeIdentity
        Of the function and all that it reaches.
    config : ConfigIdentity
        Of the config.
    inputs : tuple of ResolvedInput
        As they were looked at.
    modes : tuple of (str, str)
        How each of them is handed over.
    parts : dict of str to Digest
        What the signature is made of.
    signature : Digest or None
        What the run is; None if something cannot be hashed stably.
    """

    request: Request
    code: CodeIdentity
    config: ConfigIdentity
    inputs: tuple[ResolvedInput, ...]
    modes: tuple[tuple[str, str], ...]
    parts: dict[str, Digest]
    signature: Digest | None


def check_names(given: Mapping[str, Any], nameless: tuple[object, ...] = ()) -> None:
    """Refuse arguments that `Tracker.run` does not have.

    Raises
    ------
    UsageError
        If there is one, of which the message names the nearest right one; or one that was given without a name.

    Examples
    --------
    >>> check_names({"confg": 5})
    Traceback (most recent call last):
    consist.errors.UsageError: run has no argument 'confg' (did you mean 'config'?)
    """
    check_no_more("run", nameless, "config={…}, inputs={…}; the function comes first, and alone")
    if not given.keys() <= _NAMES:
        _refuse_fields(given)
        otherwise = f"there are {', '.join(_NAMES)}; what the function takes goes into config or inputs"
        check_known("run", given, _NAMES, otherwise)


def _refuse_fields(given: Iterable[str]) -> None:
    """Say of a field of the options where it belongs."""
    for name in given:
        for argument, kind in _OPTIONS.items():
            if name not in _NAMES and name in kind.__dataclass_fields__:
                hint = f"it belongs into {argument}={kind.__name__}({name}=…)"
                raise UsageError(f"run has no argument {name!r}", hint=hint)


_OPTIONS: dict[str, type[Named]] = {
    "execution_options": ExecutionOptions,
    "cache_options": CacheOptions,
    "code_options": CodeOptions,
    "output_policy": OutputPolicyOptions,
}
_KINDS = [(kind, type(None)) for kind in _OPTIONS.values()]


def make_request(fn: Callable[..., Any], given: RunArguments) -> Request:
    """Check what `run` was called with.

    Parameters
    ----------
    fn : callable
        What to run; of a step, the function (`step.requested` takes it apart).
    given : RunArguments
        What was given with it.

    Raises
    ------
    UsageError
        If something cannot be used.
    """
    # On the path of every hit, where each call more is felt: taken at once, and only what is given is looked at.
    taken: Any = map(given.get, _NAMES)
    name, config, inputs, outputs, paths, files, more, execution, cache, code, policy, tags, facet, description = taken
    if not all(map(isinstance, (execution, cache, code, policy), _KINDS)):
        _refuse_options(given)
    execution, cache = execution or DEFAULT_EXECUTION, cache or DEFAULT_CACHE
    if more:
        execution = _with_runtime_kwargs(execution, more)
    if execution.capture_pattern is not None and execution.capture_dir is None:
        raise UsageError(
            f"capture_pattern is {execution.capture_pattern!r:.60}, and no capture_dir says where",
            hint='give capture_dir="folder" as well',
        )
    declared = declare(outputs, paths, policy or DEFAULT_OUTPUT_POLICY)
    if cache.cache_hydration == OUTPUTS_REQUESTED and not declared.paths:
        raise UsageError(
            f"cache_hydration is {OUTPUTS_REQUESTED!r}, and no output_paths say where to",
            hint='give output_paths={"table": "table.csv"}',
        )
    return Request(
        fn,
        step_name(fn, name),
        config,
        inputs,
        declared,
        execution,
        cache,
        _with_files(code or DEFAULT_CODE, files) if files else code or DEFAULT_CODE,
        checked_tags(tags) if tags else (),
        checked_facet(facet) if facet is not None else {},
        checked_description(description) if description else "",
    )


def _refuse_options(given: Mapping[str, Any]) -> None:
    """Name the first of the options that is of another kind."""
    for name, kind in _OPTIONS.items():
        value = given.get(name)
        if value is not None and not isinstance(value, kind):
            raise UsageError(f"{name} is {shown(value)}", hint=f"give {kind.__name__}(…)")


def _with_runtime_kwargs(options: ExecutionOptions, more: Any) -> ExecutionOptions:
    """Add `runtime_kwargs` that were given beside the options."""
    check_values("runtime_kwargs", more, ANYTHING)
    bind.check_same(options.runtime_kwargs, more, ("ExecutionOptions", "runtime_kwargs"))
    return replace(options, runtime_kwargs={**options.runtime_kwargs, **more})


def _with_files(options: CodeOptions, more: Any) -> CodeOptions:
    """Add `depends_on` that was given beside the options."""
    check_each("depends_on", more, PATH)
    return replace(options, depends_on=(*options.depends_on, *more))


def identify(request: Request, files: FileDigests) -> Identified:
    """Find out what a request is; nobody is warned of anything (`complain` does).

    Parameters
    ----------
    request : Request
        What was asked for.
    files : FileDigests
        Digests the files among its inputs.

    Raises
    ------
    UsageError
        If config, inputs or options do not fit together.
    """
    config = identity_of_config(request.config)
    inputs = resolve_inputs(request.inputs, files)
    for item in inputs:
        if item.record.key in config.values:
            raise UsageError(f"{item.record.key!r} is in config and in inputs", hint="give it once")
    if request.execution.runtime_kwargs:
        bind.check_agreement(config.values, inputs, request.execution.runtime_kwargs)
    code = identity_of_code(request, config)
    modes = bind.input_modes(request.fn, inputs, load=request.execution.load_inputs)
    parts = {
        "code": code.digest,
        "config": config.digest,
        "inputs": digest_of_inputs(inputs),
        "contract": bind.contract(request.declared.keys, request.path_names, modes, terms(request)),
    }
    made_of = None if code.uncacheable else signature(request.step, parts)
    return Identified(request, code, config, inputs, modes, parts, made_of)


def identity_of_config(config: Any) -> ConfigIdentity:
    """Return the identity of a config; of an artifact in it, say where that belongs.

    Raises
    ------
    UsageError
        If it cannot be a config.
    """
    try:
        return config_identity(config)
    except UnencodableError:
        for name, value in config.items() if isinstance(config, Mapping) else ():
            if isinstance(value, (Artifact, RunResult, Outputs)):
                where = {Artifact: "", Outputs: "[…]"}.get(type(value), ".outputs[…]")
                hint = f"give it as an input: inputs={{{name!r:.60}: it{where}}}"
                raise UsageError(f"config[{name!r:.60}] is {shown(value)}", hint=hint) from None
        raise


def terms(request: Request) -> tuple[tuple[str, str | int], ...]:
    """Return what is in the contract only if it is given, so that the signatures of calls without it stay."""
    cache, execution = request.cache, request.execution
    captured = execution.capture_dir
    if cache.cache_version is None and cache.cache_epoch is None and captured is None and not execution.inject_context:
        return ()  # on the way of every hit
    given = (
        ("cache_version", cache.cache_version),
        ("cache_epoch", cache.cache_epoch),
        ("inject_context", bind.context_parameter(execution)),
        ("capture_dir", None if captured is None else as_text(os.fspath(captured))),
    )
    return tuple((name, value) for name, value in given if value is not None)


def complain(identified: Identified, *, strict: bool) -> None:
    """Warn of what the caller should know before the run, each thing once a step.

    Raises
    ------
    UsageError
        If `strict` and the code cannot be hashed stably.
    """
    if identified.request.execution.runtime_kwargs:
        _warn_of_unseen(identified)
    if identified.signature is None:
        _warn_of_uncacheable(identified, strict=strict)


def identity_of_code(request: Request, config: ConfigIdentity) -> CodeIdentity:
    """Return the identity of a request's function, with what the caller and the config's classes add to it."""
    given = request.code
    code = (*given.code, *config.classes)
    return code_identity(request.fn, version=given.version, code=code, ignore=given.ignore, depends_on=given.depends_on)


def _warn_of_uncacheable(identified: Identified, *, strict: bool) -> None:
    """Say that the code cannot be hashed stably, and why: once for each step and reason."""
    step, reasons = identified.request.step, identified.code.uncacheable
    message = f"step {step!r} is not cached: {'; '.join(reasons)}"
    if strict:
        raise UsageError(message)
    if ("uncacheable", step, *reasons) not in _warned:
        _warned.add(("uncacheable", step, *reasons))
        warn(message, UncacheableWarning)


def _warn_of_unseen(identified: Identified) -> None:
    """Warn of an argument that two calls can differ in and yet share one result."""
    request = identified.request
    if request.execution.runtime_kwargs.keys() <= identified.config.values.keys():
        return  # as on most hits
    given = {item.record.key for item in identified.inputs}
    seen = identified.config.values.keys() | given | set(request.execution.runtime_only)
    for name, value in request.execution.runtime_kwargs.items():
        if (
            name in seen
            or (request.step, name) in _warned
            or any(is_given_as(value, item) for item in identified.inputs)
        ):
            continue
        _warned.add((request.step, name))
        warn(
            f"runtime_kwargs {name!r} of step {request.step!r} is in neither config nor inputs: calls that differ"
            " only in it share one result; put it into config, or into ExecutionOptions(runtime_only=[…])",
            IdentityWarning,
        )
