"""Reading a file as it was at one moment. The writer elsewhere is real; only when it writes is chosen."""

import os

import pytest

from consist.errors import InputError
from consist.hashing.hasher import Hashed, hash_bytes
from consist.hashing.steady import READS, bytes_steadily, digest_steadily, hash_steadily
from tests.meddling import meddle


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"0" * 1000)
    return path


@pytest.mark.parametrize("size", [None, 10, 3000])
def test_what_changes_is_read_again(file, monkeypatch, size):
    meddle(monkeypatch, file, READS - 1, size)
    read = digest_steadily(str(file))
    data = b"2" * (size or 1000)
    assert read.what == Hashed(hash_bytes(data), len(data))
    assert read.found == file.stat()


@pytest.mark.parametrize("size", [None, 10, 3000])
def test_what_keeps_changing_is_refused(file, monkeypatch, size):
    meddle(monkeypatch, file, READS, size)
    with pytest.raises(InputError, match=r"file keeps changing while it is read \(wait until its writer is done\)"):
        bytes_steadily(str(file))


def test_another_file_that_takes_the_name_is_noticed(file, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.write_bytes(b"1" * 1000)
    look_at = os.fstat

    def replace(descriptor):
        found = look_at(descriptor)
        if other.exists():
            other.replace(file)
        return found

    monkeypatch.setattr(os, "fstat", replace)
    assert bytes_steadily(str(file)).what == b"1" * 1000


def test_a_file_whose_size_says_nothing_is_named_as_that():
    with pytest.raises(InputError, match=r"/proc/self/status has 0 bytes and gives .*write it to a plain file first"):
        digest_steadily("/proc/self/status")


def test_a_file_that_cannot_be_read_raises_what_the_system_says(tmp_path):
    with pytest.raises(FileNotFoundError):
        hash_steadily(str(tmp_path / "none"))
    with pytest.raises(IsADirectoryError):
        hash_steadily(str(tmp_path))


def test_a_fifo_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe is not a file"):
        digest_steadily(str(tmp_path / "pipe"))
