"""What is opened to be read must be there, and none of it is made."""

import os
from pathlib import Path

import pytest

from consist.errors import ConsistWarning, NotFoundError
from consist.store.places import Located
from consist.store.reading import open_existing, open_to_read


@pytest.fixture
def place(store):
    return Located(store.index.environment.path, store.backend.url, {})


def test_a_store_that_is_there_is_opened(store, place):
    assert open_existing(place).config == store.config


def test_a_folder_is_always_looked_at(place):
    assert open_to_read(place) is None


@pytest.mark.parametrize("missing", ["index", "store"])
def test_nothing_is_made(place, tmp_path, missing):
    nowhere = str(tmp_path / "none" / "here")
    wrong = place._replace(db_path=nowhere) if missing == "index" else place._replace(store=nowhere)
    with pytest.raises(NotFoundError, match=f"there is no {missing}"):
        open_existing(wrong)
    assert not (tmp_path / "none").exists()


def test_an_index_that_was_never_filled_is_warned_of(make_store, place):
    store = make_store("other", "other.lmdb")
    with pytest.warns(ConsistWarning, match="may lack runs of the store"):
        open_existing(place._replace(db_path=store.index.environment.path))


@pytest.mark.parametrize("limit", [None, 0])
@pytest.mark.parametrize("reopen", [open_existing, open_to_read])
def test_copies_are_kept_as_far_as_the_place_says(make_store, request, reopen, limit):
    store = make_store(f"memory://{request.node.name}", cache_limit=0)
    digest = store.blobs.put_bytes(b"content").digest
    kept = Path(os.environ["XDG_CACHE_HOME"], "consist", store.config.id, "blobs")
    make_store(f"memory://{request.node.name}")  # the machine comes to know the store
    again = reopen(Located(store.index.environment.path, f"memory://{request.node.name}", {}, limit))
    assert again.blobs.read(digest) == b"content"
    assert [path.is_file() for path in kept.rglob("*/*")] == ([] if limit == 0 else [True])
