"""The contract on a filesystem that consist knows nothing of: it stores and reads, and says that it cannot more."""

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from consist.blobs.opening import open_backend
from consist.testing import BackendSuite


class StrangeFileSystem(MemoryFileSystem):
    protocol = "strange"
    store = {}  # noqa: RUF012 - its own, as fsspec's memory has it
    pseudo_dirs = [""]  # noqa: RUF012

    @classmethod
    def _strip_protocol(cls, path):
        return MemoryFileSystem._strip_protocol(path.removeprefix("strange://"))


fsspec.register_implementation("strange", StrangeFileSystem, clobber=True)


class TestStrange(BackendSuite):
    processes = False

    @pytest.fixture(autouse=True)
    def _place(self):
        StrangeFileSystem.store.clear()

    def make_backend(self):
        return open_backend("strange://team/store/")

    def oracle_read(self, key):
        found = StrangeFileSystem.store.get(f"/team/store/{key}")
        return None if found is None else found.getvalue()

    def oracle_write(self, key, data):
        StrangeFileSystem().pipe_file(f"/team/store/{key}", data)

    def oracle_list(self):
        return {path.removeprefix("/team/store/") for path in StrangeFileSystem.store}

    def test_it_says_what_it_cannot(self, backend):
        assert backend.capabilities.create is False
        assert backend.capabilities.replace is False
        assert backend.capabilities.files is False
