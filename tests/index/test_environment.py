import errno
import gc
import os
import pickle
import shutil
import stat
import threading
import warnings
from pathlib import Path

import lmdb
import pytest

from consist import fileops
from consist.errors import ConsistWarning, DamagedError, FormatError, StorageError, StoragePermissionError, UsageError
from consist.index import environment as environment_module
from consist.index import filekind, lmdbfile, schema, unsynced
from consist.index.environment import Environment, UntrustedIndexError
from consist.index.index import Index
from consist.index.opened import OPEN, drop
from consist.index.wholeness import problems


def put(environment, key=b"key", value=b"value"):
    environment.write(lambda txn, tables: txn.put(key, value, db=tables.chunks))


def get(environment, key=b"key"):
    return environment.read(lambda txn, tables: txn.get(key, None, tables.chunks))


def test_nothing_is_made_before_the_first_use(tmp_path):
    environment = Environment(tmp_path / "a" / "b" / "index.lmdb")
    assert not environment.exists()
    assert list(tmp_path.iterdir()) == []
    put(environment)
    assert environment.exists()
    assert get(environment) == b"value"


def test_only_the_user_can_read_it(environment):
    old = os.umask(0)
    try:
        put(environment)
    finally:
        os.umask(old)
    for path in (environment.path, environment.path + "-lock"):
        assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(environment.path).parent.stat().st_mode) == 0o700


def test_two_handles_of_one_file_share_it(environment, tmp_path):
    put(environment)
    (tmp_path / "link").symlink_to(Path(environment.path).parent)
    other = Environment(tmp_path / "link" / "index.lmdb")
    assert get(other) == b"value"
    other.close()
    assert get(environment) == b"value"


def test_a_relative_path_stays_what_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environment = Environment("index.lmdb")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    put(environment)
    assert (tmp_path / "index.lmdb").exists()


def test_a_pickle_is_path_and_settings(environment):
    put(environment)
    data = pickle.dumps(Environment(environment.path, durable=False, map_size=1 << 20))
    assert len(data) < 300
    again = pickle.loads(data)  # noqa: S301 - our own bytes
    assert (again.path, again.durable, again.map_size) == (environment.path, False, 1 << 20)
    assert get(again) == b"value"


def test_an_error_within_a_write_undoes_it_and_passes_through(environment):
    put(environment)

    def fail(txn, tables):
        txn.put(b"key", b"other", db=tables.chunks)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        environment.write(fail)
    assert get(environment) == b"value"
    put(environment, value=b"third")
    assert get(environment) == b"third"


def test_a_write_within_a_write_is_refused_and_a_read_sees_the_state_before(environment):
    put(environment)
    seen = []

    def outer(txn, tables):
        txn.put(b"key", b"new", db=tables.chunks)
        seen.append(get(environment))
        with pytest.raises(UsageError, match="within a write"):
            put(environment)

    environment.write(outer)
    assert seen == [b"value"]
    assert get(environment) == b"new"


@pytest.mark.parametrize("how", ["read", "write"])
def test_closing_within_a_transaction_lets_it_be_done_again(environment, how):
    # As a finaliser may do, which the garbage collector calls within a transaction.
    put(environment)
    calls = []

    def close_once(txn, tables):
        calls.append(1)
        if len(calls) == 1:
            Environment(environment.path).close()
        return txn.get(b"key", None, tables.chunks)

    assert getattr(environment, how)(close_once) == b"value"
    assert len(calls) == 2


def test_the_map_grows_as_needed(db_path):
    environment = Environment(db_path, map_size=1 << 18)
    for number in range(40):
        put(environment, b"%d" % number, bytes(100_000))
    put(environment, b"large", bytes(5_000_000))
    assert all(len(get(environment, b"%d" % number)) == 100_000 for number in range(40))
    assert len(get(environment, b"large")) == 5_000_000


def test_a_write_that_finds_the_map_full_is_done_again_whole(db_path):
    environment = Environment(db_path, map_size=1 << 18)
    put(environment, b"count", b"0")
    calls = []

    def grow(txn, tables):
        calls.append(1)
        count = int(txn.get(b"count", None, tables.chunks)) + 1
        txn.put(b"count", b"%d" % count, db=tables.chunks)
        txn.put(b"large", bytes(3_000_000), db=tables.chunks)

    environment.write(grow)
    assert len(calls) > 1
    assert get(environment, b"count") == b"1"


def test_a_small_map_opens_a_large_file(db_path):
    put(Environment(db_path), b"large", bytes(5_000_000))
    Environment(db_path).close()
    environment = Environment(db_path, map_size=1 << 16)
    put(environment)
    assert len(get(environment, b"large")) == 5_000_000


@pytest.mark.parametrize("what", ["file", "lock", "both", "replaced"])
def test_a_deleted_file_is_noticed(environment, tmp_path, what):
    put(environment)
    if what == "replaced":
        other = Environment(tmp_path / "other.lmdb")
        put(other, b"key", b"other")
        other.close()
        os.replace(other.path, environment.path)  # noqa: PTH105 - paths are strings here
        assert get(environment) == b"other"
        return
    for path in {"file": [""], "lock": ["-lock"], "both": ["", "-lock"]}[what]:
        os.unlink(environment.path + path)  # noqa: PTH108 - the same
    put(environment, b"new", b"new")
    assert get(environment) == (b"value" if what == "lock" else None)
    assert get(environment, b"new") == b"new"
    environment.close()
    assert get(Environment(environment.path), b"new") == b"new"


def test_a_deleted_file_is_noticed_by_a_look_up_that_misses(environment, index, make, put, digest):
    put(index, make(1, "one"))
    assert index.find(digest("one")) is not None
    Path(environment.path).unlink()
    assert index.find(digest("two")) is None
    assert index.find(digest("one")) is None
    assert environment.exists()


def test_a_deleted_folder_is_made_again(environment):
    put(environment)
    for path in Path(environment.path).parent.iterdir():
        path.unlink()
    Path(environment.path).parent.rmdir()
    put(environment, b"new", b"new")
    assert get(environment, b"new") == b"new"


def test_a_new_file_does_not_use_the_locks_of_the_one_before(environment):
    put(environment)
    lock = Path(environment.path + "-lock")
    before = lock.stat().st_ino
    kept = os.open(lock, os.O_RDONLY)  # as another process that has it open: so its inode is not given out again
    Path(environment.path).unlink()
    put(environment)
    assert lock.stat().st_ino != before
    os.close(kept)


def test_delete_deletes(environment):
    put(environment)
    environment.delete()
    assert not environment.exists()
    assert not Path(environment.path + "-lock").exists()
    environment.delete()
    assert get(environment) is None


def test_what_is_moved_aside_is_kept_and_others_go_on_with_a_new_file(environment):
    put(environment)
    environment.close()
    path = Path(environment.path)
    before = path.read_bytes()
    path.with_name(path.name + ".damaged-1").symlink_to("nowhere")
    other = Environment(path)
    assert get(other) == b"value"
    assert environment.move_aside() == f"{path}.damaged-2"
    assert not path.exists()
    assert not path.with_name(path.name + "-lock").exists()
    assert Path(f"{path}.damaged-2").read_bytes() == before
    assert get(other) is None
    put(other)
    assert get(environment) == b"value"
    environment.delete()
    assert environment.move_aside() is None


FOREIGN = {
    "DuckDB": bytes(8) + b"DUCK" + bytes(4096),
    "SQLite": b"SQLite format 3\x00" + bytes(4096),
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "Parquet": b"PAR1" + bytes(100),
    "Arrow": b"ARROW1\0\0",
    "ZIP": b"PK\x03\x04" + bytes(100),
    "gzip": b"\x1f\x8b\x08\x00",
    "text": "Größe,Breite\n1,2\n".encode() * 500,
    "consist store": b"CNST" + bytes(100),
    "zeros": bytes(10_000),
    "does not know": bytes(range(256)) * 20,
    "machine with another byte order": bytes(16) + b"\xbe\xef\xc0\xde" + bytes(4096),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_another_kind_of_file_is_refused_by_name_and_not_touched(tmp_path, what):
    path = tmp_path / "provenance.duckdb"
    path.write_bytes(FOREIGN[what])
    path.chmod(0o444)
    before = path.stat()
    environment = Environment(path)
    for use in (lambda: get(environment), lambda: put(environment), environment.delete, environment.move_aside):
        named = use not in {environment.delete, environment.move_aside}
        with pytest.raises(FormatError, match=what if named else "not an index"):
            use()
    with pytest.raises(FormatError, match="choose another db_path"):
        get(environment)
    after = path.stat()
    assert path.read_bytes() == FOREIGN[what]
    assert (before.st_ino, before.st_mtime_ns, before.st_mode) == (after.st_ino, after.st_mtime_ns, after.st_mode)
    assert os.listdir(tmp_path) == [path.name]  # noqa: PTH208 - names are what is compared


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(FormatError, match="folder"):
        get(Environment(tmp_path))


def test_an_empty_file_is_taken_as_a_new_index(tmp_path):
    (tmp_path / "index").touch()
    put(Environment(tmp_path / "index"))
    assert get(Environment(tmp_path / "index")) == b"value"


@pytest.mark.parametrize("contents", ["plain", "tables", "nothing"])
def test_an_lmdb_file_of_somebody_else_is_refused_unless_nothing_is_in_it(tmp_path, contents):
    path = str(tmp_path / "theirs.mdb")
    with lmdb.open(path, subdir=False, max_dbs=4) as env, env.begin(write=True) as txn:
        if contents == "plain":
            txn.put(b"meta", b"mine")
        if contents == "tables":
            txn.put(b"x", b"y", db=env.open_db(b"meta", txn=txn))
    os.unlink(path + "-lock")  # noqa: PTH108 - paths are strings here
    if contents == "nothing":
        put(Environment(path))
        return
    before = Path(path).read_bytes()
    assert Environment(path).damage() is None
    environment = Environment(path)
    for use in (lambda: get(environment), lambda: put(environment), environment.delete, environment.move_aside):
        with pytest.raises(FormatError, match=r"LMDB database that consist did not make|not an index of consist"):
            use()
    assert Path(path).read_bytes() == before
    assert not Path(path + "-lock").exists()


def test_the_other_lmdb_format_is_refused(tmp_path):
    path = str(tmp_path / "theirs.mdb")
    lmdb.open(path, subdir=False, lib_version=1).close()
    with pytest.raises(FormatError, match=r"LMDB database 1\.0"):
        get(Environment(path))


def test_an_index_of_a_newer_consist_is_refused_with_what_to_do(environment):
    newer = (schema.VERSION + 1).to_bytes(4, "big")
    environment.write(lambda txn, tables: txn.put(schema.META_VERSION, newer, db=tables.meta))
    environment.close()
    with pytest.raises(FormatError, match=f"version {schema.VERSION + 1}.*upgrade consist"):
        get(environment)


def test_an_index_that_lacks_a_table_gets_it(environment):
    put(environment)
    environment.close()
    with lmdb.open(environment.path, subdir=False, max_dbs=32) as env:
        handle = env.open_db(b"suspects")
        with env.begin(write=True) as txn:
            txn.drop(handle)
    assert get(environment) == b"value"
    assert environment.read(lambda txn, tables: txn.stat(tables.suspects)["entries"]) == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do anything")
def test_a_file_without_rights_is_a_storage_error(environment):
    put(environment)
    environment.close()
    Path(environment.path).chmod(0)
    with pytest.raises(StoragePermissionError):
        get(environment)


def test_a_data_file_that_may_not_be_written_is_an_error_that_names_a_way_out(environment, monkeypatch):
    """Others may write it, so it is not read without locks. For root all may be written: the error is made up."""
    put(environment)
    environment.close()
    forbidden = lmdb.ReadonlyError(f"{environment.path}: Permission denied")
    forbidden.code = errno.EACCES

    def refuse(path, **options):
        if not options.get("readonly"):
            raise forbidden
        return real(path, **options)

    real = lmdb.open
    monkeypatch.setattr(lmdb, "open", refuse)
    with pytest.raises(StoragePermissionError, match=r"Permission denied .*index rebuild --db-path FILE"):
        get(environment)


def test_a_folder_that_is_a_file_is_a_storage_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        get(Environment(tmp_path / "file" / "index.lmdb"))


def test_a_failing_disk_is_a_storage_error_and_nothing_is_written(environment):
    put(environment)

    def full(moment, operation, _path):
        if (moment, operation) == ("before", "commit"):
            raise OSError(28, "No space left on device")

    fileops.set_tap(full)
    try:
        with pytest.raises(OSError, match="No space"):
            put(environment, value=b"other")
    finally:
        fileops.set_tap(None)
    assert get(environment) == b"value"
    put(environment, value=b"third")
    assert get(environment) == b"third"


def test_every_change_passes_the_seam(tmp_path):
    seen = []
    fileops.set_tap(lambda moment, operation, _path: seen.append((moment, operation)))
    try:
        environment = Environment(tmp_path / "folder" / "index.lmdb")
        put(environment)
        environment.close()
        environment.delete()
    finally:
        fileops.set_tap(None)
    operations = [operation for moment, operation in seen if moment == "before"]
    assert [operation for moment, operation in seen if moment == "after"] == operations
    making = ["mkdir", "flock", "open", "write", "open", "commit"]
    assert operations == [*making, "commit", "fsync", "flock", "unlink", "unlink"]


def marks(path):
    with lmdb.open(path, subdir=False, max_dbs=32, readonly=True, lock=False) as env:
        meta = env.open_db(b"meta", create=False)
        with env.begin() as txn:
            return [key for key in txn.cursor(meta).iternext(values=False) if key.startswith(b"unsynced")]


def test_an_unsynced_writer_leaves_a_mark_only_while_it_is_at_work(db_path):
    environment = Environment(db_path, durable=False)
    assert get(environment) is None
    environment.close()
    assert marks(db_path) == []
    put(environment)
    assert OPEN[environment.path].env.flags()["sync"] is False
    environment.sync()
    during = environment.read(
        lambda txn, tables: [key for key, _ in txn.cursor(tables.meta) if key.startswith(b"unsynced")]
    )
    assert len(during) == 1
    environment.close()
    assert marks(db_path) == []
    assert get(environment) == b"value"
    environment.close()


def test_an_unsynced_file_of_an_earlier_boot_is_not_trusted(db_path, monkeypatch):
    monkeypatch.setattr(unsynced, "boot_id", lambda: "the boot before")
    put(Environment(db_path, durable=False))
    drop(OPEN[db_path])  # as by a crash
    monkeypatch.undo()
    environment = Environment(db_path)
    for _ in range(2):
        with pytest.raises(UntrustedIndexError, match="rebuild"):
            get(environment)
    environment.delete()
    assert get(environment) is None
    put(environment)


def test_an_unsynced_file_of_this_boot_is_trusted_and_its_mark_goes_with_the_next_clean_close(db_path, child):
    killed = child("writer.py", db_path, 0, 3, 0, 1 << 20)
    assert [killed.stdout.readline().strip() for _ in range(4)][-1] == "2"
    killed.kill()
    killed.wait()
    index = Index(Environment(db_path), "store-1")
    assert len(list(index.runs())) == 3
    index.close()
    assert len(marks(db_path)) == 1
    put(Environment(db_path, durable=False))
    Environment(db_path).close()
    assert marks(db_path) == []


def test_a_mark_of_a_process_that_still_writes_stays(db_path, child):
    writing = child("writer.py", db_path, 0, 3, 0, 1 << 20)
    assert [writing.stdout.readline().strip() for _ in range(4)][-1] == "2"
    put(Environment(db_path, durable=False))
    Environment(db_path).close()
    assert len(marks(db_path)) == 1
    writing.communicate("")
    assert writing.returncode == 0
    assert marks(db_path) == []


@pytest.mark.parametrize("operation", ["fsync", "flock"])
def test_a_file_that_is_deleted_while_it_is_closed_is_no_error_and_not_made_again(db_path, operation):
    put(Environment(db_path, durable=False))

    def delete(moment, found, _path):
        if (moment, found) == ("after", operation):
            shutil.rmtree(Path(db_path).parent)

    fileops.set_tap(delete)
    try:
        Environment(db_path).close()
    finally:
        fileops.set_tap(None)
    assert not Path(db_path).exists()
    put(Environment(db_path))


def test_the_end_of_the_process_closes_all_files_though_one_cannot_be(tmp_path, monkeypatch):
    environments = [Environment(tmp_path / f"{number}.lmdb", durable=False) for number in range(3)]
    for environment in environments:
        put(environment)
    real = lmdbfile.close_file

    def fail_for_one(opened):
        real(opened)
        if opened.path == environments[0].path:
            raise StorageError("no disk")

    monkeypatch.setattr(lmdbfile, "close_file", fail_for_one)
    environment_module._close_all()
    assert OPEN == {}
    assert [marks(environment.path) for environment in environments] == [[], [], []]


def test_a_durable_handle_syncs_also_in_a_file_that_is_open_unsynced(db_path):
    put(Environment(db_path, durable=False))
    seen = []
    fileops.set_tap(lambda _moment, operation, _path: seen.append(operation))
    try:
        put(Environment(db_path))
        put(Environment(db_path, durable=False))
    finally:
        fileops.set_tap(None)
    assert seen == ["commit", "commit", "fsync", "fsync", "commit", "commit"]
    Environment(db_path).close()


def test_a_boot_is_named_and_stays_the_same():
    assert unsynced.boot_id()
    assert unsynced.boot_id() == unsynced.boot_id()


MOUNTS = """\
/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb /home/local xfs rw 0 0
bucket /mnt/with\\040space fuse.s3fs rw 0 0
x /mnt/appimage fuse.appimage rw 0 0
tmpfs /homestead tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/data/index", None),
        ("/home/me/index", "nfs4"),
        ("/home", "nfs4"),
        ("/home/local/index", None),
        ("/homestead/index", None),
        ("/mnt/with space/index", "fuse.s3fs"),
        ("/mnt/appimage/index", None),
    ],
)
def test_a_network_filesystem_is_told_by_the_mount_that_is_nearest(tmp_path, path, kind):
    (tmp_path / "mounts").write_text(MOUNTS)
    assert filekind.network_filesystem(path, str(tmp_path / "mounts")) == kind
    assert filekind.network_filesystem(path, str(tmp_path / "none")) is None


def test_a_network_filesystem_is_warned_of(db_path, monkeypatch):
    monkeypatch.setattr(filekind, "network_filesystem", lambda _: "nfs4")
    with pytest.warns(ConsistWarning, match="nfs4.*local disk"):
        put(Environment(db_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        put(Environment(db_path))  # once for each opening


def test_threads_share_it(environment, make, digest):
    index = Index(environment, "store-1")
    from consist.index.records import encode_record

    errors = []

    def work(start):
        try:
            for number in range(start, start + 40):
                record = make(number, f"s{number}")
                index.put_run(record, encode_record(record))
                assert index.find(digest(f"s{number}")) == record
                if number % 10 == 0:
                    index.close()
                    gc.collect(1)
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 320, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [int(record.id, 16) for record in index.runs()] == list(range(319, -1, -1))


def test_verify_finds_nothing_wrong_with_a_good_file_and_something_with_a_bad_one(environment):
    assert environment.verify() == []
    for number in range(50):
        put(environment, b"%d" % number, bytes(1000))
    assert environment.verify() == []
    environment.close()
    data = bytearray(Path(environment.path).read_bytes())
    for start in range(5 * 4096, len(data), 4096):
        data[start : start + 16] = bytes(16)
    Path(environment.path).write_bytes(data)
    assert problems(environment.path)


def test_a_reader_table_without_room_is_cleaned_of_the_dead(db_path, child, monkeypatch):
    monkeypatch.setattr(lmdbfile, "MAX_READERS", 3)
    environment = Environment(db_path)
    put(environment)
    dead = [child("holder.py", db_path, "read") for _ in range(2)]
    for process in dead:
        assert process.stdout.readline() == "held\n"
    for process in dead:
        process.kill()
        process.wait()
    assert OPEN[db_path].env.reader_check() == 2
    last = [child("holder.py", db_path, "read") for _ in range(3)]
    for process in last:
        assert process.stdout.readline() == "held\n"
    with pytest.raises(StorageError, match="READERS_FULL"):
        get(environment)
    last[0].kill()
    last[0].wait()
    assert get(environment) == b"value"


def test_stale_readers_are_cleared_when_it_is_opened(db_path, child):
    put(Environment(db_path))
    Environment(db_path).close()
    living, dead = child("holder.py", db_path, "read"), child("holder.py", db_path, "read")
    for process in (living, dead):
        assert process.stdout.readline() == "held\n"
    dead.kill()
    dead.wait()
    assert get(Environment(db_path)) == b"value"
    assert OPEN[db_path].env.readers().count("\n") - 1 <= 2
    assert str(dead.pid) not in OPEN[db_path].env.readers()
    assert str(living.pid) in OPEN[db_path].env.readers()
    Environment(db_path).close()


def test_a_damaged_header_is_damage_and_not_another_kind_of_file(environment):
    put(environment)
    environment.close()
    data = bytearray(Path(environment.path).read_bytes())
    data[16] ^= 1
    Path(environment.path).write_bytes(data)
    with pytest.raises(DamagedError, match="rebuild"):
        get(environment)
    environment.delete()
    put(environment)
