"""What processes are called: the same from inside and outside, and gone when they are."""

import os
import signal
from pathlib import Path

import pytest

from consist.store.processes import is_alive, processes_above, this_process
from consist.testing.together import fork

listed = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="nothing here lists processes")


@listed
def test_a_child_names_its_parents():
    above = fork(processes_above).result()
    assert above == [this_process(), *processes_above()]
    assert above[0].startswith(f"{os.getpid()}:")


@listed
def test_a_process_that_ended_is_not_alive_even_before_its_parent_knows():
    reader, writer = os.pipe()

    def call():
        os.write(writer, this_process().encode())
        signal.pause()

    child = fork(call)
    name = os.read(reader, 100).decode()
    assert is_alive(name)
    os.kill(child.process, signal.SIGKILL)
    os.waitid(os.P_PID, child.process, os.WEXITED | os.WNOWAIT)
    assert not is_alive(name)
    child.wait()
    assert not is_alive(name)


@listed
def test_another_process_with_the_number_is_another():
    number, _, start = this_process().partition(":")
    assert is_alive(this_process())
    assert not is_alive(f"{number}:{int(start) + 1}")


def test_where_no_start_is_known_the_number_counts():
    assert is_alive(f"{os.getpid()}:")
    assert not is_alive(f"{fork(os.getpid).result()}:")
