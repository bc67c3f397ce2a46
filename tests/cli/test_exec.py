"""`exec`: real commands, whose effects are counted on the disk, by hand."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import blake3
import pytest

import consist

PYTHON = sys.executable
MODEL = """\
import os, pathlib, sys
with open("calls", "a") as calls:
    calls.write("x")
source, target = map(pathlib.Path, sys.argv[1:3])
print("read", len(source.read_text()))
print("careful", file=sys.stderr)
target.write_text(source.read_text() * int(os.environ.get("TIMES", "2")))
"""
INNER = """\
import pathlib, signal, sys

def end(number, frame):
    pathlib.Path("inner").write_text("inner")
    sys.exit()

signal.signal(signal.SIGINT, end)
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
signal.pause()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(MODEL, encoding="utf-8")
    (tmp_path / "raw.txt").write_text("abc", encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(folder, start):
    def run(*arguments, env=(), **variables):
        done = start(
            "exec",
            *(f"--env={name}" for name in env),
            *("--input", "raw.txt", "--output", "out.txt", "--"),
            *(PYTHON, "model.py", "raw.txt", "out.txt"),
            *arguments,
            env={**os.environ, "PYTHONPATH": str(Path(consist.__file__).parents[1]), **variables},
        )
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    return run


@pytest.fixture
def begin(folder):
    """Start `consist exec`, and wait for its first line; what a failing test leaves is ended with all its children."""
    started = []

    def begin(*arguments):
        process = subprocess.Popen(
            [PYTHON, "-m", "consist", "exec", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(consist.__file__).parents[1])},
        )
        started.append(process)
        assert process.stdout.readline() == b"up\n"
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            for _ in range(3):  # the third kills the command
                process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)


def calls(folder):
    path = folder / "calls"
    return len(path.read_text(encoding="utf-8")) if path.exists() else 0


def test_the_second_call_is_spared_prints_the_same_and_restores_the_output(folder, run):
    assert run() == (0, "read 3\n", "careful\n")
    assert (folder / "out.txt").read_text() == "abcabc"
    (folder / "out.txt").unlink()
    assert run() == (0, "read 3\n", "careful\n")
    assert (folder / "out.txt").read_text() == "abcabc"
    assert calls(folder) == 1


def test_an_output_that_was_changed_is_what_it_was_again(folder, run):
    run()
    (folder / "out.txt").write_text("something longer than that", encoding="utf-8")
    assert run()[0] == 0
    assert (folder / "out.txt").read_text() == "abcabc"
    assert calls(folder) == 1


def test_input_script_arguments_and_named_variables_count(folder, run):
    run()
    (folder / "raw.txt").write_text("wxyz", encoding="utf-8")
    assert run()[1] == "read 4\n"
    assert calls(folder) == 2
    run("--more")
    assert calls(folder) == 3
    (folder / "model.py").write_text(MODEL + "print('new')\n", encoding="utf-8")
    assert run()[1] == "read 4\nnew\n"
    assert calls(folder) == 4
    run(env=["TIMES"], TIMES="3")
    assert (folder / "out.txt").read_text() == "wxyz" * 3
    run(env=["TIMES"], TIMES="1")
    assert (folder / "out.txt").read_text() == "wxyz"
    run(env=["TIMES"], TIMES="3")
    assert (folder / "out.txt").read_text() == "wxyz" * 3
    assert calls(folder) == 6
    run(TIMES="1")
    assert calls(folder) == 6  # which does not count, unless it is named


def test_the_program_counts_by_its_content_wherever_it_lies(folder, call):
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "tool").write_text("#!/bin/sh\necho x >> calls; echo done\n", encoding="utf-8")
        (folder / name / "tool").chmod(0o755)
        assert call("exec", f"./{name}/tool", "--n", "5").code == 0
    assert (folder / "calls").read_text() == "x\n"
    (folder / "b" / "tool").write_text("#!/bin/sh\necho y >> calls; echo done\n", encoding="utf-8")
    assert call("exec", "./b/tool", "--n", "5").code == 0
    assert (folder / "calls").read_text() == "x\ny\n"


@pytest.mark.parametrize(("ends", "code"), [("exit 7", 7), ("kill -9 $$", 137), ("exit 255", 255)])
def test_the_exit_code_is_the_commands_and_a_failure_is_recorded_and_not_cached(folder, call, start, ends, code):
    for _ in range(2):
        done = start("exec", "--name", "fails", "sh", "-c", f"echo no >&2; echo x >> calls; {ends}")
        assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"no\n")
    assert (folder / "calls").read_text() == "x\nx\n"
    rows = call("runs").rows()
    assert [(row["model"], row["status"]) for row in rows] == [("fails", "failed")] * 2
    error = json.loads(call("show", rows[0]["run_id"], "--json").out)["run"]["error"]
    assert error["type"] == "CalledProcessError"


def test_why_a_command_failed_is_said_with_json_too(folder, start):
    """There is no document of it; what its standard error ended with is not lost."""
    script = "echo shown nowhere; head -c 5000 /dev/zero | tr '\\0' x >&2; echo err >&2; exit 7"
    done = start("exec", "--json", "--", "sh", "-c", script)
    assert (done.returncode, done.stdout) == (7, b"")
    assert done.stderr == b"x" * 1996 + b"err\n"


def test_what_it_is_not_given_is_an_error_and_nothing_is_recorded(folder, call):
    for arguments, code, said in (
        (("no-such-program",), 3, "there is no program 'no-such-program'"),
        (("--input", "nothing", "true"), 2, "nothing"),
        (("--output", "stdout", "true"), 2, "what is printed"),
        (("--input", "a/x", "--input", "b/x", "true"), 2, "two inputs would be called 'x'"),
        (("--cache-mode", "never", "true"), 2, "cache_mode"),
        ((), 2, "COMMAND"),
    ):
        answer = call("exec", *arguments)
        assert (answer.code, answer.out) == (code, ""), arguments
        assert said in answer.err
    assert call("runs").rows() == []


def test_a_command_that_did_not_write_its_output_is_a_problem_and_no_wrong_call(folder, call):
    answer = call("exec", "--output", "missing.txt", "sh", "-c", "echo ran >> other.txt")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("consist: output 'missing.txt': there is no file")
    assert (folder / "other.txt").read_text() == "ran\n"
    assert [row["status"] for row in call("runs").rows()] == ["failed"]


def test_what_cannot_be_started_is_a_wrong_call(folder, call):
    (folder / "model").write_text("no program", encoding="utf-8")
    (folder / "model").chmod(0o700)
    answer = call("exec", "--output", "missing.txt", "./model")
    assert (answer.code, "cannot execute" in answer.err) == (2, True)


def test_who_may_only_read_is_told_the_option(folder, start, as_reader):
    assert start("exec", "echo", "hello").returncode == 0
    store = folder / ".consist" / "index.store"
    refused = as_reader(store, "exec", "echo", "other")
    done = as_reader(store, "exec", "--cache-mode", "readonly", "echo", "other")
    assert (refused.returncode, b"--cache-mode readonly" in refused.stderr) == (4, True)
    assert b"CacheOptions" not in refused.stderr
    assert (done.returncode, done.stdout) == (0, b"other\n")


def test_a_folder_is_an_output_and_comes_back(folder, start):
    line = ("exec", "--output", "plots", "sh", "-c", "mkdir -p plots/a; echo 1 > plots/a/x; echo x >> calls")
    assert start(*line).returncode == 0
    (folder / "plots" / "a" / "x").write_text("2", encoding="utf-8")
    assert start(*line).returncode == 0
    assert (folder / "plots" / "a" / "x").read_text() == "1\n"
    assert (folder / "calls").read_text() == "x\n"


def test_what_is_printed_is_kept_byte_for_byte_and_shown_while_it_comes(folder, start, call):
    noise = os.urandom(300_000)
    (folder / "noise").write_bytes(noise)
    for _ in range(2):
        done = start("exec", "--name", "noisy", "cat", "noise")
        assert done.stdout == noise
    kept = json.loads(call("ls", "steps/noisy", "--json").out)["entries"]
    assert {entry["name"]: entry["digest"] for entry in kept} == {
        "stdout": blake3.blake3(noise).hexdigest(),
        "stderr": blake3.blake3(b"").hexdigest(),
    }


def test_nothing_comes_from_standard_input(folder, start):
    assert start("exec", "cat", input=b"not this").stdout == b""


def test_a_file_that_an_argument_names_and_the_command_writes_is_warned_of(folder, call):
    answer = call("exec", "sh", "-c", "echo y > $0", "result.txt")
    assert answer.code == 0
    assert "wrote 'result.txt'" in answer.err
    assert "declare it as an output" in answer.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_reach_the_whole_command_and_end_in_their_code(folder, begin, call, number, code):
    (folder / "inner.py").write_text(INNER, encoding="utf-8")
    process = begin("--name", "slow", "sh", "-c", f"trap 'exit 3' INT TERM; {PYTHON} inner.py")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (code, b"", b"")
    assert (folder / "inner").read_text() == "inner"
    assert [row["status"] for row in call("runs").rows()] == ["failed"]
    assert call("verify").code == 0


def test_a_command_that_will_not_end_is_killed_by_the_third_signal(begin):
    process = begin("sh", "-c", "trap 'echo no' INT; echo up; while :; do sleep 0.05; done")
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == b"no\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130


def test_a_link_at_the_place_of_an_output_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("out.txt").symlink_to("far.txt")
    with consist.use_tracker(consist.Tracker("runs", "index.lmdb", durable=False)):
        for before in ("", "edited since"):
            Path("far.txt").write_text(before)
            consist.exec(["sh", "-c", "echo made > out.txt"], outputs=["out.txt"])
            assert Path("far.txt").read_text() == "made\n"
            assert str(Path("out.txt").readlink()) == "far.txt"


@pytest.fixture
def left_running(folder):
    """End what a command left running, whose id it wrote into the file `pid`."""
    yield
    os.kill(int((folder / "pid").read_text()), signal.SIGKILL)


def test_what_the_command_left_running_is_not_waited_for(folder, call, left_running, monkeypatch):
    monkeypatch.setattr("consist.runs.process.GRACE", 0.05)
    answer = call("exec", "sh", "-c", "sleep 600 & echo $! > pid; head -c 300000 /dev/zero | tr '\\0' x; echo done")
    assert (answer.code, answer.out) == (0, "x" * 300_000 + "done\n")
    assert "warning: the command 'sh' has ended" in answer.err
    assert "still holds its stderr and stdout" in answer.err
    assert call("cat", "steps/sh/stdout").out == answer.out


def test_what_is_still_printed_shortly_after_the_end_is_kept(folder, call, monkeypatch):
    """And once nothing holds the output any more, nobody waits."""
    monkeypatch.setattr("consist.runs.process.GRACE", 600)
    answer = call("exec", "sh", "-c", "(sleep 0.1; echo late) & echo early")
    assert (answer.code, answer.out, answer.err) == (0, "early\nlate\n", "")


def test_ctrl_c_ends_it_although_something_in_another_session_holds_the_output(folder, begin, left_running):
    leave = "import signal, subprocess as s; p = s.Popen(['sleep', '600'], start_new_session=True)"
    process = begin(
        PYTHON, "-c", f"{leave}; open('pid', 'w').write(str(p.pid)); print('up', flush=True); signal.pause()"
    )
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130


def test_the_function_gives_a_result_and_is_quiet(folder, capfd):
    command = [PYTHON, "model.py", "raw.txt", "out.txt"]
    with consist.use_tracker(consist.Tracker(run_dir="runs", db_path="i.lmdb", durable=False)):
        first = consist.exec(command, inputs=["raw.txt"], outputs={"result": "out.txt"}, tags=["a"])
        again = consist.exec(command, inputs=["raw.txt"], outputs={"result": "out.txt"}, tags=["a"])
        with pytest.raises(subprocess.CalledProcessError) as caught:
            consist.exec(["sh", "-c", "echo why >&2; exit 3"])
    assert (first.cache_hit, again.cache_hit) == (False, True)
    assert again.run.step == "model.py"
    assert sorted(again.outputs) == ["result", "stderr", "stdout"]
    assert again.outputs["stdout"].read_bytes() == b"read 3\n"
    assert again.outputs["result"].read_bytes() == b"abcabc"
    assert (caught.value.returncode, caught.value.stderr) == (3, b"why\n")
    assert capfd.readouterr() == ("", "")
