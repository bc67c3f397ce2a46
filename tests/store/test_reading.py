"""What is opened to be read must be there, and none of it is made."""

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
