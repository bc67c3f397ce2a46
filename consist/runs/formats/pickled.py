"""Pickles: only for a tracker that was made with ``allow_pickle=True``, to write one as well as to read one.

To read a pickle is to run a program. Whoever can write to a store could put one there, so nothing is read as a pickle
by accident: the record says that it is one, and the tracker must say that it may be.
"""

from __future__ import annotations

import pickle
from typing import Any

from consist.arguments import an
from consist.errors import DamagedError, OutputError
from consist.runs.formats.plain import BEYOND, HINT

_PROTOCOL = 5
"""Fixed, so that the same value is the same bytes with every Python that we support."""


def encode(value: Any) -> bytes:
    """Pickle a value.

    Raises
    ------
    OutputError
        If it cannot be pickled.

    Examples
    --------
    >>> decode(encode(bytearray(b"x")))
    bytearray(b'x')
    """
    try:
        return pickle.dumps(value, _PROTOCOL)
    except (pickle.PicklingError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise OutputError(f"{an(type(value).__qualname__)} cannot be pickled: {error}") from error


def refused_too(first: OutputError, pickles: OutputError) -> OutputError:
    """Say of a value that no format can hold that it cannot be pickled either: to allow that is no way out."""
    return OutputError(f"{first.message}, and {pickles.message}", hint=HINT if first.hint == BEYOND else first.hint)


def decode(data: bytes) -> Any:
    """Read a pickle, which may run anything.

    Raises
    ------
    OutputError
        If what it is made of is not here.
    DamagedError
        If it is no pickle.
    """
    try:
        return pickle.loads(data)  # noqa: S301 - the tracker was made with allow_pickle=True
    except (ImportError, AttributeError) as error:
        raise OutputError(f"a pickle cannot be read: {error}", hint="what it is made of must be importable") from error
    except (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError) as error:
        raise DamagedError(f"not a pickle that can be read: {error}") from error
