"""Objects of a listing are read in batches, whatever becomes of them meanwhile."""

import pytest

from consist.blobs import listed
from consist.blobs.listed import FIRST, MOST, read_listed
from consist.blobs.opening import open_backend
from consist.blobs.wrappers.base import Wrapper


class Noting(Wrapper):
    """Notes the batches, and how many single objects are asked for."""

    def __init__(self, inner):
        super().__init__(inner)
        self.batches = []
        self.singles = []

    def get_ranges(self, ranges):
        self.batches.append([wanted.key for wanted in ranges])
        return self.inner.get_ranges(ranges)

    def get(self, key):
        self.singles.append(key)
        return self.inner.get(key)


@pytest.fixture
def place(tmp_path):
    return Noting(open_backend(str(tmp_path / "place"), durable=False))


def put(place, count, size=20):
    contents = {f"results/ab/{number:04}": b"%04d" % number * (size // 4) for number in range(count)}
    place.put_many(list(contents.items()))
    return contents


def in_order(place):
    return sorted(place.list("results"))


def test_the_first_batch_is_small_and_the_others_are_bounded(place):
    contents = put(place, 700)
    found = [(there.key, data) for there, data in read_listed(place, in_order(place))]
    assert found == sorted(contents.items())
    assert [len(batch) for batch in place.batches] == [FIRST, 4 * FIRST, MOST, MOST, 700 - 5 * FIRST - 2 * MOST]
    assert place.singles == []


def test_a_batch_is_bounded_by_its_bytes(place, monkeypatch):
    monkeypatch.setattr(listed, "MOST_BYTES", 50)
    contents = put(place, 5)
    place.put("results/ab/9999", bytes(100))
    found = {there.key: data for there, data in read_listed(place, in_order(place))}
    assert found == {**contents, "results/ab/9999": bytes(100)}
    assert [len(batch) for batch in place.batches] == [2, 2, 1, 1]


def test_the_listing_is_asked_for_no_more_than_a_batch_ahead(place):
    put(place, 700)
    asked = []

    def watched():
        for there in in_order(place):
            asked.append(there.key)
            yield there

    next(read_listed(place, watched()))
    assert len(asked) == FIRST + 1


def test_what_changed_since_it_was_listed_is_read_as_it_is_now(place):
    contents = put(place, 9)
    there = in_order(place)
    place.put("results/ab/0002", b"longer " * 9)
    place.put("results/ab/0003", b"short")
    found = {key.key: data for key, data in read_listed(place, there)}
    assert found == {**contents, "results/ab/0002": b"longer " * 9, "results/ab/0003": b"short"}


def test_what_went_since_it_was_listed_is_passed_over(place):
    contents = put(place, 9)
    there = in_order(place)
    place.delete("results/ab/0004")
    del contents["results/ab/0004"]
    assert {key.key: data for key, data in read_listed(place, there)} == contents


def test_an_empty_object_is_read(place):
    place.put("results/ab/0000", b"")
    (found,) = read_listed(place, place.list("results"))
    assert (found[0].key, found[0].size, found[1]) == ("results/ab/0000", 0, b"")


def test_nothing_is_asked_for_nothing(place):
    assert list(read_listed(place, iter(()))) == []
    assert place.batches == []
