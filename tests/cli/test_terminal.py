"""On a terminal: tables that fit it, and colours only where they are wanted."""

import fcntl
import itertools
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from rich.cells import cell_len

import consist
from consist.hashing.hasher import hash_bytes

_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def on_terminal(*arguments, width=80, code=0, **variables):
    """Run the program on a terminal of its own; return what came there, and then what was said on standard error.

    That is no terminal: on a slow machine progress would come between the lines.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    environment = {
        name: value for name, value in os.environ.items() if name not in {"COLUMNS", "NO_COLOR", "FORCE_COLOR"}
    }
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "consist", *map(str, arguments)],
            stdin=theirs,
            stdout=theirs,
            stderr=errors,
            env={**environment, "TERM": "xterm-256color", "TZ": "UTC", **variables},
        )
        os.close(theirs)
        pieces = []
        while piece := _read(ours):
            pieces.append(piece)
        os.close(ours)
        ended = process.wait(60)
        errors.seek(0)
        said = b"".join([*pieces, errors.read()]).decode(errors="replace").replace("\r\n", "\n")
    assert ended == code, said
    return said


def _read(descriptor):
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux says so when the other side is closed
        return b""


@pytest.mark.parametrize("width", [40, 80, 200])
def test_tables_fit(world, width):
    for verb in (("runs",), ("ls", "-l", "steps/clean"), ("ls", "-l", "blobs")):
        text = _ESCAPE.sub("", on_terminal(*verb, "--db-path", world.db_path, width=width))
        assert [line for line in text.splitlines() if len(line) > width] == []


def test_a_table_of_runs_reads_well(world):
    text = _ESCAPE.sub("", on_terminal("runs", "--db-path", world.db_path))
    head, *rows = text.splitlines()
    assert re.split(r"\s{2,}", head.strip()) == ["run id", "step", "status", "started", "execution time", "hits"]
    for row, step in zip(rows, ("fail", "big", "summarise", "clean"), strict=True):
        run = world.runs[step]
        assert row.startswith(f"{run.id[:12]}  {step} ")
        assert f"{run.started_at:%Y-%m-%d %H:%M:%S}" in row
        assert re.search(r"[0-9.]+ [mµ]?s\s", row)


def test_of_a_run_that_no_call_finds_the_time_of_day_is_there_still(world):
    with consist.Tracker(run_dir="runs", db_path=world.db_path) as tracker:
        off = consist.CacheOptions(cache_mode="off")
        run = tracker.run(pow, config={"base": 2, "exp": 3}, cache_options=off).run
    row = _ESCAPE.sub("", on_terminal("runs", "--limit", "1", "--db-path", world.db_path)).splitlines()[-1]
    assert re.match(rf"{run.id[:12]}  pow +uncached +{run.started_at:%Y-%m-%d %H:%M}", row)


def test_where_there_is_no_room_the_step_gives_way(world):
    with consist.Tracker(run_dir="runs", db_path=world.db_path) as tracker:
        run = tracker.run(pow, name="a step whose name is long" * 4, config={"base": 2, "exp": 3}).run
    text = _ESCAPE.sub("", on_terminal("runs", "--limit", "1", "--db-path", world.db_path))
    above, head, row = text.splitlines()
    assert (above.split(), head.split()) == (["execution"], ["run", "id", "step", "status", "started", "time", "hits"])
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


def test_a_summary_on_a_terminal_takes_the_table_that_fits(world):
    for width, head in ((80, "completed/"), (200, "completed")):
        text = _ESCAPE.sub("", on_terminal("summary", "--db-path", world.db_path, width=width))
        assert [line for line in text.splitlines() if len(line) > width] == []
        assert head in text.splitlines()[0].split()


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
    text = _ESCAPE.sub("", on_terminal("runs", "--status", "forgotten", "--db-path", world.db_path))
    assert text.split() == ["run", "id", "step", "status", "started", "execution", "time", "hits"]


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


LONG = "prepare_the_long_named_table_of_all_things"
WIDE = "\u6b65\u9aa4" * 12  # each takes two columns


@pytest.fixture
def long_names(world):
    """Give runs of a long name, and of a wide one, that was made from the first."""

    def make(note):
        return {"rows": np.arange(600).reshape(20, 30), WIDE: note}

    with consist.Tracker(run_dir="runs", db_path=world.db_path) as tracker:
        config = {"note": "a value that is long and has spaces " * 5}
        one = tracker.run(make, name=LONG * 2, config=config, tags=["one"], description="words of it " * 30).run
        rows = tracker.get_artifact(one, "rows")
        two = tracker.run(str, name=WIDE * 2, inputs={"object": rows}).run
        with tracker.scenario("what if " * 12) as scenario:
            scenario.run(pow, config={"base": 2, "exp": 3})
    return one.id, two.id


def too_wide(text, width):
    """Return the lines that do not fit; not a word alone nor a name of code, whole for whoever copies it."""
    lines = [line.rpartition("\r")[2] for line in _ESCAPE.sub("", text).splitlines()]
    alone = re.compile(r"(step)? *\S+|code\..*")
    return [line for line in lines if cell_len(line) > width and not alone.fullmatch(line.rstrip())]


@pytest.mark.parametrize("width", [80, 200])
def test_whatever_a_verb_shows_fits(world, long_names, width):
    one, two = long_names
    for verb in (
        ("runs",),
        ("show", one),
        ("why", two, one),
        ("diff", one, two),
        ("lineage", two),
        ("lineage", one, "--down"),
        ("search", "long"),
        ("scenarios",),
        ("artifacts",),
        ("summary",),
        ("du",),
        ("preview", f"runs/{one}/rows"),
    ):
        text = on_terminal(*verb, "--db-path", world.db_path, width=width)
        assert too_wide(text, width) == [], verb


def test_facts_are_folded_at_spaces_and_stand_below_each_other(world, long_names):
    text = on_terminal("show", long_names[0], "--db-path", world.db_path, width=80)
    lines = text.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("description "))
    column = lines[start].index("words")
    below = list(itertools.takewhile(lambda line: line.startswith(" "), lines[start + 1 :]))
    said = [lines[start][column:], *(line[column:] for line in below)]
    assert " ".join(" ".join(said).split()) == " ".join(["words of it"] * 30)
    assert all(line[:column].strip() == "" for line in below)
    (named,) = [n for n, line in enumerate(lines) if line.startswith(f"output.{WIDE}")]
    whole = lines[named] + lines[named + 1]
    assert cell_len(whole[: whole.index("plain")].rstrip()) == cell_len(f"output.{WIDE}")


def test_a_tree_keeps_its_digests_where_names_are_cut(world, long_names):
    lines = on_terminal("lineage", long_names[0], "--down", "--db-path", world.db_path, width=50).splitlines()
    assert all(cell_len(line) <= 50 for line in lines)
    assert lines[0].startswith(f"run {long_names[0][:12]} prepare_the_long")
    (wide,) = [line for line in lines if "\u6b65" in line and "run" not in line]
    assert re.fullmatch(r"└─ (\u6b65|\u9aa4)+… \(plain, \d+ B, [0-9a-f]{12}\)", wide)


def test_rows_of_an_array_are_cut_between_numbers(world, long_names):
    lines = on_terminal("preview", f"runs/{long_names[0]}/rows", "--db-path", world.db_path).splitlines()
    rows = [line for line in lines if re.match(r"\d+ \d+ ", line)]
    assert len(rows) == 10
    for number, row in enumerate(rows):
        *items, last = row.split()
        assert list(map(int, items)) == list(range(30 * number, 30 * number + len(items)))
        assert last in {"…", str(30 * number + 29)}


@pytest.mark.parametrize("verb", [("preview",), ("cat", "--as", "text")])
def test_text_in_an_array_steers_no_terminal(world, verb):
    with consist.Tracker(run_dir="runs", db_path=world.db_path) as tracker:
        tracker.run(lambda: np.array([["one\x1b[2J", "two"]]), name="steering")
    verb, *more = verb
    text = on_terminal(verb, "steps/steering/value", *more, "--db-path", world.db_path)
    assert "one\\x1b[2J two" in text
    assert "\x1b[2J" not in text


@pytest.mark.parametrize("verb", [("preview",), ("cat", "--as", "text")])
def test_columns_of_content_are_called_as_they_are(world, verb):
    with consist.Tracker(run_dir="runs", db_path=world.db_path) as tracker:
        tracker.run(lambda: pd.DataFrame({"model": ["a"], "step": [7], "trip_id": [3]}), name="trips")
    verb, *more = verb
    text = on_terminal(verb, "steps/trips/value", *more, "--db-path", world.db_path, TERM="dumb")
    assert ["model", "step", "trip_id"] in [line.split() for line in text.splitlines()]


def test_a_poor_terminal_and_no_colour_are_respected(world):
    for variables in ({"TERM": "dumb"}, {"TERM": "dumb", "CLICOLOR_FORCE": "1"}):
        for verb in (("runs",), ("summary",), ("doctor",)):
            assert "\x1b" not in on_terminal(*verb, "--db-path", world.db_path, **variables), (verb, variables)
