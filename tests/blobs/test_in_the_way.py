"""What is no object in an object's place: a put heals it, or says what to remove, if that is a folder."""

import contextlib
import errno
import os
import shutil
import socket
from functools import partial

import pytest

from consist.blobs.blobstore import BlobStore
from consist.blobs.local import LocalBackend
from consist.errors import AlreadyExistsError, BlobNotFoundError, StorageError
from consist.testing import faults
from consist.testing.together import in_processes

AREAS = {"blobs": b"small", "packs": bytes(range(256)) * (8 << 10), "manifests": bytes(range(256)) * (8 << 10)}


@pytest.fixture(params=AREAS)
def lost(request, tmp_path, monkeypatch):
    """A store, a content, its digest, and the path of an object that it needs and that is gone."""
    blobs = BlobStore(LocalBackend(str(tmp_path / "store"), durable=False))
    content = AREAS[request.param]
    digest = blobs.put_bytes(content).digest
    (path,) = [path for path in (tmp_path / "store" / request.param).rglob("*") if path.is_file()]
    path.rename(tmp_path / "other")
    monkeypatch.chdir(path.parent)  # a whole path may be too long for a socket
    return blobs, content, digest, path


def make(kind, path):
    other = os.path.relpath(path.parents[3] / "other", path.parent)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    elif kind == "folder":
        (path / "in").mkdir(parents=True)
    else:
        path.symlink_to({"link": other, "loop": path.name, "link to nothing": "nothing"}[kind])


KINDS = ["fifo", "socket", "link", "loop", "link to nothing", "folder"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_object_is_a_missing_one_and_a_put_heals_it_or_says_what_to_remove(lost, tmp_path, kind):
    """A manifest never healed: it "keeps changing". A socket was "No such device or address"."""
    blobs, content, digest, path = lost
    make(kind, path)
    other = (tmp_path / "other").read_bytes()
    for read in (blobs.read, lambda digest: blobs.get(digest, tmp_path / "out")):
        with pytest.raises(BlobNotFoundError):
            read(digest)
    assert blobs.stat(digest) is None
    if kind == "folder":
        with pytest.raises(StorageError, match=rf"the folder {path} is in its place \(remove it"):
            blobs.put_bytes(content)
        assert (path / "in").is_dir()
        (path / "in").rmdir()
        path.rmdir()
    assert blobs.put_bytes(content).digest == digest
    assert blobs.read(digest) == content
    assert path.is_file()
    assert not path.is_symlink()
    assert (tmp_path / "other").read_bytes() == other


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_a_control_object_is_created_in_the_place_of_what_is_none(tmp_path, monkeypatch, kind, links):
    """A record's key was taken for ever, and each run of it "not recorded in full"."""
    (tmp_path / "other").write_bytes(b"someone's")
    path = tmp_path / "store" / "results" / "12" / "34"
    path.parent.mkdir(parents=True)
    monkeypatch.chdir(path.parent)
    make(kind, path)
    backend = LocalBackend(str(tmp_path / "store"), durable=False)
    with contextlib.nullcontext() if links else faults.failing(errno.EPERM, name="link"):
        if kind == "folder":
            with pytest.raises(StorageError, match=rf"the folder {path} is in its place \(remove it"):
                backend.create("results/12/34", b"record")
            assert (path / "in").is_dir()
            return
        backend.create("results/12/34", b"record")
        with pytest.raises(AlreadyExistsError):
            backend.create("results/12/34", b"another")
    assert backend.get("results/12/34") == b"record"
    assert (tmp_path / "other").read_bytes() == b"someone's"


@pytest.mark.parametrize("kind", ["fifo", "link"])
def test_of_many_who_clear_a_key_one_is_first(tmp_path, kind):
    (tmp_path / "other").write_bytes(b"someone's")
    path = tmp_path / "store" / "results" / "12" / "34"
    path.parent.mkdir(parents=True)
    make(kind, path)

    def create(number):
        try:
            LocalBackend(str(tmp_path / "store"), durable=False).create("results/12/34", b"%d" % number)
        except AlreadyExistsError:
            return False
        return True

    created = in_processes([partial(create, number) for number in range(8)])
    assert sum(created) == 1
    assert path.read_bytes() == b"%d" % created.index(True)


def test_who_is_killed_while_clearing_a_key_leaves_it_to_the_next(tmp_path):
    path = tmp_path / "store" / "results" / "12" / "34"

    def create():
        LocalBackend(str(tmp_path / "store")).create("results/12/34", b"record")

    def prepare():
        shutil.rmtree(tmp_path / "store", ignore_errors=True)
        path.parent.mkdir(parents=True)
        os.mkfifo(path)

    prepare()
    points = faults.every_state(create)
    assert len(points) > 10
    for at, moment in points:
        prepare()
        assert faults.run_killed(create, at=at, moment=moment)
        if not path.is_file():
            create()
        assert path.read_bytes() == b"record"
