"""`cat`, `get` and `put`: bytes in, the same bytes out."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys

import blake3
import pandas as pd
import pytest

import consist
from consist.store.put import put_folder
from tests.harm import harmed
from tests.meddling import meddle

TABLE = b"a,b\n" + b"1,2\n" * 3
BIG = bytes(range(256)) * (3 << 12)


@pytest.fixture
def read(world, start):
    """Read a path by a process of its own."""

    def read(*arguments):
        done = start("cat", *arguments, "--db-path", world.db_path)
        assert (done.returncode, done.stderr.decode()) == (0, "")
        return done.stdout

    return read


def test_cat_gives_files_bytes_and_blobs_byte_for_byte(world, read):
    assert read("steps/clean/table") == TABLE
    assert read("steps/clean/raw") == b"\x00\xff\n"
    assert read(f"runs/{world.runs['big'].id[:8]}/value") == BIG
    assert read(f"blobs/{blake3.blake3(BIG).hexdigest()[:12]}") == BIG
    assert read(f"blobs/{blake3.blake3(TABLE).hexdigest()}") == TABLE


def test_cat_gives_plain_values_to_be_read(world, ask):
    assert ask("cat", "steps/clean/rows").out == "3\n"
    assert ask("cat", "steps/clean/note").out == "fine — all of it\n"
    summary = ask("cat", "steps/summarise/summary").out
    assert json.loads(summary) == {"lines": 3, "shape": [1, 2], "mean": "NaN"}
    assert len(summary.splitlines()) > 3


def test_cat_raw_gives_plain_values_as_they_are_stored(world, read):
    assert read("--raw", "steps/clean/rows") == b"\x03"  # msgpack's fixint
    assert read("--raw", "steps/clean/table") == TABLE


def test_cat_gives_several_paths_one_after_the_other(world, read):
    assert read("steps/clean/rows", "steps/clean/raw", "steps/clean/table") == b"3\n" + b"\x00\xff\n" + TABLE


def test_cat_writes_nothing_if_a_path_is_wrong(world, call):
    answer = call("cat", "steps/clean/rows", "steps/clean/nothing", "--db-path", world.db_path)
    assert (answer.code, answer.out) == (3, "")


def test_cat_of_a_damaged_blob_never_ends_well(world, start):
    path = world.blob(blake3.blake3(BIG).hexdigest())
    path.chmod(0o600)
    with path.open("r+b") as stream:
        stream.seek(path.stat().st_size // 2)
        stream.write(b"!")
    done = start("cat", "steps/big/value", "--db-path", world.db_path)
    assert done.returncode == 1
    assert done.stderr.startswith(b"consist: blob ")
    assert len(done.stdout) < len(BIG)


def test_get_restores_under_the_name_that_a_file_had(world, ask):
    answer = ask("get", "steps/clean/table")
    assert answer.out == "table.csv\n"
    assert (world.folder / "table.csv").read_bytes() == TABLE
    (world.folder / "there").mkdir()
    assert ask("get", "steps/clean/raw", "there").out == "there/raw.bin\n"
    assert (world.folder / "there" / "raw.bin").read_bytes() == b"\x00\xff\n"
    digest = blake3.blake3(BIG).hexdigest()
    assert ask("get", f"blobs/{digest[:9]}", "there/").out == f"there/{digest}\n"
    assert (world.folder / "there" / digest).read_bytes() == BIG
    assert ask("get", "steps/big/value", "there/other").out == "there/other\n"
    assert (world.folder / "there" / "other").read_bytes() == BIG


def test_get_follows_the_umask_and_leaves_a_file_that_can_be_written(world, ask):
    ask("get", "steps/big/value", "mine")
    mode = stat.S_IMODE((world.folder / "mine").stat().st_mode)
    umask = os.umask(0)
    os.umask(umask)
    assert mode == 0o666 & ~umask


def test_get_replaces_nothing_unless_forced(world, call, ask):
    target = world.folder / "table.csv"
    target.write_bytes(b"mine")
    answer = call("get", "steps/clean/table", "--db-path", world.db_path)
    assert answer.code == 5
    assert "table.csv is there already" in answer.err
    assert target.read_bytes() == b"mine"
    ask("get", "steps/clean/table", "--force")
    assert target.read_bytes() == TABLE


def test_get_neither_follows_nor_replaces_a_link(world, call, ask):
    outside = world.folder.parent / "outside"
    (world.folder / "table.csv").symlink_to(outside)
    assert call("get", "steps/clean/table", "--db-path", world.db_path).code == 5
    assert not outside.exists()
    ask("get", "steps/clean/table", "--force")
    assert not outside.exists()
    assert (world.folder / "table.csv").read_bytes() == TABLE


@pytest.mark.parametrize("make", ["fifo", "link to a fifo", "socket", "folder"])
@pytest.mark.parametrize("options", [(), ("--force",)])
def test_get_never_replaces_what_is_no_regular_file(world, call, make, options):
    target = world.folder / "table.csv"
    if make == "folder":  # the file would go into `there`, where its name is a folder's
        (world.folder / "there" / "table.csv").mkdir(parents=True)
        target = world.folder / "there"
    elif make == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("table.csv")  # the working folder's: a whole path may be too long for a socket
    else:
        os.mkfifo(target if make == "fifo" else world.folder / "pipe")
        if make != "fifo":
            target.symlink_to("pipe")
    before = target.lstat()
    names = sorted(path.name for path in world.folder.iterdir())
    answer = call("get", "steps/clean/table", target, *options, "--db-path", world.db_path)
    assert (answer.code, answer.out) == (5, "")
    assert "which is never replaced (choose another name)" in answer.err
    after = target.lstat()
    assert (after.st_ino, after.st_mode, after.st_mtime_ns) == (before.st_ino, before.st_mode, before.st_mtime_ns)
    assert sorted(path.name for path in world.folder.iterdir()) == names


def test_get_replaces_a_link_to_a_file_and_not_the_file(world, ask):
    (world.folder / "mine").write_bytes(b"mine")
    (world.folder / "table.csv").symlink_to("mine")
    ask("get", "steps/clean/table", "--force")
    assert (world.folder / "mine").read_bytes() == b"mine"
    assert not (world.folder / "table.csv").is_symlink()
    assert (world.folder / "table.csv").read_bytes() == TABLE


def test_get_of_outputs_alone_names_the_target_s_option(world, call, ask):
    paths = ("steps/clean/table", "steps/clean/rows")
    answer = call("get", *paths, "--db-path", world.db_path)
    assert (answer.code, answer.out) == (2, "")
    assert "--to . is this folder" in answer.err
    assert ask("get", *paths, "--to", ".").lines == ["table.csv", "rows.msgpack"]


def test_get_of_a_run_or_a_step_brings_all_outputs_into_a_folder(world, call, ask):
    (world.folder / "all").mkdir()
    names = {"table.csv", "rows.msgpack", "raw.bin", "note.msgpack"}
    for place in (f"runs/{world.runs['clean'].id[:9]}", "steps/clean"):
        ask("get", place, "all/", "--force")
        assert {path.name for path in (world.folder / "all").iterdir()} == names
    answer = call("get", "steps/big", "nowhere", "--db-path", world.db_path)
    assert (answer.code, answer.err) == (
        2,
        "consist: there is no folder nowhere for 1 path (nowhere/, with a slash at its end, makes it)\n",
    )
    assert ask("get", "steps/big", "new/one/").lines == ["new/one/big.bin"]
    (world.folder / "file").write_text("")
    answer = call("get", "steps/clean/table", "file/", "--db-path", world.db_path)
    assert (answer.code, answer.err) == (2, "consist: file/ is no folder (choose another name)\n")
    assert call("get", "steps/clean/table", "file/below/", "--db-path", world.db_path).code == 4


def test_a_table_is_called_in_a_folder_as_its_artifact_is(world, ask):
    with consist.Tracker(run_dir="runs", db_path=world.db_path) as tracker:
        made = tracker.run(lambda: pd.DataFrame({"n": [1]}), name="tabled", outputs=["cleaned"])
        path = made.outputs["cleaned"].path
    assert ask("get", "steps/tabled/cleaned").lines == [path.name] == ["cleaned.parquet"]
    assert ask("get", "steps/tabled/cleaned", "as_said").lines == ["as_said"]


@pytest.mark.parametrize("to", [("-",), ("--to", "-")])
def test_get_to_standard_output_names_cat(world, call, to):
    answer = call("get", "steps/clean/table", *to, "--db-path", world.db_path)
    assert (answer.code, answer.out) == (2, "")
    assert "`consist cat PATH --raw` writes to standard output" in answer.err
    assert not (world.folder / "-").exists()


def test_the_help_of_get_says_that_force_replaces_links(call):
    assert "symbolic link to one" in " ".join(call("get", "--help").out.split())


def test_get_writes_a_plain_value_as_it_is_stored_and_its_help_says_so(world, ask, call):
    (document,) = json.loads(ask("get", "steps/clean/rows", "--json").out)["restored"]
    assert (world.folder / "rows.msgpack").read_bytes() == b"\x03"  # msgpack's fixint
    assert document["digest"] == blake3.blake3(b"\x03").hexdigest()
    said = " ".join(call("get", "--help").out.split())
    assert "A plain value is written as it is stored, which is msgpack" in said
    assert "`consist cat PATH > FILE`" in said


STOPPED = """
import os, signal, sys
from consist.fileops import set_tap
from consist.cli.app import run
def stop(moment, operation, path):
    if operation == "write" and moment == "after":
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
set_tap(stop)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # who started these tests may have it ignored
sys.exit(run(sys.argv[2:]))
"""


@pytest.mark.parametrize("path", ["steps/big/value", "steps/put/folder"])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_get_leaves_nothing_behind_when_it_is_stopped(world, tmp_path, name, path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(BIG)
    put_folder(world.open(), str(tmp_path / "folder"), "folder", machine={})
    (tmp_path / "there").mkdir()
    command = [sys.executable, "-c", STOPPED, name, "get", path, "there", "--db-path", world.db_path]
    ended = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True)
    assert ended.returncode == 128 + getattr(signal, name), ended.stderr
    assert list((tmp_path / "there").iterdir()) == []


def test_get_leaves_nothing_behind_when_content_is_damaged(world, call):
    path = world.blob(blake3.blake3(BIG).hexdigest())
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:100] + harmed(path.read_bytes()[100:101]) + path.read_bytes()[101:])
    (world.folder / "there").mkdir()
    assert call("get", "steps/big/value", "there", "--db-path", world.db_path).code == 1
    assert list((world.folder / "there").iterdir()) == []


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("", "the target has no name (name a file or a folder; . is this folder)"),
        ("file/y", "cannot write file/y: file is no folder (choose another name)"),
        ("n" * 300, f"cannot write {'n' * 80}…: its name is too long (choose a shorter one)"),
    ],
)
@pytest.mark.parametrize("path", ["steps/clean/table", "steps/big/value"])
def test_get_says_what_is_wrong_with_a_target_and_does_not_send_to_the_store(world, call, path, target, said):
    (world.folder / "file").write_bytes(b"")
    for arguments in ((path, target), (path, "--to", target)):
        answer = call("get", *arguments, "--db-path", world.db_path)
        assert (answer.code, answer.out, answer.err) == (2, "", f"consist: {said}\n")


def test_get_wants_a_folder_that_is_there(world, call):
    answer = call("get", "steps/clean/table", "nowhere/table.csv", "--db-path", world.db_path)
    assert answer.code == 2
    assert not (world.folder / "nowhere").exists()


def test_put_prints_the_digest_and_keeps_the_bytes(world, ask):
    (world.folder / "model.bin").write_bytes(b"weights")
    digest = blake3.blake3(b"weights").hexdigest()
    assert ask("put", "model.bin").out == f"{digest}\n"
    assert world.blob(digest).read_bytes() == b"weights"
    (world.folder / "model.bin").unlink()
    assert ask("get", "steps/put/model.bin").out == "model.bin\n"
    assert (world.folder / "model.bin").read_bytes() == b"weights"


def test_an_executable_file_comes_back_as_one_also_if_it_was_none_before(world, ask):
    script = world.folder / "script.sh"
    script.write_text("#!/bin/sh\n")
    for mode in (0o644, 0o755):
        script.chmod(mode)
        ask("put", script)
        ask("get", "steps/put/script.sh", world.folder / "again.sh", "--force")
        assert os.access(world.folder / "again.sh", os.X_OK) == (mode == 0o755)


def test_a_folder_that_holds_the_store_is_not_put_into_it(world, call):
    answer = call("put", world.folder, "--db-path", world.db_path)
    assert (answer.code, answer.out) == (2, "")
    assert f"holds {world.store}, which is consist's own" in answer.err


def test_put_takes_standard_input_and_a_name(world, start, ask):
    done = start("put", "-", "--name", "data.csv", "--db-path", world.db_path, input=BIG)
    assert (done.returncode, done.stdout) == (0, f"{blake3.blake3(BIG).hexdigest()}\n".encode())
    done = start("put", "-", "--db-path", world.db_path, input=b"")
    assert done.stdout == b"af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262\n"
    assert ask("ls", "steps/put").lines == ["stdin", "data.csv"]


def test_what_was_put_is_pinned_also_after_the_index_is_lost(world, ask):
    (world.folder / "a").write_bytes(b"a")
    run_id = json.loads(ask("put", "a", "--json").out)["run_id"]
    before = ask("show", run_id).out
    assert "\npin\tput\t" in before
    world.db_path.unlink()
    ask("index", "rebuild")
    assert ask("show", run_id).out == before


@pytest.mark.parametrize("size", [10, 3 << 20])
@pytest.mark.parametrize("often", [2, 3])
def test_a_file_that_is_being_written_is_put_as_it_was_at_one_moment_or_not_at_all(
    world, call, monkeypatch, size, often
):
    file = world.folder / "written"
    file.write_bytes(b"0" * size)
    meddle(monkeypatch, file, often)
    answer = call("put", "written", "--db-path", world.db_path)
    if often == 2:
        assert (answer.code, answer.out) == (0, blake3.blake3(b"2" * size).hexdigest() + "\n")
        return
    assert (answer.code, answer.out) == (2, "")
    assert "written keeps changing while it is read (wait until its writer is done)" in answer.err
    assert call("ls", "steps/put", "--db-path", world.db_path).code == 3


def test_putting_the_same_again_changes_nothing(world, ask):
    for name in ("a", "b"):
        (world.folder / name).write_bytes(b"same")
    first = json.loads(ask("put", "a", "--json").out)
    assert json.loads(ask("put", "a", "--json").out) == first
    other = json.loads(ask("put", "b", "--json").out)
    assert other["digest"] == first["digest"]
    assert other["run_id"] != first["run_id"]
    assert len(ask("runs", "--step", "put").rows()) == 2


def test_put_makes_a_store_only_when_told(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_bytes(b"a")
    answer = call("put", "a")
    assert answer.code == 3
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert call("put", "a", "--create").out == f"{blake3.blake3(b'a').hexdigest()}\n"
    assert call("cat", "steps/put/a").out == "a"


def test_put_makes_a_store_for_a_group_when_told(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_bytes(b"a")
    answer = call("put", "a", "--sharing", "group")
    assert (answer.code, "give --create as well" in answer.err) == (2, True)
    answer = call("put", "a", "--create", "--sharing", "all")
    assert (answer.code, "one of private, group-read, group" in answer.err) == (2, True)
    assert call("put", "a", "--create", "--sharing", "group").code == 0
    assert (tmp_path / ".consist/index.store/blobs").stat().st_mode & 0o7777 == 0o2770


@pytest.mark.parametrize("make", ["fifo", "link"])
def test_put_does_not_open_what_is_no_regular_file(world, start, make):
    os.mkfifo(world.folder / "pipe")
    file = "pipe"
    if make == "link":
        file = "other"
        (world.folder / file).symlink_to("pipe")
    # A process of its own: one that opens the pipe waits for ever.
    done = start("put", file, "--db-path", world.db_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"{file} is not a regular file".encode() in done.stderr
    assert b"consist put - --name NAME" in done.stderr


def test_put_refuses_a_device(world, call):
    answer = call("put", os.devnull, "--db-path", world.db_path)  # which is read at most
    assert answer.code == 2
    assert "is not a regular file" in answer.err
    assert call("runs", "--step", "put", "--db-path", world.db_path).rows() == []


@pytest.mark.parametrize(
    ("file", "options", "code", "said"),
    [
        ("nothing", (), 3, "there is no file nothing"),
        ("", (), 2, "FILE is empty"),
        ("broken", (), 3, "broken is a link to nowhere, which is not there"),
        ("file", ("--name", ""), 2, "'' cannot name an output: it is empty"),
        ("file", ("--name", "../x"), 2, "holds '/'"),
        ("file", ("--name", "a\nb"), 2, "cannot name an output"),
    ],
)
def test_put_says_what_is_wrong_with_what_it_is_given(  # noqa: PLR0913, PLR0917 - the cases
    world, call, file, options, code, said
):
    (world.folder / "file").write_bytes(b"x")
    (world.folder / "broken").symlink_to("nowhere")
    answer = call("put", file, *options, "--db-path", world.db_path)
    assert answer.code == code
    assert said in answer.err
    assert call("runs", "--step", "put", "--db-path", world.db_path).rows() == []
