"""Modules made of text, as a user's project would hold them."""

import importlib
import itertools
import sys
import textwrap

import pytest

from consist.identity.code import forget_identities

_count = itertools.count()


@pytest.fixture(autouse=True)
def _no_memory():
    forget_identities()
    yield
    forget_identities()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a function that writes modules into a folder of their own and imports the last one."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)

    def make(**sources):
        folder = tmp_path / f"project{next(_count)}"
        folder.mkdir()
        monkeypatch.syspath_prepend(str(folder))
        for name, source in sources.items():
            (folder / f"{name}.py").write_text(textwrap.dedent(source))
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        return importlib.import_module(list(sources)[-1])

    yield make
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
