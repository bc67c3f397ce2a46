"""The Python of the pages about buckets runs against real servers: nothing is changed in it but bucket and endpoint."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from blocks import read_blocks
from servers import BUCKET

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
ENDPOINT = re.compile(r'(?<="endpoint_url": ")[^"]*')


def programs(page, protocol):
    """Return the Python blocks of a page that are about a kind of bucket, which `make check` leaves out."""
    blocks = read_blocks((HOW_TO / page).read_text(encoding="utf-8"))
    about = [block for block in blocks if block.language == "python" and f'"{protocol}://' in block.text]
    assert len(about) == 2
    return [pytest.param(block.text, id=f"line {block.line}") for block in about]


@pytest.fixture
def tracker_of(tmp_path, monkeypatch):
    """Give what runs a program in an empty folder, and returns its tracker and the place of the store in the bucket."""
    monkeypatch.chdir(tmp_path)

    def run(program, server):
        place = uuid.uuid4().hex
        names = {}
        exec(ENDPOINT.sub(server.endpoint, program.replace("my-bucket/team", f"{BUCKET}/{place}")), names)  # noqa: S102 - our own pages
        return names["tracker"], place

    return run


def stored(tracker):
    """Run something and close the tracker; what it keeps must be on the server then."""
    with tracker:
        assert tracker.run(pow, config={"base": 2, "exp": 5}).value == 32


@pytest.mark.parametrize("program", programs("s3.md", "s3"))
def test_the_programs_about_s3(program, tracker_of, ministack, monkeypatch):
    """They find credentials where the page says: in the environment, or in the profile `work` of the shared file."""
    pytest.importorskip("s3fs")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    if '"profile": "work"' in program:
        shared = Path.home() / ".aws" / "credentials"
        shared.parent.mkdir()
        keys = f"aws_access_key_id = {ministack.key}\naws_secret_access_key = {ministack.secret}\n"
        shared.write_text(f"[work]\n{keys}")
    else:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ministack.key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ministack.secret)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ENDPOINT_URL", ministack.endpoint)
    tracker, place = tracker_of(program, ministack)
    stored(tracker)
    assert f"{place}/consist.json" in ministack.list(place)


@pytest.mark.parametrize("program", programs("gcs.md", "gs"))
def test_the_programs_about_gcs(program, tracker_of, fake_gcs, monkeypatch):
    """Where credentials are looked for there are none, and nothing beyond this machine is asked for them."""
    pytest.importorskip("gcsfs")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:1")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", fake_gcs.endpoint)
    tracker, place = tracker_of(program, fake_gcs)
    stored(tracker)
    assert f"{place}/consist.json" in fake_gcs.list(place)


def test_the_way_to_try_it_on_one_machine(tmp_path):
    """It runs in a shell as it stands, but for the installing and for the port, which somebody else may have."""
    pytest.importorskip("s3fs")
    blocks = read_blocks((HOW_TO / "s3.md").read_text(encoding="utf-8"))
    (block,) = [block.text for block in blocks if "GATEWAY_PORT" in block.text]
    first, _, rest = block.partition("\n")
    # Into the environment of consist it would bring a botocore that is too old for aiobotocore.
    assert first == "python3 -m venv s3-server && s3-server/bin/pip install ministack"
    programs = Path(sys.executable).parent
    (tmp_path / "s3-server").mkdir()
    (tmp_path / "s3-server" / "bin").symlink_to(programs)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CONSIST_"))}
    own["PATH"] = os.pathsep.join((str(programs), own["PATH"]))
    done = subprocess.run(
        ["bash", "-e", "-c", rest.replace("4566", port)],
        cwd=tmp_path,
        env=own,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "store\tconfig\tok\ta store at s3://my-bucket/team" in done.stdout
