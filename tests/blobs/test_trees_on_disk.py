"""Folders into trees and back: everything that a folder can hold, what is refused, and what damage does."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
import tracemalloc
import unicodedata
from pathlib import Path

import msgpack
import pytest
from blake3 import blake3
from fsspec.implementations.memory import MemoryFileSystem

from consist import errors, fileops
from consist.blobs.blobstore import BlobStore
from consist.blobs.newfolder import NewFolder
from consist.blobs.opening import open_backend
from consist.blobs.tree import TreeFile, encode_tree, make_tree
from consist.blobs.treeget import read_tree, restore_tree, verify_tree
from consist.blobs.treeput import BATCH_FILES, put_tree
from consist.blobs.wrappers import Counting
from consist.hashing.digest import Digest
from consist.testing import faults
from tests.harm import harmed
from tests.meddling import meddle

MIB = 1 << 20


class Folder:
    """A store in a folder, and its oracle."""

    def __init__(self, path):
        self.path = path
        self.backend = open_backend(path, durable=False)

    def objects(self):
        if not (self.path / "blobs").exists():
            return {}
        found = [path for path in (self.path / "blobs").rglob("*") if path.is_file()]
        return {path.parent.name + path.name: path.read_bytes() for path in found}

    def write(self, name, data):
        file = self.path / "blobs" / name[:2] / name[2:]
        file.unlink()
        if data is not None:
            file.write_bytes(data)


class Memory:
    """A store on ``memory://``, and its oracle."""

    def __init__(self, name):
        self.root = f"/trees/{name}"
        self.backend = open_backend(f"memory:/{self.root}")

    def objects(self):
        found = {path: file for path, file in MemoryFileSystem.store.items() if path.startswith(f"{self.root}/blobs/")}
        return {path[-65:].replace("/", ""): file.getvalue() for path, file in found.items()}

    def write(self, name, data):
        path = f"{self.root}/blobs/{name[:2]}/{name[2:]}"
        if data is None:
            del MemoryFileSystem.store[path]
        else:
            MemoryFileSystem().pipe_file(path, data)


@pytest.fixture(params=["folder", "memory"])
def place(request, tmp_path):
    if request.param == "folder":
        yield Folder(tmp_path / "store")
        return
    place = Memory(request.node.name)
    yield place
    for path in [path for path in MemoryFileSystem.store if path.startswith(place.root + "/")]:
        del MemoryFileSystem.store[path]


@pytest.fixture
def blobs(place):
    return BlobStore(place.backend)


@pytest.fixture
def made(tmp_path):
    """A folder with one of everything that a tree keeps."""
    made = tmp_path / "made"
    (made / "a/b/c").mkdir(parents=True)
    (made / "empty/inner").mkdir(parents=True)
    (made / "a/one.txt").write_bytes(b"one")
    (made / "a/b/c/large.bin").write_bytes(bytes(range(256)) * 4000)
    (made / "a/b/same.txt").write_bytes(b"one")
    (made / "a-b").write_bytes(b"")
    (made / "run.sh").write_bytes(b"#!/bin/sh\n")
    (made / "run.sh").chmod(0o755)
    (made / "été.txt").write_bytes("été".encode())
    return made


def look(folder) -> dict:
    """Say what lies in a folder, with links as links."""
    found = {}
    for path in Path(folder).rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            found[str(path.relative_to(folder))] = (path.read_bytes(), bool(mode & stat.S_IXUSR))
        else:
            found[str(path.relative_to(folder))] = "folder" if stat.S_ISDIR(mode) else "other"
    return found


def around(target) -> set[str]:
    return {path.name for path in Path(target).parent.iterdir()}


def of(data):
    return Digest(blake3(data).digest())


# Storing -----------------------------------------------------------------------------------------------------------


def test_the_tree_of_a_folder_is_what_the_format_says(place, blobs, made):
    put = put_tree(blobs, str(made))
    objects = place.objects()
    data = objects[put.digest.hex]
    assert blake3(data).hexdigest() == put.digest.hex
    assert put.size == len(data)
    version, entries = msgpack.unpackb(data)
    assert version == 0
    expected = {
        path: [path, len(content[0]), content[1], blake3(content[0]).digest()]
        for path, content in look(made).items()
        if content != "folder"
    }
    expected["empty/inner/"] = ["empty/inner/", 0, False, None]
    assert entries == [expected[path] for path in sorted(expected, key=str.encode)]
    assert (put.files, put.total) == (6, sum(size for _, size, _, _ in entries))
    assert set(objects) == {put.digest.hex, *(digest.hex() for *_, digest in entries if digest)}
    for _, size, _, digest in entries:
        if digest:
            assert len(objects[digest.hex()]) == size


def test_it_comes_back_with_everything(blobs, made, tmp_path):
    put = put_tree(blobs, str(made))
    restore_tree(blobs, put.digest, str(tmp_path / "again"))
    assert look(tmp_path / "again") == look(made)
    assert put_tree(blobs, str(tmp_path / "again")) == put
    assert verify_tree(blobs, put.digest) == put.total


def test_times_and_the_order_of_making_do_not_count(blobs, tmp_path):
    digests = set()
    for number, names in enumerate((["a", "b/c"], ["b/c", "a"])):
        folder = tmp_path / f"{number}"
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name)
            os.utime(folder / name, (number, number))
        digests.add(put_tree(blobs, str(folder)).digest)
    assert len(digests) == 1


def test_hard_links_are_files_like_others(blobs, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a").write_text("content")
    os.link(folder / "a", folder / "b")
    tree = read_tree(blobs, put_tree(blobs, str(folder)).digest)
    assert [(file.path, file.digest) for file in tree.files] == [("a", of(b"content")), ("b", of(b"content"))]


@pytest.mark.parametrize("leads_to", ["file", "folder", "/etc/passwd", "nowhere"])
def test_links_are_refused_by_name(place, blobs, made, leads_to):
    (made / "file").write_text("x")
    (made / "folder").mkdir()
    (made / "a/link").symlink_to(leads_to if leads_to[0] == "/" else made / leads_to)
    with pytest.raises(errors.UsageError, match=r"made/a/link is a symbolic link.*symlinks=\"follow\""):
        put_tree(blobs, str(made))
    assert place.objects() == {}


def test_links_are_followed_if_asked(blobs, tmp_path, made):
    (tmp_path / "outside.txt").write_text("outside")
    (made / "a/link").symlink_to(tmp_path / "outside.txt")
    (made / "again").symlink_to("a/b")
    put = put_tree(blobs, str(made), symlinks="follow")
    restore_tree(blobs, put.digest, str(tmp_path / "again"))
    found = look(tmp_path / "again")
    assert found["a/link"] == (b"outside", False)
    assert found["again/same.txt"] == (b"one", False)
    assert "other" not in found.values()


@pytest.mark.parametrize("leads_to", [".", "..", "../a", "b/../.."])
def test_a_link_to_a_folder_around_it_ends_in_an_error(blobs, made, leads_to):
    (made / "a/loop").symlink_to(leads_to)
    with pytest.raises(errors.UsageError, match=r"a/loop is a link to a folder around it|loop/.*around it"):
        put_tree(blobs, str(made), symlinks="follow")


def test_a_broken_link_and_a_link_to_itself_are_named(blobs, made):
    (made / "a/broken").symlink_to("nowhere")
    with pytest.raises(errors.UsageError, match=r"cannot read .*a/broken: No such file.*broken link"):
        put_tree(blobs, str(made), symlinks="follow")
    (made / "a/broken").unlink()
    (made / "a/itself").symlink_to("itself")
    with pytest.raises(errors.UsageError, match=r"cannot read .*a/itself"):
        put_tree(blobs, str(made), symlinks="follow")


def test_the_folder_itself_may_be_reached_by_a_link(blobs, made, tmp_path):
    (tmp_path / "link").symlink_to("made")
    assert put_tree(blobs, str(tmp_path / "link")) == put_tree(blobs, f"{made}/")


@pytest.mark.parametrize("kind", ["fifo", "socket", "device"])
def test_what_is_no_file_is_refused_without_being_opened(blobs, made, monkeypatch, kind):
    monkeypatch.chdir(made)  # a socket's path is short
    if kind == "fifo":
        os.mkfifo("a/thing")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("a/thing")
    else:
        try:
            os.mknod("a/thing", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        except OSError:
            pytest.skip("making a device needs rights that this machine does not give")
    with pytest.raises(errors.UsageError, match="a/thing is neither a file nor a folder"):
        put_tree(blobs, str(made))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (b"caf\xe9", "is not UTF-8"),
        (b"a\nb", "control character"),
        (b"a\\b", "backslash"),
        (b"C:x", "a drive"),
    ],
)
def test_names_that_not_every_system_takes_are_refused(blobs, tmp_path, name, why):
    folder = tmp_path / "folder"
    folder.mkdir()
    try:
        Path(folder, os.fsdecode(name)).write_text("x")
    except OSError:
        pytest.skip("this filesystem does not take it either")
    with pytest.raises(errors.UsageError, match=f"folder: .*{why}"):
        put_tree(blobs, str(folder))


def test_names_are_composed_and_twins_are_refused(blobs, tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    folder = tmp_path / "folder"
    (folder / decomposed).mkdir(parents=True)
    (folder / decomposed / "x").write_text("x")
    assert [file.path for file in read_tree(blobs, put_tree(blobs, str(folder)).digest).files] == [f"{composed}/x"]
    (folder / composed).mkdir(exist_ok=True)
    if len(list(folder.iterdir())) == 1:
        pytest.skip("this filesystem takes them for one")
    for name in ("x", "y"):
        (folder / composed / name).write_text("x")
        with pytest.raises(errors.UsageError, match="are one name in Unicode's composed form"):
            put_tree(blobs, str(folder))
        (folder / composed / name).unlink()


@pytest.mark.parametrize("size", [10, 3 * MIB])
@pytest.mark.parametrize("often", [2, 3])
def test_a_file_that_changes_is_read_again_and_then_refused(blobs, made, monkeypatch, size, often):
    target = made / "a/changing"
    target.write_bytes(b"0" * size)
    meddle(monkeypatch, target, often)
    if often == 3:
        with pytest.raises(errors.UsageError, match="a/changing keeps changing while it is read"):
            put_tree(blobs, str(made))
        return
    tree = read_tree(blobs, put_tree(blobs, str(made)).digest)
    assert tree.find("a/changing").digest == of(b"2" * size)


def test_a_file_that_goes_meanwhile_is_named_with_what_to_do(place, made):
    (made / "a/b/c/larger.bin").write_bytes(bytes(2 * MIB))
    (made / "a/b/c/last").write_bytes(b"x")

    class Meddler(BlobStore):
        def put_stream(self, stream, **options):
            (made / "a/b/c/last").unlink()
            return super().put_stream(stream, **options)

    with pytest.raises(errors.UsageError, match=r"cannot read .*c/last: No such file.*somebody removed it meanwhile"):
        put_tree(Meddler(place.backend), str(made))


def test_a_file_that_comes_meanwhile_is_noticed(place, made):
    (made / "a/b/c/larger.bin").write_bytes(bytes(2 * MIB))

    class Meddler(BlobStore):
        def put_stream(self, stream, **options):
            (made / "a/new").write_text("x")
            return super().put_stream(stream, **options)

    with pytest.raises(errors.UsageError, match="made/a changed while it was read"):
        put_tree(Meddler(place.backend), str(made))


def test_small_files_go_to_a_remote_store_many_at_a_time(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(2 * BATCH_FILES + 1):
        (folder / f"{number}").write_text(f"{number % (2 * BATCH_FILES)}")  # the last is the first again
    place = Memory("many")
    batches = []
    real = place.backend.put_many
    place.backend.put_many = lambda items: (batches.append(len(items)), real(items))[1]
    blobs = BlobStore(place.backend)
    put = put_tree(blobs, str(folder))
    assert batches == [BATCH_FILES, BATCH_FILES]
    assert len(place.objects()) == 2 * BATCH_FILES + 1
    put_tree(blobs, str(folder))
    assert sum(batches) == 2 * BATCH_FILES
    place.write(of(b"7").hex, None)
    place.write(of(b"8").hex, b"88")
    blobs.suspects.add(of(b"9"))
    assert put_tree(blobs, str(folder)) == put
    assert sum(batches) == 2 * BATCH_FILES + 3
    assert blobs.suspects == set()
    assert place.objects()[of(b"8").hex] == b"8"


def test_an_earlier_tree_is_read_once_and_tells_where_to_look_for_chunks(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    contents = {name: os.urandom(2 * MIB) for name in ("a", "b")}
    for name, data in {**contents, "small": b"s"}.items():
        (folder / name).write_bytes(data)
    place = Folder(tmp_path / "store")
    earlier = put_tree(BlobStore(place.backend), str(folder))
    for name, data in contents.items():
        (folder / name).write_bytes(data + b"more")
    (folder / "renamed").write_bytes(os.urandom(2 * MIB))
    asked = []
    counting = Counting(place.backend)
    blobs = BlobStore(counting)  # another machine: it knows of no chunk

    def like():
        asked.append(1)
        return earlier.digest

    put_tree(blobs, str(folder), like=like)
    assert len(asked) == 1
    assert counting.calls["get"] == 3, "the tree, and the manifests of the two files that it has too"
    assert counting.written < 4.2 * MIB  # what is new, and the last chunk of each of the others
    counting.calls.clear()
    put_tree(blobs, str(folder), like=like)
    assert len(asked) == 1, "what this machine knows to be there needs no hint"
    assert counting.calls["upload"] == 0


@pytest.mark.parametrize("earlier", [None, Digest(bytes(32)), "no tree"])
def test_an_earlier_tree_that_is_not_there_is_no_error(tmp_path, earlier):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "large").write_bytes(os.urandom(2 * MIB))
    blobs = BlobStore(Folder(tmp_path / "store").backend)
    like = blobs.put_bytes(b"no tree").digest if earlier == "no tree" else earlier
    assert read_tree(blobs, put_tree(blobs, str(folder), like=lambda: like).digest).total == 2 * MIB


def test_memory_stays_bounded(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    with (folder / "large").open("wb") as stream:
        stream.truncate(64 * MIB)
    for number in range(60):
        (folder / f"{number}").write_bytes(bytes([number]) * (MIB - 1))
    store = Folder(tmp_path / "store")
    store.backend.__class__ = type(
        "Requests", (type(store.backend),), {"capabilities": Memory("x").backend.capabilities}
    )
    blobs = BlobStore(store.backend)
    blobs.put_bytes(bytes(2 * MIB))  # imports and threads are not what is measured
    tracemalloc.start()
    try:
        put = put_tree(blobs, str(folder))
        verify_tree(blobs, put.digest)
        restore_tree(blobs, put.digest, str(tmp_path / "again"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert put.total == 64 * MIB + 60 * (MIB - 1)
    assert peak < 48 * MIB  # a batch, and a few windows of a large file


def test_the_tree_is_written_after_all_its_files(place, made, tmp_path):
    """A store that fails before has no tree that lacks a file."""

    class Failing(BlobStore):
        def put_bytes(self, data, **how):
            if bytes(data[:2]) == b"\x92\x00":
                raise errors.StorageError("on purpose")
            return super().put_bytes(data, **how)

    with pytest.raises(errors.StorageError, match="on purpose"):
        put_tree(Failing(place.backend), str(made))
    files = {blake3(content[0]).hexdigest() for content in look(made).values() if content != "folder"}
    assert set(place.objects()) == files


# Restoring ---------------------------------------------------------------------------------------------------------


def test_a_folder_of_a_tree_is_restored_on_its_own(blobs, made, tmp_path):
    put = put_tree(blobs, str(made))
    restore_tree(blobs, put.digest, str(tmp_path / "b"), within="a/b")
    assert look(tmp_path / "b") == look(made / "a/b")
    restore_tree(blobs, put.digest, str(tmp_path / "none"), within="empty/inner")
    assert list((tmp_path / "none").iterdir()) == []
    for nothing in ("a/one.txt", "a/none", "..", "../made"):
        with pytest.raises(errors.NotFoundError, match="there is no folder"):
            restore_tree(blobs, put.digest, str(tmp_path / "x"), within=nothing)
    assert around(tmp_path / "x") & {"x"} == set()


@pytest.mark.parametrize("what", ["file", "folder", "empty", "link", "broken"])
def test_nothing_that_is_there_is_replaced(blobs, made, tmp_path, what):
    put = put_tree(blobs, str(made))
    target = tmp_path / "target"
    if what == "file":
        target.write_text("mine")
    elif what in {"folder", "empty"}:
        target.mkdir()
        if what == "folder":
            (target / "mine").write_text("mine")
    else:
        (tmp_path / "elsewhere").mkdir()
        target.symlink_to("elsewhere" if what == "link" else "nowhere")
    before = look(tmp_path)
    with pytest.raises(errors.RefusedError, match=r"target is there already"):
        restore_tree(blobs, put.digest, str(target))
    assert look(tmp_path) == before
    if what in {"folder", "empty"}:
        restore_tree(blobs, put.digest, str(target), force=True)
        assert look(target) == look(made)
    else:
        with pytest.raises(errors.RefusedError, match="never replaced"):
            restore_tree(blobs, put.digest, str(target), force=True)
        assert look(tmp_path) == before
    assert not [name for name in around(target) if name.startswith(".consist")]


@pytest.mark.parametrize("target", ["", "/", ".", "..", "x/.."])
def test_a_target_that_is_no_new_name_is_refused(blobs, made, target):
    digest = put_tree(blobs, str(made)).digest
    with pytest.raises(errors.UsageError, match="cannot be the name of a new folder"):
        restore_tree(blobs, digest, target, force=True)


def test_a_target_without_a_folder_around_it_is_refused(blobs, made, tmp_path):
    digest = put_tree(blobs, str(made)).digest
    with pytest.raises(errors.UsageError, match="there is no folder"):
        restore_tree(blobs, digest, str(tmp_path / "no/where"))


@pytest.mark.parametrize("how", ["missing", "damaged", "short"])
@pytest.mark.parametrize("size", [100, MIB - 1])
def test_a_damaged_file_is_named_and_its_tree_is_suspect(place, blobs, made, tmp_path, how, size):  # noqa: PLR0913, PLR0917 - the cases
    good = os.urandom(size)
    (made / "a/spoilt").write_bytes(good)
    put = put_tree(blobs, str(made))
    bad = {"missing": None, "damaged": harmed(good), "short": good[:-1]}[how]
    place.write(of(good).hex, bad)
    for read in (
        lambda: restore_tree(blobs, put.digest, str(tmp_path / "again")),
        lambda: verify_tree(blobs, put.digest),
    ):
        blobs.suspects.clear()
        with pytest.raises(errors.DamagedError, match=rf"a/spoilt in the tree {put.digest.short} cannot be read"):
            read()
        assert put.digest in blobs.suspects
    assert around(tmp_path / "again") == {"made", "store"} & around(tmp_path / "again")
    assert put_tree(blobs, str(made)) == put
    assert blobs.suspects == set()
    restore_tree(blobs, put.digest, str(tmp_path / "again"))
    assert look(tmp_path / "again") == look(made)


def test_a_tree_that_does_not_know_its_files_is_refused(blobs, tmp_path):
    for wrong in (3, 8):
        digest = blobs.put_bytes(b"content").digest
        tree = blobs.put_bytes(encode_tree(make_tree([TreeFile("a", wrong, False, digest)]))).digest
        with pytest.raises(errors.DamagedError, match=f"a in the tree .* it has 7 bytes, not {wrong}"):
            restore_tree(blobs, tree, str(tmp_path / "again"))
        assert not (tmp_path / "again").exists()


def test_a_blob_that_is_no_tree_is_refused(blobs, tmp_path):
    evil = msgpack.packb([0, [["../../evil", 1, False, blake3(b"x").digest()]]])
    for data in (b"content", evil):
        digest = blobs.put_bytes(data).digest
        with pytest.raises(errors.DamagedError, match=r"is damaged: it is no tree|is damaged: not an encoding"):
            restore_tree(blobs, digest, str(tmp_path / "again"))
        assert digest in blobs.suspects
    with pytest.raises(errors.BlobNotFoundError):
        restore_tree(blobs, of(b"nothing"), str(tmp_path / "again"))
    assert not (tmp_path / "again").exists()


def test_a_link_that_somebody_puts_there_meanwhile_leads_nowhere(tmp_path, made):
    """At every operation: each folder of the restored tree is replaced by a link to somebody's own folder."""
    blobs = BlobStore(open_backend(tmp_path / "store", durable=False))
    put = put_tree(blobs, str(made))
    with faults.recorded() as operations:
        restore_tree(blobs, put.digest, str(tmp_path / "clean"))
    for at in range(len(operations)):
        own = tmp_path / f"own{at}"
        own.mkdir()
        (own / "mine.txt").write_text("mine")
        work = tmp_path / f"work{at}"
        work.mkdir()
        before = look(own)
        seen = -1

        def meddle(moment, _name, _path, own=own, work=work, at=at):
            nonlocal seen
            seen += moment == "after"
            if moment == "after" and seen == at:
                for temp in work.glob(".consist-*/a"):
                    temp.rename(work / "moved")
                    temp.symlink_to(own)

        fileops.set_tap(meddle)
        try:
            restore_tree(blobs, put.digest, str(work / "target"))
        except (errors.StorageError, errors.UnsupportedError):
            pass
        finally:
            fileops.set_tap(None)
        assert look(own) == before


@pytest.mark.parametrize("what", ["file", "folder", "link"])
def test_a_name_that_is_taken_while_the_folder_is_made_stays(tmp_path, what):
    target = tmp_path / "target"
    with NewFolder(str(target)) as folder:
        folder.file("a", lambda file: file.write(b"ours"), executable=False)
        if what == "file":
            target.write_text("theirs")
        elif what == "folder":
            target.mkdir()
            (target / "a").write_text("theirs")
        else:
            target.symlink_to("/")
        before = look(tmp_path)
        with pytest.raises(errors.RefusedError, match="target is there already"):
            folder.publish()
    assert look(tmp_path).items() < before.items()
    assert around(target) == {"target"}


def test_a_folder_that_comes_again_and_again_is_replaced_or_told(tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (target / "old").write_text("old")
    with NewFolder(str(target), replace=True) as folder:
        folder.file("a", lambda file: file.write(b"new"), executable=False)
        (target / "older").write_text("x")
        folder.publish()
    assert look(tmp_path) == {"target": "folder", "target/a": (b"new", False)}


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_folder_is_put_back_if_the_one_that_is_to_replace_it_is_gone(tmp_path, when):
    """Somebody removes what is on its way, before the old one was moved aside or after it."""
    target = tmp_path / "target"
    target.mkdir()
    (target / "old").write_text("old")

    def meddle(moment, operation, _path):
        if (moment, operation) == (when, "rename"):
            for temp in tmp_path.glob(".consist-*.tmp"):
                shutil.rmtree(temp)

    with NewFolder(str(target), replace=True) as folder:
        folder.file("a", lambda file: file.write(b"new"), executable=False)
        fileops.set_tap(meddle)
        try:
            with pytest.raises(errors.StorageError, match=r"rename .*target: No such file"):
                folder.publish()
        finally:
            fileops.set_tap(None)
    assert look(tmp_path) == {"target": "folder", "target/old": (b"old", False)}


@pytest.mark.parametrize("moment", faults.MOMENTS)
@pytest.mark.parametrize("there", [False, True])
def test_every_operation_of_a_restore_may_fail(tmp_path, made, moment, there):
    """The target is as it was or whole, and nothing else is left; the same call succeeds after."""
    blobs = BlobStore(open_backend(tmp_path / "store", durable=False))
    put = put_tree(blobs, str(made))
    whole, old = look(made), {"old": (b"old", False)}

    def prepare(work):
        work.mkdir()
        if there:
            (work / "target").mkdir()
            (work / "target/old").write_text("old")
        return str(work / "target")

    target = prepare(tmp_path / "clean")
    with faults.recorded() as operations:
        restore_tree(blobs, put.digest, target, force=there)
    failures = 0
    for at, operation in enumerate(operations):
        if (operation.name, moment) == ("open", "after"):
            continue  # the lost answer of an open is no fault of a disk
        work = tmp_path / f"work{at}"
        target = prepare(work)
        try:
            with faults.failing(errno.ENOSPC, at=at, moment=moment):
                restore_tree(blobs, put.digest, target, force=there)
        except errors.StorageFullError:
            failures += 1
        found = look(work / "target") if (work / "target").exists() else None
        assert found in (whole, old if there else None), operation
        left = {path.name for path in work.iterdir()} - {"target"}
        assert not left or operation.name == "rmtree" or (operation.name, moment) == ("rename", "after")
        restore_tree(blobs, put.digest, target, force=(work / "target").exists())
        assert look(work / "target") == whole
    expected = sum(name != "rmtree" and (name, moment) != ("open", "after") for name, _ in operations)
    assert failures == expected - (there and moment == "after")  # the first rename is not done, where there is a folder


def test_a_full_disk_leaves_nothing_of_a_restore(mounted, tmp_path, made):
    disk = mounted("size=512k")
    blobs = BlobStore(open_backend(tmp_path / "store", durable=False))
    digest = put_tree(blobs, str(made)).digest
    with pytest.raises(errors.StorageFullError, match="No space left on device"):
        restore_tree(blobs, digest, str(disk / "target"))
    assert list(disk.iterdir()) == []


def test_a_full_disk_at_the_store_leaves_no_tree(mounted, made):
    disk = mounted("size=512k")
    blobs = BlobStore(open_backend(disk / "store", durable=False))
    with pytest.raises(errors.StorageFullError, match="No space left on device"):
        put_tree(blobs, str(made))
    contents = {blake3(content[0]).hexdigest() for content in look(made).values() if content != "folder"}
    left = [path for path in (disk / "store/blobs").rglob("*") if path.is_file()]
    assert {path.parent.name + path.name for path in left} <= contents
    assert list((disk / "store/tmp").iterdir()) == []
