"""Columns of choice in `runs` and `scenarios`, kinds and pins, against what the runs are known to be."""

import itertools
import json
import math
import re
import sys

import pyarrow.parquet as pq
import pytest

import consist
from consist.cli import completing
from consist.cli.columns import parse_columns
from consist.store.marking import pin


def _fit(alpha, model):
    return {
        "rmse": alpha * 2,
        "label": f"a={alpha}\tb",
        "by": {"year": {"2030": model["size"]}},
        "raw": b"x",
        "big": "y" * 300_000,
    }


class Context:
    """What completion is told of the call."""

    def __init__(self, db_path, **params):
        self.params = {"db_path": str(db_path), "store": None, **params}


@pytest.fixture
def sweep(world):
    """Add three runs of a step, a trace and a scenario."""
    with consist.Tracker(run_dir="runs", db_path=world.db_path, durable=False) as tracker:
        for number, alpha in enumerate((0.5, 1, 2.0)):
            facet = {"year": 2030, "a.b": alpha} if number else None
            tracker.run(_fit, name="fit", config={"alpha": alpha, "model": {"size": number}}, facet=facet)
        with tracker.trace("look", config={"alpha": 7}) as run:
            run.log_meta(rows=12)
        with tracker.scenario("growth", config={"alpha": 9}):
            pass
        first = tracker.find_runs(step="fit")[-1]
        pin(tracker.store, first.record, "figure 3")
        pin(tracker.store, first.record, "")
    return world


def cells(answer, *names):
    return [tuple(row[name] for name in names) for row in answer.rows()]


def test_columns_show_what_config_facet_and_outputs_hold(sweep, ask):
    names = ("config.alpha", "config.model.size", "facet.a.b", "output.rmse", "output.by.year.2030", "output.label")
    found = ask(
        "runs", "--step", "fit", "--with", ",".join(names[:3]), "--with", names[3], "--with", ",".join(names[3:])
    )
    assert found.lines[0].split("\t")[-7:] == ["kind", *names]
    assert cells(found, *names) == [
        ("2.0", "2", "2.0", "4.0", "2", r"a=2.0\tb"),
        ("1", "1", "1", "2", "1", r"a=1\tb"),
        ("0.5", "0", "-", "1.0", "0", r"a=0.5\tb"),
    ]


def test_an_output_that_is_no_small_plain_value_is_its_format(sweep, ask):
    found = ask("runs", "--step", "fit", "--limit", "1", "--with", "output.raw,output.big,output.by")
    assert cells(found, "output.raw", "output.big", "output.by") == [("<bytes>", "<plain>", '{"year": {"2030": 2}}')]


def test_json_has_the_values_and_leaves_out_what_is_not_there(sweep, ask):
    asked = "config.alpha,facet.year,output.by,output.raw,meta.rows"
    found = json.loads(ask("runs", "--with", asked, "--json").out)["runs"]
    fits = [run["with"] for run in found if run["model"] == "fit"]
    by = {"year": {"2030": 0}}
    assert fits[-1] == {"config.alpha": 0.5, "output.by": by, "output.raw": {"format": "bytes"}}
    assert fits[0]["facet.year"] == 2030
    (look,) = [run for run in found if run["model"] == "look"]
    assert look["with"] == {"config.alpha": 7, "meta.rows": 12}
    assert {run["run_id"] for run in found if run["pins"]} == {sweep.open().index.marked("pin")[0][0]}
    assert all(run["with"] == {} for run in json.loads(ask("runs", "--json").out)["runs"])
    (whole,) = json.loads(ask("runs", "--step", "clean", "--with", "config", "--json").out)["runs"]
    assert whole["with"] == {"config": {"limit": 3, "deep": {"sigma": "Infinity"}}}


def test_scenarios_have_columns_too(sweep, ask):
    assert cells(ask("scenarios", "--with", "config.alpha"), "name", "config.alpha") == [("growth", "9")]
    (document,) = json.loads(ask("scenarios", "--with", "config.alpha", "--json").out)["scenarios"]
    assert document["with"] == {"config.alpha": 9}


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_column_that_no_run_has_is_said_with_the_nearest(sweep, call, form):
    answer = call("runs", "--step", "fit", "--with", "config.alhpa,facet.year", *form, "--db-path", sweep.db_path)
    assert answer.code == 0
    assert answer.err == "consist: none of these runs has 'config.alhpa' (did you mean 'config.alpha'?)\n"


@pytest.mark.parametrize("typed", ["config.lr", "output.alpha", "facet.model.size"])
def test_a_column_of_another_area_is_not_meant(sweep, call, typed):
    """All names of an area begin alike, so a short key would be like any other of it."""
    answer = call("runs", "--step", "fit", "--with", typed, "--db-path", sweep.db_path)
    assert answer.err == f"consist: none of these runs has {typed!r} (they have no such values)\n"


@pytest.mark.parametrize(
    ("typed", "hint"),
    [("outputs.rmse", "did you mean output.rmse?"), ("rmse", "write config.KEY"), ("config.", "write config.KEY")],
)
def test_what_is_no_column_is_an_error(sweep, call, typed, hint):
    answer = call("runs", "--with", typed, "--db-path", sweep.db_path)
    assert (answer.code, answer.out) == (2, "")
    assert f"{typed!r} is no column ({hint}" in answer.err


def test_keys_with_dots_and_numbers_are_found(world, ask):
    with consist.Tracker(run_dir="runs", db_path=world.db_path, durable=False) as tracker:
        tracker.run(lambda: None, name="odd", config={"a": {"b": 1}, "a.b": 2, "a.b.c": {"d": math.nan}, "1": [1, 2]})
    names = ("config.a.b", "config.a.b.c.d", "config.1")
    assert cells(ask("runs", "--step", "odd", "--with", ",".join(names)), *names) == [("2", '"NaN"', "[1, 2]")]


@pytest.fixture
def on_terminal(sweep, call, monkeypatch):
    """List the runs of the step as a terminal of some width shows them; return the lines."""

    def lines(width, *options):
        with monkeypatch.context() as patch:
            patch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
            patch.setenv("TERM", "xterm")
            patch.setenv("COLUMNS", str(width))
            out = call("runs", "--step", "fit", *options, "--db-path", sweep.db_path).out
            return re.sub(r"\x1b\[[0-9;]*m", "", out).splitlines()

    return lines


def test_numbers_have_six_digits_for_people_and_are_whole_for_programs(sweep, ask, on_terminal):
    with consist.Tracker(run_dir="runs", db_path=sweep.db_path, durable=False) as tracker:
        tracker.run(_fit, name="fit", config={"alpha": 2 / 3, "model": {"size": 9}})
    column = ("--limit", "1", "--with", "output.rmse")
    assert on_terminal(120, *column)[1].split()[-1] == "1.33333"
    assert cells(ask("runs", "--step", "fit", *column), "output.rmse") == [(repr(4 / 3),)]
    (run,) = json.loads(ask("runs", "--step", "fit", *column, "--json").out)["runs"]
    assert run["with"] == {"output.rmse": 4 / 3}


def test_where_it_is_narrow_other_columns_give_way_before_a_row_is_several_lines(on_terminal):
    columns = ("--with", "config.alpha,config.model.size,output.rmse")
    heads = [" ".join(on_terminal(width, *columns)[:-3]).split() for width in (150, 80, 70, 60, 46)]
    others = [[word for word in ("hits", "execution", "started", "status") if word in head] for head in heads]
    assert others[0] == ["hits", "execution", "started", "status"]
    assert others[-1] == []
    assert all(set(fewer) <= set(more) for more, fewer in itertools.pairwise(others))
    for width in (150, 80, 70, 60, 46):
        lines = on_terminal(width, *columns)
        assert max(map(len, lines)) <= width
        assert [line.split()[-3:] for line in lines[-3:]] == [
            ["2.0", "2", "4.0"],
            ["1", "1", "2"],
            ["0.5", "0", "1.0"],
        ]
    # Where nothing would do, a row is several lines, and all is there.
    assert sum(line.split()[:2] == ["status", "completed"] for line in on_terminal(24, *columns)) == 3


def test_runs_of_a_kind(sweep, ask, call):
    kinds = {kind: {row["kind"] for row in ask("runs", "--kind", kind).rows()} for kind in ("run", "trace", "scenario")}
    assert kinds == {"run": {"run"}, "trace": {"trace"}, "scenario": {"scenario"}}
    assert len(ask("runs", "--kind", "run").rows()) == 7
    answer = call("runs", "--kind", "step", "--db-path", sweep.db_path)
    assert (answer.code, answer.err) == (2, "consist: no run has the kind 'step' (write run, trace or scenario)\n")


def test_pinned_runs_are_listed_with_their_reasons(sweep, ask):
    with consist.Tracker(run_dir="runs", db_path=sweep.db_path, durable=False) as tracker:
        pin(tracker.store, sweep.runs["clean"].record, "raw data")
    found = ask("runs", "--pinned", "--with", "config.alpha")
    reasons = [("fit", "0.5", "no reason given; figure 3"), ("clean", "-", "raw data")]
    assert cells(found, "model", "config.alpha", "pinned") == reasons
    for options in (("--step", "clean"), ("--tag", "first"), ("--status", "completed", "--step", "clean")):
        assert cells(ask("runs", "--pinned", *options), "model") == [("clean",)]
    assert cells(ask("runs", "--pinned", "--limit", "1"), "model") == [("fit",)]
    for options in (("--status", "failed"), ("--kind", "trace"), ("--since", "2200-01-01")):
        assert ask("runs", "--pinned", *options).rows() == []
    documents = json.loads(ask("runs", "--pinned", "--json").out)["runs"]
    assert [run["pins"] for run in documents] == [["", "figure 3"], ["raw data"]]


@pytest.mark.filterwarnings("default")
def test_names_of_columns_and_tags_are_completed(sweep):
    context = Context(sweep.db_path, step="fit")
    offered = {
        begun: completing.offered(context, begun, lambda store, begun: completing.columns(store, begun, "fit"))
        for begun in ("config.", "output.rmse,out", "facet.y")
    }
    assert offered["config."] == ["config.alpha", "config.model.size"]
    assert "output.rmse,output.by.year.2030" in offered["output.rmse,out"]
    assert offered["facet.y"] == ["facet.year"]
    assert completing.offered(context, "f", completing.tags) == ["first"]
    said = completing.offered(context, "", completing.said)
    assert {"alpha=0.5", "model.size=2", "year=2030", "limit=3"} <= set(said)
    assert completing.offered(context, "al", completing.said) == [
        "alpha=9",
        "alpha=7",
        "alpha=2.0",
        "alpha=1",
        "alpha=0.5",
    ]


def test_what_could_not_be_typed_is_not_offered(sweep):
    with consist.Tracker(run_dir="runs", db_path=sweep.db_path, durable=False) as tracker:
        tracker.run(lambda: {"a,b": 1, "c": 2}, name="odd")
    with_comma = Context(sweep.db_path, step="odd")
    offered = completing.offered(with_comma, "output.", lambda store, begun: completing.columns(store, begun, "odd"))
    assert offered == ["output.c"]


def test_columns_are_read_once_each():
    assert [column.name for column in parse_columns(["config.a, output", "config.a", ""])] == ["config.a", "output"]


def test_an_export_has_kinds_and_small_values(sweep, ask):
    ask("export", "parquet", "tables")
    runs = pq.read_table(sweep.folder / "tables/runs.parquet").to_pylist()
    assert {run["model"]: run["kind"] for run in runs}["growth"] == "scenario"
    made = pq.read_table(sweep.folder / "tables/artifacts.parquet").to_pylist()
    fit = {
        row["key"]: (row["value"], row["number"]) for row in made if row["key"] in {"rmse", "label", "raw", "big", "by"}
    }
    assert fit["rmse"] == ("1.0", 1.0)
    assert fit["label"] == ("a=0.5\tb", None)
    assert fit["raw"] == fit["big"] == (None, None)
    assert json.loads(fit["by"][0]) == {"year": {"2030": 0}}
