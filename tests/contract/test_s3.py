"""The contract on S3: both drivers on both servers, checked with botocore."""

import uuid

import pytest
from servers import BUCKET

from consist.blobs.opening import open_backend
from consist.testing import BackendSuite


class S3Suite(BackendSuite):
    driver = "s3fs"

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
