"""A tracker in a folder of its own, with the index closed at the end so that no test keeps another's file open."""

from __future__ import annotations

import pytest

from consist import Tracker


@pytest.fixture
def tracker(tmp_path):
    made = Tracker(run_dir=tmp_path / "runs", db_path=tmp_path / "index.lmdb", durable=False)
    yield made
    made.close()
