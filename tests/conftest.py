"""What every test needs: a world of its own, and property tests that answer the same on every machine."""

import gc
import os
import signal
import sys

import pytest
from hypothesis import settings

pytest_plugins = ["servers"]

# No deadline: a busy machine is no failure. In CI the examples are the same on every run, so that a red build is red
# again at home; a developer's machine looks for new ones and remembers what failed.
settings.register_profile("home", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "home")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background: commands would pass over Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers():
    """Run one worker more than there are cores (`-n auto`): of a test's time, nearly half is waiting."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Begin with what forks thousands of times, while the process is small: a fork takes as long as it is large.

    The longest tests are among them, so that at the end no worker is left alone with one.
    """
    items.sort(key=lambda item: item.path.parent.name != "crash" and item.path.name != "test_code_corpus.py")


@pytest.fixture(scope="module", autouse=True)
def _own_garbage():
    """Let what a module's tests forgot to close be said in that module: else a long test elsewhere is blamed for it."""
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def _own_world(tmp_path_factory, monkeypatch):
    """Give each test an empty home folder and no setting of consist from outside."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    for name in [name for name in os.environ if name.startswith("CONSIST_")]:
        monkeypatch.delenv(name)
    yield
    # An index stays mapped until its process ends. The indexes of thousands of tests came to 43 GB of address space
    # in one worker, and each fork had to copy the tables of its pages.
    if environment := sys.modules.get("consist.index.environment"):
        environment._close_all()
