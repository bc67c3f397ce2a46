"""The stat cache of input files: never old bytes under a new name. Oracle: the bytes that were written."""

from __future__ import annotations

import os
import time
from types import SimpleNamespace

import pytest
from blake3 import blake3

from consist import errors
from consist.hashing import steady
from consist.hashing.digest import Digest
from consist.index.filestat import FileEntry
from consist.store import files as store_files
from tests.harm import harmed


class Clock:
    """`time.time`, which stands still but where a test sets it: on a busy machine no file becomes old meanwhile."""

    def __init__(self):
        self.start = time.time()
        self.ahead = 0.0

    def time(self):
        return self.start + self.ahead

    def begin_at(self, file):
        """Begin when a file was changed last, in whatever way."""
        self.start = max(file.stat().st_mtime, file.stat().st_ctime)


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(store_files, "time", made)
    return made


@pytest.fixture
def reads(monkeypatch):
    """Count the files that are read, and let a test do something while one is."""
    seen = SimpleNamespace(paths=[], meanwhile=lambda _path: None)
    real = steady.hash_stream

    def hash_stream(stream, *told, **options):
        seen.paths.append(stream.name)
        hashed = real(stream, *told, **options)
        seen.meanwhile(stream.name)
        return hashed

    monkeypatch.setattr(steady, "hash_stream", hash_stream)
    return seen


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "input"
    path.write_bytes(b"first")
    return path


def check(store, path):
    """Digest a file and compare with what is in it."""
    found = store.files.digest(str(path))
    assert (found.digest.raw, found.size) == (blake3(path.read_bytes()).digest(), path.stat().st_size)


def cached(store, path):
    return store.index.files.entry(str(path)) is not None


def test_an_old_file_is_read_once(store, file, clock, reads):
    clock.ahead = 10
    for _ in range(3):
        check(store, file)
    assert reads.paths == [str(file)]


def test_a_young_file_is_never_cached(store, file, clock, reads):
    clock.begin_at(file)
    for _ in range(2):
        check(store, file)
    assert len(reads.paths) == 2
    assert not cached(store, file)


@pytest.mark.parametrize(("age", "kept"), [(1.9, False), (2.1, True)])
def test_young_is_two_seconds(store, file, clock, age, kept):
    os.utime(file)
    clock.begin_at(file)
    clock.ahead = age
    check(store, file)
    assert cached(store, file) == kept


def test_a_date_set_back_makes_no_file_old(store, file, clock):
    os.utime(file, (10**9, 10**9))
    clock.begin_at(file)
    check(store, file)
    assert not cached(store, file)


def test_a_date_in_the_future_is_young(store, file, clock, reads):
    clock.ahead = 10
    os.utime(file, (2**32, 2**32))
    check(store, file)
    assert not cached(store, file)


def test_the_age_is_reckoned_from_the_look_not_from_the_end_of_a_long_read(store, file, clock, reads):
    """A write in the same tick as the look before it would not show in any stamp, however long the reading takes."""

    def take_long(_path):
        clock.ahead += 10

    clock.begin_at(file)
    reads.meanwhile = take_long
    check(store, file)
    assert not cached(store, file)


def test_same_size_and_mtime_but_other_bytes(store, file, clock):
    clock.ahead = 10
    os.utime(file, ns=(10**18, 10**18))
    check(store, file)
    assert cached(store, file)
    for text in (b"other", b"third"):
        file.write_bytes(text)
        os.utime(file, ns=(10**18, 10**18))
        check(store, file)


@pytest.mark.parametrize("field", ["size", "mtime_ns", "ctime_ns", "inode"])
def test_an_entry_holds_only_if_every_stamp_is_the_same(store, file, field):
    found = file.stat()
    wrong = Digest(b"\x07" * 32)
    entry = FileEntry(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, wrong)
    store.index.files.put(str(file), entry)
    assert store.files.digest(str(file)).digest == wrong  # believed, so the next line means something
    store.index.files.put(str(file), entry._replace(**{field: getattr(entry, field) + 1}))
    check(store, file)


def test_another_file_moved_to_the_name(store, file, tmp_path, clock):
    clock.ahead = 10
    other = tmp_path / "other"
    other.write_bytes(b"OTHER")
    for path in (file, other):
        os.utime(path, ns=(10**18, 10**18))
    check(store, file)
    other.replace(file)
    check(store, file)


def test_a_copy_with_the_same_date_is_another_file(store, file, tmp_path, clock, reads):
    clock.ahead = 10
    check(store, file)
    copy = tmp_path / "copy"
    copy.write_bytes(b"SECON")
    os.utime(copy, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    check(store, copy)


def test_a_file_that_changes_while_it_is_read_is_read_again(store, file, clock, reads):
    clock.ahead = 10

    def change_once(path):
        reads.meanwhile = lambda _path: None
        file.write_bytes(b"second")

    reads.meanwhile = change_once
    check(store, file)
    assert len(reads.paths) == 2


def test_a_change_of_same_size_and_date_while_it_is_read_is_seen(store, file, clock, reads):
    clock.ahead = 10
    os.utime(file, ns=(10**18, 10**18))

    def change_once(path):
        reads.meanwhile = lambda _path: None
        file.write_bytes(b"FIRST")
        os.utime(file, ns=(10**18, 10**18))

    reads.meanwhile = change_once
    check(store, file)


def test_a_file_that_keeps_changing_is_refused(store, file, reads):
    reads.meanwhile = lambda _path: file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(errors.InputError, match="input keeps changing while it is read"):
        store.files.digest(str(file))
    assert len(reads.paths) == 3
    assert not cached(store, file)


def test_a_file_that_goes_while_it_is_read(store, file, reads):
    reads.meanwhile = lambda _path: file.unlink()
    with pytest.raises(errors.InputError, match=r"there is no file .*input"):
        store.files.digest(str(file))


def test_a_damaged_entry_is_no_harm(store, file, clock, reads):
    clock.ahead = 10
    check(store, file)
    environment = store.index.environment

    def spoil(transaction, tables):
        with transaction.cursor(tables.files) as cursor:
            assert cursor.first()
            cursor.put(cursor.key(), harmed(cursor.value()))

    environment.write(spoil)
    store.index.files = type(store.index.files)(store.index.environment)
    for _ in range(2):
        check(store, file)
    assert len(reads.paths) == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _path: None, "there is no file .*thing .check the path; a relative one starts at the working folder"),
        (lambda path: path.mkdir(), "thing is not a file"),
        (os.mkfifo, "thing is not a file"),
        (lambda path: path.symlink_to("nowhere"), "there is no file .*thing"),
    ],
)
def test_what_is_no_file_is_named(store, tmp_path, make, message):
    make(tmp_path / "thing")
    with pytest.raises(errors.InputError, match=message):
        store.files.digest(str(tmp_path / "thing"))


def test_a_relative_path_is_of_the_working_folder(store, file, tmp_path, monkeypatch, clock):
    clock.ahead = 10
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/input").write_bytes(b"third")
    for folder, text in ((tmp_path, b"first"), (tmp_path / "elsewhere", b"third")):
        monkeypatch.chdir(folder)
        assert store.files.digest("input").digest.raw == blake3(text).digest()


def test_the_cache_is_not_of_one_store(make_store, file, clock, reads):
    clock.ahead = 10
    check(make_store("one"), file)
    check(make_store("two"), file)
    assert len(reads.paths) == 1
