"""What a server can do is tried: on one that does it, on ones that only pretend, and by those who may not try."""

import contextlib
import uuid

import pytest
from servers import BUCKET

from consist.blobs.opening import open_backend
from consist.blobs.remote import RemoteBackend, probe
from consist.errors import AlreadyExistsError, ConsistWarning, UnsupportedError


@pytest.fixture
def root():
    return f"probe/{uuid.uuid4().hex}"


@pytest.fixture
def open_it(ministack, proxy, root, driver):
    def open_it(memory):
        options = ministack.options(endpoint=proxy.endpoint, consist_driver=driver)
        return open_backend(f"s3://{BUCKET}/{root}", storage_options=options, memory=memory)

    return open_it


def test_it_is_tried_once_and_leaves_nothing(open_it, proxy, ministack, root):
    memory = {}
    backend = open_it(memory)
    assert backend.capabilities.files is False
    assert proxy.seen == []
    assert backend.capabilities.create
    assert backend.capabilities.replace
    tried = len(proxy.seen)
    assert tried > 5
    assert all("/tmp-probe-" in path or "?delete" in path for _, path, _ in proxy.seen)
    assert ministack.list(f"{root}/") == set()
    assert open_it(memory).capabilities.replace
    assert len(proxy.seen) == tried
    assert sorted(name.rpartition(": ")[2] for name in memory) == ["create", "replace"]
    assert set(memory.values()) == {"yes"}
    assert all(proxy.endpoint.removeprefix("http://") in name for name in memory)


def test_what_is_remembered_holds_no_secret(ministack, root):
    memory = {}
    options = ministack.options(endpoint=ministack.endpoint.replace("//", "//user:s3cr3t@"), consist_driver="obstore")
    backend = RemoteBackend(f"s3://{BUCKET}/{root}", options, memory=memory)
    assert backend.capabilities.create
    assert memory
    assert "s3cr3t" not in str(memory)
    assert "s3cr3t" not in repr(backend)


@pytest.mark.parametrize("header", ["If-None-Match", "If-Match"])
def test_a_server_that_ignores_a_condition_is_found_out(open_it, proxy, ministack, root, header):
    proxy.without = header
    backend = open_it({})
    creates = header != "If-None-Match"
    assert backend.capabilities.create is creates
    assert backend.capabilities.replace is (header != "If-Match")
    assert ministack.list(f"{root}/") == set()
    with contextlib.nullcontext() if creates else pytest.warns(ConsistWarning, match="no exclusive creation"):
        backend.create("results/1", b"first")
    with pytest.raises(AlreadyExistsError):
        backend.create("results/1", b"second")
    assert ministack.read(f"{root}/results/1") == b"first"
    if header == "If-Match":
        with pytest.raises(UnsupportedError, match="no compare-and-swap"):
            backend.replace("results/1", b"x", if_match=backend.get_versioned("results/1").version)
        with pytest.raises(UnsupportedError):
            backend.delete("results/1", if_match=backend.get_versioned("results/1").version)
        assert ministack.read(f"{root}/results/1") == b"first"


def test_what_a_killed_probe_leaves_is_hidden_and_swept(open_it, ministack, root):
    backend = open_it({})
    ministack.write(f"{root}/tmp-probe-1234", b"left")
    backend.put("blobs/1", b"x")
    assert [found.key for found in backend.list("")] == ["blobs/1"]
    assert backend.sweep(3600) == 0
    assert ministack.read(f"{root}/tmp-probe-1234") == b"left"
    assert backend.sweep(0) == 1
    assert ministack.list(f"{root}/") == {f"{root}/blobs/1"}


def test_without_a_memory_the_process_remembers(ministack, root, driver):
    options = ministack.options(consist_driver=driver)
    backend = open_backend(f"s3://{BUCKET}/{root}", storage_options=options)
    assert backend.capabilities.create
    assert [value for name, value in probe.process_memory.items() if root in name] == ["yes"]


def test_who_never_replaces_does_not_pay_for_trying_it(open_it, proxy, root):
    open_it({}).create("results/1", b"x")
    assert [method for method, path, _ in proxy.seen if "?delete" not in path][:3] == ["PUT", "PUT", "GET"]
    assert sum(method == "PUT" for method, _, _ in proxy.seen) == 3
