"""Does a place do what a store needs of it? Each thing is really done, by `Backend`, under keys that are removed again.

What a place says of itself is not believed: servers take a precondition and ignore it, roles may write and not list.
Where `Backend.capabilities` says that something is missing, that is a warning; where it is said to be there and is not,
a problem. A store need not be there yet: a bucket can be tried before it holds one.
"""

from __future__ import annotations

import contextlib
import math
import os
import statistics
import time
from typing import TYPE_CHECKING

from consist.blobs import layout
from consist.errors import (
    AlreadyExistsError,
    BlobNotFoundError,
    ChangedError,
    ConflictError,
    ConsistError,
    StorageError,
    StoragePermissionError,
)
from consist.fileops import perform
from consist.store.checks import BYTES_PER_SECOND, OK, PROBLEM, SECONDS, WARNING, Check, failed, tried

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from consist.blobs.backend import Backend

AREA = "store"

RACERS = 4
"""Writers that try for one key at once: enough to see a place that only looks first and writes then."""
_SMALL = 1 << 10
_LARGE = 8 << 20
_REPEATS = 5
_SKEW = 60.0
"""Seconds between two clocks that are worth a word; dates of objects are whole seconds in a bucket."""


def probe(backend: Backend, *, write: bool = True) -> Iterator[Check]:
    """Try a place.

    Parameters
    ----------
    backend : Backend
        The place.
    write : bool
        False: leave out whatever changes anything, and so most.

    Yields
    ------
    Check
        One for each thing that was tried, as it is done. What cannot be tried, since something before it failed, is
        left out.
    """
    listed = tried(AREA, "list", lambda: _listed(backend))
    yield listed
    if listed.level == PROBLEM:
        return
    if not write:
        yield from _read_only(backend)
        return
    trial = _Trial(backend, listable=listed.level == OK)
    try:
        yield from trial.checks()
    finally:
        left = trial.clear()
    if left:
        advice = f"these objects are left over: delete {', '.join(left)}"
        yield Check(AREA, "clean-up", WARNING, "not all that was tried could be removed", advice=advice)


def _listed(backend: Backend) -> Check:
    try:
        for _ in backend.list(layout.PROBE):
            break
    except StoragePermissionError as error:  # runs need no more than reading and writing by name
        advice = "`ls blobs`, `du`, `verify`, `index rebuild` and garbage collection need it; runs do not"
        return Check(AREA, "list", WARNING, error.message, advice=advice)
    return Check(AREA, "list", value="can be listed")


def _read_only(backend: Backend) -> Iterator[Check]:
    """Measure how long the store's own settings take to be read, where there is a store."""

    def look() -> Check:
        try:
            return Check(AREA, "get latency", OK, _median(lambda _: backend.get(layout.CONFIG)), SECONDS)
        except BlobNotFoundError:
            return Check(AREA, "get latency", OK, None, advice="there is nothing to read yet")

    yield tried(AREA, "get latency", look)
    yield Check(AREA, "write", OK, "not tried")


class _Trial:
    """Objects under keys of their own, made and removed."""

    def __init__(self, backend: Backend, *, listable: bool) -> None:
        self._backend = backend
        self._listable = listable
        self._folder = f"{layout.PROBE}/{os.urandom(8).hex()}"
        self._used: list[str] = []
        self._written = False

    def checks(self) -> Iterator[Check]:
        """Try one thing after the other; without a write that lands there is nothing to go on with."""
        written = tried(AREA, "write", self._write)
        yield written
        if written.level == PROBLEM:
            return
        for name, look in (
            ("read", self._read),
            ("clock", self._clock),
            ("listing", self._listing),
            ("create", self._create),
            ("swap", self._swap),
            ("delete", self._delete),
        ):
            if name != "listing" or self._listable:
                yield tried(AREA, name, look)
        try:
            yield from self._speed()
        except ConsistError as error:
            yield failed(AREA, "speed", error)

    def clear(self) -> list[str]:
        """Remove what was made, and on a disk the folder that it lay in; return what could not be removed."""
        left = []
        for key in self._used:
            try:
                self._backend.delete(key)
            except ConsistError:
                left.append(key)
        for folder in (self._folder, layout.PROBE):
            path = self._backend.path_of(folder)
            if path is not None:
                with contextlib.suppress(OSError):  # not there, or another doctor is at work in it
                    perform("rmdir", path, os.rmdir, path)
        return left if self._written else []

    # What is tried -------------------------------------------------------------------------------------------------

    def _write(self) -> Check:
        self._body = os.urandom(_SMALL)
        before = time.time()
        try:
            self._backend.put(self._key("object"), self._body)
        except StoragePermissionError as error:
            advice = "give this role the right to write; one that is to read only: `consist doctor --no-write`"
            return Check(AREA, "write", PROBLEM, error.message, advice=advice)
        except BlobNotFoundError as error:  # what is written to is not there: a bucket
            return Check(AREA, "write", PROBLEM, error.message, advice="make the bucket first, or check its name")
        self._written = True
        self._moment = (before, time.time())
        return Check(AREA, "write", value="can be written")

    def _read(self) -> Check:
        key = self._key("object")
        found = self._backend.stat(key)
        is_right = (
            found is not None
            and found.size == _SMALL
            and self._backend.get(key) == self._body
            and self._backend.get_range(key, 100, 10) == self._body[100:110]
        )
        return _said("read", "reads back what was written", is_right, "does not read back what was just written")

    def _clock(self) -> Check:
        """Compare the store's clock, which ages go by, with this machine's, which runs are dated by."""
        found = self._backend.stat(self._key("object"))
        if found is None or math.isinf(found.modified):
            return Check(AREA, "clock", WARNING, "the place dates no objects", advice="nothing in it is ever old")
        before, after = self._moment
        skew = found.modified - (before + after) / 2
        is_far = abs(skew) > _SKEW + (after - before)
        advice = "set this machine's clock: the dates of its runs do not fit those of the store" if is_far else None
        return Check(AREA, "clock", WARNING if is_far else OK, round(skew, 3), SECONDS, advice=advice)

    def _listing(self) -> Check:
        keys = {found.key for found in self._backend.list(self._folder)}
        return _said("listing", "shows what was just written", self._key("object") in keys, "lacks what was written")

    def _create(self) -> Check:
        """Let several writers create one object: exactly one must, and it must be the one whose bytes are there."""
        if not self._backend.capabilities.create:
            return _missing("create", "exclusive creation", "two machines may both publish a result of one signature")
        key = self._key("created")
        bodies = [os.urandom(_SMALL) for _ in range(RACERS)]
        won = _race(bodies, lambda body: self._backend.create(key, body), AlreadyExistsError)
        late = _race([os.urandom(_SMALL)], lambda body: self._backend.create(key, body), AlreadyExistsError)
        # None has won where the answer to the winner was lost, and its bytes are there.
        is_right = len(won) <= 1 and not late and self._backend.get(key) in (won or bodies)
        return _said("create", f"of {RACERS} at once one wins", is_right, f"{len(won) + len(late)} writers won one key")

    def _swap(self) -> Check:
        """Let several writers replace one version: one must; and none must replace or delete a version that is gone."""
        if not self._backend.capabilities.replace:
            return _missing("swap", "compare-and-swap", "replacing a record (cache_mode overwrite) is refused")
        key = self._key("swapped")
        self._backend.create(key, os.urandom(_SMALL))
        version = self._backend.get_versioned(key).version
        bodies = [os.urandom(_SMALL) for _ in range(RACERS)]
        won = _race(bodies, lambda body: self._backend.replace(key, body, if_match=version), ChangedError)
        late = _race(
            [os.urandom(_SMALL)], lambda body: self._backend.replace(key, body, if_match=version), ChangedError
        )
        removed = self._removed_stale(key, version)
        is_right = len(won) <= 1 and not late and not removed and self._backend.get(key) in (won or bodies)
        wrong = "a version that was gone was replaced or deleted"
        return _said("swap", f"of {RACERS} at once one wins", is_right, wrong)

    def _removed_stale(self, key: str, version: str) -> bool:
        """Try to delete a version that is gone; tell whether that was done. Who may delete nothing cannot do it."""
        try:
            return bool(_race([b""], lambda _: self._backend.delete(key, if_match=version), ChangedError))
        except StoragePermissionError:
            return False

    def _delete(self) -> Check:
        key = self._key("object")
        try:
            self._backend.delete(key)
        except StoragePermissionError as error:
            return Check(AREA, "delete", WARNING, error.message, advice="garbage collection needs it; runs do not")
        try:
            is_gone = self._backend.stat(key) is None
        except StoragePermissionError:  # how a place answers for a missing key to a role that may not list
            is_gone = not self._listable
        return _said("delete", "what is deleted is gone", is_gone, "is there after a deletion")

    def _speed(self) -> Iterator[Check]:
        """Measure small and large objects, one after the other: what a run pays, not what many at once may reach."""
        body = os.urandom(_SMALL)
        keys = [self._key(f"small-{number}") for number in range(_REPEATS)]
        yield Check(AREA, "put latency", OK, _median(lambda n: self._backend.put(keys[n], body)), SECONDS)
        yield Check(AREA, "get latency", OK, _median(lambda n: self._backend.get(keys[n])), SECONDS)
        body, key = os.urandom(_LARGE), self._key("large")
        began = time.perf_counter()
        with self._backend.upload() as upload:
            upload.write(body)
            upload.publish(key)
        yield _rate("put throughput", began)
        began = time.perf_counter()
        if self._backend.get(key) != body:
            yield Check(AREA, "get throughput", PROBLEM, f"{_LARGE >> 20} MiB came back changed", advice=_BROKEN)
            return
        yield _rate("get throughput", began)

    def _key(self, name: str) -> str:
        key = f"{self._folder}/{name}"
        if key not in self._used:
            self._used.append(key)
        return key


_BROKEN = "keep no store in this place"


def _said(name: str, good: str, is_right: bool, bad: str) -> Check:
    return Check(AREA, name, value=good) if is_right else Check(AREA, name, PROBLEM, bad, advice=_BROKEN)


def _missing(name: str, what: str, then: str) -> Check:
    advice = "use a folder, or a service that has it, for a store that several machines write"
    return Check(AREA, name, WARNING, f"no {what}: {then}", advice=advice)


def _race(bodies: list[bytes], act: Callable[[bytes], None], lost: type[ConflictError]) -> list[bytes]:
    """Act with each of some bodies at once; return those that won.

    Raises
    ------
    StorageError
        If one of them ended in anything but winning or losing.
    """
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    start = Barrier(len(bodies))

    def one(body: bytes) -> bool:
        start.wait()
        try:
            act(body)
        except lost:
            return False
        except ConflictError as error:
            raise StorageError(f"the wrong conflict: {error.message}") from error
        return True

    with ThreadPoolExecutor(len(bodies), thread_name_prefix="consist-probe") as pool:
        return [body for body, won in zip(bodies, pool.map(one, bodies), strict=True) if won]


def _median(act: Callable[[int], object]) -> float:
    """Return the median of how long some calls take, in seconds."""
    times = []
    for number in range(_REPEATS):
        began = time.perf_counter()
        act(number)
        times.append(time.perf_counter() - began)
    return round(statistics.median(times), 6)


def _rate(name: str, began: float) -> Check:
    return Check(AREA, name, OK, int(_LARGE / (time.perf_counter() - began)), BYTES_PER_SECOND)
