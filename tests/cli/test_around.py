"""What `consist exec` shows around a command, and Ctrl-C: before it, while it runs, and after it."""

import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from faulty import proxy_to
from servers import BUCKET

import consist

SIZE = 2_000_000


def test_it_tells_what_is_looked_up_stored_and_restored(told, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("raw").write_bytes(os.urandom(SIZE))
    line = ("exec", "-i", "raw", "-o", "out", "-o", "folder", "--name", "copies", "cp", "raw", "out")
    line = (*line[:-3], "sh", "-c", "cp raw out; mkdir -p folder; cp raw folder/a")
    assert call(*line).code == 0
    program = Path("/bin/sh").stat().st_size
    assert told == {"looking": (None, SIZE + program, "2 B"), "storing": (None, 2 * SIZE, "2 B")}
    told.clear()
    Path("out").unlink()
    answer = call(*line)
    assert (answer.code, answer.err) == (0, "")
    # Both files are so new that they are read again to be sure of them; the folder is there, and only read.
    assert told.pop("restoring") == (None, SIZE, "2 B")
    assert told.keys() == {"looking"}
    assert Path("out").read_bytes() == Path("raw").read_bytes()


def test_a_folder_that_is_restored_is_told(told, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = ("exec", "-o", "folder", "sh", "-c", f"mkdir -p folder; head -c {SIZE} /dev/zero > folder/a")
    assert call(*line).code == 0
    Path("folder", "a").unlink()
    told.clear()
    assert call(*line).code == 0
    assert told["restoring"] == (None, SIZE, "2 B")


def test_nothing_is_shown_while_the_command_prints_or_what_it_printed_is_shown(call, tmp_path, monkeypatch):
    """Neither on a miss nor on a hit is anything under way that draws."""
    from consist.cli import progress

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(progress, "is_shown", lambda: True)
    seen = []

    class Output:
        """What standard output is for the test; it looks whether something draws whenever something is written."""

        def __init__(self):
            self.buffer = self

        def write(self, _piece):
            seen.append(len(progress._meters))

        def flush(self):
            """Do nothing."""

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", Output())
            assert consist.cli.app.run(["exec", "sh", "-c", "echo one; echo two >&2"]) == 0
    assert len(seen) >= 2
    assert set(seen) == {0}


def test_a_command_that_prints_nothing_has_the_terminal_for_itself_too(tmp_path, monkeypatch):
    from consist.cli import progress
    from consist.cli.around import Around
    from consist.store.places import find_place

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(progress, "is_shown", lambda: True)
    with Around("silent", find_place(db_path="index.lmdb", store="store").located()) as around:
        assert len(progress._meters) == 1
        with around.command():
            assert progress._meters == []
        assert len(progress._meters) == 1
    assert progress._meters == []


@pytest.fixture
def slow_bucket(ministack, tmp_path, monkeypatch):
    """A store in a bucket, behind what can be told to let requests wait."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONSIST_CACHE_DIR", str(tmp_path / "cache"))
    with proxy_to(ministack.endpoint) as proxy:
        options = ministack.options(endpoint=proxy.endpoint)
        region = options.pop("client_kwargs", {}).get("region_name")
        if region is not None:
            monkeypatch.setenv("AWS_DEFAULT_REGION", region)
        lines = [f'store = "s3://{BUCKET}/around/{uuid.uuid4().hex}"', 'db_path = "index.lmdb"', "[storage_options]"]
        lines += [f"{name} = {json.dumps(value)}" for name, value in options.items()]
        Path("consist.toml").write_text("\n".join(lines), encoding="utf-8")
        yield proxy
        proxy.answering.set()


def test_ctrl_c_while_a_bucket_is_waited_for_exits_130_and_leaves_no_damage(slow_bucket, call, begin, terminal):
    assert call("exec", "true").code == 0  # so that there is a store
    command = f"head -c {SIZE} /dev/urandom > out; echo made; cat goes_on"
    os.mkfifo("goes_on")
    process = begin("exec", "-o", "out", "--name", "large", "sh", "-c", command, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"made\n"
        slow_bucket.answering.clear()
        Path("goes_on").write_text("and on\n", encoding="utf-8")
        terminal.read_until(b"storing large")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stdout.read() == b"and on\n"
    finally:
        process.kill()
        process.stdout.close()
        slow_bucket.answering.set()
    text = terminal.read_to_end()
    assert b"Traceback" not in text
    assert text.count(b"\x1b[?25l") == text.count(b"\x1b[?25h"), "the cursor is back"
    assert call("verify", "--read-data").code == 0
    answer = call("exec", "-o", "out", "--name", "large", "sh", "-c", "echo again > out")
    assert (answer.code, answer.err) == (0, "")


def test_ctrl_c_before_the_command_runs_exits_130(begin, terminal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONSIST_CACHE_DIR", str(tmp_path / "cache"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        Path("consist.toml").write_text(
            'store = "s3://bucket/team"\n[storage_options]\nkey = "a"\nsecret = "b"\n'
            f'endpoint_url = "http://127.0.0.1:{server.getsockname()[1]}"\n',
            encoding="utf-8",
        )
        process = begin("exec", "touch", "ran", stdout=subprocess.PIPE)
        try:
            terminal.read_until(b"looking up touch")
            server.settimeout(60)
            connection, _ = server.accept()  # nothing is imported any more, where Python may pass over an interrupt
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
            connection.close()
        finally:
            process.kill()
            process.stdout.close()
    assert b"Traceback" not in terminal.read_to_end()
    assert not Path("ran").exists()


def test_ctrl_c_is_left_to_a_command_that_runs_however_long_it_takes_to_end(tmp_path, monkeypatch):
    """Where a driver is given up at once, and the command waits for what comes only later."""
    monkeypatch.chdir(tmp_path)
    Path("sitecustomize.py").write_text(
        "import consist.cli.interrupting\nconsist.cli.interrupting._PATIENCE = 0\n", encoding="utf-8"
    )
    os.mkfifo("goes_on")
    command = "trap 'echo ending; cat goes_on; exit 3' INT; echo up; while :; do sleep 0.05; done"
    process = subprocess.Popen(
        [sys.executable, "-m", "consist", "exec", "--store", "memory://around", "sh", "-c", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(consist.__file__).parents[1]}"},
    )
    assert process.stdout.readline() == b"up\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == b"ending\n"
    Path("goes_on").write_text("ended\n", encoding="utf-8")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, b"ended\n", b"")
