"""Folders read from the command line: listed, written out, restored, put, verified, and traced to their runs."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path

import msgpack
import pytest
from blake3 import blake3

import consist
from consist.hashing.digest import Digest
from consist.index.records import ArtifactRecord, RunRecord
from consist.store.publish import keep
from tests.harm import harmed

FILES = {"index.html": b"<html>", "2026/may.svg": b"<svg>" * 1000, "2026/june.svg": b"<svg/>", "run.sh": b"#!/bin/sh\n"}
TOTAL = sum(map(len, FILES.values()))
BIG = bytes(range(256)) * (3 << 12)


def draw():
    for name, data in FILES.items():
        path = Path("charts", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    Path("charts/big.bin").write_bytes(BIG)
    Path("charts/run.sh").chmod(0o755)
    Path("charts/empty/inner").mkdir(parents=True)
    return {"charts": Path("charts"), "n": 1}


@pytest.fixture
def drawn(world):
    with consist.Tracker(run_dir="runs", db_path="provenance.duckdb") as tracker:
        run = tracker.run(draw).run
    shutil.rmtree("charts")
    return run


def hexed(data):
    return blake3(data).hexdigest()


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


ALL = {**FILES, "big.bin": BIG}


def test_ls_lists_a_folder_and_the_folders_in_it(drawn, ask):
    assert ask("ls", "steps/draw").lines == ["charts/", "n"]
    assert ask("ls", "steps/draw/charts").lines == ["2026/", "big.bin", "empty/", "index.html", "run.sh"]
    assert ask("ls", f"runs/{drawn.id[:8]}/charts/2026/").lines == ["june.svg", "may.svg"]
    assert ask("ls", "steps/draw/charts/2026/may.svg").lines == ["may.svg"]
    assert ask("ls", "steps/draw/charts/empty").lines == ["inner/"]
    assert ask("ls", "steps/draw/charts/empty/inner").lines == []
    rows = {row["name"]: row for row in ask("ls", "-l", "steps/draw/charts").rows()}
    assert rows["2026/"]["size"] == str(5006)
    assert rows["index.html"]["digest"].startswith(hexed(b"<html>")[:12])
    assert {row["name"]: row["size"] for row in ask("ls", "-l", "steps/draw").rows()}["charts/"] == str(
        TOTAL + len(BIG)
    )


def test_ls_in_json_has_whole_paths(drawn, ask):
    entries = json.loads(ask("ls", f"runs/{drawn.id[:6]}/charts/2026", "--json").out)["entries"]
    assert [(entry["kind"], entry["path"], entry["digest"], entry["size"]) for entry in entries] == [
        ("file", f"runs/{drawn.id}/charts/2026/{name}", hexed(FILES[f"2026/{name}"]), len(FILES[f"2026/{name}"]))
        for name in ("june.svg", "may.svg")
    ]
    folder = json.loads(ask("ls", "steps/draw/charts", "--json").out)["entries"][0]
    assert (folder["kind"], folder["path"], folder["digest"]) == ("folder", "steps/draw/charts/2026", None)


def test_cat_writes_files_of_a_folder(drawn, start, world):
    done = start("cat", "steps/draw/charts/2026/may.svg", "steps/draw/charts/big.bin", "--db-path", world.db_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == FILES["2026/may.svg"] + BIG


def test_cat_in_json_says_that_it_is_a_file(drawn, ask):
    (found,) = json.loads(ask("cat", "steps/draw/charts/index.html", "--json").out)["contents"]
    assert (found["format"], found["run_id"], found["content"]) == ("file", drawn.id, "<html>")
    assert found["digest"] == hexed(b"<html>")


@pytest.mark.parametrize(
    ("verb", "path", "code", "said"),
    [
        ("cat", "steps/draw/charts", 2, "'steps/draw/charts' is a folder"),
        ("cat", "steps/draw/charts/2026", 2, "'steps/draw/charts/2026' is a folder"),
        ("cat", "steps/draw/charts/none", 3, "there is no 'none' in 'steps/draw/charts'"),
        ("ls", "steps/draw/charts/2026/may.svg/x", 3, "there is no '2026/may.svg/x'"),
        ("get", "steps/draw/charts/../charts", 3, "there is no '../charts'"),
        ("get", "steps/draw/charts/2026/..", 3, "there is no '2026/..'"),
        ("cat", "steps/draw/n/x", 3, "'steps/draw/n' is no folder"),
        ("ls", "steps/draw/charts//2026", 2, "no path of a store"),
    ],
)
def test_what_is_not_there_is_said(drawn, world, call, verb, path, code, said):  # noqa: PLR0913, PLR0917 - the cases
    answer = call(verb, path, "--db-path", world.db_path)
    assert (answer.code, answer.out) == (code, "")
    assert said in answer.err


def test_get_restores_a_folder_a_part_of_it_and_a_file(drawn, ask):
    assert ask("get", "steps/draw/charts").out == "charts\n"
    assert content("charts") == ALL
    assert Path("charts/empty/inner").is_dir()
    assert Path("charts/run.sh").stat().st_mode & stat.S_IXUSR
    assert ask("get", "steps/draw/charts/2026", "year").out == "year\n"
    assert content("year") == {"may.svg": FILES["2026/may.svg"], "june.svg": FILES["2026/june.svg"]}
    assert ask("get", "steps/draw/charts/run.sh", "year").out == "year/run.sh\n"
    assert os.access("year/run.sh", os.X_OK)
    (document,) = json.loads(ask("get", "steps/draw/charts", "again", "--json").out)["restored"]
    assert (document["target"], document["size"]) == ("again", TOTAL + len(BIG))
    (part,) = json.loads(ask("get", "steps/draw/charts/empty", "part", "--json").out)["restored"]
    assert part["digest"] == hexed(msgpack.packb([0, [["inner/", 0, False, None]]]))


def test_get_replaces_a_folder_only_if_forced(drawn, world, call):
    Path("charts").mkdir()
    Path("charts/mine").write_text("mine")
    line = ("get", "steps/draw/charts", "--db-path", world.db_path)
    answer = call(*line)
    assert answer.code == 5
    assert "charts is there already" in answer.err
    assert content("charts") == {"mine": b"mine"}
    answer = call(*line, "--force")
    assert (answer.code, answer.out) == (0, "charts\n")
    assert content("charts") == ALL
    Path("taken").write_text("mine")
    answer = call("get", "steps/draw/charts", "taken", "--force", "--db-path", world.db_path)
    assert "taken is there already, and is no folder" in answer.err
    assert Path("taken").read_text() == "mine"
    assert not [name for name in os.listdir() if name.startswith(".consist-")]  # noqa: PTH208 - names


def test_put_stores_a_folder_and_pins_it(world, ask):
    Path("model/weights").mkdir(parents=True)
    Path("model/weights/w.bin").write_bytes(b"w" * 5000)
    Path("model/config").write_bytes(b"{}")
    digest = ask("put", "model/").out.strip()
    entries = [
        ["config", 2, False, blake3(b"{}").digest()],
        ["weights/w.bin", 5000, False, blake3(b"w" * 5000).digest()],
    ]
    assert digest == hexed(msgpack.packb([0, entries]))
    shutil.rmtree("model")
    ask("get", "steps/put/model")
    assert content("model") == {"weights/w.bin": b"w" * 5000, "config": b"{}"}
    first = json.loads(ask("put", "model", "--json").out)
    assert first == {
        "shape": "consist.put.v1",
        "digest": digest,
        "size": 5002,
        "name": "model",
        "run_id": first["run_id"],
    }
    (run,) = json.loads(ask("runs", "--step", "put", "--json").out)["runs"]
    shown = json.loads(ask("show", run["run_id"], "--json").out)["run"]
    assert shown["pins"] == ["put"]
    assert (shown["outputs"][0]["format"], shown["outputs"][0]["size"]) == ("tree", 5002)
    assert shown["outputs"][0]["media"]["files"] == 2


def test_a_tree_s_list_put_as_a_file_is_another_thing(world, ask):
    Path("d").mkdir()
    Path("d/x").write_bytes(b"x")
    ask("put", "d", "--name", "thing")
    Path("list").write_bytes(msgpack.packb([0, [["x", 1, False, blake3(b"x").digest()]]]))
    ask("put", "list", "--name", "thing")
    assert len(json.loads(ask("runs", "--step", "put", "--json").out)["runs"]) == 2


def test_put_refuses_links_unless_told_to_follow(world, call, ask):
    Path("outside").write_text("outside")
    Path("linked").mkdir()
    Path("linked/link").symlink_to("../outside")
    answer = call("put", "linked", "--db-path", world.db_path)
    assert answer.code == 2
    assert "linked/link is a symbolic link" in answer.err
    assert "--follow-symlinks" in answer.err
    ask("put", "linked", "--follow-symlinks")
    assert ask("cat", "steps/put/linked/link").out == "outside"


def test_show_tells_which_run_made_a_folder(drawn, ask):
    ask("get", "steps/draw/charts", "elsewhere")
    shown = json.loads(ask("show", "elsewhere", "--json").out)
    assert (shown["run"]["run_id"], shown["output"]) == (drawn.id, "charts")
    assert json.loads(ask("show", "steps/draw/charts/2026/may.svg", "--json").out)["output"] == "charts"
    assert f"output.charts\ttree\t{TOTAL + len(BIG)}" in ask("show", drawn.id).out


def test_verify_names_each_file_that_is_missing_or_damaged(drawn, world, call):
    gone, short, wrong = (world.blob(hexed(FILES[name])) for name in ("index.html", "2026/may.svg", "2026/june.svg"))
    world.let_go()
    gone.unlink()
    for path, data in ((short, b"<svg>"), (wrong, b"<SVG/>")):
        path.chmod(0o600)
        path.write_bytes(data)

    def findings(*options):
        answer = call("verify", *options, "--json", "--db-path", world.db_path)
        assert answer.code == 1
        return {(found["key"], found["problem"]) for found in json.loads(answer.out)["findings"]}

    def key(path):
        return str(path.relative_to(world.store))

    missing = (key(gone), f"missing; 'index.html' of output 'charts' of run {drawn.id} needs it")
    cut = (key(short), f"has 5 bytes, not 5000; '2026/may.svg' of output 'charts' of run {drawn.id} needs it")
    assert findings() == {missing, cut}
    more = findings("--read-data")
    assert {where for where, _ in more} == {key(gone), key(short), key(wrong)}
    assert len(more) == 3  # each once, though the one that was cut is not what its name says either
    with consist.Tracker(run_dir="runs", db_path="provenance.duckdb") as tracker:
        with pytest.warns(consist.ConsistWarning, match="output 'charts' was found damaged; it is computed again"):
            assert not tracker.run(draw).cache_hit
        assert tracker.run(draw).cache_hit
    assert call("verify", "--read-data", "--db-path", world.db_path).code == 0


def test_verify_names_a_tree_that_is_missing_damaged_or_none(drawn, world, call):
    digest = drawn.record.outputs[0].digest
    tree = world.blob(digest.hex)
    good = tree.read_bytes()
    world.let_go()
    tree.chmod(0o600)
    for bad, options in ((harmed(good), ()), (harmed(good), ("--read-data",)), (None, ())):
        if bad is None:
            tree.unlink()
        else:
            tree.write_bytes(bad)
        document = json.loads(call("verify", *options, "--json", "--db-path", world.db_path).out)
        assert {found["key"] for found in document["findings"]} == {str(tree.relative_to(world.store))}
    tree.write_bytes(good)
    store = world.open()
    false = store.blobs.put_bytes(msgpack.packb([0, [["../x", 1, False, bytes(32)]]])).digest
    output = ArtifactRecord("out", false, 44, "tree", None, {})
    keep(store, RunRecord("ab" * 10, None, "liar", "completed", 0, 1, outputs=(output,)))
    problems = [
        found["problem"] for found in json.loads(call("verify", "--json", "--db-path", world.db_path).out)["findings"]
    ]
    assert any("is damaged: it is no tree: '../x' cannot be a path in a tree" in problem for problem in problems)
    for verb in ("ls", "get"):
        answer = call(verb, "steps/liar/out", "--db-path", world.db_path)
        assert answer.code == 1
        assert "it is no tree" in answer.err


def test_a_hostile_tree_does_not_leave_the_folder(world, call):
    store = world.open()
    x = Digest(blake3(b"x").digest())
    store.blobs.put_bytes(b"x")
    for number, path in enumerate(["../evil", "/evil", "a/../../evil", "a\\..\\evil", "C:/evil", "a/\x1b[2J"]):
        tree = store.blobs.put_bytes(msgpack.packb([0, [[path, 1, False, x.raw]]]))
        output = ArtifactRecord("out", tree.digest, tree.size, "tree", None, {"path": "/x/../.."})
        run = f"{number:020x}"
        keep(store, RunRecord(run, None, f"liar{number}", "completed", 0, 1, outputs=(output,)))
        before = sorted(os.listdir(world.folder.parent)), sorted(os.listdir("."))  # noqa: PTH208 - names
        answer = call("get", f"runs/{run}/out", "--force", "--db-path", world.db_path)
        assert answer.code == 1
        assert "\x1b" not in answer.err
        assert (sorted(os.listdir(world.folder.parent)), sorted(os.listdir("."))) == before  # noqa: PTH208 - names


def test_damage_met_by_cat_makes_the_run_a_miss(drawn, world, start):
    path = world.blob(hexed(BIG))
    world.let_go()
    path.chmod(0o600)
    path.write_bytes(harmed(BIG))
    done = start("cat", "steps/draw/charts/big.bin", "--db-path", world.db_path)
    assert done.returncode == 1
    assert b"big.bin in the tree" in done.stderr
    damaged = pytest.warns(consist.ConsistWarning, match="output 'charts' was found damaged")
    with consist.Tracker(run_dir="runs", db_path="provenance.duckdb") as tracker, damaged:
        assert not tracker.run(draw).cache_hit


def test_a_rebuilt_index_knows_folders_as_before(drawn, ask, world):
    before = ask("ls", "-l", "steps/draw/charts").out
    ask("index", "rebuild")
    assert ask("ls", "-l", "steps/draw/charts").out == before


def test_a_file_in_a_folder_is_listed_as_what_it_is_read_as(drawn, ask):
    formats = {row["name"]: row["format"] for row in ask("ls", "steps/draw/charts", "-l").rows()}
    assert (formats["index.html"], formats["2026/"]) == ("file", "-")
