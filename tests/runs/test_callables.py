"""What can be run: asynchronous functions, methods, partials, objects. What cannot is refused before it runs."""

from __future__ import annotations

import asyncio
import functools
import inspect
from pathlib import Path

import pytest

import consist
from consist import errors


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


async def waited(x):
    await asyncio.sleep(0)
    return x + 1


class Scale:
    """Something with state that can be called."""

    offset = 0

    def __init__(self, by):
        self.by = by

    def __call__(self, x):
        return self.by * x + self.offset

    def method(self, x):
        return self.by * x

    async def waiting(self, x):
        await asyncio.sleep(0)
        return self.by * x

    @classmethod
    def of_class(cls, x):
        return cls.offset + x

    @staticmethod
    def static(x):
        return 7 * x


def test_an_asynchronous_function_is_run_to_its_end(tracker):
    first, again = (tracker.run(waited, config={"x": 1}) for _ in range(2))
    assert (first.value, first.cache_hit, again.value, again.cache_hit) == (2, False, 2, True)
    assert tracker.run(functools.partial(waited, 5), name="partial").value == 6
    assert tracker.run(Scale(3).waiting, config={"x": 2}).value == 6


def test_within_an_event_loop_it_is_refused_with_what_to_do_which_works(tracker):
    def double(x):
        return 2 * x

    async def main():
        with pytest.raises(errors.UsageError, match=r"an event loop runs in this thread already .*asyncio\.to_thread"):
            tracker.run(waited, config={"x": 1})
        with consist.use_tracker(tracker):
            result = await asyncio.to_thread(consist.run, waited, config={"x": 1})
        return result.value, tracker.run(double, config={"x": 4}).value

    assert asyncio.run(main()) == (2, 8)


def test_runs_within_an_asynchronous_function_are_its_children(tracker):
    def inner(n):
        return n

    async def outer():
        await asyncio.sleep(0)
        here = tracker.run(inner, config={"n": 1}).run
        there = (await asyncio.to_thread(tracker.run, inner, config={"n": 2})).run
        return [here.record.parent, there.record.parent]

    result = tracker.run(outer)
    assert result.value == [result.run.id, result.run.id]


def test_what_an_asynchronous_function_raises_passes_through(tracker):
    async def fail():
        await asyncio.sleep(0)
        raise KeyError("no luck")

    with pytest.raises(KeyError, match="no luck"):
        tracker.run(fail)
    assert tracker.find_runs()[0].status == "failed"


@pytest.mark.parametrize(
    "call", [Scale(2), Scale(2).method, functools.partial(Scale(2))], ids=["call", "method", "partial"]
)
def test_the_state_of_an_object_counts(tracker, call):
    scale = call.__self__ if hasattr(call, "__self__") else getattr(call, "func", call)
    scale.by = 2

    def run():
        return tracker.run(call, name="scale", config={"x": 5})

    assert (run().value, run().cache_hit) == (10, True)
    scale.by = 3
    assert (run().value, run().cache_hit) == (15, True)
    scale.by = 2
    assert run().cache_hit


def test_methods_of_classes_run_and_the_class_counts(tracker, monkeypatch):
    assert tracker.run(Scale.of_class, config={"x": 5}).value == 5
    assert tracker.run(Scale.of_class, config={"x": 5}).cache_hit
    monkeypatch.setattr(Scale, "offset", 100)
    assert tracker.run(Scale.of_class, config={"x": 5}).value == 105
    assert tracker.run(Scale.static, config={"x": 5}).value == 35
    assert tracker.run(Scale(1).static, config={"x": 5}).cache_hit


def test_a_class_runs_as_a_function(tracker):
    assert tracker.run(complex, config={"real": 1, "imag": 2}).value == 1 + 2j


def lazy(n):
    Path("ran").touch()
    yield n


async def lazy_and_waited(n):
    next(lazy(n))
    yield n


class Lazy:
    def __call__(self, n):
        yield from lazy(n)


@pytest.mark.parametrize(
    ("fn", "kind"),
    [
        (lazy, "a generator function"),
        (functools.partial(lazy), "a generator function"),
        (Lazy(), "a generator function"),
        (Lazy().__call__, "a generator function"),
        (lazy_and_waited, "an? asynchronous generator function"),
    ],
    ids=["function", "partial", "object", "method", "async"],
)
def test_generators_are_refused_before_anything_runs_or_is_recorded(tracker, fn, kind):
    with pytest.raises(errors.UsageError, match=f"step 'lazy' is {kind}: its values are made only while"):
        tracker.run(fn, name="lazy", config={"n": 1})
    assert not Path("ran").exists()
    assert tracker.find_runs() == []


def test_a_generator_that_is_returned_is_refused(tracker):
    with pytest.raises(errors.UsageError, match="step 'give' returned a generator, which has not done its work yet"):
        tracker.run(lambda: (n for n in (1, 2)), name="give")


def test_what_a_function_takes_is_looked_at_again_when_it_becomes_another(tracker):
    def step(x, y=1):
        return x + y

    def other(x, z):
        return x * z

    assert tracker.run(step, config={"x": 2}).value == 3
    step.__defaults__ = None
    with pytest.raises(errors.UsageError, match="missing a required argument: 'y'"):
        tracker.run(step, config={"x": 2})
    step.__code__ = other.__code__
    assert tracker.run(step, config={"x": 2, "z": 4}).value == 8
    step.__signature__ = inspect.signature(waited)  # says that it takes x alone
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'z'"):
        tracker.run(step, config={"x": 3, "z": 4})
