"""No record that is published names content that was deleted: every interleaving is walked, and every safeguard is
shown to be needed by the shortest way to lose something without it.

What is covered: two writers and one cycle, one writer and two cycles, or one writer and two collectors of one cycle
each; one of each may be the other's second life; one blob of one or two packs, or small; packs, blob and manifest that
are there since long ago, with or without a record, forgotten or not; four ticks, a floor of three. The whole is about
a million states. `-s` prints the number of states and each trace.
"""

from __future__ import annotations

import pytest

from tests.protocol import programs, storemodel
from tests.protocol.explorer import Phase, explore
from tests.protocol.programs import Rules
from tests.protocol.storemodel import BLOB, FLOOR, MANIFEST, PACKS, RESULTS, RUNS, Object, Store

P, OTHER = PACKS + "p", PACKS + "o"
LAST = FLOOR


def store(*packs, manifest=False, record=False, blob=False, listed=()):
    """Make a store whose objects are so old that a collector may take them in its first cycle."""
    objects = {pack: Object(-FLOOR) for pack in packs}
    if manifest:
        objects[MANIFEST] = Object(-FLOOR, "old", packs)
    if blob:
        objects[BLOB] = Object(-FLOOR)
    if record:
        objects[RESULTS + "s"] = Object(-FLOOR, "first", content=True)
    return Store(0, frozenset(objects.items()), frozenset((key, None) for key in listed))


def writer(*packs, without="", name="w", key=RESULTS + "s", again=False):
    return Phase(programs.write, (Rules(without, packs, key, again=again), name))


def collector(cycles=2, *, without="", name="c", copies=False):
    return Phase(programs.collect, (Rules(without, copies=copies), name, cycles))


FORGET = Phase(programs.forget, (Rules(),))
SUPERSEDE = Phase(programs.supersede, (Rules(), "other"))


def search(first, *actors, only_sure=False):
    """Walk everything, and print what came of it."""

    def elsewhere(now):
        yield from storemodel.land(now)
        yield from storemodel.tick(now, LAST)

    def broken(now):
        runs = [item.version for key, item in now.objects if key.startswith((RESULTS, RUNS)) and item.content]
        if only_sure:
            runs = [run for run in runs if run in now.sure]
        return f"{runs[0]} is published and cannot be read" if runs and not storemodel.readable(now) else None

    came = explore(first, actors, elsewhere=elsewhere, broken=broken, alone=(storemodel.returned, storemodel.sure))
    print(f"{came.states} states", *came.trace, sep="\n  ")
    return came


# What holds ----------------------------------------------------------------------------------------------------------

HOLDS = {
    "a pack is reused": (store(P), writer(P), collector()),
    "a pack is condemned already": (store(P, listed=[P]), writer(P), collector()),
    "a whole manifest is reused": (store(P, manifest=True), writer(P), collector()),
    "two packs": (store(P, OTHER), writer(P, OTHER), collector(1)),
    "a small blob is reused": (store(blob=True), writer(), collector()),
    "a small blob is condemned already": (store(blob=True, listed=[BLOB]), writer(), collector()),
    "an upload is interrupted, and done again": (store(), writer(P), writer(P, name="v"), collector(1)),
    "two runs share a manifest": (store(P), writer(P), writer(P, name="v", key=RESULTS + "t"), collector(1)),
    "two runs share a small blob": (store(blob=True), writer(), writer(name="v", key=RESULTS + "t"), collector(1)),
    "a run is forgotten": (store(P, manifest=True, record=True), FORGET, collector()),
    "a forgotten run is done again": (store(P, manifest=True, record=True), FORGET, writer(P), collector()),
    "one of two runs is forgotten": (
        store(P, manifest=True, record=True),
        FORGET,
        writer(P, key=RESULTS + "t"),
        collector(),
    ),
    "a run is superseded": (store(P, manifest=True, record=True), SUPERSEDE, collector(copies=True)),
    "two collectors": (store(P), writer(P), collector(1), collector(1, name="d")),
}


@pytest.mark.parametrize("actors", HOLDS.values(), ids=HOLDS)
def test_no_published_run_ever_loses_its_content(actors):
    came = search(*actors)
    assert came.trace == ()
    assert came.states > 50  # something was walked


# What each safeguard is for ------------------------------------------------------------------------------------------

FOR_WRITERS = [
    "a stat before reuse",
    "a refresh",
    "the list",
    "the list after the dates",
    "a new pack for what is listed",
    "writers are in time",
]


@pytest.mark.parametrize("without", FOR_WRITERS)
def test_a_writer_needs(without):
    assert search(store(P), writer(P, without=without), collector()).trace


@pytest.mark.parametrize("without", FOR_WRITERS[2:])
def test_a_writer_of_a_small_blob_needs(without):
    assert search(store(blob=True), writer(without=without), collector()).trace


def test_a_writer_needs_to_put_an_old_manifest_anew():
    assert search(store(P, manifest=True), writer(P, without="an old manifest is put anew"), collector()).trace


@pytest.mark.slow
def test_writers_need_to_swap_manifests_not_to_put_them():
    one = writer(P, without="manifests are swapped")
    other = writer(OTHER, without="manifests are swapped", name="v", key=RESULTS + "t")
    assert search(store(P, OTHER), one, other, collector(1)).trace


FOR_COLLECTORS = [
    "the floor",
    "age when the cycle began",
    "a stat before deletion",
    "what is condemned is listed",
    "gone stays listed",
    "deletes are in time",
]


@pytest.mark.parametrize("without", FOR_COLLECTORS)
def test_a_collector_needs(without):
    assert search(store(P), writer(P), collector(without=without)).trace


@pytest.mark.parametrize("without", ["version before date", "conditional deletes"])
def test_a_collector_of_manifests_needs(without):
    assert search(store(P, manifest=True), writer(P), collector(without=without)).trace


def test_a_collector_needs_conditional_deletes_of_records():
    first = store(P, manifest=True, record=True)
    assert search(first, FORGET, writer(P), collector(1, without="conditional deletes")).trace


def test_a_collector_needs_to_delete_records_first():
    first = store(P, manifest=True, record=True)
    assert search(first, FORGET, collector(1, without="records go first")).trace


def test_a_collector_needs_to_list_results_before_runs():
    first = store(P, manifest=True, record=True)
    assert search(first, SUPERSEDE, collector(1, without="results before runs", copies=True)).trace


# Writers that are late -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "packs"), [(store(P), (P,)), (store(blob=True), ())], ids=["pack", "small blob"])
def test_a_late_writer_that_looks_again_ends_with_its_content_there(first, packs):
    assert search(first, writer(*packs, again=True), collector(), only_sure=True).trace == ()


def test_a_late_writer_needs_the_look_after_publishing():
    late = writer(P, again=True, without="a look after publishing")
    assert search(store(P), late, collector(), only_sure=True).trace


def test_the_look_after_publishing_does_not_help_the_reader_who_comes_before_it():
    assert search(store(P), writer(P, again=True), collector()).trace
