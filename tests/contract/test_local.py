"""The contract on folders, checked with pathlib: every way to open one, and a filesystem without hard links."""

import errno
import os

import pytest

from consist.blobs.local import LocalBackend
from consist.blobs.opening import open_backend
from consist.testing import BackendSuite, faults


class LocalSuite(BackendSuite):
    settings: dict = {}  # noqa: RUF012 - set once by each subclass

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path):
        self.root = tmp_path / "folder" / "store"

    def make_backend(self):
        return open_backend(self.root, **self.settings)

    def oracle_read(self, key):
        path = self.root / key
        return path.read_bytes() if path.is_file() else None

    def oracle_write(self, key, data):
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def oracle_list(self):
        return {
            str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file() or path.is_symlink()
        }


class TestFast(LocalSuite):
    settings = {"durable": False}  # noqa: RUF012


class TestDurable(LocalSuite):
    settings = {"durable": True}  # noqa: RUF012


class TestGroup(LocalSuite):
    settings = {"durable": False, "sharing": "group"}  # noqa: RUF012

    @pytest.fixture(autouse=True)
    def _tight_umask(self, _place):
        before = os.umask(0o077)
        yield
        os.umask(before)


class TestWithoutLinks(LocalSuite):
    """Hard links refused with what FAT and SMB answer; the lock and a rename take their place."""

    settings = {"durable": False}  # noqa: RUF012

    @pytest.fixture(autouse=True, params=[errno.EPERM, errno.EOPNOTSUPP])
    def _no_links(self, request, _place):
        with faults.failing(request.param, name="link"):
            yield


def test_the_settings_do_what_they_say(tmp_path):
    assert isinstance(open_backend(tmp_path), LocalBackend)
