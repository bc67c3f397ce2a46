"""On a terminal: tables that fit it, and colours only where they are wanted."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pyarrow as pa
import pytest

import consist
from consist.hashing.hasher import hash_bytes

_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def on_terminal(*arguments, width=80, code=0, **variables):
    """Run the program on a terminal of its own, and return what came there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    environment = {
        name: value for name, value in os.environ.items() if name not in {"COLUMNS", "NO_COLOR", "FORCE_COLOR"}
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "consist", *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "TERM": "xterm-256color", "TZ": "UTC", **variables},
    )
    os.close(theirs)
    pieces = []
    while piece := _read(ours):
        pieces.append(piece)
    os.close(ours)
    assert process.wait(60) == code
    return b"".join(pieces).decode(errors="replace").replace("\r\n", "\n")


def _read(descriptor):
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux says so when the other side is closed
        return b""


@pytest.mark.parametrize("width", [40, 80, 200])
def test_tables_fit(world, width):
    for verb in (("runs",), ("ls", "-l", "steps/clean"), ("ls", "-l", "blobs")):
        text = _ESCAPE.sub("", on_terminal(*verb, "--db-path", world.db_path, width=width))
        assert max(map(len, text.splitlines())) <= width


def test_a_table_of_runs_reads_well(world):
    text = _ESCAPE.sub("", on_terminal("runs", "--db-path", world.db_path))
    head, *rows = text.splitlines()
    assert re.split(r"\s{2,}", head.strip()) == ["run id", "model", "status", "started", "execution time", "hits"]
    for row, step in zip(rows, ("fail", "big", "summarise", "clean"), strict=True):
        run = world.runs[step]
        assert row.startswith(f"{run.id[:12]}  {step} ")
        assert f"{run.started_at:%Y-%m-%d %H:%M:%S}" in row
        assert re.search(r"[0-9.]+ [mµ]?s\s", row)


def test_where_there_is_no_room_the_model_gives_way(world):
    with consist.Tracker(run_dir="runs", db_path=world.db_path) as tracker:
        run = tracker.run(pow, name="a step whose name is long" * 4, config={"base": 2, "exp": 3}).run
    text = _ESCAPE.sub("", on_terminal("runs", "--limit", "1", "--db-path", world.db_path))
    above, head, row = text.splitlines()
    assert (above.split(), head.split()) == (["execution"], ["run", "id", "model", "status", "started", "time", "hits"])
    started = f"{run.started_at:%Y-%m-%d %H:%M}"
    assert re.fullmatch(rf"{run.id[:12]}  a step whose .*…  completed  {started} +\S+ [mµ]?s +0 *", row)


def test_a_run_that_is_no_call_says_so_beside_its_name(world):
    with consist.Tracker(run_dir="runs", db_path=world.db_path) as tracker, tracker.scenario("dry"):
        pass
    text = _ESCAPE.sub("", on_terminal("runs", "--limit", "2", "--db-path", world.db_path, width=120))
    head, row, other = text.splitlines()
    assert "kind" not in head
    assert re.match(r"[0-9a-f]{12}  dry \(scenario\)  completed ", row)
    assert "(run)" not in other


def test_sizes_and_digests_are_short(world):
    text = on_terminal("ls", "-l", "steps/big", "--db-path", world.db_path)
    assert "3.0 MiB" in text
    assert re.search(r" [0-9a-f]{12}\s*\n", text)


def test_show_is_laid_out_in_two_columns(world):
    lines = on_terminal("show", world.runs["clean"].id, "--db-path", world.db_path, width=200).splitlines()
    assert re.fullmatch(rf"run_id +{world.runs['clean'].id}", lines[0])
    assert len({re.match(r"\S+ +", line).end() for line in lines if not line.startswith("code.")}) == 1


def test_why_is_laid_out_in_two_columns(world):
    lines = on_terminal("why", world.runs["clean"].id, world.runs["big"].id, "--db-path", world.db_path).splitlines()
    assert lines[0] == f"run_id         {world.runs['big'].id}"
    assert lines[2] == f"compared_with  {world.runs['clean'].id[:12]}"
    assert lines[3] == "difference     step clean -> big"


def test_in_80_columns_it_is_said_what_is_no_call(world):
    with consist.Tracker(run_dir="runs", db_path=world.db_path) as tracker, tracker.scenario("baseline") as scenario:
        scenario.run(pow, config={"base": 2, "exp": 3})
    assert "baseline (scenario)" in on_terminal("runs", "--db-path", world.db_path)


def test_diff_shows_inputs_by_short_digests(world):
    with consist.Tracker(run_dir="runs", db_path=world.db_path) as tracker:
        runs = []
        for content in (b"one", b"two"):
            (world.folder / "in").write_bytes(content)
            runs.append(tracker.run(str, name="read", inputs={"object": "in"}).run)
    arguments = ("diff", runs[0].id, runs[1].id, "--db-path", world.db_path)
    shorts = [hash_bytes(content).short for content in (b"one", b"two")]
    assert re.search(rf"inputs +object +changed +{shorts[0]} +{shorts[1]}\s", on_terminal(*arguments))


def test_colours_follow_no_color(world):
    colour = re.compile(r"\x1b\[[0-9;]*3[0-7]")
    assert colour.search(on_terminal("runs", "--db-path", world.db_path))
    assert not colour.search(on_terminal("runs", "--db-path", world.db_path, NO_COLOR="1"))


def test_an_empty_list_still_names_its_columns(world):
    text = _ESCAPE.sub("", on_terminal("runs", "--tag", "nobody", "--db-path", world.db_path))
    assert text.split() == ["run", "id", "model", "status", "started", "execution", "time", "hits"]


def test_a_long_list_keeps_its_columns(world):
    from consist.index.records import COMPLETED, RunRecord, encode_record

    store = world.open()
    records = [
        RunRecord(f"{n:020x}", None, f"step {n}", COMPLETED, n * 1_000_000, n * 1_000_000 + 5) for n in range(450)
    ]
    store.index.put_runs((record, encode_record(record)) for record in records)
    text = _ESCAPE.sub("", on_terminal("runs", "--db-path", world.db_path, width=100))
    head, *rows = text.splitlines()
    assert len(rows) == 454
    start = head.index("status")
    assert {row[start:].split()[0] for row in rows} == {"completed", "failed"}


STEERING = "one\x1b[2J\ttab\n\x9b31mtwo\u202e"


@pytest.fixture
def steering(world):
    with consist.Tracker(run_dir="runs", db_path=world.db_path) as tracker:
        tracker.run(lambda: {"text": STEERING, "table": pa.table({"cell": [STEERING]})}, name="steering")
    return world


@pytest.mark.parametrize("verb", [("text",), ("text", "--as", "text"), ("table", "--as", "csv")])
def test_text_that_is_written_steers_no_terminal_and_passes_through_a_pipe(steering, start, verb):
    arguments = ("cat", f"steps/steering/{verb[0]}", *verb[1:], "--db-path", steering.db_path)
    shown = on_terminal(*arguments)
    assert "one\\x1b[2J\ttab\n\\x9b31mtwo\\u202e" in shown
    assert all(letter.isprintable() or letter in "\n\t" for letter in shown)
    assert STEERING in start(*arguments).stdout.decode()


def test_binary_content_goes_to_a_terminal_only_if_that_is_wanted(world, start):
    said = on_terminal("cat", "steps/clean/raw", "--db-path", world.db_path, width=200, code=5)
    assert "'raw' is binary, which a terminal cannot show" in said
    assert "--raw writes it all the same" in said
    assert "binary" not in on_terminal("cat", "steps/clean/raw", "--raw", "--db-path", world.db_path, width=200)
    assert "1,2" in on_terminal("cat", "steps/clean/table", "--db-path", world.db_path)
    assert start("cat", "steps/clean/raw", "--db-path", world.db_path, text=False).stdout == b"\x00\xff\n"
