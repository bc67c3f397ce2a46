"""Each fault befalls the operation that the plan names, does there what it says, and nothing anywhere else."""

import threading

import pytest

from consist.blobs.backend import Range
from consist.blobs.opening import open_backend
from consist.errors import (
    AlreadyExistsError,
    StorageError,
    StorageFullError,
    StoragePermissionError,
    UnreachableError,
    UsageError,
)
from consist.testing import Fault, FaultyBackend
from consist.testing.faultplan import (
    CUT,
    DELAY,
    ERROR,
    EVER,
    FLIPPED,
    LOST,
    STALE,
    SUFFERS,
    TORN,
    forbidden,
    full,
    storm,
)
from consist.testing.passing import OPERATIONS

KEY = "blobs/ab/cdef"
DATA = bytes(range(100))


@pytest.fixture
def inner(tmp_path):
    return open_backend(tmp_path / "store", durable=False)


def upload(backend, key, data):
    with backend.upload() as going:
        going.write(data)
        going.publish(key)


def replace(backend, key, data):
    backend.replace(key, data, if_match=backend.get_versioned(key).version)


WRITERS = {
    "put": lambda backend: backend.put(KEY, DATA),
    "put_many": lambda backend: backend.put_many([(KEY, DATA)]),
    "upload.publish": lambda backend: upload(backend, KEY, DATA),
    "create": lambda backend: backend.create(KEY, DATA),
    "replace": lambda backend: replace(backend, KEY, DATA),
}
OTHERS = {
    "upload": lambda backend: upload(backend, KEY, DATA),
    "upload.write": lambda backend: upload(backend, KEY, DATA),
    "get": lambda backend: backend.get(KEY),
    "get_versioned": lambda backend: backend.get_versioned(KEY),
    "get_range": lambda backend: backend.get_range(KEY, 0, 10),
    "get_ranges": lambda backend: backend.get_ranges([Range(KEY, 0, 10)]),
    "stat": lambda backend: backend.stat(KEY),
    "stat_many": lambda backend: backend.stat_many([KEY]),
    "list": lambda backend: [*backend.list("blobs")],
    "delete": lambda backend: backend.delete(KEY),
    "sweep": lambda backend: backend.sweep(0),
}
ALL = WRITERS | OTHERS


def prepared(inner, operation):
    """Give an operation what it needs, and return what is under the key then."""
    if operation == "create":
        return None
    inner.put(KEY, b"old")
    return b"old"


def test_every_operation_is_tried_here():
    assert set(ALL) == set(OPERATIONS)


@pytest.mark.parametrize("operation", ALL)
def test_an_error_leaves_the_operation_undone(inner, operation):
    before = prepared(inner, operation)
    backend = FaultyBackend(inner, [Fault(ERROR, operation=operation)])
    with pytest.raises(UnreachableError, match=f"^{operation} of .* failed on purpose"):
        ALL[operation](backend)
    assert (inner.get(KEY) if inner.stat(KEY) else None) == before
    assert [call.operation for call in backend.struck] == [operation]
    ALL[operation](backend)
    assert len(backend.struck) == 1


@pytest.mark.parametrize("operation", [*WRITERS, "delete"])
def test_a_lost_answer_is_of_something_done(inner, operation):
    prepared(inner, operation)
    backend = FaultyBackend(inner, [Fault(LOST, operation=operation)])
    with pytest.raises(UnreachableError):
        ALL[operation](backend)
    if operation == "delete":
        assert inner.stat(KEY) is None
    else:
        assert inner.get(KEY) == DATA
    if operation == "create":
        with pytest.raises(AlreadyExistsError):
            ALL[operation](backend)


@pytest.mark.parametrize("operation", WRITERS)
def test_a_torn_write_leaves_a_part(inner, operation):
    prepared(inner, operation)
    backend = FaultyBackend(inner, [Fault(TORN, operation=operation, where=0.25)])
    with pytest.raises(UnreachableError):
        ALL[operation](backend)
    assert inner.get(KEY) == DATA[:25]


def test_a_torn_batch_has_whole_objects_before_and_none_after(inner):
    backend = FaultyBackend(inner, [Fault(TORN)])
    with pytest.raises(UnreachableError):
        backend.put_many([(f"blobs/00/{number}", DATA) for number in range(4)])
    assert sorted((found.key, found.size) for found in inner.list("")) == [
        ("blobs/00/0", 100),
        ("blobs/00/1", 100),
        ("blobs/00/2", 50),
    ]


def read_all(backend):
    return [
        backend.get(KEY),
        backend.get_versioned(KEY).data,
        backend.get_range(KEY, 0, 100),
        *backend.get_ranges([Range(KEY, 0, 100)]),
    ]


@pytest.mark.parametrize("number", range(4))
def test_a_flipped_bit_is_one_bit_of_what_is_read(inner, number):
    inner.put(KEY, DATA)
    read = read_all(FaultyBackend(inner, [Fault(FLIPPED, at=number, where=0.99)]))
    wrong = int.from_bytes(read.pop(number), "big") ^ int.from_bytes(DATA, "big")
    assert wrong.bit_count() == 1
    assert read == [DATA] * 3
    assert inner.get(KEY) == DATA


@pytest.mark.parametrize("number", range(4))
def test_a_cut_read_ends_early(inner, number):
    inner.put(KEY, DATA)
    read = read_all(FaultyBackend(inner, [Fault(CUT, at=number, where=0.5)]))
    assert read.pop(number) == DATA[:50]
    assert read == [DATA] * 3


@pytest.mark.parametrize("effect", [FLIPPED, CUT])
def test_memory_of_a_driver_is_spoilt_as_bytes_are(inner, effect, monkeypatch):
    monkeypatch.setattr(type(inner), "get_ranges", lambda _self, ranges: [memoryview(b"content") for _ in ranges])
    (data,) = FaultyBackend(inner, [Fault(effect, where=0.5)]).get_ranges([Range(KEY, 0, 7)])
    assert data != b"content"


def test_of_several_ranges_one_is_spoilt(inner):
    inner.put(KEY, DATA)
    ranges = [Range(KEY, start, 10) for start in (0, 10, 20, 30)]
    read = FaultyBackend(inner, [Fault(CUT)]).get_ranges(ranges)
    assert [len(piece) for piece in read] == [10, 10, 5, 10]


def test_empty_answers_have_nothing_to_spoil(inner):
    inner.put(KEY, b"")
    backend = FaultyBackend(inner, [Fault(FLIPPED, times=EVER)])
    assert read_all(backend) == [b""] * 4
    assert backend.get_ranges([]) == []


def test_a_stale_list_is_of_when_the_backend_was_made(inner):
    inner.put(KEY, DATA)
    inner.put("packs/ab/cd", DATA)
    backend = FaultyBackend(inner, [Fault(STALE, times=2)])
    backend.delete(KEY)
    backend.put("blobs/ab/new", DATA)
    assert [found.key for found in backend.list("blobs")] == [KEY]
    assert sorted(found.key for found in backend.list("")) == [KEY, "packs/ab/cd"]
    assert [found.key for found in backend.list("blobs")] == ["blobs/ab/new"]


def test_a_delay_waits_and_goes_on_to_other_faults(inner):
    slept = []
    plan = [Fault(DELAY, seconds=7.5, operation="get"), Fault(CUT, operation="get")]
    backend = FaultyBackend(inner, plan, sleep=slept.append)
    backend.put(KEY, DATA)
    assert slept == []
    assert backend.get(KEY) == DATA[:50]
    assert slept == [7.5]


def test_faults_are_counted_among_what_fits_them(inner):
    backend = FaultyBackend(inner, [Fault(ERROR, at=2), Fault(TORN, at=1)])
    backend.put(KEY, DATA)
    backend.get(KEY)
    with pytest.raises(UnreachableError, match=r"^stat"):
        backend.stat(KEY)
    with pytest.raises(UnreachableError, match=r"^put"):
        backend.put(KEY, DATA)
    assert [call.operation for call in backend.calls] == ["put", "get", "stat", "put"]
    assert [call.keys for call in backend.struck] == [(KEY,), (KEY,)]


def test_a_storm_ends(inner):
    inner.put(KEY, DATA)
    backend = FaultyBackend(inner, [storm(3, at=1, operation="get")])
    answers = []
    for _ in range(6):
        try:
            answers.append(len(backend.get(KEY)))
        except UnreachableError:
            answers.append("503")
    assert answers == [100, "503", "503", "503", 100, 100]


@pytest.mark.parametrize(("fault", "error"), [(full, StorageFullError), (forbidden, StoragePermissionError)])
def test_a_full_or_forbidden_place_stays_so(inner, fault, error):
    backend = FaultyBackend(inner, [fault(operation="put", at=1)])
    backend.put(KEY, DATA)
    for _ in range(3):
        with pytest.raises(error):
            backend.put(KEY, b"other")
    assert backend.get(KEY) == DATA


def test_a_fault_that_is_no_fault_of_ours_passes_the_tree_by(inner):
    backend = FaultyBackend(inner, [Fault(ERROR, error=AlreadyExistsError)])
    with pytest.raises(AlreadyExistsError) as raised:
        backend.create(KEY, DATA)
    assert not isinstance(raised.value, StorageError)


@pytest.mark.parametrize("effect", SUFFERS)
def test_what_cannot_happen_cannot_be_planned(effect):
    for operation in OPERATIONS:
        if operation in SUFFERS[effect]:
            Fault(effect, operation=operation)
        else:
            with pytest.raises(UsageError, match=operation):
                Fault(effect, operation=operation)
    with pytest.raises(UsageError, match="earthquake"):
        Fault("earthquake")


def test_of_many_threads_one_is_struck(inner):
    inner.put(KEY, DATA)
    backend = FaultyBackend(inner, [Fault(ERROR, at=100)])
    failed = []

    def reader():
        for _ in range(50):
            try:
                backend.get(KEY)
            except UnreachableError:
                failed.append(True)

    threads = [threading.Thread(target=reader) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == [True]
    assert len(backend.calls) == 200
