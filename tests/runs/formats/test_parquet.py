"""How tables are written: versions share chunks, and a full disk is told as one."""

import functools
import io
import os
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from blake3 import blake3
from pyfastcdc import FastCDC

from consist.runs.formats.parquet import unique_names
from consist.runs.formats.table import prepare


def content_of(value):
    with prepare(value) as prepared:
        return prepared.stream.read()


def chunks_of(content):
    """Digest and size of each chunk, cut by the algorithm that the format of a store names."""
    cutter = FastCDC(256 << 10, min_size=64 << 10, max_size=1 << 20, normalized_chunking=1)
    return {blake3(bytes(chunk.data)).digest(): len(chunk.data) for chunk in cutter.cut_buf(content)}


@functools.cache
def table_of(rows):
    random = np.random.default_rng(1)
    return pd.DataFrame({"a": random.normal(size=rows), "b": random.integers(0, 1 << 60, rows)})


VERSIONS = {
    "rows deleted": lambda frame: frame.drop(frame.index[500_000:500_100]).reset_index(drop=True),
    "rows inserted": lambda frame: pd.concat([frame[:300_000], frame[:7] * 2, frame[300_000:]], ignore_index=True),
    "rows appended": lambda frame: pd.concat([frame, frame[:1000] * 2], ignore_index=True),
    "rows changed": lambda frame: frame.assign(
        a=frame["a"].where((frame.index < 200_000) | (frame.index > 201_000), 0)
    ),
}


@pytest.mark.parametrize("name", VERSIONS)
def test_a_version_with_a_change_in_one_place_adds_few_chunks(name):
    frame = table_of(1_200_000)  # more rows than one row group has by default
    first = chunks_of(content_of(frame))
    second = chunks_of(content_of(VERSIONS[name](frame)))
    added = sum(size for digest, size in second.items() if digest not in first)
    assert 0 < added <= 0.10 * sum(second.values())


def test_there_is_one_row_group_and_nothing_is_compressed():
    file = pq.ParquetFile(io.BytesIO(content_of(table_of(1_200_000)))).metadata
    assert file.num_row_groups == 1
    assert {file.row_group(0).column(place).compression for place in range(file.num_columns)} == {"UNCOMPRESSED"}


def test_dictionaries_are_used_for_categories_only():
    frame = pd.DataFrame({"category": pd.Categorical(["a", "b"] * 500), "text": ["a", "b"] * 500})
    group = pq.ParquetFile(io.BytesIO(content_of(frame))).metadata.row_group(0)
    assert [group.column(place).has_dictionary_page for place in (0, 1)] == [True, False]


def test_names_are_told_apart():
    assert unique_names(["a", "a.1", "a", "a", "b"]) == ["a", "a.1", "a.2", "a.3", "b"]
    names = pq.read_table(io.BytesIO(content_of(pa.Table.from_arrays([[1], [2]], names=["a", "a"])))).column_names
    assert names == ["a", "a.1"]


@pytest.mark.skipif(sys.platform == "win32", reason="limits are of POSIX")
def test_a_full_disk_is_told_as_one(tmp_path):
    program = """
        import resource, sys
        import numpy as np, pyarrow as pa
        from consist.errors import StorageFullError
        from consist.runs.formats.table import prepare

        table = pa.table({"a": np.arange(10_000_000)})  # more than a spool keeps in memory
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        try:
            with prepare(table):
                pass
        except StorageFullError as error:
            print(error.kind)
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.stdout == "storage-full\n"
    assert not list(tmp_path.iterdir())
