"""`Step`: a function with the defaults of its runs. Called, it is the function; run, it is cached.

What is given to a run wins over what was declared, argument by argument: mappings (config, inputs, output_paths, facet,
runtime_kwargs) key by key, option values field by field. The rule is `together`, and nothing else knows of it.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, cast

from consist.errors import UsageError
from consist.identity.annotations import signature_of
from consist.runs.artifact import Artifact
from consist.runs.options import (
    DEFAULT_CODE,
    CacheOptions,
    CodeOptions,
    ExecutionOptions,
    OutputPolicyOptions,
    is_left_out,
    merged,
)
from consist.runs.request import Request, RunArguments, check_names, make_request

if TYPE_CHECKING:
    from typing import Never, Unpack

    from consist.runs.run import RunResult

P = ParamSpec("P")
T = TypeVar("T")

_OPTIONS = (CacheOptions, CodeOptions, ExecutionOptions, OutputPolicyOptions)


class Runner(Protocol):
    """What runs steps: a tracker, or whatever is the current one."""

    def run(self, fn: Callable[..., Any], /, **given: Unpack[RunArguments]) -> RunResult:
        """As `Tracker.run`."""
        ...


class Step(Generic[P, T]):
    """A function with the defaults of its runs, as `Tracker.define_step` and `consist.define_step` make it.

    Calling it calls the function: nothing is cached or recorded then. `run`, `Tracker.run` and `consist.run` run it
    with what was declared; whatever they are given wins. To the identity of code that uses it, it is its function and
    what was declared. It can be pickled where it is found under its function's name.

    Attributes
    ----------
    name : str
        The step's name.
    declared : mapping
        The arguments of its runs.

    Examples
    --------
    >>> import consist, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> tracker = consist.Tracker(run_dir=folder, db_path=f"{folder}/index.lmdb")
    >>> @tracker.define_step(outputs=["scaled"], config={"by": 2})
    ... def scale(x, by):
    ...     return x * by
    >>> scale(5, by=3)
    15
    >>> scale.run(config={"x": 5}).outputs["scaled"].load(), tracker.run(scale, config={"x": 5, "by": 3}).value
    (10, 15)
    >>> tracker.close()
    """

    declared: Mapping[str, Any]

    def __init__(self, fn: Callable[P, T], runner: Runner, declared: RunArguments) -> None:
        called: Any = fn
        if isinstance(called, classmethod):  # which can be called once it is bound
            called = called.__func__
        request = make_request(called, declared)  # what is declared wrongly is an error where it stands
        functools.update_wrapper(self, fn)
        self.__wrapped__ = fn
        self.name = request.step
        self._request = request
        self.declared = MappingProxyType(dict(declared))
        self._runner = runner

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function.

        Raises
        ------
        UsageError
            If it is given what `run` takes, and the function does not.
        """
        if not kwargs.keys().isdisjoint(RunArguments.__annotations__):
            self._refuse_what_run_takes(kwargs)
        return self.__wrapped__(*args, **kwargs)

    def run(self, *nameless: Never, **given: Unpack[RunArguments]) -> RunResult:
        """Run it on the tracker that it was defined with, else on the current one.

        Parameters
        ----------
        **given
            As `Tracker.run` takes them; they win over what was declared.

        Raises
        ------
        UsageError
            If there is no current tracker, or something given cannot be used.
        """
        check_names(given, nameless)
        return self._runner.run(self, **given)

    def _refuse_what_run_takes(self, given: Mapping[str, object]) -> None:
        parameters = signature_of(self.__wrapped__).parameters
        gathers = any(found.kind is inspect.Parameter.VAR_KEYWORD for found in parameters.values())
        stray = [name for name in given if name not in parameters]
        if stray and not gathers:
            raise UsageError(
                f"{self!r} was called with {stray[0]}=…, which its function does not take",
                hint=f"a step is run by its method run: {self.name}.run({stray[0]}=…)",
            )

    @property
    def counted(self) -> dict[str, Any]:
        """What counts, beside the function, as code of whatever uses the step: it may run it."""
        found = self._request
        code, execution = found.code, found.execution
        inputs = found.inputs if isinstance(found.inputs, Mapping) else dict(enumerate(found.inputs or ()))
        return {
            "step": found.step,
            "config": found.config,
            "inputs": {key: item.digest.raw if isinstance(item, Artifact) else item for key, item in inputs.items()},
            "outputs": [found.declared.keys, found.declared.paths],
            "code": [code.version, list(code.code), list(code.ignore), list(code.depends_on)],
            "versions": [found.cache.cache_version, found.cache.cache_epoch],
            "call": [execution.load_inputs, execution.inject_context],
        }

    def __get__(self, instance: Any, owner: type | None = None) -> Step[..., T]:
        """Bind a step that is a method, as a function is bound."""
        bind = getattr(type(self.__wrapped__), "__get__", None)
        bound = self.__wrapped__ if bind is None else bind(self.__wrapped__, instance, owner)
        if bound is self.__wrapped__:
            return self
        return Step(bound, self._runner, cast("RunArguments", self.declared))

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Travel as a function does: as a name where that leads here, else as function, runner and declarations.

        cloudpickle sends what is in ``__main__`` by value, since its workers have another one; for that it knows
        functions and classes only. Nothing but the frame tells who asks.
        """
        name, module = getattr(self, "__qualname__", ""), getattr(self, "__module__", "")
        found: Any = sys.modules.get(module)
        for part in name.split("."):
            found = getattr(found, part, None)
        asked_by = str(sys._getframe(1).f_globals.get("__name__"))  # noqa: SLF001 - as said
        if found is self and not (module == "__main__" and "cloudpickle" in asked_by):
            return name
        # Made first and filled then, because the function may refer to the step.
        return (Step.__new__, (Step,), (self.__wrapped__, self._runner, dict(self.declared)))

    def __setstate__(self, state: tuple[Any, Runner, RunArguments]) -> None:
        """Become a step again; a method that is looked up on its object is one already."""
        fn, runner, declared = state
        Step.__init__(self, fn.__wrapped__ if isinstance(fn, Step) else fn, runner, declared)

    def __repr__(self) -> str:
        return f"<Step {self.name}>"


def requested(fn: Callable[..., Any], given: RunArguments) -> Request:
    """Make a request of what `run` was called with: of a step, its function and what was declared for it.

    Raises
    ------
    UsageError
        If something cannot be used.
    """
    if isinstance(fn, Step):
        return make_request(fn.__wrapped__, together(given, fn.declared))
    return make_request(fn, given)


def together(given: Mapping[str, Any], declared: Mapping[str, Any]) -> RunArguments:
    """Put together what was given and what was declared; what was given wins.

    Examples
    --------
    >>> together({"config": {"a": 2}, "tags": ()}, {"config": {"a": 1, "b": 1}, "tags": ["x"], "outputs": ["y"]})
    {'config': {'a': 2, 'b': 1}, 'tags': ['x'], 'outputs': ['y']}
    """
    found = dict(declared)
    for name, value in given.items():
        old = found.get(name)
        if is_left_out(value):
            continue
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            found[name] = {**old, **value}
        else:
            found[name] = merged(value, old) if isinstance(value, _OPTIONS) else value
    return cast("RunArguments", found)


def define(fn: Callable[..., Any] | None, runner: Runner, declared: RunArguments, code: CodeOptions) -> Any:
    """Make a step, or a decorator that makes one: the work of `Tracker.define_step` and `consist.define_step`.

    Parameters
    ----------
    fn : callable or None
        The function, if it is there already.
    runner : Runner
        What the step's `run` runs it on.
    declared : RunArguments
        The arguments of its runs.
    code : CodeOptions
        What was declared of its code beside these.

    Raises
    ------
    UsageError
        If something declared cannot be used.
    """
    check_names(declared)
    if code != DEFAULT_CODE:
        declared = {**declared, "code_options": merged(code, declared.get("code_options"))}
    if fn is None:
        return lambda inner: define(inner, runner, declared, DEFAULT_CODE)
    if isinstance(fn, Step):
        raise UsageError(f"{fn!r} is a step already", hint="define a step of its function once")
    return Step(fn, runner, declared)
