"""Wrappers round a memory backend that fails on cue: what is repeated, what is counted, what is refused."""

import contextlib
import itertools
import socket
import time
import traceback
import tracemalloc

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given
from hypothesis import strategies as st

from consist.blobs.backend import BatchError, LazyCapabilities, ObjectStat, Range
from consist.blobs.opening import open_backend
from consist.blobs.remote import RemoteBackend
from consist.blobs.wrappers import Counting, ReadOnly, Retrying
from consist.blobs.wrappers.base import Wrapper
from consist.errors import (
    AlreadyExistsError,
    BlobNotFoundError,
    ChangedError,
    StorageError,
    StorageFullError,
    StoragePermissionError,
    UnreachableError,
)
from consist.testing import BackendSuite

STORE = MemoryFileSystem.store


@pytest.fixture
def place(request):
    url = f"memory://wrappers/{request.node.name}"
    yield url
    for path in [path for path in STORE if path.startswith(f"/wrappers/{request.node.name}/")]:
        del STORE[path]


class Flaky(Wrapper):
    """Raises `failures` times at each method, before the call or after it."""

    def __init__(self, inner, failures, *, after=False):
        super().__init__(inner)
        self.left = dict.fromkeys(("create", "get", "put", "replace", "delete", "list"), failures)
        self.after = after

    def fail(self, method, call):
        if self.left[method] and not self.after:
            self.left[method] -= 1
            raise UnreachableError(f"cannot {method}: no answer")
        found = call()
        if self.left[method]:
            self.left[method] -= 1
            raise UnreachableError(f"cannot {method}: no answer")
        return found

    def put(self, key, data):
        self.fail("put", lambda: self.inner.put(key, data))

    def create(self, key, data):
        self.fail("create", lambda: self.inner.create(key, data))

    def get(self, key):
        return self.fail("get", lambda: self.inner.get(key))

    def list(self, prefix):
        yield from list(self.inner.list(prefix))[:2]
        self.fail("list", lambda: None)
        yield from list(self.inner.list(prefix))[2:]


def test_it_is_asked_again_until_it_answers(place):
    flaky = Flaky(RemoteBackend(place), 3)
    backend = Retrying(flaky)
    backend.put("blobs/1", b"x")
    assert backend.get("blobs/1") == b"x"
    assert flaky.left["put"] == flaky.left["get"] == 0


def test_it_is_not_asked_again_for_what_is_an_answer(place):
    counting = Counting(RemoteBackend(place))
    backend = Retrying(counting)
    with pytest.raises(BlobNotFoundError):
        backend.get("blobs/none")
    backend.create("results/1", b"x")
    with pytest.raises(AlreadyExistsError):
        backend.create("results/1", b"x")
    assert counting.calls["create"] == 2


def test_a_lost_answer_is_found_by_reading_back(place):
    backend = Retrying(Flaky(RemoteBackend(place), 1, after=True))
    backend.create("results/1", b"ours")
    assert backend.get("results/1") == b"ours"


class Refusing(Wrapper):
    """Lists two, breaks off, and then does not even begin for a while: by an iterator that is not a generator's."""

    def __init__(self, inner, failures):
        super().__init__(inner)
        self.failures = failures

    def list(self, prefix):
        if not self.failures:
            return self.inner.list(prefix)
        self.failures -= 1
        if self.failures % 2:
            raise UnreachableError("cannot list: no answer")
        return Flaky(self.inner, 1).list(prefix)


@pytest.mark.parametrize("failures", [1, 2, 3])
def test_a_listing_that_cannot_be_begun_again_is_not_taken_for_its_end(place, failures):
    inner = RemoteBackend(place)
    for number in range(6):
        inner.put(f"blobs/{number}", b"x")
    found = [found.key for found in Retrying(Refusing(inner, failures)).list("blobs")]
    assert sorted(found) == [f"blobs/{number}" for number in range(6)]


def test_a_listing_that_breaks_off_is_whole_and_without_repeats(place):
    inner = RemoteBackend(place)
    keys = [f"blobs/{number}" for number in range(7)]
    inner.put_many([(key, b"x") for key in keys])
    found = [found.key for found in Retrying(Flaky(inner, 2)).list("blobs")]
    assert sorted(found) == keys


class Listing(Wrapper):
    """Lists some keys, and breaks off after so many, once for each number."""

    def __init__(self, inner, keys, breaks, *, in_order):
        super().__init__(inner)
        self.keys, self.breaks, self.lists_in_order = keys, [*breaks], in_order

    def list(self, prefix):  # noqa: ARG002 - the port's signature
        end = self.breaks.pop(0) if self.breaks else None
        yield from (ObjectStat(key, 1, 0.0) for key in itertools.islice(self.keys, end))
        if end is not None:
            raise UnreachableError("cannot list: no answer")


NAMES = st.lists(st.sampled_from([f"{top}{end}" for top in ("a", "a-b", "b") for end in ("", "/1", "/2")]), unique=True)


@given(NAMES.map(sorted), st.lists(st.integers(0, 9), max_size=4))
def test_a_listing_in_order_goes_on_behind_its_last_key(keys, breaks):
    with unpaused():
        found = Retrying(Listing(RemoteBackend("memory://x"), keys, breaks, in_order=True)).list("")
        assert [each.key for each in found] == keys


@given(NAMES, st.lists(st.integers(0, 9), max_size=4))
def test_a_listing_in_any_order_is_whole_and_without_repeats(keys, breaks):
    with unpaused():
        found = Retrying(Listing(RemoteBackend("memory://x"), keys, breaks, in_order=False)).list("")
        assert [each.key for each in found] == keys


@given(NAMES, st.lists(st.integers(0, 9), max_size=4))
def test_a_listing_out_of_its_order_is_whole_or_an_error(keys, breaks):
    """As of a server that lists folder by folder: what comes behind "a/1" may sort before it."""
    found = []
    with unpaused():
        try:
            for each in Retrying(Listing(RemoteBackend("memory://x"), keys, breaks, in_order=True)).list(""):
                found.append(each.key)  # noqa: PERF401 - what came before an error counts
        except StorageError as error:
            assert breaks
            assert "in no order" in str(error)  # noqa: PT017 - the same
            assert found == keys[: len(found)]
        else:
            assert found == keys


@contextlib.contextmanager
def unpaused():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("consist.blobs.wrappers.retrying.time.sleep", lambda _seconds: None)
        yield


def test_a_long_listing_in_order_keeps_none_of_its_keys():
    keys = (f"blobs/{number % 256:02x}/{number:062x}" for number in itertools.count())
    ordered = (f"blobs/{number:064x}" for number in itertools.count())
    taken = {}
    for in_order, names in ((False, keys), (True, ordered)):
        listing = Retrying(Listing(RemoteBackend("memory://x"), names, [], in_order=in_order)).list("blobs")
        tracemalloc.start()
        for _ in itertools.islice(listing, 20_000):
            pass
        taken[in_order] = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    assert taken[True] < 20_000 < taken[False]


@pytest.mark.parametrize(
    ("url", "in_order"),
    [
        ("s3://bucket/folder", True),
        ("s3://bucket--use1-az4--x-s3/folder", False),
        ("gs://bucket", True),
        ("memory://bucket", False),
        ("local:///folder", False),
    ],
)
def test_which_places_list_in_order(url, in_order):
    options = [{"consist_driver": driver, **KEYS} for driver in ("s3fs", "obstore")] if url.startswith("s3:") else [{}]
    assert [RemoteBackend(url, each).lists_in_order for each in options] == [in_order] * len(options)


KEYS = {"key": "AK", "secret": "S", "client_kwargs": {"region_name": "eu-west-1"}}


def test_the_deadline_ends_it(place):
    backend = Retrying(Flaky(RemoteBackend(place), 10**9), deadline=0.3)
    with pytest.raises(UnreachableError, match=r"no answer, in \d+ attempts within 0.3 s"):
        backend.get("blobs/1")


def test_a_place_that_never_answered_is_given_less_time(place, monkeypatch):
    """A mistyped endpoint should not take a minute to be told."""
    slept = []
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda pause: (slept.append(pause), now.__setitem__(0, now[0] + pause)))
    flaky = Flaky(RemoteBackend(place), 10**9)
    backend = Retrying(flaky)
    with pytest.raises(UnreachableError, match="within 10 s"):
        backend.get("blobs/1")
    assert 5 < sum(slept) <= 10
    assert slept[:5] == sorted(slept[:5]), "each pause is longer than the one before it, until they are long enough"
    assert slept[4] >= 8 * slept[0]
    slept.clear()
    assert backend.stat("blobs/1") is None
    with pytest.raises(UnreachableError, match="within 60 s"):
        backend.get("blobs/1")
    assert 50 < sum(slept) <= 60
    assert max(slept) <= 5


def test_who_was_waited_for_in_vain_is_not_waited_for_again_until_there_was_an_answer(place, monkeypatch):
    slept = []
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda pause: (slept.append(pause), now.__setitem__(0, now[0] + pause)))
    flaky = Flaky(RemoteBackend(place), 10**9)
    backend = Retrying(flaky)
    with pytest.raises(UnreachableError, match="within 10 s"):
        backend.get("blobs/1")
    slept.clear()
    for _ in range(3):
        with pytest.raises(UnreachableError, match=r"no answer$"):
            backend.put("blobs/1", b"x")
    assert slept == []
    flaky.left["put"] = 0
    backend.put("blobs/1", b"x")
    flaky.left["get"] = 5
    assert backend.get("blobs/1") == b"x"


@pytest.fixture
def clock(monkeypatch):
    """A time that passes by sleeping only; a list of the pauses."""
    slept = []
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda pause: (slept.append(pause), now.__setitem__(0, now[0] + pause)))
    return now, slept


class Remembering(Flaky):
    """What it can do was tried once, and is remembered."""

    capabilities = LazyCapabilities(lambda _name: True)


def test_one_outage_is_one_patience_whoever_asks(place, clock, caplog):
    """A server that died during a put was waited for by the packs, the record, its copy and the log, each anew."""
    _, slept = clock
    flaky = Remembering(RemoteBackend(place), 0)
    backend = Retrying(flaky)
    backend.put("blobs/1", b"x")
    flaky.left = dict.fromkeys(flaky.left, 10**9)
    with pytest.raises(UnreachableError, match="within 60 s"):
        backend.put("blobs/2", b"x")
    assert 50 < sum(slept) <= 60
    # Neither is asked, so neither ends the outage.
    assert (backend.capabilities.create, backend.get_ranges([])) == (True, [])
    for ask in (lambda: backend.create("results/1", b"x"), lambda: backend.get("blobs/1")):
        with pytest.raises(UnreachableError, match=r"no answer, nor anything else for \d+ s"):
            ask()
    assert sum(slept) <= 60
    (said,) = [record.getMessage() for record in caplog.records]
    assert said == f"{backend.url} does not answer; it is asked again for at most 60 s"
    flaky.left["get"] = 0
    with pytest.raises(BlobNotFoundError):  # an answer, too: the outage is over
        backend.get("blobs/2")
    flaky.left["get"] = 10**9
    del slept[:]
    with pytest.raises(UnreachableError, match="within 60 s"):
        backend.get("blobs/1")
    assert 50 < sum(slept) <= 60
    assert len(caplog.records) == 2


class Refuser(Flaky):
    """Refuses what it is asked for a key, if it answers at all."""

    def __init__(self, inner, refusal):
        super().__init__(inner, 0)
        self.refusal = refusal

    def fail(self, method, call):
        def refuse():
            if self.refusal is not None:
                raise self.refusal
            return call()

        return super().fail(method, refuse)

    def get_ranges(self, ranges):
        return self.fail("get", lambda: self.inner.get_ranges(ranges))


ASKED = {
    "one": lambda backend: backend.get("blobs/1"),
    "once": lambda backend: backend.create("blobs/1", b"x"),
    "batch": lambda backend: backend.get_ranges([Range("blobs/1", 0, 1)]),
}


@pytest.mark.parametrize("ask", ASKED)
@pytest.mark.parametrize(
    "refusal", [BlobNotFoundError, AlreadyExistsError, ChangedError, StoragePermissionError, StorageFullError]
)
def test_who_refuses_was_heard(place, clock, refusal, ask):
    """It ends an outage, and a place that answered so is waited for as long as any that answered."""
    _, slept = clock
    flaky = Refuser(RemoteBackend(place), refusal("no"))
    backend = Retrying(flaky)
    for _ in range(2):
        with pytest.raises(refusal):
            ASKED[ask](backend)
        flaky.left = dict.fromkeys(flaky.left, 10**9)
        del slept[:]
        with pytest.raises(UnreachableError, match="within 60 s"):
            backend.put("blobs/2", b"x")
        assert 50 < sum(slept) <= 60
        flaky.left = dict.fromkeys(flaky.left, 0)


def test_what_was_long_ago_says_nothing_of_now(place, clock):
    """A function took an hour meanwhile: what it made is worth another minute."""
    now, _ = clock
    flaky = Flaky(RemoteBackend(place), 0)
    backend = Retrying(flaky)
    backend.put("blobs/1", b"x")
    flaky.left["get"] = flaky.left["put"] = 10**9
    with pytest.raises(UnreachableError, match="within 60 s"):
        backend.get("blobs/1")
    now[0] += 3600
    flaky.left["put"] = 5
    backend.put("blobs/2", b"x")
    assert flaky.left["put"] == 0


class Slow(Flaky):
    """Takes its time before it fails; notes how much was logged at each attempt."""

    def __init__(self, inner, now, seconds, records):
        super().__init__(inner, 0)
        self.now = now
        self.seconds = seconds
        self.records = records
        self.logged = []

    def fail(self, method, call):
        self.logged.append(len(self.records))
        if self.left[method]:
            self.now[0] += self.seconds
        return super().fail(method, call)


@pytest.mark.parametrize(("seconds", "logged"), [(120, [0]), (20, [0, 1, 1])])
def test_an_attempt_in_vain_is_a_part_of_the_silence(place, clock, caplog, seconds, logged):
    """Silence began with the error: after an attempt of 20 s there was none, and nothing was said for 40."""
    now, _ = clock
    slow = Slow(RemoteBackend(place), now, seconds, caplog.records)
    backend = Retrying(slow)
    backend.put("blobs/1", b"x")
    slow.left = dict.fromkeys(slow.left, 10**9)
    del slow.logged[:]
    with pytest.raises(UnreachableError, match=rf"no answer, in \w+ attempts? within {max(seconds, 60)} s"):
        backend.get("blobs/1")
    assert slow.logged == logged
    for number in (1, 2):
        with pytest.raises(UnreachableError, match="cannot put: no answer, "):
            backend.put("blobs/2", b"x")
        assert len(slow.logged) == len(logged) + number


@pytest.mark.usefixtures("clock")
def test_who_waits_less_long_is_told_nothing(place, caplog, capsys):
    flaky = Flaky(RemoteBackend(place), 3)
    Retrying(flaky).put("blobs/1", b"x")
    assert (caplog.records, capsys.readouterr().err) == ([], "")


@pytest.fixture
def closed_port():
    """A port of this machine that nobody else gets, and that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.mark.parametrize("driver", ["obstore", "s3fs"])
def test_where_nobody_listens_nobody_waits(closed_port, driver, monkeypatch):
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    options = {"key": "k", "secret": "s", "endpoint_url": f"http://127.0.0.1:{closed_port}", "consist_driver": driver}
    backend = Retrying(RemoteBackend("s3://bucket/store", options))
    with pytest.raises(
        UnreachableError, match=rf"nobody listens there, .* http://127.0.0.1:{closed_port} \(start"
    ) as raised:
        backend.get("consist.json")
    assert len(slept) == 2
    told = "".join(traceback.format_exception(raised.value))
    assert "onnect" in str(raised.value.__cause__)
    assert "Debug source" not in told
    assert len(told.splitlines()) < 40
    with pytest.raises(UnreachableError, match="nobody listens there"):
        backend.stat_many(["a", "b"])
    assert len(slept) == 2


@pytest.mark.parametrize(
    ("url", "options", "variable", "said"),
    [
        ("s3://bucket/x", {}, "", "no endpoint is set, so AWS was asked"),
        ("gs://bucket/x", {}, "", "no endpoint is set, so Google was asked"),
        ("s3://bucket/x", {}, "https://user:pw@host:1/path", "the endpoint is https://host:1"),
        (
            "s3://bucket/x",
            {"client_kwargs": {"endpoint_url": "http://other"}},
            "http://host",
            "the endpoint is http://other",
        ),
        ("memory://bucket/x", {}, "http://host", ""),
    ],
)
def test_the_endpoint_is_named_without_what_it_hides(url, options, variable, said, monkeypatch):
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", variable)
    assert RemoteBackend(url, options).endpoint == said


class HalfDone(Wrapper):
    """Does the first half of every batch."""

    def __init__(self, inner):
        super().__init__(inner)
        self.batches = []

    def get_ranges(self, ranges):
        self.batches.append(len(ranges))
        half = (len(ranges) + 1) // 2
        answers = [*self.inner.get_ranges(ranges[:half]), *[None] * (len(ranges) - half)]
        if half < len(ranges):
            raise BatchError("no answer", answers=answers, undone=range(half, len(ranges)))
        return answers


def test_of_a_batch_what_is_left_is_asked_again(place):
    inner = RemoteBackend(place)
    inner.put_many([(f"blobs/{number}", b"%d" % number) for number in range(8)])
    half = HalfDone(inner)
    wanted = [Range(f"blobs/{number}", 0, 1) for number in range(8)]
    assert list(Retrying(half).get_ranges(wanted)) == [b"%d" % number for number in range(8)]
    assert half.batches == [8, 4, 2, 1]


def test_what_is_counted(place):
    backend = Counting(open_backend(place))
    backend.put_many([("blobs/1", b"one"), ("blobs/2", b"two")])
    backend.put("blobs/3", b"three")
    with backend.upload() as upload:
        upload.write(b"fo")
        upload.write(b"ur")
        upload.publish("blobs/4")
    backend.create("results/1", b"x")
    backend.replace("results/1", b"yy", if_match=backend.get_versioned("results/1").version)
    assert backend.written == 3 + 3 + 5 + 4 + 1 + 2
    backend.get("blobs/1")
    backend.get_range("blobs/1", 1, 1)
    backend.get_ranges([Range("blobs/1", 0, 2), Range("blobs/2", 0, 9)])
    assert backend.read == 1 + 3 + 1 + 2 + 3
    backend.stat("blobs/1")
    backend.stat_many(["blobs/1", "blobs/2"])
    list(backend.list(""))
    backend.delete("blobs/1")
    wanted = {
        "put": 3,
        "upload": 1,
        "create": 1,
        "replace": 1,
        "get": 2,
        "get_range": 3,
        "stat": 3,
        "list": 1,
        "delete": 1,
    }
    assert backend.calls == wanted


def test_what_is_read_only_writes_nothing(place):
    inner = RemoteBackend(place)
    inner.put("blobs/1", b"x")
    backend = ReadOnly(inner)
    assert backend.get("blobs/1") == b"x"
    assert (backend.capabilities.create, backend.capabilities.replace) == (False, False)
    version = backend.get_versioned("blobs/1").version
    for call in (
        lambda: backend.put("blobs/1", b"y"),
        lambda: backend.put_many([("blobs/1", b"y")]),
        backend.upload,
        lambda: backend.create("blobs/2", b"y"),
        lambda: backend.replace("blobs/1", b"y", if_match=version),
        lambda: backend.delete("blobs/1"),
        lambda: backend.delete("blobs/1", if_match=version),
    ):
        with pytest.raises(StoragePermissionError, match="reading only"):
            call()
    assert backend.sweep(0) == 0
    assert [(found.key, found.size) for found in inner.list("")] == [("blobs/1", 1)]


class TestWrapped(BackendSuite):
    """Wrappers keep the contract."""

    processes = False

    @pytest.fixture(autouse=True)
    def _place(self, request):
        self.root = f"/wrapped/{request.node.name}"
        yield
        for path in [path for path in STORE if path.startswith(self.root + "/")]:
            del STORE[path]

    def make_backend(self):
        return Counting(Retrying(Counting(RemoteBackend(f"memory:/{self.root}"))))

    def oracle_read(self, key):
        found = STORE.get(f"{self.root}/{key}")
        return None if found is None else found.getvalue()

    def oracle_write(self, key, data):
        MemoryFileSystem().pipe_file(f"{self.root}/{key}", data)

    def oracle_list(self):
        return {path[len(self.root) + 1 :] for path in STORE if path.startswith(self.root + "/")}
