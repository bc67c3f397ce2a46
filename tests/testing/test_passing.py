"""A wrapper without a plan changes nothing: the whole contract holds through it, on memory and on a folder."""

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from consist.blobs.opening import open_backend
from consist.testing import BackendSuite, FaultyBackend, LatencyBackend

STORE = MemoryFileSystem.store


class MemoryPlace(BackendSuite):
    processes = False

    @pytest.fixture(autouse=True)
    def _place(self, request):
        self.root = f"/passing/{type(self).__name__}/{request.node.name}"
        yield
        for path in [path for path in STORE if path.startswith(self.root + "/")]:
            del STORE[path]

    def make_inner(self):
        return open_backend(f"memory:/{self.root}")

    def oracle_read(self, key):
        found = STORE.get(f"{self.root}/{key}")
        return None if found is None else found.getvalue()

    def oracle_write(self, key, data):
        MemoryFileSystem().pipe_file(f"{self.root}/{key}", data)

    def oracle_list(self):
        return {path[len(self.root) + 1 :] for path in STORE if path.startswith(self.root + "/")}


class TestFaulty(MemoryPlace):
    def make_backend(self):
        return FaultyBackend(self.make_inner(), [])


class TestLatency(MemoryPlace):
    def make_backend(self):
        return LatencyBackend(self.make_inner(), 1.0, 1.0, sleep=lambda _seconds: None)


class TestFaultyFolder(BackendSuite):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path):
        self.root = tmp_path / "store"

    def make_backend(self):
        return FaultyBackend(open_backend(self.root, durable=False), [], paths=True)

    def oracle_read(self, key):
        path = self.root / key
        return path.read_bytes() if path.is_file() else None

    def oracle_write(self, key, data):
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def oracle_list(self):
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}


def test_paths_are_hidden_unless_asked_for(tmp_path):
    inner = open_backend(tmp_path)
    hidden, shown = FaultyBackend(inner, []), FaultyBackend(inner, [], paths=True)
    assert (hidden.capabilities.files, hidden.path_of("a/b")) == (False, None)
    assert (shown.capabilities.files, shown.path_of("a/b")) == (True, str(tmp_path / "a/b"))
    assert hidden.capabilities.create
    assert hidden.capabilities.replace
    assert hidden.url == str(tmp_path)
