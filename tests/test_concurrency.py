"""The same signatures asked for at once, by threads and by processes: each body runs once, and nobody fails.

The oracle is a file that bodies append a line to: the kernel puts each line down whole.
"""

# ruff: noqa: PTH208, S102 - names are compared as strings; threads run the very script that the processes do

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from consist import CacheOptions, ExecutionOptions, Tracker
from consist.testing.together import fork, in_threads

KEYS = 200
WORKERS = 8

WORKER = """
import json, os, random, sys
from pathlib import Path
from consist import Tracker

def square(number):
    descriptor = os.open("calls", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, b"%d\\n" % number)
    os.close(descriptor)
    return {"squared": number * number, "blob": number.to_bytes(2, "big") * 3000}

def ask(tracker, seed, keys):
    order = list(range(keys))
    if seed % 2:  # half of them in one order, so that they meet at every key
        random.Random(seed).shuffle(order)
    answers = {}
    for number in order:
        result = tracker.run(square, config={"number": number})
        value = result.value
        assert value == {"squared": number**2, "blob": number.to_bytes(2, "big") * 3000}
        answers[number] = [result.run.id, result.cache_hit]
    return answers

if __name__ == "__main__":
    seed, keys, db_path, durable = json.loads(sys.argv[1])
    with Tracker(run_dir="runs", db_path=db_path, store="store", durable=durable) as tracker:
        print("ready", flush=True)
        sys.stdin.readline()
        print(json.dumps(ask(tracker, seed, keys)))
"""


@pytest.fixture
def worker(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("worker.py").write_text(WORKER)
    return "worker.py"


def calls() -> Counter:
    return Counter(int(line) for line in Path("calls").read_text().splitlines())


def once_each() -> Counter:
    return Counter(range(KEYS))


def spawn(worker: str, db_paths: list[str], *, durable: bool = False) -> list[dict[str, list]]:
    """Start one new process for each index, let all go at once, and return what each got."""
    command = [sys.executable, "-W", "error", worker]
    workers = [
        subprocess.Popen(
            [*command, json.dumps([seed, KEYS, db_path, durable])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed, db_path in enumerate(db_paths)
    ]
    for process in workers:
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
    for process in workers:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = []
    for process in workers:
        out, err = process.communicate()
        assert (process.returncode, err) == (0, "")
        answers.append(json.loads(out))
    return answers


def check(answers, db_path="index.lmdb"):
    """One run a key, that everybody got, that one executed, and that the index has."""
    assert calls() == once_each()
    for number in map(str, range(KEYS)):
        assert len({answer[number][0] for answer in answers}) == 1
        assert [answer[number][1] for answer in answers].count(False) == 1
    tracker = Tracker(run_dir="runs", db_path=db_path, store="store")
    runs = tracker.find_runs()
    assert len(runs) == KEYS
    assert {run.status for run in runs} == {"completed"}
    assert {run.id for run in runs} == {answers[0][str(number)][0] for number in range(KEYS)}
    hits = sum(tracker.store.index.hits(run.id).count for run in runs)
    assert hits == sum(hit for answer in answers for _, hit in answer.values())
    assert os.listdir("store/locks") == []
    assert os.listdir("store/tmp") == []
    assert not Path("store/runs").exists()
    tracker.store.index.close()


@pytest.mark.parametrize("durable", [True, False])
def test_processes_that_ask_for_the_same_run_each_body_once(worker, durable):
    check(spawn(worker, ["index.lmdb"] * WORKERS, durable=durable))


def test_processes_with_indexes_of_their_own_run_each_body_once(worker):
    """As several users of one machine: only the store is shared."""
    answers = spawn(worker, [f"index{number % 4}.lmdb" for number in range(WORKERS)])
    assert calls() == once_each()
    for number in map(str, range(KEYS)):
        assert len({answer[number][0] for answer in answers}) == 1


def load(worker):
    scope = {"__name__": "worker"}
    exec(compile(Path(worker).read_text(), worker, "exec"), scope)
    return scope


def test_threads_that_ask_for_the_same_run_each_body_once(worker):
    ask = load(worker)["ask"]
    with Tracker(run_dir="runs", db_path="index.lmdb", store="store", durable=False) as tracker:
        answers = in_threads([lambda seed=seed: ask(tracker, seed, KEYS) for seed in range(WORKERS)])
    check([{str(number): found for number, found in answer.items()} for answer in answers])


def test_threads_with_trackers_of_their_own_run_each_body_once(worker):
    ask = load(worker)["ask"]

    def work(seed):
        with Tracker(run_dir="runs", db_path="index.lmdb", store="store", durable=False) as tracker:
            return ask(tracker, seed, KEYS)

    answers = in_threads([lambda seed=seed: work(seed) for seed in range(WORKERS)])
    check([{str(number): found for number, found in answer.items()} for answer in answers])


def test_forked_workers_of_an_open_tracker_run_each_body_once(worker):
    """The tracker was used before, and goes along with the fork."""
    ask = load(worker)["ask"]
    with Tracker(run_dir="runs", db_path="index.lmdb", store="store", durable=False) as tracker:
        tracker.run(pow, name="warm", config={"base": 2, "exp": 2}, cache_options=CacheOptions(cache_mode="off"))

        def work(seed):
            answer = ask(tracker, seed, KEYS)
            tracker.close()
            return answer

        children = [fork(lambda seed=seed: work(seed)) for seed in range(WORKERS)]
        answers = [child.result() for child in children]
        assert calls() == once_each()
        for number in range(KEYS):
            assert len({answer[number][0] for answer in answers}) == 1
        assert len(tracker.find_runs(step="square")) == KEYS
    tracker.store.index.close()


def test_when_the_one_that_executes_is_killed_another_takes_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def body(number):
        descriptor = os.open("calls", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, b"%d\n" % number)
        os.close(descriptor)
        if len(Path("calls").read_text().splitlines()) == 1:  # the first to come so far dies within its body
            os.kill(os.getpid(), signal.SIGKILL)
        return number + 1

    def work():
        with Tracker(run_dir="runs", db_path="index.lmdb", store="store") as tracker:
            result = tracker.run(body, config={"number": 41})
            return result.value, result.cache_hit, result.run.id

    children = [fork(work) for _ in range(4)]
    killed, answers = 0, []
    for child in children:
        status, answer = child._finish()
        killed += status == -signal.SIGKILL
        answers += [answer] * (status == 0)
    assert (killed, len(answers)) == (1, 3)
    assert {value for value, _, _ in answers} == {42}
    assert sorted(hit for _, hit, _ in answers) == [False, True, True]
    assert len({run_id for _, _, run_id in answers}) == 1
    assert len(Path("calls").read_text().splitlines()) == 2
    assert os.listdir("store/locks") == []


def test_a_body_that_fails_lets_the_next_one_try(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def body(number):
        descriptor = os.open("calls", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, b"%d\n" % number)
        os.close(descriptor)
        if len(Path("calls").read_text().splitlines()) < 3:
            raise OSError("not yet")
        return number

    with Tracker(run_dir="runs", db_path="index.lmdb", store="store", durable=False) as tracker:

        def work():
            try:
                return tracker.run(body, config={"number": 7}).value
            except OSError as error:
                return str(error)

        answers = Counter(in_threads([work] * 5))
    assert answers == {"not yet": 2, 7: 3}
    assert len(Path("calls").read_text().splitlines()) == 3
    assert Counter(run.status for run in tracker.find_runs()) == {"failed": 2, "completed": 1}
    tracker.store.index.close()


def test_different_signatures_do_not_wait_for_each_other(tmp_path, monkeypatch):
    """Two bodies that wait for each other end only if both are under way at once."""
    monkeypatch.chdir(tmp_path)
    meet = threading.Barrier(2)

    def wait(number, barrier):
        barrier.wait(60)
        return number

    options = ExecutionOptions(runtime_kwargs={"barrier": meet}, runtime_only=["barrier"])
    with Tracker(run_dir="runs", db_path="index.lmdb", store="store", durable=False) as tracker:
        answers = in_threads(
            [
                lambda number=number: tracker.run(wait, config={"number": number}, execution_options=options).value
                for number in (1, 2)
            ]
        )
    assert answers == [1, 2]
    tracker.store.index.close()
