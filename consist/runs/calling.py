"""Calling a function so that its work is done when it returns: coroutines run to their end, generators are refused."""

from __future__ import annotations

import functools
import inspect
import types
from typing import TYPE_CHECKING, Any

from consist.arguments import an
from consist.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from consist.runs.bind import Bound

_GENERATORS = (types.GeneratorType, types.AsyncGeneratorType)
_GENERATES = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


def refuse_generators(fn: Callable[..., Any], step: str) -> None:
    """Refuse a generator function before it is called: what it gives is not known until somebody takes it.

    Raises
    ------
    UsageError
        If `fn` is one, also beneath partials or as the ``__call__`` of an object.
    """
    if type(fn) is types.FunctionType and not fn.__code__.co_flags & _GENERATES:
        return  # as on most misses
    while isinstance(fn, functools.partial):
        fn = fn.func
    called = fn if inspect.isroutine(fn) or inspect.isclass(fn) else type(fn).__call__
    if inspect.isgeneratorfunction(called) or inspect.isasyncgenfunction(called):
        kind = "generator function" if inspect.isgeneratorfunction(called) else "asynchronous generator function"
        raise UsageError(
            f"step {step!r} is {an(kind)}: its values are made only while somebody takes them, so there is no result",
            hint="return a list of them, or write them to a file and return its Path",
        )


def call(fn: Callable[..., Any], arguments: Bound, step: str) -> Any:
    """Call a function, and run what it returned to its end if that is a coroutine.

    Parameters
    ----------
    fn : callable
        What to call.
    arguments : Bound
        With what.
    step : str
        Its name, for messages.

    Raises
    ------
    UsageError
        If the function is asynchronous and an event loop runs in this thread, which would have to wait for itself; or
        if it returned a generator.
    Exception
        Whatever the function raises.
    """
    value = fn(*arguments.args, **arguments.kwargs)
    if isinstance(value, types.CoroutineType):
        value = _run_to_end(value, step)
    if isinstance(value, _GENERATORS):
        kind = type(value).__name__.replace("_", " ")
        raise UsageError(
            f"step {step!r} returned {an(kind)}, which has not done its work yet",
            hint="return a list, or write a file and return its Path",
        )
    return value


def _run_to_end(coroutine: Coroutine[Any, Any, Any], step: str) -> Any:
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    coroutine.close()
    raise UsageError(
        f"step {step!r} is asynchronous, and an event loop runs in this thread already",
        hint="write `await asyncio.to_thread(tracker.run, …)`, which runs it in another thread",
    )
