"""The third of `BackendSuite` in which several threads or processes meet at one place."""

from __future__ import annotations

import abc
import os
from typing import TYPE_CHECKING, Any

import pytest

from consist.blobs import layout
from consist.errors import AlreadyExistsError, ChangedError
from consist.testing.together import fork, in_processes, in_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from consist.blobs.backend import Backend

    Runner: TypeAlias = Callable[[Sequence[Callable[[], object]]], list[Any]]

WRITERS = 8


class BackendRaces(abc.ABC):
    """What a place promises to many writers and readers at once; see ``backend_suite.py``."""

    processes = True
    """Whether other processes see the objects."""
    rounds = 25
    """How often writers meet. Where a request takes long, and a server keeps writers apart, fewer do."""
    big = 3 << 20
    """Bytes of what is written over and over while others read it."""

    @abc.abstractmethod
    def make_backend(self) -> Backend:
        """Make a new backend on the place of this test, which is empty at first."""

    @abc.abstractmethod
    def oracle_read(self, key: str) -> bytes | None:
        """Read an object without the code under test; None if there is none."""

    @abc.abstractmethod
    def oracle_write(self, key: str, data: bytes) -> None:
        """Write an object without the code under test."""

    def oracle_write_many(self, items: Sequence[tuple[str, bytes]]) -> None:
        """Write many objects without the code under test; a place that takes long for each may do better."""
        for key, data in items:
            self.oracle_write(key, data)

    @abc.abstractmethod
    def oracle_list(self) -> set[str]:
        """List all that is stored without the code under test, temp files too."""

    def stored(self) -> set[str]:
        """Everything that is stored, but for the lock that a backend may keep."""
        return self.oracle_list() - {layout.LOCK}

    @pytest.fixture
    def backend(self) -> Backend:
        """Give a test its backend."""
        return self.make_backend()

    @pytest.fixture(params=["threads", "processes"])
    def together(self, request: pytest.FixtureRequest) -> Runner:
        """Give a test both ways of doing things at once."""
        if request.param == "threads":
            return in_threads
        if not self.processes:
            pytest.skip("objects of this place are seen by one process only")
        return in_processes

    def needs_replace(self, backend: Backend) -> None:
        """Skip a test where the place has no compare-and-swap."""
        if not backend.capabilities.replace:
            pytest.skip("the backend has no compare-and-swap")

    def test_one_of_many_creators_wins(self, backend: Backend, together: Runner) -> None:
        """Exactly one is told that it won, and its bytes are there, whole; no other leaves anything."""
        if not backend.capabilities.create:
            pytest.skip("the backend has no exclusive creation")

        def creator(number: int) -> list[int]:
            own = self.make_backend()
            won = []
            for index in range(self.rounds):
                try:
                    own.create(f"results/{index}", _marked(number, 10_000))
                    won.append(index)
                except AlreadyExistsError:
                    assert len(own.get(f"results/{index}")) == 10_000
            return won

        wins = together([_bound(creator, number) for number in range(WRITERS)])
        assert sorted(index for won in wins for index in won) == list(range(self.rounds))
        for number, won in enumerate(wins):
            for index in won:
                assert self.oracle_read(f"results/{index}") == _marked(number, 10_000)
        assert self.stored() == {f"results/{index}" for index in range(self.rounds)}

    def test_swaps_lose_no_update(self, backend: Backend, together: Runner) -> None:
        """Counting by compare-and-swap in several writers comes out right."""
        self.needs_replace(backend)
        backend.create("leases/count", b"0")

        def counter() -> None:
            own = self.make_backend()
            done = 0
            while done < self.rounds:
                found = own.get_versioned("leases/count")
                try:
                    own.replace("leases/count", b"%d" % (int(found.data) + 1), if_match=found.version)
                except ChangedError:
                    continue
                done += 1

        together([counter] * 4)
        assert self.oracle_read("leases/count") == b"%d" % (4 * self.rounds)

    def test_one_of_replace_and_delete_wins(self, backend: Backend, together: Runner) -> None:
        """Of those who act on one version exactly one succeeds."""
        self.needs_replace(backend)
        versions = []
        for index in range(self.rounds):
            backend.create(f"leases/{index}", b"held")
            versions.append(backend.get_versioned(f"leases/{index}").version)

        def act(number: int) -> list[int]:
            own, won = self.make_backend(), []
            for index, version in enumerate(versions):
                try:
                    if number % 2:
                        own.delete(f"leases/{index}", if_match=version)
                    else:
                        own.replace(f"leases/{index}", b"by %d" % number, if_match=version)
                    won.append(index)
                except ChangedError:
                    continue
            return won

        wins = together([_bound(act, number) for number in range(4)])
        for index in range(self.rounds):
            winners = [number for number in range(4) if index in wins[number]]
            assert len(winners) == 1
            kept = None if winners[0] % 2 else b"by %d" % winners[0]
            assert self.oracle_read(f"leases/{index}") == kept

    def test_readers_never_see_a_part(self, backend: Backend, together: Runner) -> None:
        """While an object is written again and again, every reader gets one whole version of it."""
        backend.put("blobs/00/big", _marked(0, self.big))

        def writer(number: int) -> int:
            own = self.make_backend()
            for turn in range(8):
                data = _marked(number * 8 + turn, self.big)
                if turn % 2:
                    own.put("blobs/00/big", data)
                    continue
                with own.upload() as upload:
                    for start in range(0, self.big, 1 << 20):
                        upload.write(data[start : start + (1 << 20)])
                    upload.publish("blobs/00/big")
            return 0

        def reader() -> int:
            own, wrong = self.make_backend(), 0
            for _ in range(12):
                data = own.get("blobs/00/big")
                wrong += data != _marked(data[0], self.big)
                piece = own.get_range("blobs/00/big", self.big - 1_000, 2_000)
                wrong += piece != _marked(piece[0], 1_000)
                found = own.stat("blobs/00/big")
                wrong += found is None or found.size != self.big
                wrong += [item.size for item in own.list("blobs")] != [self.big]
            return wrong

        assert together([_bound(writer, 1), _bound(writer, 2), reader, reader]) == [0, 0, 0, 0]
        assert self.stored() == {"blobs/00/big"}

    def test_many_put_the_same_and_different(self, backend: Backend, together: Runner) -> None:
        """Writers of the same keys and of the same new folders do not get in each other's way."""

        def putter(number: int) -> None:
            for index in range(self.rounds):
                backend.put(f"blobs/{index:02x}/same", _marked(index, 2_000))
                backend.put(f"blobs/{index:02x}/{number}", _marked(number, 2_000))

        together([_bound(putter, number) for number in range(4)])
        wanted = {f"blobs/{index:02x}/{name}" for index in range(self.rounds) for name in ("same", 0, 1, 2, 3)}
        assert self.stored() == wanted
        for index in range(self.rounds):
            assert self.oracle_read(f"blobs/{index:02x}/same") == _marked(index, 2_000)
            assert self.oracle_read(f"blobs/{index:02x}/3") == _marked(3, 2_000)

    def test_a_forked_child_goes_on_with_its_parents_backend(self, backend: Backend) -> None:
        """A backend made and used before a fork works on both sides of it, also if a thread was in it meanwhile."""
        backend.put("blobs/00/parent", b"parent")
        stop: list[bool] = []

        def busy() -> None:
            while not stop:
                backend.put("blobs/00/busy", b"busy")
                backend.delete("blobs/00/busy")

        def forks() -> list[bytes]:
            try:
                return [fork(_bound(child, number)).result() for number in range(5)]
            finally:
                stop.append(True)

        def child(number: int) -> bytes:
            key = f"blobs/00/child{number}"
            backend.create(key, os.urandom(16))
            return backend.get("blobs/00/parent") + (self.oracle_read(key) or b"")

        _, answers = in_threads([busy, forks])
        for number, answer in enumerate(answers):
            assert answer[:6] == b"parent"
            if self.processes:
                assert backend.get(f"blobs/00/child{number}") == answer[6:]


def _bound(call: Callable[[int], object], number: int) -> Callable[[], object]:
    return lambda: call(number)


def _marked(number: int, size: int) -> bytes:
    """Return bytes that tell their writer, all through."""
    return bytes([number]) * size
