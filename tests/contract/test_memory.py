"""The contract on ``memory://``, checked against the filesystem's own dict."""

import signal
import threading

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from consist import fileops
from consist.blobs.opening import open_backend
from consist.errors import AlreadyExistsError
from consist.testing import BackendSuite
from consist.testing.together import fork

STORE = MemoryFileSystem.store


class TestMemory(BackendSuite):
    processes = False

    @pytest.fixture(autouse=True)
    def _place(self, request):
        self.root = f"/contract/{request.node.name}"
        yield
        for path in [path for path in STORE if path.startswith(self.root + "/")]:
            del STORE[path]

    def make_backend(self):
        return open_backend(f"memory:/{self.root}")

    def oracle_read(self, key):
        found = STORE.get(f"{self.root}/{key}")
        return None if found is None else found.getvalue()

    def oracle_write(self, key, data):
        MemoryFileSystem().pipe_file(f"{self.root}/{key}", data)

    def oracle_list(self):
        return {path[len(self.root) + 1 :] for path in STORE if path.startswith(self.root + "/")}

    def at_first_put(self, act):
        """Do something at the moment when a first writer has looked and is about to write."""
        acted = []

        def tap(moment, operation, path):
            if (moment, operation) == ("before", "put") and not acted:
                acted.append(True)
                act()

        fileops.set_tap(tap)

    @pytest.fixture(autouse=True)
    def _no_tap(self):
        yield
        fileops.set_tap(None)

    def test_a_second_creator_waits_for_the_first(self, backend):
        lost = []

        def second():
            with pytest.raises(AlreadyExistsError):
                backend.create("results/1", b"second")
            lost.append(True)

        thread = threading.Thread(target=second)

        def start():
            thread.start()
            thread.join(0.2)  # it ends only if it did not wait

        self.at_first_put(start)
        backend.create("results/1", b"first")
        thread.join()
        assert lost == [True]
        assert self.oracle_read("results/1") == b"first"

    def test_a_fork_in_the_middle_of_a_write_does_not_hang_the_child(self, backend):
        children = []

        def child():
            signal.alarm(20)
            backend.create("results/2", b"child")
            return self.oracle_read("results/2")

        self.at_first_put(lambda: children.append(fork(child)))
        backend.create("results/1", b"parent")
        assert children[0].result() == b"child"
        assert self.oracle_read("results/2") is None
