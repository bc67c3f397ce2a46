"""`tag`, `untag`, `pin`, `unpin` and `forget`: what they say is seen by an index that is made anew from the store."""

import json

import consist


def marks_of(ask, run):
    facts = [line.split("\t") for line in ask("show", run).lines]
    return {(name, values[0]) for name, *values in facts if name in {"tag", "pin"}}


def test_tags_and_pins_are_given_taken_and_known_to_another_index(world, ask, call):
    run = world.runs["clean"].id
    assert ask("tag", run[:8], "b", "a").lines == [
        f"run_id\t{run}",
        "model\tclean",
        *(f"tag\t{tag}" for tag in ("a", "all", "b", "first")),
    ]
    answer = call("untag", run, "first", "b", "alt", "--db-path", world.db_path)
    assert (answer.code, answer.err) == (0, f"consist: run {run[:12]} has no tag 'alt' (did you mean 'all'?)\n")
    ask("pin", "steps/clean/table", "--reason", "figure 3")
    ask("pin", run)
    assert marks_of(ask, run) == {("tag", "a"), ("tag", "all"), ("pin", ""), ("pin", "figure 3")}
    assert call("index", "rebuild", "--db-path", "other.lmdb", "--store", world.store).code == 0
    other = call("show", run, "--db-path", "other.lmdb", "--store", world.store)
    assert [line for line in other.lines if line.startswith(("tag\t", "pin\t"))] == [
        line for line in ask("show", run).lines if line.startswith(("tag\t", "pin\t"))
    ]
    answer = call("unpin", run, "--reason", "fig 3", "--db-path", world.db_path)
    said = f"consist: run {run[:12]} has no pin for the reason 'fig 3' (did you mean 'figure 3'?)\n"
    assert (answer.code, answer.err) == (0, said)
    assert ask("unpin", run, "--reason", "figure 3").lines[-1] == "pin\tno reason given"
    answer = call("unpin", run, "--reason", "fig 3", "--db-path", world.db_path)
    assert answer.err.endswith("has no pin for the reason 'fig 3' (there are no reason given)\n")
    assert not any(line.startswith("pin") for line in ask("unpin", run).lines)
    answer = call("unpin", run, "--reason", "figure 3", "--json", "--db-path", world.db_path)
    assert (answer.code, answer.err) == (
        0,
        f"consist: run {run[:12]} has no pin for the reason 'figure 3' (it has none)\n",
    )


def test_what_cannot_be_a_tag_changes_nothing(world, call):
    before = call("show", world.runs["clean"].id, "--db-path", world.db_path).out
    answer = call("tag", world.runs["clean"].id, "good", "a/b", "--db-path", world.db_path)
    assert (answer.code, answer.out) == (2, "")
    assert call("show", world.runs["clean"].id, "--db-path", world.db_path).out == before


def _ten(n):
    return n * 10


def _eleven(n):
    return consist.run(_ten, name="ten", config={"n": n}).value + n


def test_forget_names_the_runs_that_go_with_it_and_show_what_a_run_asked_for(world, ask):
    with consist.Tracker(run_dir="runs", db_path="provenance.duckdb") as tracker, consist.use_tracker(tracker):
        outer = tracker.run(_eleven, name="eleven", config={"n": 1})
        (inner,) = tracker.find_runs(step="ten")
    assert f"asked_for\t{inner.id}" in ask("show", outer.run.id).lines
    plan = ask("forget", inner.id, "--yes").lines
    assert plan[2] == f"it was asked for in 1 run, forgotten with it: {outer.run.id}"
    assert [row["status"] for row in ask("runs", "--step", "eleven").rows()] == ["forgotten"]


def test_why_a_run_was_forgotten_is_said_wherever_it_is_asked_about(world, ask):
    def document(*arguments):
        return json.loads(ask(*arguments, "--json").out)

    run, reasons = world.runs["clean"].id, ["upside down", "late, too"]
    assert document("show", run)["run"]["forgotten"] == []
    assert document("forget", run, "--yes", "--reason", "upside down")["before"] == []
    again = ask("forget", run, "--yes", "--reason", "late, too")
    assert again.lines[0].startswith("it was forgotten before, at 20")
    assert again.lines[0].endswith("Z: upside down")
    shown = ask("show", run).lines
    assert [line.split("\t")[1] for line in shown if line.startswith("forgotten\t")] == reasons
    assert "signature\t-\tsomebody said that its result is wrong" in shown
    (found,) = document("search", "upside down")["runs"]
    assert found["found"] == [{"name": "forgotten", "value": "upside down"}]
    for each in (found, document("show", run)["run"], *document("runs", "--step", "clean")["runs"]):
        assert [said["reason"] for said in each["forgotten"]] == reasons


def test_forget_says_what_it_will_do_and_needs_a_yes(world, ask, call):
    run = world.runs["clean"].id
    plan = ask("forget", run, "--dry-run")
    assert world.runs["summarise"].id in plan.out
    assert call("forget", run, "--db-path", world.db_path).code == 5
    assert "completed" in ask("runs", "--step", "clean").out
    assert ask("forget", run, "--yes", "--reason", "wrong").lines[-1] == "forgotten"
    assert [row["status"] for row in ask("runs", "--step", "clean").rows()] == ["forgotten"]
    assert ask("cat", f"runs/{run}/rows").out == "3\n"
    with consist.Tracker(run_dir="runs", db_path="other.lmdb", store=world.store) as tracker:
        assert not tracker.run(pow, name="clean", config={"base": 1, "exp": 1}).cache_hit
    answer = call("forget", world.runs["fail"].id, "--yes", "--db-path", world.db_path)
    assert answer.code == 2
