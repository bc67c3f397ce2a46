import os
import shutil
from pathlib import Path

import pytest

from consist.index.environment import Environment
from consist.index.filestat import FileEntry
from consist.index.index import Index


@pytest.mark.parametrize("number", range(3))
def test_a_store_below_the_index_moves_with_it(tmp_path, number):
    (tmp_path / "here").mkdir()
    place = ["", "index.store", "a/b"][number]
    index = Index(Environment(tmp_path / "here" / "index.lmdb"), "s")
    index.remember_store(str(tmp_path / "here" / place) if place else str(tmp_path / "elsewhere"))
    index.close()
    shutil.move(tmp_path / "here", tmp_path / "there")
    moved = Index(Environment(tmp_path / "there" / "index.lmdb"), "s")
    wanted = tmp_path / "there" / place if place else tmp_path / "elsewhere"
    assert [tuple(known) for known in moved.stores()] == [("s", os.path.realpath(wanted))]


def test_a_url_is_kept_without_user_and_password(index):
    index.remember_store("s3://key:secret@bucket/place")
    assert index.stores()[0].location == "s3://bucket/place"
    index.close()
    assert b"secret" not in Path(index.environment.path).read_bytes()


def test_a_folder_whose_name_is_no_text_comes_back(index, tmp_path):
    index.remember_store(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    assert os.fsencode(index.stores()[0].location).endswith(b"/\xff")


def test_stores_are_listed_with_the_last_location(environment):
    for number in range(300):
        Index(environment, f"store-{number}").remember_store(f"memory://{number}")
    Index(environment, "store-7").remember_store("memory://moved")
    known = Index(environment, "unknown").stores()
    assert [store.store_id for store in known] == [f"store-{number}" for number in range(300)]
    assert known[7].location == "memory://moved"
    assert known[299].location == "memory://299"


def test_a_store_that_only_looks_leaves_no_trace(environment):
    index = Index(environment, "unknown")
    assert list(index.runs()) == []
    assert index.needs_rebuild
    assert index.stores() == []


def test_a_file_entry_comes_back_and_is_of_no_store(index, environment, digest):
    entry = FileEntry(10, 2**60, -5, 2**64 - 1, digest("content"))
    assert index.files.entry("/a/b.csv") is None
    index.files.put("/a/b.csv", entry)
    assert index.files.entry("/a/b.csv") == entry
    assert Index(environment, "other").files.entry("/a/b.csv") == entry
    newer = FileEntry(11, 2**60, -5, 7, digest("content"))
    Index(environment, "other").files.put("/a/b.csv", newer)
    assert index.files.entry("/a/b.csv") == newer


def test_paths_of_any_length_and_letter_are_told_apart(index, digest):
    paths = ["", "/", "/a", "/a ", "/ä", "/" + "d/" * 3000 + "x", "/" + "d/" * 3000 + "y", os.fsdecode(b"/\xff")]
    index.files.put_many(
        (path, FileEntry(number, 0, 0, 0, digest(path.encode("utf-8", "replace")))) for number, path in enumerate(paths)
    )
    assert [index.files.entry(path).size for path in paths] == list(range(len(paths)))


def test_a_damaged_file_entry_is_as_if_there_were_none(index, environment, digest):
    index.files.put("/a", FileEntry(10, 1, 1, 1, digest("content")))

    def damage(txn, tables):
        with txn.cursor(tables.files) as cursor:
            cursor.first()
            key, value = cursor.item()
        txn.put(key, b"\x95" + bytes([value[1] ^ 1]) + value[2:], db=tables.files)

    environment.write(damage)
    assert index.files.entry("/a") is None
    index.files.put("/a", FileEntry(10, 1, 1, 1, digest("content")))
    assert index.files.entry("/a").size == 10
