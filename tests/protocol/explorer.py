"""An explicit-state explorer: every order in which a few programs can take their steps, breadth first.

A *program* is a generator that yields what it asks of the store, ``(operation, *arguments)``, and is sent the answer;
an operation is a pure function from a store and arguments to ``(store, answer)``, or to None while it cannot be done.
Generators cannot be copied, so where a program is, is kept as a `Phase`: the generator function, its arguments, and the
answers that it was sent. What it asks next is found by running it again on those. A program that returns another phase
goes on there and forgets its answers, which is what keeps the number of states small.

Death needs no step of its own. The promise is looked at in every state, so a program that dies somewhere is one that is
not chosen from there on; and one that begins again, knowing nothing, is another program of the same kind that had not
begun. Two writers are thus also one writer and its second life.

It knows nothing of liveness, fairness or partial orders, and does not need to.
"""

from __future__ import annotations

from collections import deque
from functools import cache
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

MANY = 2_000_000
"""More states than any test here may have: a larger search is a mistake, and would eat the machine."""


class Phase(NamedTuple):
    """Where a program is: `run(*arguments)` after it was sent `answers`."""

    run: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    by: float = inf
    """The last tick of the store's clock at which it goes on here; later it goes on with `late`, or ends."""
    late: Phase | None = None
    answers: tuple[Any, ...] = ()


class Found(NamedTuple):
    """What a search came to: how many states there are and, if the promise can be broken, the shortest way there."""

    states: int
    trace: tuple[str, ...]


def explore(
    store: Hashable,
    programs: Iterable[Phase],
    *,
    elsewhere: Callable[[Any], Iterator[tuple[str, Any]]],
    broken: Callable[[Any], str | None],
    alone: Iterable[Callable[..., Any]] = (),
) -> Found:
    """Walk every state that can be reached; stop at the first in which the promise is broken.

    Parameters
    ----------
    store : hashable
        What the programs begin with.
    programs : iterable of Phase
        Where each of them begins.
    elsewhere : callable
        What happens to a store by itself, such as time: yields (label, store).
    broken : callable
        Says how a store breaks the promise, or None.
    alone : iterable of operations
        Those that no other step can hinder or notice, once they can be done: they are done at once.
    """
    return _Search(elsewhere, broken, frozenset(alone)).run(store, [settled(program) for program in programs])


class _Move(NamedTuple):
    store: int
    phase: int
    is_alone: bool


class _Search:
    """A state is a tuple of numbers, of its store and of each program's phase: ten times quicker than the values."""

    def __init__(
        self, elsewhere: Callable[[Any], Any], broken: Callable[[Any], str | None], alone: frozenset[Any]
    ) -> None:
        self._alone = alone
        self._elsewhere = elsewhere
        self._broken = broken
        self._number: dict[Any, int] = {}
        self._value: list[Any] = []
        self._moves: dict[tuple[int, int], _Move | None] = {}
        self._drifts: dict[int, list[int]] = {}
        self._lates: dict[tuple[int, int], int] = {}
        self._verdict: dict[int, str | None] = {}

    def run(self, store: Hashable, programs: list[Phase | None]) -> Found:
        first = (self._of(store), *map(self._of, programs))
        came: dict[tuple[int, ...], tuple[int, ...] | None] = {first: None}
        waiting = deque([first])
        while waiting:
            state = waiting.popleft()
            why = self._judge(state[0])
            if why is not None:
                return Found(len(came), (*self._way(came, state), f"broken: {why}"))
            for after in self._after(state):
                if after not in came:
                    came[after] = state
                    waiting.append(after)
            if len(came) > MANY:
                raise RuntimeError(f"more than {MANY} states: make the scenario smaller")
        return Found(len(came), ())

    def _of(self, value: Any) -> int:
        number = self._number.setdefault(value, len(self._value))
        if number == len(self._value):
            self._value.append(value)
        return number

    def _judge(self, store: int) -> str | None:
        if store not in self._verdict:
            self._verdict[store] = self._broken(self._value[store])
        return self._verdict[store]

    def _after(self, state: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        store = state[0]
        moves = [(place, self._move(store, state[place])) for place in range(1, len(state))]
        for place, move in moves:
            if (
                move is not None and move.is_alone
            ):  # whatever the others do commutes with it: no need to try both orders
                yield (move.store, *state[1:place], move.phase, *state[place + 1 :])
                return
        if store not in self._drifts:
            self._drifts[store] = [self._of(after) for _, after in self._elsewhere(self._value[store])]
        for after in self._drifts[store]:
            yield (after, *(self._in_time(after, phase) for phase in state[1:]))
        for place, move in moves:
            if move is not None:
                yield (move.store, *state[1:place], move.phase, *state[place + 1 :])

    def _in_time(self, store: int, number: int) -> int:
        """Give up what is late."""
        now = self._value[store].now
        if (now, number) not in self._lates:
            phase = self._value[number]
            while phase is not None and phase.by < now:
                phase = settled(phase.late)
            self._lates[now, number] = self._of(phase)
        return self._lates[now, number]

    def _move(self, store: int, phase: int) -> _Move | None:
        """Let a program take one step, if it can."""
        pair = (store, phase)
        if pair not in self._moves:
            done = step(self._value[store], self._value[phase])
            alone = done is not None and replay(self._value[phase])[1][0] in self._alone
            self._moves[pair] = done and _Move(self._of(done[0]), self._of(done[1]), alone)
        return self._moves[pair]

    def _way(self, came: dict[tuple[int, ...], tuple[int, ...] | None], state: tuple[int, ...]) -> list[str]:
        labels = []
        while (before := came[state]) is not None:
            labels.append(self._label(before, state))
            state = before
        return labels[::-1]

    def _label(self, before: tuple[int, ...], after: tuple[int, ...]) -> str:
        """Say what happened between two states that follow each other."""
        old, new = self._value[before[0]], self._value[after[0]]
        for place in range(1, len(before)):
            if before[place] != after[place] and old.now == new.now:
                return f"{place}: {_asked(self._value[before[place]], old)}"
        return next(label for label, store in self._elsewhere(old) if store == new)


def step(store: Any, phase: Phase | None) -> tuple[Any, Phase | None] | None:
    """Let a program take one step: the store and the phase after it, or None if it cannot, or has ended."""
    if phase is None:
        return None
    operation, *arguments = replay(phase)[1]
    done = operation(store, *arguments)
    if done is None:
        return None
    return done[0], settled(phase._replace(answers=(*phase.answers, done[1])))


@cache
def replay(phase: Phase) -> tuple[bool, Any]:
    """Run a program on the answers it has: (True, what it asks next) or (False, what it returned)."""
    running = phase.run(*phase.arguments)
    try:
        asked = next(running)
        for answer in phase.answers:
            asked = running.send(answer)
    except StopIteration as end:
        return False, end.value
    return True, asked


def settled(phase: Phase | None) -> Phase | None:
    """Follow a program from phase to phase until it asks something, or has ended."""
    while phase is not None:
        asks, value = replay(phase)
        if asks:
            break
        phase = value
    return phase


def _asked(phase: Phase, store: Any) -> str:
    operation, *arguments = replay(phase)[1]
    return f"{operation.__name__}({', '.join(map(repr, arguments))}) -> {operation(store, *arguments)[1]!r}"
