"""`cat --as`, `preview`, several paths of `get`, and which lines `ls` shows: against values that are written down."""

import csv
import io
import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import consist
from consist.cli.choosing import parse_filter
from consist.errors import UsageError
from consist.index.records import COMPLETED, RunRecord
from consist.store.publish import keep
from consist.store.sizes import parse_size

ROWS = 1500


@pytest.fixture
def tables(world):
    def make():
        return {
            "table": pd.DataFrame(
                {"n": range(ROWS), "name": ["a,b", 'say "c"', "\x1b[31m"] * (ROWS // 3), "x": [0.5, None, 2.0] * 500}
            ),
            "array": np.arange(12, dtype="int16").reshape(3, 4),
            "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
            "cube": np.zeros((2, 2, 2)),
            "one": np.array(7),
            "value": {"a": [1, 2], "b": None},
        }

    with consist.Tracker(run_dir="runs", db_path=world.db_path, durable=False) as tracker:
        tracker.run(make, name="make")
    return world


def test_a_table_as_csv_and_json_is_whole(tables, ask):
    rows = list(csv.reader(io.StringIO(ask("cat", "steps/make/table", "--as", "csv").out)))
    assert rows[0] == ["n", "name", "x"]
    assert len(rows) == ROWS + 1
    assert rows[1:4] == [["0", "a,b", "0.5"], ["1", 'say "c"', "NaN"], ["2", "\x1b[31m", "2.0"]]
    document = json.loads(ask("cat", "steps/make/table", "--as", "json").out)
    assert len(document) == ROWS
    assert document[1] == {"n": 1, "name": 'say "c"', "x": "NaN"}


def test_a_table_as_text_is_lines_that_steer_nothing(tables, ask):
    lines = ask("cat", "steps/make/table", "--as", "text").lines
    assert lines[0] == "n\tname\tx"
    assert lines[3] == "2\t\\x1b[31m\t2.0"
    assert len(lines) == ROWS + 1


def test_arrays_in_each_form(tables, ask, call):
    assert ask("cat", "steps/make/array", "--as", "csv").out == "0,1,2,3\n4,5,6,7\n8,9,10,11\n"
    assert json.loads(ask("cat", "steps/make/columns", "--as", "json").out) == [[0, 1, 2], [3, 4, 5]]
    assert ask("cat", "steps/make/array", "--as", "text").lines[0] == "int16 3 x 4"
    assert json.loads(ask("cat", "steps/make/one", "--as", "json").out) == [7]
    answer = call("cat", "steps/make/cube", "--as", "csv", "--db-path", tables.db_path)
    assert answer.code == 2
    assert "3 dimensions" in answer.err


def test_values_and_bytes_in_each_form(tables, ask, call):
    assert json.loads(ask("cat", "steps/make/value", "--as", "json").out) == {"a": [1, 2], "b": None}
    assert ask("cat", "steps/clean/note", "--as", "text").out == "fine — all of it\n"
    assert ask("cat", "steps/clean/raw", "--as", "text").out == "\\x00\\xff\n"
    assert ask("cat", "steps/clean/table", "--as", "text").out == "a,b\n" + "1,2\n" * 3
    for path, form in (("steps/make/value", "csv"), ("steps/clean/raw", "json"), ("steps/clean/note", "xml")):
        answer = call("cat", path, "--as", form, "--db-path", tables.db_path)
        assert (answer.code, answer.out) == (2, "")
    assert call("cat", "steps/make/value", "--as", "json", "--raw", "--db-path", tables.db_path).code == 2


def test_a_file_is_what_its_name_says(tables, world, ask, call):
    pd.DataFrame({"z": [1, 2]}).to_parquet("mine.parquet")
    np.save("mine.npy", np.array([1, 2]))
    (world.folder / "false.parquet").write_bytes(b"PAR1 not at all PAR1")
    (world.folder / "false.npy").write_bytes(b"\x93NUMPY\x01\x00\x10\x00{'descr': 'O'}  ")
    for name in ("mine.parquet", "mine.npy", "false.parquet", "false.npy"):
        ask("put", name)
    assert ask("cat", "steps/put/mine.parquet", "--as", "csv").out == "z\n1\n2\n"
    assert ask("cat", "steps/put/mine.npy", "--as", "csv").out == "1\n2\n"
    for name in ("false.parquet", "false.npy"):
        answer = call("preview", f"steps/put/{name}", "--db-path", world.db_path)
        assert (answer.code, answer.out) == (1, "")
        assert "is no" in answer.err


def test_preview_of_each_kind(tables, ask):
    def document(path, *options):
        return json.loads(ask("preview", path, "--json", *options).out)

    table = document("steps/make/table", "--rows", "2")
    assert (table["kind"], table["rows"], table["whole"]) == ("table", ROWS, False)
    assert table["columns"][0] == {"name": "n", "type": "int64"}
    assert table["head"] == [[0, "a,b", 0.5], [1, 'say "c"', "NaN"]]
    array = document("steps/make/array", "--rows", "1")
    assert (array["dtype"], array["dimensions"], array["head"], array["whole"]) == (
        "int16",
        [3, 4],
        [[0, 1, 2, 3]],
        False,
    )
    assert document("steps/make/value")["head"] == {"a": [1, 2], "b": None}
    assert document("steps/clean/table")["head"] == "a,b\n" + "1,2\n" * 3
    big = document("steps/big/value")
    assert (big["kind"], big["whole"], len(big["head"])) == ("bytes", False, 160)
    lines = ask("preview", "steps/make/table", "--rows", "1").lines
    assert lines[3:] == [
        "rows\t1500",
        "column\tn\tint64",
        "column\tname\tlarge_string",
        "column\tx\tdouble",
        "",
        "n\tname\tx",
        "0\ta,b\t0.5",
        "…",
    ]


def test_preview_reads_only_what_it_shows(world, ask, monkeypatch):
    from consist.blobs.blobstore import BlobStore

    monkeypatch.setattr(BlobStore, "read", None)
    assert ask("preview", "steps/big/value").lines[0] == "kind\tbytes"


def spoil(world, digest, where):
    """Change a byte at a share of what holds a large blob."""
    file = world.blob(digest)
    file.chmod(0o600)
    data = bytearray(file.read_bytes())
    data[int(len(data) * where)] ^= 1
    file.write_bytes(data)


def test_preview_of_a_table_reads_its_first_pages_only(world, ask, call):
    with consist.Tracker(run_dir="runs", db_path=world.db_path) as tracker:
        noise = np.random.default_rng(3).random((500_000, 2))
        made = tracker.run(lambda: pd.DataFrame(noise, columns=["a", "b"]), name="noise")
    place = ("--db-path", world.db_path)
    before = ask("preview", "steps/noise/value").out
    spoil(world, made.outputs["value"].digest.hex, 0.25)  # in the first column, far behind its first rows
    assert ask("preview", "steps/noise/value").out == before
    answer = call("cat", "steps/noise/value", "--as", "csv", *place)
    assert answer.code == 1
    assert answer.err.count("\n") == 1


def test_cat_writes_what_it_has_read_before_it_reads_on(world, call):
    noise = random.Random(5).randbytes(6 << 20)  # noqa: S311 - bytes that differ
    Path("noise").write_bytes(noise)
    digest = call("put", "noise", "--db-path", world.db_path).out.strip()
    spoil(world, digest, 0.9)
    answer = subprocess.run(
        [sys.executable, "-m", "consist", "cat", f"blobs/{digest}", "--db-path", world.db_path],
        capture_output=True,
        check=False,
    )
    assert answer.returncode == 1
    assert answer.stderr.count(b"\n") == 1
    assert len(noise) // 2 < len(answer.stdout) < len(noise)
    assert noise.startswith(answer.stdout)


def test_of_a_long_array_twenty_rows_are_shown_as_text(world, ask):
    with consist.Tracker(run_dir="runs", db_path=world.db_path) as tracker:
        tracker.run(lambda: {"long": np.arange(25), "fits": np.arange(20)}, name="rows")
    rows = [str(number) for number in range(20)]
    assert ask("cat", "steps/rows/long", "--as", "text").lines == ["int64 25", *rows, "… 5 more"]
    assert ask("cat", "steps/rows/fits", "--as", "text").lines == ["int64 20", *rows]
    assert len(ask("cat", "steps/rows/long", "--as", "csv").lines) == 25


def test_preview_of_a_wide_array_shows_the_beginning_of_each_row(world, ask):
    with consist.Tracker(run_dir="runs", db_path=world.db_path) as tracker:
        tracker.run(lambda: np.zeros((2, 100_000)), name="wide")
    *_, one, other = ask("preview", "steps/wide/value").lines
    assert one == other == "0.0 " * 500 + "…"


def test_ls_sorts_by_time_the_newest_first_and_what_has_none_last(world, ask):
    times = {"c" * 20: 3, "a" * 20: 1, "d" * 20: 2, "b" * 20: 2}
    for run_id, at in times.items():
        keep(world.open(), RunRecord(run_id, None, "timed", COMPLETED, at * 1_000_000, at * 1_000_000 + 1))
    listed = ask("ls", "runs", "--sort", "time").lines
    assert listed[-4:] == ["c" * 20, "b" * 20, "d" * 20, "a" * 20]
    assert listed[0] == world.runs["fail"].id
    assert ask("ls", "runs", "--sort", "time", "--limit", "1").lines == listed[:1]
    assert ask("ls", "steps", "--sort", "time").lines == ["fail", "big", "summarise", "clean", "timed"]
    assert ask("ls", "--sort", "time").lines == ["blobs", "runs", "steps"]


def test_several_paths_go_into_a_folder(world, ask, call):
    (world.folder / "to").mkdir()
    assert ask("get", "steps/clean/rows", "steps/clean/note", "to").lines == ["to/rows.msgpack", "to/note.msgpack"]
    assert ask("get", "steps/clean/raw", "--to", "to").lines == ["to/raw.bin"]
    assert (world.folder / "to" / "raw.bin").read_bytes() == b"\x00\xff\n"
    before = sorted(path.name for path in world.folder.rglob("*"))
    for arguments, said in (
        (("steps/clean/rows", "steps/clean/note", "nowhere"), "there is no folder nowhere"),
        (("steps/clean/rows", f"runs/{world.runs['clean'].id}/rows", "."), "two of them would be called"),
    ):
        answer = call("get", *arguments, "--db-path", world.db_path)
        assert (answer.code, answer.out) == (2, "")
        assert said in answer.err
    assert sorted(path.name for path in world.folder.rglob("*")) == before


def test_ls_sorts_and_filters(tables, ask):
    path = "steps/make"
    by_size = [line.rstrip("/") for line in ask("ls", path, "--sort", "size").lines]
    sizes = {each["name"]: each["size"] for each in json.loads(ask("ls", path, "--json").out)["entries"]}
    assert by_size == sorted(sizes, key=lambda name: (-sizes[name], name))
    assert ask("ls", path, "--sort", "name").lines == sorted(sizes)
    assert ask("ls", path, "--filter", "format=npy", "--sort", "name").lines == ["array", "columns", "cube", "one"]
    assert ask("ls", path, "--filter", "size>1KiB", "--filter", "name~tab").lines == ["table"]
    assert ask("ls", path, "--filter", "time<2020-01-01").lines == []
    assert ask("ls", path, "--sort", "size", "--limit", "1").lines == ["table"]
    assert "3.0 MiB" in ask("ls", "steps/big", "-h").out
    assert str(3 << 20) in ask("ls", "steps/big", "-l").out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("siez>1", "did you mean 'size'"),
        ("size", "no filter"),
        ("size>much", "no size"),
        ("time>yesterday", "no time"),
        ("size~1", "finds nothing"),
        ("", "no filter"),
    ],
)
def test_a_wrong_filter_is_told_before_anything_is_listed(world, call, text, said):
    answer = call("ls", "runs", "--filter", text, "--db-path", world.db_path)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    with pytest.raises(UsageError):
        parse_filter(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("1B", 1), ("2k", 2048), ("2kB", 2000), ("1.5MiB", 1572864), ("1 GB", 10**9), ("3T", 3 << 40)],
)
def test_sizes_have_units_of_ten_and_of_two(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["10iB", "10i", "10 ibytes", "10KKB", "10Bi", "-1", "1e3", ""])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(UsageError, match="is no size"):
        parse_size(text)
