"""Files that were written once are read for ever."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import polars.testing
import pyarrow as pa
import pytest

from consist.runs.formats.registry import format_for

GOLDEN = Path(__file__).parent / "golden"


def load_values():
    spec = importlib.util.spec_from_file_location("golden_values", GOLDEN / "write.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.VALUES


VALUES = load_values()
SAME = {
    pd.DataFrame: lambda a, b: pd.testing.assert_frame_equal(a, b, check_exact=True, check_index_type=True),
    pd.Series: lambda a, b: pd.testing.assert_series_equal(a, b, check_exact=True, check_freq=True),
    pl.DataFrame: polars.testing.assert_frame_equal,
    pa.Table: lambda a, b: pytest.fail("tables differ") if not a.equals(b, check_metadata=True) else None,
    np.ndarray: np.testing.assert_array_equal,
}


@pytest.mark.parametrize("name", VALUES)
def test_a_golden_file_is_read(name):
    value = VALUES[name]()
    with open(GOLDEN / name, "rb") as stream:  # noqa: PTH123 - as the store gives it: an open file
        back = format_for(value).read(stream)
    assert type(back) is type(value)
    SAME[type(value)](back, value)
    assert getattr(back, "attrs", None) == getattr(value, "attrs", None)


def test_each_golden_file_has_a_value():
    assert {path.name for path in GOLDEN.iterdir()} - {"write.py", "__pycache__"} == set(VALUES)
