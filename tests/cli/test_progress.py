"""Progress: on standard error, on a terminal, and nowhere else; and it tells all that is done."""

import contextlib
import io
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import consist
from consist.cli import progress as module
from consist.cli.progress import is_shown, progress, things

BIG = bytes(range(256)) * (3 << 12)


@pytest.fixture
def on_stderr(terminal, monkeypatch):
    """Make the terminal this process's standard error, from within the test: pytest sets its own before that."""
    opened = []

    def take():
        opened.append(os.fdopen(os.dup(terminal.theirs), "w"))
        monkeypatch.setattr(sys, "stderr", opened[0])
        return terminal

    yield take
    for stream in opened:
        with contextlib.suppress(OSError):  # of a terminal that went away
            stream.close()


def our_threads():
    return [thread for thread in threading.enumerate() if thread.name == "consist-progress"]


def test_it_shows_what_is_done_and_goes_when_it_is_over(on_stderr):
    shown = on_stderr()
    with progress("putting big.bin", total=4 << 20) as seen:
        seen(1 << 20)
        shown.read_until(b"putting big.bin")
        shown.read_until(b"1.0 MiB of 4.0 MiB")
        seen(2 << 20)
        shown.read_until(b"3.0 MiB of 4.0 MiB, ")  # and a rate
    assert our_threads() == []
    sys.stderr.close()
    text = shown.read_to_end()
    assert text.rstrip().endswith(b"\x1b[2K")  # the line is wiped
    assert text.count(b"\x1b[?25l") == text.count(b"\x1b[?25h") == 1  # and the cursor back


def test_without_a_total_it_counts(on_stderr):
    shown = on_stderr()
    with progress("reading", unit=things("object")) as seen:
        for _ in range(3):
            seen(1)
        shown.read_until(b"3 objects")
        assert b" of " not in shown.text


def test_names_cannot_steer_the_terminal(on_stderr):
    shown = on_stderr()
    with progress("putting \x1b[31m[bold]x[/bold]\a") as seen:
        seen(1)
        shown.read_until(b"putting \\x1b[31m[bold]x[/bold]\\x07")


def test_an_error_passes_and_ends_it(on_stderr):
    shown = on_stderr()

    def divide():
        with progress("dividing") as seen:
            seen(1)
            shown.read_until(b"dividing")
            return 1 / 0

    with pytest.raises(ZeroDivisionError):
        divide()
    assert our_threads() == []


@pytest.mark.parametrize("how", ["window", "stream"])
def test_a_terminal_that_goes_away_stops_nothing(on_stderr, how, monkeypatch):
    """What draws ends without an error, which would be a warning of a thread, and the work goes on."""
    monkeypatch.setenv("FORCE_COLOR", "1")  # else rich asks before each line whether there is a terminal
    shown = on_stderr()
    stream = sys.stderr  # which what draws has its own in front of meanwhile
    with progress("putting big.bin") as seen:
        seen(1)
        shown.read_until(b"putting big.bin")
        (drawing,) = our_threads()
        shown.go_away() if how == "window" else stream.close()
        drawing.join(60)
        assert not drawing.is_alive()
        seen(1)
    assert our_threads() == []


@pytest.mark.parametrize("term", ["dumb", "unknown", ""])
def test_a_poor_terminal_is_spared(on_stderr, monkeypatch, term):
    on_stderr()
    assert is_shown()
    monkeypatch.setenv("TERM", term)
    assert not is_shown()


def test_off_a_terminal_nothing_runs(capfd, monkeypatch):
    for variable in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.setenv(variable, "1")
    with progress("putting", total=1) as seen:
        seen(1)
        assert our_threads() == []
    assert capfd.readouterr() == ("", "")


def test_what_writes_to_the_terminal_itself_shows_none(on_stderr):
    on_stderr()
    with progress("writing", shown=False) as seen:
        seen(1)
        assert our_threads() == []


def test_a_put_shows_how_far_it_is(world, terminal, begin):
    process = begin(
        *("put", "-", "--name", "slow", "--db-path", world.db_path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    process.stdin.write(BIG)
    process.stdin.flush()
    terminal.read_until(b"putting slow")
    terminal.read_until(b"3.0 MiB")
    out, _ = process.communicate(b"more", timeout=60)
    assert process.returncode == 0
    assert len(out) == 65, "the digest, and nothing else"
    terminal.read_to_end()


def test_ctrl_c_wipes_the_line(world, terminal, begin):
    process = begin(
        *("put", "-", "--name", "slow", "--db-path", world.db_path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    process.stdin.write(BIG)
    process.stdin.flush()
    terminal.read_until(b"putting slow")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    process.stdin.close()
    process.stdout.close()
    text = terminal.read_to_end()
    assert text.count(b"\x1b[?25l") == text.count(b"\x1b[?25h") == 1
    assert text.rstrip().endswith(b"\x1b[2K")


def test_cat_into_a_pipe_shows_how_far_it_is_and_changes_no_byte(world, terminal, begin):
    process = begin("cat", "steps/big/value", "--db-path", world.db_path, stdout=subprocess.PIPE)
    terminal.read_until(b"writing big.bin")  # nobody reads the pipe, which is full
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, BIG)
    terminal.read_to_end()


def test_every_long_verb_tells_all_that_it_does(world, ask, told, tmp_path):
    noise = random.Random(3).randbytes(5_000_000)  # noqa: S311 - bytes that differ
    (tmp_path / "noise").write_bytes(noise)
    ask("put", tmp_path / "noise")
    assert told.pop("putting") == (len(noise), len(noise), "2 B")
    ask("get", "steps/put/noise", tmp_path / "again")
    assert told.pop("getting") == (len(noise), len(noise), "2 B")
    world.let_go()
    files = [path for path in world.store.rglob("*") if path.is_file() and path.name != "lock"]
    content = [path for path in files if path.relative_to(world.store).parts[0] in {"blobs", "packs"}]
    size = sum(path.stat().st_size for path in content)
    ask("verify", "--read-data")
    assert told.pop("checking") == (size, size, "2 B")
    ask("verify")
    assert told.pop("checking") == (None, size, "2 B")
    ask("du")
    assert told.pop("measuring") == (None, len(files) + 5, "2 objects")
    ask("index", "rebuild")
    records = [path for path in files if path.relative_to(world.store).parts[0] in {"results", "runs", "log"}]
    assert told.pop("reading") == (None, len(records), "2 objects")
    assert told == {}


def test_what_is_hashed_to_be_found_is_told(world, ask, told):
    """By every verb that takes a file."""
    ask("get", "steps/big/value")
    told.clear()
    world.let_go()
    size = (None, len(BIG), "2 B")
    for verb in (
        ("show", "big.bin"),
        ("why", "big.bin"),
        ("diff", world.runs["clean"].id, "big.bin"),
        ("tag", "big.bin", "large"),
        ("untag", "big.bin", "large"),
        ("pin", "big.bin"),
        ("unpin", "big.bin"),
        ("lineage", "big.bin"),
        ("forget", "big.bin", "--dry-run"),
    ):
        ask(*verb)
        assert told == {"looking": size}, verb
    ask("get", "steps/clean/table", "copy")
    told.clear()
    ask("show", "copy")
    assert told == {"looking": (None, Path("copy").stat().st_size, "2 B")}


def test_a_folder_that_is_looked_for_is_told_file_by_file(world, call, told, tmp_path):
    (tmp_path / "folder").mkdir()
    for number in range(3):
        (tmp_path / "folder" / str(number)).write_bytes(b"x" * 1000)
    assert call("show", tmp_path / "folder", "--db-path", world.db_path).code == 3
    assert told == {"looking": (None, 3000, "2 B")}


def test_lists_tell_what_they_gather_for_their_first_line(world, ask, told):
    blobs = len(ask("ls", "blobs").lines)
    assert told.pop("listing") == (None, 1, "2 names")
    ask("ls", "blobs", "--sort", "size")
    assert told.pop("listing") == (None, blobs, "2 names")
    ask("ls", "blobs", "--filter", "size>1TB")
    assert told.pop("listing") == (None, blobs, "2 names")
    ask("search", "clean")
    assert told == {"searching": (None, 0, "")}


def test_an_export_tells_all_its_runs(world, ask, told, tmp_path):
    ask("export", "parquet", tmp_path / "tables")
    assert told == {"exporting": (None, 5 - 1, "2 runs")}


def test_content_that_is_read_or_taken_apart_is_told(world, ask, told):
    with consist.Tracker(run_dir="runs", db_path=world.db_path) as tracker:
        tracker.run(lambda: {"t": pa.table({"n": list(range(3000))}), "a": np.arange(5)}, name="forms")
    world.let_go()
    for form in ("csv", "json", "text"):
        ask("cat", "steps/forms/t", "--as", form)
        assert told.pop("writing") == (3000, 3000, "2 rows")
    ask("cat", "steps/big/value", "--as", "text")
    assert told.pop("writing") == (len(BIG), len(BIG), "2 B")
    for verb in (
        ("cat", "steps/forms/a", "--as", "json"),
        ("cat", "steps/clean/note"),
        ("cat", "steps/clean/raw", "--json"),
        ("preview", "steps/forms/t"),
    ):
        ask(*verb)
        assert told.pop("reading") == (None, 0, "")
    assert told == {}


def test_nothing_is_shown_for_half_a_second(on_stderr, monkeypatch):
    """Of what is quick nothing is seen: the line is drawn once the quiet time is over, however long that is."""
    assert module._QUIET >= 0.5
    shown = on_stderr()
    monkeypatch.setattr(module, "_QUIET", 1000)
    with progress("putting big.bin", total=2) as seen:
        seen(1)
    sys.stderr.close()
    assert shown.read_to_end() == b""


def test_a_remote_store_that_does_not_answer_is_said_to_be_asked(terminal, begin, tmp_path, monkeypatch):
    """A server that takes connections, and says nothing until somebody has read who is waited for."""
    monkeypatch.setenv("CONSIST_CACHE_DIR", str(tmp_path / "cache"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        (tmp_path / "consist.toml").write_text(
            'store = "s3://bucket/team"\n[storage_options]\nkey = "a"\nsecret = "b"\n'
            f'endpoint_url = "http://127.0.0.1:{server.getsockname()[1]}"\n',
            encoding="utf-8",
        )
        monkeypatch.chdir(tmp_path)
        process = begin("put", __file__, "--create", stdout=subprocess.PIPE)
        try:
            terminal.read_until(b"asking s3://bucket/team")
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
        finally:
            process.kill()
            process.stdout.close()
    text = terminal.read_to_end()
    assert b"Traceback" not in text
    assert text.count(b"\x1b[?25l") == text.count(b"\x1b[?25h") == 1, "the line goes, and the cursor is back"
    assert text.rstrip().endswith(b"\x1b[2K")


def test_a_folder_that_is_put_is_told_file_by_file(world, ask, told, tmp_path):
    (tmp_path / "folder").mkdir()
    for number in range(3):
        (tmp_path / "folder" / str(number)).write_bytes(b"x" * 1000)
    ask("put", tmp_path / "folder")
    assert told == {"putting": (None, 3000, "2 B")}


class Screen(io.StringIO):
    """Standard output that is the terminal too; it looks whether something draws whenever something is written."""

    def __init__(self):
        super().__init__()
        self.drawing = set()

    def isatty(self):
        return True

    def write(self, text):
        if text:
            self.drawing.add(len(module._meters))
        return super().write(text)


@pytest.mark.parametrize(
    "verb",
    [
        ("du",),
        ("du", "--json"),
        ("ls", "blobs", "-l"),
        ("search", "clean"),
        ("cat", "steps/clean/rows"),
        ("get", "steps/clean/table", "steps/clean/note", ".", "--json", "--force"),
        ("export", "parquet", "tables"),
        ("verify",),
    ],
)
def test_nothing_is_drawn_while_lines_are_written_to_the_same_terminal(world, monkeypatch, on_stderr, verb):
    on_stderr()
    monkeypatch.setattr(module._Meter, "start", lambda _: None)
    monkeypatch.setattr(module._Meter, "end", lambda _: None)
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    assert consist.cli.app.run([*verb, "--db-path", str(world.db_path)]) == 0
    assert screen.drawing == {0}


def test_du_tells_on_a_terminal_all_that_it_measures(world, told, monkeypatch, call):
    from consist.cli import output

    heard = call("du", "--db-path", world.db_path)
    whole = told.pop("measuring")
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    assert call("du", "--db-path", world.db_path).code == heard.code == 0
    assert 0 < told["measuring"][1] < whole[1], "the last part, that of the sums"
