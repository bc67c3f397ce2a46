"""A result that cannot be stored is an error before the work, where that is certain; else it is the caller's."""

from __future__ import annotations

import dataclasses
import functools
from typing import Annotated, Any, Generic, NamedTuple, Protocol, TypeVar

import pytest
from sklearn.linear_model import LinearRegression

import consist
from consist import CacheOptions, CodeOptions, Tracker, errors
from consist.runs.formats import extensions

T = TypeVar("T")


class Model:
    """Of no format."""


class Base:
    """A class below it has one."""


@dataclasses.dataclass
class Fit(Base):
    score: float


class Box(Generic[T]):
    """Of no format, but not plainly a class."""


class Sized(Protocol):
    """Whatever is so."""


class Point(NamedTuple):
    x: int


class Factory:
    def __new__(cls):
        return 5


calls: list[str] = []


def body() -> Model:
    calls.append("called")
    return Model()


VERSION = {"code_options": CodeOptions(version="1")}


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(extensions, "_registered", {})  # as in a program that nobody added a format to
    calls.clear()


def annotated(returns):
    """Make a function that says that it returns something, and returns 5."""

    def give():
        return 5

    give.__annotations__["return"] = returns
    return give


class Caller:
    def method(self) -> Model:
        return Model()

    def __call__(self) -> Model:
        return Model()


@pytest.mark.parametrize(
    "fn",
    [body, functools.partial(body), annotated(Model), annotated("Model"), Caller().method, Caller()],
    ids=["text", "partial", "class", "another text", "method", "object"],
)
def test_it_is_said_before_the_body_and_nothing_is_recorded(tracker, fn):
    with pytest.raises(
        errors.OutputError,
        match=r"step 'fit' returns a Model, which has no format.*allow_pickle.*register_format.*cache_mode=\"off\"",
    ):
        tracker.run(fn, name="fit", **VERSION)
    assert (calls, tracker.find_runs()) == ([], [])


def test_a_disabled_tracker_refuses_it_too():
    with pytest.raises(errors.OutputError, match="returns a Model, which has no format"):
        consist.create_tracker(enabled=False).run(body, **VERSION)


@pytest.mark.parametrize("mode", ["off", "readonly"])
def test_a_call_that_keeps_nothing_loses_nothing(tracker, mode):
    with pytest.warns(errors.UncacheableWarning, match="has no format"):
        result = tracker.run(body, cache_options=CacheOptions(cache_mode=mode), **VERSION)
    assert isinstance(result.value, Model)


def test_with_pickle_everything_has_a_format(tmp_path):
    with Tracker(tmp_path / "runs", tmp_path / "i.lmdb", durable=False, allow_pickle=True) as tracker:
        assert isinstance(tracker.run(body, **VERSION).value, Model)


def test_with_a_format_of_others_nobody_knows(tracker, monkeypatch):
    monkeypatch.setattr(extensions, "_registered", {"other": object()})
    monkeypatch.setattr(extensions, "extensions_for", lambda _: iter(()))
    with pytest.warns(errors.UncacheableWarning, match="has no format"):
        tracker.run(body, **VERSION)


@pytest.mark.parametrize(
    "returns",
    [
        Base,
        Fit,
        Point,
        Box[int],
        Sized,
        Factory,
        object,
        dict,
        BaseException,
        range,
        LinearRegression,
        tuple[LinearRegression, float],
        Any,
        None,
        T,
        "nowhere",
        "Model | None",
    ],
    ids=str,
)
def test_what_is_not_certain_is_not_said(tracker, returns):
    assert tracker.run(annotated(returns), **VERSION).value == 5


@pytest.mark.parametrize("returns", [Model | None, list[Model], dict[str, Model], Annotated[Model, 1]], ids=str)
def test_what_may_hold_something_else_is_not_said(tracker, returns):
    assert tracker.run(annotated(returns), **VERSION).value == 5


def test_a_wrapper_may_return_something_else(tracker):
    @functools.wraps(body)
    def wrapper():
        return 5

    assert tracker.run(wrapper, **VERSION).value == 5
