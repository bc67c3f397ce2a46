"""Many requests at once: a few workers on one list, and one outcome for all.

Every request is made, whatever becomes of the others, so that a caller who tries again repeats only what had no answer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from consist.blobs.backend import BatchError
from consist.errors import BlobNotFoundError, ConsistError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from concurrent.futures import Executor

A = TypeVar("A")
B = TypeVar("B")

AT_ONCE = 16
"""Requests on their way at once. On a real server 16 gave the most small objects a second; 64 gave no more."""


class Failed(NamedTuple):
    """A request that raised."""

    error: ConsistError


def is_missing(answer: object) -> bool:
    """Tell whether a request was answered that there is no such object."""
    return isinstance(answer, Failed) and isinstance(answer.error, BlobNotFoundError)


async def gather(call: Callable[[A], Awaitable[B]], items: Sequence[A]) -> list[B | Failed]:
    """Await a call for each item, a few at once; return their answers and failures in order."""
    answers: list[B | Failed | None] = [None] * len(items)
    left = iter(range(len(items)))

    async def work() -> None:
        for position in left:
            try:
                answers[position] = await call(items[position])
            except ConsistError as error:
                answers[position] = Failed(error)

    await asyncio.gather(*(work() for _ in range(min(AT_ONCE, len(items)))))
    return answers  # type: ignore[return-value]


def spread(pool: Executor, call: Callable[[A], B], items: Sequence[A]) -> list[B | Failed]:
    """Make a call for each item in the threads of a pool; return their answers and failures in order."""

    def attempt(item: A) -> B | Failed:
        try:
            return call(item)
        except ConsistError as error:
            return Failed(error)

    return list(pool.map(attempt, items))


def settle(answers: Sequence[B | Failed]) -> list[B]:
    """Return the answers, if there are only answers.

    Raises
    ------
    ConsistError
        The first failure that calling again does not mend.
    BatchError
        If some had no answer; the rest are done.

    Examples
    --------
    >>> settle([1, 2])
    [1, 2]
    >>> try:
    ...     settle([1, Failed(UnreachableError("cannot get x: no answer"))])
    ... except BatchError as error:
    ...     print(error, error.answers, error.undone)
    cannot get x: no answer [1, None] [1]
    """
    failed = [(position, answer.error) for position, answer in enumerate(answers) if isinstance(answer, Failed)]
    for _, error in failed:
        if not isinstance(error, UnreachableError):
            raise error
    if failed:
        first = failed[0][1]
        raise BatchError(
            first.message,
            hint=first.hint,
            answers=[None if isinstance(answer, Failed) else answer for answer in answers],
            undone=[position for position, _ in failed],
        ) from first
    return list(answers)  # type: ignore[arg-type]
