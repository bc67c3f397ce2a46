"""The tree in the docstring of `consist.errors` is the real one, and every error keeps its promises."""

import builtins
import copy
import inspect
import logging
import pickle
import re
import sys
import warnings

import pytest

from consist import errors
from consist.errors import ConsistError, ConsistWarning, UnencodableError

CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if cls.__module__ == "consist.errors"]
ERRORS = [cls for cls in CLASSES if issubclass(cls, ConsistError)]
WARNINGS = [cls for cls in CLASSES if issubclass(cls, ConsistWarning)]


def drawn_tree():
    """Read the drawing: class -> (parent, builtin named beside it), each by name."""
    tree, parents = {}, {}
    for line in errors.__doc__.splitlines():
        match = re.match(
            r" {4}(?P<branch>(?:│ {3}| {4})*(?:[├└]── )?)(?P<name>\w+)(?: \((?P<also>\w+)\))?(?: {2,}\S|$)", line
        )
        if match:
            depth = len(match["branch"]) // 4
            parents[depth] = match["name"]
            tree[match["name"]] = (parents.get(depth - 1), match["also"])
    return tree


def test_the_drawing_is_the_real_tree():
    real = {}
    for cls in CLASSES:
        ours = [base.__name__ for base in cls.__bases__ if base in CLASSES]
        others = [base.__name__ for base in cls.__bases__ if base not in CLASSES and base is not Exception]
        assert len(ours) <= 1
        assert len(others) <= 1
        real[cls.__name__] = (next(iter(ours), None), next(iter(others), None))
    assert drawn_tree() == real


def test_there_is_something_to_test():
    assert len(ERRORS) > 15
    assert len(WARNINGS) > 3
    assert set(ERRORS) | set(WARNINGS) == set(CLASSES)


@pytest.mark.parametrize("cls", ERRORS)
def test_an_error_is_also_the_builtin_that_people_expect(cls):
    _, also = drawn_tree()[cls.__name__]
    if also is not None:
        with pytest.raises(getattr(builtins, also)):
            raise cls("what is wrong")


def test_every_kind_is_its_own_and_is_spelled_like_a_code():
    kinds = [cls.__dict__["kind"] for cls in ERRORS]
    assert len(set(kinds)) == len(ERRORS)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", kind) for kind in kinds)


@pytest.mark.parametrize("cls", ERRORS)
def test_an_error_says_what_and_what_to_do(cls):
    error = cls("the disk is full", hint="free some space")
    assert str(error) == "the disk is full (free some space)"
    assert str(cls("the disk is full")) == "the disk is full"
    assert (error.message, error.hint) == ("the disk is full", "free some space")


@pytest.mark.parametrize("cls", ERRORS)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_survives_a_process_pool(cls, protocol):
    error = cls("what is wrong", hint="what to do")
    error.add_note("seen on machine 3")
    error.extra = [1, 2]
    for again in (pickle.loads(pickle.dumps(error, protocol)), copy.copy(error)):  # noqa: S301 - our own bytes
        assert type(again) is cls
        assert (str(again), again.message, again.hint) == (str(error), error.message, error.hint)
        assert (again.__notes__, again.extra) == (["seen on machine 3"], [1, 2])


def test_the_path_of_a_value_survives_too():
    error = UnencodableError("no", hint="do", path='["a"]')
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (str(again), again.path) == ('["a"]: no (do)', '["a"]')


@pytest.mark.parametrize("cls", WARNINGS)
def test_a_warning_is_a_user_warning(cls):
    with pytest.warns(UserWarning, match="look here"):
        warnings.warn("look here", cls, stacklevel=1)


def test_a_notice_goes_to_the_logger_or_else_to_standard_error(monkeypatch, capsys, caplog):
    errors.notice("first")
    assert [record.getMessage() for record in caplog.records] == ["first"]
    monkeypatch.setattr(logging.getLogger("consist"), "handlers", [])
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    errors.notice("second")
    assert capsys.readouterr().err == "consist: second\n"
    monkeypatch.setattr(sys, "stderr", None)
    errors.notice("third")
