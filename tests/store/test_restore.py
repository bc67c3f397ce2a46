"""Restoring a file over nothing that is there, also if that appears only while it is on its way."""

import contextlib
import errno
from pathlib import Path

import pytest

from consist import fileops
from consist.errors import RefusedError
from consist.store.names import find_output
from consist.store.restore import restore


@contextlib.contextmanager
def meanwhile(step, act, *, links):
    """Let something be done before the operation of that number, and list the operations; without links, none works."""
    seen = []

    def tap(moment, operation, _path):
        if moment != "before":
            return
        seen.append(operation)
        if len(seen) - 1 == step:
            act()
        if operation == "link" and not links:
            raise OSError(errno.EPERM, "Operation not permitted")

    fileops.set_tap(tap)
    try:
        yield seen
    finally:
        fileops.set_tap(None)


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_what_somebody_makes_meanwhile_is_not_replaced(store, tmp_path, links):
    """At whatever moment; without links it was, if it came after the last look."""
    found = find_output(store, f"blobs/{store.blobs.put_bytes(b'ours').digest.hex}")
    with meanwhile(-1, bool, links=links) as operations:
        restore(store, found, str(tmp_path / "first"))
    refused = []
    for step in range(len(operations)):
        target = tmp_path / f"target{step}"
        theirs = []
        with meanwhile(step, lambda: theirs.append(made(target)), links=links):  # noqa: B023 - called at once
            try:
                restore(store, found, str(target))
            except RefusedError:
                refused.append(operations[step])
        assert target.read_bytes() == (b"theirs" if theirs == [True] else b"ours")
    assert "link" in refused
    assert not list(Path(tmp_path).glob(".consist-*"))


def made(target):
    """Make a file as a careful program does; tell whether the name was free."""
    try:
        with target.open("xb") as file:
            return file.write(b"theirs") > 0
    except FileExistsError:
        return False
