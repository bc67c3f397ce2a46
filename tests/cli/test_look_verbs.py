"""`search`, `artifacts`, `diff`, `summary`, `scenarios`, `lineage`, `export`, against what the runs are known to be."""

import datetime as dt
import importlib
import json
import random
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import consist
from consist.cli.text import Time, shown
from consist.index.records import COMPLETED, SCENARIO, Event, RunRecord, encode_record
from consist.index.schema import name
from consist.store.publish import keep


def steps_of(answer):
    return [row["model"] for row in answer.rows()]


@pytest.fixture
def said(world):
    """Add runs that say things in every place that is searched."""
    with consist.Tracker(run_dir="runs", db_path=world.db_path, durable=False) as tracker:
        tracker.run(
            pow,
            name="power",
            config={"base": 2, "exp": 3},
            tags=["Draft"],
            description="Größe of the harbour",
            facet={"area": {"name": "North"}, "loss": 0.125, "ok": True},
        )
        tracker.run(pow, name="power", config={"base": 2, "exp": 33})
    return world


@pytest.mark.parametrize(
    ("text", "models"),
    [
        ("summ", ["summarise"]),
        ("SUMM", ["summarise"]),
        ("draft", ["power"]),
        ("first", ["clean"]),
        ("harbour", ["power"]),
        ("Größe", ["power"]),
        ("größe", ["power"]),
        ("GRÖSSE", []),
        ("north", ["power"]),
        ("limit", ["clean"]),
        ("rained", ["fail"]),
        ("exp=3", ["power"]),
        ("exp=33", ["power"]),
        ("base=2", ["power", "power"]),
        ("base=2.0", []),
        ("exp", ["power", "power"]),
        ("loss=0.125", ["power"]),
        ("0.125", ["power"]),
        ("ok=true", ["power"]),
        ("ok=1", []),
        ("area.name=North", ["power"]),
        ("name=north", ["power"]),
        ("name=nort", []),
        ("table", ["summarise", "clean"]),
        ("table.csv", ["clean"]),
        ("BIG.BIN", ["big"]),
        ("world", []),  # the folder that the files lie in
        ("nothing says this", []),
    ],
)
def test_search_finds_what_is_said_and_nothing_else(said, ask, text, models):
    assert steps_of(ask("search", text)) == models


def test_search_says_where_and_sees_tags_that_came_and_went(said, ask):
    (row,) = ask("search", "harbour").rows()
    assert row["found"] == "description: Größe of the harbour"
    run = said.runs["clean"].id
    ask("tag", run, "harbour-new")
    ask("untag", run, "first")
    assert steps_of(ask("search", "harbour")) == ["power", "clean"]
    assert steps_of(ask("search", "first")) == []
    found = json.loads(ask("search", "harbour", "--json", "--limit", "1").out)["runs"]
    assert [each["found"] for each in found] == [[{"name": "description", "value": "Größe of the harbour"}]]


def test_search_agrees_with_a_look_at_every_record(said, ask):
    """Whatever is looked for, the bytes of a record must never rule out what is in it."""
    dice = random.Random(5)  # noqa: S311 - any choice
    runs = json.loads(ask("runs", "--json").out)["runs"]
    texts = {run["run_id"]: json.loads(ask("show", run["run_id"], "--json").out)["run"] for run in runs}
    for _ in range(40):
        record = dice.choice(list(texts.values()))
        key = dice.choice([*record["config"], "limit"])
        value = record["config"].get(key)
        if isinstance(value, dict) or value is None:
            continue
        expected = [run["run_id"] for run in runs if (texts[run["run_id"]]["config"] or {}).get(key) == value]
        assert [row["run_id"] for row in ask("search", f"{key}={value}").rows()] == expected


def test_search_finds_an_output_by_the_name_of_its_file(world, ask):
    (found,) = json.loads(ask("search", "big.bin", "--json").out)["runs"]
    assert found["found"] == [{"name": "output.value", "value": "big.bin"}]


def test_artifacts_are_the_outputs_of_the_runs(world, ask):
    rows = ask("artifacts").rows()
    assert [(row["model"], row["key"]) for row in rows] == [
        ("big", "value"),
        ("summarise", "summary"),
        *(("clean", key) for key in ("table", "rows", "raw", "note")),
    ]
    assert {row["run_id"] for row in rows if row["model"] == "clean"} == {world.runs["clean"].id}
    assert [row["key"] for row in ask("artifacts", "--step", "clean", "--format", "plain").rows()] == ["rows", "note"]
    assert [row["key"] for row in ask("artifacts", "--key", "raw").rows()] == ["raw"]
    assert [row["key"] for row in ask("artifacts", "--run", world.runs["big"].id[:8]).rows()] == ["value"]
    assert len(ask("artifacts", "--limit", "2").rows()) == 2


def test_diff_tells_inputs_outputs_and_facets(said, ask):
    one, other = (row["run_id"] for row in reversed(ask("runs", "--step", "power").rows()))
    rows = {(row["part"], row["name"]): row for row in ask("diff", one, other).rows()}
    assert (rows["config", "exp"]["before"], rows["config", "exp"]["after"]) == ("3", "33")
    assert rows["facet", "loss"]["change"] == "removed"
    assert rows["output", "value"]["change"] == "changed"
    assert (rows["output", "value"]["before"], rows["output", "value"]["after"]) == (str(2**3), str(2**33))
    assert ("config", "base") not in rows
    assert ask("diff", one, one).rows()[-1]["name"] == "execution_time"
    assert len(ask("diff", one, one).rows()) == 1


def test_summary_adds_up_what_the_runs_are(world, ask):
    rows = {row["step"]: row for row in table(ask("summary"))}
    runs = world.runs
    assert (rows["clean"]["completed"], rows["clean"]["failed"], rows["clean"]["hits"]) == ("1", "0", "1")
    assert (rows["fail"]["completed"], rows["fail"]["failed"]) == ("0", "1")
    assert rows["clean"]["outputs"] == "4"
    assert float(rows["clean"]["saved"]) == pytest.approx(runs["clean"].seconds, abs=1e-6)
    assert float(rows["big"]["spent"]) == pytest.approx(runs["big"].seconds, abs=1e-6)
    total = json.loads(ask("summary", "--json").out)["total"]
    assert (total["completed"], total["failed"], total["hits"], total["outputs"]) == (3, 1, 1, 6)
    assert total["spent"] == pytest.approx(sum(run.seconds for run in runs.values()), abs=1e-5)


def test_summary_spends_the_time_of_a_scenario_once(world, ask):
    before = json.loads(ask("summary", "--json").out)["total"]["spent"]
    store = world.open()
    scenario = RunRecord("5" * 20, None, "clean", COMPLETED, 10, 10_000_010, kind=SCENARIO)
    for record in (scenario, RunRecord("6" * 20, None, "inner", COMPLETED, 11, 4_000_011, parent=scenario.id)):
        keep(store, record)
    said = json.loads(ask("summary", "--json").out)
    spent = {step["step"]: step["spent"] for step in said["steps"]}
    assert spent["inner"] == 4
    assert spent["clean"] == pytest.approx(
        world.runs["clean"].seconds, abs=1e-6
    )  # a scenario may be called as a step is
    assert said["total"]["spent"] == pytest.approx(before + 4, abs=1e-5)


def test_summary_counts_what_was_forgotten_and_reads_the_records_where_there_are_no_sums(world, ask):
    run = world.runs["clean"].record
    world.open().index.put_run(run.forgotten(), encode_record(run.forgotten()))
    kept = ask("summary", "--json").out
    clean = next(step for step in json.loads(kept)["steps"] if step["step"] == "clean")
    assert (clean["completed"], clean["forgotten"], clean["hits"]) == (0, 1, 1)
    index = world.open().index
    for step, count in index.steps():  # as an older consist left them
        index._bound.write(lambda view, step=step, count=count: view.put_sealed("steps", name(step), [step, count]))
    assert ask("summary", "--json").out == kept


def table(answer):
    head, *rows = [line.split("\t") for line in answer.out.partition("\n\n")[0].splitlines()]
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_scenarios_count_what_was_executed_in_them_and_what_was_found(world, ask):
    store = world.open()
    scenario = RunRecord("5" * 20, None, "growth", COMPLETED, 10, 20, kind=SCENARIO)
    inside = RunRecord("6" * 20, None, "inner", COMPLETED, 11, 12, parent=scenario.id)
    for record in (scenario, inside, RunRecord("7" * 20, None, "other", COMPLETED, 1, 2, kind=SCENARIO)):
        keep(store, record)
    store.events.add(Event("member", world.runs["clean"].id, 15, 1, scenario.id))
    store.events.flush()
    rows = ask("scenarios").rows()
    assert [(row["name"], row["runs"], row["found"]) for row in rows] == [("growth", "2", "1"), ("other", "0", "0")]
    assert [row["name"] for row in ask("scenarios", "--name", "other").rows()] == ["other"]
    assert len(ask("scenarios", "--limit", "1").rows()) == 1
    assert sorted(steps_of(ask("runs", "--parent", "5555"))) == ["clean", "inner"]


def test_runs_can_be_chosen_by_when_they_began(world, ask):
    began = world.runs["big"].started_at
    assert steps_of(ask("runs", "--since", began.isoformat())) == ["fail", "big"]
    assert steps_of(ask("runs", "--since", "2200-01-01")) == []
    assert steps_of(ask("runs", "--since", "1w")) == steps_of(ask("runs"))


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_step_that_there_is_not_is_named_with_the_nearest(world, call, form):
    answer = call("runs", "--step", "claen", *form, "--db-path", world.db_path)
    assert (answer.code, answer.err) == (0, "consist: no step is called 'claen' (did you mean 'clean'?)\n")
    answer = call("runs", "--step", "clean", "--status", "failed", *form, "--db-path", world.db_path)
    assert (answer.code, answer.err) == (0, "")


@pytest.mark.parametrize("form", [[], ["--json"]])
@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("runs", "--tag", "frist"), "no run has the tag 'frist' (did you mean 'first'?)"),
        (("runs", "--tag", "xyz"), "no run has the tag 'xyz' (`consist tag RUN TAG` gives one)"),
        (("artifacts", "--step", "claen"), "no step is called 'claen' (did you mean 'clean'?)"),
        (("scenarios", "--name", "claen"), "no step is called 'claen' (did you mean 'clean'?)"),
        (("search", "limti=3"), "no run has in config or facet the key 'limti' (did you mean 'limit'?)"),
        (("search", "deep.sigam=3"), "no run has in config or facet the key 'deep.sigam' (did you mean 'deep.sigma'?)"),
        (
            ("search", "deep.sigmas=3"),
            "no run has in config or facet the key 'deep.sigmas' (did you mean 'deep.sigma'?)",
        ),
    ],
)
def test_a_name_that_there_is_not_is_said_with_the_nearest(world, call, form, typed, said):
    answer = call(*typed, *form, "--db-path", world.db_path)
    assert (answer.code, answer.err) == (0, f"consist: {said}\n")


def test_a_name_that_there_is_gets_no_hint_where_nothing_else_fits(world, ask):
    for typed in (("runs", "--tag", "first", "--status", "failed"), ("search", "limit=4"), ("search", "sigma=4")):
        assert ask(*typed).rows() == []


def test_a_time_without_a_zone_is_local_as_a_terminal_shows_it(world, ask, monkeypatch):
    began = world.runs["big"].started_at
    monkeypatch.setenv("TZ", "Etc/GMT-12")  # twelve hours before Greenwich's clocks
    time.tzset()
    try:
        cell = shown(Time(world.runs["big"].record.started))
        assert cell == f"{began + dt.timedelta(hours=12):%Y-%m-%d %H:%M:%S}"
        assert "big" in steps_of(ask("runs", "--since", cell))
        later = f"{began + dt.timedelta(hours=12, seconds=60)}".partition("+")[0]
        assert steps_of(ask("runs", "--since", later)) == []
        paths = [row["name"] for row in ask("ls", "steps/big", "-l", "--filter", f"time>={cell}").rows()]
        assert len(paths) == 1
        assert ask("ls", "steps/big", "-l", "--filter", f"time>={later}").rows() == []
    finally:
        monkeypatch.undo()
        time.tzset()


def test_lineage_leads_from_a_result_to_what_it_was_made_from_and_back(world, ask):
    clean, summarise = world.runs["clean"].id, world.runs["summarise"].id
    lines = ask("lineage", "steps/summarise/summary").lines
    assert [line.strip("└─ ").split(" ")[0] for line in lines] == ["summary", "run", "table", "run"]
    assert clean[:12] in lines[3]
    lines = ask("lineage", f"runs/{clean}/table", "--down").lines
    assert summarise[:12] in lines[1]
    (world.folder / "copy.csv").write_bytes(b"a,b\n" + b"1,2\n" * 3)
    document = json.loads(ask("lineage", "copy.csv", "--json").out)
    assert f"runs/{clean}" in {node["id"] for node in document["nodes"]}
    assert ask("lineage", clean, "--both", "--dot").out.startswith("digraph lineage {\n")
    assert ask("lineage", clean, "--mermaid").out.startswith("flowchart LR\n")
    assert "… and more" in ask("lineage", "steps/summarise/summary", "--depth", "1").out


def test_lineage_refuses_what_does_not_go_together(world, call):
    for options in (("--dot", "--json"), ("--depth", "-1"), ("--limit", "0")):
        assert call("lineage", "steps/clean/table", *options, "--db-path", world.db_path).code == 2
    assert call("lineage", "steps/clean/nothing", "--db-path", world.db_path).code == 3


def test_lineage_says_of_a_name_that_is_nothing_what_the_other_verbs_say(world, call):
    said = {call(verb, "nothere.txt", "--db-path", world.db_path).err for verb in ("lineage", "show", "why")}
    (line,) = said
    assert line.startswith(
        "consist: no run has an id that begins with 'nothere.txt', and there is no file of that name"
    )


def test_export_writes_the_four_tables(said, ask, call):
    ask("export", "parquet", "tables")
    tables = {path.stem: pq.read_table(path).to_pylist() for path in (said.folder / "tables").iterdir()}
    assert sorted(tables) == ["artifacts", "config", "edges", "runs"]
    runs = {row["run_id"]: row for row in tables["runs"]}
    clean = runs[said.runs["clean"].id]
    assert (clean["model"], clean["status"], clean["hits"], clean["tags"]) == (
        "clean",
        "completed",
        1,
        ["all", "first"],
    )
    assert clean["started"] == said.runs["clean"].started_at
    assert runs[said.runs["fail"].id]["error"] == "RuntimeError: it\nrained"
    assert len(runs) == len(tables["runs"]) == 6
    assert sum(row["run_id"] == clean["run_id"] for row in tables["artifacts"]) == 4
    values = {(row["area"], row["key"]): (row["value"], row["number"]) for row in tables["config"]}
    assert values["config", "limit"] == ("3", 3.0)
    assert values["facet", "area.name"] == ("North", None)
    read = {row["digest"] for row in tables["edges"] if row["direction"] == "input"}
    made = {row["digest"]: row["run_id"] for row in tables["edges"] if row["direction"] == "output"}
    assert [made[digest] for digest in read] == [clean["run_id"]]
    before = {path.name: path.read_bytes() for path in (said.folder / "tables").iterdir()}
    answer = call("export", "parquet", "tables", "--db-path", said.db_path)
    assert (answer.code, answer.out) == (5, "")
    assert "--force" in answer.err
    assert {path.name: path.read_bytes() for path in (said.folder / "tables").iterdir()} == before
    ask("export", "parquet", "tables", "--force")


ODD = """
import dataclasses

@dataclasses.dataclass
class Odd:
    n: int

    def __repr__(self):
        raise RuntimeError("no text")
"""


def test_one_odd_output_among_all_ends_no_list(world, ask, monkeypatch):
    """A value that JSON has no form for, one without a text, one of a module that fails."""
    monkeypatch.syspath_prepend(str(world.folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    deep = []
    for _ in range(505):
        deep = [deep]
    by_hand = consist.CodeOptions(version="1")
    with consist.Tracker(run_dir="runs", db_path=world.db_path, durable=False) as tracker:
        for name in ("kept", "raises", "exits"):
            Path(f"odd_of_{name}.py").write_text(ODD)
        values = {
            "pairs": {"t": {(1, 2): 3}},
            "dates": {dt.date(2026, 1, 2): 1},
            "date": dt.date(2026, 1, 2),
            "digits": [10**5000],
            "half": np.float64(0.5),
            "seven": np.int64(7),
            "deep": deep,
            **{name: importlib.import_module(f"odd_of_{name}").Odd(1) for name in ("kept", "raises", "exits")},
        }
        assert set(tracker.run(lambda: values, name="odd", code_options=by_hand).outputs) == values.keys()
    Path("odd_of_raises.py").write_text("1 / 0")
    Path("odd_of_exits.py").write_text("import sys; sys.exit(3)")
    for name in ("raises", "exits"):
        monkeypatch.delitem(sys.modules, f"odd_of_{name}")
    ask("export", "parquet", "tables")
    found = pq.read_table("tables/artifacts.parquet").to_pylist()
    odd = {row["key"]: (row["value"], row["number"]) for row in found if row["key"] in values}
    odd.pop("deep")  # how deep is too deep is this Python's to say
    assert odd == {
        "pairs": ('{"t": [[[1, 2], 3]]}', None),
        "dates": ('[["2026-01-02", 1]]', None),
        "date": ("2026-01-02", None),
        "digits": (f'["{10**5000:#x}"]', None),
        "half": ("0.5", 0.5),
        "seven": ("7", 7.0),
        "kept": ("<Odd>", None),
        **dict.fromkeys(("raises", "exits"), (None, None)),
    }
    listed = ask("runs", "--step", "odd", "--with", ",".join(f"output.{name}" for name in values)).rows()[0]
    assert (listed["output.kept"], listed["output.exits"], listed["output.seven"]) == ('"<Odd>"', "<plain>", "7")
    assert listed["output.deep"] in {"<plain>", json.dumps(deep)}
    ask("runs", "--step", "odd", "--with", "output", "--json")


def test_an_empty_list_says_if_the_store_has_runs_that_the_index_lacks(world, call):
    with consist.Tracker(run_dir="runs", db_path="mine.lmdb", store=world.store) as tracker:
        tracker.store.index.mark_rebuilt()
    for verb in (("runs",), ("artifacts",), ("ls", "runs"), ("search", "x"), ("summary",)):
        answer = call(*verb, "--db-path", "mine.lmdb", "--store", world.store)
        assert answer.code == 0
        assert answer.err == (
            "consist: the store has runs that this index does not know; `consist index rebuild` reads them in\n"
        ), verb
    assert call("runs", "--status", "forgotten", "--db-path", world.db_path).err == ""
