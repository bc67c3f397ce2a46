"""What every test needs: a world of its own, and property tests that answer the same on every machine."""

import os

import pytest
from hypothesis import settings

pytest_plugins = ["servers"]

# No deadline: a busy machine is no failure. In CI the examples are the same on every run, so that a red build is red
# again at home; a developer's machine looks for new ones and remembers what failed.
settings.register_profile("home", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "home")


@pytest.fixture(autouse=True)
def _own_world(tmp_path_factory, monkeypatch):
    """Give each test an empty home folder and no setting of consist from outside."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    for name in [name for name in os.environ if name.startswith("CONSIST_")]:
        monkeypatch.delenv(name)
