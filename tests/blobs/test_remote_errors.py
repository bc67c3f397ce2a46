"""What drivers raise and how objects travel: every driver here is a real fsspec filesystem that misbehaves on cue."""

import errno
import os
import pickle
import socket
import tempfile
from datetime import UTC, datetime

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from consist.blobs.remote import RemoteBackend
from consist.blobs.remote.plain import seconds
from consist.blobs.spool import Spool
from consist.blobs.wrappers import Retrying
from consist.errors import (
    AlreadyExistsError,
    BlobNotFoundError,
    ConsistError,
    StorageError,
    StorageFullError,
    StoragePermissionError,
    UnreachableError,
    UnsupportedError,
    UsageError,
)
from consist.testing import faults
from consist.testing.together import fork

QUOTED = "GET https://host/key?X-Amz-Signature=s3cr3t"


class SulkyFileSystem(MemoryFileSystem):
    """Memory that raises `mood` instead of answering."""

    protocol = "sulky"
    store = {}  # noqa: RUF012
    pseudo_dirs = [""]  # noqa: RUF012
    mood = None
    made = 0

    def __init__(self, *args, **kwargs):
        type(self).made += 1
        super().__init__(*args, **kwargs)

    def _sulk(self):
        if self.mood is not None:
            raise self.mood

    def pipe_file(self, path, value, mode="overwrite", **kwargs):
        self._sulk()
        super().pipe_file(path, value, mode=mode, **kwargs)

    def put_file(self, lpath, rpath, *args, **kwargs):
        self._sulk()
        super().put_file(lpath, rpath, *args, **kwargs)

    def cat_file(self, path, start=None, end=None, **kwargs):
        self._sulk()
        if start is not None and start >= len(self.store[self._strip_protocol(path)].getvalue()):
            raise OSError(errno.EINVAL, "Invalid range")  # as s3fs does
        if (start, end) == (0, 0):
            end = None  # as several do: the whole object
        return super().cat_file(path, start=start, end=end, **kwargs)

    def info(self, path, **kwargs):
        self._sulk()
        return super().info(path, **kwargs)

    def find(self, path, maxdepth=None, withdirs=False, detail=False, **kwargs):
        self._sulk()
        return super().find(path, maxdepth, withdirs, detail, **kwargs)

    def rm_file(self, path):
        self._sulk()
        super().rm_file(path)

    @classmethod
    def _strip_protocol(cls, path):
        return MemoryFileSystem._strip_protocol(path.removeprefix("sulky://"))


fsspec.register_implementation("sulky", SulkyFileSystem, clobber=True)


class NoCredentialsError(Exception):
    """As botocore's: no OSError."""


@pytest.fixture
def backend():
    SulkyFileSystem.store.clear()
    SulkyFileSystem.mood = None
    backend = RemoteBackend("sulky://team/store")
    backend.put("blobs/1", b"content")
    yield backend
    SulkyFileSystem.mood = None


CALLS = {
    "put": lambda backend: backend.put("blobs/1", b"x"),
    "create": lambda backend: backend.create("blobs/new", b"x"),
    "get": lambda backend: backend.get("blobs/1"),
    "range": lambda backend: backend.get_range("blobs/1", 0, 1),
    "stat": lambda backend: backend.stat("blobs/1"),
    "list": lambda backend: list(backend.list("blobs")),
    "delete": lambda backend: backend.delete("blobs/1"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("mood", "wanted"),
    [
        (PermissionError(QUOTED), StoragePermissionError),
        (TimeoutError(QUOTED), UnreachableError),
        (ConnectionResetError(QUOTED), UnreachableError),
        (socket.gaierror(socket.EAI_NONAME, QUOTED), UnreachableError),
        (OSError(errno.ENOSPC, QUOTED), StorageFullError),
        (OSError(errno.EACCES, QUOTED), StoragePermissionError),
        (OSError(16, QUOTED), StorageError),
        (OSError(QUOTED), StorageError),
        (NoCredentialsError(QUOTED), StoragePermissionError),
        (NotImplementedError(QUOTED), UnsupportedError),
        (KeyError(QUOTED), StorageError),
    ],
    ids=repr,
)
def test_what_a_driver_raises_becomes_ours_and_tells_no_secret(backend, call, mood, wanted):
    SulkyFileSystem.mood = mood
    with pytest.raises(ConsistError) as raised:
        CALLS[call](backend)
    assert type(raised.value) is wanted
    assert "s3cr3t" not in str(raised.value)
    assert "sulky://team/store" in str(raised.value)
    assert raised.value.__cause__ is mood


def test_a_name_that_nobody_has_is_not_taken_for_a_server_that_is_down(backend):
    SulkyFileSystem.mood = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    with pytest.raises(UnreachableError, match=r"no answer: nobody has that name \(correct the endpoint"):
        Retrying(backend).get("blobs/1")


@pytest.mark.timeout(30)
def test_an_error_that_was_raised_from_itself_is_told_as_any_other(backend):
    """A chain of causes without an end: walked to its end, it took all memory."""
    first, second = PermissionError("no right"), PermissionError("refused")
    first.__cause__, second.__cause__ = second, first
    SulkyFileSystem.mood = first
    with pytest.raises(StoragePermissionError, match="not allowed") as raised:
        Retrying(backend).get("blobs/1")
    assert str(raised.value.__cause__) == "PermissionError: refused"


@pytest.mark.parametrize("mood", [KeyboardInterrupt(), SystemExit()])
def test_an_interrupt_passes_through(backend, mood):
    SulkyFileSystem.mood = mood
    with pytest.raises(type(mood)):
        backend.get("blobs/1")


def test_ranges_that_drivers_get_wrong(backend):
    backend.put("blobs/empty", b"")
    assert backend.get_range("blobs/1", 0, 0) == b""
    assert backend.get_range("blobs/1", 7, 5) == b""
    assert backend.get_range("blobs/1", 100, 5) == b""
    assert backend.get_range("blobs/empty", 0, 5) == b""
    assert backend.get_range("blobs/1", 5, 100) == b"nt"
    for start, length in ((-1, 1), (0, -1)):
        with pytest.raises(UsageError):
            backend.get_range("blobs/1", start, length)


def test_a_large_upload_goes_through_a_file_that_does_not_stay(backend, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    data = os.urandom(3_000_000)
    with backend.upload() as upload:
        upload._spool = Spool(in_memory=1_000_000)
        for start in range(0, len(data), 700_000):
            upload.write(data[start : start + 700_000])
        assert len(list(tmp_path.iterdir())) == 1
        upload.publish("blobs/large")
    assert list(tmp_path.iterdir()) == []
    assert backend.get("blobs/large") == data


def test_an_abandoned_spool_file_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spool = Spool(in_memory=10)
    spool.write(b"x" * 8)
    assert spool.path is None
    spool.write(b"y" * 8)
    with open(spool.path, "rb") as stream:  # noqa: PTH123
        assert stream.read() == b"x" * 8 + b"y" * 8
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_a_full_temp_folder_is_named(mounted, monkeypatch):
    disk = mounted("size=1m")
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    spool = Spool(in_memory=10)
    with pytest.raises(StorageFullError, match=str(disk)):
        spool.write(bytes(2 << 20))
    spool.close()
    assert list(disk.iterdir()) == []


def test_a_failed_write_through_the_seam(backend):
    with faults.failing(errno.EIO, name="put"), pytest.raises(StorageError, match="Input/output"):
        backend.put("blobs/1", b"new")
    assert backend.get("blobs/1") == b"content"


def test_a_driver_is_made_when_it_is_needed_and_once(backend):
    backend.get("blobs/1")
    before = SulkyFileSystem.made
    lazy = RemoteBackend("sulky://team/store")
    assert lazy.url == "sulky://team/store"
    assert SulkyFileSystem.made == before
    lazy.get("blobs/1")
    lazy.get("blobs/1")
    assert SulkyFileSystem.made == before + 1


def test_each_process_makes_its_own_driver(backend):
    backend.get("blobs/1")
    before = SulkyFileSystem.made

    def child():
        backend.get("blobs/1")
        backend.get("blobs/1")
        return SulkyFileSystem.made

    assert fork(child).result() == before + 1
    backend.get("blobs/1")
    assert SulkyFileSystem.made == before


def test_a_pickled_backend_leaves_its_driver_behind(backend):
    backend.get("blobs/1")
    before = SulkyFileSystem.made
    copy = pickle.loads(pickle.dumps(backend))  # noqa: S301 - our own
    assert SulkyFileSystem.made == before
    assert copy.get("blobs/1") == b"content"
    assert SulkyFileSystem.made == before + 1


def test_it_says_what_is_there_and_what_is_not(backend):
    with pytest.raises(BlobNotFoundError, match="none"):
        backend.get("blobs/none")
    with pytest.raises(AlreadyExistsError, match="blobs/1"):
        backend.create("blobs/1", b"x")


NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "wanted"),
    [
        (NOON, NOON.timestamp()),
        (NOON.replace(tzinfo=None), NOON.timestamp()),
        ("2026-11-23T12:00:00.000Z", NOON.timestamp()),
        ("2026-11-23T13:00:00+01:00", NOON.timestamp()),
        (NOON.timestamp(), NOON.timestamp()),
        (12, 12.0),
        ("yesterday", float("inf")),
        (object(), float("inf")),
    ],
)
def test_dates_as_drivers_give_them(date, wanted):
    assert seconds(date) == wanted
