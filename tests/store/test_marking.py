"""What is said of a run afterwards: seen at once, on every machine, and by an index made anew."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from consist import errors
from consist.identity.signature import signature as signature_of
from consist.index.records import Event
from consist.store import lookup, marking
from consist.store.lookup import find, look
from consist.store.names import find_output
from consist.store.publish import keep, publish
from consist.store.rebuild import rebuild
from consist.testing import faults
from consist.testing.together import fork

_numbers = itertools.count()


@pytest.fixture
def published(store, by_hand):
    record = by_hand.record(store, signature=by_hand.signature())
    publish(store, record)
    return record


@pytest.fixture
def other(make_store):
    """Another machine: the same store, an index of its own."""
    return make_store(db="another.lmdb")


def logged(tmp_path, by_hand):
    """Return kind and text of every event in the store's log."""
    objects = by_hand.objects(tmp_path / "store")
    frames = [by_hand.unframe(data) for key, data in sorted(objects.items()) if key.startswith("log/")]
    return [(row[0], row[4]) for frame in frames for row in frame.fields[1]]


def in_runs(tmp_path, by_hand, record):
    """Return status and signature of a run's record under ``runs/``, or None."""
    data = by_hand.objects(tmp_path / "store").get(f"runs/{record.id}")
    return None if data is None else (by_hand.unframe(data).fields[4], by_hand.unframe(data).fields[2])


def test_tags_are_given_and_taken(store, published, tmp_path, by_hand):
    assert marking.tag(store, published, "good") is True
    assert marking.tag(store, published, "good") is False
    assert store.index.tags(published.id) == ("good",)
    assert marking.untag(store, published, "good") is True
    assert marking.untag(store, published, "good") is False
    assert store.index.tags(published.id) == ()
    assert logged(tmp_path, by_hand) == [("tag", "good"), ("untag", "good")]


def test_a_tag_of_the_record_can_be_taken_and_given_back(store, by_hand):
    record = by_hand.record(store, tags=("draft",))
    keep(store, record)
    assert marking.untag(store, record, "draft")
    assert store.index.tags(record.id) == ()
    assert marking.tag(store, record, "draft")
    assert store.index.tags(record.id) == ("draft",)


def test_a_clock_that_is_behind_does_not_undo_what_is_said(store, published):
    store.events.add(Event("tag", published.id, 1 << 61, text="good"))
    store.events.flush()
    assert marking.untag(store, published, "good")
    assert store.index.tags(published.id) == ()
    assert marking.tag(store, published, "good")
    assert store.index.tags(published.id) == ("good",)


def test_tags_are_names(store, published):
    for call in (marking.tag, marking.untag):
        with pytest.raises(errors.UsageError, match="cannot name a tag"):
            call(store, published, "a/b")


def test_each_reason_is_a_pin(store, published, tmp_path, by_hand):
    assert marking.pin(store, published, "paper") is True
    assert marking.pin(store, published, "paper") is False
    assert marking.pin(store, published) is True
    assert marking.unpin(store, published, "poster") == ()
    assert marking.unpin(store, published, "paper") == ("paper",)
    assert [mark.text for mark in store.index.marks(published.id, "pin")] == [""]
    marking.pin(store, published, "paper")
    assert marking.unpin(store, published) == ("", "paper")
    assert store.index.marks(published.id, "pin") == []


def test_a_reason_that_the_log_cannot_hold_is_refused_before_it_is_in_a_batch(store, published):
    for call in (marking.pin, marking.forget):
        for reason in ("x" * 5000, 7):
            with pytest.raises(errors.UsageError, match="a reason is text"):
                call(store, published, reason)
    store.events.flush()
    assert find(store, published.signature) == published


def test_what_is_said_outlives_the_index(store, published, make_store):
    marking.tag(store, published, "good")
    marking.pin(store, published, "paper")
    fresh = make_store(db="fresh.lmdb")
    rebuild(fresh)
    assert fresh.index.tags(published.id) == ("good",)
    assert [mark.text for mark in fresh.index.marks(published.id, "pin")] == ["paper"]


def test_a_forgotten_run_is_found_by_nobody_and_listed(store, other, published, tmp_path, by_hand):
    assert find(other, published.signature) == published
    told = marking.forget(store, published, "the unit was wrong")
    assert told == replace(published, signature=None, status="forgotten")
    assert not by_hand.path(store, "results", published.signature).exists()
    assert in_runs(tmp_path, by_hand, published) == ("forgotten", None)
    assert logged(tmp_path, by_hand) == [("forget", "the unit was wrong")]
    for machine in (store, other):
        assert find(machine, published.signature) is None
        assert look(machine, published.signature) == (None, None)
        assert [(run.id, run.status) for run in machine.index.runs()] == [(published.id, "forgotten")]
        with pytest.raises(errors.RunNotFoundError, match="no completed run of step 'step' has an output"):
            find_output(machine, "steps/step/out")
        assert find_output(machine, f"runs/{published.id}/out").digest == published.outputs[0].digest


def test_another_run_takes_its_place_everywhere(store, other, published, by_hand):
    find(other, published.signature)
    marking.forget(store, published)
    again = by_hand.record(store, signature=published.signature, content=b"right" * 1000, started=20)
    assert publish(store, again) == again
    for machine in (store, other):
        assert find(machine, published.signature) == again
        assert [(run.id, run.status) for run in machine.index.runs()] == [
            (again.id, "completed"),
            (published.id, "forgotten"),
        ]


def test_what_the_log_calls_forgotten_is_a_miss_and_replaced(store, other, published, tmp_path, by_hand):
    """As after a rebuild of an index in a store where whoever forgot it was killed before the record went."""
    store.events.add(Event("forget", published.id, 99, text="wrong"))
    store.events.flush()
    assert by_hand.path(store, "results", published.signature).exists()
    assert find(store, published.signature) is None
    record, problem = look(store, published.signature)
    said = f"run {published.id} was forgotten: somebody said that its result is wrong: wrong"
    assert (record, problem) == (published, said)
    again = by_hand.record(store, signature=published.signature, content=b"right" * 1000, started=20)
    assert publish(store, again) == again
    assert find(store, published.signature) == find(other, published.signature) == again
    assert in_runs(tmp_path, by_hand, published) == ("forgotten", None)


def test_only_the_run_that_was_named_is_forgotten(store, published, by_hand):
    """A run that another one superseded has the same signature in its parts, and no claim on it."""
    again = by_hand.record(store, signature=published.signature, started=20)
    publish(store, again, overwrite=True)
    told = marking.forget(store, published)
    assert (told.id, told.status) == (published.id, "forgotten")
    assert find(store, published.signature) == again


def test_a_run_without_signature_is_forgotten_too(store, by_hand, make_store):
    record = by_hand.record(store)
    keep(store, record)
    assert marking.forget(store, record).status == "forgotten"
    assert store.index.newest("step") is None
    fresh = make_store(db="fresh.lmdb")
    rebuild(fresh)
    assert [run.status for run in fresh.index.runs()] == ["forgotten"]


def test_a_failed_run_has_nothing_to_forget(store, by_hand):
    record = by_hand.record(store, status="failed")
    keep(store, record)
    with pytest.raises(errors.UsageError, match="failed, so no call finds it"):
        marking.forget(store, record)


def test_twice_is_once(store, published):
    once = marking.forget(store, published)
    assert marking.forget(store, once) == once


def test_over_a_network_the_next_look_notices(make_store, by_hand, monkeypatch):
    url = f"memory://marking-{next(_numbers)}"
    here, there = make_store(url), make_store(url, db="another.lmdb")
    record = by_hand.record(here, signature=by_hand.signature())
    publish(here, record)
    assert find(there, record.signature) == record
    marking.forget(here, record)
    assert find(here, record.signature) is None
    monkeypatch.setattr(lookup, "RECHECK_MICROSECONDS", 0)  # a day later
    assert find(there, record.signature) is None
    assert [(run.id, run.status) for run in there.index.runs()] == [(record.id, "forgotten")]


def test_a_rebuilt_index_knows_what_was_forgotten(store, published, make_store):
    marking.forget(store, published)
    fresh = make_store(db="fresh.lmdb")
    rebuild(fresh)
    assert [(run.id, run.status) for run in fresh.index.runs()] == [(published.id, "forgotten")]
    assert find(fresh, published.signature) is None


def test_killed_at_any_change_it_is_a_hit_or_forgotten_and_can_be_done_again(tmp_path, make_store, by_hand):
    """What a machine that knows nothing finds is either the run, or nothing at all."""

    def published(text):
        parts = {part: by_hand.digest(f"{part} {text}".encode()) for part in ("code", "config", "inputs", "contract")}
        store = make_store()
        record = by_hand.record(store, parts=parts, signature=signature_of("step", parts))
        publish(store, record)
        store.index.close()
        return record

    def operations(record):
        def count():
            with faults.recorded() as done:
                marking.forget(make_store(), record)
            return [operation.name for operation in done]

        return fork(count).result()

    operations(published("one"))  # makes the folders, so that the others take the same steps
    names = operations(published("another"))
    assert names.count("unlink") == 3  # two temporary files, and the record
    points = [at for at, name in enumerate(names) if name in {"link", "commit", "unlink"}]
    seen = set()
    for at in points[1:]:
        record = published(str(at))
        assert faults.run_killed(lambda found=record: marking.forget(make_store(), found), at=at, moment="after")
        stranger = make_store(db=f"{at}.lmdb")
        found = find(stranger, record.signature)
        assert found is None or found == record
        seen.add(found is None)
        store = make_store()
        told = marking.forget(store, store.index.get_run(record.id))
        assert (told.status, find(store, record.signature)) == ("forgotten", None)
        fresh = make_store(db=f"{at}-fresh.lmdb")
        assert find(fresh, record.signature) is None
        for opened in (stranger, store, fresh):
            opened.index.close()
    assert seen == {True, False}
