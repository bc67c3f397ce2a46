"""What is promised to whoever comes from the other Consist: its first workflow, and the cases that it gets wrong.

The numbers are written down or computed without consist.
"""

from __future__ import annotations

import json
import shutil
import sys
import types
import warnings
from pathlib import Path

import pytest

from consist import ExecutionOptions, Tracker, errors

RAW = {"id": [1, 2, 3, 4, 5], "value": [10, 20, 30, 40, 50]}


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("executed").write_text("")
    Path("raw.csv").write_text("id,value\n" + "".join(f"{i},{v}\n" for i, v in zip(*RAW.values(), strict=True)))


def executed() -> list[str]:
    """Return what was executed since the last time it was asked."""
    names = Path("executed").read_text().split()
    Path("executed").write_text("")
    return names


def note(name: str) -> None:
    with Path("executed").open("a") as file:
        file.write(name + "\n")


# --- the first workflow


def clean(raw: Path, threshold: float) -> Path:
    """Drop what is below the threshold."""
    note("clean")
    head, *rows = raw.read_text().splitlines()
    kept = [row for row in rows if float(row.split(",")[1]) >= threshold]
    Path("cleaned.csv").write_text("\n".join([head, *kept]) + "\n")
    return Path("cleaned.csv")


def summarise(cleaned_artifact: Path) -> dict:
    """Compute mean and count, a table of them, and a page."""
    import pandas as pd

    note("summarise")
    table = pd.read_csv(cleaned_artifact)
    Path("summary.json").write_text(json.dumps({"mean": table["value"].mean(), "count": len(table)}))
    return {"mean": float(table["value"].mean()), "table": table, "page": Path("summary.json")}


def workflow(tracker, threshold):
    cleaned = tracker.run(clean, config={"threshold": threshold}, inputs={"raw": "raw.csv"}, outputs=["cleaned"])
    summary = tracker.run(
        summarise, inputs={"cleaned_artifact": cleaned.outputs["cleaned"]}, outputs=["mean", "table", "page"]
    )
    return cleaned, summary


def expected(threshold):
    kept = [value for value in RAW["value"] if value >= threshold]
    return sum(kept) / len(kept), kept


def check(results, threshold):
    mean, kept = expected(threshold)
    cleaned, summary = results
    assert cleaned.run.status == summary.run.status == "completed"
    assert summary.outputs["mean"].load() == summary.value["mean"] == mean
    assert summary.outputs["table"].load()["value"].tolist() == kept
    assert json.loads(summary.outputs["page"].path.read_text()) == {"mean": mean, "count": len(kept)}
    assert cleaned.outputs["cleaned"].path.read_text().count("\n") == len(kept) + 1
    assert cleaned.value.read_text() == cleaned.outputs["cleaned"].path.read_text()


def test_the_first_workflow(tracker):
    pytest.importorskip("pandas")
    first = workflow(tracker, 15)
    check(first, 15)
    assert executed() == ["clean", "summarise"]
    second = workflow(tracker, 15)
    check(second, 15)
    assert executed() == []
    assert [result.cache_hit for result in (*first, *second)] == [False, False, True, True]
    check(workflow(tracker, 25), 25)
    assert executed() == ["clean", "summarise"]
    check(workflow(tracker, 21), 21)  # the same rows as 25, so the same bytes
    assert executed() == ["clean"]
    check(workflow(tracker, 15), 15)  # and not the numbers of 25, which were written to the same paths since
    check(first, 15)
    assert executed() == []


def test_the_first_workflow_as_it_is_documented_elsewhere(tracker):
    """A list of inputs and the path once more in runtime_kwargs: no warning, and the same numbers."""

    def clean_data(raw_path: Path, threshold: float) -> Path:
        return clean(raw_path, threshold)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for threshold in (15, 25, 15):
            result = tracker.run(
                fn=clean_data,
                name="clean",
                config={"threshold": threshold},
                inputs=[Path("raw.csv")],
                outputs=["cleaned"],
                execution_options=ExecutionOptions(
                    runtime_kwargs={"raw_path": Path("raw.csv"), "threshold": threshold}
                ),
            )
            rows = result.outputs["cleaned"].path.read_text().splitlines()[1:]
            assert [int(row.split(",")[1]) for row in rows] == expected(threshold)[1]
    assert executed() == ["clean", "clean"]


# --- what is wrong elsewhere


def test_two_configs_that_write_one_path_never_mix(tracker):
    def write(text):
        Path("same.txt").write_text(text)
        return {"out": Path("same.txt")}

    results = {text: tracker.run(write, config={"text": text}) for text in ("one", "two")}
    for _ in range(2):
        for text, result in results.items():
            assert result.outputs["out"].path.read_text() == text
            assert result.value["out"].read_text() == text
            results[text] = tracker.run(write, config={"text": text})
    assert [result.cache_hit for result in results.values()] == [True, True]


def test_a_path_is_absolute_and_right_after_the_working_folder_changed(tracker, tmp_path, monkeypatch):
    def write():
        Path("made.txt").write_text("made")
        return Path("made.txt")

    result = tracker.run(write)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    Path("made.txt").write_text("another")
    assert result.value == result.outputs["value"].path == tmp_path / "made.txt"
    assert result.value.read_text() == "made"


def test_closures_and_lambdas_with_the_same_text_are_told_apart(tracker):
    def scaler(by):
        def scale(x):
            return by * x

        return scale

    lambdas = [lambda x, n=n: x + n for n in (1, 2)]
    assert [tracker.run(scaler(by), config={"x": 10}).value for by in (2, 3, 2)] == [20, 30, 20]
    assert [tracker.run(one, name="add", config={"x": 10}).value for one in lambdas] == [11, 12]
    assert tracker.run(scaler(3), config={"x": 10}).cache_hit


def module(monkeypatch, name, source):
    made = types.ModuleType(name)
    monkeypatch.setitem(sys.modules, name, made)
    exec(source, vars(made))  # noqa: S102 - a module of the project, as it is after an edit
    return made


def test_a_helper_that_is_edited_in_another_module_breaks_the_hit(tracker, monkeypatch):
    def version(body):
        module(monkeypatch, "helper_of_a_test", f"def norm(x):\n    return {body}\n")
        job = module(
            monkeypatch, "job_of_a_test", "from helper_of_a_test import norm\ndef job(x):\n    return norm(x)\n"
        )
        return tracker.run(job.job, config={"x": 10})

    assert version("x / 2").value == 5
    assert version("x / 2  # a comment").cache_hit
    assert version("x / 5").value == 2


def test_different_functions_with_one_name_are_different_runs(tracker):
    def make(which):
        if which == "plus":

            def step(x):
                return x + 1
        else:

            def step(x):
                return x - 1

        return step

    assert [tracker.run(make(which), config={"x": 5}).value for which in ("plus", "minus", "plus")] == [6, 4, 6]
    assert len(tracker.find_runs(step="step")) == 2


def test_runtime_kwargs_that_change_without_config_are_warned_of(tracker):
    def scale(x, factor):
        return x * factor

    with pytest.warns(errors.IdentityWarning, match="runtime_kwargs 'factor' .* share one result"):
        first = tracker.run(scale, name="warned scale", config={"x": 2}, runtime_kwargs={"factor": 3})
    again = tracker.run(scale, name="warned scale", config={"x": 2}, runtime_kwargs={"factor": 4})
    assert (first.value, again.value, again.cache_hit) == (6, 6, True)


def test_a_file_that_is_renamed_in_an_input_folder_breaks_the_hit(tracker):
    def names(folder: Path):
        return sorted(path.name for path in folder.iterdir())

    Path("data").mkdir()
    Path("data/a.txt").write_text("text")
    assert tracker.run(names, inputs={"folder": "data"}).value == ["a.txt"]
    Path("data/a.txt").rename("data/b.txt")
    assert tracker.run(names, inputs={"folder": "data"}).value == ["b.txt"]
    shutil.copytree("data", "copy")
    assert tracker.run(names, inputs={"folder": "copy"}).cache_hit


def test_the_same_bytes_at_another_path_are_a_hit(tracker):
    first = tracker.run(clean, config={"threshold": 15}, inputs={"raw": "raw.csv"})
    shutil.copy("raw.csv", "renamed.dat")
    assert tracker.run(clean, config={"threshold": 15}, inputs={"raw": "renamed.dat"}).run.id == first.run.id


@pytest.mark.parametrize("harm", ["deleted", "edited"])
@pytest.mark.parametrize("size", [10, 10_000], ids=["inline", "blob"])
def test_an_output_that_was_deleted_or_edited_comes_back_as_it_was(tracker, harm, size):
    def write(size):
        Path("out.txt").write_text("x" * size)
        return Path("out.txt")

    tracker.run(write, config={"size": size}, outputs=["out"])
    Path("out.txt").unlink() if harm == "deleted" else Path("out.txt").write_text("edited")
    found = tracker.run(write, config={"size": size}, outputs=["out"])
    assert found.cache_hit
    assert found.outputs["out"].path.read_text() == found.value.read_text() == "x" * size
    assert Path("out.txt").exists() == (harm == "edited")


def test_a_new_run_dir_on_the_same_index_reads_its_outputs(tracker, tmp_path, monkeypatch):
    pytest.importorskip("pandas")
    workflow(tracker, 15)
    executed()
    tracker.close()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "raw.csv").rename(elsewhere / "raw.csv")
    for name in ("cleaned.csv", "summary.json"):
        (tmp_path / name).unlink()
    monkeypatch.chdir(elsewhere)
    Path("executed").write_text("")
    with Tracker(run_dir=elsewhere / "runs", db_path=tracker.db_path) as other:
        check(workflow(other, 15), 15)
    assert executed() == []


def test_what_is_runtime_only_is_written_nowhere(tracker, tmp_path):
    """Neither the value nor its name, of a run that ends well and of one that fails; a value of the config is found."""

    def fetch(user, password):
        if user == "nobody-known":
            raise ValueError(len(password))
        return len(user)

    secret = ExecutionOptions(runtime_kwargs={"password": "open-sesame"}, runtime_only=["password"])
    tracker.run(fetch, config={"user": "ali-baba"}, execution_options=secret)
    with pytest.raises(ValueError, match="11"):
        tracker.run(fetch, config={"user": "nobody-known"}, execution_options=secret)
    tracker.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert all(word in kept for word in (b"ali-baba", b"nobody-known"))
    assert not any(word in kept for word in (b"open-sesame", b"password"))
