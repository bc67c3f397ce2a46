"""An index on a filesystem that cannot be written: read without locks, if nobody has it open; else a way out."""

import shutil
import subprocess
from pathlib import Path

import pytest

from consist import Tracker, errors
from consist.index.environment import Environment
from consist.index.lockfile import is_held
from consist.store.places import Located
from consist.store.reading import open_existing
from consist.testing.together import fork

REFUSED = r"a process that may write it has it open .*index rebuild --db-path FILE"


def give():
    return b"given" * 1000


@pytest.fixture
def seen(tmp_path):
    """Mount a folder a second time, read-only, as a container may; give both names of it."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    if shutil.which("mount") is None or subprocess.run(["mount", "--bind", here, there], check=False).returncode:
        pytest.skip("mounting needs rights that this machine does not give")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", there], check=True)
        yield here, there
    finally:
        subprocess.run(["umount", "-l", there], check=True)


def fill(here):
    with Tracker(run_dir=here / "runs", db_path=here / "index.lmdb", durable=False) as tracker:
        run = tracker.run(give).run
    tracker.store.index.close()
    return run


@pytest.mark.parametrize("locks", [True, False])
def test_it_is_read(seen, locks):
    here, there = seen
    run = fill(here)
    if not locks:
        (here / "index.lmdb-lock").unlink()
    store = open_existing(Located(str(there / "index.lmdb"), str(there / "index.store"), {}))
    assert [found.id for found in store.index.runs()] == [run.id]
    assert store.blobs.read(run.record.outputs[0].digest) == give()
    store.index.sync()
    with pytest.raises(errors.StoragePermissionError, match=r"its filesystem is read-only .*index rebuild --db-path"):
        store.index.environment.write(lambda _txn, _tables: None)
    store.index.close()


def test_it_is_not_while_somebody_has_it_open_who_may_write(seen):
    here, there = seen
    fill(here)
    place = Located(str(there / "index.lmdb"), str(there / "index.store"), {})
    writer = Environment(here / "index.lmdb")
    writer.read(lambda _txn, _tables: None)

    def look():
        with pytest.raises(errors.StoragePermissionError, match=REFUSED):
            open_existing(place)

    assert fork(look).result() is None
    writer.close()
    assert not is_held(str(here / "index.lmdb-lock"))
    open_existing(place).index.close()


def test_a_writer_that_comes_later_ends_the_reading_not_the_reader(seen, child):
    """It uses pages again that a reader without locks still looks at: that would be wrong bytes, or a SIGABRT."""
    here, there = seen
    run = fill(here)
    store = open_existing(Located(str(there / "index.lmdb"), str(there / "index.store"), {}))
    index = store.index
    assert index.get_run(run.id) is not None
    writer = child("rewriter.py", here / "index.lmdb")
    assert writer.stdout.readline() == "ready\n"
    for ask in (lambda: index.get_run(run.id), lambda: index.environment.read(lambda _txn, _tables: None)):
        with pytest.raises(errors.StoragePermissionError, match=REFUSED):
            ask()
    writer.kill()
    writer.wait()
    assert index.get_run(run.id) is not None
    index.close()


def test_a_writer_of_this_process_keeps_its_lock(seen):
    here, there = seen
    fill(here)
    reader, writer = Environment(there / "index.lmdb"), Environment(here / "index.lmdb")
    writer.read(lambda _txn, _tables: None)
    with pytest.raises(errors.StoragePermissionError, match=REFUSED):
        reader.read(lambda _txn, _tables: None)

    def is_seen():
        assert is_held(str(here / "index.lmdb-lock"))

    assert fork(is_seen).result() is None
    writer.close()
    reader.read(lambda _txn, _tables: None)
    reader.close()


def test_who_has_it_open_is_seen_from_another_process(tmp_path):
    path = tmp_path / "index.lmdb"
    lock = Path(f"{path}-lock")
    assert not is_held(str(lock))
    environment = Environment(path)
    environment.read(lambda _txn, _tables: None)

    def is_seen(wanted):
        assert is_held(str(lock)) is wanted

    assert fork(lambda: is_seen(True)).result() is None
    environment.close()
    assert fork(lambda: is_seen(False)).result() is None
