"""What a listing gave before it broke off, so that the next attempt gives nothing twice and leaves nothing out."""

from __future__ import annotations

from consist.errors import StorageError


class Unordered:
    """The keys that a listing gave: all of them, where the next attempt may list them in any order. 160 bytes each."""

    def __init__(self) -> None:
        self._keys: set[str] = set()

    def begin_again(self) -> None:
        """Do nothing: what was given was given."""

    def has(self, key: str) -> bool:
        """Tell whether a key was given; from now on it was."""
        if key in self._keys:
            return True
        self._keys.add(key)
        return False


class Ordered:
    """The keys that a listing in order gave: those up to the last."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._last = ""
        self._seen = ""
        self._is_in_order = True

    def begin_again(self) -> None:
        """Pass over what was given."""
        self._last, self._seen = max(self._last, self._seen), ""

    def has(self, key: str) -> bool:
        """Tell whether a key was given; from now on it was.

        A key that has no place in the order is no harm, until something is to be passed over.
        """
        self._is_in_order = self._is_in_order and key > self._seen
        self._seen = key
        if self._last and not self._is_in_order:
            raise StorageError(
                f"a listing of {self._url} broke off, and was in no order: it is not known what is left of it",
                hint="call again",
            )
        return key <= self._last
