"""Measures what a second version of a table adds to a store: `python benchmarks/tables.py [--rows N] [--only TEXT]`.

A table of ten columns is written as Parquet in several ways, and so are versions of it with few rows changed. Each file
is cut as the store cuts large blobs; what a version adds are its chunks that the first version does not have, each as
the store keeps it (compressed where that makes it smaller). Added bytes are a share of the version's own stored bytes.
The least that any way could add, the floor, is what the new values take by themselves.
"""

from __future__ import annotations

import argparse
import io
import time
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from blake3 import blake3
from pyfastcdc import FastCDC

from consist.runs.formats.parquet import WRITING

LARGE_PAGES = {"min_chunk_size": 256 << 10, "max_chunk_size": 1 << 20}
SMALL_PAGES = {"min_chunk_size": 16 << 10, "max_chunk_size": 64 << 10}
WAYS: dict[str, dict[str, Any]] = {
    "**as consist writes**": {},
    "with pyarrow's dictionaries": {"use_dictionary": True},
    "pages by zstd": {"compression": "zstd", "compression_level": 1},
    "pages by zstd, with dictionaries": {"compression": "zstd", "compression_level": 1, "use_dictionary": True},
    "row groups of 1 Mi rows": {"row_group_size": 1 << 20},
    "pages of 256 KiB to 1 MiB": {"use_content_defined_chunking": LARGE_PAGES},
    "pages of 16 to 64 KiB": {"use_content_defined_chunking": SMALL_PAGES},
    "by offset, not by content": {"use_content_defined_chunking": False},
    "pandas' `to_parquet`": {
        "use_content_defined_chunking": False,
        "compression": "snappy",
        "use_dictionary": True,
        "row_group_size": 1 << 20,
    },
}


def first_version(rows: int) -> pd.DataFrame:
    """Make a table of mixed types: what a simulation writes out, a row an event."""
    random = np.random.default_rng(7)
    towns = np.array([f"town {number}" for number in range(400)])
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "person": random.integers(0, rows // 4, rows),
            "age": random.integers(0, 100, rows).astype("int8"),
            "weight": random.normal(size=rows),
            "price": random.integers(0, 100_000, rows) / 100,
            "town": pd.array(random.choice(towns, rows), dtype="str"),
            "name": pd.array([f"{number:x}" for number in random.integers(0, 1 << 48, rows)], dtype="str"),
            "mode": pd.Categorical.from_codes(random.integers(0, 4, rows), ["walk", "bike", "bus", "car"]),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(random.integers(0, 365, rows)), unit="D"),
            "at": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 10**9, rows), unit="ms"),
        }
    )


def versions(frame: pd.DataFrame) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Make changed versions, each with the values that are really new."""
    rows = len(frame)
    random = np.random.default_rng(8)
    middle, few = rows // 2, rows // 100
    contiguous, scattered, added = frame.copy(), frame.copy(), frame.copy()
    span = slice(middle, middle + few)
    contiguous.loc[contiguous.index[span], "weight"] = random.normal(size=few)
    contiguous.loc[contiguous.index[span], "town"] = "elsewhere"
    where = np.sort(random.choice(rows, few, replace=False))
    scattered.loc[where, "weight"] = random.normal(size=few)
    added["score"] = random.normal(size=rows)
    more = first_version(rows + few).iloc[-few:]
    nothing = frame.iloc[:0]
    deleted = frame.drop(frame.index[middle : middle + 100]).reset_index(drop=True)
    edited = pd.concat([contiguous.drop(contiguous.index[rows // 4 : rows // 4 + 100]), more], ignore_index=True)
    return {
        "1 % of rows changed in one place": (contiguous, contiguous.loc[contiguous.index[span], ["weight", "town"]]),
        "1 % of rows appended": (pd.concat([frame, more], ignore_index=True), more),
        "100 rows deleted in the middle": (deleted, nothing),
        "all three": (edited, pd.concat([contiguous.iloc[span][["weight", "town"]], more])),
        "1 % of one column changed, scattered": (scattered, scattered.loc[where, ["weight"]]),
        "a column added": (added, added[["score"]]),
    }


def write(frame: pd.DataFrame, way: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame), sink, **{"use_dictionary": ["mode"], **WRITING, **way})
    return sink.getvalue()


def stored_chunks(content: bytes) -> dict[bytes, int]:
    """Cut as the store does; digest and stored size of each chunk."""
    cutter = FastCDC(256 << 10, min_size=64 << 10, max_size=1 << 20, normalized_chunking=1)
    squeeze = zstandard.ZstdCompressor(level=1).compress
    chunks = {}
    for chunk in cutter.cut_buf(content):
        data = bytes(chunk.data)
        digest = blake3(data).digest()
        if digest not in chunks:
            chunks[digest] = min(len(data), len(squeeze(data)))
    return chunks


def measure(way: dict[str, Any], frame: pd.DataFrame, changed: dict[str, Any]) -> list[str]:
    """One row of the table: sizes of the first version, then what each other version adds."""
    start = time.perf_counter()
    content = write(frame, way)
    seconds = time.perf_counter() - start
    base = stored_chunks(content)
    cells = [f"{len(content) / 1e6:.0f}", f"{sum(base.values()) / 1e6:.0f}", f"{seconds:.1f}"]
    for version, _ in changed.values():
        chunks = stored_chunks(write(version, way))
        added = sum(size for digest, size in chunks.items() if digest not in base)
        cells.append(f"{added / 1e6:.1f} ({100 * added / sum(chunks.values()):.1f} %)")
    return cells


def floor(new: pd.DataFrame) -> str:
    """MB that the new values take as Parquet by themselves, compressed."""
    size = len(write(new, {"compression": "zstd"})) if len(new) else 0
    return f"{size / 1e6:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_500_000)
    parser.add_argument("--only", help="measure the ways whose names hold this text")
    arguments = parser.parse_args()
    frame = first_version(arguments.rows)
    changed = versions(frame)
    print(f"{len(frame):,} rows, {len(frame.columns)} columns, pyarrow {pa.__version__}; MB\n")
    print("| way | file | stored | s to write |", " | ".join(changed), "|")
    print("| --- " * (4 + len(changed)) + "|")
    print("| floor | | | |", " | ".join(floor(new) for _, new in changed.values()), "|")
    for name, way in WAYS.items():
        if not arguments.only or arguments.only in name:
            print(f"| {name} |", " | ".join(measure(way, frame, changed)), "|", flush=True)


if __name__ == "__main__":
    main()
