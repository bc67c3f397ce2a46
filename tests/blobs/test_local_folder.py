"""What is particular to a folder as a backend: modes, durability, left-overs, foreign files, bad disks."""

import errno
import fcntl
import os
import pickle
import stat
import time

import pytest

from consist.blobs.folders import exclusive_lock
from consist.blobs.local import LocalBackend
from consist.errors import (
    AlreadyExistsError,
    BlobNotFoundError,
    SettingsError,
    StorageError,
    StorageFullError,
    StoragePermissionError,
    UnsupportedError,
    UsageError,
)
from consist.testing import faults
from consist.testing.together import fork

KEY = "blobs/ab/cdef"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def umask():
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def everything(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def write_once(backend):
    backend.put(KEY, b"put")
    backend.create("results/12/34", b"created")
    backend.replace("results/12/34", b"replaced", if_match=backend.get_versioned("results/12/34").version)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
@pytest.mark.parametrize("sharing", ["private", "group-read", "group"])
def test_modes_do_not_depend_on_the_umask(root, umask, mask, sharing):
    modes = {"private": (0o700, 0o600), "group-read": (0o2750, 0o600), "group": (0o2770, 0o660)}
    folder_mode, lock_mode = modes[sharing]
    umask(mask)
    write_once(LocalBackend(str(root), durable=False, sharing=sharing))
    umask(0o022)
    assert {mode(path) for path in [root, *root.rglob("*")] if path.is_dir()} == {folder_mode}
    assert mode(root / KEY) == mode(root / "results/12/34") == 0o444
    assert mode(root / "lock") == lock_mode


def test_folders_above_the_store_are_the_users(tmp_path, umask):
    umask(0o027)
    LocalBackend(str(tmp_path / "new" / "folder" / "store"), durable=False).put(KEY, b"x")
    assert mode(tmp_path / "new") == mode(tmp_path / "new" / "folder") == 0o750
    assert mode(tmp_path / "new" / "folder" / "store") == 0o700


def test_a_folder_that_was_there_keeps_its_mode(root):
    root.mkdir(mode=0o755)
    root.chmod(0o755)
    LocalBackend(str(root), durable=False).put(KEY, b"x")
    assert mode(root) == 0o755
    assert mode(root / "blobs") == 0o700


def test_an_empty_folder_is_opened_to_the_group_that_asked_for_it(root):
    root.mkdir(mode=0o700)
    LocalBackend(str(root), durable=False, sharing="group").put(KEY, b"x")
    assert mode(root) == 0o2770


def test_a_full_folder_is_not_opened_to_the_group(root):
    root.mkdir(mode=0o700)
    (root / "mine").touch()
    LocalBackend(str(root), durable=False, sharing="group").put(KEY, b"x")
    assert mode(root) == 0o700


def test_group_members_get_the_folders_group(root):
    root.mkdir()
    try:
        os.chown(root, -1, os.getgid() + 1)
    except PermissionError:
        pytest.skip("only root may give a folder to another group")
    root.chmod(0o2770)
    LocalBackend(str(root), durable=False, sharing="group").put(KEY, b"x")
    assert {path.lstat().st_gid for path in root.rglob("*")} == {os.getgid() + 1}


def test_sharing_is_one_of_three_words(root):
    with pytest.raises(SettingsError, match="everybody"):
        LocalBackend(str(root), sharing="everybody")


def test_a_new_backend_touches_nothing(tmp_path):
    with faults.recorded() as operations:
        backend = LocalBackend(str(tmp_path / "none" / "store"))
        assert backend.stat(KEY) is None
    assert operations == []
    assert list(tmp_path.iterdir()) == []


def test_it_does_not_follow_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    backend = LocalBackend("store", durable=False)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    backend.put(KEY, b"x")
    assert (tmp_path / "store" / KEY).read_bytes() == b"x"


def test_it_can_be_pickled(root):
    backend = LocalBackend(str(root), durable=False, sharing="group")
    backend.put(KEY, b"x")
    copy = pickle.loads(pickle.dumps(backend))  # noqa: S301 - our own
    assert copy.get(KEY) == b"x"
    copy.put("blobs/00/1", b"y")
    assert mode(root / "blobs/00") == 0o2770


# What a publish does, in which order -------------------------------------------------------------------------------


def names(operations):
    return [operation.name for operation in operations]


def test_a_durable_put_syncs_the_file_before_its_name_and_the_folder_after(root):
    backend = LocalBackend(str(root))
    backend.put("blobs/ab/first", b"")
    with faults.recorded() as operations:
        backend.put(KEY, b"x")
    assert names(operations) == ["open", "write", "chmod", "fsync", "rename", "fsync"]
    assert operations[3].path == operations[0].path
    assert operations[4].path == str(root / KEY)
    assert operations[5].path == str(root / "blobs/ab")


def test_a_durable_create_syncs_likewise_and_drops_the_temp_name(root):
    backend = LocalBackend(str(root))
    backend.put("results/12/first", b"")
    with faults.recorded() as operations:
        backend.create("results/12/34", b"x")
    assert names(operations) == ["open", "write", "chmod", "fsync", "link", "fsync", "unlink"]


def test_every_new_folder_is_synced_into_the_one_above(root):
    with faults.recorded() as operations:
        LocalBackend(str(root)).put(KEY, b"x")
    synced = [operation.path for operation in operations if operation.name == "fsync"]
    assert {str(root.parent), str(root), str(root / "blobs"), str(root / "blobs/ab")} < set(synced)


def test_a_durable_delete_syncs_the_folder(root):
    backend = LocalBackend(str(root))
    backend.put(KEY, b"x")
    with faults.recorded() as operations:
        backend.delete(KEY)
    assert names(operations) == ["open", "flock", "unlink", "fsync"]


def test_without_durable_nothing_is_synced_and_the_hot_path_is_short(root):
    backend = LocalBackend(str(root), durable=False)
    with faults.recorded() as operations:
        write_once(backend)
        backend.delete(KEY)
    assert "fsync" not in names(operations)
    with faults.recorded() as operations:
        backend.put(KEY, b"x" * 4096)
    assert names(operations) == ["open", "write", "chmod", "rename"]


# Faults ------------------------------------------------------------------------------------------------------------


def act_put(backend):
    backend.put("area/ab/1", b"new" * 100)


def act_upload(backend):
    with backend.upload() as upload:
        upload.write(b"new")
        upload.write(b"new" * 99)
        upload.publish("area/ab/1")


def act_create(backend):
    try:
        backend.create("area/ab/1", b"new" * 100)
    except AlreadyExistsError:  # it was told of a failure the first time, but had landed
        assert backend.get("area/ab/1") == b"new" * 100


def act_replace(backend):
    found = backend.get_versioned("area/ab/1")
    if found.data == b"old":
        backend.replace("area/ab/1", b"new" * 100, if_match=found.version)


def act_delete(backend):
    backend.delete("area/ab/1")


def act_delete_version(backend):
    if backend.stat("area/ab/1"):
        backend.delete("area/ab/1", if_match=backend.get_versioned("area/ab/1").version)


ACTS = {
    "put": (act_put, None, b"new" * 100),
    "put over": (act_put, b"old", b"new" * 100),
    "upload": (act_upload, None, b"new" * 100),
    "create": (act_create, None, b"new" * 100),
    "replace": (act_replace, b"old", b"new" * 100),
    "delete": (act_delete, b"old", None),
    "delete version": (act_delete_version, b"old", None),
}


class Scene:
    """A store with a bystander in it, and an act that is to be disturbed."""

    def __init__(self, root, act):
        self.root = root
        self.call, self.before, self.after = ACTS[act]
        self.backend = LocalBackend(str(root))
        if self.before is not None:
            self.backend.put("area/ab/1", self.before)
            self.backend.put("area/00/bystander", b"safe")

    def act(self):
        self.call(self.backend)

    def state(self):
        path = self.root / "area/ab/1"
        return path.read_bytes() if path.exists() else None

    def litter(self):
        return [*self.root.glob("tmp*/*"), *self.root.glob("tmp-*")]

    def check(self):
        assert self.state() in {self.before, self.after}
        if self.before is not None:
            assert (self.root / "area/00/bystander").read_bytes() == b"safe"

    def check_mended(self):
        """Called again, without a fault, the act succeeds; swept, nothing is left."""
        self.act()
        assert self.state() == self.after
        self.backend.sweep(0)
        assert self.litter() == []


def open_files():
    return sorted(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else []  # noqa: PTH208, PTH112


def failure_of(call):
    try:
        call()
    except StorageError as error:
        return error
    return None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("moment", faults.MOMENTS)
@pytest.mark.parametrize("act", ACTS)
def test_a_failed_operation_leaves_the_old_or_the_new_and_no_litter(tmp_path, act, moment, number):
    with faults.recorded() as operations:
        Scene(tmp_path / "count", act).act()
    hit = 0
    for at in range(len(operations)):
        scene = Scene(tmp_path / f"{at}", act)
        files = open_files()
        with faults.failing(number, at=at, moment=moment, but="open" if moment == faults.AFTER else None) as failed:
            error = failure_of(scene.act)
        hit += len(failed)
        assert open_files() == files
        scene.check()
        if error is None:
            assert scene.state() == scene.after
        else:
            assert isinstance(error, StorageFullError if number == errno.ENOSPC else StorageError)
            assert os.strerror(number) in str(error)
        # A failure that was passed over is one of tidying up: if an unlink fails, `sweep` comes after.
        assert len(scene.litter()) <= (error is None and failed != [])
        scene.check_mended()
    assert hit >= 3


@pytest.mark.parametrize("act", ACTS)
def test_a_killed_writer_leaves_the_old_or_the_new(tmp_path, act):
    points = faults.every_state(Scene(tmp_path / "count", act).act)
    assert len(points) > 3
    for at, moment in points:
        scene = Scene(tmp_path / f"{at}-{moment}", act)
        assert faults.run_killed(scene.act, at=at, moment=moment)
        scene.check()
        listed = {found.key for found in scene.backend.list("")}
        assert listed <= {"area/ab/1", "area/00/bystander"}
        scene.check_mended()


def test_a_writer_killed_while_making_folders_does_not_shut_out_the_group(tmp_path, umask):
    umask(0o077)
    for at, moment in faults.every_state(lambda: LocalBackend(str(tmp_path / "count"), sharing="group").put(KEY, b"x")):
        root = tmp_path / f"{at}-{moment}"
        backend = LocalBackend(str(root), sharing="group")
        assert faults.run_killed(lambda backend=backend: backend.put(KEY, b"x"), at=at, moment=moment)
        backend.put(KEY, b"x")
        backend.sweep(0)
        assert {mode(path) for path in [root, *root.rglob("*")] if path.is_dir()} == {0o2770}
        assert everything(root) == ["blobs", "blobs/ab", KEY, "tmp"]


def test_a_write_that_takes_only_a_part_is_continued(root, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data)[:7]))
    LocalBackend(str(root), durable=False).put(KEY, b"0123456789" * 5)
    assert (root / KEY).read_bytes() == b"0123456789" * 5


def test_a_link_whose_answer_was_lost_is_ours(root):
    """NFS repeats a request whose answer was lost, and is told that the link exists."""
    backend = LocalBackend(str(root), durable=False)
    backend.put("blobs/ab/first", b"")
    with faults.failing(errno.EEXIST, name="link", moment="after") as failed:
        backend.create(KEY, b"mine")
    assert failed == [0]
    assert backend.get(KEY) == b"mine"
    with pytest.raises(AlreadyExistsError):
        backend.create(KEY, b"theirs")


def test_a_folder_that_goes_while_it_is_needed_is_made_again(root):
    """As when two writers make it: one puts its own, empty, in place of the other's."""
    backend = LocalBackend(str(root), durable=False)
    backend.put("blobs/00/first", b"")
    left = [2]

    def tap(moment, operation, path):
        made = (root / "blobs/ab").exists()
        if made and left[0] and (moment, operation, path) == ("before", "rename", str(root / KEY)):
            left[0] -= 1
            (root / "blobs/ab").rmdir()

    faults.fileops.set_tap(tap)
    try:
        backend.put(KEY, b"x")
    finally:
        faults.fileops.set_tap(None)
    assert left == [0]
    assert backend.get(KEY) == b"x"


def test_an_upload_whose_temp_file_was_swept_says_so(root):
    backend = LocalBackend(str(root), durable=False)
    with backend.upload() as upload:
        upload.write(b"x")
        assert backend.sweep(0) == 1
        with pytest.raises(StorageError, match="swept"):
            upload.publish(KEY)
    assert backend.stat(KEY) is None


def test_a_filesystem_without_locks_is_named(root):
    backend = LocalBackend(str(root), durable=False)
    backend.create(KEY, b"x")
    version = backend.get_versioned(KEY).version
    with faults.failing(errno.ENOLCK, name="flock"), pytest.raises(UnsupportedError, match="no file locks"):
        backend.replace(KEY, b"y", if_match=version)
    assert backend.get(KEY) == b"x"


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_filesystem_without_modes_will_do(root, number):
    with faults.failing(number, name="chmod"):
        write_once(LocalBackend(str(root)))
    assert (root / KEY).read_bytes() == b"put"


def test_a_filesystem_that_cannot_sync_folders_will_do(root):
    folders = {str(root.parent), str(root), str(root / "blobs"), str(root / "blobs/ab")}

    def tap(moment, operation, path):
        if (moment, operation) == ("before", "fsync") and path in folders:
            raise OSError(errno.EINVAL, "Invalid argument")

    faults.fileops.set_tap(tap)
    try:
        LocalBackend(str(root)).put(KEY, b"x")
    finally:
        faults.fileops.set_tap(None)
    assert (root / KEY).read_bytes() == b"x"


def test_a_process_forked_meanwhile_does_not_keep_the_lock(tmp_path):
    path = str(tmp_path / "lock")
    reader, writer = os.pipe()

    def wait():
        os.close(writer)
        os.read(reader, 1)

    with exclusive_lock(path, 0o600):
        child = fork(wait)
    try:
        with open(path, "rb") as stream:  # noqa: PTH123
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(writer)
        child.wait()
        os.close(reader)


# Real disks --------------------------------------------------------------------------------------------------------


def test_a_full_disk(mounted):
    disk = mounted("size=1m")
    backend = LocalBackend(str(disk / "store"))
    backend.put(KEY, b"earlier")
    backend.create("results/12/34", b"old")
    version = backend.get_versioned("results/12/34").version
    before = everything(disk)
    big = os.urandom(2 << 20)
    with pytest.raises(StorageFullError, match="No space left"):
        backend.put("blobs/00/big", big)
    with pytest.raises(StorageFullError):
        backend.create("results/00/big", big)
    with pytest.raises(StorageFullError):
        backend.replace("results/12/34", big, if_match=version)
    with backend.upload() as upload:
        upload.write(big[:65_536])
        with pytest.raises(StorageFullError):
            upload.write(big)
    assert everything(disk) == before
    assert backend.get(KEY) == b"earlier"
    assert backend.get("results/12/34") == b"old"
    backend.put("blobs/00/small", b"there is room again")


def test_a_disk_without_room_for_another_file(mounted):
    disk = mounted("size=1m,nr_inodes=12")
    backend = LocalBackend(str(disk / "store"))
    for number in range(20):
        before = everything(disk)
        try:
            backend.put(f"blobs/{number:02}/x", b"x")
        except StorageFullError:
            break
    else:
        pytest.fail("the disk never filled up")
    assert everything(disk) in (before, [*before, f"store/blobs/{number:02}"])
    assert backend.get("blobs/00/x") == b"x"
    assert list((disk / "store" / "tmp").iterdir()) == []


def test_a_read_only_disk(mounted, make_read_only):
    disk = mounted("size=1m")
    backend = LocalBackend(str(disk / "store"))
    write_once(backend)
    version = backend.get_versioned("results/12/34").version
    make_read_only(disk)
    for call in (
        lambda: backend.put("blobs/00/1", b"x"),
        lambda: backend.create("results/00/1", b"x"),
        lambda: backend.replace("results/12/34", b"x", if_match=version),
        lambda: backend.delete(KEY),
        lambda: backend.delete("results/12/34", if_match=version),
        lambda: LocalBackend(str(disk / "other")).put(KEY, b"x"),
    ):
        with pytest.raises(StoragePermissionError, match="Read-only file system"):
            call()
    assert backend.get(KEY) == b"put"
    assert [found.key for found in backend.list("blobs")] == [KEY]
    assert backend.sweep(0) == 0


def test_a_file_where_the_folder_should_be(root):
    root.write_bytes(b"precious")
    backend = LocalBackend(str(root))
    assert backend.stat(KEY) is None
    assert list(backend.list("")) == []
    with pytest.raises(BlobNotFoundError):
        backend.get(KEY)
    with pytest.raises(StorageError, match="Not a directory"):
        backend.put(KEY, b"x")
    assert root.read_bytes() == b"precious"


# Left-overs and strangers ------------------------------------------------------------------------------------------


def leave(path, *, age, folder=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    if folder:
        path.mkdir()
    else:
        path.write_bytes(b"half")
    when = time.time() - age
    os.utime(path, (when, when))


def test_sweep_removes_what_is_old_enough_by_the_filesystems_clock(root):
    backend = LocalBackend(str(root), durable=False)
    backend.put(KEY, b"x")
    leave(root / "tmp" / "old", age=7_200)
    leave(root / "tmp" / "young", age=60)
    leave(root / "tmp" / "staged", age=7_200, folder=True)
    leave(root / "tmp-staged", age=7_200, folder=True)
    assert backend.sweep(3_600) == 3
    assert everything(root / "tmp") == ["young"]
    assert not (root / "tmp-staged").exists()
    assert backend.sweep(30) == 1
    assert backend.get(KEY) == b"x"


@pytest.mark.parametrize("name", ["tmp/kept", "tmp-kept"])
def test_sweep_leaves_a_folder_with_something_in_it_and_removes_the_others(root, name):
    """No writer of ours leaves one: somebody put it there, and must not keep what is left over from going."""
    backend = LocalBackend(str(root), durable=False)
    leave(root / name / "precious", age=7_200)
    os.utime(root / name, (0, 0))
    for number in range(8):  # before and after it, in whatever order they are listed
        leave(root / "tmp" / str(number), age=7_200)
        leave(root / f"tmp-{number}", age=7_200, folder=True)
    assert backend.sweep(3_600) == 16
    assert (root / name / "precious").read_bytes() == b"half"


def test_sweep_does_not_ask_this_machines_clock(root, monkeypatch):
    backend = LocalBackend(str(root), durable=False)
    leave(root / "tmp" / "young", age=60)
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert backend.sweep(3_600) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not look")
def test_a_folder_whose_names_may_be_read_and_no_more_is_our_own_error(tmp_path):
    root = tmp_path / "store"
    LocalBackend(str(root), durable=False).put(KEY, b"x")
    for path in (root, root / "blobs", tmp_path, *tmp_path.parents[:-1]):
        path.chmod(path.stat().st_mode | 0o055)
    (root / KEY).parent.chmod(0o744)

    def look():
        os.setuid(65_534)
        with pytest.raises(StoragePermissionError, match=r"cannot list .*/blobs/.*: Permission denied"):
            list(LocalBackend(str(root)).list("blobs"))

    fork(look).result()


def test_list_passes_over_strangers(root):
    backend = LocalBackend(str(root), durable=False)
    backend.put(KEY, b"x")
    backend.delete(KEY + "0")  # makes the lock file
    leave(root / "tmp" / "temp", age=0)
    (root / "blobs/ab/.DS_Store").write_bytes(b"")
    (root / ".hidden").mkdir()
    (root / ".hidden/file").write_bytes(b"")
    (root / "blobs/ab/link").symlink_to(root / KEY)
    os.mkfifo(root / "blobs/ab/pipe")
    with open(os.fsencode(root) + b"/blobs/ab/\xff\xfe", "wb"):  # noqa: PTH123 - no str can name it
        pass
    assert [found.key for found in backend.list("")] == [KEY]
    assert [found.key for found in backend.list("blobs")] == [KEY]
    for prefix in ("tmp", "lock"):
        assert list(backend.list(prefix)) == []


def test_what_is_no_file_is_no_object(root):
    backend = LocalBackend(str(root), durable=False)
    backend.put(KEY, b"x")
    (root / "blobs/ab/link").symlink_to(root / KEY)
    os.mkfifo(root / "blobs/ab/pipe")
    for key in ("blobs/ab/link", "blobs/ab/pipe", "blobs/ab"):
        assert backend.stat(key) is None
        with pytest.raises(BlobNotFoundError):
            backend.get(key)


@pytest.mark.parametrize(("start", "length"), [(-1, 1), (0, -1)])
def test_a_range_before_the_start_is_refused(root, start, length):
    with pytest.raises(UsageError):
        LocalBackend(str(root)).get_range(KEY, start, length)
