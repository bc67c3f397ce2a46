"""Over a network a record that the store was known to have within a day is used without asking."""

from __future__ import annotations

import itertools

import pytest

from consist import errors
from consist.store import lookup
from consist.store.lookup import find
from consist.store.publish import publish

DAY = 24 * 3600 * 10**9


class Clock:
    """The time in nanoseconds, as a test sets it."""

    now = 1_800_000_000 * 10**9

    def time_ns(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(lookup, "time", clock)
    return clock


_numbers = itertools.count()


@pytest.fixture
def url(request):
    return f"memory://recheck-{next(_numbers)}/{request.node.name}"


@pytest.fixture
def asked(monkeypatch):
    """Count what a store's backend is asked; `refuse` makes it unreachable."""

    def watch(store):
        log = []

        class Watched(type(store.backend)):
            def get(self, key):
                log.append(("get", key.partition("/")[0]))
                if refuse:
                    raise errors.UnreachableError("no answer")
                return super().get(key)

            def stat(self, key):
                log.append(("stat", key.partition("/")[0]))
                return super().stat(key)

        store.backend.__class__ = Watched
        return log

    refuse = []
    watch.refuse = refuse
    return watch


def test_the_machine_that_published_asks_nothing_for_a_day(make_store, by_hand, url, asked, clock):
    store = make_store(url)
    record = by_hand.record(store, signature=by_hand.signature())
    publish(store, record)
    log = asked(store)
    assert find(store, by_hand.signature()) == record
    clock.now += DAY - 1000
    assert find(store, by_hand.signature()) == record
    assert log == []
    clock.now += 2000
    assert find(store, by_hand.signature()) == record
    assert find(store, by_hand.signature()) == record
    assert log == [("get", "results")]


def test_another_machine_asks_once_and_its_next_process_not_again(make_store, by_hand, url, asked, clock):
    store = make_store(url)
    record = by_hand.record(store, signature=by_hand.signature())
    publish(store, record)
    other = make_store(url, db="other.lmdb")
    log = asked(other)
    assert find(other, by_hand.signature()) == record
    assert log == [("get", "results")]
    again = make_store(url, db="other.lmdb")
    log = asked(again)
    assert find(again, by_hand.signature()) == record
    assert log == []


def test_what_was_replaced_or_removed_is_noticed_after_a_day(make_store, by_hand, url, clock):
    store, other = make_store(url), make_store(url, db="other.lmdb")
    record = by_hand.record(store, signature=by_hand.signature())
    publish(store, record)
    assert find(other, by_hand.signature()) == record
    newer = by_hand.record(store, signature=by_hand.signature())
    publish(store, newer, overwrite=True)
    assert find(other, by_hand.signature()) == record
    clock.now += DAY + 1000
    assert find(other, by_hand.signature()) == newer
    name = by_hand.signature().hex
    store.backend.delete(f"results/{name[:2]}/{name[2:]}")
    assert find(other, by_hand.signature()) == newer
    clock.now += DAY + 1000
    assert find(other, by_hand.signature()) is None


def test_a_store_that_cannot_be_reached_says_nothing_against_a_record(make_store, by_hand, url, asked, clock):
    store = make_store(url)
    record = by_hand.record(store, signature=by_hand.signature())
    publish(store, record)
    clock.now += DAY + 1000
    asked(store)
    asked.refuse.append(True)
    with pytest.warns(errors.ConsistWarning, match=f"run {record.id} is not looked at again: no answer"):
        assert find(store, by_hand.signature()) == record
    with pytest.raises(errors.UnreachableError):
        find(store, by_hand.signature("nobody made this"))


def test_a_clock_that_went_back_makes_nothing_fresh(make_store, by_hand, url, asked, clock):
    store = make_store(url)
    record = by_hand.record(store, signature=by_hand.signature())
    publish(store, record)
    log = asked(store)
    clock.now -= 1000 * 10**9
    assert find(store, by_hand.signature()) == record
    assert log == [("get", "results")]
