"""The third of `BackendSuite` that is about control objects: created once, replaced and removed by version only."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from consist.errors import AlreadyExistsError, ChangedError, UnsupportedError
from consist.testing.backend_races import BackendRaces

if TYPE_CHECKING:
    from consist.blobs.backend import Backend

CONTROL = "results/12/3456"


class BackendControl(BackendRaces):
    """What a place promises of objects whose names do not say what they hold; see ``backend_suite.py``."""

    def test_create_takes_a_free_key_once(self, backend: Backend) -> None:
        """The first wins; the second is told, changes nothing and leaves nothing."""
        made = {f"results/12/{size}": os.urandom(size) for size in (0, 1, 4096)}
        for key, data in made.items():
            backend.create(key, data)
            assert self.oracle_read(key) == data
            with pytest.raises(AlreadyExistsError) as raised:
                backend.create(key, b"second")
            assert key in str(raised.value)
            assert self.oracle_read(key) == data
        assert self.stored() == set(made)

    def test_create_sees_what_others_wrote(self, backend: Backend) -> None:
        """A key is taken whoever took it, also with the same bytes."""
        self.oracle_write(CONTROL, b"same")
        with pytest.raises(AlreadyExistsError):
            backend.create(CONTROL, b"same")

    def test_create_after_delete(self, backend: Backend) -> None:
        """A deleted key is free again."""
        backend.create(CONTROL, b"first")
        backend.delete(CONTROL)
        backend.create(CONTROL, b"second")
        assert self.oracle_read(CONTROL) == b"second"

    def test_replace_takes_the_version_it_was_given(self, backend: Backend) -> None:
        """Only the current version can be replaced; afterwards it is the old one."""
        self.needs_replace(backend)
        backend.create(CONTROL, b"one")
        first = backend.get_versioned(CONTROL)
        assert first.data == b"one"
        backend.replace(CONTROL, b"two", if_match=first.version)
        assert self.oracle_read(CONTROL) == b"two"
        second = backend.get_versioned(CONTROL)
        assert second.version != first.version
        with pytest.raises(ChangedError) as raised:
            backend.replace(CONTROL, b"three", if_match=first.version)
        assert CONTROL in str(raised.value)
        assert self.oracle_read(CONTROL) == b"two"
        backend.replace(CONTROL, b"three", if_match=second.version)
        assert self.oracle_read(CONTROL) == b"three"
        assert self.stored() == {CONTROL}

    def test_replace_of_nothing_creates_nothing(self, backend: Backend) -> None:
        """A key that is free, or free again, holds no version."""
        self.needs_replace(backend)
        with pytest.raises(ChangedError):
            backend.replace(CONTROL, b"new", if_match="0" * 64)
        backend.create(CONTROL, b"one")
        version = backend.get_versioned(CONTROL).version
        backend.delete(CONTROL)
        with pytest.raises(ChangedError):
            backend.replace(CONTROL, b"new", if_match=version)
        assert self.stored() == set()

    def test_delete_of_a_version(self, backend: Backend) -> None:
        """A conditional delete removes that version or nothing."""
        self.needs_replace(backend)
        backend.create(CONTROL, b"one")
        old = backend.get_versioned(CONTROL).version
        backend.replace(CONTROL, b"two", if_match=old)
        with pytest.raises(ChangedError):
            backend.delete(CONTROL, if_match=old)
        assert self.oracle_read(CONTROL) == b"two"
        backend.delete(CONTROL, if_match=backend.get_versioned(CONTROL).version)
        assert self.oracle_read(CONTROL) is None
        with pytest.raises(ChangedError):
            backend.delete(CONTROL, if_match=old)

    def test_without_compare_and_swap_it_is_refused(self, backend: Backend) -> None:
        """What a place cannot do is refused, not faked."""
        if backend.capabilities.replace:
            pytest.skip("the backend has compare-and-swap")
        backend.create(CONTROL, b"one")
        version = backend.get_versioned(CONTROL).version
        with pytest.raises(UnsupportedError):
            backend.replace(CONTROL, b"two", if_match=version)
        with pytest.raises(UnsupportedError):
            backend.delete(CONTROL, if_match=version)
        assert self.oracle_read(CONTROL) == b"one"
