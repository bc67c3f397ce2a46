"""How long a request takes is counted by an injected sleep: nothing here waits."""

import pytest

from consist.blobs.backend import Range
from consist.blobs.opening import open_backend
from consist.errors import BlobNotFoundError
from consist.testing import LatencyBackend

KEY = "blobs/ab/cdef"


@pytest.fixture
def slept():
    return []


@pytest.fixture
def backend(tmp_path, slept):
    return LatencyBackend(open_backend(tmp_path / "store", durable=False), 1.0, 0.001, sleep=slept.append)


def test_each_request_costs_its_time_and_its_bytes(backend, slept):
    backend.put(KEY, bytes(500))
    backend.create("results/1", bytes(200))
    version = backend.get_versioned("results/1").version
    backend.replace("results/1", bytes(100), if_match=version)
    backend.get(KEY)
    backend.get_range(KEY, 400, 300)
    backend.stat(KEY)
    list(backend.list("blobs"))
    backend.delete(KEY)
    assert slept == pytest.approx([1.5, 1.2, 1.2, 1.1, 1.5, 1.1, 1, 1, 1])


def test_a_batch_costs_a_request_for_every_sixteen(backend, slept):
    backend.put_many([(f"blobs/00/{number}", bytes(10)) for number in range(16)])
    backend.stat_many([KEY] * 33)
    backend.get_ranges([Range("blobs/00/1", 0, 5)] * 4)
    backend.put_many([])
    assert slept == pytest.approx([1.16, 3, 1.02, 0])


def test_memory_of_a_driver_counts_as_bytes_do(backend, slept, monkeypatch):
    monkeypatch.setattr(type(backend.inner), "get_ranges", lambda _self, ranges: [memoryview(bytes(5)) for _ in ranges])
    backend.get_ranges([Range(KEY, 0, 5)] * 2)
    assert slept == pytest.approx([1.01])


def test_an_upload_costs_when_it_is_published(backend, slept):
    with backend.upload() as upload:
        upload.write(bytes(1000))
        upload.write(bytes(500))
        assert slept == []
        upload.publish(KEY)
    assert slept == pytest.approx([2.5])


def test_an_answer_that_is_an_error_takes_its_time_too(backend, slept):
    with pytest.raises(BlobNotFoundError):
        backend.get(KEY)
    assert slept == pytest.approx([1])
