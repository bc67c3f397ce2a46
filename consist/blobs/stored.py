"""What a put answers, and the second try of a put that can be read twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consist.errors import ChangedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from consist.hashing.digest import Digest


class Stored(NamedTuple):
    """What was put."""

    digest: Digest
    """What `b3sum` prints."""
    size: int
    """Bytes of content."""
    chunks: Digest | None = None
    """Of a large blob, the digest of its chunk list (`Manifest.chunk_list`)."""


def put_again(put: Callable[[], Stored]) -> Stored:
    """Put what can be read twice; once more, if others removed meanwhile what it was to share."""
    try:
        return put()
    except ChangedError:
        return put()
