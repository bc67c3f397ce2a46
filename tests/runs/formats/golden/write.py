"""The values in the golden files, and what wrote the files: `python tests/runs/formats/golden/write.py`.

A file that a release wrote is never written again: what reads the notes of a newer way must still read the old ones.
"""

import datetime as dt
import zoneinfo
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

FOLDER = Path(__file__).parent


def frame():
    """One column for each kind of note, an index of levels, names of two kinds."""
    made = pd.DataFrame(
        {
            "numpy": np.array([1, 2], ">i4"),
            "seconds": np.array(["2024-01-01", "NaT"], "M8[s]"),
            "objects": pd.Series(["x", np.nan], dtype=object),
            "own": pd.array([1, None], "Int64"),
            "text": pd.array(["x", None], "string[python]"),
            "categories": pd.Categorical(["x", None], ["y", "x"], ordered=True),
            "cut": pd.cut([1, 5], 2),
            "zoned": pd.Series(np.array(["2024-07-01", "NaT"], "M8[us]")).dt.tz_localize(
                zoneinfo.ZoneInfo("Europe/Zurich")
            ),
            "periods": pd.PeriodIndex(["2024-01", None], freq="M"),
            "arrow": pd.array([1, None], "int64[pyarrow]"),
        },
        index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", None]),
    )
    made.columns = pd.Index([*made.columns[:-1], 7], dtype=object)
    made.attrs = {"made": dt.date(2026, 11, 26)}
    return made


VALUES = {
    "frame.parquet": frame,
    "series.parquet": lambda: pd.Series([0.5, np.nan], index=pd.date_range("2024", periods=2), name=("a", 1)),
    "polars.parquet": lambda: pl.DataFrame(
        {"enum": pl.Series(["a", None], dtype=pl.Enum(["z", "a"])), "lists": [[1, None], None]}
    ),
    "arrow.parquet": lambda: pa.table(
        {"d": pa.DictionaryArray.from_arrays([2, 0], ["z", "y", "x"]), "s": pa.array([1, None], pa.timestamp("s"))},
        metadata={"k": "v"},
    ),
    "array.npy": lambda: np.asfortranarray(np.arange(6, dtype=">f8").reshape(2, 3)),
}

if __name__ == "__main__":
    from consist.runs.formats.registry import format_for

    for name, value in VALUES.items():
        with format_for(value()).prepare(value()) as prepared:
            (FOLDER / name).write_bytes(prepared.stream.read())
