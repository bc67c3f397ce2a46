"""A session on a real bucket, by drivers and a settings file: each verb does there what it does on a folder."""

import json
import os
import random
import uuid

import pytest
from servers import BUCKET

import consist

CONTENT = random.Random(7).randbytes(3 << 19)  # noqa: S311 - more than one chunk, of bytes that do not compress


@pytest.fixture(params=["s3", "gs"])
def bucket(request, tmp_path, monkeypatch):
    """An empty store in a bucket, which the settings file of the working folder names; give a way to list it."""
    server = request.getfixturevalue({"s3": "ministack", "gs": "fake_gcs"}[request.param])
    root = f"cli/{uuid.uuid4().hex}"
    options = server.options()
    region = options.pop("client_kwargs", {}).get("region_name")
    if region is not None:
        monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    settings = {"store": f"{request.param}://{BUCKET}/{root}", "db_path": "index.lmdb"}
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    lines += ["[storage_options]", *(f"{name} = {json.dumps(value)}" for name, value in options.items())]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "consist.toml").write_text("\n".join(lines))
    return lambda: {key.removeprefix(f"{root}/").partition("/")[0] for key in server.list(f"{root}/")}


def test_a_session(bucket, call, tmp_path):
    def ask(*arguments):
        answer = call(*arguments)
        assert (answer.code, answer.err) == (0, ""), arguments
        return answer.out

    (tmp_path / "large.bin").write_bytes(CONTENT)
    (tmp_path / "note.txt").write_text("a note\n")
    for name in ("large.bin", "note.txt"):
        ask("put", name, "--name", name.partition(".")[0], "--create")
    assert bucket() >= {"consist.json", "packs", "manifests", "runs"}
    assert ask("ls", "steps/put").split() == ["note", "large"]
    assert ask("cat", "steps/put/note") == "a note\n"
    ask("get", "steps/put/large", "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == CONTENT
    assert json.loads(ask("du", "--json"))
    assert json.loads(ask("verify", "--read-data", "--json"))["findings"] == []
    checks = json.loads(ask("doctor", "--json"))["checks"]
    assert {check["level"] for check in checks if check["area"] == "settings"} == {"ok"}
    assert "of 4 at once one wins" in [check["value"] for check in checks]
    os.unlink("index.lmdb")  # noqa: PTH108
    ask("index", "rebuild")
    assert ask("ls", "steps/put").split() == ["note", "large"]


def scale(number, factor):
    return number * factor


def test_a_record_that_is_gone_is_named_until_its_step_runs_again(bucket, call):
    with consist.create_tracker() as tracker:
        runs = [tracker.run(scale, config={"number": 7, "factor": factor}).run.id for factor in (2, 3)]
        signature = tracker.store.index.get_run(runs[0]).signature.hex
        tracker.store.backend.delete(f"results/{signature[:2]}/{signature[2:]}")
    answer = call("verify", "--json")
    assert answer.code == 1
    (found,) = json.loads(answer.out)["findings"]
    assert found["key"] == f"results/{signature[:2]}/{signature[2:]}"
    assert f"run {runs[0]} (step scale): its next call executes it again" in found["problem"]
    with consist.create_tracker() as tracker:
        hits = [tracker.run(scale, config={"number": 7, "factor": factor}).cache_hit for factor in (2, 3)]
    assert hits == [False, True]
    assert call("verify").code == 0
    assert bucket() >= {"results"}


def test_why_on_a_machine_that_has_the_bucket_and_nothing_else(bucket, call, tmp_path, monkeypatch):
    """Without an index it says what to do; with one it says what the machine says that made the runs."""
    with consist.create_tracker() as tracker:
        ids = [tracker.run(scale, config={"number": 7, "factor": factor}).run.id for factor in (2, 3)]
        expected = tracker.explain(scale, config={"number": 7, "factor": 4})
    at_home = call("why", ids[1])
    assert at_home.lines[2:] == [f"compared_with\t{ids[0]}", "difference\tconfig factor: 2 -> 3"]

    away = tmp_path / "away"
    away.mkdir()
    (away / "consist.toml").write_text((tmp_path / "consist.toml").read_text())
    monkeypatch.chdir(away)
    monkeypatch.setenv("XDG_CACHE_HOME", str(away / "cache"))
    answer = call("why", ids[1])
    assert answer.code == 3
    assert "consist index rebuild" in answer.err
    with consist.create_tracker() as tracker:
        assert tracker.explain(scale, config={"number": 7, "factor": 3}).hit
        alone = tracker.explain(scale, config={"number": 7, "factor": 4})
    assert alone.run is None
    unknown = "no earlier run of step 'scale' that this machine's index knows"
    assert alone.remarks == (f"{unknown}: `consist index rebuild` reads in those of the store",)
    assert call("index", "rebuild").code == 0
    assert call("why", ids[1]).out == at_home.out
    with consist.create_tracker() as tracker:
        again = tracker.explain(scale, config={"number": 7, "factor": 4})
    assert again == expected
