"""File inputs and file outputs: by content, never another run's bytes."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from consist import Artifact, CacheOptions, CodeOptions, ExecutionOptions, Tracker, errors
from consist.hashing.digest import Digest
from tests.harm import harmed

LONG = "0123456789abcdef" * 1000


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def count():
    with Path("calls").open("a") as file:
        file.write("x\n")


def calls() -> int:
    return len(Path("calls").read_text().splitlines())


def shout(raw):
    count()
    out = Path("out.txt")
    out.write_text(raw.read_text().upper())
    return {"out": out}


@pytest.mark.parametrize("text", ["short", LONG], ids=["inline", "blob"])
def test_a_file_output_comes_back_whatever_happens_to_the_file(tracker, text):
    Path("raw.txt").write_text(text)
    made = tracker.run(shout, inputs={"raw": "raw.txt"})
    assert made.value["out"] == Path("out.txt").absolute()
    assert made.outputs["out"].path == Path("out.txt").absolute()
    Path("out.txt").write_text("somebody else's")
    again = tracker.run(shout, inputs={"raw": "raw.txt"})
    assert again.cache_hit
    path = again.outputs["out"].path
    assert path == tracker.run_dir / "artifacts" / made.run.id / "out" / "out.txt"
    assert path.read_text() == text.upper()
    path.chmod(0o600)
    path.write_text("spoilt" * 9999)
    assert again.value["out"].read_text() == text.upper()
    assert Path("out.txt").read_text() == "somebody else's"


def test_two_configs_that_write_one_path_never_mix(tracker):
    def write(n):
        path = Path("same.txt")
        path.write_text(f"number {n} " * 1000)
        return path

    for n in (15, 25, 15):
        assert tracker.run(write, config={"n": n}).outputs["value"].path.read_text() == f"number {n} " * 1000


def test_b3sum_of_an_output_is_its_digest(tracker):
    Path("raw.txt").write_text(LONG)
    artifact = tracker.run(shout, inputs={"raw": "raw.txt"}).outputs["out"]
    from blake3 import blake3

    assert artifact.digest.hex == blake3(Path("out.txt").read_bytes()).hexdigest()


def test_inputs_count_by_content(tracker):
    Path("raw.txt").write_text("one")
    tracker.run(shout, inputs={"raw": "raw.txt"})
    Path("elsewhere").mkdir()
    shutil.copy("raw.txt", "elsewhere/other.txt")
    assert tracker.run(shout, inputs={"raw": Path("elsewhere/other.txt")}).cache_hit
    Path("raw.txt").write_text("two")
    assert not tracker.run(shout, inputs={"raw": "raw.txt"}).cache_hit
    Path("raw.txt").write_text("one")
    assert tracker.run(shout, inputs={"raw": "raw.txt"}).cache_hit


def test_an_edit_within_the_same_tick_and_size_is_seen(tracker):
    path = Path("raw.txt")
    for text in ("aaaa", "bbbb", "cccc"):
        path.write_text(text)
        os.utime(path, ns=(10**18, 10**18))
        assert tracker.run(shout, inputs={"raw": path}).outputs["out"].read_bytes() == text.upper().encode()


def test_an_unchanged_old_file_is_not_read_again(tracker, tmp_path, monkeypatch):
    Path("raw.txt").write_text("settled")
    deadline = time.monotonic() + 30
    while time.time() - Path("raw.txt").stat().st_ctime < 2.1 and time.monotonic() < deadline:
        time.sleep(0.05)  # the rule itself is about two seconds of real time
    tracker.run(shout, inputs={"raw": "raw.txt"})
    from consist.store import files

    def refuse(path):
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(files, "digest_steadily", refuse)
    assert tracker.run(shout, inputs={"raw": "raw.txt"}).cache_hit
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    Path("raw.txt").write_text("changed")
    assert not tracker.run(shout, inputs={"raw": "raw.txt"}).cache_hit


def test_an_input_that_changes_while_the_body_runs_is_not_cached(tracker):
    Path("raw.txt").write_text("before")

    def meddle(raw):
        count()
        Path(raw).write_text(f"after {time.time_ns()}")
        return 1

    for _ in range(2):
        with pytest.warns(errors.UncacheableWarning, match="input 'raw' changed while the function ran"):
            tracker.run(meddle, inputs={"raw": "raw.txt"})
    assert calls() == 2
    assert [run.signature for run in tracker.find_runs()] == [None, None]


@pytest.mark.parametrize("how", ["written", "removed"])
def test_a_file_that_the_code_depends_on_and_that_changes_meanwhile_is_not_cached(tracker, how):
    Path("b").mkdir()
    for path in ("table.txt", "b/table.txt"):
        Path(path).write_text("old")

    def meddle(how):
        count()
        found = Path("table.txt").read_text()
        if how == "removed":
            Path("table.txt").unlink()
        else:
            Path("table.txt").write_text("new")
        return found

    said = "file table.txt, which it depends on, changed" if how == "written" else "cannot read table.txt, which"
    for _ in range(2):
        with pytest.warns(errors.UncacheableWarning, match=said) as warned:
            made = tracker.run(meddle, config={"how": how}, depends_on=["table.txt", "b/table.txt"])
        assert (len(warned), made.run.signature) == (1, None)
        Path("table.txt").write_text("old")
    assert calls() == 2


def write_step(n, tree=False):
    path = Path("made")
    if tree:
        path.mkdir(exist_ok=True)
        path = path / "part"
    path.write_text(f"number {n}")
    return Path("made")


@pytest.mark.parametrize("tree", [False, True], ids=["file", "folder"])
@pytest.mark.parametrize("annotation", [Path, str, None])
def test_the_file_of_an_artifact_that_another_run_writes_meanwhile_is_no_input_any_more(tracker, annotation, tree):
    made = tracker.run(write_step, config={"n": 15, "tree": tree}).outputs["value"]

    def read(made, meanwhile):
        meanwhile()
        return (Path(made) / "part" if Path(made).is_dir() else Path(made)).read_text()

    if annotation:
        read.__annotations__["made"] = annotation

    def call(meanwhile):
        options = ExecutionOptions(runtime_kwargs={"meanwhile": meanwhile}, runtime_only=["meanwhile"])
        return tracker.run(
            read, inputs={"made": made}, execution_options=options, code_options=CodeOptions(version="1")
        )

    with pytest.warns(errors.UncacheableWarning, match="input 'made' changed while the function ran"):
        assert call(lambda: tracker.run(write_step, config={"n": 25, "tree": tree})).value == "number 25"
    found = call(lambda: None)
    assert (found.cache_hit, found.value) == (False, "number 15")
    assert call(lambda: None).cache_hit


def test_an_artifact_whose_file_went_before_is_handed_over_as_a_copy_which_stays(tracker):
    made = tracker.run(write_step, config={"n": 15}).outputs["value"]
    tracker.run(write_step, config={"n": 25})

    def read(**files):
        Path("made").write_text("anything")
        return files["made"].read_text()

    result = tracker.run(read, inputs={"made": made})
    assert (result.value, result.run.signature is not None) == ("number 15", True)


def test_what_a_function_takes_by_any_name_is_looked_at_too(tracker):
    made = tracker.run(write_step, config={"n": 15}).outputs["value"]

    def read(**files):
        files["made"].write_text("anything")

    with pytest.warns(errors.UncacheableWarning, match="input 'made' changed while the function ran"):
        tracker.run(read, inputs={"made": made})


def test_folders_count_by_names_and_contents(tracker):
    def listing(data):
        return sorted(str(path.relative_to(data)) for path in data.rglob("*"))

    Path("data/sub").mkdir(parents=True)
    Path("data/a").write_text("1")
    Path("data/sub/b").write_text("2")
    assert tracker.run(listing, inputs={"data": "data"}).value == ["a", "sub", "sub/b"]
    shutil.copytree("data", "copy")
    assert tracker.run(listing, inputs={"data": "copy"}).cache_hit
    Path("data/sub/b").rename("data/sub/c")
    assert tracker.run(listing, inputs={"data": "data"}).value == ["a", "sub", "sub/c"]
    Path("copy/empty").mkdir()
    assert not tracker.run(listing, inputs={"data": "copy"}).cache_hit


def test_the_owners_executable_bit_in_a_folder_counts(tracker):
    def may_run(data):
        return os.access(data / "tool", os.X_OK)

    Path("data").mkdir()
    Path("data/tool").write_text("1")
    Path("data/tool").chmod(0o644)
    assert tracker.run(may_run, inputs={"data": "data"}).value is False
    Path("data/tool").chmod(0o744)
    assert tracker.run(may_run, inputs={"data": "data"}).value is True
    Path("data/tool").chmod(0o755)
    assert tracker.run(may_run, inputs={"data": "data"}).cache_hit, "of the mode, nothing else counts"
    Path("data/tool").chmod(0o600)
    assert tracker.run(may_run, inputs={"data": "data"}).cache_hit


def test_a_folder_that_links_to_itself_is_an_error(tracker):
    Path("data").mkdir()
    Path("data/again").symlink_to("../data")
    with pytest.raises(errors.InputError, match=r"input 'data': .*is a link to a folder around it"):
        tracker.run(len, inputs={"data": "data"})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("missing.txt", r"input 'raw': there is no file .*missing\.txt"),
        (7, "input 'raw': 7 is no input"),
        ("s3://bucket/key", "input 'raw': 's3://bucket/key' is not a local path"),
        ("/dev/null", "input 'raw': /dev/null is not a file"),
    ],
)
def test_bad_inputs_are_named(tracker, source, message):
    with pytest.raises(errors.InputError, match=message):
        tracker.run(shout, inputs={"raw": source})


@contextlib.contextmanager
def somebody_else():
    """Be a user whom permissions bind, as root is not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_an_unreadable_input_is_named():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        raw = folder / "raw.txt"
        raw.write_text("x")
        raw.chmod(0)
        with somebody_else(), Tracker(run_dir=folder / "runs", db_path=folder / "own" / "index.lmdb") as own:
            with pytest.raises(errors.InputError, match=r"input 'raw': cannot read .*raw\.txt: Permission denied"):
                own.run(shout, inputs={"raw": raw})
            assert own.find_runs() == []
            own.store.index.close()


def test_an_output_path_that_was_not_written_is_an_error(tracker):
    def promise():
        return Path("never.txt")

    with pytest.raises(errors.OutputError, match=r"output 'value': there is no file .*never\.txt"):
        tracker.run(promise)
    with pytest.raises(errors.OutputError, match=r"output 'log': there is no file run\.log"):
        tracker.run(time.monotonic, output_paths={"log": "run.log"})
    assert {run.status for run in tracker.find_runs()} == {"failed"}


def test_declared_paths_are_outputs_beside_the_value(tracker):
    def work():
        count()
        Path("run.log").write_text("log " * 2000)
        return {"n": 1}

    tracker.run(work, output_paths={"log": "run.log"})
    Path("run.log").unlink()
    again = tracker.run(work, output_paths={"log": "run.log"})
    assert again.cache_hit
    assert again.value == {"n": 1}
    assert again.outputs["log"].path.read_text() == "log " * 2000


def test_artifacts_are_inputs_by_content_and_come_as_asked(tracker):
    def numbers():
        return {"list": [1, 2, 3]}

    def as_value(data):
        return data

    def as_artifact(data: Artifact):
        return data.key

    def as_path(data: Path):
        return data.read_text()

    made = tracker.run(numbers).outputs["list"]
    Path("raw.txt").write_text("text")
    file = tracker.run(shout, inputs={"raw": "raw.txt"}).outputs["out"]
    assert tracker.run(as_value, inputs={"data": made}).value == [1, 2, 3]
    assert tracker.run(as_artifact, inputs={"data": made}).value == "list"
    assert tracker.run(as_path, inputs={"data": file}).value == "TEXT"
    plain = ExecutionOptions(load_inputs=False)
    assert tracker.run(lambda data: data.key, name="k", inputs={"data": made}, execution_options=plain).value == "list"
    record = tracker.find_runs(step="as_value")[0].record
    assert (record.inputs[0].kind, record.inputs[0].digest) == ("artifact", made.digest)


def test_a_file_and_an_artifact_of_the_same_bytes_are_one_input(tracker):
    Path("raw.txt").write_text("text")
    file = tracker.run(shout, inputs={"raw": "raw.txt"}).outputs["out"]

    def read(data: Path):
        return data.read_text()

    tracker.run(read, inputs={"data": file})
    Path("copy.txt").write_text("TEXT")
    assert tracker.run(read, inputs={"data": "copy.txt"}).cache_hit


def test_a_list_of_inputs_is_named_by_files_and_keys(tracker):
    Path("a.csv").write_text("1")

    def read():
        return Path("a.csv").read_text()

    tracker.run(read, inputs=["a.csv"])
    assert [item.key for item in tracker.find_runs()[0].record.inputs] == ["a.csv"]
    with pytest.raises(errors.UsageError, match=r"two inputs would be called 'a\.csv'"):
        tracker.run(read, inputs=["a.csv", Path("a.csv")])


def test_copying_the_folder_elsewhere_still_hits(tracker, tmp_path):
    Path("raw.txt").write_text(LONG)
    tracker.run(shout, inputs={"raw": "raw.txt"})
    tracker.close()
    tracker.store.index.close()
    copy = tmp_path.parent / f"{tmp_path.name}-copy"
    shutil.copytree(tmp_path, copy)
    shutil.rmtree(tmp_path / "index.store")
    Path("out.txt").unlink()
    with Tracker(run_dir=copy / "runs", db_path=copy / "index.lmdb") as moved:
        again = moved.run(shout, inputs={"raw": str(copy / "raw.txt")})
        assert again.cache_hit
        assert again.outputs["out"].path.read_text() == LONG.upper()


def test_artifact_opens_as_a_seekable_file(tracker):
    Path("raw.txt").write_text(LONG)
    artifact = tracker.run(shout, inputs={"raw": "raw.txt"}).outputs["out"]
    with artifact.open() as stream:
        stream.seek(-6, os.SEEK_END)
        assert stream.read() == b"ABCDEF"
    assert artifact.read_bytes() == LONG.upper().encode()
    assert artifact.url == f"consist://runs/{artifact.run_id}/out"
    assert isinstance(artifact.digest, Digest)


def test_a_damaged_output_is_a_miss_and_heals(tracker, tmp_path):
    Path("raw.txt").write_text(LONG)
    artifact = tracker.run(shout, inputs={"raw": "raw.txt"}).outputs["out"]
    blob = tmp_path / "index.store" / "blobs" / artifact.digest.hex[:2] / artifact.digest.hex[2:]
    blob.chmod(0o600)
    content = bytearray(blob.read_bytes())
    content[5] ^= 1
    blob.write_bytes(content)
    Path("out.txt").unlink()
    with pytest.raises(errors.DamagedError):
        artifact.path.read_bytes()
    with pytest.warns(errors.DamagedWarning, match="output 'out' was found damaged"):
        again = tracker.run(shout, inputs={"raw": "raw.txt"})
    assert not again.cache_hit
    assert blob.read_bytes() == LONG.upper().encode()
    assert tracker.run(shout, inputs={"raw": "raw.txt"}).cache_hit


@pytest.mark.parametrize("how", ["missing", "truncated"])
def test_a_missing_or_short_output_is_a_miss_and_heals(tracker, tmp_path, how):
    Path("raw.txt").write_text(LONG)
    artifact = tracker.run(shout, inputs={"raw": "raw.txt"}).outputs["out"]
    blob = tmp_path / "index.store" / "blobs" / artifact.digest.hex[:2] / artifact.digest.hex[2:]
    blob.chmod(0o600)
    if how == "missing":
        blob.unlink()
    else:
        blob.write_bytes(b"short")
    with pytest.warns(errors.DamagedWarning, match="is not in the store any more|has 5 bytes"):
        assert not tracker.run(shout, inputs={"raw": "raw.txt"}).cache_hit
    assert blob.read_bytes() == LONG.upper().encode()


def test_a_large_output_streams_through(tracker):
    def big():
        path = Path("big.bin")
        with path.open("wb") as file:
            for n in range(8):
                file.write(bytes([n]) * (1 << 20))
        return path

    artifact = tracker.run(big).outputs["value"]
    Path("big.bin").unlink()
    copy = tracker.run(big).outputs["value"].path
    assert copy.stat().st_size == 8 << 20
    assert subprocess.run(["cmp", "-n", "1", copy, "/dev/zero"], check=False).returncode == 0
    assert artifact.size == 8 << 20


def test_a_file_name_that_is_no_utf8_is_an_input_and_an_output(tracker):
    name = os.fsdecode(b"caf\xe9.txt")
    try:
        Path(name).write_text("coffee")
    except OSError:
        pytest.skip("this filesystem takes UTF-8 names only")

    def copy(raw):
        out = raw.with_name(os.fsdecode(b"out\xe9.txt"))
        out.write_text(raw.read_text().upper())
        return out

    tracker.run(copy, inputs={"raw": name})
    again = tracker.run(copy, inputs={"raw": name})
    assert again.cache_hit
    assert again.value.read_text() == "COFFEE"


def test_a_file_that_was_there_before_is_not_the_outcome_of_a_run_that_did_not_write_it(tracker):
    def plot(kind):
        if kind == "bar":
            Path("plot.png").write_text("bar plot")

    tracker.run(plot, config={"kind": "bar"}, output_paths={"plot": "plot.png"})
    with pytest.raises(errors.OutputError, match=r"output 'plot': plot\.png was there before"):
        tracker.run(plot, config={"kind": "pie"}, output_paths={"plot": "plot.png"})


def test_all_damaged_outputs_of_a_run_heal_at_once(tracker, tmp_path):
    def make():
        return {str(n): f"{n}" * 10_000 for n in range(3)}

    made = tracker.run(make)
    for artifact in made.outputs.values():
        blob = tmp_path / "index.store" / "blobs" / artifact.digest.hex[:2] / artifact.digest.hex[2:]
        blob.chmod(0o600)
        blob.write_bytes(harmed(blob.read_bytes()))
    again = tracker.run(make)
    with pytest.raises(errors.DamagedError):
        again.value  # noqa: B018 - the access is the test
    with pytest.warns(errors.DamagedWarning):
        assert not tracker.run(make).cache_hit
    assert tracker.run(make).value == {str(n): f"{n}" * 10_000 for n in range(3)}


@pytest.mark.parametrize("size", [10, 10_000], ids=["inline", "object"])
@pytest.mark.parametrize("executable", [True, False])
def test_a_file_may_be_executed_where_it_is_restored_if_it_might_where_it_was_made(tracker, size, executable):
    def compile_it():
        Path("tool").write_bytes(b"x" * size)
        Path("tool").chmod(0o755 if executable else 0o644)
        return Path("tool")

    def may(path):
        return bool(path.stat().st_mode & stat.S_IXUSR)

    assert may(tracker.run(compile_it).value) == executable
    Path("tool").unlink()
    copy = tracker.run(compile_it).value
    assert (copy.read_bytes(), may(copy)) == (b"x" * size, executable)
    hydrated = {"output_paths": {"tool": "tool"}, "cache_options": CacheOptions(cache_hydration="outputs-requested")}

    def declared():
        compile_it()

    tracker.run(declared, output_paths={"tool": "tool"})
    Path("tool").chmod(0o600)
    assert tracker.run(declared, **hydrated).cache_hit
    assert may(Path("tool")) == executable
