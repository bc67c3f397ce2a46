"""fsspec's own tests of a filesystem: those that read, as they are; those that write are tests of refusal instead.

The fixtures of fsspec fill the filesystem by writing to it. Here a folder is filled the same way, and kept as the
output of a step. `AbstractCopyTests`, `AbstractPutTests`, `AbstractPipeTests` and `AbstractOpenTests` are all about
writing: ``test_refused.py`` has their calls.
"""

from __future__ import annotations

import shutil

import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.tests.abstract import AbstractFixtures, AbstractGetTests

from consist.fs import ConsistFileSystem


class Prepared(ConsistFileSystem):
    """A filesystem in which the one test that makes its own files finds them there."""

    def mkdir(self, path):
        assert self.isdir(path)

    def touch(self, path):
        assert self.isfile(path)


class TestGet(AbstractGetTests, AbstractFixtures):
    @pytest.fixture
    def fs(self, tracker):  # noqa: ARG002 - it says where the store is
        return Prepared()

    @pytest.fixture
    def keep_scenario(self, keep, home):
        """Give what keeps a folder that one of fsspec's scenarios fills."""

        def keep_scenario(scenario):
            source = scenario(LocalFileSystem(auto_mkdir=True), lambda *parts: "/".join(parts), str(home))
            run_id = keep(home / "source", key="source")
            shutil.rmtree(source)
            return f"runs/{run_id}/source"

        return keep_scenario

    @pytest.fixture
    def fs_bulk_operations_scenario_0(self, keep_scenario):
        return keep_scenario(self._bulk_operations_scenario_0)

    @pytest.fixture
    def fs_glob_edge_cases_files(self, keep_scenario):
        return keep_scenario(self._glob_edge_cases_files)

    @pytest.fixture
    def fs_dir_and_file_with_same_name_prefix(self, keep_scenario):
        return keep_scenario(self._dir_and_file_with_same_name_prefix)

    @pytest.fixture
    def fs_10_files_with_hashed_names(self, keep_scenario):
        return keep_scenario(self._10_files_with_hashed_names)

    @pytest.fixture
    def fs_path(self, keep_folder):
        def fill(folder):
            (folder / "src").mkdir()
            (folder / "src" / "file").touch()

        return f"runs/{keep_folder(fill)}/out"
