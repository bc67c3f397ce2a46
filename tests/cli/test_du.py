"""`du`: how much there is, and how much room it takes."""

import json

import pytest


def facts(answer):
    """Take the lines after the table apart."""
    _, _, rest = answer.out.partition("\n\n")
    return dict(line.split("\t") for line in rest.splitlines())


def table(answer):
    head, *rows = [line.split("\t") for line in answer.out.partition("\n\n")[0].splitlines()]
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_steps_and_sums_are_those_of_the_disk(world, ask):
    answer = ask("du")
    by_step = {row["step"]: row for row in table(answer)}
    big = 3 << 20
    assert by_step["big"] == {
        "step": "big",
        "runs": "1",
        "logical": str(big),
        "inline": "0",
        "unique": by_step["big"]["unique"],
        "saved": str(big - int(by_step["big"]["unique"])),
        "stored": by_step["big"]["stored"],
    }
    assert int(by_step["big"]["unique"]) < big  # the same 256 bytes again and again
    assert by_step["fail"]["logical"] == "0"
    assert by_step["clean"]["logical"] == by_step["clean"]["inline"]
    said = facts(answer)
    assert said["runs"] == "4"
    assert int(said["logical"]) == sum(int(row["logical"]) for row in by_step.values())
    files = [path for path in world.store.rglob("*") if path.is_file()]
    assert int(said["stored"]) == sum(path.stat().st_size for path in files if path.name != "lock")
    records = [path for path in files if path.relative_to(world.store).parts[0] in {"results", "runs"}]
    assert int(said["stored.records"]) == sum(path.stat().st_size for path in records)
    assert float(said["ratio"]) == pytest.approx(int(said["logical"]) / int(said["stored"]), abs=0.01)


def test_a_path_is_measured_by_itself(world, ask):
    run = world.runs["clean"]
    for path in ("steps/clean", f"runs/{run.id}"):
        (row,) = table(ask("du", path))
        assert (row["step"], row["runs"]) == ("clean", "1")
    (row,) = table(ask("du", f"runs/{run.id[:8]}/table"))
    assert row["logical"] == str(len(b"a,b\n" + b"1,2\n" * 3))


def test_json_has_the_numbers_of_the_text(world, ask):
    said = facts(ask("du"))
    document = json.loads(ask("du", "--json").out)
    assert document["path"] == ""
    assert document["logical"] == int(said["logical"])
    assert document["stored"]["total"] == sum(size for kind, size in document["stored"].items() if kind != "total")
    assert document["stored"]["total"] == int(said["stored"])
    assert [step["step"] for step in document["steps"]] == ["big", "clean", "fail", "summarise"]
    assert document["unreadable"] == 0


@pytest.mark.parametrize("option", ["-h", "--human"])
def test_sizes_are_as_people_say_them_if_that_is_wanted(ask, option):
    """In every list of sizes, by the letter that `ls` and `du` have for it elsewhere; --help is another."""
    answer = ask("du", "steps/big", option)
    assert {row["step"]: row["logical"] for row in table(answer)} == {"big": "3.0 MiB"}
    assert facts(answer)["logical"] == "3.0 MiB"
    assert facts(answer)["runs"] == "1"
    (row,) = ask("ls", "steps/big", option).rows()
    assert row["size"] == "3.0 MiB"
    (row,) = ask("artifacts", "--step", "big", option).rows()
    assert (row["size"], len(row["run_id"]), row["started"][-1]) == ("3.0 MiB", 20, "Z"), "nothing else is shorter"
    row = next(row for row in table(ask("summary", option)) if row["step"] == "big")
    assert row["bytes"] == "3.0 MiB"
    assert row["spent"].endswith("s")
    for verb in ("ls", "du", "artifacts", "summary"):
        assert " -h, --human " in ask(verb, "--help").out


def test_what_is_missing_is_warned_of(world, call):
    for path in (world.store / "manifests").rglob("*"):
        if path.is_file():
            path.unlink()
    answer = call("du", "--db-path", world.db_path)
    assert answer.code == 0
    assert answer.err.startswith("consist: warning: 1 blob could not be taken apart")
    assert int(facts(answer)["unique"]) >= 3 << 20


@pytest.mark.parametrize(("path", "code"), [("steps/nobody", 3), ("elsewhere", 2), ("blobs/0123456789", 3)])
def test_what_is_not_there_is_an_error(world, call, path, code):
    answer = call("du", path, "--db-path", world.db_path)
    assert (answer.code, answer.out) == (code, "")
