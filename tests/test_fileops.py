import errno
import os
import subprocess
import sys

import pytest

from consist import fileops
from consist.errors import (
    AlreadyExistsError,
    BlobNotFoundError,
    StorageError,
    StorageFullError,
    StoragePermissionError,
    UnreachableError,
)
from consist.fileops import make_folders, perform, set_tap, storage_error


@pytest.fixture
def tapped():
    """Record what passes through the seam."""
    seen = []
    set_tap(lambda *event: seen.append(event))
    yield seen
    set_tap(None)


def failing(error):
    def call():
        raise error

    return call


def test_an_operation_is_done_and_its_result_returned(tmp_path):
    descriptor = perform("open", "x", os.open, tmp_path / "x", os.O_CREAT | os.O_WRONLY, mode=0o600)
    assert perform("write", "x", os.write, descriptor, b"data") == 4
    os.close(descriptor)
    assert (tmp_path / "x").read_bytes() == b"data"


def test_the_tap_sees_both_moments(tapped, tmp_path):
    perform("mkdir", str(tmp_path / "a"), os.mkdir, tmp_path / "a")
    assert tapped == [("before", "mkdir", str(tmp_path / "a")), ("after", "mkdir", str(tmp_path / "a"))]


def test_a_failed_operation_has_no_after(tapped):
    with pytest.raises(StorageError):
        perform("write", "x", failing(OSError(errno.EIO, "Input/output error")))
    assert tapped == [("before", "write", "x")]


def test_what_the_tap_raises_stops_the_operation_before_it_is_done(tmp_path):
    def stop(moment, operation, path):
        raise KeyboardInterrupt

    set_tap(stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            perform("mkdir", "a", os.mkdir, tmp_path / "a")
    finally:
        set_tap(None)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(("moment", "there"), [("before", False), ("after", True)])
def test_a_writer_can_be_killed_on_either_side_of_an_operation(moment, there, tmp_path):
    script = """
import os, signal, sys
from consist.fileops import make_folders, perform, set_tap
set_tap(lambda moment, operation, path: moment == sys.argv[1] and os.kill(os.getpid(), signal.SIGKILL))
perform("mkdir", sys.argv[2], os.mkdir, sys.argv[2])
"""
    child = subprocess.run([sys.executable, "-c", script, moment, str(tmp_path / "made")], check=False)
    assert child.returncode == -9
    assert (tmp_path / "made").exists() == there


@pytest.mark.parametrize(
    ("number", "cls"),
    [
        (errno.ENOSPC, StorageFullError),
        (errno.EDQUOT, StorageFullError),
        (errno.EACCES, StoragePermissionError),
        (errno.EPERM, StoragePermissionError),
        (errno.EROFS, StoragePermissionError),
        (errno.ETIMEDOUT, UnreachableError),
        (errno.ESTALE, UnreachableError),
        (errno.EIO, StorageError),
        (errno.ENOTDIR, StorageError),
    ],
)
def test_an_os_error_becomes_the_class_that_says_what_to_do(number, cls):
    cause = OSError(number, os.strerror(number))
    with pytest.raises(StorageError) as caught:
        perform("fsync", "/data/x", failing(cause))
    assert type(caught.value) is cls
    assert caught.value.__cause__ is cause
    assert caught.value.message == f"cannot fsync /data/x: {os.strerror(number)}"
    assert bool(caught.value.hint) == (cls is not StorageError)


@pytest.mark.parametrize(
    "error", [FileExistsError(17, "x"), FileNotFoundError(2, "x"), AlreadyExistsError("x"), BlobNotFoundError("x")]
)
def test_answers_pass_as_they_are(error):
    with pytest.raises(type(error)) as caught:
        perform("link", "x", failing(error))
    assert caught.value is error


def test_an_error_in_our_own_words_is_not_said_twice():
    error = StorageFullError("no space", hint="free some")
    with pytest.raises(StorageFullError) as caught:
        perform("write", "outer", perform, "write", "inner", failing(error))
    assert caught.value is error
    assert caught.value.__cause__ is None


def test_other_errors_pass_as_they_are():
    with pytest.raises(ZeroDivisionError):
        perform("write", "x", lambda: 1 / 0)


def test_an_error_without_words_is_named():
    assert storage_error("write", "x", OSError()).message == "cannot write x: OSError"
    assert storage_error("write", "x", OSError("odd")).message == "cannot write x: odd"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a device that is always full")  # noqa: PTH110
def test_a_full_disk_is_called_full():
    descriptor = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(StorageFullError, match="cannot write /dev/full"):
            perform("write", "/dev/full", os.write, descriptor, b"x")
    finally:
        os.close(descriptor)


def test_the_tap_is_off_unless_a_test_turns_it_on():
    assert fileops._tap is None


def test_a_folder_that_cannot_be_made_is_an_error_of_storage(tmp_path):
    for _ in range(2):
        make_folders(str(tmp_path / "a" / "b"))
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("file", "link", "file/below"):
        with pytest.raises(StorageError, match=name):
            make_folders(str(tmp_path / name))
