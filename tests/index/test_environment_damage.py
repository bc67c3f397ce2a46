"""Damaged files: an error of our tree, or right answers; never wrong ones. Each in a process of its own.

LMDB believes its pages: bytes that changed within one can make it stop the process by an assertion (SIGABRT). That is
all that may happen besides, and `Environment.verify` finds all such damage without LMDB.
"""

import dataclasses
import errno
import random
import signal
from pathlib import Path

import lmdb
import pytest

from consist.index import lmdbfile
from consist.index.environment import Environment
from consist.index.index import Index
from consist.index.records import ArtifactRecord, encode_record
from consist.index.wholeness import problems
from consist.testing.faults import failing

RUNS = 60
GOOD = {"fine", "damaged", "storage", "format", "untrusted-index"}


@pytest.fixture
def whole(db_path, make, digest):
    """Return the bytes of a good index."""
    index = Index(Environment(db_path), "store-1")
    for number in range(RUNS):
        output = ArtifactRecord("out", digest(f"out{number}"), 3000, "bytes", str(number).encode() * 1000)
        record = dataclasses.replace(make(number, number, step="step", started=number), outputs=(output,))
        index.put_run(record, encode_record(record))
    index.close()
    return Path(db_path).read_bytes()


def outcome(child, path, data):
    Path(path).write_bytes(data)
    Path(path + "-lock").unlink(missing_ok=True)
    process = child("user.py", path, RUNS)
    answer, trouble = process.communicate()
    return process.returncode, answer.strip(), trouble


@pytest.mark.parametrize("part", range(4))
def test_a_file_that_is_cut_short_is_an_error_or_whole_enough(db_path, whole, child, part):
    chance = random.Random(part)  # noqa: S311 - which place, not a secret
    places = [[1, 100, 152, 4000], [4096, 4100, 8191, 8192], [8193, 12288], [len(whole) - 1, len(whole) - 4096]][part]
    for size in [*places, *(chance.randrange(len(whole)) for _ in range(3))]:
        code, answer, trouble = outcome(child, db_path, whole[:size])
        assert (code, trouble) == (0, "")
        assert answer in {"damaged", "format"} or (answer == "fine" and size > len(whole) - 8192)


@pytest.mark.parametrize("size", [0, 4096])
def test_a_file_that_its_maker_was_killed_over_is_taken_as_new(db_path, size, make, put):
    """LMDB writes both header pages at once; a kill ends that after one of them."""
    Path(db_path).parent.mkdir()
    lmdb.open(db_path, subdir=False, lib_version=0).close()
    made = Path(db_path).read_bytes()
    assert len(made) == 8192
    Path(db_path).write_bytes(made[:size])
    index = Index(Environment(db_path), "store-1")
    run = make(1, 1)
    put(index, run)
    assert index.get_run(run.id) == run


@pytest.mark.parametrize("part", range(4))
def test_bytes_that_changed_anywhere_never_give_a_wrong_answer(db_path, whole, child, part):
    chance = random.Random(100 + part)  # noqa: S311 - the same
    for turn in range(8):
        data = bytearray(whole)
        if turn % 4 == 0:
            start = chance.randrange(8192)
            data[start : start + 8] = chance.randbytes(8)
        elif turn % 4 == 1:
            start = chance.randrange(2, len(data) // 4096) * 4096
            data[start : start + 4096] = chance.choice([bytes(4096), chance.randbytes(4096)])
        else:
            for _ in range(chance.choice([1, 30, 300])):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        Path(db_path).write_bytes(data)
        sound = not problems(db_path)
        code, answer, trouble = outcome(child, db_path, bytes(data))
        if sound:
            assert (code, trouble) == (0, "")
            assert answer in GOOD
        else:
            assert (code == 0 and answer in GOOD) or code == -signal.SIGABRT, trouble


def test_every_page_of_zeros_is_found_by_verify(db_path, whole):
    live = 0
    for start in range(8192, len(whole) - 4095, 4096):
        data = bytearray(whole)
        data[start : start + 4096] = bytes(4096)
        Path(db_path).write_bytes(data)
        live += bool(problems(db_path))
    assert live > len(whole) // 4096 // 3  # the others are free pages, or the middle of a long value


def test_an_index_that_others_write_to_is_not_found_damaged(db_path, child):
    writer = child("rewriter.py", db_path)
    assert writer.stdout.readline() == "ready\n"
    environment = Environment(db_path)
    # Without keeping the writer waiting most of these looks would see a page half written.
    assert [environment.damage() for _ in range(40)] == [None] * 40
    assert writer.poll() is None
    writer.kill()


@pytest.fixture
def torn(db_path, whole):
    """Return the bytes of an index in the midst of a commit, as one look finds it: a page is not written yet."""
    pages = (whole[:start] + bytes(4096) + whole[start + 4096 :] for start in range(8192, len(whole), 4096))
    half = next(data for data in pages if Path(db_path).write_bytes(data) and problems(db_path))
    Path(db_path).write_bytes(half)
    return half


def committed(data):
    """Return the bytes of an LMDB file after two commits more: the newest has its number in the same page as before."""
    number, at = max((int.from_bytes(data[at : at + 8], "little"), at) for at in (144, 4096 + 144))
    return data[:at] + (number + 2).to_bytes(8, "little") + data[at + 8 :]


@pytest.mark.parametrize("commits", [1, 2, 9])
def test_what_a_commit_made_look_damaged_is_looked_at_again(db_path, whole, torn, commits, monkeypatch):
    """Though the file cannot be opened to keep writers waiting."""
    states, last = [torn], committed(whole)
    for _ in range(commits - 1):
        states.append(committed(states[-1]))
        last = committed(last)
    states.append(last)

    def look(path):
        found = problems(path)
        if states:  # the commit ends while it is looked at
            Path(path).write_bytes(states.pop(0))
        return found

    Path(db_path).write_bytes(states.pop(0))
    monkeypatch.setattr(lmdbfile, "problems", look)
    with failing(errno.EMFILE, name="open") as failed:
        assert Environment(db_path).damage() is None
    assert len(failed) == commits
    assert states == []


def test_what_is_never_confirmed_is_no_damage(db_path, torn, monkeypatch):
    def look(path):
        found = problems(path)
        Path(path).write_bytes(committed(Path(path).read_bytes()))
        assert found
        return found

    monkeypatch.setattr(lmdbfile, "problems", look)
    with failing(errno.EMFILE, name="open") as failed:
        assert Environment(db_path).damage() is None
    assert failed


def test_damage_is_found_where_nobody_commits_without_opening_the_file(db_path, torn):
    with failing(errno.EMFILE, name="open") as failed:
        assert Environment(db_path).damage() is not None
    assert not failed


def test_damage_is_found_where_others_commit(db_path, torn, monkeypatch):
    """With writers kept waiting, so that they are known to have no part in it."""
    commits = [committed(torn)]

    def look(path):
        found = problems(path)
        if commits:
            Path(path).write_bytes(commits.pop())
        return found

    monkeypatch.setattr(lmdbfile, "problems", look)
    assert Environment(db_path).damage() is not None
