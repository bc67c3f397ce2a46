"""Modules made of text, as a user's project would hold them."""

import importlib
import itertools
import shutil
import sys
import textwrap

import pytest

from consist.identity.code import code_identity, forget_identities, fresh_code_identity

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
    for name, module in list(sys.modules.items()):
        if str(tmp_path) in str(getattr(module, "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def install(tmp_path, monkeypatch, project):
    """Return a function that installs a module in the place of an earlier version; `project` forgets it afterwards."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def install(name, version, source):
        for old in site.glob(f"{name}-*.dist-info"):
            shutil.rmtree(old)
        (site / f"{name}.py").write_text(textwrap.dedent(source))
        info = site / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
        (info / "RECORD").write_text(f"{name}.py,sha256=x,1\n")
        importlib.invalidate_caches()

    return install


@pytest.fixture
def check_change():
    """Return a function that changes something of a module in place, and checks that the memo of its `f` sees it."""

    def check(module, change):
        before = code_identity(module.f)
        assert before.digest == fresh_code_identity(module.f).digest
        assert code_identity(module.f) is before, "nothing changed, so the memo answers"
        assert not before.uncacheable

        change(module)

        after = code_identity(module.f)
        assert after.digest == fresh_code_identity(module.f).digest
        assert after.digest != before.digest

    return check
