"""`Digest`: the name of content. Made at the edge from text; inside there is no hex string."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from consist.errors import UsageError

SIZE = 32
"""Bytes in a digest: BLAKE3-256, the length that `b3sum` prints by default."""

_PREFIX = "blake3:"
_HEX = re.compile(r"[0-9a-f]{64}\Z")
_HEX_PREFIX = re.compile(r"[0-9a-f]{1,64}\Z")


@dataclass(frozen=True, slots=True, order=True, init=False)
class Digest:
    """A BLAKE3-256 digest of content.

    Parameters
    ----------
    raw : bytes
        Its 32 bytes.

    Raises
    ------
    UsageError
        If `raw` is not 32 bytes.

    Examples
    --------
    >>> digest = Digest.parse("blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262")
    >>> digest.short
    'af1349b9f5f9'
    >>> digest.startswith("af13")
    True
    """

    raw: bytes

    def __init__(self, raw: bytes) -> None:  # by hand: a `__post_init__` is a second call, for nine digests of a miss
        if type(raw) is not bytes or len(raw) != SIZE:
            raise UsageError(f"a digest is {SIZE} bytes, not {raw!r:.80}")
        _set_raw(self, raw)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read 64 lower-case hexadecimal digits, with or without ``blake3:`` before them.

        Parameters
        ----------
        text : str
            What was typed or read. Nothing is guessed: no upper case, no white space, no shorter form.

        Raises
        ------
        UsageError
            If it is anything else.
        """
        bare = text.removeprefix(_PREFIX)
        if not _HEX.match(bare):
            raise UsageError(
                f"not a digest: {text!r:.80}",
                hint="a digest is 64 lower-case hexadecimal digits, as b3sum prints them",
            )
        return cls(bytes.fromhex(bare))

    @property
    def hex(self) -> str:
        """The 64 lower-case hexadecimal digits, as `b3sum` prints them."""
        return self.raw.hex()

    @property
    def short(self) -> str:
        """The first 12 digits, for people; 48 bits tell a store's blobs apart."""
        return self.raw.hex()[:12]

    def startswith(self, prefix: str) -> bool:
        """Tell whether the hexadecimal form begins with `prefix` (as `parse_prefix` gives it)."""
        return self.raw.hex().startswith(prefix)

    def __str__(self) -> str:
        return self.raw.hex()

    def __repr__(self) -> str:
        return f"Digest('{self.raw.hex()}')"


_set_raw = Digest.__dict__["raw"].__set__
"""The one way to set a frozen field; `object.__setattr__` would look for it by its name each time."""


def parse_prefix(text: str) -> str:
    """Check the typed beginning of a digest and return its bare hexadecimal digits.

    Parameters
    ----------
    text : str
        1 to 64 lower-case hexadecimal digits, with or without ``blake3:`` before them.

    Raises
    ------
    UsageError
        If it is anything else.

    Examples
    --------
    >>> parse_prefix("blake3:af1")
    'af1'
    """
    bare = text.removeprefix(_PREFIX)
    if not _HEX_PREFIX.match(bare):
        raise UsageError(
            f"not the beginning of a digest: {text!r:.80}", hint="type one or more of its lower-case hexadecimal digits"
        )
    return bare
