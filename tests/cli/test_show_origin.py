"""`consist show` of what a run made: a file, a digest, a path of the store; and of what none made."""

import json
import os
from pathlib import Path

import blake3
import pytest

import consist

TABLE = b"a,b\n" + b"1,2\n" * 3
DIGEST = blake3.blake3(TABLE).hexdigest()


@pytest.fixture
def shown(ask):
    """Show a target: the step that made it, the output that was meant, and who else made it."""

    def shown(target):
        document = json.loads(ask("show", target, "--json").out)
        return document["run"]["run_id"], document["output"], document["also_made_by"]

    return shown


def as_is(limit):
    return (b"a,b\n" + b"1,2\n" * limit).replace(b"\r", b"")


def same(limit):
    return as_is(limit)


def test_every_way_to_name_what_a_run_made_finds_the_run(world, shown):
    run = world.runs["clean"].id
    (world.folder / "plot.png").write_bytes(TABLE)
    (world.folder / "link").symlink_to("plot.png")
    for target in (run, run[:9], f"runs/{run[:9]}", f"consist://runs/{run}", f"/runs/{run}/"):
        assert shown(target) == (run, None, [])
    for target in (
        f"runs/{run[:9]}/table",
        "steps/clean/table",
        "consist://steps/clean/table",
        f"blobs/{DIGEST[:5]}",
        f"blobs/{DIGEST}",
        DIGEST,
        DIGEST[:16],
        f"blake3:{DIGEST}",
        f"blake3:{DIGEST[:5]}",
        "plot.png",
        "./plot.png",
        str(world.folder / "plot.png"),
        "link",
    ):
        assert shown(target) == (run, "table", []), target


@pytest.mark.parametrize("target", ["clean", "steps/clean", "consist://steps/clean/"])
def test_a_step_is_its_newest_run_for_who_only_looks(world, call, ask, shown, target):
    with consist.Tracker(run_dir="runs", db_path=world.db_path) as tracker:
        newest = tracker.run(as_is, name="clean", config={"limit": 5}).run.id
    assert shown(target) == (newest, None, [])
    assert f"run_id\t{newest}" in ask("why", target).lines
    document = json.loads(ask("diff", world.runs["clean"].id, target, "--json").out)
    assert (document["before"], document["after"]) == (world.runs["clean"].id, newest)
    for verb in ("forget", "pin"):  # what is said of a run is said of one that was named
        assert call(verb, target, "--db-path", world.db_path).code in {2, 3}
    (world.folder / "clean").write_bytes(b"a file of that name, which no run made")
    assert call("show", "clean", "--db-path", world.db_path).code == 3


def test_a_step_that_there_is_not_is_told_with_the_nearest(world, call):
    answer = call("show", "steps/claen", "--db-path", world.db_path)
    assert (answer.code, "there is no step 'claen'" in answer.err, "clean" in answer.err) == (3, True, True)


def test_the_newest_maker_is_shown_and_the_others_are_named(world, ask, shown):
    (world.folder / "plot.png").write_bytes(TABLE)
    ids = [world.runs["clean"].id]
    with consist.Tracker(run_dir="runs", db_path="provenance.duckdb") as tracker:
        ids.extend(tracker.run(step, config={"limit": 3}).run.id for step in (as_is, same))
    assert shown("plot.png") == (ids[2], "value", [ids[1], ids[0]])
    assert shown(DIGEST) == (ids[2], "value", [ids[1], ids[0]])
    assert shown("steps/as_is/value") == (ids[1], "value", [])
    lines = ask("show", "plot.png").lines
    assert lines[0] == f"run_id\t{ids[2]}"
    assert [line for line in lines if line.startswith("also")] == [f"also_made_by\t{each}" for each in (ids[1], ids[0])]


def test_a_run_id_goes_before_a_path_and_a_path_before_a_file(world, shown):
    run = world.runs["clean"].id
    for name in (run, f"runs/{run}", "steps/big/value", DIGEST):
        file = world.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"\x00\xff\n")  # an output of `clean`, called `raw`
    assert shown(run) == (run, None, [])
    assert shown(f"runs/{run}") == (run, None, [])
    assert shown("steps/big/value") == (world.runs["big"].id, "value", [])
    assert shown(DIGEST) == (run, "table", [])
    for name in (run, f"runs/{run}", "steps/big/value", DIGEST):
        assert shown(f"./{name}") == (run, "raw", [])


def test_a_file_in_a_folder_that_is_called_like_an_area_is_a_file(world, shown):
    for name in ("runs/clean/3f/table.csv", "runs/mine", "steps/1", "blobs/x.csv", "0123456789abcdef"):
        file = world.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(TABLE)
        assert shown(name) == (world.runs["clean"].id, "table", []), name


def test_what_no_run_made_exits_3_and_names_its_readers(world, call):
    (world.folder / "mine").write_bytes(b"mine")
    answer = call("show", "mine", "--db-path", world.db_path)
    assert (answer.code, answer.out) == (3, "")
    assert answer.err.startswith("consist: no run made mine ")
    assert "it was changed after its run, or made without consist" in answer.err
    with consist.Tracker(run_dir="runs", db_path="provenance.duckdb") as tracker:
        reader = tracker.run(len, config={"obj": "x"}, inputs={"mine": world.folder / "mine"}).run.id
    for target in ("mine", blake3.blake3(b"mine").hexdigest()):
        answer = call("show", target, "--db-path", world.db_path)
        assert (answer.code, answer.out) == (3, "")
        assert answer.err.endswith(f"(but it was an input of run {reader})\n")


@pytest.mark.parametrize(
    ("target", "code", "said"),
    [
        ("nothing.png", 3, "there is no file of that name"),
        ("./nothing.png", 3, "there is no file of that name"),
        ("", 3, "no run has an id"),
        ("abc0", 3, "no run has an id"),
        ("0" * 20, 3, "no run has an id, and no blob a digest"),
        ("0" * 30, 3, "no blob's digest"),
        ("0" * 64, 3, "no run made"),
        ("steps/clean/nothing", 3, "no completed run"),
        ("steps", 2, "names no output"),
        ("blobs/a/b", 2, "no path of a store"),
        (".", 2, "pipe is neither a file nor a folder"),
        ("pipe", 2, "is not a regular file"),
    ],
)
def test_a_target_that_cannot_be_shown_says_why(world, start, target, code, said):
    os.mkfifo(world.folder / "pipe")
    done = start("show", target, "--db-path", world.db_path)  # a process of its own: opening the pipe waits for ever
    assert (done.returncode, done.stdout) == (code, b"")
    (line,) = done.stderr.decode().splitlines()
    assert said in line


def plots(n):
    folder = Path("plots").absolute()
    (folder / "sub" / "deep").mkdir(parents=True, exist_ok=True)
    (folder / "a.txt").write_text(f"{n}")
    (folder / "sub" / "b.txt").write_text("always the same")
    (folder / "sub" / "deep" / "c.txt").write_text(f"deep {n}")
    return {"plots": folder}


@pytest.fixture
def drawn(world):
    """Two runs that made a folder each, of which the newer one's is here."""
    with consist.Tracker(run_dir="runs", db_path="provenance.duckdb") as tracker:
        return [tracker.run(plots, config={"n": n}).run.id for n in (1, 2)]


@pytest.fixture
def place(ask):
    def place(target):
        document = json.loads(ask("show", target, "--json").out)
        return document["run"]["run_id"], document["output"], document["inner"]

    return place


def test_a_file_in_a_folder_that_a_run_made_leads_to_the_run(world, drawn, ask, place):
    assert ask("get", f"runs/{drawn[0]}/plots", "restored").code == 0
    (world.folder / "renamed").write_text("1")
    for target, run, inner in (
        ("plots", drawn[1], None),
        ("plots/a.txt", drawn[1], "a.txt"),
        ("plots/sub/b.txt", drawn[1], "sub/b.txt"),
        ("plots/sub", drawn[1], "sub"),
        ("restored", drawn[0], None),
        ("restored/a.txt", drawn[0], "a.txt"),
        ("restored/sub/b.txt", drawn[1], "sub/b.txt"),
        ("restored/sub", drawn[0], "sub"),
        ("restored/sub/deep", drawn[0], "sub/deep"),
        ("renamed", drawn[0], "a.txt"),
        (blake3.blake3(b"deep 1").hexdigest(), drawn[0], "sub/deep/c.txt"),
    ):
        assert place(target) == (run, "plots", inner), target
    assert "found_in\tplots/sub/b.txt" in ask("show", "plots/sub/b.txt").lines


def test_the_lineage_of_a_file_in_a_folder_is_the_folders(world, drawn, ask):
    assert ask("lineage", "plots/sub/b.txt").out == ask("lineage", f"runs/{drawn[1]}/plots").out


def test_an_output_of_its_own_goes_before_a_file_in_a_folder(world, drawn, place):
    with consist.Tracker(run_dir="runs", db_path="provenance.duckdb") as tracker:
        own = tracker.run(bytes, config={"source": 0}, name="own").run.id
        again = tracker.run(str.encode, config={"self": "always the same"}, name="same").run.id
    assert own != again
    assert place("plots/sub/b.txt") == (again, "value", None)


@pytest.mark.parametrize(("file", "where"), [("plots/a.txt", "{1}/plots/a.txt"), ("table.csv", "{0}/table")])
def test_a_file_that_was_changed_since_is_told_from_where_it_may_come(world, drawn, call, file, where):
    (world.folder / file).write_text("changed")
    answer = call("show", file, "--db-path", world.db_path)
    assert (answer.code, answer.out) == (3, "")
    maker = where.format(world.runs["clean"].id, drawn[1])
    assert f"(a file of that name, with other content, is runs/{maker}: this one was changed since" in answer.err


def test_a_folder_that_is_gone_from_the_store_is_passed_over(world, drawn, place):
    folder = world.open().index.get_run(drawn[1]).outputs[0]
    if folder.inline is None:
        world.blob(folder.digest.hex).unlink()
    assert place("plots/sub/b.txt")[0] == (drawn[0] if folder.inline is None else drawn[1])


def test_the_help_has_an_example_with_a_file(call):
    assert "consist show plot.png" in call("show", "--help").out


def test_a_file_is_said_to_be_an_output_of_the_run(world, ask):
    (world.folder / "copy").write_bytes(b"a,b\n" + b"1,2\n" * 3)
    assert "found_as\ttable" in ask("show", "copy").lines
    assert not any(line.startswith("found_as") for line in ask("show", world.runs["clean"].id).lines)
