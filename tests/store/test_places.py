"""Where a reader looks: by arguments, environment, file and index; and what is said where nothing is."""

import pytest

from consist import errors
from consist.store.places import Located, StorePlace, find_place, known_store, require_index


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return str(tmp_path)


def test_relative_places_are_made_absolute(here):
    assert find_place(store="a/store", db_path="b.lmdb") == StorePlace(f"{here}/b.lmdb", f"{here}/a/store", {})


def test_a_url_stays_one(here):
    options = {"key": "k"}
    place = find_place(store="s3://bucket/folder/", storage_options=options)
    assert place == StorePlace(f"{here}/.consist/index.lmdb", "s3://bucket/folder", options)


def test_the_environment_before_a_file(here, tmp_path, monkeypatch):
    (tmp_path / "consist.toml").write_text('store = "from-file"\ndb_path = "file.lmdb"\n')
    assert find_place() == StorePlace(f"{here}/file.lmdb", f"{here}/from-file", {})
    monkeypatch.setenv("CONSIST_STORE", "from-environment")
    assert find_place().store == f"{here}/from-environment"
    assert find_place(store="given").store == f"{here}/given"


def test_nothing_given_means_the_store_of_the_index(here):
    assert find_place() == StorePlace(f"{here}/.consist/index.lmdb", None, {})


def test_the_store_beside_an_index(make_store, tmp_path):
    make_store("index.store", "index.lmdb")
    assert known_store(str(tmp_path / "index.lmdb")) == str(tmp_path / "index.store")


def test_the_only_store_of_an_index(make_store, tmp_path):
    store = make_store("elsewhere")
    assert known_store(store.index.environment.path) == str(tmp_path / "elsewhere")


def test_one_of_several_stores_must_be_named(make_store):
    make_store("one")
    index = make_store("two").index
    with pytest.raises(errors.UsageError, match=r"used with 2 stores: .*one, .*two .name one"):
        known_store(index.environment.path)


def test_an_index_that_is_not_there(make_store, tmp_path):
    with pytest.raises(errors.NotFoundError, match=r"there is no index .*none.lmdb .check db_path"):
        require_index(Located(str(tmp_path / "none.lmdb"), str(tmp_path / "none.store"), {}))
    store = make_store()
    with pytest.raises(errors.NotFoundError, match=r"consist index rebuild --db-path .*none.lmdb --store .*store"):
        require_index(Located(str(tmp_path / "none.lmdb"), store.backend.url, {}))
    with pytest.raises(errors.NotFoundError, match="--store s3://host/b") as caught:
        require_index(Located(str(tmp_path / "none.lmdb"), "s3://user:secret@host/b", {}))
    assert "secret" not in str(caught.value)


def test_the_index_of_a_store_is_there(store, tmp_path):
    require_index(Located(store.index.environment.path, store.backend.url, {}))
    (tmp_path / "other").write_bytes(b"PAR1" * 100)
    with pytest.raises(errors.FormatError, match="a Parquet file"):
        require_index(Located(str(tmp_path / "other"), store.backend.url, {}))


def test_a_place_is_located_by_what_is_named_or_else_by_the_index(make_store, tmp_path):
    store = make_store("elsewhere")
    path = store.index.environment.path
    assert StorePlace(path, None, {"a": 1}).located() == Located(path, str(tmp_path / "elsewhere"), {"a": 1})
    assert StorePlace(path, "/other", {}, 0).located() == Located(path, "/other", {}, 0)
