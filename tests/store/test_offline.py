"""A remote store that does not answer: what this machine has of it is still served, and the rest is one clear error."""

from __future__ import annotations

import json
import os
import uuid
import warnings
from pathlib import Path

import fsspec
import pytest
from faulty import proxy_to
from fsspec.implementations.memory import MemoryFileSystem
from servers import BUCKET

from consist import ConsistWarning, Tracker
from consist.blobs.wrappers import retrying
from consist.errors import NotFoundError, SettingsError, UnreachableError
from consist.store.opening import open_store

BIG = 3 << 20


class CuttableFileSystem(MemoryFileSystem):
    """Memory at the other end of a wire that can be cut."""

    protocol = "cuttable"
    store = {}  # noqa: RUF012
    pseudo_dirs = [""]  # noqa: RUF012
    is_cut = False
    asked = []  # noqa: RUF012

    def _reach(self, what, path):
        self.asked.append((what, path))
        if self.is_cut:
            raise ConnectionError("the wire is cut")

    def pipe_file(self, path, value, mode="overwrite", **kwargs):
        self._reach("pipe_file", path)
        super().pipe_file(path, value, mode=mode, **kwargs)

    def put_file(self, lpath, rpath, *args, **kwargs):
        self._reach("put_file", rpath)
        super().put_file(lpath, rpath, *args, **kwargs)

    def cat_file(self, path, start=None, end=None, **kwargs):
        self._reach("cat_file", path)
        return super().cat_file(path, start, end, **kwargs)

    def info(self, path, **kwargs):
        self._reach("info", path)
        return super().info(path, **kwargs)

    def find(self, path, *args, **kwargs):
        self._reach("find", path)
        return super().find(path, *args, **kwargs)

    def rm_file(self, path):
        self._reach("rm_file", path)
        super().rm_file(path)


def big(value):
    return {"number": value, "blob": bytes([value]) * 5000, "large": value.to_bytes(4, "big") * (BIG // 4)}


def remove_all(name):
    for path in [path for path in CuttableFileSystem.store if f"{name}/" in path]:
        del CuttableFileSystem.store[path]


pytestmark = pytest.mark.filterwarnings("ignore:.*has no exclusive creation:consist.errors.ConsistWarning")


@pytest.fixture
def impatient(tmp_path, monkeypatch):
    """What does not answer here never will: waiting for a minute teaches no more than waiting for a moment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(retrying, "FIRST_DEADLINE", 0.1)
    monkeypatch.setattr(retrying.Retrying.__init__, "__defaults__", (0.2,))


@pytest.fixture
def url(request, impatient):
    fsspec.register_implementation("cuttable", CuttableFileSystem, clobber=True)
    name = request.node.name.replace("[", "-").replace("]", "")
    yield f"cuttable://{name}/store"
    CuttableFileSystem.is_cut = False
    remove_all(name)


@pytest.fixture
def connect(url):
    """Open trackers as new processes would; all are closed at the end."""
    opened = []

    def new(**options):
        opened.append(Tracker(run_dir="runs", db_path="index.lmdb", store=url, durable=False, **options))
        return opened[-1]

    yield new
    CuttableFileSystem.is_cut = False
    for tracker in opened:
        tracker.close()
        tracker.store.index.close()


@pytest.fixture
def cut():
    """Give a function that cuts the wire."""

    def cut_now():
        CuttableFileSystem.is_cut = True
        CuttableFileSystem.asked.clear()

    return cut_now


def cache_of(tracker):
    return Path(os.environ["XDG_CACHE_HOME"], "consist", tracker.store.config.id)


def test_a_scenario_whose_steps_are_all_found_ends_with_a_warning(connect, cut):
    """It raised as its block ended, so that a pipeline which was cached throughout needed the network."""

    def pipeline(tracker):
        with tracker.scenario("growth") as scenario:
            found = scenario.run(big, config={"value": 1})
        with tracker.trace("report"):
            pass
        return found

    tracker = connect()
    assert pipeline(tracker).value == big(1)
    tracker.close()
    cut()
    with pytest.warns(ConsistWarning) as said:
        assert pipeline(connect()).cache_hit
    told = [str(warning.message) for warning in said if "is not recorded in full: " in str(warning.message)]
    assert [text.split()[0] for text in told] == ["scenario", "trace"]


def test_a_hit_and_what_was_read_are_served_while_the_store_does_not_answer(connect, cut):
    tracker = connect()
    tracker.run(big, config={"value": 1})
    again = tracker.run(big, config={"value": 1})
    assert again.value == big(1)  # read, so kept
    tracker.run(big, config={"value": 2})  # put, and never read
    tracker.close()
    cut()

    tracker = connect()
    with pytest.warns(ConsistWarning, match="what this machine has of it is used: .*cuttable://"):
        tracker.store.index.sync()
    hit = tracker.run(big, config={"value": 1})
    assert hit.cache_hit
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert hit.value == big(1)
        unread = tracker.run(big, config={"value": 2})
        assert unread.cache_hit
        with pytest.raises(UnreachableError, match="cuttable://"):
            unread.outputs["blob"].read_bytes()
        with pytest.raises(UnreachableError, match="cuttable://"):
            tracker.run(big, config={"value": 3})
    CuttableFileSystem.is_cut = False
    assert unread.outputs["blob"].read_bytes() == big(2)["blob"]
    assert not tracker.run(big, config={"value": 3}).cache_hit


@pytest.mark.parametrize("driver", ["s3fs", "obstore", "gcsfs"])
@pytest.mark.usefixtures("impatient")
def test_the_same_of_a_bucket_whose_server_is_stopped(request, driver):
    server = request.getfixturevalue("fake_gcs" if driver == "gcsfs" else "ministack")
    with proxy_to(server.endpoint) as proxy:
        if driver == "gcsfs":
            url, options = f"gs://{BUCKET}/{uuid.uuid4().hex}", server.options(endpoint_url=proxy.endpoint)
        else:
            url = f"s3://{BUCKET}/{uuid.uuid4().hex}"
            options = server.options(endpoint=proxy.endpoint, consist_driver=driver)
        place = {"run_dir": "runs", "db_path": "index.lmdb", "store": url, "storage_options": options}
        with Tracker(**place) as tracker:
            for value in (1, 2):
                tracker.run(big, config={"value": value})
            assert tracker.run(big, config={"value": 1}).value == big(1)  # read, so kept

    tracker = Tracker(**place)  # nothing listens at that port any more
    with pytest.warns(ConsistWarning, match=f"what this machine has of it is used: .*{url}"):
        assert tracker.run(big, config={"value": 1}).value == big(1)
    unread = tracker.run(big, config={"value": 2})
    assert unread.cache_hit
    assert unread.outputs["number"].load() == 2  # in the record, which is in the index
    for key in ("blob", "large"):
        with pytest.raises(UnreachableError, match=url):
            unread.outputs[key].read_bytes()
    with pytest.raises(UnreachableError, match=url):
        tracker.run(big, config={"value": 3})
    with pytest.warns(ConsistWarning, match="not written yet, and tried again the next time: .*no answer"):
        tracker.close()  # the two hits are still to be told


def test_what_was_read_is_not_asked_for_again_by_another_process(connect):
    tracker = connect()
    tracker.run(big, config={"value": 1})
    assert tracker.run(big, config={"value": 1}).value == big(1)
    tracker.close()
    CuttableFileSystem.asked.clear()
    tracker = connect()
    assert tracker.run(big, config={"value": 1}).value == big(1)
    assert {path.rpartition("/store/")[2] for _, path in CuttableFileSystem.asked} <= {"consist.json"}
    assert sorted(path.name for path in cache_of(tracker).iterdir()) == ["blobs", "consist.json", "manifests", "packs"]
    assert (cache_of(tracker).parent / "CACHEDIR.TAG").is_file()


def test_without_a_limit_nothing_is_kept(connect, cut):
    tracker = connect(cache_limit=0)
    tracker.run(big, config={"value": 1})
    assert tracker.run(big, config={"value": 1}).value == big(1)
    assert not cache_of(tracker).exists()
    hit = tracker.run(big, config={"value": 1})
    cut()
    with pytest.raises(UnreachableError):
        hit.outputs["blob"].read_bytes()


def test_the_limit_holds(connect):
    tracker = connect(cache_limit=1 << 20)
    for value in (1, 2):
        tracker.run(big, config={"value": value})
        assert tracker.run(big, config={"value": value}).value == big(value)
    kept = sum(path.stat().st_blocks * 512 for path in cache_of(tracker).rglob("*/*/*") if path.is_file())
    assert kept <= 1 << 20


def test_a_limit_below_nothing_is_refused(url):
    with pytest.raises(SettingsError, match="cache_limit is -1"):
        open_store(url, "index.lmdb", cache_limit=-1)
    assert not Path("index.lmdb").exists()


def test_a_store_in_a_folder_has_no_cache(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = open_store("store", "index.lmdb", durable=False)
    digest = store.blobs.put_bytes(b"x" * 5000).digest
    assert store.blobs.read(digest) == b"x" * 5000
    assert not Path(os.environ["XDG_CACHE_HOME"]).exists()
    store.index.close()


@pytest.mark.parametrize("create", [True, False])
def test_a_store_that_this_machine_does_not_know_does_not_open(url, cut, create):
    cut()
    with pytest.raises(UnreachableError, match="cuttable://"):
        open_store(url, "index.lmdb", create=create)
    CuttableFileSystem.is_cut = False
    with pytest.raises(NotFoundError):
        open_store(url, "index.lmdb", create=False)


SPOILS = {
    "gone": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "cut short": lambda path: os.truncate(path, path.stat().st_size - 1),
    "a digit": lambda path: path.write_bytes(path.read_bytes().replace(b"262144", b"262145")),
    "no digest": lambda path: path.write_bytes(path.read_bytes()[65:]),
}


@pytest.mark.parametrize("how", SPOILS)
def test_a_copy_of_the_config_that_is_wrong_is_not_used_and_written_anew(connect, cut, url, how):
    tracker = connect()
    copy = cache_of(tracker) / "consist.json"
    right = copy.read_bytes()
    config = json.loads(right.partition(b"\n")[2])
    assert config["id"] == tracker.store.config.id
    tracker.close()
    SPOILS[how](copy)
    cut()
    with pytest.raises(UnreachableError, match="cuttable://"):
        open_store(url, "index.lmdb")
    CuttableFileSystem.is_cut = False
    open_store(url, "index.lmdb")
    assert copy.read_bytes() == right


def test_the_store_itself_is_believed_as_soon_as_it_answers(connect, cut, url):
    tracker = connect()
    first = tracker.store.config.id
    tracker.close()
    remove_all(url)
    with pytest.warns(ConsistWarning, match="a new store was made"):
        second = open_store(url, "index.lmdb", durable=False).config.id
    assert second != first
    cut()
    with pytest.warns(ConsistWarning, match="does not answer"):
        assert open_store(url, "index.lmdb", create=False).config.id == second
