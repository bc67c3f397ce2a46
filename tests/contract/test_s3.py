"""The contract on S3: both drivers on both servers, checked with botocore.

What many writers do at once is decided by the server: they meet a few times, on a real one. A forked child uses s3fs
whichever driver its parent had, so that processes meet by s3fs alone.
"""

import uuid

import pytest
from servers import BUCKET

from consist.blobs.opening import open_backend
from consist.testing import BackendSuite
from consist.testing.together import in_processes, in_threads

THOUSANDS: dict[str, str] = {}
"""For each server, where it has more objects than one answer of a listing holds: they are listed by both drivers."""


class S3Suite(BackendSuite):
    driver = "s3fs"
    rounds = 8
    big = 256 << 10

    @pytest.fixture(autouse=True)
    def _place(self, server):
        self.server = server
        self.root = f"contract/{uuid.uuid4().hex}"

    def make_backend(self):
        options = self.server.options(consist_driver=self.driver)
        return open_backend(f"s3://{BUCKET}/{self.root}", storage_options=options)

    def oracle_read(self, key):
        return self.server.read(f"{self.root}/{key}")

    def oracle_write(self, key, data):
        self.server.write(f"{self.root}/{key}", data)

    def oracle_write_many(self, items):
        self.server.write_many([(f"{self.root}/{key}", data) for key, data in items])

    def oracle_list(self):
        return {key.removeprefix(f"{self.root}/") for key in self.server.list(f"{self.root}/")}

    def test_list_of_many(self):
        keys = {f"blobs/{number % 7:02}/{number}" for number in range(1_100)}
        if self.server.endpoint not in THOUSANDS:
            self.oracle_write_many([(key, b"") for key in keys])
            THOUSANDS[self.server.endpoint] = self.root
        self.root = THOUSANDS[self.server.endpoint]
        assert [found.key for found in self.make_backend().list("blobs")] == sorted(keys)


class OnMinistack:
    @pytest.fixture
    def server(self, ministack):
        return ministack

    @pytest.fixture
    def together(self):
        pytest.skip("many writers meet on a real server: how an emulator keeps them apart says nothing of S3")


class OnSeaweedfs:
    @pytest.fixture
    def server(self, seaweedfs):
        return seaweedfs

    @pytest.fixture(params=["threads", "processes"])
    def together(self, request):
        if request.param == "threads":
            return in_threads
        if self.driver != "s3fs":
            pytest.skip("a forked child uses s3fs")
        return in_processes


class TestS3fsOnMinistack(OnMinistack, S3Suite):
    pass


class TestObstoreOnMinistack(OnMinistack, S3Suite):
    driver = "obstore"


@pytest.mark.slow
class TestS3fsOnSeaweedfs(OnSeaweedfs, S3Suite):
    pass


@pytest.mark.slow
class TestObstoreOnSeaweedfs(OnSeaweedfs, S3Suite):
    driver = "obstore"
