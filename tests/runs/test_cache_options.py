"""`CacheOptions` beside its mode: versions in the signature, a closer look at what is found, content put in place."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path

import pytest

from consist import CacheOptions, CodeOptions, Tracker, errors
from consist.hashing.canonical import canonical_digest
from tests.harm import harmed

LARGE = "x" * 5000
"""More than a record keeps inline."""


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)


def calls() -> int:
    return len(Path("calls").read_text()) if Path("calls").exists() else 0


def write(text, folder=False):
    """Write a file, and a folder if it is wanted; both are declared."""
    with Path("calls").open("a") as file:
        file.write("x")
    Path("table.csv").write_text(text)
    if folder:
        Path("pages", "sub").mkdir(parents=True, exist_ok=True)
        Path("pages", "a.html").write_text(text + "a")
        Path("pages", "sub", "b.html").write_text(text + "b")
    return {"size": len(text), "whole": text}


def run(tracker, text=LARGE, *, folder=False, paths=None, **cache):
    paths = paths or {"table": "table.csv", **({"pages": "pages"} if folder else {})}
    config = {"text": text, "folder": folder}
    return tracker.run(write, config=config, output_paths=paths, cache_options=CacheOptions(**cache))


# --- versions


def test_versions_are_part_of_the_signature_only_if_they_are_given(tracker):
    plain = run(tracker)
    contract = {"outputs": (), "paths": ["table"], "inputs": []}
    assert plain.run.record.parts["contract"] == canonical_digest("consist 2026 contract", contract)
    one, other = {"cache_version": 1}, {"cache_epoch": 1}
    for options in (one, {"cache_version": "1"}, other, one | other):
        assert not run(tracker, **options).cache_hit
        assert run(tracker, **options).cache_hit
    assert run(tracker).run.id == plain.run.id
    assert calls() == 5


def test_versions_are_recorded_readable_and_explained(tracker):
    recorded = run(tracker, cache_version=2, cache_epoch="spring").run.record
    assert {"cache_version: 2", "cache_epoch: 'spring'"} <= set(recorded.notes)
    found = tracker.explain(
        write,
        config={"text": LARGE, "folder": False},
        output_paths={"table": "table.csv"},
        cache_options=CacheOptions(cache_version=3),
    )
    assert [str(difference) for difference in found.differences] == [
        "the contract changed: cache_version, cache_epoch, inject_context or capture_dir (the notes of a run have them)"
    ]


# --- validation


def blob_of(tracker, artifact) -> Path:
    hexadecimal = artifact.digest.hex
    return Path(tracker.store_url) / "blobs" / hexadecimal[:2] / hexadecimal[2:]


def break_blob(path: Path, how: str) -> None:
    data = path.read_bytes()
    path.chmod(0o600)
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(harmed(data))


@pytest.mark.parametrize(("how", "finds"), [("gone", [False, True, "eager"]), ("flipped", ["eager"])])
@pytest.mark.parametrize("validate", [False, "lazy", True, "eager"])
def test_a_hit_is_looked_at_as_closely_as_is_asked_and_heals(tracker, how, finds, validate):
    made = run(tracker).outputs["whole"]
    break_blob(blob_of(tracker, made), how)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = run(tracker, validate_cached_outputs=validate)
    found = validate in finds or (validate == "lazy" and how == "gone")
    assert result.cache_hit == (not found)
    assert [warning.category for warning in said] == ([errors.DamagedWarning] if found else [])
    if found:
        again = run(tracker, validate_cached_outputs="eager")
        assert (again.cache_hit, again.value["whole"]) == (True, LARGE)


@pytest.mark.parametrize(("validate", "finds"), [(False, False), (True, True), ("eager", True)])
def test_in_a_folder_each_file_is_looked_for_if_asked(tracker, validate, finds):
    pages = run(tracker, folder=True).outputs["pages"]
    (blob,) = [
        path
        for path in (Path(tracker.store_url) / "blobs").rglob("*")
        if path.is_file() and path.read_bytes() == (LARGE + "b").encode()
    ]
    break_blob(blob, "gone")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert run(tracker, folder=True, validate_cached_outputs=validate).cache_hit == (not finds)
    if finds:
        assert run(tracker, folder=True, validate_cached_outputs="eager").cache_hit
        assert (pages.path / "sub" / "b.html").read_text() == LARGE + "b"


@pytest.mark.parametrize(("validate", "finds"), [(False, False), (True, True), ("eager", True)])
def test_over_a_network_what_is_published_is_believed_unless_asked(tmp_path, validate, finds):
    import fsspec

    place = f"validate-{tmp_path.parent.name}-{tmp_path.name}"
    with Tracker(tmp_path / "runs", tmp_path / "i.lmdb", f"memory://{place}", cache_limit=0) as tracker:
        digest = run(tracker).outputs["whole"].digest.hex
        fsspec.filesystem("memory").rm(f"/{place}/blobs/{digest[:2]}/{digest[2:]}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert run(tracker, validate_cached_outputs=validate).cache_hit == (not finds)
        if finds:
            assert run(tracker, validate_cached_outputs=validate).value["whole"] == LARGE


# --- hydration


def test_by_default_nothing_is_put_anywhere(tracker):
    run(tracker, folder=True)
    Path("table.csv").unlink()
    assert run(tracker, folder=True).cache_hit
    assert not Path("table.csv").exists()
    assert not (tracker.run_dir / "artifacts").exists()


@pytest.mark.parametrize("text", ["short", LARGE], ids=["inline", "blob"])
def test_outputs_that_are_requested_are_restored_to_the_paths_of_this_call(tracker, text):
    run(tracker, text, folder=True)
    Path("table.csv").write_text("edited since")
    paths = {"table": "elsewhere/deep/t.csv", "pages": "elsewhere/pages"}
    result = run(tracker, text, folder=True, paths=paths, cache_hydration="outputs-requested")
    assert (result.cache_hit, calls()) == (True, 1)
    assert Path("elsewhere/deep/t.csv").read_text() == text
    assert Path("elsewhere/pages/sub/b.html").read_text() == text + "b"
    assert Path("table.csv").read_text() == "edited since"
    run(tracker, text, folder=True, cache_hydration="outputs-requested")  # as the function would have written it
    assert Path("table.csv").read_text() == text


def test_what_is_right_already_is_left_alone(tracker):
    run(tracker, folder=True)
    before = Path("table.csv").stat(), Path("pages/a.html").stat()
    run(tracker, folder=True, cache_hydration="outputs-requested")
    assert (Path("table.csv").stat(), Path("pages/a.html").stat()) == before


def test_a_folder_with_files_of_somebody_else_is_not_replaced(tracker):
    run(tracker, folder=True)
    Path("pages/a.html").write_text("edited")
    Path("pages/diary.txt").write_text("dear diary")
    with pytest.raises(errors.RefusedError, match=r"diary\.txt is not the output's, and would be lost"):
        run(tracker, folder=True, cache_hydration="outputs-requested")
    assert Path("pages/diary.txt").read_text() == "dear diary"
    Path("pages/diary.txt").unlink()
    assert run(tracker, folder=True, cache_hydration="outputs-requested").cache_hit
    assert Path("pages/a.html").read_text() == LARGE + "a"


@pytest.mark.parametrize("text", ["short", LARGE], ids=["inline", "blob"])
@pytest.mark.parametrize("before", ["mine", None], ids=["another content", "dangling"])
def test_a_link_that_stands_there_stays_and_is_written_through(tracker, text, before):
    """As the function does, which opens the path."""
    run(tracker, text, folder=True)
    Path("far").mkdir()
    if before is not None:
        Path("far/t.csv").write_text(before)
    Path("link.csv").symlink_to("far/t.csv")
    Path("far/pages").mkdir()
    Path("site").symlink_to("far/pages")
    paths = {"table": "link.csv", "pages": "site"}
    for _ in range(2):
        assert run(tracker, text, folder=True, paths=paths, cache_hydration="outputs-requested").cache_hit
        assert (str(Path("link.csv").readlink()), str(Path("site").readlink())) == ("far/t.csv", "far/pages")
        assert not Path("far/t.csv").is_symlink()
        assert Path("far/t.csv").read_text() == text
        assert Path("far/pages/sub/b.html").read_text() == text + "b"


def _circle(path):
    path.symlink_to(path.name)


def _stores_own(path):
    own = path.with_name("blob")
    own.write_text("kept")
    own.chmod(0o400)
    path.symlink_to(own)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_circle, "link that leads in a circle"),
        (_stores_own, "blob, which nobody may write"),
        (Path.mkdir, "is a folder, which is never replaced"),
        (os.mkfifo, "a device, a FIFO or a socket, which is never replaced"),
    ],
)
def test_what_is_never_replaced(tracker, make, said):
    run(tracker)
    make(Path("there"))
    before = Path("there").lstat()
    with pytest.raises(errors.RefusedError, match=said):
        run(tracker, paths={"table": "there"}, cache_hydration="outputs-requested")
    assert Path("there").lstat() == before
    assert calls() == 1


@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.parametrize("cache", [{}, {"cache_mode": "off"}, {"cache_hydration": "outputs-requested"}])
def test_a_place_below_a_file_is_refused_before_anything_runs(tracker, folder, cache):
    run(tracker, folder=folder)
    Path("notes").write_text("mine")
    below = "pages" if folder else "table"
    paths = {"table": "table.csv", **({"pages": "pages"} if folder else {}), below: "notes/deep/er"}
    with pytest.raises(
        errors.OutputError, match=rf"output '{below}': notes/deep/er would lie below .*notes, which is no"
    ):
        run(tracker, folder=folder, paths=paths, **cache)
    assert (Path("notes").read_text(), calls()) == ("mine", 1)


def test_requested_outputs_need_paths(tracker):
    with pytest.raises(errors.UsageError, match="no output_paths say where to"):
        tracker.run(write, config={"text": "x"}, cache_options=CacheOptions(cache_hydration="outputs-requested"))


def test_all_outputs_are_copied_under_the_run_dir_also_of_another_tracker(tracker, tmp_path):
    made = run(tracker, folder=True)
    tracker.close()
    Path("table.csv").unlink()
    with Tracker(run_dir=tmp_path / "other runs", db_path=tracker.db_path) as other:
        found = run(other, folder=True, cache_hydration="outputs-all")
        assert found.cache_hit
    files = [path for path in (tmp_path / "other runs" / "artifacts").rglob("*") if path.is_file()]
    copies = {path.name: path.read_text() for path in files}
    assert copies == {"table.csv": LARGE, "a.html": LARGE + "a", "b.html": LARGE + "b"}
    assert all(made.run.id in str(path) for path in (tmp_path / "other runs" / "artifacts").iterdir())


@pytest.mark.parametrize("hydration", ["outputs-requested", "outputs-all"])
def test_content_that_turns_out_damaged_is_computed_again(tracker, hydration):
    made = run(tracker)
    Path("table.csv").unlink()
    break_blob(blob_of(tracker, made.outputs["table"]), "flipped")
    with pytest.warns(errors.DamagedWarning, match="it is computed again"):
        again = run(tracker, cache_hydration=hydration)
    assert not again.cache_hit
    assert Path("table.csv").read_text() == LARGE
    assert run(tracker, cache_hydration=hydration).cache_hit


@pytest.mark.parametrize("mode", ["readonly", "reuse"])
def test_what_was_said_at_the_look_up_is_noted_also_where_there_is_only_one(tracker, mode):
    """A run that must not write, and one that its own function asks for, do without the lock and a second look."""
    deeper = []

    def large():
        if deeper and deeper.pop():
            tracker.run(large, **call)
        return b"x" * 9000

    call = {"name": "large", "code_options": CodeOptions(version="1")}
    made = tracker.run(large, **call)
    break_blob(blob_of(tracker, made.outputs["value"]), "gone")
    deeper.append(mode == "reuse")
    with pytest.warns(errors.DamagedWarning, match="it is computed again"):
        run = tracker.run(large, **call, cache_options=CacheOptions(cache_mode=mode)).run
    kept = [run for run in tracker.find_runs(step="large") if run.id != made.run.id]
    assert len(kept) == (2 if mode == "reuse" else 0)
    for each in kept or [run]:
        assert any("it is computed again" in note for note in each.record.notes)


def count(table, size):
    """Read a file by a name of its own, whatever it was given."""
    return len(Path("table.csv").read_text()) + size


def next_step(tracker, made, size=0, **cache):
    return tracker.run(
        count,
        inputs={"table": made.outputs["table"]},
        config={"size": size},
        cache_options=CacheOptions(**cache),
    )


def test_missing_inputs_are_restored_where_they_were_written_before_the_function_runs(tracker):
    made = run(tracker)
    Path("table.csv").unlink()
    with pytest.raises(FileNotFoundError):
        next_step(tracker, made)
    assert next_step(tracker, made, cache_hydration="inputs-missing").value == len(LARGE)
    Path("table.csv").unlink()
    assert next_step(tracker, made, cache_hydration="inputs-missing").cache_hit
    assert not Path("table.csv").exists()  # a hit reads nothing


def test_inputs_whose_folder_is_a_file_now_are_not_restored(tracker):
    run(tracker)
    deep = tracker.run(deeper, output_paths={"table": "deep/table.csv"})
    shutil.rmtree("deep")
    Path("deep").write_text("a file now")
    with pytest.warns(errors.ConsistWarning, match="deep is no folder, so .*table.csv is not restored"):
        assert next_step(tracker, deep, cache_hydration="inputs-missing").value == len(LARGE)
    assert Path("deep").read_text() == "a file now"


def deeper():
    Path("deep").mkdir()
    Path("deep/table.csv").write_text("deep")


def test_inputs_are_restored_over_nothing_and_nowhere_else(tracker, tmp_path, monkeypatch):
    made = run(tracker)
    Path("table.csv").write_text("mine")
    with pytest.warns(errors.ConsistWarning, match=r"table\.csv is there with other content, and is left so"):
        assert next_step(tracker, made, cache_hydration="inputs-missing").value == 4
    Path("table.csv").unlink()
    outside = tmp_path / "outside"
    outside.mkdir()
    monkeypatch.chdir(outside)
    (outside / "table.csv").write_text("here")
    with pytest.warns(errors.ConsistWarning, match="outside of working folder and run_dir"):
        next_step(tracker, made, 1, cache_hydration="inputs-missing")
    assert not (tmp_path / "work" / "table.csv").exists()


def read(table):
    return len(table.read_text())


def given_by_path(tracker, place="table.csv", hydration="inputs-missing"):
    return tracker.run(read, inputs={"table": place}, cache_options=CacheOptions(cache_hydration=hydration))


@pytest.mark.parametrize("text", [LARGE, "small"])
def test_a_file_given_by_its_path_that_is_gone_is_restored(tracker, text):
    run(tracker, text)
    for found in (False, True):
        Path("table.csv").unlink()
        result = given_by_path(tracker, Path("table.csv").absolute() if found else "table.csv")
        assert (result.value, result.cache_hit) == (len(text), found)
        assert Path("table.csv").read_text() == text


def test_a_file_that_is_gone_stays_gone_unless_that_is_asked_for(tracker):
    run(tracker)
    Path("table.csv").unlink()
    with pytest.raises(errors.InputError, match=r"there is no file .*table\.csv"):
        given_by_path(tracker, hydration="metadata")
    with pytest.raises(errors.InputError, match=r"there is no file .*never\.csv"):
        given_by_path(tracker, "never.csv")
    assert not Path("table.csv").exists()


@pytest.mark.parametrize("other", ["another run", "a forgotten run", "by hand"])
def test_of_several_contents_at_a_path_none_is_chosen(tracker, other):
    run(tracker)
    if other == "by hand":
        Path("table.csv").write_text("mine")
        given_by_path(tracker)
    else:
        made = run(tracker, "other")
        if other == "a forgotten run":
            tracker.forget(made.run)
    Path("table.csv").unlink()
    with pytest.raises(errors.InputError, match="2 contents were recorded there, so none is restored"):
        given_by_path(tracker)
    assert not Path("table.csv").exists()


def test_what_was_only_ever_called_wrong_is_not_restored(tracker):
    tracker.forget(run(tracker).run)
    Path("table.csv").unlink()
    with pytest.raises(errors.InputError, match="there is no file"):
        given_by_path(tracker)
