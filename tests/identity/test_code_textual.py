"""Text in annotations, compared with what Python itself makes of it."""

import collections.abc
import decimal
import typing
from typing import Annotated, Any, Callable, Literal, Optional, Union  # noqa: F401, UP035 - named by text

import pytest

from consist.identity.code.textual import evaluated, texts_in, uses_in


class Model:
    pass


class Meta(type):
    def __or__(cls, other):
        raise AssertionError("a user's code ran")

    def __getitem__(cls, item):
        raise AssertionError("a user's code ran")


class Own(metaclass=Meta):
    pass


def _look_up(use, module):
    assert module in {"", __name__}
    found = globals().get(use.name, vars(typing).get(use.name, vars(__import__("builtins")).get(use.name, decimal)))
    for name in use.chain:
        found = getattr(found, name)
    if found is decimal and use.name != "decimal":
        raise LookupError(use.name)
    return found


PLAIN = [
    "Model",
    "decimal.Decimal",
    "list[Model]",
    "dict[str, 'Model']",
    "Model | None",
    "list[Model] | Model | int",
    "Optional[Model]",
    "typing.Union['Model', int, None]",
    "tuple[Model, ...]",
    "Callable[[Model], int]",
    "type[Model]",
    "Literal['Model', 3, None]",
    "collections.abc.Sequence[Model]",
    "Any",
]


@pytest.mark.parametrize("source", PLAIN)
@pytest.mark.parametrize("form", ["{}", "list[{}]", "Optional[{}]", "typing.Dict[str, {}]", "Annotated[{}, 'x']"])
def test_what_typing_makes_of_it(source, form):
    given = eval(form.format(repr(source)))  # noqa: S307 - the oracle

    def holder(x: given):
        pass

    expected = typing.get_type_hints(holder, globals(), include_extras=True)["x"]
    found = evaluated(given, _look_up)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "source",
    ["Own[int]", "Own | int", "int | Own", "Missing", "f(3)", "Annotated[int, f(3)]", "1 +", "list[Missing]", "3"],
)
def test_nobody_s_code_runs(source):
    with pytest.raises(LookupError):
        evaluated(source, _look_up)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("Model", ["Model"]),
        ("a.b.C[d.E]", ["a.b.C", "d.E"]),
        ("list['Model | x.Y']", ["list", "Model", "x.Y"]),
        ("t.Literal['Model']", ["t.Literal"]),
        ("Annotated[Model, 'text', Unit('text')]", ["Annotated", "Model", "Unit"]),
        ("Annotated['Model', 'text']", ["Annotated", "Model"]),
        ("Callable[[Model], 'Other']", ["Callable", "Model", "Other"]),
        ("not an expression", []),
        ("a\0b", []),
        ("", []),
        ("  Model ", ["Model"]),
    ],
)
def test_names_in_text(source, names):
    assert [".".join((use.name, *use.chain)) for use in uses_in(source)] == names


def test_nested_too_deeply_is_no_error():
    assert uses_in("(" * 100_000) == ()


def test_nothing_is_asked_of_other_objects():
    class Strange:
        def __getattribute__(self, name):
            raise AssertionError("a user's code ran")

    assert list(texts_in(Strange())) == []
    assert list(texts_in({"x": "Model"})) == []
    assert [text.source for text in texts_in(collections.abc.Callable[["Model"], "Own"])] == ["Model", "Own"]
