"""The notes of paths beside an index: who sees which, and when the file goes."""

import os
from multiprocessing import get_context
from pathlib import Path

import pytest

from consist.errors import StorageFullError
from consist.fileops import set_tap
from consist.store.pathnotes import BEGAN, LIMIT, WROTE, Note, PathNotes, path_notes
from consist.store.processes import this_process
from consist.testing.together import fork


def note(run="r", kind=WROTE, number=0, paths=None):
    return Note(this_process(), number, kind, run, "step", "", "store", 0, [], [], paths or {"/x": ""}, {})


@pytest.fixture
def index(tmp_path):
    return str(tmp_path / "index.lmdb")


def noted_elsewhere(index, *notes):
    """Let another process note something, and end its runs."""

    def call():
        beside = path_notes(index)
        begun = beside.enter()
        for one in notes:
            beside.add(one()._replace(process=this_process()))
        beside.leave(begun)
        return this_process()

    return fork(call).result()


def file_of(index):
    return Path(f"{index}-writes")


def test_what_others_noted_since_a_run_began(index):
    beside = path_notes(index)
    noted_elsewhere(index, lambda: note("before"))
    begun = beside.enter()
    beside.add(note("own"))
    process = noted_elsewhere(index, lambda: note("since", paths={"/x/\udcff\n": "ab"}))
    (found,) = beside.others(begun)
    assert (found.process, found.run, found.paths) == (process, "since", {"/x/\udcff\n": "ab"})
    assert found.at > begun
    beside.leave(begun)


def test_where_a_note_lies(index):
    beside = path_notes(index)
    begun = beside.enter()
    places = [beside.add(note(name)) for name in ("a", "b")]
    noted_elsewhere(index, lambda: note("c"))
    content = file_of(index).read_bytes()
    assert [content[place : place + 2] for place in (*places, beside.others(begun)[0].at)] == [b'["'] * 3
    beside.leave(begun)


def test_of_before_those_that_did_not_say_that_they_ended(index):
    noted_elsewhere(
        index,
        lambda: note("ended", BEGAN, 1),
        lambda: note("under way", BEGAN, 2),
        lambda: note("ended", WROTE, 1),
    )
    beside = path_notes(index)
    begun = beside.enter()
    assert [one.run for one in beside.others(begun)] == ["under way"]
    beside.leave(begun)


def test_what_was_closed_is_under_way_no_more(index):
    def call():
        beside = path_notes(index)
        beside.enter()
        beside.add(note("closed", BEGAN, 7))
        beside.add_end(7)

    fork(call).result()
    beside = path_notes(index)
    begun = beside.enter()
    assert beside.others(begun) == []
    beside.leave(begun)


def test_alone_is_who_met_nobody(index):
    beside = path_notes(index)
    noted_elsewhere(index, lambda: note("before"))
    begun = beside.enter()
    assert beside.is_alone(begun)
    noted_elsewhere(index, lambda: note("meanwhile"))
    assert not beside.is_alone(begun)
    beside.leave(begun)


def held_by_a_child(index):
    """Let another process have a run under way until the event is set."""
    entered, leave = (get_context("fork").Event() for _ in range(2))

    def call():
        path_notes(index).enter()
        entered.set()
        assert leave.wait(60)

    child = fork(call)
    assert entered.wait(60)
    return child, leave


def test_while_another_has_a_run_under_way_nobody_is_alone(index):
    beside = path_notes(index)
    begun = beside.enter()
    child, leave = held_by_a_child(index)
    assert not beside.is_alone(begun)
    leave.set()
    child.result()
    assert beside.is_alone(begun)
    beside.leave(begun)


def fill(index):
    noted_elsewhere(index, *[lambda: note("x" * 1000)] * (LIMIT // 1000 + 1))
    assert file_of(index).stat().st_size > LIMIT


def test_a_large_file_goes_when_no_run_is_under_way(index):
    fill(index)
    beside = path_notes(index)
    assert beside.enter() == 0
    assert file_of(index).stat().st_size == 0
    beside.leave(0)


def test_a_large_file_stays_while_another_needs_it(index):
    beside = path_notes(index)
    child, leave = held_by_a_child(index)
    fill(index)
    begun = beside.enter()
    assert begun > LIMIT
    noted_elsewhere(index, lambda: note("seen"))
    assert [one.run for one in beside.others(begun)] == ["seen"]
    leave.set()
    child.result()
    beside.leave(begun)


def test_a_file_that_was_deleted_is_made_anew(index):
    beside = path_notes(index)
    beside.leave(beside.enter())
    file_of(index).unlink()
    begun = beside.enter()
    noted_elsewhere(index, lambda: note("seen"))
    assert [one.run for one in beside.others(begun)] == ["seen"]
    beside.leave(begun)


def test_what_was_cut_short_spoils_nothing_else(index):
    beside = path_notes(index)
    begun = beside.enter()
    whole = []
    noted_elsewhere(index, lambda: note("first"))
    whole = file_of(index).read_bytes().strip()
    for end in range(1, len(whole)):
        with file_of(index).open("ab") as file:
            file.write(b"\n" + whole[:end])
    noted_elsewhere(index, lambda: note("last"))
    assert [one.run for one in beside.others(begun)] == ["first", "last"]
    beside.leave(begun)


def test_a_note_that_is_being_written_is_read_when_it_is_whole(index):
    beside = path_notes(index)
    begun = beside.enter()
    noted_elsewhere(index, lambda: note("first"))
    whole = file_of(index).read_bytes()
    with file_of(index).open("ab", buffering=0) as file:
        file.write(whole[:20])
        assert [one.run for one in beside.others(begun)] == ["first"]
        file.write(whole[20:])
    assert [one.run for one in beside.others(begun)] == ["first", "first"]
    beside.leave(begun)


def test_a_child_that_is_forked_meanwhile_has_no_run_under_way(index):
    beside = path_notes(index)
    begun = beside.enter()

    def child():
        beside.leave(begun)  # nothing happens
        other = path_notes(index)
        own = other.enter()
        alone = other.is_alone(own)
        other.leave(own)
        return alone

    assert fork(child).result() is False
    child, leave = held_by_a_child(index)
    leave.set()
    child.result()
    assert fork(lambda: PathNotes(f"{index}-writes").enter()).result() == begun
    beside.leave(begun)


def test_it_is_closed_when_no_run_is_under_way(index):
    """And with it the lock; the next run opens it again."""
    beside = path_notes(index)
    begun = beside.enter()
    beside.close()
    assert not fork(lambda: path_notes(index).is_alone(path_notes(index).enter())).result()
    beside.leave(begun)
    before = len(os.listdir("/dev/fd"))  # noqa: PTH208 - numbers
    beside.close()
    assert len(os.listdir("/dev/fd")) == before - 1  # noqa: PTH208 - the same
    beside.leave(beside.enter())


def test_the_file_is_the_users_alone(index):
    beside = path_notes(index)
    begun = beside.enter()
    assert file_of(index).stat().st_mode & 0o777 == 0o600
    beside.leave(begun)


def test_a_full_disk_is_said(index):
    beside = path_notes(index)
    begun = beside.enter()

    def full(moment, operation, path):
        if (moment, operation) == ("before", "write"):
            raise OSError(28, os.strerror(28))

    set_tap(full)
    try:
        with pytest.raises(StorageFullError):
            beside.add(note())
    finally:
        set_tap(None)
    beside.leave(begun)
