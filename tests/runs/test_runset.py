"""Runs as a sequence, and as tables of pandas and polars that were written down by hand."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from consist import RunSet, errors


def score(model, seed):
    return {"loss": model["size"] / (seed + 1), "name": f"m{model['size']}"}


def other(x):
    return x


@pytest.fixture
def sweep(tracker):
    for size, seed in ((8, 0), (8, 1), (16, 1)):
        tracker.run(
            score, config={"model": {"size": size, "layers": [1, 2]}, "seed": seed}, facet={"group": f"g{size}"}
        )
    tracker.run(score, config={"model": {"size": 8, "layers": [1, 2]}, "seed": 0})
    tracker.store.events.flush()
    return tracker


def test_it_is_a_sequence(sweep):
    runs = sweep.run_set(step="score")
    assert isinstance(runs, RunSet)
    assert len(runs) == 3
    assert [run.id for run in runs] == [run.id for run in sweep.find_runs(step="score")]
    assert runs[0] == sweep.find_latest_run(step="score")
    assert isinstance(runs[1:], RunSet)
    assert list(runs[1:]) == list(runs)[1:]
    assert runs[2] in runs
    assert len(sweep.run_set(facet={"group": "g8"})) == 2


def test_of_runs_that_are_given_in_their_order(sweep):
    results = [
        sweep.run(score, config={"model": {"size": size, "layers": [1, 2]}, "seed": seed})
        for size, seed in ((8, 1), (32, 0), (8, 0))
    ]
    assert [result.cache_hit for result in results] == [True, False, True]
    table = sweep.run_set(results).to_pandas(values=["loss"])
    assert table["config.model.size"].tolist() == [8, 32, 8]
    assert table["loss"].tolist() == [4.0, 32.0, 8.0]
    assert list(sweep.run_set([results[0].run, results[1].run.id])) == [results[0].run, results[1].run]
    with pytest.raises(errors.UsageError, match="got runs and filters"):
        sweep.run_set(results, step="score")


def test_pandas(sweep):
    runs = sweep.run_set(step="score")
    table = runs.to_pandas(values=["loss", "name"])
    assert list(table.columns) == [
        "run_id",
        "step",
        "status",
        "started",
        "seconds",
        "hits",
        "tags",
        "config.model.size",
        "config.model.layers",
        "config.seed",
        "facet.group",
        "loss",
        "name",
    ]
    pd.testing.assert_frame_equal(
        table[["step", "status", "hits", "config.model.size", "config.seed", "facet.group", "loss", "name"]],
        pd.DataFrame(
            {
                "step": ["score"] * 3,
                "status": ["completed"] * 3,
                "hits": [0, 0, 1],
                "config.model.size": [16, 8, 8],
                "config.seed": [1, 1, 0],
                "facet.group": ["g16", "g8", "g8"],
                "loss": [8.0, 4.0, 8.0],
                "name": ["m16", "m8", "m8"],
            }
        ),
    )
    assert list(table["run_id"]) == [run.id for run in runs]
    assert table["started"].iloc[0] == runs[0].started_at
    assert table["started"].dt.tz is dt.UTC
    assert (table["seconds"] >= 0).all()


def test_polars(sweep):
    table = sweep.run_set(step="score").to_polars(values=["loss"])
    assert table.select("config.model.size", "config.seed", "facet.group", "loss", "hits").to_dict(as_series=False) == {
        "config.model.size": [16, 8, 8],
        "config.seed": [1, 1, 0],
        "facet.group": ["g16", "g8", "g8"],
        "loss": [8.0, 4.0, 8.0],
        "hits": [0, 0, 1],
    }
    assert table["config.model.layers"].to_list() == [[1, 2]] * 3
    assert table["started"].dtype == pl.Datetime("us", "UTC")


def test_what_a_run_does_not_have_is_missing(sweep):
    sweep.run(other, config={"x": "text"})
    runs = sweep.run_set()
    frame = runs.to_pandas(values="loss")
    assert frame["loss"].isna().tolist() == [True, False, False, False]
    assert frame["config.x"].tolist()[0] == "text"
    assert frame["config.seed"].isna().tolist() == [True, False, False, False]
    assert runs.to_polars(values=["loss"])["loss"].to_list() == [None, 8.0, 4.0, 8.0]


def test_a_column_of_mixed_types_is_text_in_polars_and_as_it_is_in_pandas(tracker):
    for x in (1, "two", None, {"deep": 1}, {}, [1, "a"]):
        tracker.run(other, config={"x": x})
    runs = tracker.run_set(step="other")
    assert runs.to_pandas()["config.x"].tolist()[1] == {}
    assert runs.to_polars()["config.x"].to_list() == ["[1, 'a']", "{}", None, None, "two", "1"]
    assert runs.to_polars()["config.x.deep"].to_list() == [None, None, 1, None, None, None]


def measure(n):
    return {"seconds": n * 100, "status": "mine", "config.n": -n, "n": n}


def test_an_output_that_is_called_as_another_column_takes_nothing_away(tracker):
    for n in (1, 2):
        tracker.run(measure, config={"n": n})
    runs, keys = tracker.run_set(step="measure"), ["seconds", "status", "config.n", "n"]
    for table in (runs.to_pandas(values=keys), runs.to_polars(values=keys)):
        assert list(table["status"]) == ["completed"] * 2
        assert list(table["config.n"]) == list(table["n"]) == [2, 1]
        assert all(seconds < 100 for seconds in table["seconds"])
        assert list(table["output.seconds"]) == [200, 100]
        assert list(table["output.status"]) == ["mine"] * 2
        assert list(table["output.config.n"]) == [-2, -1]
        assert list(table.columns)[-4:] == ["output.seconds", "output.status", "output.config.n", "n"]


def test_a_key_with_a_point_and_a_path_are_two_columns(tracker):
    def take(**config):
        return len(config)

    tracker.run(take, config={"a.b": 1, "c.d": 5}, facet={"x": {"y.z": 7}})
    tracker.run(take, config={"a.b": 2, "a": {"b": 3}}, facet={"x": {"y": {"z": 8}}})
    for table in (tracker.run_set(step="take").to_pandas(), tracker.run_set(step="take").to_polars()):
        found = {name: list(table[name]) for name in table.columns if name.startswith(("config", "facet"))}
        assert found.pop('config["a.b"]') == [2, 1]
        assert found.pop("config.a.b")[0] == 3
        assert found.pop("config.c.d")[1] == 5
        assert found.pop("facet.x.y.z")[0] == 8
        assert found.pop('facet.x["y.z"]')[1] == 7
        assert not found


@pytest.mark.parametrize("made", [({}, {}), ({"a": 1}, {"b": 2})])
def test_a_column_of_dicts_is_text_in_polars(tracker, made):
    """polars would make one structure of them, in which each has what another one has."""
    for n, value in enumerate(made):
        tracker.run(lambda value: {"out": value, "n": 1}, name="make", config={"value": value, "n": n})
    table = tracker.run_set(step="make").to_polars(values=["out"])
    assert table["out"].to_list() == [str(value) for value in reversed(made)]


def test_nothing_is_an_empty_table(tracker):
    runs = tracker.run_set(step="nothing")
    assert (len(runs), len(runs.to_pandas()), runs.to_polars().height) == (0, 0, 0)
    assert list(runs.to_pandas().columns) == ["run_id", "step", "status", "started", "seconds", "hits", "tags"]


def test_without_the_library_the_error_says_so(tmp_path):
    code = (
        "import sys; sys.modules['pandas'] = sys.modules['polars'] = None\n"
        "import consist\n"
        f"t = consist.Tracker(run_dir={str(tmp_path)!r}, db_path={str(tmp_path / 'i.lmdb')!r})\n"
        "t.run(pow, config={'base': 2, 'exp': 3})\n"
        "for name in ('to_pandas', 'to_polars'):\n"
        "    try:\n"
        "        getattr(t.run_set(), name)()\n"
        "    except consist.ConsistError as error:\n"
        "        print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    one, two = done.stdout.splitlines()
    assert one.startswith("a table of runs needs pandas")
    assert "pip install pandas" in one
    assert two.startswith("a table of runs needs polars")


def test_damage_is_said_and_not_skipped(tracker):
    tracker.run(lambda: {"big": "x" * 100_000}, name="big")
    (blob,) = tracker.store.backend.list("blobs")
    path = Path(tracker.store.backend.path_of(blob.key))
    path.chmod(0o600)
    path.write_bytes(b"spoilt")
    with pytest.raises(errors.DamagedError):
        tracker.run_set(step="big").to_pandas(values=["big"])


RUNS = None


def one(n):
    return n


def best():
    return max(run.config["n"] for run in RUNS)


def test_which_runs_a_set_in_a_global_holds_counts(tracker, monkeypatch):
    for number in range(2):
        tracker.run(one, config={"n": number})
    for most, hit in ((1, False), (0, False), (1, True)):
        runs = [run for run in tracker.find_runs(step="one") if run.config["n"] <= most]
        monkeypatch.setitem(globals(), "RUNS", tracker.run_set(runs))
        found = tracker.run(best)
        assert found.value == most
        assert found.cache_hit == hit
