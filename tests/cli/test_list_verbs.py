"""`runs`, `show`, `ls` and `version`, as plain text."""

import importlib.metadata
import json
import platform
import shutil
import warnings

import blake3
import pytest

import consist
from consist.cli.app import VERBS


def test_runs_are_listed_newest_first_under_their_titles(world, ask):
    answer = ask("runs")
    assert answer.lines[0].split("\t") == ["run_id", "model", "status", "started", "execution_time", "hits", "kind"]
    rows = answer.rows()
    assert [row["model"] for row in rows] == ["fail", "big", "summarise", "clean"]
    assert [row["status"] for row in rows] == ["failed", "completed", "completed", "completed"]
    assert [row["run_id"] for row in rows] == [world.runs[row["model"]].id for row in rows]
    assert [row["hits"] for row in rows] == ["0", "0", "0", "1"]
    assert {row["kind"] for row in rows} == {"run"}
    for row in rows:
        run = world.runs[row["model"]]
        assert row["started"] == run.started_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert float(row["execution_time"]) == pytest.approx(run.seconds, abs=1e-6)


def test_a_run_that_no_call_finds_is_uncached(world, ask):
    with consist.Tracker(run_dir="runs", db_path="provenance.duckdb") as tracker:
        tracker.run(pow, config={"base": 2, "exp": 3}, cache_options=consist.CacheOptions(cache_mode="off"))
        tracker.run(pow, config={"base": 2, "exp": 3})
    for options in ((), ("--with", "config.exp")):
        rows = ask("runs", "--step", "pow", *options).rows()
        assert [row["status"] for row in rows] == ["completed", "completed (uncached)"]
    listed = json.loads(ask("runs", "--step", "pow", "--json").out)["runs"]
    assert [(run["status"], run["uncached"]) for run in listed] == [("completed", False), ("completed", True)]


@pytest.mark.parametrize(
    ("options", "models"),
    [
        (("--limit", 2), ["fail", "big"]),
        (("--limit", 0), []),
        (("--step", "clean"), ["clean"]),
        (("--status", "failed"), ["fail"]),
        (("--tag", "all"), ["summarise", "clean"]),
        (("--tag", "all", "--step", "clean"), ["clean"]),
        (("--tag", "first", "--step", "big"), []),
    ],
)
def test_runs_can_be_chosen(ask, options, models):
    assert [row["model"] for row in ask("runs", *options).rows()] == models


def test_show_gives_everything_of_a_run_a_fact_a_line(world, ask):
    run = world.runs["clean"]
    facts = [line.split("\t") for line in ask("show", run.id).lines]
    by_name = {name: values for name, *values in facts}
    assert by_name["run_id"] == [run.id]
    assert by_name["model"] == ["clean"]
    assert by_name["hits"] == ["1"]
    assert by_name["config.limit"] == ["3"]
    assert by_name["config.deep"] == ['{"sigma": "Infinity"}']
    assert [values for name, *values in facts if name == "tag"] == [["all"], ["first"]]
    content = b"a,b\n" + b"1,2\n" * 3
    table = by_name["output.table"]
    assert table == [
        "file",
        str(len(content)),
        blake3.blake3(content).hexdigest(),
        "inline",
        str(world.folder / "table.csv"),
    ]
    assert by_name["machine.python"] == [platform.python_version()]
    assert {"signature", "part.code", "part.config", "last_hit"} <= by_name.keys()
    assert any(name.startswith("code.") for name in by_name)


def test_show_gives_the_error_of_a_failed_run_on_one_line(world, ask):
    facts = [line.split("\t") for line in ask("show", world.runs["fail"].id).lines]
    assert ["error", "RuntimeError", "it\\nrained"] in facts
    assert ["signature", "-", "a failure is not cached"] in facts


def test_show_gives_inputs_with_where_they_came_from(world, ask):
    facts = [line.split("\t") for line in ask("show", world.runs["summarise"].id).lines]
    (found,) = [values for name, *values in facts if name == "input.table"]
    content = b"a,b\n" + b"1,2\n" * 3
    assert found[0] == "artifact"
    assert found[1:3] == [str(len(content)), blake3.blake3(content).hexdigest()]
    assert world.runs["clean"].id in found[3]


@pytest.mark.parametrize("prefix", ["{}", "runs/{}", "consist://runs/{}"])
def test_a_beginning_of_a_run_id_will_do(world, ask, prefix):
    run = world.runs["big"]
    short = next(run.id[:n] for n in range(1, 21) if sum(r.id.startswith(run.id[:n]) for r in world.runs.values()) == 1)
    assert ask("show", prefix.format(short)).lines[0] == f"run_id\t{run.id}"


def test_ls_walks_down_from_the_areas(world, ask):
    assert ask("ls").lines == ["blobs", "runs", "steps"]
    assert ask("ls", "runs").lines == [world.runs[step].id for step in ("fail", "big", "summarise", "clean")]
    assert ask("ls", "steps").lines == ["big", "clean", "fail", "summarise"]
    assert ask("ls", "steps/clean").lines == ["table", "rows", "raw", "note"]
    assert ask("ls", f"runs/{world.runs['clean'].id}").lines == ["table", "rows", "raw", "note"]
    assert ask("ls", "consist://steps/big/").lines == ["value"]
    assert ask("ls", "steps/big/value").lines == ["value"]
    assert ask("ls", f"runs/{world.runs['fail'].id}").lines == []


def test_ls_long_gives_size_format_time_and_digest(world, ask):
    content = bytes(range(256)) * (3 << 12)
    assert ask("ls", "-l", "steps/big").rows() == [
        {
            "name": "value",
            "size": str(3 << 20),
            "format": "file",
            "stored": "object",
            "time": world.runs["big"].started_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "digest": blake3.blake3(content).hexdigest(),
        }
    ]
    assert {row["name"]: row["size"] for row in ask("ls", "-l").rows()} == {"blobs": "-", "runs": "-", "steps": "-"}


def test_ls_blobs_gives_what_is_there_and_marks_what_is_inline(world, ask):
    found = [*(world.store / "blobs").rglob("*"), *(world.store / "manifests").rglob("*")]
    objects = {path.parent.name + path.name for path in found if path.is_file()}
    lines = [line.split("\t") for line in ask("ls", "blobs").lines]
    assert {digest for digest, stored in lines if stored == "object"} == objects
    assert [stored for _, stored in lines if stored != "object"] == ["inline"] * (len(lines) - len(objects))
    names = [digest for digest, *_ in lines]
    assert names == sorted(names)
    assert blake3.blake3(b"\x00\xff\n").hexdigest() in names
    assert ask("ls", f"blobs/{names[0][:9]}").lines[0].startswith(names[0])


def test_the_outputs_of_older_runs_of_a_step_are_listed_too(world, ask):
    def pick(which):
        return {which: 1}

    with consist.Tracker(run_dir="runs", db_path=world.db_path) as tracker:
        for which in ("old", "new", "new"):
            tracker.run(pick, config={"which": which})
    assert ask("ls", "steps/pick").lines == ["new", "old"]


def test_version_says_what_matters_in_a_report(call):
    answer = call("version")
    assert [line.split("\t") for line in answer.lines] == [
        ["consist", consist.__version__],
        ["python", platform.python_version()],
        ["lmdb", importlib.metadata.version("lmdb")],
        ["blake3", importlib.metadata.version("blake3")],
        ["store_format", "0"],
    ]
    assert call("--version").out == f"consist {consist.__version__}\n"


def test_help_names_every_verb_and_each_verb_has_examples(call):
    answer = call("--help")
    verbs = list(VERBS)
    assert [line.split()[0] for line in answer.out.partition("Verbs:\n")[2].splitlines()] == verbs
    assert call().out == answer.out
    for verb in verbs:
        name = {"index": ("index", "rebuild"), "export": ("export", "parquet")}.get(verb, (verb,))
        page = call(*name, "--help")
        assert page.code == 0
        assert f"\n  Examples:\n    consist {' '.join(name)}" in page.out
        for option in ("--json", "--db-path", "--store"):
            assert option in page.out


def test_a_place_that_two_stores_have_lain_at_is_named_once(tmp_path, call, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        with consist.Tracker(db_path="index.lmdb", store="shared", durable=False) as tracker, warnings.catch_warnings():
            warnings.simplefilter("ignore", consist.ConsistWarning)
            tracker.run(lambda: 1, name="one")
            tracker.store.index.close()
        shutil.rmtree("shared")
    with consist.Tracker(db_path="index.lmdb", store="shared", durable=False) as tracker, warnings.catch_warnings():
        warnings.simplefilter("ignore", consist.ConsistWarning)
        tracker.run(lambda: 2, name="two")
        tracker.store.index.close()
    assert call("runs", "--db-path", "index.lmdb").code == 0


def test_a_long_list_of_steps_has_the_time_of_the_newest_run_and_no_scenario(world, ask):
    with consist.Tracker(run_dir="runs", db_path=world.db_path) as tracker:
        with tracker.scenario("sweep") as scenario:
            scenario.run(pow, name="power", config={"base": 2, "exp": 3})
        with tracker.scenario("clean"):
            pass
        newest = tracker.find_runs(step="clean")[0]
    rows = {row["name"]: row for row in ask("ls", "-l", "steps").rows()}
    assert sorted(rows) == ["big", "clean", "fail", "power", "summarise"]
    assert rows["clean"]["time"] == newest.started_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert ask("ls", "steps/sweep").lines == []
