"""Which format a value takes, and which one a record names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from consist.errors import OutputError
from consist.runs.formats import plain

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = "file"
"""The format of an output that was a `pathlib.Path`: its bytes are the file's own, its value is a path."""


class Format(NamedTuple):
    """How values of some types become bytes and come back.

    Attributes
    ----------
    name : str
        What a record calls it.
    encode : callable
        Value to bytes; raises `OutputError` for what it cannot hold.
    decode : callable
        Bytes to value; raises `DamagedError` for bytes that it did not make.
    """

    name: str
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


PLAIN = Format("plain", plain.encode, plain.decode)
BYTES = Format("bytes", bytes, bytes)

_FORMATS = {known.name: known for known in (PLAIN, BYTES)}


def format_for(value: Any) -> Format:
    """Return the format that a value is stored in."""
    return BYTES if type(value) is bytes else PLAIN


def format_named(name: str) -> Format:
    """Return the format that a record names.

    Raises
    ------
    OutputError
        If it is not known here: a newer consist, or another program's extension, wrote it.
    """
    try:
        return _FORMATS[name]
    except KeyError:
        raise OutputError(
            f"the format {name!r} is not known here", hint="upgrade consist, or read the bytes with read_bytes()"
        ) from None
