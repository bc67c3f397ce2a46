"""`ReadOnly`: a backend that does not write, whatever its credentials may do. For stores that others own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from consist.blobs.backend import Capabilities
from consist.blobs.wrappers.base import Wrapper
from consist.errors import StoragePermissionError

if TYPE_CHECKING:
    from collections.abc import Sequence


class ReadOnly(Wrapper):
    """A backend for reading only.

    Examples
    --------
    >>> from consist.blobs.opening import open_backend
    >>> backend = ReadOnly(open_backend("memory://docs-read-only"))
    >>> backend.put("blobs/ab/cd", b"x")
    Traceback (most recent call last):
        ...
    consist.errors.StoragePermissionError: cannot put blobs/ab/cd: memory://docs-read-only was opened for reading only
    """

    @property
    def capabilities(self) -> Capabilities:
        """What the place can do, but for writing; nothing is tried for it."""
        return Capabilities(create=False, replace=False, files=self.inner.capabilities.files)

    def put(self, key: str, data: bytes) -> None:  # noqa: ARG002 - the port's signature
        """Refuse."""
        self._refuse("put", key)

    def put_many(self, items: Sequence[tuple[str, bytes]]) -> None:
        """Refuse, if there is anything to write."""
        for key, _ in items:
            self._refuse("put", key)

    def upload(self) -> NoReturn:
        """Refuse at the start, before anything large is on its way."""
        self._refuse("put", "an object")

    def create(self, key: str, data: bytes) -> None:  # noqa: ARG002 - the port's signature
        """Refuse."""
        self._refuse("create", key)

    def replace(self, key: str, data: bytes, *, if_match: str) -> None:  # noqa: ARG002 - the port's signature
        """Refuse."""
        self._refuse("replace", key)

    def delete(self, key: str, *, if_match: str | None = None) -> None:  # noqa: ARG002 - the port's signature
        """Refuse."""
        self._refuse("delete", key)

    def sweep(self, older_than: float) -> int:  # noqa: ARG002 - the port's signature
        """Leave everything where it is."""
        return 0

    def _refuse(self, operation: str, key: str) -> NoReturn:
        raise StoragePermissionError(f"cannot {operation} {key}: {self.url} was opened for reading only")
