"""Files outside the store: what can be none is refused before anything is written; errors are said of the target."""

import contextlib
import errno
from pathlib import Path

import pytest

from consist import fileops
from consist.blobs.blobstore import BlobStore
from consist.blobs.local import LocalBackend
from consist.blobs.newfile import write_file
from consist.blobs.treeget import restore_tree
from consist.blobs.treeput import put_tree
from consist.errors import FolderError, RefusedError, StorageError, StorageFullError, StoragePermissionError, UsageError
from consist.testing import faults

LARGE = bytes(3 << 20)


@pytest.fixture
def blobs(tmp_path):
    return BlobStore(LocalBackend(str(tmp_path / "store"), durable=False))


@pytest.fixture
def around(tmp_path):
    """A folder with a file and a folder in it."""
    folder = tmp_path / "around"
    (folder / "there").mkdir(parents=True)
    (folder / "file").write_bytes(b"x")
    return folder


@pytest.fixture
def deeds(blobs, around):
    """Get a large blob, a small one and a folder, each by name."""
    source = around.parent / "source"
    source.mkdir()
    (source / "a").write_bytes(LARGE)
    tree = put_tree(blobs, str(source)).digest
    large, small = blobs.put_bytes(LARGE).digest, blobs.put_bytes(b"small").digest
    return {
        "large": lambda target: blobs.get(large, target),
        "small": lambda target: blobs.get(small, target),
        "folder": lambda target: restore_tree(blobs, tree, target),
    }


NONE = {
    "empty": ("", "path is ''|cannot be the name"),
    "nul": ("{}/a\0b", "no name has a NUL in it"),
    "no text": ("{}/a\ud800b", "no name can be written so"),
    "in a file": ("{}/file/y", "cannot write .*/file/y: .*/file is no folder"),
    "below a file": ("{}/file/y/z", "cannot write .*/file/y/z: there is no folder .*/file/y"),
    "a file's name with a slash": ("{}/file/", "file/? is (no folder|there already)"),
    "too long": ("{}/" + "n" * 300, "its name is too long"),
    "nowhere": ("{}/none/y", r"there is no folder .*/none \(make it first"),
    "where nothing is made": ("/proc/y", r"cannot write /proc/y: nothing can be made in /proc \(choose another folder"),
}


@pytest.mark.parametrize("kind", ["large", "small", "folder"])
@pytest.mark.parametrize("why", NONE)
def test_what_can_be_no_target_is_refused_before_anything_is_written(deeds, around, why, kind):
    target, said = NONE[why]
    if target.startswith("/proc") and not Path("/proc/self").exists():
        pytest.skip("a machine without /proc")
    target = target.replace("{}", str(around))
    refused = UsageError if (why, kind) != ("a file's name with a slash", "folder") else Exception
    before = sorted(around.rglob("*"))
    with pytest.raises(refused, match=said), faults.recorded() as operations:
        deeds[kind](target)
    assert "write" not in {operation.name for operation in operations}
    assert sorted(around.rglob("*")) == before


@pytest.mark.parametrize("target", [b"bytes", 5, None])
def test_what_is_no_path_is_refused(blobs, target):
    digest = blobs.put_bytes(b"small").digest
    with pytest.raises(UsageError, match="path is"):
        blobs.get(digest, target)


def test_a_folder_in_the_place_of_a_file_is_refused(deeds, around):
    with pytest.raises(FolderError, match=r"there: it is a folder \(name a file in it"):
        deeds["small"](around / "there")
    (around / "link").symlink_to("there")
    deeds["small"](around / "link")  # which is replaced, not followed
    assert (around / "link").read_bytes() == b"small"
    assert not (around / "link").is_symlink()


TROUBLES = {
    "full": ("write", errno.ENOSPC, StorageFullError, "free some space there, or choose another target"),
    "limit": ("write", errno.EFBIG, StorageFullError, "`ulimit -f`"),
    "broken": ("write", errno.EIO, StorageError, "check the disk there, or choose another target"),
    "forbidden": ("open", errno.EACCES, StoragePermissionError, "choose another folder"),
    "unnamed": ("rename", errno.EIO, StorageError, "check the disk there, or choose another target"),
}


@pytest.mark.parametrize("kind", ["large", "small", "folder"])
@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_with_the_target_is_said_of_the_target(deeds, around, kind, trouble):
    """Its hint was that earlier runs are intact, or to try the store."""
    name, number, error, hint = TROUBLES[trouble]
    target = str(around / "new")
    with faults.failing(number, name=name), pytest.raises(error) as caught:
        deeds[kind](target)
    assert str(caught.value).startswith(f"cannot write {target}: ")
    assert hint in caught.value.hint
    assert sorted(path.name for path in around.iterdir()) == ["file", "there"]


def written(target):
    write_file(str(target), lambda file: file.write(b"ours"), durable=False, executable=False, replace=False)


@pytest.fixture(params=[True, False], ids=["links", "no links"])
def links(request):
    with contextlib.nullcontext() if request.param else faults.failing(errno.EPERM, name="link"):
        yield


@pytest.mark.usefixtures("links")
def test_a_file_that_is_to_replace_nothing_appears_where_nothing_is(around):
    written(around / "new")
    assert (around / "new").read_bytes() == b"ours"
    assert (around / "new").stat().st_mode & 0o777 == (around / "file").stat().st_mode & 0o777
    with pytest.raises(RefusedError, match="file is there already"):
        written(around / "file")
    assert (around / "file").read_bytes() == b"x"
    assert sorted(path.name for path in around.iterdir()) == ["file", "new", "there"]


def test_a_name_that_was_taken_in_vain_is_given_back(around):
    def tap(moment, operation, path):
        if moment == "before" and operation in {"link", "rename"}:
            raise OSError(errno.EPERM if operation == "link" else errno.EIO, "No", path)

    fileops.set_tap(tap)
    try:
        with pytest.raises(StorageError):
            written(around / "new")
    finally:
        fileops.set_tap(None)
    assert sorted(path.name for path in around.iterdir()) == ["file", "there"]


def test_a_link_that_fails_otherwise_is_an_error(around):
    with faults.failing(errno.EIO, name="link"), pytest.raises(StorageError, match=r"cannot write .*/new: "):
        written(around / "new")
    assert sorted(path.name for path in around.iterdir()) == ["file", "there"]
