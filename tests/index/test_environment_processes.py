"""One file, many processes: started in every way, writing at once, killed."""

import concurrent.futures
import importlib.util
import multiprocessing
import os
import random
import signal
import threading
import traceback
from pathlib import Path

import pytest

from consist.index.environment import Environment
from consist.index.index import Index
from consist.index.opened import OPEN
from consist.index.records import encode_record
from consist.index.wholeness import problems

_spec = importlib.util.spec_from_file_location("writer", Path(__file__).parent / "children" / "writer.py")
writer = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(writer)
record_of = writer.record_of


def put(index, number):
    record = record_of(number)
    index.put_run(record, encode_record(record))


def numbers(index):
    return [record.started for record in index.runs()][::-1]


def test_eight_processes_writing_at_once_lose_nothing(db_path, child):
    # Each with a small map of its own, which all of them outgrow while the others write.
    processes = [child("writer.py", db_path, 100 * place, 60, place % 2, 1 << 18) for place in range(8)]
    outcomes = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, outcomes
    index = Index(Environment(db_path), "store-1")
    wanted = [100 * place + number for place in range(8) for number in range(60)]
    assert numbers(index) == wanted
    assert all(index.find(record_of(number).signature) == record_of(number) for number in wanted)
    assert index.environment.verify() == []


def test_a_map_that_another_process_made_larger(db_path, child):
    environment = Environment(db_path, map_size=1 << 18)
    index = Index(environment, "store-1")
    put(index, 1)
    other = child("writer.py", db_path, 1000, 300, 0, 1 << 18)
    other.communicate("")
    assert other.returncode == 0
    assert os.path.getsize(db_path) > 4 << 18  # noqa: PTH202 - a plain path
    assert index.find(record_of(1299).signature) == record_of(1299)
    put(index, 2)
    assert numbers(index) == [1, 2, *range(1000, 1300)]


def test_a_file_that_another_process_deleted_and_made_anew(db_path, child):
    index = Index(Environment(db_path), "store-1")
    put(index, 1)
    Path(db_path).unlink()
    other = child("writer.py", db_path, 5, 1, 1, 1 << 20)
    other.communicate("")
    assert other.returncode == 0
    put(index, 2)
    assert numbers(index) == [2, 5]
    assert index.find(record_of(5).signature) == record_of(5)
    assert index.find(record_of(1).signature) is None


def work(index, number):
    """In a worker: what the parent wrote is there, and what is written here is for the parent."""
    assert index.find(record_of(0).signature) == record_of(0)
    put(index, number)
    return number


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_every_kind_use_a_pickled_handle(db_path, method, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    index = Index(Environment(db_path, map_size=1 << 18), "store-1")
    put(index, 0)
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        done = list(pool.map(work, [index] * 40, range(1, 41)))
    assert done == list(range(1, 41))
    assert numbers(index) == list(range(41))


def forked(call):
    """Fork, call in the child, and return its exit code; 0 if the call returned."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            call()
            code = 0
        except BaseException:  # noqa: BLE001 - the child ends here, whatever it is
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_opens_its_own_file_and_the_parent_keeps_its(db_path):
    index = Index(Environment(db_path), "store-1")
    put(index, 0)
    for number in range(1, 10):
        assert forked(lambda number=number: work(index, number)) == 0
        assert index.find(record_of(number).signature) == record_of(number)
    assert numbers(index) == list(range(10))
    # A child that only came and went holds no place among the readers.
    assert OPEN[db_path].env.info()["num_readers"] < 5


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_while_a_thread_writes_waits_for_it(db_path):
    index = Index(Environment(db_path), "store-1")
    put(index, 0)
    within, go_on = threading.Event(), threading.Event()

    def slow(txn, tables):
        txn.put(b"slow", b"half", db=tables.chunks)
        within.set()
        assert go_on.wait(60)
        txn.put(b"slow", b"whole", db=tables.chunks)

    thread = threading.Thread(target=index.environment.write, args=(slow,))
    thread.start()
    assert within.wait(60)
    threading.Timer(0.2, go_on.set).start()

    def in_child():
        assert index.environment.read(lambda txn, tables: txn.get(b"slow", None, tables.chunks)) == b"whole"
        work(index, 1)

    assert forked(in_child) == 0
    thread.join()
    assert numbers(index) == [0, 1]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_forks_while_threads_read_and_write(db_path):
    index = Index(Environment(db_path, durable=False, map_size=1 << 18), "store-1")
    put(index, 0)
    stop, errors, written = threading.Event(), [], []
    # Without a limit two unsynced writers outrun the children, each of which syncs all that they wrote: the file grew
    # to hundreds of MB, and the slower the disk, the longer it took.
    turns = threading.Semaphore(200)

    def busy(start):
        number = start
        try:
            while not stop.is_set():
                if not turns.acquire(timeout=0.1):
                    continue
                put(index, number)
                written.append(number)
                assert index.find(record_of(number).signature) is not None
                number += 1
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=busy, args=(start,)) for start in (10_000, 20_000)]
    for thread in threads:
        thread.start()
    try:
        codes = []
        for number in range(1, 40):
            turns.release(200)
            codes.append(forked(lambda number=number: work(index, number)))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert codes == [0] * 39
    assert errors == []
    assert numbers(index) == [*range(40), *sorted(written)]
    assert index.environment.verify() == []


@pytest.mark.slow
@pytest.mark.parametrize("durable", [1, 0])
def test_a_writer_killed_at_any_time_loses_nothing_that_it_was_told_is_written(db_path, child, durable):
    chance = random.Random(durable)  # noqa: S311 - which moment, not a secret
    index = Index(Environment(db_path), "store-1")
    put(index, 0)
    confirmed = {0}
    for turn in range(1, 31):
        process = child("writer.py", db_path, turn * 1000, 500, durable, 1 << 18)
        assert process.stdout.readline() == "ready\n"
        for _ in range(chance.randrange(6)):
            confirmed.add(int(process.stdout.readline()))
        process.send_signal(signal.SIGKILL)
        process.wait()
        confirmed.update(int(line) for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n"))
        # The file is read through an environment that was open all the time, and every third time through a new one.
        if turn % 3 == 0:
            index.close()
        found = set(numbers(index))
        assert found >= confirmed
        assert len(found - confirmed) <= turn  # at most the one whose commit was through when it was killed
        confirmed = found
        for number in found:
            assert index.find(record_of(number).signature) == record_of(number)
            assert index.producers(record_of(number).outputs[0].digest) == [(f"{number:020x}", "out")]
    assert list(index.steps()) == [("step", len(confirmed))]
    index.close()
    assert problems(db_path) == []


def test_a_process_killed_within_a_write_does_not_keep_the_lock(db_path, child):
    index = Index(Environment(db_path), "store-1")
    put(index, 1)
    holder = child("holder.py", db_path, "write")
    assert holder.stdout.readline() == "held\n"
    assert numbers(index) == [1]  # readers do not wait for a writer
    holder.kill()
    holder.wait()
    put(index, 2)
    assert numbers(index) == [1, 2]
