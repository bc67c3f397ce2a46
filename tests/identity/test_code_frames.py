"""Tables that can change in place: the memo notices it, by the arrays that they are made of, and needs no walk else."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from consist.identity.code import code_identity
from consist.identity.code.contents import Contents

JOB = """
import numpy as np, pandas as pd, pyarrow as pa
NUMBERS = pd.DataFrame({"a": [1, 2], "b": [0.0, 1.0], "c": [3, 4]})
NUMBERS.attrs["note"] = [1]
DATES = pd.date_range("2020-01-01", periods=2, name="day")
MIXED = pd.DataFrame({
    "date": DATES, "zone": DATES.tz_localize("UTC"), "whole": pd.array([1, None], dtype="Int64"),
    "truth": pd.array([True, None], dtype="boolean"), "kind": pd.Categorical(["a", "b"]), "text": ["x", "y"],
    "object": np.array([1, [2]], dtype=object), "yes": [True, False],
})
LABELLED = pd.DataFrame({"a": [1, 2]}, index=DATES)
COLUMN = pd.Series([1.0, float("nan")], name="n")
LEVELS = pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_tuples([(1, 2), (3, 4)], names=["x", "y"]))
BEHIND = np.arange(3)
ARROW = pa.chunked_array([pa.array(BEHIND)])
TEXTS = pa.chunked_array([["a", "b"], ["c"]])
CODES = pa.chunked_array([pa.array(["a", "b"]).dictionary_encode()])
LARGE = pd.DataFrame({"a": np.zeros(20_000)})
class Own(pd.DataFrame):
    pass
OWN = Own({"a": [1, 2]})
def f():
    return NUMBERS, DATES, MIXED, LABELLED, COLUMN, LEVELS, ARROW, TEXTS, CODES, LARGE, OWN
"""


def _block(table, column):
    """Return the array that a column lies in; pandas hands out read-only views of it."""
    return table._mgr.blocks[table._mgr.blknos[list(table.columns).index(column)]].values  # noqa: PD011 - a block has no other


def _write(array, place, value):
    array.setflags(write=True)
    array[place] = value


def _retype(table, column, dtype):
    table[column] = table[column].astype(dtype)


CHANGES = {
    "number": lambda m: m.NUMBERS.__setitem__("a", [1, 3]),
    "number in place": lambda m: m.NUMBERS.loc.__setitem__((0, "a"), 9),
    "number in the array": lambda m: _write(_block(m.NUMBERS, "c"), (1, 1), 9),
    "0.0 to -0.0": lambda m: _write(_block(m.NUMBERS, "b"), (0, 0), -0.0),
    "whole numbers to fractions": lambda m: _retype(m.NUMBERS, "a", float),
    "whole numbers to smaller ones": lambda m: _retype(m.NUMBERS, "a", "int32"),
    "truths to numbers": lambda m: _retype(m.MIXED, "yes", int),
    "column added": lambda m: m.NUMBERS.insert(1, "z", 1),
    "column deleted": lambda m: m.NUMBERS.pop("b"),
    "columns exchanged": lambda m: m.NUMBERS.insert(0, "c", m.NUMBERS.pop("c")),
    "columns renamed": lambda m: m.NUMBERS._update_inplace(m.NUMBERS.rename(columns={"a": "z"})),
    "columns replaced": lambda m: setattr(m.NUMBERS, "columns", ["a", "b", "z"]),
    "columns' name": lambda m: setattr(m.NUMBERS.columns, "name", "n"),
    "row deleted": lambda m: m.NUMBERS._update_inplace(m.NUMBERS.drop(0)),
    "rows sorted": lambda m: m.NUMBERS._update_inplace(m.NUMBERS.sort_values("a", ascending=False)),
    "rows' names": lambda m: setattr(m.NUMBERS, "index", [5, 6]),
    "rows' common name": lambda m: setattr(m.NUMBERS.index, "name", "row"),
    "attribute added": lambda m: m.NUMBERS.attrs.update(more=1),
    "attribute changed in place": lambda m: m.NUMBERS.attrs["note"].append(2),
    "attributes replaced": lambda m: setattr(m.NUMBERS, "attrs", {"note": [True]}),
    "another manager": lambda m: setattr(m.NUMBERS, "_mgr", m.LABELLED._mgr),
    "dates in the array": lambda m: _write(m.DATES._data._ndarray, 0, np.datetime64("2021-01-01")),
    "frequency": lambda m: setattr(m.DATES, "freq", None),
    "date": lambda m: m.MIXED.loc.__setitem__((0, "date"), pd.Timestamp("2021-01-01")),
    "time zone": lambda m: m.MIXED.__setitem__("zone", m.MIXED["zone"].dt.tz_convert("Europe/Paris")),
    "whole number or missing": lambda m: m.MIXED.loc.__setitem__((1, "whole"), 5),
    "mask": lambda m: _write(_block(m.MIXED, "whole")._mask, 0, True),
    "truth or missing": lambda m: m.MIXED.loc.__setitem__((1, "truth"), False),
    "category": lambda m: m.MIXED.loc.__setitem__((0, "kind"), "b"),
    "category in the array": lambda m: _write(_block(m.MIXED, "kind")._ndarray, 0, 1),
    "categories renamed": lambda m: m.MIXED.__setitem__("kind", m.MIXED["kind"].cat.rename_categories(["a", "c"])),
    "categories ordered": lambda m: m.MIXED.__setitem__("kind", m.MIXED["kind"].cat.as_ordered()),
    "text": lambda m: m.MIXED.loc.__setitem__((0, "text"), "z"),
    "text missing": lambda m: m.MIXED.loc.__setitem__((0, "text"), None),
    "text to another kind of it": lambda m: _retype(m.MIXED, "text", "string"),
    "object": lambda m: m.MIXED.loc.__setitem__((0, "object"), True),
    "object in place": lambda m: m.MIXED.loc[1, "object"].append(3),
    "one index for two": lambda m: _write(m.LABELLED.index._data._ndarray, 1, np.datetime64("2021-01-01")),
    "column: number": lambda m: m.COLUMN.__setitem__(0, 2.0),
    "column: missing to number": lambda m: m.COLUMN.__setitem__(1, 2.0),
    "column: name": lambda m: setattr(m.COLUMN, "name", "m"),
    "levels: name": lambda m: setattr(m.LEVELS.index, "names", ["x", "z"]),
    "levels: number": lambda m: setattr(m.LEVELS, "index", m.LEVELS.index.set_levels([5, 6], level=0)),
    "arrow: memory of another": lambda m: _write(m.BEHIND, 0, 9),
    "arrow: text": lambda m: np.frombuffer(m.TEXTS.chunks[1].buffers()[2], "u1").__setitem__(0, ord("z")),
    "arrow: codes": lambda m: np.frombuffer(m.CODES.chunks[0].indices.buffers()[1], "i4").__setitem__(0, 1),
    "arrow: coded": lambda m: np.frombuffer(m.CODES.chunks[0].dictionary.buffers()[2], "u1").__setitem__(0, ord("z")),
    "large": lambda m: _write(_block(m.LARGE, "a"), (0, -1), 1),
    "of a subclass: number": lambda m: m.OWN.loc.__setitem__((0, "a"), 9),
    "of a subclass: attribute": lambda m: object.__setattr__(m.OWN, "note", 1),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_in_place_is_seen(name, project, check_change):
    check_change(project(job=JOB), CHANGES[name])


def test_use_costs_no_walk(project):
    """What pandas keeps beside the content, when it is looked at, does not count."""
    module = project(job=JOB)
    before = code_identity(module.f)
    kept = [module.NUMBERS["a"], module.NUMBERS.iloc[:1], module.MIXED["text"].str.upper(), module.COLUMN.sum()]
    kept += [module.LABELLED.loc["2020-01-01"], module.DATES.is_unique, repr(module.MIXED), module.NUMBERS + 1]
    assert code_identity(module.f) is before


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [0.5, None]}),
        pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": pd.Categorical(["x", "y"])}),
        pd.DataFrame({"a": pd.date_range("2020-01-01", periods=2, tz="UTC")}, index=pd.date_range("2020", periods=2)),
        pd.Series([1, 2], name="n"),
        pd.CategoricalIndex(["a", "b"]),
        pa.chunked_array([[1, 2], [3]]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_common_tables_are_not_encoded_anew(value):
    contents = Contents()
    contents.take(value)
    assert not contents.snapshots
    assert contents.arrays or contents.buffers


@pytest.mark.parametrize("version", ["2.3.1", "3.1.1"])
def test_the_numbers_of_a_range_count_where_they_can_be_written_to(version, monkeypatch):
    monkeypatch.setattr(pd, "__version__", version)
    index = pd.RangeIndex(20_000)
    assert len(index.values) == 20_000  # which makes them
    contents = Contents()
    contents.take(index)
    assert [value is index._data for value, _ in contents.snapshots] == [True] * version.startswith("2")
    assert not contents.arrays


def test_what_is_laid_out_otherwise_is_encoded_anew():
    """As another version of pandas may, which keeps content elsewhere."""
    table = pd.DataFrame({"a": [1, 2]})
    object.__setattr__(table, "_parts", [1])
    contents = Contents()
    contents.take(table)
    assert contents.snapshots[0][0] is table
