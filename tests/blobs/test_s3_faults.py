"""S3 on a bad day: servers that are busy, hang up or lose answers, by a proxy before a real one. Both drivers.

Whether a request was committed is looked up on the server itself.
"""

import pickle
import socket
import traceback
import uuid

import pytest
from faulty import Fault
from servers import BUCKET

from consist.blobs.backend import Range
from consist.blobs.opening import open_backend
from consist.blobs.remote import RemoteBackend, bounds
from consist.blobs.wrappers import Retrying
from consist.errors import (
    AlreadyExistsError,
    BlobNotFoundError,
    ChangedError,
    StorageError,
    StorageFullError,
    StoragePermissionError,
    UnreachableError,
)

SECRET = "a-secret-that-nobody-may-see"  # noqa: S105 - a made-up one


@pytest.fixture
def root():
    return f"faults/{uuid.uuid4().hex}"


@pytest.fixture
def stored(ministack, root):
    """Look up what the server holds."""
    return lambda key: ministack.read(f"{root}/{key}")


@pytest.fixture
def options(ministack, proxy, driver):
    return ministack.options(secret=SECRET, endpoint=proxy.endpoint, consist_driver=driver)


@pytest.fixture
def backend(root, options):
    """A patient backend that knows what the server can do, and has spoken to it."""
    memory = {}
    backend = Retrying(RemoteBackend(f"s3://{BUCKET}/{root}", options, memory=memory))
    assert backend.capabilities.create
    assert backend.capabilities.replace
    return backend


@pytest.fixture
def impatient(root, options):
    """The bare adapter, which asks once."""
    return RemoteBackend(f"s3://{BUCKET}/{root}", options, memory={})


BUSY = [
    (500, "InternalError"),
    (503, "SlowDown"),
    (520, ""),
    (429, "TooManyRequests"),
    (409, "ConditionalRequestConflict"),
    (None, ""),
]


@pytest.mark.parametrize("fault", BUSY, ids=str)
def test_a_busy_server_is_asked_again(backend, proxy, driver, stored, fault):
    status, code = fault
    proxy.faults += [Fault("PUT", status, code, times=2), Fault("GET", status, code), Fault("HEAD", status, code)]
    proxy.faults += [Fault("POST" if driver == "obstore" else "DELETE", status, code)]  # a deletion
    backend.put("blobs/1", b"content")
    assert stored("blobs/1") == b"content"
    assert backend.get("blobs/1") == b"content"
    assert backend.stat("blobs/1").size == 7
    assert [found.key for found in backend.list("blobs")] == ["blobs/1"]
    backend.delete("blobs/1")
    assert stored("blobs/1") is None
    assert all(fault.times == 0 for fault in proxy.faults)


@pytest.mark.parametrize(("status", "code"), BUSY)
def test_the_adapter_itself_asks_once(impatient, proxy, status, code):
    proxy.faults.append(Fault("*", status, code, times=1000))
    for call in (
        lambda: impatient.put("blobs/1", b"x"),
        lambda: impatient.get("blobs/1"),
        lambda: impatient.stat("blobs/1"),
        lambda: list(impatient.list("blobs")),
        lambda: impatient.delete("blobs/1"),
    ):
        before = len(proxy.seen)
        with pytest.raises(UnreachableError, match="cannot"):
            call()
        assert len(proxy.seen) == before + 1


@pytest.mark.parametrize("status", [None, 503])
@pytest.mark.parametrize("attempts", [1, 3])
def test_a_creation_whose_answer_was_lost_was_ours(backend, proxy, stored, status, attempts):
    proxy.faults.append(Fault("PUT", status, "SlowDown", pass_on=True, times=attempts))
    backend.create("results/1", b"ours, with a nonce")
    assert stored("results/1") == b"ours, with a nonce"


@pytest.mark.parametrize("status", [None, 503])
def test_a_creation_whose_answer_was_lost_and_that_came_second_was_not(backend, proxy, stored, status):
    backend.create("results/1", b"theirs")
    proxy.faults.append(Fault("PUT", status, "SlowDown", pass_on=True))
    with pytest.raises(AlreadyExistsError, match="results/1"):
        backend.create("results/1", b"ours, with a nonce")
    assert stored("results/1") == b"theirs"


def test_a_conflict_that_stored_nothing_is_no_answer(backend, proxy, stored):
    proxy.faults.append(Fault("PUT", 409, "ConditionalRequestConflict", times=2))
    backend.create("results/1", b"ours")
    assert stored("results/1") == b"ours"
    with pytest.raises(AlreadyExistsError):
        backend.create("results/1", b"ours")


def test_a_swap_whose_answer_was_lost_was_ours(backend, proxy, stored):
    backend.create("leases/1", b"one")
    version = backend.get_versioned("leases/1").version
    proxy.faults.append(Fault("PUT", None, pass_on=True))
    backend.replace("leases/1", b"two", if_match=version)
    assert stored("leases/1") == b"two"
    proxy.faults.append(Fault("PUT", None, pass_on=True))
    with pytest.raises(ChangedError):
        backend.replace("leases/1", b"three", if_match=version)
    assert stored("leases/1") == b"two"


def test_a_conditional_deletion_whose_answer_was_lost_is_done(backend, proxy, stored):
    backend.create("leases/1", b"one")
    version = backend.get_versioned("leases/1").version
    proxy.faults.append(Fault("DELETE", None, pass_on=True))
    backend.delete("leases/1", if_match=version)
    assert stored("leases/1") is None
    backend.create("leases/1", b"two")
    proxy.faults.append(Fault("DELETE", None, pass_on=True))
    with pytest.raises(ChangedError):
        backend.delete("leases/1", if_match=version)
    assert stored("leases/1") == b"two"


def test_of_a_batch_only_what_had_no_answer_is_asked_again(backend, proxy, stored):
    items = [(f"blobs/{number}", b"%d" % number) for number in range(40)]
    proxy.faults.append(Fault("PUT", 503, "SlowDown", times=3))
    before = proxy.count("PUT")
    backend.put_many(items)
    assert proxy.count("PUT") == before + 43
    assert {key: stored(key) for key, _ in items} == dict(items)
    proxy.faults.append(Fault("GET", 503, "SlowDown", times=5))
    before = proxy.count("GET")
    assert list(backend.get_ranges([Range(key, 0, 9) for key, _ in items])) == [data for _, data in items]
    assert proxy.count("GET") == before + 45
    proxy.faults.append(Fault("HEAD", None, times=2))
    assert [found.size for found in backend.stat_many([key for key, _ in items])] == [len(data) for _, data in items]


def test_an_upload_is_published_again(backend, proxy, stored):
    proxy.faults.append(Fault("PUT", None, times=2))
    with backend.upload() as upload:
        upload.write(b"one ")
        upload.write(b"two")
        upload.publish("blobs/1")
    assert stored("blobs/1") == b"one two"


def test_it_gives_up_at_the_deadline_and_says_how_often_it_tried(root, options, proxy):
    backend = Retrying(RemoteBackend(f"s3://{BUCKET}/{root}", options), deadline=0.5)
    proxy.faults.append(Fault("*", 503, "SlowDown", times=10_000))
    with pytest.raises(UnreachableError, match=r"busy \(SlowDown\), in (one attempt|\d+ attempts) within"):
        backend.get("blobs/1")
    assert {status for _, _, status in proxy.seen} == {503}


def put_large(backend, size):
    with backend.upload() as upload:
        upload.write(bytes(size))
        upload.publish("packs/1")


def test_a_server_that_says_nothing(driver, ministack, monkeypatch):
    """A PUT to one hung for ever by s3fs alone, whose timeout begins when the answer does."""
    monkeypatch.setattr(bounds, "SILENT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        options = ministack.options(endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}", consist_driver=driver)
        backend = RemoteBackend(f"s3://{BUCKET}/silent", options)
        for call in (
            lambda: backend.put("blobs/1", b"x"),
            lambda: backend.put_many([("blobs/1", b"x"), ("blobs/2", b"x")]),
            lambda: put_large(backend, 20 << 20),
            lambda: backend.get("blobs/1"),
            lambda: backend.stat("blobs/1"),
            lambda: list(backend.list("")),
            lambda: backend.delete("blobs/1"),
        ):
            with pytest.raises(UnreachableError, match="no answer"):
                call()


def test_a_server_that_speaks_no_tls_is_named_and_not_asked_again(ministack, driver):
    """It was "no answer", ten seconds later."""
    host = ministack.endpoint.removeprefix("http://")
    options = ministack.options(endpoint=f"https://{host}", consist_driver=driver)
    with pytest.raises(StorageError, match=rf"https://{host} does not speak TLS .*http://{host}\)") as caught:
        RemoteBackend(f"s3://{BUCKET}/plain", options).get("blobs/1")
    assert not isinstance(caught.value, UnreachableError)


READS = ("GET", "HEAD")
REFUSALS = [
    (403, "AccessDenied", StoragePermissionError, "s3:GetObject"),
    (403, "SignatureDoesNotMatch", StoragePermissionError, "credentials were refused"),
    (400, "ExpiredToken", StoragePermissionError, "credentials were refused"),
    (403, "RequestTimeTooSkewed", StorageError, "clock"),
    (400, "AuthorizationHeaderMalformed", StorageError, "another region"),
    (403, "QuotaExceeded", StorageFullError, "quota"),
    (507, "XMinioStorageFull", StorageFullError, "quota"),
    (404, "NoSuchBucket", StorageError, "no such bucket"),
    (404, "NoSuchKey", BlobNotFoundError, "not there"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=[row[1] for row in REFUSALS])
def test_a_refusal_is_said_in_our_words_at_once_and_tells_no_secret(backend, proxy, refusal):
    status, code, kind, said = refusal
    proxy.faults.append(Fault("GET", status, code, times=1000))
    with pytest.raises(kind, match=said) as raised:
        backend.get("blobs/1")
    assert type(raised.value) is kind
    assert proxy.seen[-1][2] == status
    texts = [str(raised.value), repr(raised.value), repr(backend), str(pickle.dumps(raised.value))]
    texts += traceback.format_exception(raised.value)
    assert not [text for text in texts if SECRET in text]


def test_without_the_right_to_list_a_missing_object_is_told_from_a_forbidden_one(backend, proxy, ministack, root):
    """As AWS does it: 403 for whatever is not there, if one may read but not list."""
    ministack.write(f"{root}/consist.json", b"{}")
    ministack.write(f"{root}/blobs/1", b"x")
    proxy.faults += [
        Fault(method, 403, "AccessDenied", pass_on=True, only=404, times=1000) for method in ("GET", "HEAD")
    ]
    assert backend.get("blobs/1") == b"x"
    assert backend.stat("blobs/none") is None
    assert [found and found.size for found in backend.stat_many(["blobs/none", "blobs/1"])] == [None, 1]
    with pytest.raises(BlobNotFoundError):
        backend.get("blobs/none")
    with pytest.raises(BlobNotFoundError, match="blobs/none"):
        backend.get_ranges([Range("blobs/1", 0, 1), Range("blobs/none", 0, 1)])


def test_a_forbidden_object_is_no_missing_one(backend, proxy, ministack, root):
    ministack.write(f"{root}/consist.json", b"{}")
    ministack.write(f"{root}/blobs/1", b"x")
    proxy.faults += [Fault(method, 403, "AccessDenied", path="blobs/1", times=1000) for method in ("GET", "HEAD")]
    for call in (lambda: backend.get("blobs/1"), lambda: backend.stat("blobs/1")):
        with pytest.raises(StoragePermissionError, match="without the right to list"):
            call()


def test_reading_sends_one_request_and_no_probe(root, options, proxy, ministack):
    ministack.write(f"{root}/blobs/1", b"content")
    backend = open_backend(f"s3://{BUCKET}/{root}", storage_options=options)
    assert backend.capabilities.files is False
    assert backend.get("blobs/1") == b"content"
    assert backend.get_range("blobs/1", 3, 100) == b"tent"
    assert backend.get_range("blobs/1", 100, 5) == b""
    assert backend.stat("blobs/1").size == 7
    assert [found.key for found in backend.list("")] == ["blobs/1"]
    assert [method for method, _, _ in proxy.seen] == ["GET", "GET", "GET", "HEAD", "GET"]
