"""GCS on a bad day, by a proxy before an emulator: what is asked again, and what is said."""

import traceback
import uuid

import pytest
from faulty import Fault, proxy_to
from servers import BUCKET

from consist.blobs.backend import Range
from consist.blobs.opening import open_backend
from consist.blobs.remote import RemoteBackend, bounds
from consist.blobs.wrappers import Retrying
from consist.errors import (
    AlreadyExistsError,
    BlobNotFoundError,
    StorageError,
    StoragePermissionError,
    UnreachableError,
)


@pytest.fixture
def proxy(fake_gcs):
    with proxy_to(fake_gcs.endpoint) as proxy:
        yield proxy


@pytest.fixture
def root():
    return f"faults/{uuid.uuid4().hex}"


@pytest.fixture
def backend(fake_gcs, proxy, root):
    backend = Retrying(RemoteBackend(f"gs://{BUCKET}/{root}", fake_gcs.options(endpoint_url=proxy.endpoint), memory={}))
    assert backend.capabilities.create
    return backend


@pytest.mark.parametrize("status", [503, 500, 429, None])
def test_a_busy_server_is_asked_again(backend, proxy, fake_gcs, root, status):
    proxy.faults += [Fault("POST", status, times=2), Fault("GET", status)]
    backend.put("blobs/1", b"content")
    assert fake_gcs.read(f"{root}/blobs/1") == b"content"
    assert backend.get("blobs/1") == b"content"
    proxy.faults += [Fault("GET", status), Fault("DELETE", status)]
    assert backend.stat("blobs/1").size == 7
    backend.delete("blobs/1")
    assert fake_gcs.read(f"{root}/blobs/1") is None
    assert all(fault.times == 0 for fault in proxy.faults)


def test_the_adapter_itself_asks_once(fake_gcs, proxy, root):
    backend = RemoteBackend(f"gs://{BUCKET}/{root}", fake_gcs.options(endpoint_url=proxy.endpoint))
    proxy.faults.append(Fault("*", 503, times=1000))
    for call in (lambda: backend.put("blobs/1", b"x"), lambda: backend.get("blobs/1")):
        before = len(proxy.seen)
        with pytest.raises(UnreachableError, match="busy"):
            call()
        assert len(proxy.seen) == before + 1


@pytest.mark.parametrize("status", [None, 503])
def test_a_lost_answer_is_told_from_a_lost_race(backend, proxy, fake_gcs, root, status):
    proxy.faults.append(Fault("POST", status, pass_on=True))
    backend.create("results/1", b"ours, with a nonce")
    assert fake_gcs.read(f"{root}/results/1") == b"ours, with a nonce"
    proxy.faults.append(Fault("POST", status, pass_on=True))
    with pytest.raises(AlreadyExistsError):
        backend.create("results/1", b"another")
    assert fake_gcs.read(f"{root}/results/1") == b"ours, with a nonce"


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (403, StoragePermissionError, "storage.objects.get"),
        (401, StoragePermissionError, "credentials were refused"),
        (404, BlobNotFoundError, "not there"),
    ],
)
def test_a_refusal_is_said_in_our_words(backend, proxy, status, kind, said):
    proxy.faults.append(Fault("GET", status, path="blobs", times=1000))
    with pytest.raises(kind, match=said) as raised:
        backend.get("blobs/1")
    assert type(raised.value) is kind
    assert "anon" not in "".join(traceback.format_exception_only(raised.value))


@pytest.fixture
def getter(backend, proxy, fake_gcs, root):
    """Somebody who may get and not list, as GCS answers: 403 for what is not there."""
    fake_gcs.write(f"{root}/blobs/1", b"content")
    proxy.faults.append(Fault("GET", 403, pass_on=True, only=404, times=1000))
    return backend


def test_who_may_get_but_not_list_finds_what_is_there_and_misses_the_rest(getter, fake_gcs, root):
    fake_gcs.write(f"{root}/consist.json", b"{}")
    assert getter.get("blobs/1") == b"content"
    assert getter.stat("blobs/1").size == 7
    assert getter.get_ranges([Range("blobs/1", 0, 4)]) == [b"cont"]
    assert getter.stat("blobs/none") is None
    assert [found and found.size for found in getter.stat_many(["blobs/none", "blobs/1"])] == [None, 7]
    for call in (
        lambda: getter.get("blobs/none"),
        lambda: getter.get_versioned("blobs/none"),
        lambda: getter.get_range("blobs/none", 0, 1),
        lambda: getter.get_ranges([Range("blobs/1", 0, 1), Range("blobs/none", 0, 1)]),
    ):
        with pytest.raises(BlobNotFoundError, match="no object blobs/none"):
            call()


def test_where_there_is_no_store_to_read_a_missing_object_may_be_a_forbidden_one(getter):
    for call in (
        lambda: getter.get("blobs/none"),
        lambda: getter.get_versioned("blobs/none"),
        lambda: getter.get_range("blobs/none", 0, 1),
        lambda: getter.get_ranges([Range("blobs/1", 0, 1), Range("blobs/none", 0, 1)]),
        lambda: getter.stat("blobs/none"),
        lambda: getter.stat_many(["blobs/1", "blobs/none"]),
    ):
        with pytest.raises(StoragePermissionError, match=r"without the right to list.*an object that is not there"):
            call()


def test_what_is_forbidden_is_not_missing(getter, proxy, fake_gcs, root):
    fake_gcs.write(f"{root}/consist.json", b"{}")
    proxy.faults.insert(0, Fault("GET", 403, path="blobs", times=1000))
    proxy.faults[1].times = 0  # 404 for what is not there: these may list
    for call in (lambda: getter.get("blobs/1"), lambda: getter.stat_many(["blobs/1"])):
        with pytest.raises(StoragePermissionError, match=r"storage\.objects\.get"):
            call()


def test_a_bucket_that_is_not_there_is_no_missing_object(fake_gcs):
    backend = open_backend("gs://no-such-bucket/store", storage_options=fake_gcs.options())
    for call in (
        lambda: backend.get("blobs/1"),
        lambda: backend.stat("blobs/1"),
        lambda: backend.stat_many(["blobs/1"]),
        lambda: backend.get_ranges([Range("blobs/1", 0, 1)]),
        lambda: list(backend.list("")),
    ):
        with pytest.raises(StorageError, match="no such bucket"):
            call()


def test_what_was_not_stored_whole_is_noticed(backend, fake_gcs, root, monkeypatch):
    """As gcsfs's own uploads did it: here the end of an upload is in the content, since the line is not random."""
    from consist.blobs.remote import gcs

    monkeypatch.setattr(gcs.secrets, "token_hex", lambda _: "fixed")
    with pytest.raises(StorageError, match="of 43 bytes 5 were stored"):
        backend.create("results/1", b"begin\r\n--consist-fixed--\r\nand this would go")


def test_a_large_object_is_streamed(backend, fake_gcs, root):
    data = bytes(range(256)) * (70 << 12)
    with backend.upload() as upload:
        upload.write(data)
        upload.publish("blobs/large")
    assert fake_gcs.read(f"{root}/blobs/large") == data


def test_every_request_is_bounded(fake_gcs, monkeypatch):
    import socket

    monkeypatch.setattr(bounds, "SILENT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        options = fake_gcs.options(endpoint_url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        backend = RemoteBackend(f"gs://{BUCKET}/silent", options)
        for call in (lambda: backend.put("blobs/1", b"x"), lambda: backend.get("blobs/1")):
            with pytest.raises(UnreachableError, match="no answer"):
                call()
