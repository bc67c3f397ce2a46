"""The first record of a signature stays; it is replaced by compare-and-swap alone, and kept aside before."""

# ruff: noqa: PLR0913, PLR0917 - fixtures are no parameters that anybody passes

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from consist import errors
from consist.blobs.backend import Capabilities
from consist.store.lookup import find
from consist.store.opening import open_store
from consist.store.publish import keep, publish
from consist.testing import faults
from consist.testing.together import fork, in_processes, in_threads


@pytest.fixture
def signature(by_hand):
    return by_hand.signature()


@pytest.fixture
def make(by_hand, signature):
    """Make a record of the signature; each has content of its own."""
    return lambda store, text: by_hand.record(
        store, signature=signature, content=text.encode() * 1000, description=text
    )


def in_store(by_hand, tmp_path) -> dict[str, str]:
    """Return key -> run id of every record object, read by the words of the format."""
    found = {}
    for key, data in by_hand.objects(tmp_path / "store").items():
        if key.startswith(("results/", "runs/")):
            frame = by_hand.unframe(data)
            name = frame.key.hex() if key.startswith("results/") else frame.key.decode()
            assert key.replace("/", "").endswith(name)
            assert (frame.fields[2] is None) == key.startswith("runs/")
            found[key.partition("/")[0] if key.startswith("results/") else key] = frame.fields[1]
    return found


class Wrapped:
    """A backend with something done at a method; the rest passes."""

    def __init__(self, backend, **methods):
        self._backend = backend
        self._methods = methods

    def __getattr__(self, name):
        real = getattr(self._backend, name)
        around = self._methods.get(name)
        return real if around is None else lambda *args, **kwargs: around(real, *args, **kwargs)


def through(store, **methods):
    """Return the store on a wrapped backend."""
    return replace(store, backend=Wrapped(store.backend, **methods))


def test_the_first_stays_and_the_second_is_kept_aside(store, make, by_hand, tmp_path, signature):
    first, second = make(store, "first"), make(store, "second")
    assert publish(store, first) == first
    assert publish(store, second) == first
    assert in_store(by_hand, tmp_path) == {"results": first.id, f"runs/{second.id}": second.id}
    assert find(store, signature) == first
    assert store.index.get_run(second.id) == second.without_signature()


def test_the_loser_on_another_machine_learns_of_the_winner(make_store, make, by_hand, signature):
    here, there = make_store(), make_store(db="another.lmdb")
    first, second = make(here, "first"), make(there, "second")
    publish(here, first)
    assert publish(there, second) == first
    assert there.index.find(signature) == first
    assert here.index.get_run(second.id) is None


def test_a_record_lies_as_the_format_says(store, make, by_hand, signature):
    record = make(store, "text")
    publish(store, record)
    frame = by_hand.unframe(by_hand.path(store, "results", signature).read_bytes())
    assert (frame.kind, frame.key, frame.fields[:5]) == (
        1,
        signature.raw,
        [1, record.id, signature.raw, "step", "completed"],
    )


def test_overwrite_keeps_the_old_one_aside(store, make, by_hand, tmp_path, signature):
    runs = [make(store, str(number)) for number in range(3)]
    for run in runs:
        assert publish(store, run, overwrite=True) == run
    assert in_store(by_hand, tmp_path) == {"results": runs[2].id, **{f"runs/{run.id}": run.id for run in runs[:2]}}
    assert find(store, signature) == runs[2]
    for run in runs[:2]:
        assert store.index.get_run(run.id) == run.without_signature()
        assert store.index.framed(run.id) == (tmp_path / "store/runs" / run.id).read_bytes()


def test_our_own_record_is_no_other(store, make, by_hand, tmp_path):
    """The write landed, its answer was lost, and the driver tried again."""

    def create_twice(real, key, data):
        real(key, data)
        if key.startswith("results/"):
            real(key, data)

    record = make(store, "text")
    assert publish(through(store, create=create_twice), record) == record
    assert in_store(by_hand, tmp_path) == {"results": record.id}
    assert store.index.find(record.signature) == record


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_damaged_record_is_replaced(store, make, by_hand, tmp_path, signature, overwrite):
    first, second = make(store, "first"), make(store, "second")
    publish(store, first)
    path = by_hand.path(store, "results", signature)
    by_hand.overwrite(path, path.read_bytes()[:-1])
    assert publish(store, second, overwrite=overwrite) == second
    assert find(store, signature) == second
    # The index still had the first one whole, so it is kept aside, not lost.
    assert in_store(by_hand, tmp_path) == {"results": second.id, f"runs/{first.id}": first.id}
    assert store.index.get_run(first.id) == first.without_signature()


def test_a_damaged_record_that_no_index_knows_is_replaced(make_store, make, by_hand, tmp_path, signature):
    store = make_store()
    publish(store, make(store, "first"))
    by_hand.overwrite(by_hand.path(store, "results", signature), b"")
    other = make_store(db="another.lmdb")
    second = make(other, "second")
    assert publish(other, second) == second
    assert in_store(by_hand, tmp_path) == {"results": second.id}


def test_a_record_whose_output_is_missing_is_replaced(store, make, by_hand, tmp_path, signature):
    first, second = make(store, "first"), make(store, "second")
    publish(store, first)
    by_hand.path(store, "blobs", first.outputs[0].digest).unlink()
    assert publish(store, second) == second
    assert find(store, signature) == second
    assert in_store(by_hand, tmp_path) == {"results": second.id, f"runs/{first.id}": first.id}


def test_without_compare_and_swap_overwriting_is_refused_and_changes_nothing(store, make, by_hand, tmp_path, signature):
    first, second = make(store, "first"), make(store, "second")
    publish(store, first)
    poor = through(store)
    poor.backend.capabilities = Capabilities(create=True, replace=False, files=True)
    with pytest.raises(
        errors.UnsupportedError, match="has no compare-and-swap, so the published record cannot be replaced"
    ):
        publish(poor, second, overwrite=True)
    assert in_store(by_hand, tmp_path) == {"results": first.id}
    assert find(store, signature) == first
    assert publish(poor, second) == first


def test_a_record_that_changes_between_look_and_write_is_looked_at_again(store, make, by_hand, tmp_path, signature):
    first, second, third = (make(store, text) for text in ("first", "second", "third"))
    publish(store, first)

    def replace_late(real, key, data, *, if_match):
        if not late:
            late.append(1)
            publish(store, second, overwrite=True)
        real(key, data, if_match=if_match)

    late: list[int] = []
    assert publish(through(store, replace=replace_late), third, overwrite=True) == third
    assert in_store(by_hand, tmp_path) == {
        "results": third.id,
        f"runs/{first.id}": first.id,
        f"runs/{second.id}": second.id,
    }
    assert find(store, signature) == third


def test_a_record_that_goes_between_look_and_write_is_created_anew(store, make, by_hand, tmp_path, signature):
    first, second = make(store, "first"), make(store, "second")
    publish(store, first)

    def get_late(real, key):
        if not late:
            late.append(1)
            store.backend.delete(key)
        return real(key)

    late: list[int] = []
    assert publish(through(store, get_versioned=get_late), second) == second
    assert in_store(by_hand, tmp_path) == {"results": second.id}


def test_a_record_that_keeps_changing_is_given_up(store, make, signature):
    first, second = make(store, "first"), make(store, "second")
    publish(store, first)

    def never(real, key, data, *, if_match):
        raise errors.ChangedError("changed")

    with pytest.raises(errors.ChangedError, match=r"keeps changing .call again"):
        publish(through(store, replace=never), second, overwrite=True)
    assert find(store, signature) == first


def test_the_slower_of_two_overwriters_does_not_mislead_the_index(store, make, signature):
    """First in the store, last to tell the index: the index must say what the store says."""
    first, second, third = (make(store, text) for text in ("first", "second", "third"))
    publish(store, first)
    replaced, told = threading.Event(), threading.Event()

    def replace_and_wait(real, key, data, *, if_match):
        real(key, data, if_match=if_match)
        replaced.set()
        assert told.wait(60)

    slow = threading.Thread(
        target=publish, args=(through(store, replace=replace_and_wait), second), kwargs={"overwrite": True}
    )
    slow.start()
    assert replaced.wait(60)
    publish(store, third, overwrite=True)
    told.set()
    slow.join(60)
    assert store.index.find(signature) == third
    assert store.index.get_run(second.id) == second.without_signature()


@pytest.mark.parametrize("together", [in_threads, in_processes])
@pytest.mark.parametrize("overwrite", [False, True])
def test_racing_publishers(tmp_path, by_hand, make, signature, together, overwrite, make_store):
    def work(number):
        store = open_store(str(tmp_path / "store"), str(tmp_path / "index.lmdb"), durable=False)
        mine = make(store, f"number {number}")
        return mine.id, publish(store, mine, overwrite=overwrite).id

    answers = together([lambda number=number: work(number) for number in range(6)])
    store = make_store()
    mine = {run_id for run_id, _ in answers}
    found = in_store(by_hand, tmp_path)
    winner = found.pop("results")
    assert {f"runs/{run_id}": run_id for run_id in mine - {winner}} == found
    assert store.index.find(signature).id == winner
    assert {run.id for run in store.index.runs()} == mine
    if overwrite:
        assert all(own == answer for own, answer in answers)
    else:
        assert {answer for _, answer in answers} == {winner}


@pytest.mark.parametrize("moment", faults.MOMENTS)
def test_an_overwriter_killed_anywhere_leaves_the_old_run_or_the_new_one(
    tmp_path, make_store, make, by_hand, moment, signature
):
    def overwrite():
        store = open_store(str(tmp_path / "store"), str(tmp_path / "index.lmdb"))
        publish(store, make(store, "new"), overwrite=True)

    for _ in range(2):  # so that all folders are there
        fork(overwrite).result()
    operations = faults.kill_points(overwrite)
    killed = 0
    for at in range(operations):
        before = in_store(by_hand, tmp_path)
        killed += faults.run_killed(overwrite, at=at, moment=moment)
        after = in_store(by_hand, tmp_path)
        store = make_store()
        found = find(store, signature)
        assert found.id == after["results"]
        assert store.blobs.read(found.outputs[0].digest) == b"new" * 1000
        store.index.close()
        if after["results"] != before["results"]:
            assert after[f"runs/{before['results']}"] == before["results"]
    assert killed >= operations - 2  # an operation that fails (the name is taken) has no end to be killed at


def test_kept_runs_lead_nowhere(store, make, by_hand, tmp_path, signature):
    run = make(store, "kept").without_signature()
    keep(store, run)
    keep(store, run)
    assert in_store(by_hand, tmp_path) == {f"runs/{run.id}": run.id}
    assert find(store, signature) is None
    assert store.index.get_run(run.id) == run
    assert store.index.framed(run.id) == (tmp_path / "store/runs" / run.id).read_bytes()


def test_a_copy_that_was_damaged_is_written_anew(store, make, by_hand, tmp_path, signature):
    """It was written by somebody who died then; once the record is replaced it is all that is left of the run."""
    first, second = make(store, "first"), make(store, "second")
    publish(store, first)
    store.backend.put(f"runs/{first.id}", b"no record")
    publish(store, second, overwrite=True)
    assert in_store(by_hand, tmp_path) == {"results": second.id, f"runs/{first.id}": first.id}


def test_a_run_without_a_signature_cannot_be_published(store, make):
    with pytest.raises(ValueError, match="kept, not published"):
        publish(store, make(store, "x").without_signature())


def test_content_comes_before_the_record_and_the_record_before_the_index(store, by_hand, signature, tmp_path):
    """The write order, seen at the seam."""
    with faults.recorded() as operations:
        publish(store, by_hand.record(store, signature=signature))
    published = [
        operation.path.removeprefix(str(tmp_path)).split("/")[2] if "store" in operation.path else operation.name
        for operation in operations
        if operation.name in {"rename", "link", "commit"} and not operation.path.startswith(str(tmp_path / "store/tmp"))
    ]
    firsts = [place for place in dict.fromkeys(published) if place in {"blobs", "results", "commit"}]
    assert firsts == ["blobs", "results", "commit"]
