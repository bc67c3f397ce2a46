"""`load` and `load_df`: the value, and a DataFrame of whatever is a table."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import consist
from consist import errors

FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})


@pytest.mark.parametrize(
    "value",
    [FRAME, pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}), pa.table({"a": [1, 2], "b": ["x", "y"]})],
    ids=["pandas", "polars", "arrow"],
)
def test_a_table_of_any_library(tracker, value):
    artifact = tracker.run(lambda: value, name="make").outputs["value"]
    assert type(consist.load(artifact)) is type(value)
    pd.testing.assert_frame_equal(consist.load_df(artifact), FRAME)


@pytest.mark.parametrize("series", [pd.Series([1, 2], name="a"), pl.Series("a", [1, 2])], ids=["pandas", "polars"])
def test_a_series_is_a_frame_of_one_column(tracker, series):
    artifact = tracker.run(lambda: series, name="make").outputs["value"]
    pd.testing.assert_frame_equal(consist.load_df(artifact), FRAME[["a"]])


@pytest.mark.parametrize("suffix", ["csv", "parquet", "json", "feather"])
def test_a_file(tracker, tmp_path, suffix):
    path = tmp_path / f"table.{suffix}"

    def write():
        if suffix == "csv":
            FRAME.to_csv(path, index=False)
        else:
            getattr(FRAME, f"to_{suffix}")(path)
        return path

    artifact = tracker.run(write, code_options=consist.CodeOptions(version="1")).outputs["value"]
    pd.testing.assert_frame_equal(consist.load_df(artifact), FRAME)
    assert consist.load(artifact) == path


def test_by_path_on_the_current_tracker(tracker):
    tracker.run(lambda: {"n": 1, "table": FRAME}, name="make")
    with consist.use_tracker(tracker):
        assert consist.load("steps/make/n") == 1
        pd.testing.assert_frame_equal(consist.load_df("steps/make/table"), FRAME)
    assert consist.load("steps/make/n", tracker=tracker) == 1
    with pytest.raises(errors.UsageError, match="there is no current tracker"):
        consist.load("steps/make/n")


def test_what_is_no_table(tracker, tmp_path):
    def make():
        (tmp_path / "a.txt").write_text("x")
        return {"n": 1, "file": tmp_path / "a.txt"}

    result = tracker.run(make, code_options=consist.CodeOptions(version="1"))
    with pytest.raises(errors.OutputError, match="output 'n' is no table, but plain"):
        consist.load_df(result.outputs["n"])
    with pytest.raises(errors.OutputError, match=r"output 'file' is no table, but a file 'a.txt'"):
        consist.load_df(result.outputs["file"])
    with pytest.raises(errors.UsageError, match=r"7 is no artifact .*a path of the store as text: 'steps/clean/table'"):
        consist.load(7)
