"""A place is tried for real: good ones pass and are left as they were, and each fault is found where it is."""

from __future__ import annotations

import os
import time

import pytest

from consist.blobs.backend import Capabilities, ObjectStat
from consist.blobs.local import LocalBackend
from consist.blobs.opening import open_backend
from consist.errors import BlobNotFoundError, StorageFullError, StoragePermissionError, UnreachableError
from consist.store.probe import probe
from tests.harm import harmed

NAMES = [
    *("list", "write", "read", "clock", "listing", "create", "swap", "delete"),
    *("put latency", "get latency", "put throughput", "get throughput"),
]


def found(backend, **options):
    return {check.name: check for check in probe(backend, **options)}


def levels(backend, **options):
    return {name: check.level for name, check in found(backend, **options).items() if check.level != "ok"}


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture
def folder(tmp_path):
    """A folder in which a store has been written to, so that its furniture is there."""
    backend = LocalBackend(str(tmp_path / "store"), durable=False)
    backend.put("consist.json", b"{}")
    backend.delete("nothing")
    return tmp_path / "store"


def test_a_folder_passes_and_is_left_as_it_was(folder):
    before = names(folder)
    checks = list(probe(LocalBackend(str(folder), durable=False)))
    assert [check.name for check in checks] == NAMES
    assert {check.level for check in checks} == {"ok"}
    assert names(folder) == before
    measured = {check.name: check for check in checks if check.unit}
    assert all(check.value > 0 for name, check in measured.items() if name != "clock")


def test_a_place_in_memory_passes_and_is_left_empty(tmp_path):
    backend = open_backend(f"memory://probe-{tmp_path.name}")
    assert levels(backend) == {}
    assert list(backend.list("")) == []


def test_who_stops_half_way_leaves_nothing(folder):
    before = names(folder)
    checks = probe(LocalBackend(str(folder), durable=False))
    for check in checks:
        if check.name == "create":
            break
    assert names(folder) != before
    checks.close()
    assert names(folder) == before


def test_without_writing_nothing_is_changed(folder):
    before = {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}
    checks = list(probe(LocalBackend(str(folder)), write=False))
    assert [check.name for check in checks] == ["list", "get latency", "write"]
    assert {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]} == before


class Faulty:
    """A good place with one fault: what a method of its name does instead."""

    def __init__(self, backend, **faults):
        self._backend = backend
        self._faults = faults

    def __getattr__(self, name):
        if name in self._faults:
            return self._faults[name]
        return getattr(self._backend, name)


@pytest.fixture
def good(folder):
    return LocalBackend(str(folder), durable=False)


def refuse(*_arguments, **_options):
    raise StoragePermissionError("not allowed", hint="ask")


def silent(*_arguments, **_options):
    raise UnreachableError("no answer", hint="check the network")


def full(*_arguments, **_options):
    raise StorageFullError("no space left")


def test_a_place_that_does_not_answer_is_asked_once(good):
    checks = list(probe(Faulty(good, list=silent)))
    assert [(check.name, check.level, check.value, check.advice) for check in checks] == [
        ("list", "problem", "no answer", "check the network")
    ]


def test_a_role_that_may_not_list_goes_on_with_a_warning(good, folder):
    before = names(folder)
    checks = found(Faulty(good, list=refuse))
    assert {name for name, check in checks.items() if check.level != "ok"} == {"list"}
    assert checks["list"].level == "warning"
    assert "listing" not in checks
    assert names(folder) == before


def test_a_role_that_may_not_write_is_a_problem_with_advice(good):
    checks = found(Faulty(good, put=refuse))
    assert list(checks) == ["list", "write"]
    assert checks["write"].level == "problem"
    assert "--no-write" in checks["write"].advice


def test_a_bucket_that_is_not_there_is_a_problem_with_advice(good):
    def put(key, data):  # as drivers answer for one
        raise BlobNotFoundError("it is not there")

    checks = found(Faulty(good, put=put))
    assert (checks["write"].level, "bucket" in checks["write"].advice) == ("problem", True)


def test_a_full_place_is_a_problem(good):
    assert levels(Faulty(good, put=full)) == {"write": "problem"}


def test_a_role_that_may_not_delete_is_told_what_is_left(good):
    checks = found(Faulty(good, delete=refuse))
    assert {name: check.level for name, check in checks.items() if check.level != "ok"} == {
        "delete": "warning",
        "clean-up": "warning",
    }
    left = {item.key for item in good.list("probe")}
    assert left
    assert set(checks["clean-up"].advice.partition("delete ")[2].split(", ")) == left


def test_creation_that_looks_first_and_writes_then_is_found(good, folder):
    def create(key, data):  # what a server does that ignores the precondition
        time.sleep(0)
        good.put(key, data)

    assert levels(Faulty(good, create=create)) == {"create": "problem"}


def test_a_swap_that_compares_nothing_is_found(good):
    def replace(key, data, *, if_match):
        good.put(key, data)

    assert levels(Faulty(good, replace=replace)) == {"swap": "problem"}


def test_a_conditional_delete_that_compares_nothing_is_found(good):
    def delete(key, *, if_match=None):
        good.delete(key)

    checks = found(Faulty(good, delete=delete))
    assert {name for name, check in checks.items() if check.level != "ok"} == {"swap"}
    assert checks["swap"].value == "a version that was gone was replaced or deleted"


def test_what_a_place_says_it_lacks_is_a_warning(good):
    able = Capabilities(create=False, replace=False, files=True)
    assert levels(Faulty(good, capabilities=able)) == {"create": "warning", "swap": "warning"}


def test_wrong_bytes_are_found(good):
    def get_range(key, start, length):
        return bytes(length)

    assert levels(Faulty(good, get_range=get_range)) == {"read": "problem"}
    changed = levels(Faulty(good, get=lambda key: harmed(good.get(key))))
    assert changed.items() >= {"read": "problem", "get throughput": "problem"}.items()


def test_a_listing_that_lags_is_found(good):
    assert levels(Faulty(good, list=lambda _prefix: iter(()))) == {"listing": "problem"}


def test_a_deletion_that_does_nothing_is_found(good):
    def delete(key, *, if_match=None):
        pass

    assert levels(Faulty(good, delete=delete))["delete"] == "problem"


@pytest.mark.parametrize(("offset", "level"), [(-3600, "warning"), (3600, "warning"), (0, "ok")])
def test_a_clock_that_goes_wrong_is_found(good, offset, level):
    def stat(key):
        there = good.stat(key)
        return there and ObjectStat(there.key, there.size, there.modified + offset)

    check = found(Faulty(good, stat=stat))["clock"]
    assert check.level == level
    assert check.value == pytest.approx(offset, abs=50)


def test_the_trial_of_others_in_the_same_place_is_left_alone(good, folder):
    good.put("probe/another/object", b"theirs")
    assert levels(good) == {}
    assert good.get("probe/another/object") == b"theirs"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do anything")
def test_a_folder_that_may_only_be_read_is_found(folder):
    modes = {path: path.stat().st_mode for path in [folder, *folder.rglob("*")] if path.is_dir()}
    for path in modes:
        path.chmod(0o500)
    try:
        checks = found(LocalBackend(str(folder), durable=False))
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert (checks["list"].level, checks["write"].level) == ("ok", "problem")
