"""Libraries that read through fsspec get the values that plain Python put: the oracles know nothing of consist."""

from __future__ import annotations

import contextlib
import io

import fsspec
import numpy as np
import pytest

from consist.errors import DamagedError

ROWS = {"x": list(range(50)), "y": [n * n / 2 for n in range(50)], "name": [f"n{n % 7}" for n in range(50)]}
CSV = "".join(["x,y\n", *(f"{n},{n * n}\n" for n in range(200))]).encode()


@pytest.fixture
def table():
    """The rows as the bytes of a Parquet file of several row groups."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.table(ROWS), sink, row_group_size=20)
    return sink.getvalue()


@pytest.fixture
def dataset(keep_folder, table):
    """A folder that is partitioned by year: the rows once for each of three years. Returns the run's id."""

    def fill(folder):
        for year in (2023, 2024, 2025):
            (folder / f"year={year}").mkdir()
            (folder / f"year={year}" / "part.parquet").write_bytes(table)

    return keep_folder(fill, step="years", key="data")


def test_fsspec_itself(fs, keep):
    keep(b"content")
    with fsspec.open("consist://steps/make/out") as stream:
        assert stream.read() == b"content"
    with fsspec.open("consist://steps/make/out", "rt") as stream:
        assert stream.read() == "content"
    assert fsspec.get_mapper("consist://steps/make")["out"] == b"content"
    assert list(fsspec.get_mapper("consist://steps/make")) == ["out"]


def test_what_an_artifact_calls_its_url(fs, tracker):
    result = tracker.run(lambda: b"content", name="make", outputs=["out"])
    with fsspec.open(result.outputs["out"].url) as stream:
        assert stream.read() == b"content"


def test_pandas(fs, keep, table, dataset):
    import pandas as pd

    keep(table)
    keep(CSV, step="csv")
    assert pd.read_parquet("consist://steps/make/out").to_dict("list") == ROWS
    assert pd.read_csv("consist://steps/csv/out")["y"].tolist() == [n * n for n in range(200)]
    years = pd.read_parquet("consist://steps/years/data")
    assert years["x"].tolist() == ROWS["x"] * 3
    assert sorted(set(years["year"])) == [2023, 2024, 2025]


def test_pandas_with_settings(keep, table, home, monkeypatch, tmp_path):
    import pandas as pd

    run = keep(table)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONSIST_DB")
    options = {"store": str(home / "index.store"), "db_path": str(home / "index.lmdb")}
    assert pd.read_parquet(f"consist://runs/{run}/out", storage_options=options).to_dict("list") == ROWS


def test_a_frame_that_a_step_returned(fs, keep):
    import pandas as pd

    frame = pd.DataFrame(ROWS)
    keep(frame)
    assert pd.read_parquet("consist://steps/make/out").equals(frame)


def test_pyarrow(fs, keep, table, dataset):
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    keep(table)
    arrow = PyFileSystem(FSSpecHandler(fs))
    assert pq.read_table("steps/make/out", filesystem=arrow).to_pydict() == ROWS
    for path in ("steps/years/data", f"runs/{dataset}/data", f"runs/{dataset[:12]}/data"):
        found = ds.dataset(path, filesystem=arrow, format="parquet", partitioning="hive")
        chosen = found.to_table(columns=["x"], filter=(ds.field("year") == 2024) & (ds.field("x") > 40))
        assert chosen.to_pydict() == {"x": list(range(41, 50))}


def test_polars(fs, keep, keep_folder, table):
    import polars as pl

    keep(table)
    with fs.open("steps/make/out") as stream:
        assert pl.read_parquet(stream).to_dict(as_series=False) == ROWS
    keep_folder(lambda folder: (folder / "t.parquet").write_bytes(table), step="file")
    url = fs.object_url("steps/file/out/t.parquet")
    assert pl.scan_parquet(url).filter(pl.col("x") > 40).select("x").collect()["x"].to_list() == list(range(41, 50))


def test_duckdb(fs, keep, table, dataset):
    import duckdb

    keep(table)
    keep(CSV, step="csv")
    with contextlib.closing(duckdb.connect()) as database:
        database.register_filesystem(fs)
        total = database.execute("SELECT sum(y) FROM read_parquet('consist://steps/make/out')").fetchone()
        assert total == (sum(ROWS["y"]),)
        assert database.execute("SELECT max(y) FROM read_csv('consist://steps/csv/out')").fetchone() == (199 * 199,)
        found = database.execute(
            "SELECT year, count(*) FROM read_parquet('consist://steps/years/data/*/*.parquet', hive_partitioning=true)"
            " WHERE x < 10 GROUP BY year ORDER BY year"
        ).fetchall()
        assert found == [(2023, 10), (2024, 10), (2025, 10)]


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # of pandas, about what dask does
def test_dask(fs, keep, keep_folder, dataset):
    import dask.dataframe as dd

    def fill(folder):
        for number in range(3):
            (folder / f"{number}.csv").write_bytes(CSV)

    keep_folder(fill, step="csv")
    frame = dd.read_csv("consist://steps/csv/out/*.csv", blocksize=500)
    assert frame.npartitions > 3
    assert frame["y"].sum().compute(scheduler="threads") == 3 * sum(n * n for n in range(200))
    years = dd.read_parquet(fs.run_url("steps/years/data"))
    assert years[years["year"].astype(int) > 2023]["x"].sum().compute(scheduler="threads") == 2 * sum(ROWS["x"])


def test_zarr_and_xarray(fs, keep_folder):
    import xarray as xr
    import zarr

    values = np.arange(24.0).reshape(4, 6)

    def fill(folder):
        made = xr.Dataset({"t": (("a", "b"), values), "n": (("a",), [1, 2, 3, 4])}, coords={"b": np.arange(6) * 10})
        made.to_zarr(folder / "x.zarr", encoding={"t": {"chunks": (2, 3)}}, consolidated=False, zarr_format=3)

    keep_folder(fill, step="grid")
    with xr.open_zarr("consist://steps/grid/out/x.zarr", consolidated=False) as found:
        assert found["t"].sel(b=[0, 50]).to_numpy().tolist() == values[:, [0, 5]].tolist()
        assert found["n"].to_numpy().tolist() == [1, 2, 3, 4]
    group = zarr.open_group("consist://steps/grid/out/x.zarr", mode="r")
    assert sorted(group.array_keys()) == ["b", "n", "t"]
    assert np.array_equal(group["t"][1:3, 2:5], values[1:3, 2:5])


def test_zarr_leaves_out_chunks_that_were_never_written(fs, keep_folder):
    """A chunk that is not there is the fill value: the error must be the one that zarr takes for that."""
    import zarr

    def fill(folder):
        array = zarr.create_array(folder / "a.zarr", shape=(10,), chunks=(5,), dtype="i4", fill_value=7)
        array[:5] = range(5)

    keep_folder(fill)
    found = zarr.open_array("consist://steps/make/out/a.zarr", mode="r")
    assert found[:].tolist() == [0, 1, 2, 3, 4, 7, 7, 7, 7, 7]
    with pytest.raises(FileNotFoundError):
        zarr.open_array("consist://steps/make/out/b.zarr", mode="r")


def test_zarr_does_not_fill_in_a_chunk_that_was_lost(fs, keep_folder, home):
    import zarr

    def fill(folder):
        zarr.create_array(folder / "a.zarr", shape=(10,), chunks=(5,), dtype="i4", fill_value=7)[:] = range(10)

    run = keep_folder(fill)
    name = fs.ukey(f"runs/{run}/out/a.zarr/c/1")
    (home / "index.store" / "blobs" / name[:2] / name[2:]).unlink()
    found = zarr.open_array("consist://steps/make/out/a.zarr", mode="r")
    assert found[:5].tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(DamagedError):
        found[:]


def test_upath(fs, keep, keep_folder):
    from upath import UPath

    run = keep(b"content", step="other")
    keep_folder(lambda folder: (folder / "a.txt").write_text("text"))
    root = UPath("consist://steps")
    assert sorted(path.name for path in root.iterdir()) == ["make", "other"]
    file = root / "make" / "out" / "a.txt"
    assert (file.read_text(), file.name, file.suffix, str(file.parent)) == (
        "text",
        "a.txt",
        ".txt",
        "consist://steps/make/out",
    )
    assert (file.is_file(), file.parent.is_dir(), (root / "none").exists()) == (True, True, False)
    assert file.stat().st_size == 4
    assert UPath(f"consist://runs/{run}/out").read_bytes() == b"content"
    assert [str(path) for path in root.glob("*/out")] == ["consist://steps/make/out", "consist://steps/other/out"]
    with pytest.raises(PermissionError):
        file.write_text("x")


def test_upath_with_settings(keep, home, monkeypatch, tmp_path):
    from upath import UPath

    keep(b"content")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONSIST_DB")
    assert UPath("consist://steps/make/out", db_path=str(home / "index.lmdb")).read_bytes() == b"content"


def test_a_local_copy_by_fsspec(fs, keep, tmp_path):
    keep(b"content")
    with fsspec.open("simplecache::consist://steps/make/out", simplecache={"cache_storage": str(tmp_path)}) as stream:
        assert stream.read() == b"content"
