"""Pairs of versions of one file or folder, as their writers leave them: `write_pair`.

The edits are those that people make between two runs: a row more, a few values changed, a column added. The values are
random, so that nothing is shared but what the two versions share.
"""

from __future__ import annotations

import gzip
import io
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
_CSV_ROW = 62
_PARQUET_ROW = 29
"""Bytes of a row of `table`, about, as CSV and as Parquet by pandas' defaults."""


def table(rows: int, seed: int = 7) -> pd.DataFrame:
    """Make measurements: a counter, two numbers, a place, a count."""
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "weight": random.normal(size=rows),
            "price": random.normal(size=rows),
            "zone": random.integers(0, 10_000, rows),
            "count": random.integers(0, 1 << 31, rows),
        }
    )


def scattered(frame: pd.DataFrame) -> pd.DataFrame:
    """Change 1 % of one column, anywhere."""
    where = np.random.default_rng(8).choice(len(frame), len(frame) // 100, replace=False)
    return _changed(frame, where)


def contiguous(frame: pd.DataFrame) -> pd.DataFrame:
    """Change 1 % of one column, in one place."""
    middle = len(frame) // 2
    return _changed(frame, np.arange(middle, middle + len(frame) // 100))


def _changed(frame: pd.DataFrame, where: np.ndarray) -> pd.DataFrame:
    weight = frame["weight"].to_numpy().copy()
    weight[where] = np.random.default_rng(9).normal(size=len(where))
    return frame.assign(weight=weight)


def appended(frame: pd.DataFrame) -> pd.DataFrame:
    """Append 1 %."""
    return pd.concat([frame, table(len(frame) // 100, seed=10)], ignore_index=True)


def with_column(frame: pd.DataFrame) -> pd.DataFrame:
    """Add a column."""
    return frame.assign(score=np.random.default_rng(11).normal(size=len(frame)))


def without_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Delete 100 rows in the middle."""
    middle = len(frame) // 2
    return frame.drop(frame.index[middle : middle + 100]).reset_index(drop=True)


def with_row(text: bytes) -> bytes:
    """Insert a row near the start."""
    at = text.index(b"\n", len(text) // 50) + 1
    return text[:at] + b"-1,0.5,0.5,1,1\n" + text[at:]


def csv_pair(size: int) -> tuple[bytes, bytes]:
    text = table(size // _CSV_ROW).to_csv(index=False).encode()
    return text, with_row(text)


def gzip_pair(size: int) -> tuple[bytes, bytes]:
    """CSV, compressed as `gzip` does; the row is in the middle, since nothing before it changes."""
    text = table(2 * size // _CSV_ROW).to_csv(index=False).encode()
    middle = text.index(b"\n", len(text) // 2) + 1
    longer = text[:middle] + b"-1,0.5,0.5,1,1\n" + text[middle:]
    return gzip.compress(text, 6, mtime=0), gzip.compress(longer, 6, mtime=0)


def parquet_pair(size: int, edit: Any) -> tuple[bytes, bytes]:
    frame = table(size // _PARQUET_ROW)
    return frame.to_parquet(index=False), edit(frame).to_parquet(index=False)


def npy(array: np.ndarray) -> bytes:
    sink = io.BytesIO()
    np.save(sink, array)
    return sink.getvalue()


def matrix(size: int) -> np.ndarray:
    return np.random.default_rng(12).normal(size=(size // 8192, 1024))


def slice_pair(size: int) -> tuple[bytes, bytes]:
    array = matrix(size)
    middle, few = len(array) // 2, max(1, len(array) // 100)
    edited = array.copy()
    edited[middle : middle + few] += 1
    return npy(array), npy(edited)


def row_pair(size: int) -> tuple[bytes, bytes]:
    array = matrix(size)
    return npy(array), npy(np.delete(array, len(array) // 3, axis=0))


def pickle_pair(size: int) -> tuple[bytes, bytes]:
    """Pickle 100 arrays by name after a text; in the second version the text is longer, and three arrays changed."""
    random = np.random.default_rng(13)
    arrays = {f"layer {number}": random.normal(size=size // 800) for number in range(100)}
    edited = {
        name: array + 1 if name in {"layer 20", "layer 50", "layer 80"} else array for name, array in arrays.items()
    }
    return pickle.dumps({"note": "first"} | arrays), pickle.dumps({"note": "the second"} | edited)


def zarr_pair(size: int) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Make a folder as zarr does, a file a chunk of 1 MiB; in the second version one in 16 changed."""
    random = np.random.default_rng(14)
    names = [f"values/c/{number // 10}/{number % 10}" for number in range(max(16, size // MIB))]
    first = {name: random.bytes(MIB) for name in names} | {"zarr.json": b'{"zarr_format": 3}'}
    return first, first | {name: random.bytes(MIB) for name in names[::16]}


PAIRS = {
    "CSV, a row inserted": csv_pair,
    "Parquet, 1 % changed, scattered": lambda size: parquet_pair(size, scattered),
    "Parquet, 1 % changed, contiguous": lambda size: parquet_pair(size, contiguous),
    "Parquet, 1 % appended": lambda size: parquet_pair(size, appended),
    "Parquet, a column added": lambda size: parquet_pair(size, with_column),
    "Parquet, 100 rows deleted in the middle": lambda size: parquet_pair(size, without_rows),
    "npy, a slice changed": slice_pair,
    "npy, a row deleted": row_pair,
    "pickled dict of arrays": pickle_pair,
    "zarr folder": zarr_pair,
    "csv.gz, a row inserted in the middle": gzip_pair,
}


def write_pair(name: str, size: int, folder: Path) -> None:
    """Write both versions: of a file as ``FOLDER/1/data`` and ``FOLDER/2/data``, of a folder as what they hold."""
    for number, content in enumerate(PAIRS[name](size), start=1):
        root = folder / str(number)
        for path, data in (content if isinstance(content, dict) else {"data": content}).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
