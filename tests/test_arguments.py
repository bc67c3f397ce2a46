"""Arguments that were looked at: what passes, and what a message says of what does not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from consist import arguments
from consist.errors import OutputError, UsageError


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (arguments.TEXT, ["", "x"], [b"x", 3]),
        (arguments.FLAG, [True, False], ["yes", 0, 1]),
        (arguments.COUNT, [0, 5], [-1, True, 2.0, "5"]),
        (arguments.PATH, ["x", Path("x")], [b"x", 3, "", "a\0b"]),
        (arguments.LIST, [[], (), {1}, {}.keys()], ["x", b"x", 3, {}, iter([])]),
        (arguments.MAPPING, [{}], [[], "x"]),
        (arguments.FUNCTION, [len, int], [3, "len"]),
        (arguments.instance_of(dict), [{}], [[], dict]),
    ],
)
def test_kinds(kind, good, bad):
    for value in [*good, None]:
        arguments.check("it", value, kind)
    for value in bad:
        with pytest.raises(UsageError, match=r"^it is .* \(give .*\)$"):
            arguments.check("it", value, kind)
    with pytest.raises(UsageError, match=r"^it is None \("):
        arguments.check("it", None, kind, required=True)


def test_numbers_of_numpy_are_counts():
    numpy = pytest.importorskip("numpy")
    arguments.check("limit", numpy.int64(3), arguments.COUNT)
    with pytest.raises(UsageError, match="limit is an ndarray"):
        arguments.check("limit", numpy.arange(3), arguments.COUNT)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("x", r"it is 'x' \(give a list: \['x'\]\)"),
        (Path("x"), r"it is a PosixPath \(give a list: \[PosixPath\('x'\)\]\)"),
        ((path for path in ["x"]), r"it is a generator \(give a list\)"),
        (3, r"it is 3 \(give a list\)"),
        (["x", 3], r"it\[1\] is 3 \(give a path"),
    ],
)
def test_lists(values, said):
    arguments.check_each("it", ["x", Path("y")], arguments.PATH)
    arguments.check_each("it", None, arguments.PATH)
    with pytest.raises(OutputError, match=said):
        arguments.check_each("it", values, arguments.PATH, error=OutputError)


def test_a_function_in_the_place_of_a_list_is_named():
    with pytest.raises(UsageError, match=r"give a list: \[len\]"):
        arguments.check_each("code", len, arguments.ANYTHING)


@pytest.mark.parametrize(
    ("values", "said"),
    [("x", "it is 'x'"), ({3: "x"}, "it has the key 3, which is no text"), ({"a": 3}, r"it\['a'\] is 3 \(give a path")],
)
def test_mappings(values, said):
    arguments.check_values("it", {"a": "x"}, arguments.PATH)
    with pytest.raises(UsageError, match=said):
        arguments.check_values("it", values, arguments.PATH)


def test_texts():
    assert arguments.texts("it", (text for text in "ab")) == ("a", "b")
    for bad in (3, [3]):
        with pytest.raises(UsageError, match=r"is 3 \(give text"):
            arguments.texts("it", bad)


def test_names_that_there_are_not():
    with pytest.raises(UsageError, match=r"make has no argument 'colour' \(did you mean 'color'\?\)"):
        arguments.check_known("make", ["color", "colour"], ["color", "size"])
    with pytest.raises(UsageError, match=r"make has no argument 'xyz' \(there are color, size\)"):
        arguments.check_known("make", ["xyz"], ["color", "size"])
    with pytest.raises(UsageError, match=r"\(look it up\)"):
        arguments.check_known("make", ["xyz"], ["color", "size"], "look it up")


def test_option_classes_name_the_nearest_field():
    @dataclass(frozen=True, slots=True)
    class Paint(arguments.Named):
        color: str = "red"

    assert (Paint("blue").color, Paint(color="green").color) == ("blue", "green")
    with pytest.raises(UsageError, match=r"Paint has no argument 'colour' \(did you mean 'color'\?\)"):
        Paint(colour="blue")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "None"),
        ("x" * 100, "'" + "x" * 59),
        ([1], "a list"),
        (int, "the class int"),
        (test_texts, "a function"),
        (UsageError("x"), "a UsageError"),
        (OSError(), "an OSError"),
    ],
)
def test_what_was_given_is_shown(value, said):
    assert arguments.shown(value) == said
