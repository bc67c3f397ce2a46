"""A session on a real bucket, by drivers and a settings file: each verb does there what it does on a folder."""

import json
import os
import random
import uuid

import pytest
from servers import BUCKET

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
