"""`consist why`: one run against the nearest earlier one, or two against each other."""

import json
from pathlib import Path

import pytest

import consist
from consist.errors import DamagedWarning


@pytest.fixture
def history(tmp_path, monkeypatch):
    """A step that ran four times, each time for a reason of its own."""
    monkeypatch.chdir(tmp_path)
    raw = tmp_path / "raw.csv"
    raw.write_text("1")

    def clean(threshold, raw):
        if threshold > 50:
            raise ValueError("too hot")
        return {"n": threshold, "text": raw.read_text()}

    def run(threshold):
        return tracker.run(clean, config={"threshold": threshold}, inputs={"raw": raw}).run.id

    with consist.Tracker(run_dir="runs", db_path="i.lmdb", durable=False) as tracker:
        ids = [run(15), run(25)]
        raw.write_text("2")
        ids.append(run(25))
        for _ in range(2):
            with pytest.raises(ValueError, match="too hot"):
                run(99)
        ids += [found.id for found in reversed(tracker.find_runs(status="failed"))]
    return ids


@pytest.fixture
def why(history, call):
    def why(*targets):
        answer = call("why", *targets, "--db-path", "i.lmdb")
        assert (answer.code, answer.err) == (0, "")
        document = json.loads(call("why", *targets, "--db-path", "i.lmdb", "--json").out)
        facts = [line.split("\t") for line in answer.lines]
        assert [text for name, text in facts if name == "difference"] == [
            each["text"] for each in document["differences"]
        ]
        assert [text for name, text in facts if name == "remark"] == document["remarks"]
        assert facts[0] == ["run_id", document["run_id"]]
        return (
            document["run_id"],
            document["compared_with"],
            [text for name, text in facts if name in {"difference", "remark"}],
        )

    return why


@pytest.fixture
def blocks(history):
    """Traces and scenarios, each of which is executed whatever there is."""
    with consist.Tracker(run_dir="runs", db_path="i.lmdb", durable=False) as tracker:
        for n in (1, 1, 2):
            with tracker.trace("report", config={"n": n}):
                pass
        for _ in range(2):
            with tracker.scenario("growth"):
                pass
        names = ("report", "growth")
        return [found.id for name in names for found in reversed(tracker.find_runs(step=name))]


def test_without_a_run_it_is_the_newest_that_was_executed(history, why, call):
    with consist.Tracker(run_dir="runs", db_path="i.lmdb", durable=False) as tracker, tracker.trace("report"):
        tracker.run(pow, name="power", config={"base": 2, "exp": 3})
    with consist.Tracker(run_dir="runs", db_path="i.lmdb", durable=False) as tracker:
        newest = tracker.find_runs(step="power")[0].id
    Path("notes.txt").write_text("n")
    assert call("put", "notes.txt", "--db-path", "i.lmdb").code == 0
    assert why() == (newest, None, ["no earlier run of step 'power'"])


def test_where_nothing_was_executed_that_is_said(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    with consist.Tracker(run_dir="runs", db_path="i.lmdb", durable=False) as tracker, tracker.trace("report"):
        pass
    answer = call("why", "--db-path", "i.lmdb")
    assert (answer.code, answer.out) == (3, "")
    assert "no step was executed yet" in answer.err


def test_a_block_was_not_to_be_found_and_is_called_what_it_is(blocks, why, call):
    first, again, other, scenario, scenario_again = blocks
    always = "is executed each time"
    assert why(first) == (first, None, [f"no earlier trace 'report'; a trace {always}"])
    assert why(again) == (again, first, [f"trace {first} is the same, and a trace {always}"])
    assert why(other) == (other, again, ["config n: 1 -> 2", f"a trace {always}"])
    assert why(scenario_again)[2] == [f"scenario {scenario} is the same, and a scenario {always}"]
    plans = {
        first: f"trace {first} of 'report' will be listed as forgotten: a trace {always}",
        scenario: f"scenario {scenario} of 'growth' will be listed as forgotten: a scenario {always}",
    }
    for run, plan in plans.items():
        assert call("forget", run, "--dry-run", "--db-path", "i.lmdb").lines[0].partition(";")[0] == plan


def test_one_run_is_compared_with_the_nearest_earlier_one(history, why):
    assert why(history[0]) == (history[0], None, ["no earlier run of step 'clean'"])
    assert why(history[1]) == (history[1], history[0], ["config threshold: 15 -> 25"])
    assert why(history[2]) == (history[2], history[1], ["input raw: content changed"])
    assert why(history[3]) == (history[3], history[2], ["config threshold: 25 -> 99"])
    run, other, (remark,) = why(history[4])
    assert (run, other) == (history[4], history[3])
    assert remark.endswith("but failed, and a failure is not cached: ValueError: too hot")


def test_two_runs_are_compared_from_the_earlier_to_the_later(history, why):
    wanted = (history[2], history[0], ["config threshold: 15 -> 25", "input raw: content changed"])
    assert why(history[0], history[2]) == why(history[2], history[0]) == wanted
    assert why(history[1], history[1])[2] == [f"both are run {history[1]}"]


def test_a_run_is_named_as_for_show(history, why):
    wanted = why(history[1])
    assert why(history[1][:12]) == why(f"runs/{history[1]}") == why(f"runs/{history[1]}/n") == wanted
    assert why("steps/clean/n", history[0])[:2] == (history[2], history[0])


def test_a_run_of_another_step(world, ask):
    lines = ask("why", world.runs["clean"].id, world.runs["big"].id).lines
    assert "difference\tstep clean -> big" in lines


def test_a_file_that_was_put_was_made_of_nothing(world, ask):
    (world.folder / "file").write_bytes(b"file")
    run = json.loads(ask("put", "file", "--json").out)["run_id"]
    for targets in ((run,), (run, world.runs["clean"].id)):
        assert ask("why", *targets).lines[-1] == f"remark\twhat run {run} was made of is not recorded"


def test_a_run_that_was_replaced(history, why):
    def step():
        return b"x" * 5000

    with consist.Tracker(run_dir="runs", db_path="i.lmdb", durable=False) as tracker:
        first = tracker.run(step).run.id
        second = tracker.run(step, cache_options=consist.CacheOptions(cache_mode="overwrite")).run.id
    run, other, (remark,) = why(second)
    assert (run, other) == (second, first)
    assert remark.endswith("but no signature leads to it: it was not cached, or another run took its place")


def test_a_run_after_damage_says_what_was_damaged(history, call, why):
    def step():
        return b"x" * 50_000

    with consist.Tracker(run_dir="runs", db_path="i.lmdb", durable=False) as tracker:
        first = tracker.run(step)
        digest = first.outputs["value"].digest.hex
        blob = Path("i.store", "blobs", digest[:2], digest[2:])
        blob.chmod(0o600)
        blob.write_bytes(b"y" + blob.read_bytes()[1:])
    assert call("verify", "--read-data", "--db-path", "i.lmdb").code == 1
    with consist.Tracker(run_dir="runs", db_path="i.lmdb", durable=False) as tracker:
        with pytest.warns(DamagedWarning):
            assert not tracker.run(step).cache_hit
        again = tracker.find_runs(step="step")[0].id
        assert tracker.run(step).run.id == first.run.id != again
    note = f"run {first.run.id} of 'step': output 'value' was found damaged; it is computed again"
    assert why(again) == (again, first.run.id, [note])
    facts = call("show", again, "--db-path", "i.lmdb").lines
    assert f"note\t{note}" in facts
    assert any(fact.startswith(f"signature\t-\trun {first.run.id} is found instead") for fact in facts)


@pytest.mark.parametrize(
    ("targets", "code", "said"),
    [
        (("ffffffff",), 3, "no run has an id"),
        (("",), 3, "no run has an id"),
        (("steps/claen",), 3, "there is no step 'claen'"),
        (("steps/clean/n", "nothing.png"), 3, "there is no file of that name"),
        (("a", "b", "c"), 2, "unexpected extra argument"),
    ],
)
def test_what_is_no_run_says_so(history, call, targets, code, said):
    answer = call("why", *targets, "--db-path", "i.lmdb")
    assert (answer.code, answer.out) == (code, "")
    assert said in answer.err


def test_nothing_is_changed(history, call, tmp_path):
    def files():
        return {path: path.read_bytes() for path in (tmp_path / "i.store").rglob("*") if path.is_file()}

    before = files()
    for run in history:
        call("why", run, "--db-path", "i.lmdb")
    assert files() == before
