"""Lists that begin before all of them is read: each line is told as soon as no other can come before it."""

from __future__ import annotations

import os
import uuid
from dataclasses import replace

import pytest
from faulty import proxy_to
from servers import BUCKET

from consist.blobs.wrappers.base import Wrapper
from consist.errors import UnreachableError
from consist.hashing.digest import Digest
from consist.index.index import Index
from consist.store import opening
from consist.store.listing import list_path
from consist.store.publish import keep, publish
from consist.store.usage import Measuring


@pytest.fixture
def breaking(monkeypatch):
    """Give what makes an iterator of the index break off after so many items, in all calls together."""

    def breaking(method, count):
        real, left = getattr(Index, method), iter(range(count))

        def call(self, *args, **kwargs):
            for item in real(self, *args, **kwargs):
                if next(left, None) is None:
                    raise UnreachableError("read on")
                yield item

        monkeypatch.setattr(Index, method, call)

    return breaking


def run(store, by_hand, number, **fields):
    """Keep a run, each of another time, whose content is its own."""
    given = {"id": f"{number:020x}", "started": number, "content": b"content %d " % number * 800, **fields}
    record = by_hand.record(store, **given)
    publish(store, replace(record, signature=by_hand.signature(str(number))))
    return record


def test_a_list_of_runs_begins_before_the_rest_is_read(store, by_hand, breaking):
    for number in range(6):
        keep(store, by_hand.record(id=f"{number:020x}", started=number, inline=b"x"))
    breaking("starts", 2)
    lines = list_path(store, "runs")
    assert [next(lines).name for _ in range(2)] == [f"{5:020x}", f"{4:020x}"]
    with pytest.raises(UnreachableError):
        next(lines)


def test_a_list_of_steps_begins_before_the_rest_is_read(store, by_hand, breaking):
    for number in range(3):
        run(store, by_hand, number, step=f"step-{number}")
    breaking("step_sums", 1)
    assert next(list_path(store, "steps")).name == "step-0"


def test_the_outputs_of_a_step_begin_before_its_older_runs_are_read(store, by_hand, breaking):
    for number in range(3):
        run(store, by_hand, number)
    breaking("outlines", 1)
    assert next(list_path(store, "steps/step")).run == f"{2:020x}"


def test_a_step_shows_an_output_of_its_oldest_run(store, by_hand, monkeypatch):
    """However many runs came after it: here two thousand, whose records are put by hand into the index."""
    from consist.index.records import encode_record

    old = by_hand.record(id="f" * 20, started=1, inline=b"old")
    old = replace(old, outputs=(replace(old.outputs[0], key="only here"),))
    new = [by_hand.record(id=f"{number:020x}", started=number, inline=b"new") for number in range(10, 2010)]
    store.index.put_runs((record, encode_record(record)) for record in [old, *new])
    assert [(entry.name, entry.run) for entry in list_path(store, "steps/step")] == [
        ("out", f"{2009:020x}"),
        ("only here", "f" * 20),
    ]
    assert [entry.name for entry in list_path(store, "steps/step", newest=2000)] == ["out"]


def test_a_step_passes_over_a_record_that_only_its_outline_can_be_read_of(store, by_hand):
    """Whole, but no writer's: its inputs are none. The run before it is shown, and no error ends the list."""
    from consist.hashing.codec import pack, unpack
    from consist.hashing.frame import Kind, decode_frame, encode_frame
    from consist.index.records import encode_record

    old, new = (by_hand.record(id=f"{number:020x}", started=number, inline=b"x") for number in (1, 2))
    fields = unpack(decode_frame(encode_record(new), Kind.RECORD, None).payload)
    fields[11] = ["no input"]  # docs/format.md
    spoilt = encode_frame(Kind.RECORD, new.id.encode(), pack(fields))
    store.index.put_runs([(old, encode_record(old)), (new, spoilt)])
    assert [row.id for row in store.index.outlines("step")] == [new.id, old.id]
    assert [(entry.name, entry.run) for entry in list_path(store, "steps/step")] == [("out", old.id)]


def test_a_measurement_tells_a_step_before_the_next_is_read(store, by_hand, breaking):
    for number in range(4):
        run(store, by_hand, number, step=f"step-{number // 2}")
    breaking("outlines", 2)
    steps = Measuring(store).steps()
    first = next(steps)
    assert (first.step, first.runs, first.unique) == ("step-0", 2, 2 * 800 * len(b"content 0 "))
    with pytest.raises(UnreachableError):
        next(steps)


# Blobs ---------------------------------------------------------------------------------------------------------------


class Listed(Wrapper):
    """A backend that notes what is listed of it."""

    prefixes: list[str] = []  # noqa: RUF012 - one for the test

    def list(self, prefix):
        self.prefixes.append(prefix)
        return self.inner.list(prefix)


def test_a_list_of_blobs_in_a_folder_reads_a_subfolder_at_a_time(make_store, by_hand, monkeypatch):
    contents = sorted((by_hand.digest(content), content) for content in (b"%d" % number * 5000 for number in range(9)))
    open_backend = opening.open_backend
    monkeypatch.setattr(opening, "open_backend", lambda *args, **kwargs: Listed(open_backend(*args, **kwargs)))
    store = make_store()
    for _, content in contents:
        store.blobs.put_bytes(content)
    Listed.prefixes.clear()
    lines = list_path(store, "blobs")
    assert next(lines).digest == contents[0][0]
    assert all(prefix.rpartition("/")[2] <= contents[0][0].hex[:2] for prefix in Listed.prefixes)
    assert [line.digest for line in lines] == [digest for digest, _ in contents[1:]]


class Batches(Wrapper):
    """A backend that counts what is read of it in batches and by itself."""

    batches = singles = 0

    def get_ranges(self, ranges):
        self.batches += 1
        return self.inner.get_ranges(ranges)

    def get(self, key):
        self.singles += 1
        return self.inner.get(key)


def test_the_sizes_of_large_blobs_far_away_are_read_in_batches(make_store, monkeypatch):
    open_backend, made = opening.open_backend, []

    def noting(*args, **kwargs):
        made.append(Batches(open_backend(*args, **kwargs)))
        return made[-1]

    monkeypatch.setattr(opening, "open_backend", noting)
    store = make_store(f"memory://listing-{uuid.uuid4().hex}")
    digests = sorted(store.blobs.put_bytes(os.urandom(1 << 20)).digest for _ in range(10))
    made[-1].batches = made[-1].singles = 0
    assert [(line.digest, line.size) for line in list_path(store, "blobs")] == [(each, 1 << 20) for each in digests]
    assert (made[-1].batches, made[-1].singles) == (1, 0)


MANY = 1_050
"""Blobs: more than a page of a bucket, which has a thousand."""


def bucket_of_many(server, root, by_hand):
    """Put objects into a bucket, going round consist, and return the digests in order."""
    contents = [b"%d" % number for number in range(MANY)]
    digests = [by_hand.digest(content).hex for content in contents]
    keys = [f"{root}/blobs/{digest[:2]}/{digest[2:]}" for digest in digests]
    server.write_many(list(zip(keys, contents, strict=True)))
    return sorted(digests)


@pytest.mark.parametrize("driver", ["s3fs", "obstore", "gcsfs"])
def test_a_list_of_blobs_in_a_bucket_begins_with_the_first_page(request, make_store, by_hand, driver):
    """In order, and with a request for each page and no more; what is large or inline stands among the others."""
    server = request.getfixturevalue("fake_gcs" if driver == "gcsfs" else "ministack")
    root = uuid.uuid4().hex
    digests = bucket_of_many(server, root, by_hand)
    with proxy_to(server.endpoint) as proxy:
        if driver == "gcsfs":
            url, options = f"gs://{BUCKET}/{root}", server.options(endpoint_url=proxy.endpoint)
        else:
            url, options = f"s3://{BUCKET}/{root}", server.options(endpoint=proxy.endpoint, consist_driver=driver)
        store = make_store(url, storage_options=options)
        large = os.urandom(1 << 20)
        store.blobs.put_bytes(large)
        keep(store, by_hand.record(inline=b"inline"))
        keep(store, by_hand.record(inline=b"7"))  # which is an object too
        expected = sorted([*digests, by_hand.digest(large).hex, by_hand.digest(b"inline").hex])

        def pages():
            return sum("prefix=" in path and "results" not in path for _, path, _ in proxy.seen)

        proxy.seen.clear()
        lines = list_path(store, "blobs")
        first = [next(lines)]
        assert (first[0].name, pages()) == (expected[0], 2)
        found = [*first, *lines]
        assert [line.name for line in found] == expected
        assert pages() == 3
        assert {line.name: (line.size, line.stored) for line in found if line.stored == "inline" or line.size > 9} == {
            by_hand.digest(large).hex: (1 << 20, "object"),
            by_hand.digest(b"inline").hex: (6, "inline"),
        }
        ask = expected[3][:5]
        assert [line.name for line in list_path(store, f"blobs/{ask}")] == [
            name for name in expected if name.startswith(ask)
        ]


def test_blobs_of_one_subfolder_come_in_order(store, by_hand):
    wanted = sorted(f"ab{number:062x}" for number in (7, 3, 9, 1, 8, 2))
    for name in (wanted[number] for number in (3, 0, 5, 1, 4, 2)):
        path = by_hand.path(store, "blobs", Digest.parse(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    assert [line.digest.hex for line in list_path(store, "blobs/ab")] == wanted
