import dataclasses
import itertools

import pytest

from consist.index.index import Index
from consist.index.records import Event, encode_events

A, B = f"{1:020x}", f"{2:020x}"


def add(index, key, *events):
    return index.add_events(key, encode_events(key, events), events)


def test_hits_add_up_and_remember_the_last(index, make, put):
    put(index, make(1, "one"))
    assert (index.hits(A).count, index.hits(A).last) == (0, 0)
    add(index, "log/1", Event("hit", A, 500, count=3))
    add(index, "log/2", Event("hit", A, 200), Event("hit", B, 900))
    assert (index.hits(A).count, index.hits(A).last) == (4, 500)
    assert (index.hits(B).count, index.hits(B).last) == (1, 900)
    assert index.hits("nonsense").count == 0


def test_a_log_object_counts_once_however_often_it_comes(index):
    event = Event("hit", A, 1)
    assert add(index, "log/1", event)
    assert not add(index, "log/1", event)
    assert not index.apply_log("log/1", [event])
    index.confirm_events("log/1")
    assert not add(index, "log/1", event)
    assert not index.apply_log("log/1", [event])
    assert index.hits(A).count == 1


def test_what_is_pending_stays_until_it_is_confirmed(index, environment):
    first, second = encode_events("log/1", [Event("hit", A, 1)]), encode_events("log/2", [])
    index.add_events("log/2", second, [])
    index.add_events("log/1", first, [Event("hit", A, 1)])
    index.close()
    again = Index(environment, "store-1")
    assert again.pending_events() == [("log/1", first), ("log/2", second)]
    again.confirm_events("log/1")
    again.confirm_events("log/1")
    assert again.pending_events() == [("log/2", second)]
    again.apply_log("log/3", [Event("hit", A, 1)])
    assert again.pending_events() == [("log/2", second)]


def test_a_tag_given_later_is_found_and_a_tag_taken_is_not(index, make, put):
    put(index, make(1, "one", tags=("old",)))
    add(index, "log/1", Event("tag", A, 10, text="new"), Event("untag", A, 10, text="old"))
    assert index.tags(A) == ("new",)
    assert [record.id for record in index.runs(tag="new")] == [A]
    assert list(index.runs(tag="old")) == []
    add(index, "log/2", Event("untag", A, 20, text="new"), Event("tag", A, 20, text="old"))
    assert index.tags(A) == ("old",)
    assert list(index.runs(tag="new")) == []
    assert [record.id for record in index.runs(tag="old")] == [A]


def test_a_tag_of_a_run_that_comes_later_is_found(index, make, put):
    add(index, "log/1", Event("tag", A, 10, text="new"), Event("untag", A, 10, text="old"))
    assert index.tags(A) == ("new",)
    put(index, make(1, "one", tags=("old", "kept")))
    assert index.tags(A) == ("kept", "new")
    assert [record.id for record in index.runs(tag="new")] == [A]
    assert list(index.runs(tag="old")) == []
    put(index, make(1, "one", tags=("old",), description="again"))
    assert index.tags(A) == ("new",)
    assert list(index.runs(tag="kept")) == []


@pytest.mark.parametrize("first", ["run", "event"])
def test_a_run_belongs_to_its_parent_and_to_those_that_found_it_again(index, make, put, first):
    records = [make(number, str(number), parent="c" * 20 if number == 1 else "") for number in (1, 2, 3)]
    events = [Event("member", A, 10, text="d" * 20), Event("member", A, 11, text="c" * 20)]
    if first == "event":
        add(index, "log/1", *events)
    for record in records:
        put(index, record)
    if first == "run":
        add(index, "log/1", *events)
    add(index, "log/2", Event("member", B, 12, text="d" * 20))
    assert index.parents(A) == ("c" * 20, "d" * 20)
    assert index.parents(B) == ("d" * 20,)
    assert index.parents(f"{3:020x}") == index.parents("nonsense") == ()
    assert [record.id for record in index.runs(parent="c" * 20)] == [A]
    assert [record.id for record in index.runs(parent="d" * 20)] == [B, A]
    assert [record.id for record in index.runs(parent="d" * 20, limit=1)] == [B]
    assert list(index.runs(parent="d" * 20, status="failed")) == []


def test_who_found_a_run_again_is_kept_when_its_record_is_replaced_and_goes_with_the_run(index, make, put):
    add(index, "log/1", Event("member", A, 10, text="d" * 20))
    put(index, make(1, "one"))
    put(index, make(1, "one", description="again"))
    assert [record.description for record in index.runs(parent="d" * 20)] == ["again"]
    index.clear()
    put(index, make(1, "one"))
    assert [record.id for record in index.runs(parent="d" * 20)] == [A]
    index.remove_run(A)
    put(index, make(1, "one"))
    assert list(index.runs(parent="d" * 20)) == []


def test_the_order_of_log_objects_does_not_count(environment, make, put):
    logs = [
        ("log/1", [Event("tag", A, 10, text="t"), Event("pin", A, 10, text="p"), Event("hit", A, 10)]),
        ("log/2", [Event("untag", A, 20, text="t"), Event("member", A, 20, text="s")]),
        ("log/3", [Event("tag", A, 30, text="t"), Event("unpin", A, 30, text="p"), Event("hit", A, 5, count=2)]),
        ("log/4", [Event("untag", A, 30, text="t")]),
    ]
    seen = set()
    for number, order in enumerate(itertools.permutations(logs)):
        index = Index(environment, f"store-{number}")
        for place, (key, events) in enumerate(order):
            index.apply_log(key, events)
            if place == number % 4:
                put(index, make(1, "one"))
        seen.add(
            (
                index.tags(A),
                tuple(index.marks(A, "pin")),
                tuple(index.marks(A, "member")),
                index.hits(A),
                len(list(index.runs(tag="t"))),
            )
        )
    (found,) = seen
    assert found[0] == ("t",)
    assert found[1] == ()
    assert [mark.text for mark in found[2]] == ["s"]
    assert (found[3].count, found[3].last) == (3, 10)
    assert found[4] == 1


def test_pins_and_members_are_listed_both_ways(index):
    add(
        index,
        "log/1",
        Event("pin", A, 1, text="put"),
        Event("pin", B, 2, text="release"),
        Event("member", A, 3, text="night"),
        Event("member", B, 4, text="night"),
        Event("member", B, 5, text="day"),
    )
    assert [(run, mark.text, mark.at) for run, mark in index.marked("pin")] == [(A, "put", 1), (B, "release", 2)]
    assert [run for run, _ in index.marked("member", "night")] == [A, B]
    assert [run for run, _ in index.marked("member", "day")] == [B]
    assert [(mark.text, mark.at) for mark in index.marks(B, "member")] == [("day", 5), ("night", 4)]
    add(index, "log/2", Event("unpin", A, 9, text="put"))
    assert [run for run, _ in index.marked("pin")] == [B]
    assert index.marks(A, "pin") == index.marks("nonsense", "pin") == []


@pytest.mark.parametrize("first", ["run", "event"])
def test_no_signature_leads_to_a_forgotten_run(index, make, put, digest, first):
    record = make(1, "one")
    if first == "run":
        put(index, record)
    add(index, "log/1", Event("forget", A, 10))
    if first == "event":
        put(index, record)
    assert index.find(digest("one")) is None
    assert index.get_run(A) == dataclasses.replace(record, signature=None, status="forgotten")
    assert [run.id for run in index.runs(status="forgotten")] == [A]
    assert list(index.runs(status="completed")) == []
    put(index, record)
    assert index.find(digest("one")) is None
    put(index, make(2, "one"))
    assert index.find(digest("one")) == make(2, "one")


def test_removing_a_run_removes_its_marks_and_hits(index, make, put):
    put(index, make(1, "one"))
    add(index, "log/1", Event("hit", A, 1), Event("pin", A, 1, text="p"), Event("tag", A, 1, text="t"))
    index.remove_run(A)
    assert index.hits(A).count == 0
    assert index.marked("pin") == []
    put(index, make(1, "one"))
    assert index.tags(A) == ()


def test_clearing_keeps_what_no_log_has_and_applies_it_again(index, make, put):
    put(index, make(1, "one"))
    add(index, "log/1", Event("hit", A, 1), Event("tag", A, 1, text="t"))
    add(index, "log/2", Event("hit", A, 2))
    index.confirm_events("log/1")
    index.clear()
    assert index.hits(A).count == 1
    put(index, make(1, "one"))
    assert index.apply_log("log/1", [Event("hit", A, 1), Event("tag", A, 1, text="t")])
    assert not index.apply_log("log/2", [Event("hit", A, 2)])
    assert (index.hits(A).count, index.hits(A).last) == (2, 2)
    assert [record.id for record in index.runs(tag="t")] == [A]


def test_tags_of_a_record_at_hand_are_the_same(index, make, put):
    record = make(1, tags=("draft",))
    put(index, record)
    add(index, "log/1", Event("tag", A, 1, text="good"), Event("untag", A, 2, text="draft"))
    assert index.tags_of(record) == index.tags(A) == ("good",)
    assert index.tags_of(make(2, tags=("x",))) == ("x",)
