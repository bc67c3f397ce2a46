"""A call of `run`, checked and identified: what is asked for, and what it *is*."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.errors import IdentityWarning, UncacheableWarning, UsageError
from consist.identity.code import code_identity
from consist.identity.config import config_identity, readable
from consist.identity.names import check_name
from consist.identity.signature import signature
from consist.runs import bind
from consist.runs.inputs import digest_of_inputs, resolve_inputs

if TYPE_CHECKING:
    from collections.abc import Callable

    from consist.hashing.digest import Digest
    from consist.identity.code import CodeIdentity
    from consist.identity.config import ConfigIdentity
    from consist.runs.collect import Declared
    from consist.runs.inputs import ResolvedInput
    from consist.runs.options import CacheOptions, CodeOptions, ExecutionOptions
    from consist.store.store import Store

_warned: set[tuple[str, str]] = set()


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
        return named if execution.capture_dir is None else (*named, f"capture_dir/{execution.capture_pattern}")


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


def step_name(fn: Callable[..., Any], name: str | None) -> str:
    """Return the name of a step: the one given, else the function's.

    Raises
    ------
    UsageError
        If `fn` cannot be called, or the name cannot be one.
    """
    if not callable(fn):
        raise UsageError(f"fn is {type(fn).__name__}, which cannot be called")
    if name is not None:
        return check_name("step", name)
    inner = getattr(fn, "func", fn)  # a partial is called what its function is called
    return check_name("step", getattr(inner, "__name__", type(fn).__name__))


def checked_tags(tags: object) -> tuple[str, ...]:
    """Return tags sorted, each once.

    Raises
    ------
    UsageError
        If they are no collection of names.
    """
    if isinstance(tags, (str, bytes)) or not isinstance(tags, Iterable):
        raise UsageError(f"tags is {tags!r:.60}", hint='give a list of names, such as ["draft"]')
    return tuple(sorted({check_name("tag", tag) for tag in tags}))


def checked_facet(facet: object) -> dict[str, Any]:
    """Return a facet as a dict of names to plain values.

    Raises
    ------
    UsageError
        If it is no mapping of names.
    """
    if facet is None:
        return {}
    if not isinstance(facet, Mapping):
        raise UsageError(f"facet is {type(facet).__name__}", hint="give a mapping of names to plain values")
    return {check_name("facet", name): readable(value) for name, value in facet.items()}


def checked_description(description: object) -> str:
    """Return a description as text that can be recorded.

    Raises
    ------
    UsageError
        If it is no text.
    """
    if not isinstance(description, str):
        raise UsageError(f"description is {type(description).__name__}, not str")
    return description.encode("utf-8", "replace").decode()


def identify(request: Request, store: Store) -> Identified:
    """Find out what a request is; nobody is warned of anything (`complain` does).

    Raises
    ------
    UsageError
        If config, inputs or options do not fit together.
    """
    config = config_identity(request.config)
    bind.check_agreement(config.values, request.execution)
    inputs = resolve_inputs(request.inputs, store.files)
    for item in inputs:
        if item.record.key in config.values:
            raise UsageError(f"{item.record.key!r} is in config and in inputs", hint="give it once")
    code = identity_of_code(request, config)
    modes = bind.input_modes(request.fn, inputs, load=request.execution.load_inputs)
    parts = {
        "code": code.digest,
        "config": config.digest,
        "inputs": digest_of_inputs(inputs),
        "contract": bind.contract(request.declared.keys, request.path_names, modes),
    }
    made_of = None if code.uncacheable else signature(request.step, parts)
    return Identified(request, code, config, inputs, modes, parts, made_of)


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
    """Say that the code cannot be hashed stably, and why."""
    step = identified.request.step
    message = f"step {step!r} is not cached: {'; '.join(identified.code.uncacheable)}"
    if strict:
        raise UsageError(message)
    if ("uncacheable", step) not in _warned:
        _warned.add(("uncacheable", step))
        warnings.warn(message, UncacheableWarning, stacklevel=5)


def _warn_of_unseen(identified: Identified) -> None:
    """Warn of an argument that two calls can differ in and yet share one result."""
    request = identified.request
    given = {item.record.key for item in identified.inputs}
    seen = identified.config.values.keys() | given | set(request.execution.runtime_only)
    for name in request.execution.runtime_kwargs:
        if name not in seen and (request.step, name) not in _warned:
            _warned.add((request.step, name))
            warnings.warn(
                f"runtime_kwargs {name!r} of step {request.step!r} is in neither config nor inputs: calls that differ"
                " only in it share one result; put it into config, or into ExecutionOptions(runtime_only=[…])",
                IdentityWarning,
                stacklevel=5,
            )
