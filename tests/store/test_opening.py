"""Opening a store with an index: what is made, what is refused, and that a refusal leaves nothing behind."""

from __future__ import annotations

import json
import os
import sqlite3
import warnings
from pathlib import Path

import lmdb
import pytest
from servers import BUCKET

from consist import CacheOptions, Tracker, errors
from consist.blobs.remote.probe import process_memory
from consist.index.findings import Findings
from consist.store.opening import open_store
from consist.store.rebuild import rebuild
from consist.store.verify import verify


def double(value):
    with Path("calls").open("a") as file:
        file.write("x\n")
    return {"doubled": value * 2, "blob": b"x" * 5000}


def calls() -> int:
    return len(Path("calls").read_text().splitlines())


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def everything(folder) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def make_sqlite(path):
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (x)")
    connection.close()


def make_other_lmdb(path):
    with lmdb.open(str(path), subdir=False, map_size=1 << 20) as env, env.begin(write=True) as transaction:
        transaction.put(b"theirs", b"data")
    Path(f"{path}-lock").unlink()


FOREIGN = {
    "SQLite": (make_sqlite, "is an SQLite database, not an index of consist"),
    "DuckDB": (
        lambda path: path.write_bytes(b"\x01\x02\x03\x04\x05\x06\x07\x08DUCK" + bytes(9000)),
        "is a DuckDB database, not an index of consist",
    ),
    "LMDB": (make_other_lmdb, "is an LMDB database that consist did not make"),
    "text": (lambda path: path.write_text("my thesis"), "is a text file, not an index of consist"),
    "bytes": (lambda path: path.write_bytes(b"\xfe\xff\x00" * 3000), "of a kind that consist does not know"),
    "folder": (lambda path: path.mkdir(), "is a folder; an index is one file"),
}


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("store", [None, "elsewhere"])
def test_a_foreign_file_is_refused_and_nothing_is_made_beside_it(tmp_path, kind, store):
    make, message = FOREIGN[kind]
    make(tmp_path / "provenance.duckdb")
    before = everything(tmp_path)
    tracker = Tracker(run_dir="runs", db_path="provenance.duckdb", store=store)
    for _ in range(2):
        with pytest.raises(errors.FormatError, match=message) as caught:
            tracker.run(double, config={"value": 1})
        assert "db_path" in caught.value.hint
    tracker.close()
    assert everything(tmp_path) == before


def test_an_empty_file_is_taken(tmp_path):
    (tmp_path / "provenance.duckdb").touch()
    with Tracker(run_dir="runs", db_path="provenance.duckdb", durable=False) as tracker:
        assert tracker.run(double, config={"value": 1}).outputs["doubled"].load() == 2
    tracker.store.index.close()


def test_a_store_of_a_newer_format_is_refused_and_left_alone(tmp_path):
    with Tracker(run_dir="runs", db_path="index.lmdb", durable=False) as tracker:
        tracker.run(double, config={"value": 1})
    tracker.store.index.close()
    config = tmp_path / "index.store/consist.json"
    old = config.read_bytes()
    config.chmod(0o600)
    fields = {**json.loads(old), "format": 7, "compression": "of tomorrow"}
    del fields["check"]
    config.write_text(json.dumps(fields))
    before = everything(tmp_path / "index.store")
    again = Tracker(run_dir="runs", db_path="index.lmdb", durable=False)
    with pytest.raises(errors.FormatError, match=r"consist\.json is of format 7; this consist reads up to 0 .upgrade"):
        again.run(double, config={"value": 2})
    assert everything(tmp_path / "index.store") == before
    assert calls() == 1
    config.write_bytes(old)
    assert again.run(double, config={"value": 1}).cache_hit
    again.close()


def test_an_index_of_a_newer_version_is_refused_and_left_alone(tmp_path):
    with Tracker(run_dir="runs", db_path="index.lmdb", durable=False) as tracker:
        tracker.run(double, config={"value": 1})
    tracker.store.index.close()
    with lmdb.open("index.lmdb", subdir=False, max_dbs=64, lib_version=0) as env:
        meta = env.open_db(b"meta", create=False)
        with env.begin(write=True) as transaction:
            transaction.put(b"version", b"\x09", db=meta)
    before = Path("index.lmdb").read_bytes()
    with pytest.raises(errors.FormatError, match="is of version 9; this consist knows up to 0"):
        Tracker(run_dir="runs", db_path="index.lmdb").run(double, config={"value": 1})
    assert Path("index.lmdb").read_bytes() == before
    assert calls() == 1


@pytest.mark.parametrize("spelling", ["{0}/data/s", "file://{0}/data/s", "data/s", "./data//s/", "data/../data/s"])
def test_a_path_and_its_urls_are_one_store(tmp_path, spelling):
    first = open_store(str(tmp_path / "data/s"), "one.lmdb", durable=False)
    again = open_store(spelling.format(tmp_path), "two.lmdb", durable=False)
    assert again.config.id == first.config.id
    assert again.backend.url == first.backend.url == str(tmp_path / "data/s")
    assert [store.location for store in again.index.stores()] == [str(tmp_path / "data/s")]
    assert Path("data").is_dir()
    assert not Path("file:").exists()
    for store in (first, again):
        store.index.close()


@pytest.mark.parametrize("url", ["nosuch://x/y", "", "memory://", "file://host/x", "zip://a::file://b"])
def test_a_place_that_is_none_is_an_error_and_nothing_is_made(tmp_path, url):
    with pytest.raises(errors.SettingsError):
        open_store(url, "index.lmdb")
    assert everything(tmp_path) == {}


def test_storage_options_are_not_for_folders(tmp_path):
    with pytest.raises(errors.SettingsError, match=r"storage_options .key. are for remote stores"):
        open_store("store", "index.lmdb", storage_options={"key": "secret"})
    assert everything(tmp_path) == {}


def test_no_secret_reaches_the_disk(tmp_path):
    tracker = Tracker(
        run_dir="runs", db_path="index.lmdb", store="memory://user:hunter2@box/s", storage_options={}, durable=False
    )
    tracker.run(double, config={"value": 1})
    tracker.close()
    tracker.store.index.close()
    assert b"hunter2" not in b"".join(data or b"" for data in everything(tmp_path).values())


def test_without_create_a_missing_store_is_an_error_and_nothing_is_made(tmp_path):
    with pytest.raises(errors.NotFoundError, match=r"there is no store at .*/missing"):
        open_store("missing", "index.lmdb", create=False)
    assert everything(tmp_path) == {}


def test_a_file_where_the_store_should_be(tmp_path):
    (tmp_path / "store").write_text("mine")
    with pytest.raises(errors.SettingsError, match="is a file, and a store is a folder"):
        open_store("store", "index.lmdb")
    assert (tmp_path / "store").read_text() == "mine"


def test_the_folder_can_be_moved(tmp_path):
    """Index and store side by side hold no path of their own."""
    (tmp_path / "here").mkdir()
    with Tracker(run_dir="here/runs", db_path="here/provenance.duckdb", durable=False) as tracker:
        made = tracker.run(double, config={"value": 1})
    tracker.store.index.close()
    (tmp_path / "here").rename(tmp_path / "there")
    with Tracker(run_dir="there/runs", db_path="there/provenance.duckdb", durable=False) as tracker:
        found = tracker.run(double, config={"value": 1})
    assert (found.cache_hit, found.run.id, found.value) == (True, made.run.id, made.value)
    assert [store.location for store in tracker.store.index.stores()] == [str(tmp_path / "there/provenance.store")]
    tracker.store.index.close()
    assert not (tmp_path / "here").exists()


def test_an_index_goes_with_several_stores():
    trackers = [Tracker(run_dir="runs", db_path="index.lmdb", store=name, durable=False) for name in ("one", "two")]
    for tracker in trackers:
        assert not tracker.run(double, config={"value": 1}).cache_hit
        assert len(tracker.find_runs()) == 1
    assert len({tracker.find_runs()[0].id for tracker in trackers}) == 2
    for tracker in trackers:
        tracker.close()
        tracker.store.index.close()


def test_locks_of_a_remote_store_lie_in_the_users_cache(tmp_path):
    store = open_store("memory://locks/s", "index.lmdb", durable=False)
    assert store.locks == f"{os.environ['XDG_CACHE_HOME']}/consist/locks/{store.config.id}"
    store.index.close()


def test_a_store_in_memory_works_from_end_to_end(tmp_path, request):
    import fsspec

    url = f"memory://{request.node.name}/store"
    memory = fsspec.filesystem("memory")

    def paths(area):
        return [path for path in memory.find(f"/{request.node.name}/store") if f"/store/{area}/" in path]

    with Tracker(run_dir="runs", db_path="index.lmdb", store=url, durable=False) as tracker:
        made = tracker.run(double, config={"value": 1})
        assert not made.cache_hit
        assert tracker.run(double, config={"value": 1}).cache_hit
        replaced = tracker.run(double, config={"value": 1}, cache_options=CacheOptions(cache_mode="overwrite"))
        assert tracker.run(double, config={"value": 1}).run.id == replaced.run.id
    assert calls() == 2
    assert [len(paths(area)) for area in ("blobs", "results", "runs", "log")] == [1, 1, 1, 1]

    (blob,) = paths("blobs")
    memory.pipe_file(blob, b"y" * 5000)  # wrong bytes
    assert [finding.key.partition("/")[0] for finding in verify(tracker.store, read_data=True).findings] == ["blobs"]
    with pytest.warns(errors.DamagedWarning, match="was found damaged"):
        healed = tracker.run(double, config={"value": 1})
    assert not healed.cache_hit
    assert memory.cat_file(blob) == b"x" * 5000
    memory.rm_file(blob)
    hit = tracker.run(double, config={"value": 1})
    assert hit.cache_hit  # what is published is believed to be there, until a reader finds that it is not
    with pytest.raises(errors.BlobNotFoundError):
        hit.outputs["blob"].read_bytes()
    with pytest.warns(errors.DamagedWarning, match="was found damaged"):
        assert not tracker.run(double, config={"value": 1}).cache_hit
    assert verify(tracker.store, read_data=True).findings == ()

    tracker.store.events.flush()
    before = {run.id: (run.record, tracker.store.index.hits(run.id)) for run in tracker.find_runs()}
    assert len(before) == 4
    tracker.close()
    tracker.store.index.environment.delete()
    tracker.close()
    assert rebuild(tracker.store).damaged == 0
    assert {run.id: (run.record, tracker.store.index.hits(run.id)) for run in tracker.find_runs()} == before
    tracker.store.index.environment.delete()
    tracker.close()
    assert tracker.run(double, config={"value": 1}).cache_hit  # from the store, without any index
    assert calls() == 4
    tracker.close()
    tracker.store.index.close()


def test_a_store_whose_config_is_gone_gets_a_new_one_and_an_index_that_knows_that_it_lacks_runs(tmp_path):
    with Tracker(run_dir="runs", db_path="index.lmdb", store="store", durable=False) as tracker:
        made = tracker.run(double, config={"value": 1})
        tracker.store.index.close()
    (tmp_path / "store/consist.json").unlink()
    with pytest.raises(errors.NotFoundError, match=r"there is no consist\.json in .*store, which has the content"):
        open_store("store", "index.lmdb", create=False)
    tracker = Tracker(run_dir="runs", db_path="index.lmdb", store="store", durable=False)
    with pytest.warns(errors.ConsistWarning, match=r"a new consist\.json was made in .*consist index rebuild"):
        store = tracker.store
    assert store.index.needs_rebuild
    with tracker:
        assert tracker.run(double, config={"value": 1}).run.id == made.run.id
        rebuild(tracker.store)
        assert not tracker.store.index.needs_rebuild
        assert [run.id for run in tracker.find_runs()] == [made.run.id]
        assert verify(tracker.store, read_data=True).findings == ()
    tracker.store.index.close()


def test_a_store_that_is_gone_is_not_replaced_without_a_word(make_store, tmp_path):
    make_store().index.close()
    (tmp_path / "store").rename(tmp_path / "away")
    with pytest.warns(
        errors.ConsistWarning, match=r"a new store was made at .*store, where the index .* another one: "
    ):
        make_store()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_store()
        make_store("elsewhere")


def test_what_was_in_a_store_that_is_gone_is_found_where_it_lies_now(tmp_path, monkeypatch):
    """Also by a path through a link: the index keeps what it leads to."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    monkeypatch.chdir(tmp_path / "link")
    places = {"run_dir": "runs", "db_path": "index.lmdb", "durable": False}

    def run(store):
        with Tracker(**places, store=store) as tracker:
            return tracker.run(pow, name="power", config={"base": 2, "exp": 3}).cache_hit

    assert not run(tmp_path / "link/index.store")
    (tmp_path / "disk/index.store").rename(tmp_path / "away.store")
    with pytest.warns(errors.ConsistWarning, match=r"another one, with runs: .* name its place by store="):
        assert not run(tmp_path / "link/index.store")
    assert run(tmp_path / "away.store")


def test_a_cache_below_another_ones_folder_is_begun_with_a_word(tmp_path, monkeypatch, caplog):
    def run(folder):
        folder.mkdir(parents=True, exist_ok=True)
        monkeypatch.chdir(folder)
        caplog.clear()
        with Tracker(durable=False) as tracker:
            hit = tracker.run(pow, name="power", config={"base": 2, "exp": 3}).cache_hit
        return hit, [record.getMessage() for record in caplog.records]

    assert run(tmp_path / "project") == (False, [])
    hit, (said,) = run(tmp_path / "project/deep/sub")
    assert (hit, str(tmp_path / "project/.consist/index.lmdb") in said) == (False, True)
    assert run(tmp_path / "project/deep/sub") == (True, [])
    (tmp_path / "project/consist.toml").write_text('db_path = ".consist/index.lmdb"\n')
    assert run(tmp_path / "project/deep/other") == (True, [])


def test_what_a_server_can_do_is_remembered_in_the_index(make_store, ministack, tmp_path):
    url = f"s3://{BUCKET}/{tmp_path.name}"
    store = make_store(url, storage_options=ministack.options(consist_driver="obstore"))
    kept = Findings(store.index.environment)
    assert kept.get(f"{url} at {ministack.endpoint.removeprefix('http://')}: create") == "yes"
    assert [name for name in process_memory if url in name] == []
