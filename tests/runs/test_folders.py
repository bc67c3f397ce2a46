"""Folders as outputs and inputs: by content, every file of them, never another run's bytes."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import msgpack
import pytest
from blake3 import blake3

from consist import Artifact, CacheOptions, CodeOptions, OutputPolicyOptions, Tracker, errors
from consist.hashing.digest import Digest
from consist.index.records import ArtifactRecord, RunRecord
from consist.store import files as store_files
from consist.store.verify import verify
from consist.testing.together import in_threads
from tests.harm import harmed

FILES = {"a.txt": b"a" * 10_000, "sub/b.txt": b"b", "sub/deep/c.bin": bytes(range(256)) * 4000}


YOUNG = 0.1
"""Seconds for which the stat cache keeps nothing of a file here: far more than the clock's tick, which it is about."""


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(store_files, "SETTLE_SECONDS", YOUNG)


def count():
    with Path("calls").open("a") as file:
        file.write("x\n")


def calls() -> int:
    return len(Path("calls").read_text().splitlines())


def fill(folder, files):
    for name, data in files.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def content(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def make(n=0):
    count()
    shutil.rmtree("made", ignore_errors=True)
    fill("made", {**FILES, "n": b"%d" % n})
    Path("made/empty").mkdir()
    return Path("made")


def settle(folder):
    """Wait until the stat cache takes what lies in a folder: the rule itself is about real time."""
    newest = max(path.lstat().st_ctime for path in Path(folder).rglob("*"))
    deadline = time.monotonic() + 30
    while time.time() - newest <= YOUNG and time.monotonic() < deadline:
        time.sleep(0.01)


def blob(tracker, digest) -> Path:
    name = digest.hex
    return Path(tracker.store_url) / "blobs" / name[:2] / name[2:]


def of(data) -> Digest:
    return Digest(blake3(data).digest())


def test_a_folder_comes_back_whatever_happens_to_it(tracker):
    made = tracker.run(make)
    artifact = made.outputs["value"]
    assert artifact.format == "tree"
    assert artifact.size == sum(map(len, FILES.values())) + 1
    assert artifact.path == Path("made").absolute()
    shutil.rmtree("made")
    fill("made", {"a.txt": b"somebody else's"})
    again = tracker.run(make)
    assert again.cache_hit
    path = again.outputs["value"].path
    assert path == tracker.run_dir / "artifacts" / made.run.id / "value" / "made"
    assert content(path) == {**FILES, "n": b"0"}
    assert (path / "empty").is_dir()
    assert again.value == again.outputs["value"].load() == path
    assert content("made") == {"a.txt": b"somebody else's"}
    assert calls() == 1


def test_the_record_and_the_tree_are_what_the_format_says(tracker):
    output = tracker.run(make).run.record.outputs[0]
    data = blob(tracker, output.digest).read_bytes()
    assert (of(data), len(data)) == (output.digest, output.size)
    assert (output.format, output.inline) == ("tree", None)
    assert output.media == {
        "path": str(Path("made").absolute()),
        "files": 4,
        "total": sum(map(len, FILES.values())) + 1,
    }
    entries = msgpack.unpackb(data)[1]
    assert [entry[0] for entry in entries] == ["a.txt", "empty/", "n", "sub/b.txt", "sub/deep/c.bin"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "a.txt").write_bytes(b"A" * 10_000),
        lambda folder: (folder / "a.txt").write_bytes(b"short"),
        lambda folder: (folder / "sub/b.txt").unlink(),
        lambda folder: (folder / "more").write_bytes(b"more"),
        lambda folder: (folder / "another").mkdir(),
        lambda folder: (folder / "empty").rmdir(),
        lambda folder: (folder / "a.txt").chmod(0o755),
        lambda folder: (folder / "a.txt").rename(folder / "z.txt"),
        lambda folder: os.mkfifo(folder / "fifo"),
        lambda folder: (folder / "link").symlink_to("nowhere"),
    ],
)
def test_any_change_of_the_original_or_the_copy_is_seen(tracker, spoil):
    artifact = tracker.run(make).outputs["value"]
    settle("made")
    assert artifact.path == Path("made").absolute()
    spoil(Path("made"))
    copy = artifact.path
    assert copy != Path("made").absolute()
    assert content(copy) == {**FILES, "n": b"0"}
    settle(copy)
    spoil(copy)
    assert artifact.path == copy
    assert content(copy) == {**FILES, "n": b"0"}
    assert sorted(path.name for path in copy.iterdir()) == ["a.txt", "empty", "n", "sub"]
    assert not (copy / "a.txt").stat().st_mode & 0o100


def test_files_that_did_not_change_are_not_read_again(tracker, monkeypatch):
    artifact = tracker.run(make).outputs["value"]
    settle("made")
    artifact.path  # noqa: B018 - it reads
    from consist.store import files

    def refuse(path):
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(files, "digest_steadily", refuse)
    assert artifact.path == Path("made").absolute()


def test_files_that_versions_share_are_stored_once(tracker):
    tracker.run(make, config={"n": 1})
    before = sum(1 for path in Path(tracker.store_url, "blobs").rglob("*") if path.is_file())
    tracker.run(make, config={"n": 2})
    after = sum(1 for path in Path(tracker.store_url, "blobs").rglob("*") if path.is_file())
    assert after - before == 2  # the file `n` and the tree


def test_a_folder_is_an_input_of_the_next_step(tracker):
    def names(folder):
        count()
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))

    def total(folder: Path):
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    def key(folder: Artifact):
        return folder.key

    made = tracker.run(make, outputs=["folder"])
    folder = made.outputs["folder"]
    shutil.rmtree("made")
    expected = ["a.txt", "empty", "n", "sub", "sub/b.txt", "sub/deep", "sub/deep/c.bin"]
    assert tracker.run(names, inputs={"folder": folder}).value == expected
    assert tracker.run(names, inputs={"folder": folder}).cache_hit
    assert tracker.run(total, inputs={"folder": folder}).value == folder.size
    assert tracker.run(key, inputs={"folder": folder}).value == "folder"
    record = tracker.find_runs(step="names")[0].record.inputs[0]
    assert (record.kind, record.digest, record.size) == ("artifact", folder.digest, folder.size)
    other = tracker.run(make, config={"n": 7}, outputs=["folder"]).outputs["folder"]
    assert not tracker.run(names, inputs={"folder": other}).cache_hit


def test_declared_folders_are_outputs_beside_the_value(tracker):
    def work():
        make()
        return 7

    paths = {"plots": "made"}
    tracker.run(work, output_paths=paths)
    shutil.rmtree("made")
    again = tracker.run(work, output_paths=paths)
    assert (again.cache_hit, again.value) == (True, 7)
    assert content(again.outputs["plots"].path) == {**FILES, "n": b"0"}


def older(path):
    deadline = time.monotonic() + 30
    while time.time() - path.stat().st_ctime < 2.5 and time.monotonic() < deadline:
        time.sleep(0.05)  # the clock's slack is about two seconds of real time


def test_what_was_in_a_declared_folder_before_is_not_the_outcome_of_a_run(tracker):
    fill("pages", {"year=2025/a": b"old"})
    Path("none").mkdir()
    older(Path("none"))

    def work(*, clean=False, write=True):
        if clean:
            shutil.rmtree("pages")
        if write:
            fill("pages", {"year=2026/a": b"new"})

    paths = {"pages": "pages"}
    with pytest.raises(errors.OutputError, match=r"'pages': .*year=2025/a was there before.*empty the folder"):
        tracker.run(work, config={"write": False}, output_paths=paths)
    with pytest.raises(errors.OutputError, match=r"'pages': .*year=2025/a was there before.*empty the folder"):
        tracker.run(work, output_paths=paths)
    with pytest.raises(errors.OutputError, match=r"'none': none was there before"):
        tracker.run(work, config={"write": False, "clean": False}, output_paths={"none": "none"})
    made = tracker.run(work, config={"clean": True}, output_paths=paths)
    assert content(made.outputs["pages"].path) == {"year=2026/a": b"new"}


def test_links_are_refused_or_followed_as_asked(tracker):
    Path("outside").write_text("outside")

    def link():
        shutil.rmtree("made", ignore_errors=True)
        Path("made").mkdir()
        Path("made/link").symlink_to("../outside")
        return Path("made")

    with pytest.raises(errors.OutputError, match=r"output 'value': .*made/link is a symbolic link"):
        tracker.run(link)
    made = tracker.run(link, output_policy=OutputPolicyOptions(symlinks="follow"))
    assert made.outputs["value"].path == Path("made").absolute()
    Path("outside").write_text("changed")
    copy = made.outputs["value"].path
    assert content(copy) == {"link": b"outside"}
    assert not (copy / "link").is_symlink()
    assert tracker.run(link).cache_hit  # what is done about links is not what the run is
    with pytest.raises(errors.UsageError, match="symlinks is 'keep'"):
        OutputPolicyOptions(symlinks="keep")


def test_a_folder_cannot_be_read_as_bytes(tracker):
    artifact = tracker.run(make).outputs["value"]
    for read in (artifact.read_bytes, artifact.open):
        with pytest.raises(errors.UsageError, match="output 'value' is a folder"):
            read()
    artifact.verify()
    assert repr(artifact).startswith("<Artifact value (tree, 1009.8 KiB, ")


def test_nothing_is_stored_of_a_folder_in_readonly_mode(tracker):
    made = tracker.run(make, cache_options=CacheOptions(cache_mode="readonly"))
    artifact = made.outputs["value"]
    assert artifact.path == Path("made").absolute()
    assert not list(Path(tracker.store_url).glob("blobs/*/*"))
    assert artifact.digest == tracker.run(make).outputs["value"].digest


@pytest.mark.parametrize("how", ["missing", "damaged"])
@pytest.mark.parametrize("name", ["a.txt", "sub/b.txt", "sub/deep/c.bin"])
def test_a_file_that_is_not_whole_is_a_miss_once_it_was_read_and_heals(tracker, how, name):
    artifact = tracker.run(make).outputs["value"]
    shutil.rmtree("made")
    file = blob(tracker, of(FILES[name]))
    file.chmod(0o600)
    if how == "missing":
        file.unlink()
    else:
        file.write_bytes(b"?" + FILES[name][1:])
    assert tracker.run(make).cache_hit  # a hit looks at the tree alone
    with pytest.raises(errors.DamagedError, match=f"{name} in the tree {artifact.digest.short} cannot be read"):
        artifact.path  # noqa: B018 - it reads
    assert not (tracker.run_dir / "artifacts" / artifact.run_id / "value" / "made").exists()
    with pytest.warns(errors.DamagedWarning, match="output 'value' was found damaged; it is computed again"):
        again = tracker.run(make)
    assert not again.cache_hit
    assert file.read_bytes() == FILES[name]
    shutil.rmtree("made")
    assert content(tracker.run(make).value) == {**FILES, "n": b"0"}
    assert calls() == 2
    assert verify(tracker.store, read_data=True).findings == ()


def test_another_process_learns_of_the_damage(tracker, tmp_path):
    artifact = tracker.run(make).outputs["value"]
    shutil.rmtree("made")
    blob(tracker, of(FILES["a.txt"])).unlink()
    with pytest.raises(errors.DamagedError):
        artifact.verify()
    tracker.close()
    tracker.store.index.close()
    with Tracker(run_dir=tmp_path / "runs", db_path=tmp_path / "index.lmdb", durable=False) as another:
        with pytest.warns(errors.DamagedWarning, match="output 'value' was found damaged"):
            assert not another.run(make).cache_hit
        assert another.run(make).cache_hit


@pytest.mark.parametrize("how", ["missing", "damaged", "short"])
def test_a_tree_that_is_not_whole_is_a_miss_and_heals(tracker, how):
    artifact = tracker.run(make).outputs["value"]
    shutil.rmtree("made")
    tree = blob(tracker, artifact.digest)
    good = tree.read_bytes()
    tree.chmod(0o600)
    if how == "missing":
        tree.unlink()
    else:
        tree.write_bytes(good[:-1] if how == "short" else harmed(good))
    if how == "damaged":
        with pytest.raises(errors.DamagedError, match=r"the tree .* is damaged"):
            artifact.path  # noqa: B018 - it reads
    with pytest.warns(errors.DamagedWarning):
        assert not tracker.run(make).cache_hit
    assert tree.read_bytes() == good
    assert tracker.run(make).cache_hit


def test_some_that_restore_one_folder_at_once_all_get_it(tracker):
    artifact = tracker.run(make).outputs["value"]
    shutil.rmtree("made")
    expected = tracker.run_dir / "artifacts" / artifact.run_id / "value" / "made"
    assert in_threads([lambda: artifact.path] * 6) == [expected] * 6
    assert content(expected) == {**FILES, "n": b"0"}
    assert list(expected.parent.iterdir()) == [expected]


def test_names_of_a_record_do_not_lead_out_of_the_folder_of_copies(tracker, tmp_path):
    """Another program can write any record into a store that it may write to."""
    made = tracker.run(make).run.record.outputs[0]
    shutil.rmtree("made")
    for key, path in (("..", "/x/.."), ("../../../evil", "/x/evil"), ("ok", "/x/.."), ("ok", "..")):
        record = ArtifactRecord(key, made.digest, made.size, "tree", None, {**made.media, "path": path})
        run = RunRecord("ab" * 10, None, "s", "completed", 0, 1, outputs=(record,))
        copy = Artifact(record, run.id, tracker._open().library).path
        assert copy.is_relative_to(tracker.run_dir / "artifacts" / run.id)
        assert ".." not in copy.parts
        assert content(copy) == {**FILES, "n": b"0"}
    assert not (tmp_path / "evil").exists()


# What people write -------------------------------------------------------------------------------------------------


def test_a_partitioned_dataset_is_an_output(tracker):
    pa, ds = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.dataset")
    table = pa.table({"year": [2024, 2024, 2025, 2026], "value": [1.0, 2.0, 3.0, 4.0]})

    hive = ds.partitioning(flavor="hive", schema=pa.schema([("year", pa.int64())]))

    def write():
        count()
        shutil.rmtree("sales", ignore_errors=True)
        ds.write_dataset(table, "sales", format="parquet", partitioning=hive)
        return Path("sales")

    def read(sales):
        return ds.dataset(sales, format="parquet", partitioning="hive").to_table().sort_by("value").to_pydict()

    stable = CodeOptions(version="1")  # a table that is a global is not what is tested
    tracker.run(write, outputs=["sales"], code_options=stable)
    shutil.rmtree("sales")
    again = tracker.run(write, outputs=["sales"], code_options=stable)
    assert again.cache_hit
    assert tracker.run(read, inputs={"sales": again.outputs["sales"]}).value == {
        "value": [1.0, 2.0, 3.0, 4.0],
        "year": [2024, 2024, 2025, 2026],
    }
    assert sorted(path.parent.name for path in again.value.rglob("*.parquet")) == [
        "year=2024",
        "year=2025",
        "year=2026",
    ]
    assert calls() == 1


def test_an_array_in_many_chunks_is_an_output(tracker):
    """As zarr's second format lays it out: a hidden file of metadata, and a file a chunk."""
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(400, dtype="<i4").reshape(20, 20)
    places = [(row, column) for row in (0, 1) for column in (0, 1)]

    def write():
        shutil.rmtree("a.zarr", ignore_errors=True)
        fill("a.zarr", {".zarray": b'{"zarr_format": 2, "shape": [20, 20], "chunks": [10, 10]}', ".zattrs": b"{}"})
        for row, column in places:
            part = array[10 * row : 10 * row + 10, 10 * column : 10 * column + 10]
            Path(f"a.zarr/{row}.{column}").write_bytes(part.tobytes())
        return Path("a.zarr")

    tracker.run(write)
    shutil.rmtree("a.zarr")
    again = tracker.run(write)
    assert again.cache_hit
    found = again.value
    parts = {at: numpy.frombuffer((found / f"{at[0]}.{at[1]}").read_bytes(), "<i4").reshape(10, 10) for at in places}
    assert (numpy.block([[parts[row, column] for column in (0, 1)] for row in (0, 1)]) == array).all()
    assert (found / ".zarray").read_bytes().startswith(b'{"zarr_format": 2')
