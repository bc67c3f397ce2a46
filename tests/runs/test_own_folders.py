"""Input folders that hold what consist itself writes to: said by name, before they are read, never left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from consist import ExecutionOptions, Tracker, errors

calls = []


def count(d):
    calls.append(d)
    return len(list(Path(d).iterdir()))


@pytest.fixture(autouse=True)
def _fresh():
    calls.clear()


def make(folder, **places):
    return Tracker(**{"run_dir": folder / "r", "db_path": folder / "i" / "index.lmdb", "durable": False, **places})


@pytest.mark.parametrize("own", ["store", "db_path"])
def test_a_folder_with_the_store_or_the_index_in_it_is_refused_by_name(tmp_path, own):
    data = tmp_path / "data"
    (data / "sub").mkdir(parents=True)
    places = {"store": tmp_path / "elsewhere", own: data / "here" / "mine"}
    with make(tmp_path, **places) as tracker:
        for folder in (data, data / "sub" / ".."):
            with pytest.raises(errors.InputError, match=r"input 'd': the folder .* holds .*/data/here/mine.*own"):
                tracker.run(count, inputs={"d": folder})
        with tracker.trace("look") as run, pytest.raises(errors.InputError, match=r"holds .*/data/here/mine"):
            run.log_input(data, "d")
        assert calls == []
        tracker.run(count, inputs={"d": data / "sub"})
        assert tracker.run(count, inputs={"d": data / "sub"}).cache_hit


def test_the_store_itself_is_refused_and_a_neighbour_of_like_name_is_not(tmp_path):
    (tmp_path / "i" / "index.store-data").mkdir(parents=True)
    with make(tmp_path) as tracker:
        assert tracker.store.backend.url == str(tmp_path / "i" / "index.store")
        with pytest.raises(errors.InputError, match="own"):
            tracker.run(count, inputs={"d": tmp_path / "i" / "index.store"})
        assert tracker.run(count, inputs={"d": tmp_path / "i" / "index.store-data"}).value == 0


def test_a_folder_that_a_run_changes_through_run_dir_is_told_so(tmp_path):
    (tmp_path / "data").mkdir()

    def write(d, _consist_ctx):
        (_consist_ctx.run_dir / "log.txt").write_text("text")
        return len(list(d.iterdir()))

    with (
        make(tmp_path, run_dir=tmp_path / "data" / "runs") as tracker,
        pytest.warns(errors.UncacheableWarning, match=r"input 'd' changed while .* \(it holds run_dir, .*/data/runs"),
    ):
        tracker.run(write, inputs={"d": tmp_path / "data"}, execution_options=ExecutionOptions(inject_context=True))


def test_a_folder_that_holds_the_store_is_no_output_either(tmp_path):
    with make(tmp_path) as tracker:
        with pytest.raises(
            errors.OutputError, match=r"output 'value': the folder .*/i holds .*index.store, which is cons"
        ):
            tracker.run(lambda: tmp_path / "i", name="all of it")
        with (
            tracker.trace("look") as run,
            pytest.raises(errors.OutputError, match=r"output 'd': .* holds .*index.store"),
        ):
            run.log_output(tmp_path / "i", "d")
