"""Of a request that hangs somebody hears while it does, and of one that is quick nobody."""

from __future__ import annotations

import os
import threading
import time

import pytest

from consist.blobs.remote import RemoteBackend
from consist.blobs.wrappers import Retrying, retrying
from consist.blobs.wrappers.base import Wrapper
from consist.blobs.wrappers.slow import UnderWay
from consist.errors import UnreachableError

MIB = 1 << 20


class Hanging(Wrapper):
    """Answers once it may."""

    def __init__(self, inner):
        super().__init__(inner)
        self.may_answer = threading.Event()
        self.fails = False

    def get(self, key):  # noqa: ARG002 - as the port has it
        self.may_answer.wait(30)
        if self.fails:
            raise UnreachableError("no answer")
        return b"content"

    def get_range(self, key, start, length):  # noqa: ARG002 - as the port has it
        return self.get(key)

    def put(self, key, data):  # noqa: ARG002 - as the port has it
        self.get(key)


@pytest.fixture
def hanging(monkeypatch):
    monkeypatch.setattr(retrying, "SAID_AFTER", 0.1)
    inner = Hanging(RemoteBackend("memory://hanging"))
    yield Retrying(inner, deadline=1.0), inner
    inner.may_answer.set()


def until(is_so):
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def begun(ask, *arguments):
    thread = threading.Thread(target=ask, args=arguments)
    thread.start()
    return thread


def said(caplog):
    return [record.getMessage() for record in caplog.records]


def test_it_is_said_while_the_first_request_hangs_and_once(hanging, caplog):
    backend, inner = hanging
    asking = begun(backend.get, "blobs/1")
    until(caplog.records.__len__)
    time.sleep(0.3)
    assert asking.is_alive()
    assert said(caplog) == [f"{backend.url} takes longer than 0.1 s to answer; it is waited for"]
    inner.may_answer.set()
    asking.join()
    inner.may_answer.clear()
    asking = begun(backend.get, "blobs/1")  # another silence
    until(lambda: len(caplog.records) == 2)
    inner.may_answer.set()
    asking.join()


def test_it_is_not_said_again_by_who_tries_again(hanging, caplog):
    backend, inner = hanging
    inner.fails = True
    threading.Timer(0.4, inner.may_answer.set).start()
    with pytest.raises(UnreachableError):
        backend.get("blobs/1")
    assert len(caplog.records) == 1


def test_what_moves_much_may_take_long(hanging, caplog):
    backend, inner = hanging
    large = bytes(4 * MIB)
    asking = [begun(backend.get_range, "packs/1", 0, len(large)), begun(backend.put, "packs/1", large)]
    time.sleep(0.4)
    inner.may_answer.set()
    for thread in asking:
        thread.join()
    assert said(caplog) == []


def test_a_place_that_answers_others_is_not_silent(monkeypatch, caplog):
    monkeypatch.setattr(retrying, "SAID_AFTER", 1.0)
    inner = Hanging(RemoteBackend("memory://hanging"))
    backend = Retrying(inner)
    asking = begun(backend.get, "blobs/1")
    end = time.monotonic() + 3 * retrying.SAID_AFTER
    while time.monotonic() < end:
        backend.stat("blobs/1")
        time.sleep(0.01)
    assert said(caplog) == []
    until(caplog.records.__len__)
    inner.may_answer.set()
    asking.join()


def watchers():
    return [thread for thread in threading.enumerate() if thread.name == "consist-waiting"]


def test_the_thread_ends_when_nothing_is_under_way_and_comes_again():
    times = []
    under_way = UnderWay(0.05, times.append)
    for _ in range(2):
        for _ in range(1000):
            under_way.begin(time.monotonic())
            under_way.end()
        assert len(watchers()) <= 1
        assert times == []
        until(lambda: not watchers())
    began = time.monotonic()
    under_way.begin(began)
    until(lambda: times)
    under_way.end()
    assert set(times) == {began}
    until(lambda: not watchers())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it forks")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_does_not_wait_for_what_its_parent_asked():
    times = []
    under_way = UnderWay(0.05, times.append)
    under_way.begin(time.monotonic())
    over = threading.Event()
    other = begun(lambda: (under_way.begin(time.monotonic()), over.wait(30), under_way.end()))
    if not (child := os.fork()):
        status = 1
        try:
            times.clear()
            began = time.monotonic()
            under_way.begin(began)
            until(lambda: times)
            status = 0 if set(times) == {began} else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    over.set()
    under_way.end()
    other.join()
