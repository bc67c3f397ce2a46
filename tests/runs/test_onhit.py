"""Tags, facet and description of a call that finds an earlier run: tags are added, of the rest a warning tells."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

import consist
from consist import CacheOptions, errors
from consist.runs import onhit


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch):
    monkeypatch.setattr(onhit, "_warned", set())


def double(value):
    return value * 2


def run(tracker, **given):
    return tracker.run(double, config={"value": 1}, **given)


def log_objects(tracker):
    return sorted(path for path in Path(tracker.store_url, "log").rglob("*") if path.is_file())


def test_tags_of_a_hit_are_added_to_the_run_that_it_found(tracker):
    first = run(tracker, tags=["old"]).run
    hit = run(tracker, tags=["paper", "old"])
    assert (hit.cache_hit, hit.run.id, hit.run.tags) == (True, first.id, ("old", "paper"))
    assert [found.id for found in tracker.find_runs(tags=["paper"])] == [first.id]
    assert tracker.get_run(first.id).tags == ("old", "paper")
    assert run(tracker).run.tags == ("old",)  # of a result's run, as they were given to it


def test_tags_of_hits_are_written_together_and_once(tracker):
    for value in range(5):
        tracker.run(double, config={"value": value})
    before = log_objects(tracker)
    for _ in range(2):
        for value in range(5):
            assert tracker.run(double, config={"value": value}, tags=["paper"]).cache_hit
    assert log_objects(tracker) == before
    assert len(tracker.find_runs(tags="paper")) == 5
    assert len(log_objects(tracker)) == len(before) + 1
    for value in range(5):
        tracker.run(double, config={"value": value}, tags=["paper"])
    assert tracker.store.events._tags == {}  # those that the index knows are not given again


def test_other_machines_see_the_tags(tracker, tmp_path):
    run(tracker)
    run(tracker, tags=["paper"])
    tracker.close()
    from consist.store.opening import open_store
    from consist.store.rebuild import rebuild

    there = open_store(tracker.store_url, str(tmp_path / "other.lmdb"))
    rebuild(there)
    (record,) = there.index.runs()
    assert there.index.tags(record.id) == ("paper",)
    there.close()


def test_a_tag_that_was_taken_stays_off(tracker):
    first = run(tracker, tags=["draft"]).run
    run(tracker, tags=["paper"])
    assert tracker.untag(first, "draft", "paper").tags == ()  # also the one that is still in memory
    assert run(tracker, tags=["draft", "paper"]).run.tags == ()
    assert tracker.find_runs(tags=["draft"]) == tracker.find_runs(tags=["paper"]) == []
    assert tracker.tag(first, "paper").tags == ("paper",)


def test_who_must_not_write_adds_none(tracker):
    first = run(tracker).run
    options = CacheOptions(cache_mode="readonly")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run(tracker, tags=["paper"], facet={"year": 2030}, cache_options=options).cache_hit
    assert tracker.get_run(first.id).tags == ()


def test_a_facet_and_a_description_that_a_found_run_has_otherwise_are_told_of_once_a_step(tracker):
    first = run(tracker, facet={"year": 2020, "gap": float("nan")}, description="first").run
    other = {"facet": {"year": 2030, "gap": float("nan"), "sort": "a"}, "description": "second"}
    with pytest.warns(errors.ConsistWarning) as told:
        hits = [run(tracker, **other) for _ in range(2)]
    (said,) = told
    assert said.filename == __file__
    assert str(said.message) == (
        f"step 'double': run {first.id} was found again, and keeps the facet and description that it was recorded with,"
        " not the facet 'year', 'sort', description of this call"
        ' (CacheOptions(cache_mode="overwrite") runs it again and records these)'
    )
    assert [(hit.run.facet["year"], hit.run.description) for hit in hits] == [(2020, "first")] * 2


def test_of_many_names_of_a_facet_some_are_said(tracker):
    run(tracker)
    with pytest.warns(
        errors.ConsistWarning, match="not the facet 'k1', 'k2', 'k3', 'k4', 'k5' and 2 more of this call"
    ):
        run(tracker, facet={f"k{n}": n for n in range(1, 8)})


def test_what_the_run_has_is_told_to_nobody(tracker):
    given = {"facet": {"year": 2030, "shape": (1, 2)}, "description": "for the paper", "tags": ["a"]}
    run(tracker, **given)
    for less in (given, {"facet": {"year": 2030}}, {"description": ""}, {}):
        assert run(tracker, **less).cache_hit
    overwrite = CacheOptions(cache_mode="overwrite")
    assert run(tracker, facet={"year": 2031}, cache_options=overwrite).run.facet == {"year": 2031}


def test_what_a_step_declares_is_added_too(tracker):
    run(tracker)
    step = tracker.define_step(double, tags=["declared"])
    assert step.run(config={"value": 1}).run.tags == ("declared",)


def test_a_hit_without_tags_asks_nothing_of_them(tracker, monkeypatch):
    run(tracker)
    monkeypatch.setattr("consist.runs.execute.given_again", None)
    assert run(tracker).cache_hit


def test_under_a_disabled_tracker_each_run_has_its_own():
    with consist.create_tracker(enabled=False) as tracker:
        assert [run(tracker, tags=[tag], facet={"t": tag}).run.tags for tag in "ab"] == [("a",), ("b",)]
