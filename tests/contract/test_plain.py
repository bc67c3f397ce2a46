"""The contract on a filesystem that consist knows nothing of: it stores and reads, and says that it cannot more."""

import warnings

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from consist.blobs.opening import open_backend
from consist.errors import AlreadyExistsError, ConsistWarning
from consist.testing import BackendSuite


class StrangeFileSystem(MemoryFileSystem):
    protocol = "strange"
    store = {}  # noqa: RUF012 - its own, as fsspec's memory has it
    pseudo_dirs = [""]  # noqa: RUF012

    @classmethod
    def _strip_protocol(cls, path):
        return MemoryFileSystem._strip_protocol(path.removeprefix("strange://"))


fsspec.register_implementation("strange", StrangeFileSystem, clobber=True)


@pytest.mark.filterwarnings("ignore:.*has no exclusive creation:consist.errors.ConsistWarning")
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


def test_who_creates_there_is_told_once(request):
    url = f"strange://{request.node.name}/store"
    backend = open_backend(url)
    backend.put("blobs/1", b"x")
    with pytest.warns(ConsistWarning, match=f"{url} has no exclusive creation"):
        backend.create("results/1", b"first")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        backend.create("results/2", b"second")
        with pytest.raises(AlreadyExistsError):
            open_backend(url).create("results/1", b"third")


def test_a_place_that_creates_exclusively_is_not_spoken_of(request):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_backend(f"memory://{request.node.name}/store").create("results/1", b"first")
