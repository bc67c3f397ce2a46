"""What credentials may do, on a server that checks them: each role works as far as its rights go."""

import traceback
import uuid

import pytest
from servers import BUCKET

from consist.blobs.backend import Range
from consist.blobs.opening import open_backend
from consist.blobs.remote import RemoteBackend
from consist.errors import BlobNotFoundError, StorageError, StoragePermissionError

DRIVERS = pytest.mark.parametrize("driver", ["s3fs", "obstore"])


@pytest.fixture
def root(seaweedfs):
    """A store that an admin made, with one object."""
    root = f"roles/{uuid.uuid4().hex}"
    seaweedfs.write(f"{root}/consist.json", b"{}")
    seaweedfs.write(f"{root}/blobs/1", b"content")
    return root


@pytest.fixture
def open_as(seaweedfs, root):
    def open_as(who, driver, **more):
        options = seaweedfs.options(who=who, consist_driver=driver, **more)
        return open_backend(f"s3://{BUCKET}/{root}", storage_options=options, memory={})

    return open_as


def refused(call, said):
    with pytest.raises(StoragePermissionError, match=said) as raised:
        call()
    assert "-secret" not in str(raised.value)
    told = "".join(traceback.format_exception(raised.value))
    assert "<Error>" not in told
    assert "Debug source" not in told
    assert told.count("Traceback") <= 2  # a line of what the driver said, and ours


@DRIVERS
@pytest.mark.parametrize("who", ["reader", "getter"])
def test_who_may_read_reads(open_as, seaweedfs, root, driver, who):
    backend = open_as(who, driver)
    assert backend.get("blobs/1") == b"content"
    assert backend.get_ranges([Range("blobs/1", 0, 4)]) == [b"cont"]
    assert backend.stat("blobs/1").size == 7
    assert backend.stat("blobs/none") is None
    with pytest.raises(BlobNotFoundError):
        backend.get("blobs/none")
    refused(lambda: backend.put("blobs/2", b"x"), "may not write objects .s3:PutObject")
    refused(lambda: backend.put_many([("blobs/2", b"x")]), "may not write objects .s3:PutObject")
    refused(lambda: backend.create("results/1", b"x"), "may not write objects .s3:PutObject")
    refused(lambda: backend.delete("blobs/1"), "may not delete objects .s3:DeleteObject")
    assert (backend.capabilities.create, backend.capabilities.replace) == (False, False)
    assert seaweedfs.list(f"{root}/") == {f"{root}/consist.json", f"{root}/blobs/1"}


@DRIVERS
def test_who_may_list_lists_and_who_may_not_is_told(open_as, driver):
    assert {found.key for found in open_as("reader", driver).list("")} == {"consist.json", "blobs/1"}
    refused(lambda: list(open_as("getter", driver).list("")), "may not list the bucket .s3:ListBucket")


@DRIVERS
def test_who_may_only_write_writes(open_as, seaweedfs, root, driver):
    backend = open_as("putter", driver)
    backend.put("blobs/2", b"x")
    backend.put_many([("blobs/3", b"y")])
    assert seaweedfs.read(f"{root}/blobs/2") == b"x"
    assert seaweedfs.read(f"{root}/blobs/3") == b"y"
    refused(lambda: backend.get("blobs/1"), "may not read objects .s3:GetObject.*without the right to list")
    refused(lambda: backend.stat("blobs/1"), "may not read objects .s3:GetObject")


@DRIVERS
def test_without_the_right_to_list_all_but_listings_works(open_as, seaweedfs, root, driver):
    backend = open_as("nolist", driver)
    assert backend.capabilities.create
    assert backend.capabilities.replace
    backend.create("results/1", b"one")
    backend.replace("results/1", b"two", if_match=backend.get_versioned("results/1").version)
    assert seaweedfs.read(f"{root}/results/1") == b"two"
    assert backend.stat("blobs/none") is None
    backend.delete("results/1")
    assert seaweedfs.read(f"{root}/results/1") is None
    refused(lambda: list(backend.list("")), "may not list")


@DRIVERS
def test_a_wrong_secret(open_as, driver):
    backend = open_as("admin", driver, secret="not-this-secret")  # noqa: S106 - made up
    refused(lambda: backend.get("blobs/1"), "credentials were refused .SignatureDoesNotMatch")
    refused(lambda: backend.stat("blobs/1"), "credentials were refused .SignatureDoesNotMatch")
    refused(lambda: backend.put("blobs/2", b"x"), "credentials were refused")


@DRIVERS
def test_an_unknown_key(open_as, driver):
    refused(lambda: open_as("nobody", driver).get("blobs/1"), "credentials were refused .InvalidAccessKeyId")


def test_no_credentials_at_all(seaweedfs, root, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    options = {"endpoint_url": seaweedfs.endpoint}
    backend = open_backend(f"s3://{BUCKET}/{root}", storage_options=options)
    refused(lambda: backend.get("blobs/1"), "no usable credentials were found")


@DRIVERS
def test_credentials_from_the_environment(seaweedfs, root, monkeypatch, driver):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "reader-secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", seaweedfs.endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    backend = open_backend(f"s3://{BUCKET}/{root}", storage_options={"consist_driver": driver})
    assert backend.get("blobs/1") == b"content"


@DRIVERS
def test_a_bucket_that_is_not_there_is_no_missing_object(ministack, driver):
    options = ministack.options(consist_driver=driver)
    for call in (
        lambda backend: backend.get("blobs/1"),
        lambda backend: backend.stat("blobs/1"),
        lambda backend: backend.stat_many(["blobs/1"]),
        lambda backend: backend.get_range("blobs/1", 0, 0),
        lambda backend: list(backend.list("")),
        lambda backend: backend.put("blobs/1", b"x"),
        lambda backend: backend.create("results/1", b"x"),
    ):
        backend = RemoteBackend("s3://no-such-bucket/store", options, memory={})
        with pytest.raises(StorageError, match="no such bucket"):
            call(backend)
