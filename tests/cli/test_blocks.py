"""Traces and scenarios on the command line: what kind they are, what they logged, and where a hit belongs."""

import json

import pytest

import consist


@pytest.fixture
def ids(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with consist.Tracker(db_path="provenance.duckdb") as tracker:
        step = tracker.run(pow, config={"base": 2, "exp": 3})
        with tracker.scenario("baseline") as scenario:
            scenario.run(pow, config={"base": 2, "exp": 3})
            with scenario.trace("report") as trace:
                trace.log_artifact(1, key="rows")
                trace.log_meta(score=0.5, note="a b")
    return {"pow": step.run.id, "baseline": scenario.run_id, "report": trace.run_id}


def facts(call, run_id):
    lines = call("show", run_id, "--db-path", "provenance.duckdb").lines
    return [line.split("\t") for line in lines]


def test_runs_says_of_what_kind_each_is(ids, call):
    rows = call("runs", "--db-path", "provenance.duckdb").rows()
    assert {row["model"]: row["kind"] for row in rows} == {"pow": "run", "baseline": "scenario", "report": "trace"}
    listed = json.loads(call("runs", "--db-path", "provenance.duckdb", "--json").out)["runs"]
    assert {run["run_id"]: run["kind"] for run in listed} == {
        ids["pow"]: "run",
        ids["baseline"]: "scenario",
        ids["report"]: "trace",
    }


def test_show_tells_kind_meta_and_where_a_run_was_found_again(ids, call):
    trace = facts(call, ids["report"])
    assert ["kind", "trace"] in trace
    assert ["parent", ids["baseline"]] in trace
    assert ["meta.score", "0.5"] in trace
    assert ["meta.note", "a b"] in trace
    step = facts(call, ids["pow"])
    assert ["found_in", ids["baseline"]] in step
    assert not [fact for fact in step if fact[0] in {"kind", "parent"}]
    run = json.loads(call("show", ids["pow"], "--db-path", "provenance.duckdb", "--json").out)["run"]
    assert (run["found_in"], run["parent"], run["meta"]) == ([ids["baseline"]], None, {})
    run = json.loads(call("show", ids["baseline"], "--db-path", "provenance.duckdb", "--json").out)["run"]
    assert run["meta"] == {"coupler": {"value": f"runs/{ids['pow']}/value", "rows": f"runs/{ids['report']}/rows"}}
    assert (run["kind"], run["signature"]) == ("scenario", None)


def test_what_a_trace_made_is_read_as_what_a_step_made(ids, call):
    assert call("cat", "steps/report/rows", "--db-path", "provenance.duckdb").out == "1\n"
    assert call("cat", f"runs/{ids['report'][:8]}/rows", "--db-path", "provenance.duckdb").out == "1\n"
