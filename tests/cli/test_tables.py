"""Tables on terminals of every width: what is a number or an id is there whole, whatever becomes of the rest."""

import re

import pytest
from rich.cells import cell_len

from consist.cli import summary, terminal
from consist.cli.terminal import write_terminal
from consist.cli.text import RunId, Seconds, Size, Time
from consist.hashing.hasher import hash_bytes
from consist.store.summary import StepSummary

NAMES = ("run_id", "model", "status", "started", "execution_time", "size", "hits", "digest")
DIGEST = hash_bytes(b"x")
STARTED = Time(1_700_000_000_000_000)


def row(number, model="clean the whole of the table"):
    return RunId("ab" * 10), model, "completed", STARTED, Seconds(4.5678), Size(number * 1000), number, DIGEST


@pytest.fixture
def shown(capsys, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")

    def show(width, rows, names=NAMES, flexible=("model",)):
        monkeypatch.setenv("COLUMNS", str(width))
        names, flexible = ([name.replace("_", " ") for name in given] for given in (names, flexible))
        write_terminal(names, rows, flexible)
        return capsys.readouterr().out.splitlines()

    return show


@pytest.mark.parametrize("width", range(36, 140, 3))
def test_numbers_and_ids_are_whole_at_every_width(shown, width):
    lines = shown(width, [row(1234567), row(7)])
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for whole in ("ab" * 6, "completed", "2023-11-1[45]", "4\\.57 s", "1\\.1 GiB", "1234567", DIGEST.short):
        assert re.search(rf"(^|\s){whole}(\s|$)", text, re.MULTILINE), whole


def test_long_text_gives_way_then_names_of_columns_go_on_below_then_times_are_shorter(shown):
    rows = [row(1)]
    head, line = shown(118, rows)
    assert "clean the whole of the table" in line
    assert "execution time" in head
    head, line = shown(114, rows)
    assert "clean the whole of the …" in line
    assert "execution time" in head
    above, head, line = shown(110, rows)
    assert "clean the whole of the …" in line
    assert re.search(r"2023-11-1. ..:..:20  ", line)
    assert above.strip() == "execution"
    assert re.search(r"started +time +size", head)
    line = shown(106, rows)[-1]
    assert "clean the whole of the …" in line
    assert re.search(r"2023-11-1. ..:..  ", line)
    line = shown(94, rows)[-1]
    assert "clean the w…" in line
    assert re.search(r"2023-11-1. ..:..  ", line)
    above, head, line = shown(92, rows)
    assert "clean the whole…" in line, "which gets the room that a shorter time leaves"
    assert re.search(r"2023-11-1.  ", line)
    assert above.strip() == "execution", "a word is whole as long as a day is enough of a time"
    *heads, line = shown(80, rows)
    assert "clean " in line
    assert re.search(r"2023-11-1.  ", line)
    assert not any("…" in head for head in heads)


@pytest.mark.parametrize("width", range(60, 120))
def test_names_of_columns_are_whole_at_every_width(shown, width):
    """On one line or several: their letters are all there, in their order."""
    *heads, _ = shown(width, [row(7, "x")])
    if heads[0].startswith("run id          ") and len(heads) == len(NAMES):  # a few lines for each row
        return
    for name in NAMES:
        letters = name.replace("_", "")
        assert set(letters) <= set("".join(heads)), name
    assert sum(len(head.replace(" ", "")) for head in heads) == sum(len(name.replace("_", "")) for name in NAMES)


def test_where_no_table_fits_each_row_is_a_few_lines(shown):
    lines = shown(40, [row(1), row(2, "short")])
    assert len(lines) == 2 * (len(NAMES) + 1)
    assert lines[:3] == [
        "run id          abababababab",
        "model           clean the whole of the …",
        "status          completed",
    ]
    assert lines[10] == "model           short"


def test_a_longer_number_in_a_later_batch_is_whole(shown, monkeypatch):
    monkeypatch.setattr(terminal, "_BATCH", 1)
    lines = shown(20, [("a", 1), ("b", 123456789)], ("name", "n"), ("name",))
    assert lines[-1].split() == ["b", "123456789"]


def test_numbers_in_the_columns_of_a_table_that_may_give_way_do_not(shown):
    """What `cat` and `preview` show comes as text."""
    names = ["place", "count", "share"]
    rows = [["a long name of a place", "1234567", "0.25"], ["another long name", None, "-1.5e-07"]]
    lines = shown(30, rows, names, names)
    assert lines[1].split()[-2:] == ["1234567", "0.25"]
    assert lines[2].split()[-2:] == ["-", "-1.5e-07"]
    assert "…" in lines[1]


def test_columns_without_rows_are_named(shown):
    assert shown(200, [])[0].split() == [word for name in NAMES for word in name.split("_")]


def test_a_column_of_which_the_first_rows_have_nothing_stays_where_it_is(shown, monkeypatch):
    """Such as `runs --with` makes: the newest runs do not have the key yet."""
    monkeypatch.setattr(terminal, "_BATCH", 1)
    names = ("run", "config.regionoftheworld", "hits")
    lines = shown(24, [("ab", None, 1), ("cd", "north", 2)], names, names[1:2])
    assert lines[-1].index("north") == lines[-2].index("-")
    lines = shown(34, [("ab", None, "x"), ("cd", 1234567, "y")], ("run_id", "config.number of it", "at"), names[1:2])
    assert lines[-1].split() == ["cd", "1234567", "y"]


def test_a_table_behind_rows_that_had_no_room_for_one_has_its_names(shown, monkeypatch):
    monkeypatch.setattr(terminal, "_BATCH", 1)
    fits = iter([None, [6, 3]])
    monkeypatch.setattr(terminal, "_fit", lambda *_: next(fits))
    lines = shown(20, [("ab", 1), ("cd", 2)], ("run_id", "n"), ())
    assert lines == ["run id  ab", "n       1", "", "run id    n", "cd        2"]


STEPS = [
    StepSummary("clean", 12, 1, 0, 7, 40, 15_500, 4_500_000, 99_000_000, STARTED.at),
    StepSummary("prepare the whole of " * 9, 1234567, 12, 3, 123456, 1234567, 1 << 40, 10**11, 10**12, STARTED.at),
    StepSummary("\u6b65\u9aa4" * 20),
]
WORDS = ("step", "completed", "failed", "forgotten", "hits", "outputs", "bytes", "spent", "saved", "newest")


@pytest.mark.parametrize("width", [80, 90, 103, 104, 120, 200])
@pytest.mark.parametrize("steps", [STEPS[:1], STEPS])
def test_a_summary_fits_and_breaks_no_word(shown, width, steps):
    narrow = width < summary._WIDE
    names, cells = (summary.NARROW, summary._few_cells) if narrow else (summary.COLUMNS, summary._cells)
    lines = shown(width, map(cells, steps), names, ("step",))
    assert max(map(cell_len, lines)) <= width
    heads, rows = lines[: -len(steps)], lines[-len(steps) :]
    assert sorted(" ".join(heads).replace("/", " ").split()) == sorted(WORDS)
    counts = rows[0].replace("/", " ").split() if narrow else rows[0].split()
    assert counts[:6] == ["clean", "12", "1", "0", "7", "40"]
    assert rows[0].split("40")[1].split()[:2] == ["15.1", "KiB"]
    if len(rows) > 1:
        assert rows[1].startswith("prepa")
        counts = "1234567/12/3" if narrow else r"1234567 +12 +3"
        assert re.search(rf" {counts} +123456 +1234567 +1\.0 TiB +100000 s +1000000 s +2023-11-1", rows[1])
