"""What a store looks like as a filesystem, against what was put into it by plain Python."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import pickle
import random
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import fsspec
import pytest
from blake3 import blake3
from fsspec.callbacks import Callback

from consist import errors
from consist.fs import ConsistFileSystem
from consist.store.opening import open_store
from consist.testing.together import in_threads
from tests.fs.callbacks import Steps
from tests.harm import harmed

FILES = {"a.csv": b"a,b\n1,2\n", "sub/b.csv": b"a,b\n3,4\n", "sub/deep/c.bin": bytes(range(256)) * 100}
ROOT_DIR = Path(__file__).parents[2]
ROOT = str(ROOT_DIR)
BIG = random.Random(3).randbytes(3 << 20)  # noqa: S311 - any bytes


def fill(folder):
    for name, data in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / "empty").mkdir()


@pytest.fixture
def tree(keep_folder):
    return f"runs/{keep_folder(fill)}/out"


def hex_of(data):
    return blake3(data).hexdigest()


# Looking --------------------------------------------------------------------------------------------------------------


def test_the_areas(fs):
    for root in ("", "/", "consist://", "consist:///"):
        assert fs.ls(root, detail=False) == ["blobs", "runs", "steps"]
        assert fs.info(root)["type"] == "directory"


def test_info_says_all_that_is_known(fs, keep):
    before = datetime.now(UTC)
    run = keep(b"content")
    for path in (f"runs/{run}/out", "steps/make/out", f"runs/{run[:9]}/out"):
        info = fs.info(f"consist://{path}")
        created = info.pop("created")
        assert info.pop("mtime") == created
        assert before.timestamp() - 1 < created < datetime.now(UTC).timestamp() + 1
        assert fs.created(path) == fs.modified(path) == datetime.fromtimestamp(created, UTC)
        assert info == {
            "name": path,
            "type": "file",
            "size": 7,
            "digest": hex_of(b"content"),
            "format": "bytes",
            "run": run,
            "step": "make",
            "stored": "inline",
        }


def test_info_is_what_ls_says(fs, keep, tree):
    keep(BIG, step="other")
    for folder in ("", "steps", "steps/make", tree, f"{tree}/sub", "blobs"):
        for entry in fs.ls(folder):
            assert fs.info(entry["name"]) | {"digest": ...} == entry | {"digest": ...}
            assert entry.get("digest", "") in fs.info(entry["name"]).get("digest", "")


INFO = (ROOT_DIR / "docs" / "how-to" / "read-from-other-tools.md").read_text(encoding="utf-8")


def said_of_info():
    """Return the table of the page: for each kind of path what its info has beside name, type and size."""
    _, _, table = INFO.partition("| a path to |")
    heads, _, *lines = table.partition("\n\n")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    keys = [head.strip(" `") for head in heads.strip("|").split("|")]
    return {name: {key: cell for key, cell in zip(keys, cells, strict=True) if cell} for name, *cells in rows}


def test_what_info_has_of_each_kind_of_path_is_what_the_page_says(fs, keep, tree):
    keep(b"small", step="small")
    run = tree.split("/")[1]
    kinds = {
        "an area: `blobs`": ("", "blobs"),
        "a step": ("steps", "steps/make"),
        "a run": ("runs", f"runs/{run}"),
        "an output": ("steps/small", "steps/small/out"),
        "an output that is a folder": ("steps/make", "steps/make/out"),
        "a file in it": (f"{tree}/sub", f"{tree}/sub/b.csv"),
        "a folder in it": (tree, f"{tree}/sub"),
        "a blob that is an object": ("blobs", f"blobs/{hex_of(FILES['a.csv'])}"),
        "a blob in a record": ("blobs", f"blobs/{hex_of(b'small')}"),
    }
    said = said_of_info()
    assert said.keys() == kinds.keys()
    for kind, (folder, path) in kinds.items():
        info = fs.info(path)
        common = {"name", "type", "size"} | ({"mtime"} if "created" in info else set())
        assert info.keys() - common == said[kind].keys(), kind
        for key, cell in said[kind].items():
            if cell.startswith("`"):
                assert info[key] == cell.strip("`"), kind
        (listed,) = (each for each in fs.ls(folder) if each["name"] == path)
        only_info = {key for key, cell in said[kind].items() if cell == "not in `ls`"}
        assert listed == {key: value for key, value in info.items() if key not in only_info}, kind


def test_a_folder_is_a_directory_of_the_size_of_its_files(fs, tree):
    info = fs.info(tree)
    assert (info["type"], info["size"], info["format"]) == ("directory", sum(map(len, FILES.values())), "tree")
    assert fs.info(f"{tree}/sub")["size"] == sum(len(data) for name, data in FILES.items() if name.startswith("sub/"))
    assert fs.info(f"{tree}/empty")["type"] == "directory"
    file = fs.info(f"{tree}/sub/deep/c.bin")
    assert (file["type"], file["size"], file["digest"], file["format"]) == (
        "file",
        25_600,
        hex_of(FILES["sub/deep/c.bin"]),
        "file",
    )


def test_finding_and_walking_a_folder(fs, tree):
    assert fs.find(tree) == [f"{tree}/{name}" for name in sorted(FILES)]
    assert fs.find(tree, maxdepth=1) == [f"{tree}/a.csv"]
    folders = [tree, f"{tree}/empty", f"{tree}/sub", f"{tree}/sub/deep"]
    assert fs.find(tree, withdirs=True) == sorted([*folders, *(f"{tree}/{name}" for name in FILES)])
    assert list(fs.walk(tree)) == [
        (tree, ["empty", "sub"], ["a.csv"]),
        (f"{tree}/empty", [], []),
        (f"{tree}/sub", ["deep"], ["b.csv"]),
        (f"{tree}/sub/deep", [], ["c.bin"]),
    ]
    assert list(fs.walk("runs/nothing")) == []
    assert fs.du(tree) == sum(map(len, FILES.values()))
    assert fs.du(tree, total=False, maxdepth=1, withdirs=True) == {
        tree: 0,
        f"{tree}/empty": 0,
        f"{tree}/sub": 0,
        f"{tree}/a.csv": 8,
    }


def test_globs(fs, keep, tree):
    keep(b"x", step="other")
    assert fs.glob(f"{tree}/**/*.csv") == [f"{tree}/a.csv", f"{tree}/sub/b.csv"]
    assert fs.glob("steps/*/out") == ["steps/make/out", "steps/other/out"]
    assert fs.glob("consist://steps/m*") == ["steps/make"]
    assert fs.glob("steps/x*") == []


def test_what_is_there(fs, tree):
    for path, is_folder in (
        ("", 1),
        ("steps", 1),
        ("steps/make", 1),
        (tree, 1),
        (f"{tree}/sub/", 1),
        (f"{tree}/a.csv", 0),
    ):
        assert (fs.exists(path), fs.isdir(path), fs.isfile(path)) == (True, bool(is_folder), not is_folder)
    for path in (
        "x",
        "steps/x",
        "runs/zzz",
        "blobs/zz",
        f"{tree}/x",
        f"{tree}/a.csv/x",
        "steps//make",
        "s3://bucket/x",
    ):
        assert (fs.exists(path), fs.isdir(path), fs.isfile(path)) == (False, False, False)
        with pytest.raises(FileNotFoundError) as caught:
            fs.info(path)
        assert isinstance(caught.value, errors.NotFoundError)


def test_a_prefix_that_several_runs_have_is_no_file(fs, keep):
    ids = [keep(b"x", number=number) for number in range(17)]
    first = next(run[0] for run in ids if sum(other.startswith(run[0]) for other in ids) > 1)
    with pytest.raises(errors.AmbiguousPrefixError):
        fs.open(f"runs/{first}/out")
    assert not fs.exists(f"runs/{first}/out")


def test_blobs_by_digest_and_prefix(fs, keep):
    keep(BIG)
    keep(b"small", key="small", number=1)
    for data in (BIG, b"small"):
        digest = hex_of(data)
        assert f"blobs/{digest}" in fs.ls("blobs", detail=False)
        assert fs.cat(f"blobs/{digest}") == fs.cat(f"blobs/{digest[:16]}") == data
        info = fs.info(f"blobs/{digest[:16]}")
        assert (info["name"], info["digest"], info["size"]) == (f"blobs/{digest[:16]}", digest, len(data))
        assert fs.run_url(f"blobs/{digest[:16]}") == f"consist://blobs/{digest}"
    assert fs.modified(f"blobs/{hex_of(BIG)}") <= datetime.now(UTC)
    with pytest.raises(errors.UnsupportedError):
        fs.created(f"blobs/{hex_of(b'small')}")


def test_the_digest_is_checksum_and_key(fs, keep, tree):
    keep(b"content", step="other")
    assert fs.ukey("steps/other/out") == hex_of(b"content")
    assert fs.checksum("steps/other/out") == int(hex_of(b"content"), 16)
    assert fs.ukey(f"{tree}/a.csv") == hex_of(FILES["a.csv"])
    with pytest.raises(IsADirectoryError):
        fs.ukey("steps/other")


# Reading --------------------------------------------------------------------------------------------------------------


def test_a_file_is_read_like_any_other(fs, keep):
    for number, data in enumerate((b"", b"small", BIG)):
        keep(data, number=number)
        with fs.open("steps/make/out") as stream:
            oracle = io.BytesIO(data)
            assert (stream.size, stream.readable(), stream.seekable()) == (len(data), True, True)
            for offset, whence, count in ((0, 0, 3), (-4, 2, 9), (1 << 20, 0, 70_000), (2, 1, -1), (0, 0, -1)):
                if whence != os.SEEK_END or len(data) >= 4:
                    assert stream.seek(offset, whence) == oracle.seek(offset, whence)
                assert stream.read(count) == oracle.read(count)


def test_text_and_compression(fs, keep):
    import gzip

    keep("über\r\n".encode())
    assert fs.read_text("steps/make/out", encoding="utf-8", newline="") == "über\r\n"
    with fs.open("steps/make/out", "rt", encoding="latin-1") as stream:
        assert stream.read() == "Ã¼ber\n"
    keep(gzip.compress(b"packed"), step="gz")
    with fs.open("steps/gz/out", compression="gzip") as stream:
        assert stream.read() == b"packed"
    assert fs.head("steps/make/out", 2) == "ü".encode()
    assert fs.tail("steps/make/out", 2) == b"\r\n"
    assert fs.read_block("steps/make/out", 0, 3, b"\n") == "über\r\n".encode()


def test_parts_are_slices(fs, keep, tree):
    keep(BIG, step="big")
    keep(b"small", step="small")
    contents = {"steps/big/out": BIG, "steps/small/out": b"small", f"{tree}/a.csv": FILES["a.csv"]}
    parts = [(None, None), (0, 2), (2, None), (-3, None), (1, -1), (3, 2), (1_000_000, 2_500_000), (0, 1 << 40)]
    for path, data in contents.items():
        assert [fs.cat_file(path, *part) for part in parts] == [data[start:end] for start, end in parts]
    paths = [path for path in contents for _ in parts]
    starts, ends = zip(*parts * len(contents), strict=True)
    assert fs.cat_ranges(paths, list(starts), list(ends)) == [
        contents[path][start:end] for path, start, end in zip(paths, starts, ends, strict=True)
    ]
    assert fs.cat_ranges(list(contents), 1, 3) == [data[1:3] for data in contents.values()]


def test_parts_of_what_cannot_be_read(fs, keep):
    keep(b"small")
    good, missing, folder = fs.cat_ranges(["steps/make/out", "steps/none/out", "steps/make"], 0, 2)
    assert good == b"sm"
    assert isinstance(missing, FileNotFoundError)
    assert isinstance(folder, IsADirectoryError)
    with pytest.raises(FileNotFoundError):
        fs.cat_ranges(["steps/make/out", "steps/none/out"], 0, 2, on_error="raise")
    with pytest.raises(TypeError):
        fs.cat_ranges("steps/make/out", 0, 2)
    with pytest.raises(ValueError, match="2 starts or ends for 1 paths"):
        fs.cat_ranges(["steps/make/out"], [0, 1], 2)


def test_cat_of_several(fs, keep, tree):
    keep(b"x", step="other")
    assert fs.cat([f"{tree}/a.csv", "steps/other/out"]) == {f"{tree}/a.csv": FILES["a.csv"], "steps/other/out": b"x"}
    assert fs.cat(tree, recursive=True) == {f"{tree}/{name}": data for name, data in FILES.items()}
    assert fs.cat("steps/oth*/out") == {"steps/other/out": b"x"}
    assert fs.cat("steps/other/out", recursive=True) == fs.cat("consist://steps/other/out/") == b"x"
    assert fs.cat("steps/other", recursive=True) == {"steps/other/out": b"x"}
    assert fs.cat("steps/make/out/sub/*.csv") == {"steps/make/out/sub/b.csv": FILES["sub/b.csv"]}
    assert fs.cat(f"{tree}/empty", recursive=True) == {}
    with pytest.raises(FileNotFoundError):
        fs.cat(["steps/other/out", "steps/none/out"])
    assert fs.cat(["steps/other/out", "steps/none/out"], on_error="omit") == {"steps/other/out": b"x"}
    assert isinstance(fs.cat(["steps/none/out"], on_error="return")["steps/none/out"], FileNotFoundError)
    with pytest.raises(IsADirectoryError):
        fs.cat(tree)


def test_a_folder_cannot_be_opened(fs, tree):
    for path in ("", "runs", "steps", "steps/make", tree, f"{tree}/sub", "blobs"):
        with pytest.raises(IsADirectoryError):
            fs.open(path)


def test_an_open_file_stays_what_it_was(fs, keep):
    """A path in `steps` means another run from one moment to the next; a reader keeps the one that it opened."""
    keep(BIG)
    first = fs.run_url("steps/make/out")
    with fs.open("steps/make/out") as stream:
        head = stream.read(1000)
        keep(BIG[::-1], number=1)
        assert fs.cat_file("steps/make/out", 0, 1000) == BIG[::-1][:1000]
        assert head + stream.read() == BIG
    assert fs.cat_file(first) == BIG


class Racing(ConsistFileSystem):
    """A filesystem before whose every read another run of the step completes."""

    between = staticmethod(lambda: None)

    def _file(self, path):
        found = super()._file(path)
        self.between()
        return found

    def expand_path(self, *args, **kwargs):
        found = super().expand_path(*args, **kwargs)
        self.between()
        return found


@pytest.mark.parametrize("way", ["get", "get several", "cat", "cat a glob", "cat several", "cat_ranges"])
def test_what_is_read_together_is_of_one_run(fs, keep_folder, home, files, way):
    numbers = iter(range(100))

    def between():
        number = next(numbers)
        contents = {name: b"%d of " % number + name.encode() for name in ("a", "b", f"only-{number}")}
        keep_folder(
            lambda folder: [(folder / name).write_bytes(data) for name, data in contents.items()], number=number
        )

    between()
    racing = Racing()
    racing.between = between
    folder, several = "steps/make/out", ["steps/make/out/a", "steps/make/out/b"]
    if way == "get":
        racing.get(folder, str(home / "copy"), recursive=True)
        found = files(home / "copy")
    elif way == "get several":
        racing.get(several, str(home / "copy") + "/")
        found = files(home / "copy")
    elif way == "cat_ranges":
        found = dict(zip(several, racing.cat_ranges(several, None, None), strict=True))
    else:
        asked = {"cat": folder, "cat a glob": f"{folder}/*", "cat several": several}[way]
        found = racing.cat(asked, recursive=way == "cat")
        assert all(name.startswith(f"{folder}/") for name in found)
    assert len(found) == (3 if way in {"get", "cat", "cat a glob"} else 2)
    assert len({data.split()[0] for data in found.values()}) == 1


def test_the_url_by_run_of_what_a_step_made(fs, keep, tree):
    assert fs.run_url("steps/make/out/sub/b.csv") == f"consist://{tree}/sub/b.csv"
    assert fs.run_url(f"{tree[:12]}/out") == f"consist://{tree}"
    for path in ("", "steps", "steps/make", "runs", tree.removesuffix("/out"), "blobs"):
        with pytest.raises(errors.FolderError):
            fs.run_url(path)


def test_where_the_bytes_lie(fs, keep, tree):
    url = fs.object_url(f"{tree}/sub/deep/c.bin")
    assert Path(url).read_bytes() == FILES["sub/deep/c.bin"]
    keep(b"inline", step="small")
    keep(BIG, step="big")
    for path in ("steps/small/out", "steps/big/out"):
        with pytest.raises(errors.UnsupportedError, match="no object of its own"):
            fs.object_url(path)
    with pytest.raises(IsADirectoryError):
        fs.object_url(tree)


def test_damage_is_never_read(fs, keep, home):
    data = bytes(100_000)
    keep(data)
    name = hex_of(data)
    path = home / "index.store" / "blobs" / name[:2] / name[2:]
    path.chmod(0o600)
    path.write_bytes(harmed(data))
    for read in (fs.cat_file, fs.open, lambda path: fs.get_file(path, "copy")):
        with pytest.raises(errors.DamagedError):
            read("steps/make/out")
    assert not (home / "copy").exists()


def test_what_is_lost_is_damage_and_no_missing_file(fs, keep, tree, home):
    """A tool may take a missing file for emptiness, and must not take that for it which a record says was there."""
    data = bytes(100_000)
    keep(data, step="other")
    keep(BIG, step="big")

    def lose(content, area="blobs"):
        name = hex_of(content)
        (home / "index.store" / area / name[:2] / name[2:]).unlink()

    lose(data)
    lose(BIG, "manifests")
    lose(FILES["sub/b.csv"])
    for path in ("steps/other/out", "steps/big/out", f"{tree}/sub/b.csv"):
        assert fs.isfile(path)
        reads = (
            fs.cat_file,
            fs.open,
            lambda path: fs.get_file(path, "copy"),
            lambda path: fs.get_file(path, io.BytesIO()),
        )
        for read in (*reads, lambda path: fs.cat_ranges([path], 0, 1, on_error="raise")):
            with pytest.raises(errors.DamagedError):
                read(path)
    assert not (home / "copy").exists()
    name = fs.ukey(tree)
    (home / "index.store" / "blobs" / name[:2] / name[2:]).unlink()
    fs.clear_instance_cache()
    again = fsspec.filesystem("consist")  # which has not read the tree before
    for look in (again.ls, again.find, again.du, lambda path: again.exists(f"{path}/a.csv")):
        with pytest.raises(errors.DamagedError):
            look(tree)


# Copying out ----------------------------------------------------------------------------------------------------------


class Seen(Callback):
    """Notes what it is told, and makes notes for each file."""

    def __init__(self):
        super().__init__()
        self.children = {}

    def branched(self, path_1, path_2, **_):
        self.children[path_1, path_2] = Seen()
        return self.children[path_1, path_2]


def test_a_folder_is_copied_out(fs, tree, home, files):
    seen = Seen()
    fs.get(tree, str(home / "copy"), recursive=True, callback=seen)
    assert {name: data for name, data in files(home / "copy").items() if data is not None} == FILES
    assert (home / "copy" / "empty").is_dir()
    assert (seen.size, seen.value) == (len(seen.children), len(seen.children))
    told = {Path(source).name: (child.size, child.value) for (source, _), child in seen.children.items()}
    assert {name: told[name] for name in ("a.csv", "b.csv", "c.bin")} == {
        "a.csv": (8, 8),
        "b.csv": (8, 8),
        "c.bin": (25_600, 25_600),
    }


def test_a_copy_replaces_a_file_whole(fs, keep, home):
    keep(BIG)
    (home / "copy").write_bytes(b"old")
    (home / "link").symlink_to("copy")
    fs.get_file("steps/make/out", str(home / "link"))
    assert ((home / "link").read_bytes(), (home / "link").is_symlink(), (home / "copy").read_bytes()) == (
        BIG,
        False,
        b"old",
    )
    fs.get_file("steps/make/out", home / "new" / "folders" / "copy")
    assert (home / "new" / "folders" / "copy").read_bytes() == BIG
    with pytest.raises(errors.RefusedError):
        fs.get_file("steps/make/out", str(home / "new"))
    assert not list(home.glob(".consist-*"))


def test_an_executable_file_stays_one(fs, keep_folder, home):
    def make(folder):
        (folder / "run.sh").write_text("#!/bin/sh\n")
        (folder / "run.sh").chmod(0o755)

    keep_folder(make)
    fs.get("steps/make/out", str(home / "copy"), recursive=True)
    assert os.access(home / "copy" / "run.sh", os.X_OK)


def test_a_copy_into_an_open_file(fs, keep):
    keep(BIG)
    target, seen = io.BytesIO(), Callback()
    fs.get_file("steps/make/out", target, callback=seen)
    assert (target.getvalue() == BIG, seen.size, seen.value) == (True, len(BIG), len(BIG))
    outfile = io.BytesIO()
    fs.get_file("steps/make/out", outfile=outfile)
    assert outfile.getvalue() == BIG
    with pytest.raises(IsADirectoryError):
        fs.get_file("steps/make", io.BytesIO())


def test_progress_of_what_is_read_into_memory(fs, keep, tree):
    keep(BIG, step="big")

    def told(read, *args, **kwargs):
        seen = Steps()
        found = read(*args, callback=seen, **kwargs)
        return found, seen.size, sum(seen.told), len(seen.told)

    for read in (fs.cat, fs.cat_file):
        data, size, value, times = told(read, "steps/big/out")
        assert (data == BIG, size, value) == (True, len(BIG), len(BIG))
        assert times >= 3, "a piece at a time"
    assert told(fs.cat_file, "steps/big/out", start=5, end=9) == (BIG[5:9], 4, 4, 1)
    several = {f"{tree}/{name}": data for name, data in FILES.items()}
    assert told(fs.cat, tree, recursive=True)[0] == several
    assert told(fs.cat, list(several)) == (several, 3, 3, 3)
    parts = told(fs.cat_ranges, [f"{tree}/a.csv"] * 2 + [f"{tree}/sub/b.csv"], starts=0, ends=1)
    assert parts == ([b"a"] * 3, 2, 2, 2)
    with pytest.raises(FileNotFoundError):
        fs.cat("steps/none/out", callback=Steps())


# Instances ------------------------------------------------------------------------------------------------------------


def test_one_instance_for_one_place(fs, home, monkeypatch, tmp_path):
    assert fsspec.filesystem("consist") is fs
    assert ConsistFileSystem(db_path="index.lmdb") is fs
    assert ConsistFileSystem(None, home / "index.lmdb") is fs
    assert fsspec.filesystem("consist", asynchronous=True, use_listings_cache=True) is fs
    other = ConsistFileSystem(store="elsewhere")
    assert other is not fs
    assert other != fs
    assert ConsistFileSystem(home / "elsewhere") is other
    monkeypatch.setenv("CONSIST_DB", str(tmp_path / "other.lmdb"))
    assert fsspec.filesystem("consist") is not fs
    assert ConsistFileSystem(store="elsewhere", skip_instance_cache=True) is not ConsistFileSystem(store="elsewhere")


def test_an_instance_is_named_alike_in_all_processes(fs, home):
    """By which dask knows that two tasks read the same."""
    code = "import fsspec; from consist.fs import ConsistFileSystem as F; print(F(db_path='index.lmdb')._fs_token)"
    environment = {**os.environ, "PYTHONPATH": ROOT}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=environment, cwd=home)
    assert done.stdout.decode().strip() == fs._fs_token
    assert ConsistFileSystem.current() is fs


def test_settings_of_fsspec_itself(home, monkeypatch):
    monkeypatch.setitem(fsspec.config.conf, "consist", {"store": "from-fsspec"})
    assert ConsistFileSystem() is ConsistFileSystem(store=home / "from-fsspec")


def test_unknown_settings_are_errors(home):
    with pytest.raises(errors.SettingsError, match="no setting 'stor'"):
        fsspec.filesystem("consist", stor="x")
    with pytest.raises(errors.SettingsError):
        ConsistFileSystem("a", "b", {}, "c")


def test_it_means_the_same_elsewhere(fs, keep, tmp_path, monkeypatch):
    keep(b"content")
    relative = ConsistFileSystem(db_path="index.lmdb")
    kept = pickle.dumps(relative)
    as_json = relative.to_json()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONSIST_DB")
    assert relative.cat("steps/make/out") == b"content"
    for again in (pickle.loads(kept), fsspec.AbstractFileSystem.from_json(as_json)):  # noqa: S301 - our own bytes
        assert again == relative
        assert again.cat("steps/make/out") == b"content"


def test_secrets_are_not_shown(home):
    fs = ConsistFileSystem("s3://user:secret@bucket/store", storage_options={"secret": "secret"})
    assert "secret" not in repr(fs) + str(fs) + repr(vars(fs).get("_opened"))


def test_a_spawned_process_reads(fs, keep):
    keep(BIG)
    code = (
        "import pickle, sys; from blake3 import blake3\n"
        "fs = pickle.loads(sys.stdin.buffer.read())\n"
        "print(blake3(fs.cat('steps/make/out')).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps(fs),
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": ROOT},
    )
    assert done.stdout.decode().strip() == hex_of(BIG)


def test_a_forked_process_has_an_instance_of_its_own_and_may_use_its_parents(fs, keep):
    keep(BIG)
    assert fs.cat("steps/make/out") == BIG  # so that everything is open
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        answer = {}
        try:
            own = fsspec.filesystem("consist")
            answer = {
                "new": own is not fs,
                "own": own.cat("steps/make/out") == BIG,
                "old": fs.cat("steps/make/out") == BIG,
            }
        finally:
            os.write(writing, json.dumps(answer).encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        assert json.loads(stream.read()) == {"new": True, "own": True, "old": True}
    os.waitpid(child, 0)
    assert fs.cat("steps/make/out") == BIG


def test_threads_share_an_instance(fs, keep, tree):
    keep(BIG, step="big")

    def read(number):
        own = fsspec.filesystem("consist")
        return own is fs, own.cat_file("steps/big/out", number, number + 500), own.cat(f"{tree}/a.csv")

    found = in_threads([partial(read, number) for number in range(8)])
    assert found == [(True, BIG[number : number + 500], FILES["a.csv"]) for number in range(8)]


@pytest.mark.parametrize("way", ["spawn", "forkserver", "fork"])
def test_a_pool_of_processes_reads_by_an_instance_that_is_sent_to_it(fs, keep, way, monkeypatch):
    keep(BIG)
    monkeypatch.setenv("PYTHONPATH", ROOT)
    starts = [number * 300_000 for number in range(8)]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(way)) as pool:
        parts = pool.map(fs.cat_file, ["steps/make/out"] * 8, starts, [start + 999 for start in starts])
        assert list(parts) == [BIG[start : start + 999] for start in starts]


def test_threads_read_the_same_file_and_others_at_once(fs, keep):
    """An open file is each thread's own; large ones have their manifests and packs in common."""
    contents = {f"steps/part{number}/out": BIG[number * 1000 :] for number in range(4)}
    for path, data in contents.items():
        keep(data, step=path.split("/")[1])

    def read(number):
        path, data = list(contents.items())[number % 2 and number // 2]  # four of them the same
        with fs.open(path) as stream:
            stream.seek(number * 1000)
            pieces = [stream.read(100_000) for _ in range(3)]
        return b"".join(pieces) == data[number * 1000 :][:300_000], fs.cat(path) == data

    assert in_threads([partial(read, number) for number in range(8)]) == [(True, True)] * 8


def test_the_name_of_the_store(fs, open_here):
    assert fs.fsid == f"consist-{open_here().config.id}"


# Where nothing is -----------------------------------------------------------------------------------------------------


def test_nothing_is_made_by_reading(home):
    fs = fsspec.filesystem("consist")
    with pytest.raises(errors.NotFoundError, match="there is no index") as caught:
        fs.ls("")
    assert not isinstance(caught.value, FileNotFoundError)  # which tools take for emptiness
    assert list(home.iterdir()) == []


def test_a_store_that_is_gone_is_no_empty_one(fs, keep, home):
    keep(b"x")
    (home / "index.store").rename(home / "away")
    again = ConsistFileSystem(store="index.store", db_path="index.lmdb")
    for look in (again.exists, again.isdir, again.isfile, again.find, again.glob):
        with pytest.raises(errors.NotFoundError, match="there is no store"):
            look("steps")


def test_an_index_that_lacks_runs_says_so(fs, keep, home, monkeypatch):
    keep(b"x")
    open_store(str(home / "index.store"), str(home / "new.lmdb"))
    with pytest.warns(errors.ConsistWarning, match="may lack runs"):
        assert ConsistFileSystem("index.store", "new.lmdb").ls("runs") == []
