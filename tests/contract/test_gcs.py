"""The contract on GCS, on an emulator, checked by plain HTTP.

The emulator ignores the condition of a deletion, so that consist rightly finds no compare-and-swap there. What can be
seen of it all the same is at the end.
"""

import uuid

import pytest
from servers import BUCKET

from consist.blobs.opening import open_backend
from consist.blobs.remote.choose import choose
from consist.blobs.remote.strategy import Place
from consist.errors import ChangedError
from consist.testing import BackendSuite


class TestGcs(BackendSuite):
    rounds = 8
    big = 256 << 10

    @pytest.fixture(autouse=True)
    def _place(self, fake_gcs):
        self.server = fake_gcs
        self.root = f"contract/{uuid.uuid4().hex}"

    def make_backend(self):
        return open_backend(f"gs://{BUCKET}/{self.root}", storage_options=self.server.options())

    def oracle_read(self, key):
        return self.server.read(f"{self.root}/{key}")

    def oracle_write(self, key, data):
        self.server.write(f"{self.root}/{key}", data)

    def oracle_write_many(self, items):
        self.server.write_many([(f"{self.root}/{key}", data) for key, data in items])

    def oracle_list(self):
        return {key.removeprefix(f"{self.root}/") for key in self.server.list(f"{self.root}/")}

    def test_what_looks_like_the_end_of_an_upload_is_content(self, backend):
        for data in (b"a\n--==0==--\nb", b"\r\n--==0==\r\n", b"--==0==--", b"\r\n" * 100):
            backend.put("blobs/ab/cdef", data)
            assert self.oracle_read("blobs/ab/cdef") == data

    def test_it_creates_but_does_not_swap(self, backend):
        assert backend.capabilities.create is True
        assert backend.capabilities.replace is False

    def test_a_generation_is_replaced_once(self, backend):
        url = f"gs://{BUCKET}/{self.root}"
        place = Place(url, url, self.server.options())
        strategy = choose(place)(place)
        backend.create("leases/1", b"one")
        first = strategy.get_versioned("leases/1")
        strategy.replace("leases/1", b"two", first.version)
        with pytest.raises(ChangedError):
            strategy.replace("leases/1", b"three", first.version)
        assert self.oracle_read("leases/1") == b"two"
        second = strategy.get_versioned("leases/1")
        assert second.version != first.version
        strategy.replace("leases/1", b"three", second.version)
        assert self.oracle_read("leases/1") == b"three"
