"""Errors about a value say where it sits, and ask no key for its own text."""

import pandas as pd
import polars as pl
import pytest

from consist.errors import UnencodableError, UsageError
from consist.hashing.canonical import encode
from consist.identity.config import config_identity


class Silent:
    def __repr__(self):
        raise RuntimeError("asked for its text")

    def __hash__(self):
        return 1


class Name(str):
    __slots__ = ()

    def __str__(self):
        raise RuntimeError("asked for its text")

    __repr__ = __format__ = __str__


def _path(value):
    with pytest.raises(UnencodableError) as caught:
        encode(value)
    return caught.value.path


def test_a_value_that_contains_itself_is_named_with_the_place():
    ring = {"layers": [1]}
    ring["layers"].append(ring)
    assert _path({"twice": [1, 1], "model": ring}) == '["model"]["layers"][1]'
    with pytest.raises(UnencodableError, match=r'^config\["q"\]\["layers"\]\[1\]: the value contains itself'):
        config_identity({"q": ring})


def test_a_value_that_nests_too_deeply_is_named_with_the_way_in():
    deep = []
    for _ in range(5000):
        deep = [deep]
    assert _path({"flat": [[[[1]]]], "deep": {"x": deep}}) == '["deep"]["x"][0]…'


@pytest.mark.parametrize(
    ("table", "path"),
    [
        (pd.DataFrame({"good": [1], "bad": [object()]}), '["bad"][0]'),
        (pd.DataFrame([[1, object()]], columns=[1, ("a", 2)]), '[("a", 2)][0]'),
        (pd.DataFrame({"good": [1]}, index=[object()]), ".index[0]"),
        (pd.Series([1], index=[object()]), ".index[0]"),
        (pl.DataFrame({"good": [1], "bad": [object()]}), '["bad"][0]'),
    ],
    ids=["column", "column of another name", "index", "series", "polars"],
)
def test_an_object_in_a_table_is_named_with_its_column(table, path):
    assert _path({"t": table}) == '["t"]' + path


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({Silent(): 1}, "[Silent]"),
        ({(1, Silent()): 1}, "[(1, Silent)][1]"),
        ({Name("a"): object()}, '["a"]'),
        ({10**5000: object()}, "[int]"),
        ({None: object()}, "[None]"),
    ],
    ids=["object", "tuple", "text", "huge", "none"],
)
def test_no_key_is_asked_for_its_text(value, path):
    assert _path(value) == path


def test_a_key_of_a_config_that_is_no_text_is_not_asked():
    with pytest.raises(UsageError, match="config has the key Silent, which is no string"):
        config_identity({Silent(): 1})
